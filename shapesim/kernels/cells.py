"""The cells of a grid that triangles overlap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shapesim.kernels.compiling import compiled


@compiled
def _touches(edges: NDArray[np.float64], p: int, q: int) -> bool:
    """Whether a cell touches the inner side of all (3, 3) edges of a projection."""
    inside = True
    for edge in range(3):
        inside &= edges[edge, 0] * p + edges[edge, 1] * q + edges[edge, 2] >= 0
    return inside


@compiled
def overlap(grid: NDArray[np.bool_], triangles: NDArray[np.float64], tolerance: float) -> None:
    """Marks the cells of a grid, (R, R, R), that triangles overlap.

    The exact test of Schwarz and Seidel: the triangle's plane crosses the cell, and in each of the
    three projections along an axis the cell touches the triangle.

    Args:
        grid: written to.
        triangles: (F, 3, 3) corners in grid coordinates, cell i spanning [i, i + 1].
        tolerance: by which cells are thicker than their spacing.
    """
    normal = np.empty(3)
    low, high = np.empty(3, np.int64), np.empty(3, np.int64)
    # In the projection along an axis, the cell whose low corner is (p, q) touches the inner side of
    # an edge if a p + b q + c >= 0.
    edges = np.empty((3, 3, 3))
    cell = np.empty(3, np.int64)
    for n in range(len(triangles)):
        corners = triangles[n]
        for axis in range(3):
            i, j = (axis + 1) % 3, (axis + 2) % 3
            normal[axis] = (corners[1, i] - corners[0, i]) * (corners[2, j] - corners[0, j]) - (
                corners[1, j] - corners[0, j]
            ) * (corners[2, i] - corners[0, i])
            least = min(corners[0, axis], corners[1, axis], corners[2, axis]) - tolerance
            most = max(corners[0, axis], corners[1, axis], corners[2, axis]) + tolerance
            low[axis] = max(int(np.floor(least)), 0)
            high[axis] = min(int(np.floor(most)), len(grid) - 1)
        # Two axes span the projection in which the triangle is largest, the third is its depth.
        depth = int(np.argmax(np.abs(normal)))
        if normal[depth] == 0:
            continue
        for axis in range(3):
            i, j = (axis + 1) % 3, (axis + 2) % 3
            turn = 1.0 if normal[axis] >= 0 else -1.0
            for corner in range(3):
                p, q = corners[corner, i], corners[corner, j]
                a = (q - corners[(corner + 1) % 3, j]) * turn
                b = (corners[(corner + 1) % 3, i] - p) * turn
                # The corner of the cell that lies farthest inside decides.
                c = max(a, 0) + max(b, 0) - (a * p + b * q) + tolerance * (abs(a) + abs(b))
                edges[axis, corner, 0], edges[axis, corner, 1], edges[axis, corner, 2] = a, b, c
        i, j = (depth + 1) % 3, (depth + 2) % 3
        along, across = -normal[i] / normal[depth], -normal[j] / normal[depth]
        base = corners[0, depth] - (along * corners[0, i] + across * corners[0, j])
        reach = (abs(along) + abs(across)) / 2 + tolerance
        for u in range(low[i], high[i] + 1):
            for v in range(low[j], high[j] + 1):
                cell[i], cell[j] = u, v
                if not _touches(edges[depth], u, v):
                    continue
                middle = base + along * (u + 0.5) + across * (v + 0.5)
                first = max(int(np.floor(middle - reach)), low[depth])
                last = min(int(np.floor(middle + reach)), high[depth])
                for w in range(first, last + 1):
                    if _touches(edges[i], v, w) and _touches(edges[j], w, u):
                        cell[depth] = w
                        grid[cell[0], cell[1], cell[2]] = True
