"""Affine transforms of points in a plane, and pictures that they turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Matrix3 = NDArray[np.float64]
"""(3, 3) homogeneous affine transform of x, y, 1."""


def scaling(of: Sequence[float], to: Sequence[float]) -> Matrix3:
    """From the points of a picture of one width and height to those of another."""
    made: Matrix3 = np.diag([to[0] / of[0], to[1] / of[1], 1.0])
    return made


def shifting(x: float, y: float) -> Matrix3:
    """By so many pixels."""
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


def inverse(matrix: Matrix3) -> Matrix3:
    """The way back."""
    return np.asarray(np.linalg.inv(matrix), np.float64)


def applied(matrix: Matrix3, points: NDArray[Any]) -> NDArray[np.float64]:
    """(N, 2) points, moved."""
    moved: NDArray[np.float64] = points @ matrix[:2, :2].T + matrix[:2, 2]
    return moved


def corners(x: float, y: float, width: float, height: float) -> NDArray[np.float64]:
    """(4, 2) of a box."""
    return np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], float)


def turned(
    picture: NDArray[np.uint8], degrees: float, ground: float, size: tuple[int, int] | None = None
) -> tuple[NDArray[np.uint8], Matrix3]:
    """A picture turned clockwise about its middle.

    Args:
        picture: (H, W) or (H, W, 3).
        degrees: by which it is turned.
        ground: grey level around it.
        size: width and height of the result; None for as much as holds all of it.

    Returns:
        The turned picture, and from the points of the picture to those of the turned one.
    """
    height, width = picture.shape[:2]
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1.0]])
    if size is None:
        whole = np.ceil(np.abs(matrix[:2, :2]) @ [width, height] - 1e-6).astype(int).tolist()
        size = (whole[0], whole[1])
    middle = np.array([width - 1, height - 1]) / 2
    matrix[:2, 2] = (np.array(size) - 1) / 2 - matrix[:2, :2] @ middle
    made: Any = cv2.warpAffine(picture, matrix[:2], size, borderValue=(ground,) * 3)
    return np.asarray(made, np.uint8), matrix
