"""Which of a picture's local features each of another's is most like."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shapesim.kernels.compiling import compiled


@compiled
def nearest_and_next(
    alike: NDArray[np.float32], points: NDArray[np.float32], apart: float
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The likest column of each row, and how alike that is and the likest elsewhere.

    Args:
        alike: (N, K) cosines of one picture's features and the other's.
        points: (K, 2) where the other's are.
        apart: by how much one along x or y has to be away to be elsewhere.

    Returns:
        (N,) columns, and (2, N) cosines; -1 of what is nowhere else.
    """
    count, columns = alike.shape
    first = np.zeros(count, np.int64)
    cosines = np.full((2, count), np.float32(-1))
    for row in range(count):
        best = first[row]
        for column in range(1, columns):
            if alike[row, column] > alike[row, best]:
                best = column
        x, y = points[best, 0], points[best, 1]
        other = np.float32(-1)
        for column in range(columns):
            # Rare, so that where it is need not be asked of most.
            if alike[row, column] > other and (
                abs(points[column, 0] - x) > apart or abs(points[column, 1] - y) > apart
            ):
                other = alike[row, column]
        first[row] = best
        cosines[0, row] = alike[row, best]
        cosines[1, row] = other
    return first, cosines
