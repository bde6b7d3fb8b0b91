"""Where small planes correlate best with the windows of a larger one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shapesim.kernels.compiling import compiled

Plane = NDArray[np.float32]
"""(H, W)."""
Places = NDArray[np.int64]
"""(N, 2) x and y of windows' corners."""


@compiled
def windows(plane: Plane, height: int, width: int, step: int) -> Plane:
    """(P, H * W) what is in every window of that size, at every so many corners each way."""
    down, across = plane.shape[0] - height + 1, plane.shape[1] - width + 1
    columns = (across + step - 1) // step
    found = np.empty(((down + step - 1) // step * columns, height * width), np.float32)
    for top in range(0, down, step):
        for left in range(0, across, step):
            row = found[top // step * columns + left // step]
            for line in range(height):
                for k in range(width):
                    row[line * width + k] = plane[top + line, left + k]
    return found


@compiled
def window_norms(plane: Plane, height: int, width: int, least: float) -> Plane:
    """(H - height + 1, W - width + 1) of each window less its mean, each that at least."""
    down, across = plane.shape[0] - height + 1, plane.shape[1] - width + 1
    found = np.empty((down, across), np.float32)
    sums, squares = np.zeros(plane.shape[1]), np.zeros(plane.shape[1])
    for row in range(plane.shape[0]):
        for column in range(plane.shape[1]):
            value = np.float64(plane[row, column])
            sums[column] += value
            squares[column] += value * value
        if row >= height:
            for column in range(plane.shape[1]):
                value = np.float64(plane[row - height, column])
                sums[column] -= value
                squares[column] -= value * value
        if row >= height - 1:
            of_row = found[row - height + 1]
            total = square = 0.0
            for column in range(width):
                total += sums[column]
                square += squares[column]
            for column in range(across):
                of_row[column] = square - total * total / (height * width)
                if column + width < len(sums):
                    total += sums[column + width] - sums[column]
                    square += squares[column + width] - squares[column]
            for column in range(across):
                of_row[column] = max(np.sqrt(max(of_row[column], np.float32(0))), least)
    return found


@compiled
def best_windows(
    scores: Plane, sought: Plane, plane: Plane, norms: Plane, height: int, width: int, step: int,
    reach: int,
) -> tuple[NDArray[np.float32], Places]:  # fmt: skip
    """The best window for each of what is sought, also of those beside it that were left out.

    Args:
        scores: (N, P) products of what is sought and ``windows``.
        sought: (N, H * W).
        plane: in which it is.
        norms: its ``window_norms``.
        height: of a window.
        width: of a window.
        step: between the windows' corners.
        reach: pixels around the best.

    Returns:
        (N,) correlations, and where.
    """
    down, across = norms.shape
    columns = (across + step - 1) // step
    best, places = np.empty(len(scores), np.float32), np.empty((len(scores), 2), np.int64)
    for n in range(len(scores)):
        most, top, left = np.float32(-np.inf), 0, 0
        for row in range((down + step - 1) // step):
            for column in range(columns):
                score = scores[n, row * columns + column] / norms[row * step, column * step]
                if score > most:
                    most, top, left = score, row * step, column * step
        best[n], places[n, 0], places[n, 1] = most, left, top
        for y in range(max(top - reach, 0), min(top + reach, down - 1) + 1):
            for x in range(max(left - reach, 0), min(left + reach, across - 1) + 1):
                if y % step == 0 and x % step == 0:
                    continue
                score = np.float32(0)
                for line in range(height):
                    for k in range(width):
                        score += plane[y + line, x + k] * sought[n, line * width + k]
                score /= norms[y, x]
                if score > best[n]:
                    best[n], places[n, 0], places[n, 1] = score, x, y
    return best, places


@compiled
def best_in_tiles(
    scores: Plane, plane: Plane, count: int, side: int, height: int, width: int, least: float
) -> tuple[NDArray[np.float32], Places]:
    """The best window within each tile.

    Args:
        scores: (H - height + 1, W - width + 1) products of what is sought and each window.
        plane: (H, W) of square tiles, row by row.
        count: of tiles.
        side: of a tile.
        height: of a window.
        width: of a window.
        least: length of what is in a window less its mean, at least.

    Returns:
        (N,) correlations, and where in its tile.
    """
    across = plane.shape[1] // side
    best, places = np.empty(count, np.float32), np.empty((count, 2), np.int64)
    for n in range(count):
        top, left = n // across * side, n % across * side
        norms = window_norms(plane[top : top + side, left : left + side], height, width, least)
        most = np.float32(-np.inf)
        for y in range(norms.shape[0]):
            for x in range(norms.shape[1]):
                score = scores[top + y, left + x] / norms[y, x]
                if score > most:
                    most = score
                    places[n, 0], places[n, 1] = x, y
        best[n] = most
    return best, places
