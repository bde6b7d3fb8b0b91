"""Voxels against closed forms, dense sampling, turned copies and trimesh."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray

from shapesim.voxels import fill_enclosed, grid_transform, surface_cells, voxel_grid, voxelise
from tests.conftest import as_mesh, lopsided, yawed


def box_without(side: int, size: tuple[float, float, float] = (1, 1, 1)) -> trimesh.Trimesh:
    """A box whose faces towards +x, +y or +z (side 0, 1, 2) are left out."""
    box = trimesh.creation.box(size)
    box.update_faces(box.face_normals[:, side] < 0.5)
    return box


def reference_cells(triangle: NDArray[np.float64], size: int) -> NDArray[np.bool_]:
    """Cells that hold one of very many points of the triangle."""
    steps = 400
    u, v = np.meshgrid(np.linspace(0, 1, steps), np.linspace(0, 1, steps))
    inside = u + v <= 1
    weights = np.stack([1 - u - v, u, v], axis=-1)[inside]
    cells = np.floor(weights @ triangle).astype(int)
    grid = np.zeros((size,) * 3, dtype=bool)
    grid[tuple(cells.T)] = True
    return grid


@pytest.mark.parametrize("seed", range(20))
def test_surface_cells_equal_dense_sampling(seed: int) -> None:
    """Every sampled cell is found, and what is found beyond is touched within the tolerance."""
    rng = np.random.default_rng(seed)
    triangle = rng.uniform(1, 15, (3, 3))
    if seed % 4 == 0:
        triangle[:, seed % 3] = triangle[0, seed % 3]  # parallel to an axis
    found = surface_cells(triangle[None], 16)
    sampled = reference_cells(triangle, 16)
    assert not (sampled & ~found).any()
    for cell in np.argwhere(found & ~sampled):
        assert distance_to_cell(triangle, cell) < 0.08


def distance_to_cell(triangle: NDArray[np.float64], cell: NDArray[np.int64]) -> float:
    """Largest distance along an axis between the cell and the nearest point of the triangle."""
    steps = 600
    u, v = np.meshgrid(np.linspace(0, 1, steps), np.linspace(0, 1, steps))
    inside = u + v <= 1
    points = np.stack([1 - u - v, u, v], axis=-1)[inside] @ triangle
    return float(np.maximum(np.maximum(cell - points, points - cell - 1), 0).max(axis=1).min())


def test_a_solid_cube_has_its_closed_form() -> None:
    """A cube is a filled cube of cells: its diagonal spans the grid, its height follows."""
    grid = voxelise(as_mesh(trimesh.creation.box((1, 1, 1))))
    side = (32 - 2 - 0.1) / np.sqrt(2)
    cells = 2 * np.ceil(side / 2)  # the middle of the cube lies between two cells
    assert grid.sum() == cells**3


def test_a_tall_asset_spans_the_height() -> None:
    """The longest extent fills the grid but for one empty cell on each side."""
    grid = voxelise(as_mesh(trimesh.creation.box((0.2, 3.0, 0.2))))
    assert np.flatnonzero(grid.any(axis=(0, 2))).tolist() == list(range(1, 31))


@pytest.mark.parametrize("resolution", [16, 30, 32, 48])
def test_the_border_is_empty(resolution: int) -> None:
    """One cell on every side stays empty at every resolution and yaw."""
    grid = voxelise(as_mesh(lopsided()), resolution, yaw=0.3)
    inner = grid[1:-1, 1:-1, 1:-1]
    assert grid.shape == (resolution,) * 3
    assert grid.sum() == inner.sum() > 0


def test_place_scale_and_triangles_make_no_difference() -> None:
    """A moved, scaled and subdivided copy has the same grid, cell by cell."""
    shape = lopsided()
    copy = shape.subdivide().subdivide().apply_scale(123.4).apply_translation((1e3, -7, 55))
    np.testing.assert_array_equal(voxelise(as_mesh(shape)), voxelise(as_mesh(copy)))


def test_a_quarter_turn_turns_the_grid() -> None:
    """Turning the asset by 90 degrees about up is np.rot90 of its grid, cell by cell."""
    shape = lopsided()
    turned = shape.copy().apply_transform(yawed(np.pi / 2))
    expected = np.rot90(voxelise(as_mesh(shape)), axes=(2, 0))
    np.testing.assert_array_equal(voxelise(as_mesh(turned)), expected)
    np.testing.assert_array_equal(voxelise(as_mesh(shape), yaw=np.pi / 2), expected)


@pytest.mark.parametrize("side", [0, 1, 2])
def test_an_open_box_is_not_filled(side: int) -> None:
    """Without one side a box stays hollow, whichever side it is; with all it is solid."""
    closed = voxelise(as_mesh(trimesh.creation.box((1, 1, 1))))
    opened = voxelise(as_mesh(box_without(side)))
    middle = (16, 16, 16)
    assert closed[middle]
    assert not opened[middle]


def test_a_plane_stays_thin() -> None:
    """A single sheet is at most two cells thick and has no volume behind it."""
    sheet = as_mesh(
        trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]])
    )
    grid = voxelise(sheet)
    assert 1 <= grid.any(axis=(0, 1)).sum() <= 2
    assert grid.any(axis=(1, 2)).sum() >= 28


def test_walls_that_touch_at_edges_hold() -> None:
    """Six separate sides of a box, as modellers leave them, enclose a solid."""
    box = trimesh.creation.box((1, 1, 1))
    sides = [box.submesh([[face]], append=True) for face in range(len(box.faces))]
    loose = trimesh.util.concatenate(sides)
    assert isinstance(loose, trimesh.Trimesh)
    np.testing.assert_array_equal(voxelise(as_mesh(loose)), voxelise(as_mesh(box)))


def test_fill_enclosed_matches_scipy() -> None:
    """Filling by what is outside is scipy's binary_fill_holes."""
    from scipy.ndimage import binary_fill_holes

    rng = np.random.default_rng(0)
    surface = np.zeros((20,) * 3, dtype=bool)
    surface[1:-1, 1:-1, 1:-1] = rng.random((18,) * 3) < 0.6
    np.testing.assert_array_equal(fill_enclosed(surface), binary_fill_holes(surface))


def test_trimesh_subdivision_finds_the_same_surface() -> None:
    """Trimesh's own voxels of the same surface at the same pitch are among ours, and nearly all."""
    shape = lopsided()
    to_grid = grid_transform(as_mesh(shape))
    # trimesh rounds coordinates to cells, so cell i spans [i - 0.5, i + 0.5] there.
    scaled = shape.copy().apply_transform(to_grid).apply_translation((-0.5, -0.5, -0.5))
    reference = scaled.voxelized(1.0, max_iter=30)
    ours = surface_cells(np.asarray(shape.copy().apply_transform(to_grid).triangles), 32)
    theirs = np.zeros_like(ours)
    theirs[tuple(np.round(reference.points).astype(int).T)] = True
    assert not (theirs & ~ours).any()
    assert theirs.sum() > 0.95 * ours.sum()


def test_voxel_grid_lies_on_the_mesh() -> None:
    """The VoxelGrid's transform puts its cells where the mesh is, in the mesh's own units."""
    shape = lopsided().apply_scale(3.0).apply_translation((10, 20, 30))
    grid = voxel_grid(as_mesh(shape))
    pitch = 1 / grid_transform(as_mesh(shape))[0, 0]
    np.testing.assert_allclose(grid.bounds, shape.bounds, atol=1.1 * pitch)
    np.testing.assert_array_equal(grid.matrix, voxelise(as_mesh(shape)))
