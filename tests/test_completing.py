"""Completing what is incomplete, and finding it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

from shapesim.completing import Completer
from shapesim.errors import WeightsError
from shapesim.fitting.transforms import overlap
from shapesim.meshes import load_mesh, save_mesh
from shapesim.types import UpAxis
from shapesim.voxels import voxelise
from tests.commands import shapesim
from tests.conftest import SAMPLES
from voxel_models.bench import completion
from voxel_models.completer3d import _unfolded
from voxel_models.completing import draw_part
from voxel_models.data import seen_from_one_side, surface_from_one_side
from voxel_models.frames import PART, Frame, frame_of, from_cells, reframed, shown_from
from voxel_models.modelnet import Split
from voxel_models.registry import create_model
from voxel_models.resnet3d import folded

CHAIR = SAMPLES / "game" / "props" / "chair.fbx"
FURNITURE = SAMPLES / "store" / "meadow-pack" / "furniture"


def solid(low: tuple[int, int, int], high: tuple[int, int, int], size: int = 32) -> np.ndarray:
    """A box of filled cells."""
    grid = np.zeros((size,) * 3, bool)
    grid[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = True
    return grid


def test_folding_back_gives_the_same_cells() -> None:
    """Folding cells into channels loses and swaps none."""
    cells = torch.rand(2, 1, 8, 8, 8)
    assert torch.equal(_unfolded(folded(cells)), cells[:, 0])


def test_a_frame_holds_its_grid() -> None:
    """In its own frame, a grid fills its height but for a border."""
    frame = frame_of(solid((4, 6, 10), (10, 20, 18)))
    assert frame.centre.tolist() == [7, 13, 14]
    assert frame.size == 14  # the height; the circle around 6 × 8 cells is 10 wide, and a corner
    moved = reframed(solid((4, 6, 10), (10, 20, 18)), frame, 32)
    assert not moved[:, [0, -1]].any()
    assert moved[:, [1, -2]].any(axis=(0, 2)).all()


def test_frames_of_frames_lead_back() -> None:
    """A frame found in a smaller copy is that of the original."""
    part = solid((20, 20, 20), (40, 30, 44), 64)
    first = frame_of(part)
    small = reframed(part, first, 32, PART)
    again = shown_from(first, 32, PART, frame_of(small))
    np.testing.assert_allclose(again.centre, first.centre, atol=2)
    assert again.size == pytest.approx(first.size, rel=0.15)
    factor, offset = from_cells(Frame(np.array([30.0, 25, 32]), 29.9), 32)
    np.testing.assert_allclose(np.full(3, 16) * factor + offset, [30, 25, 32])


def test_a_camera_sees_the_nearest_cells_alone() -> None:
    """By brute force: the first filled cell of each ray."""
    grid = np.random.default_rng(0).random((16, 16, 16)) > 0.9
    for direction in range(4):
        surface = surface_from_one_side(grid, direction, 0.0)
        turned, seen = (np.rot90(cells, direction, axes=(0, 2)) for cells in (grid, surface))
        expected = np.zeros_like(turned)
        for y, z in np.argwhere(np.any(turned, axis=0)).tolist():
            expected[turned[:, y, z].argmax(), y, z] = True
        np.testing.assert_array_equal(seen, expected)
        assert not (surface & ~seen_from_one_side(grid, direction, 0.0)).any()


def test_parts_are_parts() -> None:
    """Nothing is made up, and much is missing."""
    whole, rng = solid((4, 4, 4), (28, 20, 24)), np.random.default_rng(0)
    parts = [draw_part(whole, rng) for _ in range(50)]
    assert all(part.any() and not (part & ~whole).any() for part in parts)
    assert np.mean([part.sum() < whole.sum() / 2 for part in parts]) > 0.5


def test_the_benchmark_knows_a_perfect_completer() -> None:
    """Who knows the answers overlaps wholly; the view does not."""
    wholes = np.stack([solid((4, 4, 4), (28, 20, 24)), solid((8, 4, 8), (24, 28, 24))])
    split = Split(wholes, np.arange(2), wholes, np.arange(2), np.zeros(2, bool))

    class Oracle(torch.nn.Module):
        """Knows the answers."""

        def __init__(self) -> None:
            super().__init__()
            self.any = torch.nn.Parameter(torch.zeros(1))

        def forward(self, parts: torch.Tensor) -> torch.Tensor:
            """Log odds."""
            return torch.from_numpy(wholes).float() * 20 - 10

    figures = completion(Oracle(), split)
    assert figures["completed"] == 1
    assert figures["view"] < figures["view_and_mirror_image"] < 1


def half(path: Path, folder: Path) -> Path:
    """What is left of a mesh on one side of its middle."""
    mesh = load_mesh(path)
    middle = (mesh.corners.min(axis=0) + mesh.corners.max(axis=0)) / 2
    fine, faces = trimesh.remesh.subdivide_to_size(
        mesh.vertices, mesh.faces, mesh.extents.max() / 30, max_iter=20
    )
    left = faces[fine[faces].mean(axis=1)[:, 0] < middle[0]]
    out = folder / f"{path.stem}-half.glb"
    trimesh.Trimesh(fine, left).export(out)
    return out


def test_half_a_mesh_becomes_more_like_the_whole(tmp_path: Path) -> None:
    """The missing half comes back, closed and right side out."""
    bed = FURNITURE / "bed-single.glb"
    whole, part = load_mesh(bed), load_mesh(half(bed, tmp_path))
    completed = Completer().complete_mesh(part)
    assert completed.extents[0] > 1.5 * part.extents[0]
    still = np.eye(4)
    assert overlap(whole, completed, still) > overlap(whole, part, still)
    surface = trimesh.Trimesh(completed.vertices, completed.faces)
    assert surface.is_watertight
    assert surface.volume > 0  # the faces look outward


def test_the_command_writes_what_can_be_searched_for(tmp_path: Path) -> None:
    """A file that loads; a format that is not written is named."""
    path, out = half(CHAIR, tmp_path), tmp_path / "whole.obj"
    result = shapesim("complete", path, "--out", out, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert voxelise(load_mesh(out)).any()
    result = shapesim("complete", path, "--out", tmp_path / "whole.fbx", cwd=tmp_path)
    assert result.returncode == 1
    assert ".glb, .obj, .ply, .stl" in result.stderr


@pytest.mark.parametrize("up", ["y", "z"])
def test_a_whole_is_written_with_the_up_axis_of_its_part(up: UpAxis, tmp_path: Path) -> None:
    """Whatever readers of its format take for up: it stands where the part does."""
    mesh = load_mesh(half(CHAIR, tmp_path))
    for suffix in (".stl", ".obj"):
        part, out = tmp_path / f"part{suffix}", tmp_path / f"whole{suffix}"
        save_mesh(mesh, part, up)
        result = shapesim("complete", part, "--up", up, "--out", out, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        bounds, whole = (trimesh.load_mesh(path).bounds for path in (part, out))
        size = np.ptp(bounds, axis=0).max()
        assert (whole[0] < bounds[0] + 0.06 * size).all()
        assert (whole[1] > bounds[1] - 0.06 * size).all()
        height = "xyz".index(up)
        assert np.ptp(whole[:, height]) == pytest.approx(np.ptp(bounds[:, height]), rel=0.1)


def test_part_of_an_asset_finds_its_whole(tmp_path: Path) -> None:
    """Half a chair of the store leads to the chair; look cannot complete."""
    done = shapesim("index", FURNITURE, "--by", "shape", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    whole = FURNITURE / "chair-windsor.glb"
    part = half(whole, tmp_path)
    found = shapesim("swap", part, "--partial", "-k", "3", "--json", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    first = json.loads(found.stdout)["matches"][0]
    assert Path(first["path"]).name == whole.name
    assert first["covered"] > 0.9
    assert np.allclose(first["transform"], np.eye(4), atol=0.02)
    assert "--up" not in found.stderr
    lying = shapesim("swap", part, "--partial", "--up", "z", cwd=tmp_path)
    assert "no asset covers more than" in lying.stderr
    assert "--up" in lying.stderr
    wrong = shapesim("swap", part, "--partial", "--by", "look", cwd=tmp_path)
    assert wrong.returncode == 2


def test_weights_that_complete_nothing_are_refused() -> None:
    """Those of an embedder, by name."""
    with pytest.raises(WeightsError, match="completes no shapes"):
        Completer("resnet3d.game")


def test_any_resolution_is_completed() -> None:
    """A network for 16³ cells."""
    model = create_model("completer3d", resolution=16)
    assert model(torch.zeros(2, 16, 16, 16)).shape == (2, 16, 16, 16)
