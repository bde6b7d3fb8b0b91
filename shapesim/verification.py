"""Whether one picture is in another, by local features, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from shapesim.types import Image

FOUND, ORIGINAL = 448, 208
"""Pixels to which the longer side is brought before features are looked for. In a found picture,
what is left of the original is often a small part; of originals, many are looked at."""

_FEATURES = 500
_CONTRAST = 0.015  # half of what is usual: renders are smooth
_RATIO = 0.85  # most that the nearest is away, of what the second nearest is
_REACH = 0.016  # of the found picture's side, by which matched points may be off
_SCALES = (0.15, 7.0)  # that occur


@dataclass(frozen=True, slots=True)
class Features:
    """Keypoints of a picture, in its own pixels.

    Attributes:
        points: (K, 2) x and y.
        descriptors: (K, 128) unit rows: roots of SIFT.
        size: width and height.
    """

    points: NDArray[np.float32]
    descriptors: NDArray[np.float32]
    size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Verified:
    """One picture found in another.

    Attributes:
        inliers: points of both that agree.
        share: of the matched points.
        box: x, y, width and height in pixels of the picture in which it was found.
    """

    inliers: int
    share: float
    box: tuple[int, int, int, int]


def features(picture: Image, side: int) -> Features:
    """SIFT keypoints (D. Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", 2004).

    Descriptors are compared by their roots (R. Arandjelović and A. Zisserman, CVPR 2012).

    Args:
        picture: (H, W, 3) uint8.
        side: pixels to which its longer side is brought.
    """
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    size = max(1, round(width * scale)), max(1, round(height * scale))
    grey = cv2.cvtColor(cv2.resize(picture, size, interpolation=method), cv2.COLOR_RGB2GRAY)
    sift: Any = cv2.SIFT.create(nfeatures=_FEATURES, contrastThreshold=_CONTRAST)
    keypoints, descriptors = sift.detectAndCompute(grey, None)
    points = np.array([point.pt for point in keypoints], np.float32).reshape(-1, 2) / scale
    if descriptors is None:
        return Features(points, np.zeros((0, 128), np.float32), (width, height))
    sums = np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-6)
    return Features(points, np.sqrt(descriptors / sums), (width, height))


def verify(found: Features, original: Features) -> Verified | None:
    """Looks for an original in a picture; None where no few points agree.

    By RANSAC over affine transforms (M. Fischler and R. Bolles, 1981).
    """
    if min(len(found.points), len(original.points)) < 3:
        return None
    alike = original.descriptors @ found.descriptors.T
    rows = np.arange(len(alike))
    first = alike.argmax(axis=1)
    best = alike[rows, first]
    # Neighbours of the best are the same place; what competes is elsewhere.
    apart = np.linalg.norm(found.points[None] - found.points[first][:, None], axis=2)
    other = np.where(apart > 0.02 * max(found.size), alike, -1).max(axis=1)
    distances = np.sqrt(np.maximum(2 - 2 * np.stack([best, other]), 0))
    good = distances[0] < _RATIO * distances[1]
    if good.sum() < 3:
        return None
    start, end = original.points[rows[good]], found.points[first[good]]
    reach = _REACH * max(found.size)
    matrix, inside = cv2.estimateAffine2D(
        start, end, method=cv2.RANSAC, ransacReprojThreshold=reach, maxIters=1000, confidence=0.99
    )
    if matrix is None or not np.isfinite(matrix).all():
        return None
    # Relative to both sizes: a picture is not squeezed to a line.
    stretch = np.linalg.svd(matrix[:, :2], compute_uv=False)
    stretch = stretch * max(original.size) / max(found.size)
    if not (_SCALES[0] < stretch[1] and stretch[0] < min(_SCALES[1], 3 * stretch[1])):
        return None
    hits = inside.ravel().astype(bool)
    # Many matches to one point are one.
    distinct = len({tuple(point) for point in np.round(end[hits] / reach).tolist()})
    return Verified(distinct, distinct / int(good.sum()), _box(matrix, original, found))


def _box(
    matrix: NDArray[np.float64], original: Features, found: Features
) -> tuple[int, int, int, int]:
    """Where the original's frame is, as far as it is in the picture."""
    width, height = original.size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    placed = corners @ matrix[:, :2].T + matrix[:, 2]
    low = placed.min(axis=0).clip(0, found.size)
    high = placed.max(axis=0).clip(0, found.size)
    x, y = (int(value) for value in np.floor(low))
    right, bottom = (int(value) for value in np.ceil(high))
    return x, y, max(right - x, 1), max(bottom - y, 1)
