"""What becomes of pictures that travel: cut, pasted, covered, recoloured, saved badly."""

from __future__ import annotations

import io
import string
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps
from PIL.Image import Image as PilImage

_LEAST = 40  # pixels of a side that is left


def crop(picture: PilImage, rng: np.random.Generator) -> PilImage:
    """30 to 60 % of the area, anywhere."""
    area, ratio = rng.uniform(0.3, 0.6), np.exp(rng.uniform(-0.35, 0.35))
    width = min(1.0, float(np.sqrt(area * ratio))) * picture.width
    height = min(1.0, float(np.sqrt(area / ratio))) * picture.height
    left, top = rng.uniform(0, picture.width - width), rng.uniform(0, picture.height - height)
    return picture.crop((round(left), round(top), round(left + width), round(top + height)))


def zoom(picture: PilImage, rng: np.random.Generator) -> PilImage:
    """The middle, enlarged to the size of the whole."""
    kept = rng.uniform(0.55, 0.85)
    width, height = picture.width * kept, picture.height * kept
    left, top = (picture.width - width) / 2, (picture.height - height) / 2
    box = (left, top, left + width, top + height)
    return picture.resize(picture.size, Image.Resampling.BICUBIC, box)


def paste(picture: PilImage, ground: PilImage, rng: np.random.Generator) -> PilImage:
    """On another picture, of which it covers 25 to 50 %."""
    ground = ImageOps.fit(ground, picture.size)
    share = float(np.sqrt(rng.uniform(0.25, 0.5)))
    size = max(1, round(picture.width * share)), max(1, round(picture.height * share))
    left = int(rng.integers(0, picture.width - size[0] + 1))
    top = int(rng.integers(0, picture.height - size[1] + 1))
    ground.paste(picture.resize(size, Image.Resampling.BICUBIC), (left, top))
    return ground


def write(picture: PilImage, rng: np.random.Generator) -> PilImage:
    """Lines of text over it, and stickers: discs and boxes."""
    picture = picture.copy()
    draw = ImageDraw.Draw(picture)
    for _ in range(int(rng.integers(1, 4))):
        letters = rng.choice(list(string.ascii_letters + "   !?"), int(rng.integers(4, 20)))
        font = ImageFont.load_default(float(rng.uniform(0.06, 0.2) * picture.height))
        place = tuple(rng.uniform(-0.05, 0.7, 2) * picture.size)
        draw.text(place, "".join(letters), fill=_colour(rng), font=font)
    for _ in range(int(rng.integers(0, 4))):
        corner = rng.uniform(-0.05, 0.8, 2) * picture.size
        _stick(draw, corner, float(rng.uniform(0.08, 0.42)) * min(picture.size), rng)
    return picture


def _stick(
    draw: ImageDraw.ImageDraw, place: NDArray[np.float64], size: float, rng: np.random.Generator
) -> None:
    """A disc or a box, at times with a face, or a scribble."""
    if rng.random() < 0.3:
        points = (
            place + np.cumsum(rng.normal(0, 0.25, (int(rng.integers(4, 12)), 2)), axis=0) * size
        )
        width = max(1, round(size * float(rng.uniform(0.05, 0.15))))
        draw.line([tuple(point) for point in points.tolist()], fill=_colour(rng), width=width)
        return
    shape = draw.ellipse if rng.random() < 0.6 else draw.rectangle
    shape([*place, *(place + size)], fill=_colour(rng))
    if rng.random() < 0.6:
        ink = _colour(rng)
        for x in (0.3, 0.7):
            eye = place + size * np.array([x, 0.35])
            radius = size * float(rng.uniform(0.05, 0.15))
            draw.ellipse([*(eye - radius), *(eye + radius)], fill=ink)
        low, high = place + size * np.array([0.25, 0.45]), place + size * np.array([0.75, 0.85])
        draw.chord([*low, *high], 0, 180, fill=ink)


def turn(picture: PilImage, rng: np.random.Generator) -> PilImage:
    """By up to 30° either way."""
    fill = _colour(rng)
    expand = bool(rng.random() < 0.5)
    angle = float(rng.uniform(-30, 30))
    return picture.rotate(angle, Image.Resampling.BICUBIC, expand, fillcolor=fill)


def flip(picture: PilImage, _: np.random.Generator) -> PilImage:
    """Left and right exchanged."""
    return ImageOps.mirror(picture)


def recolour(picture: PilImage, rng: np.random.Generator) -> PilImage:
    """Brightness, contrast and saturation, and at times all hues turned, or none left."""
    for enhancer in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        picture = enhancer(picture).enhance(float(np.exp(rng.uniform(-0.6, 0.6))))
    way = rng.random()
    if way < 0.25:
        return ImageOps.grayscale(picture).convert("RGB")
    if way < 0.5:
        hue, *rest = picture.convert("HSV").split()
        step = int(rng.integers(0, 256))
        turned = hue.point(lambda value: (value + step) % 256)
        return Image.merge("HSV", (turned, *rest)).convert("RGB")
    return picture


def blur(picture: PilImage, rng: np.random.Generator) -> PilImage:
    """By up to a hundredth of its size."""
    radius = rng.uniform(0.004, 0.012) * max(picture.size)
    return picture.filter(ImageFilter.GaussianBlur(float(radius)))


def save_badly(picture: PilImage, rng: np.random.Generator) -> PilImage:
    """As a small JPEG of quality 20."""
    scale = rng.uniform(0.5, 1.0)
    size = [max(_LEAST, round(side * scale)) for side in picture.size]
    buffer = io.BytesIO()
    picture.resize(size).save(buffer, "JPEG", quality=int(rng.integers(15, 30)))
    return Image.open(buffer).convert("RGB")


def frame(picture: PilImage, rng: np.random.Generator) -> PilImage:
    """As in a screenshot: bars above and below, margins, lines of grey."""
    dark = bool(rng.random() < 0.5)
    ground = (24, 26, 30) if dark else (250, 250, 252)
    ink = (200, 203, 208) if dark else (70, 74, 80)
    left, top, right, bottom = rng.uniform([0, 0.08, 0, 0.05], [0.5, 0.6, 0.5, 0.6])
    width = round(picture.width * (1 + left + right))
    height = round(picture.height * (1 + top + bottom))
    page = Image.new("RGB", (width, height), ground)
    place = round(picture.width * left), round(picture.height * top)
    draw = ImageDraw.Draw(page)
    for y in (place[1] / 2, place[1] + picture.height + picture.height * bottom / 3):
        end = rng.uniform(0.3, 0.8) * width
        draw.rectangle([0.05 * width, y, end, y + 0.02 * height], fill=ink)
    page.paste(picture, place)
    return page


MANIPULATIONS: dict[str, Callable[[PilImage, np.random.Generator], PilImage]] = {
    "crop": crop,
    "zoom": zoom,
    "write": write,
    "turn": turn,
    "flip": flip,
    "recolour": recolour,
    "blur": blur,
    "save badly": save_badly,
    "frame": frame,
}
"""By name; ``paste``, which needs another picture, beside them."""


def manipulate(
    picture: PilImage, grounds: Sequence[PilImage], rng: np.random.Generator, count: int
) -> PilImage:
    """Several different manipulations, one after the other.

    Args:
        picture: RGB.
        grounds: pictures on which it may be pasted.
        rng: decides.
        count: of manipulations.
    """
    names = ["paste", *MANIPULATIONS]
    for name in rng.choice(names, count, replace=False):
        if name == "paste":
            picture = paste(picture, grounds[int(rng.integers(len(grounds)))], rng)
        else:
            picture = MANIPULATIONS[name](picture, rng)
        if min(picture.size) < _LEAST:
            picture = ImageOps.contain(picture, (4 * _LEAST, 4 * _LEAST))
    return picture


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = rng.integers(0, 256, 3).tolist()
    return red, green, blue
