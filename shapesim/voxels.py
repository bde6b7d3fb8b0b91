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
from shapesim.kernels import cells
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


def voxelise(mesh: Mesh, resolution: int = RESOLUTION, yaw: float = 0.0) -> Voxels:
    """Occupancy of the mesh in the grid of its upright bounding cylinder.

    The cylinder, unlike the box, stays the same when the asset turns about up: turning the asset
    turns the content of the grid and changes neither its scale nor its place.

    Args:
        mesh: y up, any unit.
        resolution: R, cells along each axis, the empty border of one cell included; at least 4.
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
    return fill_enclosed(surface_cells(vertices[mesh.faces], resolution))


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
    if resolution < 2 * PADDING + 2:
        raise ValueError(f"a grid has {2 * PADDING + 2} cells along each axis at least")
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
    cells.overlap(grid, np.ascontiguousarray(triangles, np.float64), _TOLERANCE)
    return grid
