"""Polygons cut into triangles."""

from __future__ import annotations

from typing import Any

import mapbox_earcut
import numpy as np
from numpy.typing import NDArray

_APART = 0.05  # of a polygon's area, by which its ears may be off: real ones are not quite flat


def triangulated(polygons: NDArray[np.float64]) -> NDArray[np.int64]:
    """(P, T, 3) corners of the triangles of (P, C, 3) polygons, C - 2 of each; -1 of none.

    About their first corner where that gives the polygon, and else, where it would reach beyond an
    inner corner, by the other diagonal or by ears. Polygons that cross themselves stay fans.
    """
    count, corners = polygons.shape[:2]
    fan = np.array([(0, corner, corner + 1) for corner in range(1, corners - 1)])
    found = np.broadcast_to(fan, (count, *fan.shape)).copy()
    if corners == 3:
        return found
    with np.errstate(invalid="ignore", over="ignore"):  # what is no number is told by who checks
        rows = np.flatnonzero(_is_turned(polygons, fan))
        if corners == 4:
            other = np.array([(1, 2, 3), (1, 3, 0)])
            found[rows[~_is_turned(polygons[rows], other)]] = other
            return found
    for row in rows.tolist():
        ears = _ears(polygons[row])
        if ears is not None:
            found[row] = -1
            found[row, : len(ears)] = ears
    return found


def triangulate_all(
    points: NDArray[np.float64], counts: NDArray[np.int64], corners: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Polygons of any number of corners, in their order.

    Args:
        points: (V, 3).
        counts: (P,) corners of each polygon; of fewer than three, there are no triangles.
        corners: (C,) rows of points, of one polygon after the other.

    Returns:
        (T, 3) triangles, by places in ``corners``, and (T,) the polygon of each.
    """
    starts = np.cumsum(counts) - counts
    made, of = [np.zeros((0, 3), np.int64)], [np.zeros(0, np.int64)]
    for count in np.unique(counts[counts > 2]).tolist():
        rows = np.flatnonzero(counts == count)
        places = starts[rows][:, None] + np.arange(count)
        triangles = triangulated(points[corners[places]])
        kept = (triangles >= 0).all(axis=2)
        made.append(places[np.arange(len(rows))[:, None, None], triangles][kept])
        of.append(np.repeat(rows, kept.sum(axis=1)))
    order = np.argsort(np.concatenate(of), kind="stable")
    return np.concatenate(made)[order], np.concatenate(of)[order]


def _areas(polygons: NDArray[np.float64], triangles: NDArray[np.int64]) -> NDArray[np.float64]:
    """(..., T, 3) twice the areas of triangles of (..., C, 3) polygons, along their normals."""
    first, second, third = (polygons[..., triangles[:, corner], :] for corner in range(3))
    return np.asarray(np.cross(second - first, third - first))


def _is_turned(polygons: NDArray[np.float64], triangles: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(P,) whether any of the triangles faces the other way than the polygon does."""
    areas = _areas(polygons, triangles)
    normals = areas.sum(axis=1, keepdims=True)  # Newell's, however it is cut
    along = (areas * normals).sum(axis=2)
    return np.asarray((along < -1e-9 * (normals**2).sum(axis=2)).any(axis=1))


def _ears(polygon: NDArray[np.float64]) -> NDArray[np.int64] | None:
    """(T, 3), wound as the polygon is; None where they do not make it up.

    Seen along the axis that its normal is nearest to.
    """
    fan = np.array([(0, corner, corner + 1) for corner in range(1, len(polygon) - 1)])
    normal = _areas(polygon, fan).sum(axis=0)
    axis = int(np.abs(normal).argmax())
    plane: NDArray[Any] = np.delete(polygon, axis, axis=1)
    flat = mapbox_earcut.triangulate_float64(
        np.ascontiguousarray(plane), np.array([len(plane)], np.uint32)
    )
    ears = flat.reshape(-1, 3).astype(np.int64)
    areas = _areas(polygon, ears)[:, axis]
    if not np.isclose(np.abs(areas).sum(), abs(normal[axis]), rtol=_APART):
        return None
    return ears[:, ::-1] if areas.sum() * normal[axis] < 0 else ears
