"""Scenes as the object finder is shown them: whole or in part, blurred, behind a display."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shapesim.objects.finder import SIDE
from shapesim.types import Raster
from training.detection import LEAST_SEEN
from training.displays import add_display
from training.scenes import USUAL

_PARTS = 3  # of a large scene, that are looked at
_PART_SIDES = (0.42, 0.7)  # of the scene's side
_DISPLAYS = 0.3  # share of scenes that a game's display lies over
_COVERED, _GONE = 0.15, 0.8  # of an object, by a display: it is seen in part, or not at all
_HARDLY = 0.1  # what is seen in part, and whose box may end elsewhere, counts as seen so little


def shots_of(
    picture: Raster,
    boxes: NDArray[np.int64],
    visible: NDArray[np.float64],
    rng: np.random.Generator,
) -> list[tuple[Raster, NDArray[np.int64], NDArray[np.float64]]]:
    """A scene and at times a part, or of a large one several, at times behind a display.

    Args:
        picture: (S, S, 3).
        boxes: (N, 4) x, y, width and height in its pixels; 0 where nothing is seen.
        visible: (N,) share of each object that is seen, 0 to 1.
        rng: decides.

    Returns:
        The like for each shot, its boxes in its own pixels.
    """
    if rng.random() < _DISPLAYS:
        picture, opacity = add_display(picture, rng)
        hidden = np.array(
            [opacity[y : y + h, x : x + w].mean() if w else 1.0 for x, y, w, h in boxes.tolist()]
        )
        visible = np.where(hidden > _COVERED, np.minimum(visible, _HARDLY), visible)
        boxes = np.where(hidden[:, None] > _GONE, 0, boxes)
    if len(picture) <= USUAL:
        shots, parts = [_cut(picture, boxes, visible, rng)], int(rng.integers(2))
    else:
        shots, parts = [(picture, boxes, visible)], _PARTS
    seen = np.flatnonzero(visible >= LEAST_SEEN)
    for _ in range(parts if len(seen) else 0):
        size = round(float(rng.uniform(*_PART_SIDES)) * len(picture))
        # Around an object: most of a large scene is empty.
        x, y, width, height = boxes[rng.choice(seen)].tolist()
        corner = np.array([x + width // 2, y + height // 2]) - rng.integers(0, size, 2)
        shots.append(_part_of(picture, boxes, visible, corner.clip(0, len(picture) - size), size))
    return shots


def _part_of(
    picture: Raster,
    boxes: NDArray[np.int64],
    visible: NDArray[np.float64],
    corner: NDArray[np.int64],
    size: int,
) -> tuple[Raster, NDArray[np.int64], NDArray[np.float64]]:
    """A square of a scene from a (2,) corner on."""
    left, top = corner.tolist()
    low = (boxes[:, :2] - corner).clip(0, size)
    high = (boxes[:, :2] + boxes[:, 2:] - corner).clip(0, size)
    sides = (high - low) * (high > low).all(axis=1, keepdims=True)
    # A thing that is cut is still one, and none of its pieces is: the finder leaves out what ends
    # where a part does.
    left_of_it = sides.prod(axis=1) / np.maximum(boxes[:, 2:].prod(axis=1), 1)
    part = picture[top : top + size, left : left + size]
    return part, np.hstack([low, sides]), visible * left_of_it


def _cut(
    picture: Raster,
    boxes: NDArray[np.int64],
    visible: NDArray[np.float64],
    rng: np.random.Generator,
) -> tuple[Raster, NDArray[np.int64], NDArray[np.float64]]:
    """At times a band of a scene only, as wide as screens are, and at times blurred."""
    if rng.random() < 0.4:
        size = int(rng.integers(288, 480))
        top = int(rng.integers(0, len(picture) - size + 1))
        picture = picture[top : top + size]
        low = (boxes[:, 1] - top).clip(0, size)
        high = (boxes[:, 1] + boxes[:, 3] - top).clip(0, size)
        visible = visible * (high - low) / np.maximum(boxes[:, 3], 1)
        boxes = np.stack([boxes[:, 0], low, boxes[:, 2] * (high > low), high - low], axis=1)
    if rng.random() < 0.4:
        shown = Image.fromarray(picture)
        share = rng.uniform(0.5, 0.9)
        small = shown.resize([max(32, round(side * share)) for side in shown.size])
        picture = np.asarray(small.resize(shown.size, Image.Resampling.BICUBIC))
    return picture, boxes, visible


def to_side(
    picture: NDArray[np.uint8], boxes: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """A picture as wide as the network sees it."""
    scale = SIDE / picture.shape[1]
    height = round(len(picture) * scale / 32) * 32
    resized = Image.fromarray(picture).resize((SIDE, height), Image.Resampling.BICUBIC)
    factors = np.tile([scale, height / len(picture)], 2)
    return np.asarray(resized), np.round(boxes * factors).astype(np.int64)
