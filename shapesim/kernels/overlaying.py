"""How alike two pictures are where one lies over the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shapesim.kernels.compiling import compiled

Grey = NDArray[np.uint8]
Plane = NDArray[np.float32]

_INSIDE = 0.9  # of a pixel, that has to be within the other picture


@compiled
def _at_edge(picture: Grey, x: float, y: float) -> float:
    """Bilinear, of what is there in part; -1 of what is not inside."""
    height, width = picture.shape
    # Nothing that is not a number may become an address.
    if not (-1 < x < width and -1 < y < height):
        return -1.0
    left, top = int(np.floor(x)), int(np.floor(y))
    right, low = x - left, y - top
    value = share = 0.0
    for i in range(max(top, 0), min(top + 2, height)):
        for j in range(max(left, 0), min(left + 2, width)):
            weight = (right if j > left else 1 - right) * (low if i > top else 1 - low)
            value += weight * picture[i, j]
            share += weight
    return value if share > _INSIDE else -1.0


@compiled
def _lay(picture: Grey, matrix: NDArray[np.float64], seen: Plane, inside: Plane) -> int:
    """Fills in what is seen at each pixel, and whether anything is; how often that is so."""
    height, width = picture.shape
    flat, next_row = picture.ravel(), np.uintp(width)  # without a sign: half the time
    count = 0
    for row in range(seen.shape[0]):
        first_x = matrix[0, 1] * row + matrix[0, 2]
        first_y = matrix[1, 1] * row + matrix[1, 2]
        for column in range(seen.shape[1]):
            x, y = first_x + matrix[0, 0] * column, first_y + matrix[1, 0] * column
            if x >= 0 and y >= 0 and x < width - 1 and y < height - 1:
                left, top = np.intp(x), np.intp(y)
                right, low = np.float32(x - left), np.float32(y - top)
                at = np.uintp(top * width + left)
                one, other = np.float32(flat[at]), np.float32(flat[at + next_row])
                upper = one + right * (flat[at + np.uintp(1)] - one)
                lower = other + right * (flat[at + next_row + np.uintp(1)] - other)
                value = float(upper + low * (lower - upper))
            else:
                value = _at_edge(picture, x, y)
            is_inside = value >= 0
            seen[row, column] = np.intp(value + 0.5) if is_inside else 0
            inside[row, column] = is_inside
            count += is_inside
    return count


@compiled
def _add(
    columns: Plane, ours: Grey, seen: Plane, inside: Plane, row: int, sign: np.float32
) -> None:
    """A row, to the sums of each column."""
    for k in range(ours.shape[1]):
        within = sign * inside[row, k]
        one, other = np.float32(ours[row, k]), seen[row, k]
        columns[0, k] += within
        columns[1, k] += within * one
        columns[2, k] += within * other
        columns[3, k] += within * one * one
        columns[4, k] += within * other * other
        columns[5, k] += within * one * other


@compiled
def likeness(
    ours: Grey, theirs: Grey, matrix: NDArray[np.float64], least: float, window: int, grain: float
) -> float:
    """Correlation of grey in windows, weighed by how much varies there.

    Args:
        ours: (h, w) of an original.
        theirs: (H, W) of what may show it.
        matrix: (2, 3) or (3, 3) from the original's pixels to the other's.
        least: share of the original that has to be in the other picture.
        window: pixels of a window's side, odd.
        grain: grey levels: what varies less is flat.

    Returns:
        -1 to 1; -2 where too little of it is in the picture.
    """
    height, width = ours.shape
    seen, inside = np.empty((height, width), np.float32), np.empty((height, width), np.float32)
    count = _lay(theirs, matrix, seen, inside)
    if count < least * height * width:
        return -2.0
    reach = window // 2
    # Of what is inside: how much, ours, theirs, their squares and products. All are whole numbers
    # below 2 ** 24, so that nothing is rounded.
    columns = np.zeros((6, width + 2 * reach), np.float32)
    sums = np.empty((6, width), np.float32)
    alike, varied = np.zeros(width, np.float32), np.zeros(width, np.float32)
    noise, few = np.float32(grain * grain), np.float32(1e-3 * window * window)
    for row in range(-reach, height):
        if row + reach < height:
            _add(columns[:, reach:], ours, seen, inside, row + reach, np.float32(1))
        if row > reach:
            _add(columns[:, reach:], ours, seen, inside, row - reach - 1, np.float32(-1))
        if row < 0:
            continue
        for n in range(6):
            line = sums[n]
            line[:] = 0
            for shift in range(window):
                shifted = columns[n, shift : shift + width]
                for k in range(width):
                    line[k] += shifted[k]
        for k in range(width):
            share = np.float32(1) / max(sums[0, k], few)
            mean_one, mean_other = sums[1, k] * share, sums[2, k] * share
            vary_one = max(sums[3, k] * share - mean_one * mean_one, np.float32(0))
            vary_other = max(sums[4, k] * share - mean_other * mean_other, np.float32(0))
            together = sums[5, k] * share - mean_one * mean_other
            weight = inside[row, k] * np.sqrt(max(vary_one, vary_other))
            alike[k] += weight * together / np.sqrt((vary_one + noise) * (vary_other + noise))
            varied[k] += weight
    return float(alike.sum() / (varied.sum() + 0.1 * grain * count))
