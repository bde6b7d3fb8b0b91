"""Putting one asset in another's place: transforms found back, overlaps, proportions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from shapesim.exporting import moved
from shapesim.fitting.surfaces import Surface
from shapesim.fitting.transforms import camera_beside, fit, overlap
from shapesim.kernels import registration
from shapesim.types import Material, Matrix4, Mesh


def mesh_of(*parts: trimesh.Trimesh) -> Mesh:
    """One mesh of several parts."""
    joined = trimesh.util.concatenate(list(parts))
    assert isinstance(joined, trimesh.Trimesh)
    return Mesh(
        vertices=np.asarray(joined.vertices, np.float64),
        faces=np.asarray(joined.faces, np.int64),
        materials=(Material(),),
        face_materials=np.zeros(len(joined.faces), np.int64),
    )


def box(size: tuple[float, float, float], at: tuple[float, float, float]) -> trimesh.Trimesh:
    """A box around a point."""
    made = trimesh.creation.box(size)
    made.apply_translation(at)
    return made


def lamp() -> Mesh:
    """Nothing but itself looks like it, from no side."""
    return mesh_of(
        box((1.0, 0.1, 0.7), (0, 0.05, 0)),
        box((0.1, 1.5, 0.1), (0.4, 0.8, 0.2)),
        box((0.7, 0.1, 0.1), (0.1, 1.5, 0.2)),
        box((0.2, 0.2, 0.3), (-0.2, 1.3, 0.25)),
    )


def placed(yaw: float, scale: float, shift: tuple[float, float, float]) -> Matrix4:
    """(4, 4) of a turn about up, a scale and a shift."""
    matrix: NDArray[np.float64] = trimesh.transformations.rotation_matrix(yaw, (0, 1, 0))
    matrix[:3, :3] *= scale
    matrix[:3, 3] = shift
    return matrix


@pytest.mark.parametrize("yaw", [0.0, 0.3, 1.9, 3.3, 5.0])
def test_a_moved_copy_is_found_back(yaw: float) -> None:
    """Yaw, scale and shift, with the triangles cut into others."""
    mesh = lamp()
    matrix = placed(yaw, 0.37, (12.0, -3.0, 5.0))
    query = moved(mesh, matrix)
    vertices, faces = trimesh.remesh.subdivide(query.vertices, query.faces)
    cut = replace(query, vertices=vertices, faces=faces, face_materials=np.zeros(len(faces), int))
    found = fit(Surface(cut), Surface(mesh))
    np.testing.assert_allclose(found.transform, matrix, atol=0.005)
    assert found.iou > 0.95
    np.testing.assert_allclose(found.proportions, 1, atol=0.01)


@pytest.mark.parametrize("higher", [0.8, 0.9, 1.1, 1.25])
def test_what_is_higher_stands_on_the_same_ground(higher: float) -> None:
    """Though it is the same but for its legs, it is not laid upon the plate of the other."""
    legs = [box((0.1, 0.9, 0.1), (x, 0.45, z)) for x in (-0.9, 0.9) for z in (-0.4, 0.4)]
    bench = mesh_of(box((2.0, 0.1, 1.0), (0, 0.95, 0)), box((2.0, 0.05, 0.2), (0, 0.4, 0)), *legs)
    query = replace(bench, vertices=bench.vertices * [1, higher, 1])
    found = fit(Surface(query), Surface(bench))
    low = (bench.vertices @ found.transform[:3, :3].T + found.transform[:3, 3])[:, 1].min()
    assert low == pytest.approx(0, abs=1e-3)


def test_a_mirror_image_is_allowed_only_on_request() -> None:
    """Without a mirror the fit stays worse; with it the transform has one."""
    mesh = lamp()
    query = moved(mesh, np.diag([-1.0, 1.0, 1.0, 1.0]))
    assert np.linalg.det(fit(Surface(query), Surface(mesh)).transform) > 0
    mirrored = fit(Surface(query), Surface(mesh), mirror=True)
    assert np.linalg.det(mirrored.transform) < 0
    assert mirrored.iou > 0.95
    unturned = fit(Surface(mesh), Surface(mesh), mirror=True)
    assert np.linalg.det(unturned.transform) > 0


def test_what_lies_on_its_side_is_set_up_only_on_request() -> None:
    """An asset whose file was exported with another up axis."""
    mesh = lamp()
    lying = moved(mesh, trimesh.transformations.rotation_matrix(np.pi / 2, (1, 0, 0)))
    assert fit(Surface(mesh), Surface(lying)).iou < 0.5
    assert fit(Surface(mesh), Surface(lying), any_up=True).iou > 0.95
    assert fit(Surface(mesh), Surface(mesh), any_up=True).iou > 0.95


def test_a_stretched_box_fills_the_other() -> None:
    """Per-axis scale makes the boxes equal; a uniform one keeps the proportions."""
    query, asset = mesh_of(box((2, 1, 1), (5, 0.5, 0))), mesh_of(box((1, 1, 1), (0, 0.5, 0)))
    uniform = fit(Surface(query), Surface(asset))
    sizes = np.linalg.norm(uniform.transform[:3, :3], axis=0)
    np.testing.assert_allclose(sizes, sizes[0])
    assert uniform.transform[1, 3] == pytest.approx(0, abs=1e-6)
    stretched = fit(Surface(query), Surface(asset), stretch=True)
    assert stretched.iou > 0.99
    np.testing.assert_allclose(stretched.proportions, 1, atol=1e-6)


def test_a_match_is_seen_as_it_would_stand() -> None:
    """A picture of it in its place is one of it where it is, from elsewhere."""
    from shapesim.rendering.views import render

    mesh, camera = lamp(), (325.0, 20.0)
    for matrix in (placed(0.7, 1.0, (0, 0, 0)), placed(3.9, 2.0, (1, 5, 2))):
        there = render(moved(mesh, matrix), [camera], 64)[0].astype(int)
        here = render(mesh, [camera_beside(camera, matrix)], 64)[0].astype(int)
        assert (np.abs(there - here).max(axis=2) > 40).mean() < 0.01
    for other in (np.diag([-1.0, 1, 1, 1]), np.diag([1.0, -1, -1, 1])):
        assert camera_beside(camera, other) == camera


def test_overlap_of_boxes_by_hand() -> None:
    """Half of one box lies in the other: a third of both."""
    query, asset = mesh_of(box((4, 4, 4), (0, 0, 0))), mesh_of(box((4, 4, 4), (0, 0, 0)))
    shift = np.eye(4)
    assert overlap(query, asset, shift) == 1
    shift[0, 3] = 2
    assert overlap(query, asset, shift) == pytest.approx(1 / 3, abs=0.05)
    shift[0, 3] = 20
    assert overlap(query, asset, shift) == 0


def test_what_is_flat_or_round_fits_too() -> None:
    """A plane has no height, a ball no front."""
    plane = mesh_of(trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [1, 0, 2]], [[0, 2, 1]]))
    found = fit(Surface(plane), Surface(moved(plane, placed(1.0, 3.0, (0, 4, 0)))))
    assert np.isfinite(found.transform).all()
    assert found.iou > 0.5
    assert found.proportions[1] == 1  # of no height
    ball = mesh_of(trimesh.creation.icosphere(subdivisions=3))
    large = moved(ball, placed(0.0, 1000.0, (0, 0, 0)))
    found = fit(Surface(ball), Surface(large))
    assert found.iou > 0.95
    assert found.transform[0, 0] ** 2 + found.transform[0, 2] ** 2 == pytest.approx(1e-6, rel=0.02)


def test_a_part_is_laid_upon_its_whole() -> None:
    """Though its completion is coarse, it says where the whole stood; the rest does not pull."""
    mesh = lamp()
    vertices, faces = trimesh.remesh.subdivide_to_size(mesh.vertices, mesh.faces, 0.05)
    kept = faces[vertices[faces].mean(axis=1)[:, 0] < 0.2]
    matrix = placed(2.3, 1.7, (4.0, 1.0, -2.0))
    part = moved(replace(mesh, vertices=vertices, faces=kept,
                         face_materials=np.zeros(len(kept), np.int64)), matrix)  # fmt: skip
    coarse = moved(mesh_of(box((1.1, 1.6, 0.7), (0.05, 0.8, 0))), matrix)
    found = fit(Surface(part), Surface(mesh), whole=Surface(coarse))
    assert found.covered is not None
    assert found.covered > 0.97
    assert np.allclose(found.transform, matrix, atol=0.02 * 1.7)
    other = mesh_of(trimesh.creation.icosphere(radius=0.5))
    far = fit(Surface(part), Surface(other), whole=Surface(coarse))
    assert far.covered is not None
    assert far.covered < 0.6
    assert fit(Surface(part), Surface(mesh)).covered is None


@pytest.mark.parametrize("part", ["plate", "strip"])
def test_what_is_flat_blows_nothing_up(part: str) -> None:
    """Though it lies on anything that is large enough."""
    sides = (1.0, 1.0) if part == "plate" else (3.0, 0.3)
    flat = trimesh.creation.box((sides[0], 1e-3, sides[1])).subdivide().subdivide()
    noisy = flat.vertices + np.random.default_rng(0).normal(0, 1e-3, flat.vertices.shape)
    query = Surface(mesh_of(trimesh.Trimesh(noisy, flat.faces, process=False)))
    for asset in (lamp(), mesh_of(trimesh.creation.icosphere(radius=0.5))):
        found = fit(query, Surface(asset), whole=query)
        scale = np.cbrt(np.linalg.det(found.transform[:3, :3]))
        assert scale < 3


def test_nearest_points_are_the_nearest() -> None:
    """As a k-d tree finds them near a surface; far from it, never nearer than they can be."""
    query, asset = Surface(lamp()), Surface(mesh_of(box((1.2, 1.1, 0.4), (0.3, 0.9, 0.1))))
    around = query.points + np.random.default_rng(0).normal(0, 0.07, query.points.shape)
    matrix = placed(0.4, 0.9, (0.1, -0.1, 0.05))
    back = np.linalg.inv(matrix)
    found = registration.separations(
        query.grid, asset.grid, around, asset.points, matrix[None], back[None],
        registration.Frame(query.axis, 1.0), 0.0,
    )[0]  # fmt: skip
    moved_points = asset.points @ matrix[:3, :3].T + matrix[:3, 3]
    true = np.concatenate(
        [cKDTree(query.points).query(moved_points)[0], cKDTree(moved_points).query(around)[0]]
    )
    assert (found >= true - 1e-9).all()
    near = true < 2 * min(query.grid.side, 0.9 * asset.grid.side)
    assert 100 < near.sum() < len(true) - 100
    np.testing.assert_allclose(found[near], true[near], atol=1e-9)
    assert np.median(found[~near] / true[~near]) < 1.1
