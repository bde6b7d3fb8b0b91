"""Mesh to occupancy grid.

The grid is a function of the surface alone. A cell is occupied when a triangle overlaps it
(the exact test of Schwarz and Seidel, "Fast Parallel Surface and Solid Voxelization on GPUs",
SIGGRAPH Asia 2010) or when it cannot be reached from outside. So the way a surface is cut into
triangles, the unit and the place of the asset make no difference, a closed shell becomes a
solid, an open one stays a sheet, and nothing is filled through an opening.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from shapesim.geometry import minimum_circle
from shapesim.types import Matrix4, Mesh, Voxels

if TYPE_CHECKING:
    import trimesh

RESOLUTION = 32
PADDING = 1

# Faces often lie exactly between two cells (the middle of a symmetric asset does), where rounding
# would decide. Cells are therefore a little thicker than their spacing, and the grid is a little
# larger than the asset, so that outermost faces lie inside a cell.
_TOLERANCE = 0.02
_MARGIN = 0.1
# Faces and candidate cells at a time: they bound memory to some 100 MB.
_FACES = 100_000
_CHUNK = 400_000


def voxelise(mesh: Mesh, resolution: int = RESOLUTION, yaw: float = 0.0) -> Voxels:
    """Occupancy of the mesh in the grid of its upright bounding cylinder.

    The cylinder, unlike the box, stays the same when the asset turns about up: turning the asset
    turns the content of the grid and changes neither its scale nor its place.

    Args:
        mesh: y up, any unit.
        resolution: R, cells along each axis, the empty border of one cell included.
        yaw: angle about +y in radians by which the asset is turned first.

    Returns:
        (R, R, R) bool, [x, y, z].
    """
    return occupancy(mesh, grid_transform(mesh, resolution, yaw), resolution)


def occupancy(mesh: Mesh, to_grid: Matrix4, resolution: int) -> Voxels:
    """(R, R, R) cells of a mesh's surface and of what it encloses.

    Args:
        mesh: the mesh.
        to_grid: (4, 4) to grid coordinates, in which it keeps clear of the outermost cells.
        resolution: R.
    """
    vertices = mesh.vertices @ to_grid[:3, :3].T + to_grid[:3, 3]
    surface = np.zeros((resolution,) * 3, dtype=bool)
    for start in range(0, len(mesh.faces), _FACES):
        surface |= surface_cells(vertices[mesh.faces[start : start + _FACES]], resolution)
    return fill_enclosed(surface)


def voxel_grid(mesh: Mesh, resolution: int = RESOLUTION) -> trimesh.voxel.VoxelGrid:
    """The same as a trimesh ``VoxelGrid``, whose transform leads back to the mesh's coordinates."""
    from trimesh.voxel import VoxelGrid

    # trimesh puts a cell's index at its centre, grid coordinates put it at its lower corner.
    centre = np.eye(4)
    centre[:3, 3] = 0.5
    from_grid = np.linalg.inv(grid_transform(mesh, resolution)) @ centre
    grid: trimesh.voxel.VoxelGrid = VoxelGrid(  # type: ignore[no-untyped-call]
        voxelise(mesh, resolution), transform=from_grid
    )
    return grid


def grid_transform(mesh: Mesh, resolution: int = RESOLUTION, yaw: float = 0.0) -> Matrix4:
    """(4, 4) from the mesh's coordinates to grid coordinates, cell i spanning [i, i + 1]."""
    used = mesh.corners
    (x, z), radius = minimum_circle(used[:, [0, 2]])
    low, high = float(used[:, 1].min()), float(used[:, 1].max())
    scale = (resolution - 2 * PADDING - _MARGIN) / max(2 * radius, high - low)
    cos, sin = np.cos(yaw), np.sin(yaw)
    to_grid = np.eye(4)
    to_grid[:3, :3] = scale * np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    to_grid[:3, 3] = resolution / 2 - to_grid[:3, :3] @ [x, (low + high) / 2, z]
    return to_grid


def fill_enclosed(surface: Voxels) -> Voxels:
    """The surface and all cells that no path through faces of empty cells joins to the outside.

    Args:
        surface: (R, R, R) bool with an empty border.
    """
    regions, _ = ndimage.label(~surface)
    filled: Voxels = regions != regions[0, 0, 0]
    return filled


def surface_cells(triangles: NDArray[np.float64], resolution: int) -> Voxels:
    """The cells that triangles overlap.

    Args:
        triangles: (F, 3, 3) corners in grid coordinates, cell i spanning [i, i + 1].
        resolution: R.

    Returns:
        (R, R, R) bool.
    """
    grid = np.zeros((resolution,) * 3, dtype=bool)
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    # Two axes span the projection in which the triangle is largest, the third is its depth.
    depth_axis = np.abs(normals).argmax(axis=1)
    solid = normals[np.arange(len(normals)), depth_axis] != 0
    for depth in range(3):
        chosen = solid & (depth_axis == depth)
        axes = [(depth + 1) % 3, (depth + 2) % 3, depth]
        view = grid.transpose(axes)
        for part, facing in _chunks(triangles[chosen][:, :, axes], normals[chosen][:, axes]):
            view[_overlapped(part, facing)] = True
    return grid


def _chunks(
    triangles: NDArray[np.float64], normals: NDArray[np.float64]
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Splits so that no part has much more than ``_CHUNK`` candidate cells."""
    spans = np.ptp(triangles[:, :, :2], axis=1) + 1
    load = np.cumsum(spans[:, 0] * spans[:, 1]) // _CHUNK
    cuts = np.flatnonzero(np.diff(load)) + 1
    return list(zip(np.split(triangles, cuts), np.split(normals, cuts), strict=True))


def _overlapped(
    triangles: NDArray[np.float64], normals: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Cells (u, v, depth) that triangles overlap, their normals being largest along depth."""
    low = np.floor(triangles.min(axis=1) - _TOLERANCE).astype(np.int64)
    high = np.floor(triangles.max(axis=1) + _TOLERANCE).astype(np.int64)

    # Columns of cells under the bounding rectangle of each triangle.
    size = high[:, :2] - low[:, :2] + 1
    row, offset = _expand(size[:, 0] * size[:, 1])
    u = low[row, 0] + offset // size[row, 1]
    v = low[row, 1] + offset % size[row, 1]
    edges_uv = _edges(triangles, normals[:, 2], 0, 1)
    keep = _inside(edges_uv, row, u, v)
    row, u, v = row[keep], u[keep], v[keep]

    # Depths that the triangle's plane takes above each column.
    slope = -normals[:, :2] / normals[:, 2:]
    base = triangles[:, 0, 2] - (slope * triangles[:, 0, :2]).sum(axis=1)
    middle = base[row] + slope[row, 0] * (u + 0.5) + slope[row, 1] * (v + 0.5)
    reach = np.abs(slope).sum(axis=1)[row] / 2 + _TOLERANCE
    first = np.maximum(np.floor(middle - reach).astype(np.int64), low[row, 2])
    last = np.minimum(np.floor(middle + reach).astype(np.int64), high[row, 2])
    column, offset = _expand(np.maximum(last - first + 1, 0))
    row, u, v, depth = row[column], u[column], v[column], first[column] + offset

    keep = _inside(_edges(triangles, normals[:, 0], 1, 2), row, v, depth)
    keep &= _inside(_edges(triangles, normals[:, 1], 2, 0), row, depth, u)
    return u[keep], v[keep], depth[keep]


def _expand(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For counts (2, 3): rows (0, 0, 1, 1, 1) and offsets (0, 1, 0, 1, 2)."""
    row = np.repeat(np.arange(len(counts)), counts)
    offset = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    return row, offset


def _edges(
    triangles: NDArray[np.float64], facing: NDArray[np.float64], i: int, j: int
) -> NDArray[np.float64]:
    """(F, 3, 3) rows a, b, c: the unit cell at (p, q) touches the inner side if ap + bq + c >= 0.

    Args:
        triangles: (F, 3, 3).
        facing: (F,) the normal's component perpendicular to the plane (i, j).
        i: first axis of the plane.
        j: second axis of the plane, the next one in cyclic order.
    """
    p, q = triangles[:, :, i], triangles[:, :, j]
    turn = np.where(facing >= 0, 1.0, -1.0)[:, None]
    a = (q - np.roll(q, -1, axis=1)) * turn
    b = (np.roll(p, -1, axis=1) - p) * turn
    length = np.abs(a) + np.abs(b)
    # The corner of the cell that lies farthest inside decides.
    c = np.maximum(a, 0) + np.maximum(b, 0) - (a * p + b * q) + _TOLERANCE * length
    return np.stack([a, b, c], axis=2)


def _inside(
    edges: NDArray[np.float64],
    row: NDArray[np.int64],
    p: NDArray[np.int64],
    q: NDArray[np.int64],
) -> NDArray[np.bool_]:
    keep = np.ones(len(row), dtype=bool)
    for edge in range(3):
        a, b, c = edges[row, edge].T
        keep &= a * p + b * q + c >= 0
    return keep
