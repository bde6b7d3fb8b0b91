"""A mesh as fitting sees it: points spread over its surface, and how far all else is from them."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree
from trimesh.triangles import closest_point

from shapesim.geometry import minimum_circle
from shapesim.kernels.registration import Grid
from shapesim.types import Mesh

POINTS = 2400
"""Of a surface."""
FAR = 0.15
"""Of the size: farther is all the same."""
_DENSE, _TRIED = 20_000, 8  # points of a surface, and how many are looked at, for what is exact
_FIELD = 32  # cells of a distance field's side


class Surface:
    """A mesh, prepared to be fitted.

    Args:
        mesh: y up.
    """

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        corners = mesh.corners
        self.low, self.high = corners.min(axis=0), corners.max(axis=0)
        (x, z), radius = minimum_circle(corners[:, [0, 2]])
        self.height = float(self.high[1] - self.low[1])
        self.axis = np.array([x, self.low[1], z])
        self.size = max(2 * radius, self.height)
        self.points, self.normals, _ = _sampled(mesh, POINTS)
        self.middle = self.points.mean(axis=0)
        self.spacing = float(np.sqrt(mesh.areas.sum() / POINTS))
        self.spread = float(np.sqrt(((self.points - self.middle) ** 2).sum(axis=1).mean()))

    @cached_property
    def corners(self) -> NDArray[np.float64]:
        """(C, 3) where its triangles have corners, each place once."""
        places: NDArray[np.float64] = np.unique(self.mesh.corners, axis=0)
        return places

    @cached_property
    def _corner_tree(self) -> cKDTree:
        return cKDTree(self.corners)

    def nearest_corners(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """The nearest corner to each of (N, 3) points."""
        _, rows = self._corner_tree.query(points)
        nearest: NDArray[np.float64] = self.corners[rows]
        return nearest

    @cached_property
    def grid(self) -> Grid:
        """The points, to find nearest ones among them."""
        cells = np.ravel_multi_index(tuple(self._cells(self.points)), (_FIELD,) * 3)
        order = np.argsort(cells, kind="stable")
        return Grid(
            points=self.points[order],
            normals=self.normals[order],
            firsts=np.append(0, np.bincount(cells, minlength=_FIELD**3).cumsum()),
            owners=self._around[1],
            low=self._low,
            side=self._side,
        )

    @cached_property
    def field(self) -> NDArray[np.float32]:
        """(F, F, F) distances to the surface as share of the size, at most ``FAR``."""
        return np.minimum(self._around[0] * self._side / self.size, FAR).astype(np.float32)

    @cached_property
    def _around(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """(F, F, F) how many cells it is to one that holds points, and which one that is."""
        empty = np.ones((_FIELD,) * 3, bool)
        empty[tuple(self._cells(self.points))] = False
        far, owners = ndimage.distance_transform_edt(empty, return_indices=True)
        return far, np.ravel_multi_index(tuple(owners), empty.shape)

    @property
    def _side(self) -> float:
        """Of the field's cells."""
        return self.size * (1 + 2 * FAR) / _FIELD

    @property
    def _low(self) -> NDArray[np.float64]:
        """Corner of the field."""
        low: NDArray[np.float64] = self.axis + [0, self.height / 2, 0] - self._side * _FIELD / 2
        return low

    def _cells(self, points: NDArray[np.float64]) -> NDArray[np.int64]:
        """(3, N) cells of the field; those out of it are at its border, far from the surface."""
        inside = (points - self._low) / self._side
        cells: NDArray[np.int64] = inside.astype(np.int64).clip(0, _FIELD - 1).T
        return cells

    def distances(self, points: NDArray[np.float64]) -> NDArray[np.float32]:
        """(..., N) coarse distances of points (..., N, 3) to the surface, at most ``FAR``."""
        found: NDArray[np.float32] = self.field[tuple(self._cells(points.reshape(-1, 3)))]
        return found.reshape(points.shape[:-1])

    @cached_property
    def _dense(self) -> tuple[cKDTree, NDArray[np.float64]]:
        """Points to look for the nearest triangles by, and (N, 3, 3) the triangle of each."""
        points, _, rows = _sampled(self.mesh, _DENSE)
        return cKDTree(points), self.mesh.triangles[rows]

    def closest(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """The nearest place to each of (N, 3) points on the triangles about it."""
        tree, triangles = self._dense
        _, near = tree.query(points, k=_TRIED)
        with np.errstate(invalid="ignore", divide="ignore"):  # of triangles without a surface
            places = closest_point(  # type: ignore[no-untyped-call]
                triangles[near.ravel()], np.repeat(points, _TRIED, axis=0)
            )
        places = places.reshape(len(points), _TRIED, 3)
        distances = np.nan_to_num(np.linalg.norm(places - points[:, None], axis=2), nan=np.inf)
        nearest: NDArray[np.float64] = places[np.arange(len(points)), distances.argmin(axis=1)]
        return nearest


def _sampled(
    mesh: Mesh, count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """(N, 3) points spread evenly over the surface, always the same.

    Also its unit normals there, and (N,) the triangles on which they lie.
    """
    triangles = mesh.triangles
    sides = triangles[:, 1:] - triangles[:, :1]
    normals = mesh.crosses
    areas = np.linalg.norm(normals, axis=1)
    total = np.cumsum(areas)
    # One point for each equal share of the area: more even than drawing them.
    rows = np.searchsorted(total, (np.arange(count) + 0.5) / count * total[-1])
    rows = rows.clip(0, len(areas) - 1)
    u, v = np.random.default_rng(0).random((2, count, 1))
    over = u + v > 1
    u, v = np.where(over, 1 - u, u), np.where(over, 1 - v, v)
    points: NDArray[np.float64] = triangles[rows, 0] + u * sides[rows, 0] + v * sides[rows, 1]
    return points, normals[rows] / areas[rows, None], rows
