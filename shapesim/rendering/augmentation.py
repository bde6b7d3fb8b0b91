"""Pictures as they come from elsewhere: for training, and to measure a search by."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

from shapesim.rendering.views import Light, render
from shapesim.types import Mesh, Raster


def new_picture(
    mesh: Mesh, rng: np.random.Generator, size: int = 224, kept: float = 0.8
) -> tuple[Raster, NDArray[np.uint8]]:
    """A picture of a mesh as a stranger might have taken it.

    A view from anywhere around and from a little below to high above, other light, another
    background, cut at the sides, and saved as JPEG.

    Args:
        mesh: y up.
        rng: decides.
        size: S.
        kept: share of the whole picture that the cut leaves.

    Returns:
        (S, S, 3) uint8 sRGB, and (S, S) uint8 how much of each pixel is the mesh.
    """
    camera = float(rng.uniform(0, 360)), float(rng.uniform(-10, 60))
    large = round(size / kept**0.5)
    picture = Image.fromarray(render(mesh, [camera], large, light=lamp(rng))[0])
    ground = Image.fromarray(background(large, rng))
    ground.paste(picture, mask=picture.getchannel("A"))
    left, top = (int(start) for start in rng.integers(0, large - size + 1, 2))
    box = (left, top, left + size, top + size)
    shot = as_jpeg(ground.crop(box), int(rng.integers(30, 91)))
    return shot, np.asarray(picture.getchannel("A").crop(box))


def lamp(rng: np.random.Generator) -> Light:
    """A lamp anywhere before the asset, warm to cold, in a room bright to dim."""

    def colour(low: float, high: float) -> tuple[float, float, float]:
        warmth = rng.uniform(-0.15, 0.15)
        bright = rng.uniform(low, high)
        return bright * (1 + warmth), bright, bright * (1 - warmth)

    x, y, z = rng.normal(size=3)
    return Light(
        direction=(x, abs(y) + 0.2, abs(z) + 0.2),
        key=colour(0.35, 0.9),
        sky=colour(0.35, 0.65),
        ground=colour(0.15, 0.45),
    )


def background(size: int, rng: np.random.Generator) -> Raster:
    """(S, S, 3) a plain colour, a gradient, or blurred or coarse patches."""
    cells = rng.choice([1, 2, 6, 24], p=[0.3, 0.4, 0.2, 0.1])
    patches = rng.integers(0, 256, (cells, cells, 3))
    if rng.random() < 0.7:  # most things stand before something dull
        patches = patches.mean(axis=(0, 1)) + (patches - patches.mean(axis=(0, 1))) * 0.3
    resample = Image.Resampling.BICUBIC if rng.random() < 0.8 else Image.Resampling.NEAREST
    small = Image.fromarray(patches.astype(np.uint8))
    return np.asarray(small.resize((size, size), resample))


def as_jpeg(picture: Image.Image, quality: int) -> Raster:
    """A picture after it was saved so badly."""
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def augment(picture: Raster, rng: np.random.Generator, size: int) -> Raster:
    """A picture cut, mirrored, recoloured and blurred at random, (S, S, 3)."""
    image = Image.fromarray(picture)
    area, ratio = rng.uniform(0.4, 1.0), np.exp(rng.uniform(-0.3, 0.3))
    width = min(1.0, float(np.sqrt(area * ratio))) * image.width
    height = min(1.0, float(np.sqrt(area / ratio))) * image.height
    left, top = rng.uniform(0, image.width - width), rng.uniform(0, image.height - height)
    box = (left, top, left + width, top + height)
    image = image.resize((size, size), Image.Resampling.BICUBIC, box)
    if rng.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for enhancer in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = enhancer(image).enhance(float(rng.uniform(0.7, 1.3)))
    if rng.random() < 0.1:
        image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.5, 1.5))))
    return np.asarray(image)
