"""What games draw over their scenes: panels, bars, slots and texts, which are no objects."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from shapesim.types import Raster

_LETTERS = list("abcdefghijklmnopqrstuvwxyz ABCDEFGHIJ 0123456789 +:/%")


def add_display(picture: Raster, rng: np.random.Generator) -> tuple[Raster, NDArray[np.float32]]:
    """A picture with a display over it, mostly along its sides.

    Args:
        picture: (H, W, 3).
        rng: decides.

    Returns:
        (H, W, 3), and (H, W) float32 how opaque the display is there, 0 to 1.
    """
    height, width = picture.shape[:2]
    layer = Image.new("RGBA", (width, height))
    draw = ImageDraw.Draw(layer)
    ink, ground = rng.integers(0, 256, 3), rng.integers(0, 256, 3)
    for _ in range(int(rng.integers(1, 6))):
        share = (1.0, rng.uniform(0.05, 0.14)) if rng.random() < 0.2 else rng.uniform(0.06, 0.32, 2)
        wide, tall = max(8, round(share[0] * width)), max(8, round(share[1] * height))
        inset = int(rng.integers(0, max(2, width // 40)))
        # In a corner or at the middle of a side.
        x = int(rng.choice([inset, (width - wide) // 2, width - wide - inset]))
        rows = [inset, height - tall - inset]
        if x != (width - wide) // 2:
            rows.append((height - tall) // 2)
        y = int(rng.choice(rows))
        box = (x, y, x + wide, y + tall)
        fill = (*ground.tolist(), int(rng.integers(110, 256)))
        line = (*ink.tolist(), 255)
        if rng.random() < 0.8:
            draw.rounded_rectangle(
                box, int(rng.choice([0, 0, 4, 12])), fill, line if inset else None
            )
        _fill(draw, box, line, rng)
    opacity = (np.asarray(layer)[..., 3] / 255).astype(np.float32)
    shown = Image.alpha_composite(Image.fromarray(picture).convert("RGBA"), layer)
    return np.asarray(shown.convert("RGB")), opacity


def _fill(
    draw: ImageDraw.ImageDraw,
    box: tuple[int, int, int, int],
    ink: tuple[int, ...],
    rng: np.random.Generator,
) -> None:
    """Texts, slots, or bars that are not full."""
    left, top, right, bottom = box
    kind = rng.choice(["text", "slots", "bars", "disc"], p=[0.4, 0.3, 0.2, 0.1])
    step = int(rng.integers(10, max(12, min(40, bottom - top))))
    if kind == "disc":
        side = min(right - left, bottom - top)
        draw.ellipse((left, top, left + side, top + side), ink)
    elif kind == "slots":
        for x in range(left + 4, right - step, step + 4):
            draw.rectangle((x, top + 4, x + step, top + 4 + step), _colour(rng), ink)
            if rng.random() < 0.5:
                draw.ellipse((x + 3, top + 7, x + step - 3, top + 1 + step), _colour(rng))
    elif kind == "bars":
        for y in range(top + 4, bottom - 6, step):
            draw.rectangle((left + 4, y, right - 4, y + step // 2), None, ink)
            end = left + 4 + int(rng.uniform(0.1, 1) * max(0, right - left - 8))
            draw.rectangle((left + 4, y, end, y + step // 2), _colour(rng))
    else:
        font = ImageFont.load_default(max(8, step * 0.7))
        for y in range(top + 2, bottom - step + 1, step):
            count = int(rng.integers(2, 3 + 2 * (right - left) // step))
            draw.text((left + 4, y), "".join(rng.choice(_LETTERS, count)), ink, font)


def _colour(rng: np.random.Generator) -> tuple[int, ...]:
    return (*rng.integers(0, 256, 3).tolist(), 255)
