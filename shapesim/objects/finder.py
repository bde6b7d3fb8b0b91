"""Finds the objects in a picture of many, and tells what each looks like."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from shapesim.embedders import LookEmbedder, lite0
from shapesim.embedders.base import normalised, read_weights, weights_file
from shapesim.embedders.look import project
from shapesim.errors import ShapesimError
from shapesim.objects.boxes import (
    CELL,
    Found,
    boxes_of,
    clear_of_cuts,
    part_corners,
    with_small_ones,
)
from shapesim.pictures.images import load_image, square_part
from shapesim.rendering.views import on_background
from shapesim.types import Box, Embeddings, Raster

SIDE = 640
"""Pixels to which a picture's longer side is brought."""

_CLOSER = 320  # pixels of a closer look at a box
_AROUND = (0.05, 0.25)  # of the box's longer side, that such looks show around it
_SURE = 0.28  # with it, 0.83 of what is shown is right, and 0.83 of what is there is shown
_LEAST_SCORE = 0.05
_PART = 0.625  # of a picture's longer side: of the parts that are looked at first
_LEAST_PART = 560  # pixels of the smallest parts
_FINEST = 1920  # of a picture's longer side, in which its parts are looked at
_PLAIN = 6  # levels of each colour, below which a box is all of one colour
_NEEDED = {"objects.0.weight", "ranges"}


@dataclass(frozen=True, slots=True)
class FoundObject:
    """Something in a picture.

    Attributes:
        id: from 1, the surest first.
        box: where it is.
        score: how sure that is, 0 to 1.
    """

    id: int
    box: Box
    score: float

    @property
    def is_sure(self) -> bool:
        """Whether to show it to people: four of five such are right."""
        return self.score >= _SURE

    def to_json(self) -> dict[str, Any]:
        """One entry of ``objects --json``."""
        score = round(self.score, 4)
        return {"id": self.id, "box": list(self.box), "score": score, "sure": self.is_sure}


@dataclass(frozen=True, slots=True)
class SeenPicture:
    """What one pass of the network over a whole picture gave.

    Attributes:
        picture: (H, W, 3) that it saw.
        planes: (C, H, W) what each place shows, for each of ``lite0.STAGES``.
        predictions: (5, H, W) of the objects' head: the score as a logit, and the logarithms of how
            far left, top, right and bottom are, in cells.
    """

    picture: Raster
    planes: tuple[NDArray[np.float32], ...]
    predictions: NDArray[np.float32]


class ObjectFinder:
    """Sees pictures whole, and tells objects and what they look like.

    An ImageNet network looks at the picture once. A small head finds boxes in what it saw, and what
    lies below a box, pooled, is projected into the look space (see ``LookEmbedder``). What is asked
    for is looked at twice more from nearer: in a picture of many things each fills few cells.

    Args:
        weights: a name of weights that ship, or a path to a ``.safetensors`` file.

    Raises:
        WeightsError: there are no such weights, or they are damaged.
    """

    def __init__(self, weights: str | Path = "lite0.objects") -> None:
        path = weights_file(weights)
        self._weights = read_weights(path, _NEEDED, "objects")
        self._fingerprint = hashlib.sha256(path.read_bytes()).hexdigest()[:16]

    def see(self, picture: Raster) -> SeenPicture:
        """One pass over a (H, W, 3) picture."""
        height, width = picture.shape[:2]
        scale = SIDE / max(height, width)
        # The network's coarsest cells have 32 pixels.
        size = [max(32, round(side * scale / 32) * 32) for side in (width, height)]
        *planes, predictions = self._run(_resized(picture, *size))
        return SeenPicture(picture, tuple(planes), predictions)

    def objects(self, seen: SeenPicture) -> list[FoundObject]:
        """The objects of a picture, the surest first; the many last ones are hardly any.

        Parts of a large picture are looked at as well, smaller and smaller ones, for what is small.
        """
        frame = np.array(seen.picture.shape[1::-1])
        scale = min(1.0, _FINEST / frame.max())
        fine = seen.picture
        if scale < 1:
            fine = _resized(fine, *np.maximum(np.round(frame * scale), 1).astype(int).tolist())
        boxes, scores = _found_in(seen, fine)
        side = int(_PART * max(fine.shape[:2]))
        while side >= _LEAST_PART:
            looks = [
                clear_of_cuts(*_found_in(self.see(part), part), (x, y), part.shape[1::-1], fine)
                for x, y in part_corners(fine, side)
                for part in [fine[y : y + side, x : x + side]]
            ]
            others, their_scores = (np.concatenate(each) for each in zip(*looks, strict=True))
            boxes, scores = with_small_ones(boxes, scores, others, their_scores, side, _SURE)
            side //= 2
        boxes = boxes * np.tile(frame / fine.shape[1::-1], 2)
        whole = np.round(boxes.reshape(-1, 2, 2).clip(0, frame)).astype(int)
        whole[:, 0] = np.minimum(whole[:, 0], frame - 1)  # where a box rounds to nothing
        found: list[FoundObject] = []
        for (low, high), score in zip(whole, scores.tolist(), strict=True):
            (x, y), (width, height) = low.tolist(), np.maximum(high - low, 1).tolist()
            part = seen.picture[y : y + height, x : x + width]
            if np.ptp(part, axis=(0, 1)).max() >= _PLAIN:  # else nothing can be seen there
                found.append(FoundObject(len(found) + 1, (x, y, width, height), score))
        return found

    def embed(
        self, seen: SeenPicture, boxes: Sequence[Box], embedder: LookEmbedder
    ) -> tuple[Embeddings, Embeddings]:
        """What is in boxes, as queries.

        Args:
            seen: the picture.
            boxes: N, each of which holds something of it.
            embedder: in whose space.

        Returns:
            (N, D) unit rows to compare with the embedder's of assets, and (N, I) to compare with
            those of single views.
        """
        frame = np.tile(seen.picture.shape[1::-1], 2)
        sides = np.array(boxes, float).reshape(-1, 4)
        corners = np.hstack([sides[:, :2], sides[:, :2] + sides[:, 2:]])
        from_afar = roi_pooled(seen.planes, (corners / frame).clip(0, 1))
        from_near = [np.zeros((0, lite0.DIM), np.float32)]
        for part, place in zip(*closer(seen.picture, corners), strict=True):
            *planes, _ = self._run(part)
            from_near.append(roi_pooled(planes, place[None]))
        near = np.concatenate(from_near).reshape(len(sides), len(_AROUND), lite0.DIM)
        looks = [project(x, self._weights) for x in (from_afar, *near.swapaxes(0, 1))]
        kind, which = (normalised(np.sum(part, axis=0)) for part in zip(*looks, strict=True))
        return embedder.queries(kind, which), which

    def _run(self, picture: Raster) -> list[NDArray[np.float32]]:
        return [plane[0] for plane in self._session.run(None, {"pictures": picture[None]})]

    @cached_property
    def _session(self) -> Any:
        ranges = json.loads(bytes(self._weights["ranges"]))
        return lite0.cached_session(
            f"objects-{self._fingerprint}",
            lambda: lite0.build_planes({**lite0.imagenet_weights(), **self._weights}, ranges),
        )


def _found_in(seen: SeenPicture, picture: Raster) -> Found:
    """Boxes in the pixels of a picture, as it was seen or in fewer."""
    boxes, scores = boxes_of(seen.predictions, _LEAST_SCORE)
    scale = np.array(picture.shape[1::-1]) / (np.array(seen.predictions.shape[:0:-1]) * CELL)
    return (boxes * np.tile(scale, 2)).astype(np.float32), scores


def open_scene(path: Path) -> Raster:
    """(H, W, 3) a picture file, in the pixels that boxes count.

    Raises:
        AssetError: it cannot be read.
    """
    scene: Raster = on_background(load_image(path))
    return scene


def check_box(box: Box, picture: Raster) -> Box:
    """A box as far as it is in a picture.

    Raises:
        ShapesimError: it is empty, or nowhere in it.
    """
    x, y, width, height = box
    tall, wide = picture.shape[:2]
    low = max(x, 0), max(y, 0)
    inside = min(x + width, wide) - low[0], min(y + height, tall) - low[1]
    if min(width, height, *inside) < 1:
        raise ShapesimError(
            f"box {x},{y},{width},{height} holds nothing of the picture, which is {wide} × {tall}"
        )
    return (*low, *inside)


def closer(
    picture: Raster, corners: NDArray[np.float64]
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Boxes as a closer look shows them.

    Args:
        picture: (H, W, 3).
        corners: (N, 4) left, top, right and bottom of the boxes, in its pixels.

    Returns:
        (N L, S, S, 3) of each box L looks, with less and more of what is around it, and (N L, 4)
        where the box is in them, 0 to 1.
    """
    looks = [(box, around) for box in corners for around in _AROUND]
    parts = np.zeros((len(looks), _CLOSER, _CLOSER, 3), np.uint8)
    places = np.zeros((len(looks), 4))
    for row, (box, around) in enumerate(looks):
        low, size = box[:2], box[2:] - box[:2]
        side = max(2, round((1 + 2 * around) * float(size.max())))
        left, top = np.round(low + (size - side) / 2).astype(int).tolist()
        square, _ = square_part(picture, left, top, side)
        parts[row] = _resized(square, _CLOSER, _CLOSER)
        places[row] = (box - [left, top, left, top]) / side
    return parts, places.clip(0, 1)


def roi_pooled(
    planes: Sequence[NDArray[np.float32]], boxes: NDArray[np.float64]
) -> NDArray[np.float32]:
    """What lies below boxes: mean and deviation of each plane, as ``lite0`` has them of pictures.

    After RoI pooling (R. Girshick, "Fast R-CNN", ICCV 2015), with cells counted by the share of
    them that the box covers.

    Args:
        planes: (C, H, W) of each of ``lite0.STAGES``.
        boxes: (N, 4) left, top, right and bottom, 0 to 1 of the picture.

    Returns:
        (N, ``lite0.DIM``).
    """
    parts = []
    for plane in planes:
        height, width = plane.shape[1:]
        across = _covered(boxes[:, 0], boxes[:, 2], width)
        down = _covered(boxes[:, 1], boxes[:, 3], height)
        mean, square = (
            np.einsum("chw,nh,nw->nc", values, down, across, optimize=True)
            for values in (plane, plane**2)
        )
        parts += [mean, np.sqrt(np.maximum(square - mean**2, 0))]
    return np.concatenate(parts, axis=1).astype(np.float32)


def _covered(
    low: NDArray[np.float64], high: NDArray[np.float64], cells: int
) -> NDArray[np.float32]:
    """(N, cells) shares, which sum to 1, of a stretch that each cell holds."""
    high = np.maximum(high, low + 1e-3)
    edges = np.arange(cells)
    shares = np.minimum(high[:, None] * cells, edges + 1) - np.maximum(low[:, None] * cells, edges)
    shares = shares.clip(0)
    made = shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-9)
    return np.asarray(made, dtype=np.float32)


def _resized(picture: Raster, width: int, height: int) -> Raster:
    method = cv2.INTER_AREA if width < picture.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (width, height), interpolation=method), np.uint8)
