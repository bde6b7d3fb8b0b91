"""A picture of how losses fell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

_WIDTH, _HEIGHT, _EDGE = 960, 540, 60
_COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b")


def draw_curves(curves: Mapping[str, Sequence[float]], every: int, path: Path) -> None:
    """Writes a PNG of one line for each curve, all from 0 to the largest value.

    Args:
        curves: by name, values of equal number.
        every: steps from one value to the next.
        path: of the picture.
    """
    picture = Image.new("RGB", (_WIDTH, _HEIGHT), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(16)
    count = max(len(values) for values in curves.values())
    top = max((max(values) for values in curves.values() if values), default=0) or 1.0
    right, bottom = _WIDTH - _EDGE, _HEIGHT - _EDGE
    for part in range(5):
        y = bottom - part / 4 * (bottom - _EDGE)
        draw.line([(_EDGE, y), (right, y)], "#dddddd")
        draw.text((_EDGE - 8, y), f"{top * part / 4:.2f}", "black", font, "rm")
        x = _EDGE + part / 4 * (right - _EDGE)
        draw.text((x, bottom + 8), f"{round(count * every * part / 4)}", "black", font, "mt")
    draw.text(((_EDGE + right) / 2, _HEIGHT - 16), "steps", "black", font, "mm")
    for row, (name, values) in enumerate(curves.items()):
        colour = _COLOURS[row % len(_COLOURS)]
        points = [
            (_EDGE + (at + 1) / count * (right - _EDGE), bottom - value / top * (bottom - _EDGE))
            for at, value in enumerate(values)
        ]
        draw.line(points, colour, 3, "curve")
        place = (right - 150, _EDGE + 22 * row)
        draw.text(place, f"{name} {values[-1]:.3f}" if values else name, colour, font, "lm")
    picture.save(path)
