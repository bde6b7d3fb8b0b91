"""Pictures of meshes, against what geometry says must be seen."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image

from shapesim.meshes import load_mesh
from shapesim.pictures.images import load_image
from shapesim.rendering import texturing, views
from shapesim.rendering.views import _Camera, on_background, render, ring
from shapesim.types import Material, Mesh
from tests.conftest import as_mesh, lopsided

FRONT = [(0.0, 0.0)]


def quad(**changes: object) -> Mesh:
    """A square of side 2 that faces +z, with texture coordinates from corner to corner."""
    mesh = Mesh(
        vertices=np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], float),
        faces=np.array([[0, 1, 2], [0, 2, 3]]),
        materials=(Material(),),
        face_materials=np.zeros(2, np.int64),
        uvs=np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float),
    )
    return replace(mesh, **changes)  # type: ignore[arg-type]


def joined(parts: list[trimesh.Trimesh]) -> trimesh.Trimesh:
    """Several shapes as one."""
    both = trimesh.util.concatenate(parts)
    assert isinstance(both, trimesh.Trimesh)
    return both


def quarters() -> Image.Image:
    """Red, green over blue, white."""
    corners = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8)
    return Image.fromarray(corners.repeat(16, axis=0).repeat(16, axis=1))


def test_what_is_seen_agrees_with_every_triangle_tried() -> None:
    """A pixel is opaque just where its ray hits one of the triangles."""
    mesh = as_mesh(lopsided())
    picture = render(mesh, [(40.0, 25.0)], 48)[0]
    low, high = mesh.corners.min(axis=0), mesh.corners.max(axis=0)
    scale = 2 / np.linalg.norm(high - low)
    triangles = (mesh.triangles - (low + high) / 2) * scale
    camera = _Camera(triangles.reshape(-1, 3), 40.0, 25.0)
    rays = camera.rays(48, np.arange(48 * 48)).astype(float)
    hit = np.zeros(len(rays), bool)
    for a, b, c in triangles:
        # Tomas Möller and Ben Trumbore, "Fast, minimum storage ray/triangle intersection" (1997).
        e, f, s = b - a, c - a, camera.position - a
        p = np.cross(rays, f)
        with np.errstate(divide="ignore", invalid="ignore"):
            u = (p @ s) / (p @ e)
            v = (rays @ np.cross(s, e)) / (p @ e)
        hit |= (u >= 0) & (v >= 0) & (u + v <= 1)
    assert ((picture[..., 3] > 0).ravel() == hit).mean() > 0.999


@pytest.mark.parametrize("camera", [(0.0, 0.0), (35.0, 20.0), (200.0, 80.0), (90.0, -30.0)])
def test_the_whole_asset_fills_the_frame(camera: tuple[float, float]) -> None:
    """Nothing is cut off at the sides, and the longer side takes nearly all of the picture."""
    alpha = render(as_mesh(lopsided()), [camera], 200)[0, ..., 3]
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    for seen in (rows, columns):
        assert seen[0] > 1
        assert seen[-1] < 198
    assert max(np.ptp(rows), np.ptp(columns)) > 0.9 * 200


@pytest.mark.parametrize("width", [0.0, 1e-9, 0.01])
def test_a_blade_that_points_at_the_camera_is_seen_whole(width: float) -> None:
    """Its tip is no wider than the lens, and yet stays before it."""
    base = np.array([[-0.1, -0.1, -1], [0.1, -0.1, -1], [0.1, 0.1, -1], [-0.1, 0.1, -1]])
    tip = np.array([[-width, 0, 1], [width, 0, 1.0]])
    blade = trimesh.Trimesh(np.concatenate([base, tip])).convex_hull
    camera = _Camera(np.asarray(blade.vertices), 0.0, 0.0)
    assert camera.position[2] > 1.1
    assert np.abs(camera._seen).max() <= 1
    shown = render(as_mesh(blade), FRONT, 64)[0][..., 3] > 0
    assert shown.any()
    assert not shown[[0, -1]].any()
    assert not shown[:, [0, -1]].any()


def test_up_is_up_and_right_is_right() -> None:
    """From +z, +y is at the top and +x at the right of the picture."""
    bar = trimesh.creation.box((0.2, 2.0, 0.2))
    arm = trimesh.creation.box((0.8, 0.2, 0.2)).apply_translation((0.5, 0.9, 0.0))
    alpha = render(as_mesh(joined([bar, arm])), FRONT, 100)[0, ..., 3] > 0
    top, bottom = np.nonzero(alpha[:20])[1], np.nonzero(alpha[-20:])[1]
    assert len(top) > 2 * len(bottom)
    assert top.mean() > bottom.mean() + 10


def test_size_and_place_do_not_matter() -> None:
    """A copy a thousand times as large and far away gives the same pictures."""
    mesh = as_mesh(lopsided())
    moved = replace(mesh, vertices=mesh.vertices * 1000 + [5000.0, -200.0, 40.0])
    first, second = render(mesh, ring(2), 64), render(moved, ring(2), 64)
    assert np.abs(first.astype(int) - second.astype(int)).mean() < 0.3


def test_a_texture_is_put_where_its_coordinates_say() -> None:
    """The picture's corners come out at the square's corners, in their colours."""
    mesh = quad(materials=(Material(colour=(1, 1, 1, 1), texture=quarters()),))
    seen = render(mesh, FRONT, 64)[0]
    for row, column, bright in ((16, 16, [0]), (16, 48, [1]), (48, 16, [2]), (48, 48, [0, 1, 2])):
        for channel in range(3):
            value = seen[row, column, channel]
            assert value > 150 if channel in bright else value < 60


def test_coordinates_without_a_texture_do_no_harm() -> None:
    """UVs with no picture show the plain colour."""
    seen = render(quad(materials=(Material(colour=(0, 0.5, 0, 1)),)), FRONT, 32)[0, 16, 16]
    assert seen[1] > 100
    assert seen[0] == seen[2] == 0


def test_vertex_colours_blend_between_corners() -> None:
    """Red at the left and blue at the right give both in the middle."""
    colours = np.array([[255, 0, 0, 255], [0, 0, 255, 255]] * 2, np.uint8)[[0, 1, 1, 0]]
    seen = render(quad(colours=colours, uvs=None), FRONT, 64)[0, 32].astype(int)
    assert seen[4, 0] > seen[4, 2] + 80
    assert seen[59, 2] > seen[59, 0] + 80
    assert abs(seen[32, 0] - seen[32, 2]) < 20


def test_alpha_of_a_texture_is_cut_out_where_it_counts() -> None:
    """A transparent half is not there; a material that is opaque by its file shows it."""
    leaf = np.full((32, 32, 4), 200, np.uint8)
    leaf[:, :16, 3] = 0
    leaf[:, 16:, 3] = 255
    for counts in (True, False):
        material = Material(texture=Image.fromarray(leaf), is_cut_out=counts)
        alpha = render(quad(materials=(material,)), FRONT, 64)[0, 32, :, 3]
        assert alpha[48] == 255
        assert alpha[16] == (0 if counts else 255)


def test_what_is_behind_glass_shows_through() -> None:
    """Half-transparent red before opaque blue shows both."""
    front, back = quad(uvs=None), quad(uvs=None)
    both = replace(
        front,
        vertices=np.vstack([front.vertices, back.vertices - [0, 0, 0.5]]),
        faces=np.vstack([front.faces, back.faces + 4]),
        materials=(Material(colour=(1, 0, 0, 0.5)), Material(colour=(0, 0, 1, 1))),
        face_materials=np.array([0, 0, 1, 1]),
    )
    red, green, blue, alpha = (int(value) for value in render(both, FRONT, 32)[0, 16, 16])
    assert alpha == 255
    assert green == 0
    assert red > 80
    assert blue > 80


def test_a_corner_is_darker_than_the_open() -> None:
    """Ambient occlusion: deep in a pit, less light arrives than on its rim."""
    floor = trimesh.creation.box((4.0, 0.1, 4.0))
    walls = [
        trimesh.creation.box((0.1, 1.5, 1.0)).apply_translation((x, 0.75, 0.0)) for x in (-0.3, 0.3)
    ]
    picture = render(as_mesh(joined([floor, *walls])), [(0.0, 89.0)], 120)[0]
    assert picture[60, 60, :3].mean() < picture[60, 20, :3].mean() - 15


def test_what_is_thinner_than_a_pixel_and_colours_that_are_no_numbers() -> None:
    """A wire may meet no pixel that asks for occlusion; a broken colour is one of the others."""
    for turn in range(8):
        wire = trimesh.creation.box((0.001, 4.0, 0.001)).apply_translation((turn / 99, 0, 0))
        pole = trimesh.creation.box((0.002, 0.002, 4.0))
        for mesh in (as_mesh(wire), as_mesh(pole)):
            assert render(mesh, ring(2), 31 + turn).shape == (2, 31 + turn, 31 + turn, 4)
    nan, inf = float("nan"), float("inf")
    picture = render(quad(materials=(Material(colour=(nan, inf, -2, 1)),)), FRONT, 16)[0]
    assert picture[8, 8, 3] == 255
    assert picture[8, 8, 1] > 150
    assert picture[8, 8, 2] == 0


def test_few_rays_at_once_see_what_many_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large pictures ask for occlusion block by block."""
    mesh = as_mesh(lopsided())
    whole = render(mesh, FRONT, 64)
    monkeypatch.setattr(views, "_RAYS_AT_ONCE", 37)
    np.testing.assert_array_equal(render(mesh, FRONT, 64), whole)


def test_smooth_where_flat_and_hard_at_edges() -> None:
    """Without normals in the file, a fine sphere is shaded smoothly and a box has plain sides."""
    sphere = render(as_mesh(trimesh.creation.icosphere(3)), FRONT, 100)[0, 50, 10:90, 0].astype(int)
    assert np.abs(np.diff(sphere)).max() < 12
    box = render(as_mesh(trimesh.creation.box()), [(45.0, 0.0)], 100, light=None)[0, 50].astype(int)
    sides = box[box[:, 3] > 0, 0]
    assert np.abs(np.diff(sides)).max() > 15


def test_smooth_normals_past_the_outline_leave_no_dark_spots() -> None:
    """A lid whose normals lean outwards by its rim is lit from above all over."""
    lid = trimesh.creation.cylinder(1.0, 0.3, sections=24)
    lid.apply_transform(trimesh.transformations.rotation_matrix(-np.pi / 2, (1, 0, 0)))
    mesh = as_mesh(lid)
    leaning = mesh.vertices * [1.0, 0.3, 1.0]
    leaning /= np.linalg.norm(leaning, axis=1, keepdims=True) + 1e-12
    picture = render(replace(mesh, normals=leaning), [(0.0, 12.0)], 120)[0]
    turned = render(replace(mesh, normals=-leaning), [(0.0, 12.0)], 120)[0]
    assert picture[picture[..., 3] == 255][:, :3].min() > 60
    # Normals that all point inwards are the same mesh, its faces turned inside out.
    assert np.abs(picture.astype(int) - turned.astype(int)).mean() < 1


def test_a_mesh_that_is_all_transparent_is_still_shown() -> None:
    """Exporters that write an opacity of 0 for everything mean nothing by it."""
    mesh = quad(materials=(Material(colour=(1, 1, 1, 0)),))
    assert render(mesh, FRONT, 16)[0, 8, 8, 3] == 255


def test_alpha_of_vertices_that_hides_all_means_nothing() -> None:
    """Games keep other things in it; where it hides a part only, it counts."""
    hidden = np.tile([200, 30, 30, 0], (4, 1)).astype(np.uint8)
    shown = render(quad(colours=hidden), FRONT, 16)[0, 8, 8]
    assert shown[3] == 255
    assert shown[0] > 2 * shown[1]
    hidden[[0, 3], 3] = 255
    picture = render(quad(colours=hidden), FRONT, 16)[0, 8, :, 3]
    assert picture[3] > 200
    assert picture[12] < 60


def test_materials_share_a_texture(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is decoded once."""
    decoded = []

    def load(*words: Any) -> Any:
        decoded.append(words)
        return load_image(*words)

    monkeypatch.setattr(texturing, "load_image", load)
    paint = quarters()
    mesh = quad(
        materials=(Material("a", texture=paint), Material("b", texture=paint)),
        face_materials=np.array([0, 1]),
    )
    assert render(mesh, FRONT, 16)[0, 8, 8, 3] == 255
    assert len(decoded) == 1


def test_a_texture_outside_of_the_pack_is_not_followed(tmp_path: Path) -> None:
    """The picture of a neighbour stays private; one in the pack's texture folder is taken."""
    models = tmp_path / "pack" / "models"
    for folder in (models, tmp_path / "pack" / "textures"):
        folder.mkdir(parents=True)
    Image.new("RGB", (4, 4), (0, 255, 0)).save(tmp_path / "pack" / "textures" / "ours.png")
    Image.new("RGB", (4, 4), (255, 0, 0)).save(tmp_path / "private.png")
    shape = "v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\nusemtl m\nf 1/1 2/2 3/3\n"
    named = [("../textures/ours.png", True), ("../../private.png", False)]
    named += [(str(tmp_path / "private.png"), False)]
    for number, (name, taken) in enumerate(named):
        (models / f"{number}.mtl").write_text(f"newmtl m\nKd 1 1 1\nmap_Kd {name}\n")
        (models / f"{number}.obj").write_text(f"mtllib {number}.mtl\n{shape}")
        mesh = load_mesh(models / f"{number}.obj")
        assert (mesh.materials[0].texture is not None) == taken
        assert any("pack" in warning for warning in mesh.warnings) != taken


def test_background() -> None:
    """A transparent pixel takes the colour behind it, an opaque one keeps its own."""
    pixels = np.array([[[[10, 20, 30, 0], [10, 20, 30, 255]]]], np.uint8)
    assert on_background(pixels, (1, 2, 3)).tolist() == [[[[1, 2, 3], [10, 20, 30]]]]


def test_a_texture_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """One that is cut off, in the place of its colour; it is mended without another path."""
    path = tmp_path / "skin.png"
    quarters().resize((64, 64), Image.Resampling.BICUBIC).save(path)
    whole = path.read_bytes()
    mesh = quad(materials=(Material(texture=path),))
    assert texturing.lost_textures(mesh) == ()
    path.write_bytes(whole[: len(whole) // 2])
    os.utime(path, (1, 1))
    assert texturing.lost_textures(mesh) == (
        "texture skin.png is cut off or damaged; save it anew",
    )
    assert len(np.unique(render(mesh, FRONT, 16)[0][..., 0])) < 8
    path.unlink()
    assert "skin.png" in texturing.lost_textures(mesh)[0]
