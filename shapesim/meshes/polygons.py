"""Polygons cut into triangles."""

from __future__ import annotations

from typing import Any

import mapbox_earcut
import numpy as np
from numpy.typing import NDArray


def triangulated(polygons: NDArray[np.float64]) -> NDArray[np.int64]:
    """(P, T, 3) corners of the triangles of (P, C, 3) polygons, C - 2 of each; -1 of none.

    About their first corner where that gives the polygon, and by their ears where it would reach
    beyond an inner corner.
    """
    count, corners = polygons.shape[:2]
    fan = np.stack(
        [np.zeros(corners - 2, np.int64), np.arange(1, corners - 1), np.arange(2, corners)], axis=1
    )
    found = np.broadcast_to(fan, (count, *fan.shape)).copy()
    if corners == 3:
        return found
    sides = polygons - polygons[:, :1]
    areas = np.cross(sides[:, 1:-1], sides[:, 2:])
    normals = areas.sum(axis=1)
    with np.errstate(invalid="ignore"):
        turned = np.einsum("ptk,pk->pt", areas, normals) < -1e-9 * (normals**2).sum(
            axis=1, keepdims=True
        )
    for row in np.flatnonzero(turned.any(axis=1)):
        ears = _by_ears(polygons[row], normals[row])
        found[row] = -1
        found[row, : len(ears)] = ears[: corners - 2]
    return found


def _by_ears(polygon: NDArray[np.float64], normal: NDArray[np.float64]) -> NDArray[np.int64]:
    """(T, 3), wound as the polygon is; seen along the axis that its normal is nearest to."""
    axis = int(np.abs(normal).argmax())
    plane: NDArray[Any] = np.delete(polygon, axis, axis=1)
    flat = mapbox_earcut.triangulate_float64(
        np.ascontiguousarray(plane), np.array([len(plane)], np.uint32)
    )
    ears = flat.reshape(-1, 3).astype(np.int64)
    wound = np.cross(
        polygon[ears[:, 1]] - polygon[ears[:, 0]], polygon[ears[:, 2]] - polygon[ears[:, 0]]
    )
    return ears[:, ::-1] if (wound.sum(axis=0) @ normal) < 0 else ears
