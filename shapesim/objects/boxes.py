"""Boxes in pictures: what predictions tell of, and which of them tell of one object."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from shapesim.types import Raster

CELL = 16
"""Pixels of the network's picture that a cell of the predictions tells of."""
Found = tuple[NDArray[np.float32], NDArray[np.float32]]
"""(N, 4) corners, left, top, right and bottom, and (N,) scores."""

_ONE_OBJECT = 0.7  # intersection over union, from which boxes tell of one object
_TOLD = 9  # cells around an object's middle that tell of it
_AGREEMENT = 0.15  # power of the share of them that do, in a box's score
_OVERLAP = 0.45  # intersection over union, from which two boxes may be one object
_FINE = 16  # OpenCV takes boxes in whole numbers: of parts of a pixel
_OVERLAPPING = 0.25  # share of a part that the next one shows again
_CUT = 6 / 640  # of a part's side, from which a box ends where the part does
_SMALL = 0.3  # of a part's side: what is larger was seen well enough before
_WITHIN = 0.8  # share of a box, from which it is within another
_COVERED = 0.5  # share of a box, up to which others within it may be several things on a ground
_DOUBT = 0.8  # times the score of what only parts show: pieces of things look like things
_LEFT = 0.025  # of a score, with which a box is still told
_NEW = 5  # such things, from which a picture is one of many small ones


def boxes_of(
    predictions: NDArray[np.float32], threshold: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The boxes that predictions tell of.

    Args:
        predictions: as of ``SeenPicture``.
        threshold: what a cell has to score; half of that has to be left of it.

    Returns:
        (N, 4) corners in pixels of the network's picture, and (N,) scores, best first.
    """
    scores = 1 / (1 + np.exp(-predictions[0].clip(-30, 30)))
    rows, columns = np.nonzero(scores >= threshold)
    sides = np.exp(predictions[1:, rows, columns].clip(-6, 6))
    x, y = columns + 0.5, rows + 0.5
    boxes = np.stack([x - sides[0], y - sides[1], x + sides[2], y + sides[3]], 1) * CELL
    height, width = np.array(predictions.shape[1:]) * CELL
    boxes = boxes.clip(0, [width, height, width, height]).astype(np.float32)
    found = scores[rows, columns]
    # Neighbours that tell of the same object make it surer, and have a say in where it ends.
    shares = iou(boxes[:, None], boxes)
    votes = found * shares**2 * (shares > _ONE_OBJECT)
    agreed = found * np.minimum(votes.sum(axis=1) / _TOLD, 1) ** _AGREEMENT
    kept, left = soft_nms(boxes, agreed, threshold / 2)
    voted = votes[kept] @ boxes / votes[kept].sum(axis=1, keepdims=True)
    return voted.astype(np.float32), left


def soft_nms(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], threshold: float
) -> tuple[list[int], NDArray[np.float32]]:
    """Rows of the boxes, best first, and what is left of their scores.

    The more of a box is a better one's, the more it is doubted: things that stand close in front of
    each other share much (linear Soft-NMS: N. Bodla et al., "Soft-NMS -- Improving Object Detection
    With One Line of Code", ICCV 2017).

    Args:
        boxes: (N, 4) corners.
        scores: (N,) of each by itself.
        threshold: what has to be left.
    """
    whole = np.round(np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]]) * _FINE).astype(int)
    left, rows = cv2.dnn.softNMSBoxes(
        whole.tolist(), scores.tolist(), threshold, _OVERLAP,
        method=cv2.dnn.SoftNMSMethod_SOFTNMS_LINEAR,
    )  # fmt: skip
    return np.array(rows, int).ravel().tolist(), np.array(left, np.float32).ravel()


def iou(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of (..., 4) corners with (..., 4), which may be broadcast."""
    low = np.maximum(one[..., :2], other[..., :2])
    high = np.minimum(one[..., 2:], other[..., 2:])
    both = (high - low).clip(0).prod(axis=-1)
    areas = sum((boxes[..., 2:] - boxes[..., :2]).prod(axis=-1) for boxes in (one, other))
    return np.asarray(both / np.maximum(areas - both, 1e-6), dtype=np.float32)


def part_corners(picture: Raster, side: int) -> list[tuple[int, int]]:
    """Left and top of squares that overlap and show all of a (H, W, 3) picture."""
    rows, columns = (_starts(length, side) for length in picture.shape[:2])
    return [(x, y) for y in rows for x in columns]


def _starts(length: int, side: int) -> list[int]:
    count = int(np.ceil(max(length - side, 0) / (side * (1 - _OVERLAPPING)))) + 1
    starts: list[int] = np.linspace(0, max(length - side, 0), count).round().astype(int).tolist()
    return starts


def clear_of_cuts(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    corner: tuple[int, int],
    size: tuple[int, int],
    picture: Raster,
) -> Found:
    """Boxes of a part as boxes of the picture, without those that end where only the part does.

    Args:
        boxes: (N, 4) corners in the part.
        scores: (N,).
        corner: left and top of the part.
        size: its width and height.
        picture: (H, W, 3).
    """
    low, high = np.array(corner), np.add(corner, size)
    edge = _CUT * max(size)
    placed = boxes + np.tile(low, 2)
    begins = (placed[:, :2] < low + edge) & (low > 0)
    ends = (placed[:, 2:] > high - edge) & (high < picture.shape[1::-1])
    whole = ~(begins | ends).any(axis=1)
    return placed[whole].astype(np.float32), scores[whole]


def with_small_ones(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    others: NDArray[np.float32],
    their_scores: NDArray[np.float32],
    side: int,
    sure: float,
) -> Found:
    """What a look at parts adds to what was seen before, if that is several things.

    Boxes around several small things and the ground between them give way to these; what is within
    one thing is a piece of it.

    Args:
        boxes: (N, 4) corners of what was seen before.
        scores: (N,).
        others: (M, 4) of what parts show.
        their_scores: (M,).
        side: of the parts.
        sure: score from which a box counts.
    """
    kept, left = soft_nms(others, their_scores, _LEFT)
    others, their_scores = others[kept], left * np.float32(_DOUBT)
    small = (others[:, 2:] - others[:, :2]).max(axis=1, initial=0) < _SMALL * side
    others, their_scores = others[small], their_scores[small]
    counted = their_scores >= sure
    inside = _share_within(others, boxes) > _WITHIN
    covered = (inside[counted] * _areas(others[counted])[:, None]).sum(axis=0)
    joins = (inside[counted].sum(axis=0) > 1) & (covered < _COVERED * _areas(boxes))
    is_piece = inside[:, ~joins & (scores >= sure)].any(axis=1)
    if (counted & ~is_piece).sum() < _NEW:
        return boxes, scores
    boxes = np.concatenate([boxes[~joins], others[~is_piece]])
    scores = np.concatenate([scores[~joins], their_scores[~is_piece]])
    kept, left = soft_nms(boxes, scores, _LEFT)
    return boxes[kept], left


def _areas(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    areas: NDArray[np.float32] = (boxes[:, 2:] - boxes[:, :2]).clip(0).prod(axis=1)
    return areas


def _share_within(boxes: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, M) how much of each box is within each of the others."""
    low = np.maximum(boxes[:, None, :2], others[:, :2])
    high = np.minimum(boxes[:, None, 2:], others[:, 2:])
    both = (high - low).clip(0).prod(axis=2)
    return np.asarray(both / np.maximum(_areas(boxes), 1e-6)[:, None], np.float32)
