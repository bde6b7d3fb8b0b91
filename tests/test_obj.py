"""OBJ of odd exporters: each line is read by its own layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shapesim.errors import AssetError
from shapesim.meshes import load_mesh
from shapesim.meshes.polygons import triangulated
from shapesim.types import Mesh

_SQUARE = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"
_UVS = "vt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n"


def _loaded(folder: Path, text: str, materials: str = "", encoding: str = "utf-8") -> Mesh:
    (folder / "a.obj").write_bytes(text.encode(encoding))
    (folder / "a.mtl").write_bytes(materials.encode(encoding))
    for name, colour in (("red.png", "red"), ("red two.png", "red")):
        Image.new("RGB", (2, 2), colour).save(folder / name)
    return load_mesh(folder / "a.obj")


def _area(mesh: Mesh) -> float:
    sides = mesh.triangles[:, 1:] - mesh.triangles[:, :1]
    return float(np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1).sum() / 2)


@pytest.mark.parametrize(
    ("corners", "area"),
    [
        ("0 0  4 0  4 4  3 1", 4),  # one corner points inwards
        ("3 1  0 0  4 0  4 4", 4),  # whichever is told first
        ("4 4  4 0  0 0  3 1", 4),  # and either way round
        ("0 0  4 0  4 4  0 4  0 0  1 1  1 3  3 3  3 1  1 1", 12),  # a hole, by a bridge
        ("0 0  2 0  2 2  1 2  0 2", 4),
    ],
)
def test_polygons_are_cut_within(tmp_path: Path, corners: str, area: float) -> None:
    """Seen from any side; wound as they are told."""
    points = np.array(corners.split(), float).reshape(-1, 2)
    (x, y), (next_x, next_y) = points.T, np.roll(points, -1, axis=0).T
    signed = (x * next_y - next_x * y).sum() / 2
    assert abs(signed) == area
    for axis in range(3):
        placed = np.insert(points, axis, 0.5 * points[:, 0], axis=1)
        lines = [f"v {x} {y} {z}" for x, y, z in placed]
        face = " ".join(str(n + 1) for n in range(len(placed)))
        mesh = _loaded(tmp_path, "\n".join([*lines, f"f {face}"]))
        sides = mesh.triangles[:, 1:] - mesh.triangles[:, :1]
        flat = np.cross(sides[:, 0], sides[:, 1])[:, axis] / 2 * (-1 if axis == 1 else 1)
        assert flat.sum() == pytest.approx(signed)
        assert np.abs(flat).sum() == pytest.approx(area)


def test_polygons_of_many_are_told_apart() -> None:
    """Those that bulge are fans, whatever stands beside them."""
    convex = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.0]])
    concave = np.array([[0, 0, 0], [4, 0, 0], [4, 4, 0], [3, 1, 0.0]])
    found = triangulated(np.stack([convex, concave]))
    assert found[0].tolist() == [[0, 1, 2], [0, 2, 3]]
    assert sorted(map(sorted, found[1].tolist())) == [[0, 1, 3], [1, 2, 3]]


def test_no_polygon_loses_its_triangles() -> None:
    """However it is folded, and where it crosses itself or is nowhere."""
    rng = np.random.default_rng(0)
    flat = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.0]])
    folded = flat + rng.normal(0, 1, (500, 4, 3)) * (0, 0, 1)
    assert (triangulated(folded) >= 0).all()
    crossed = flat[[0, 2, 1, 3]]
    for polygon in (
        crossed,
        flat * 0,
        np.full((5, 3), np.inf),
        flat * 1e300,
        np.full((6, 3), np.nan),
    ):
        assert (triangulated(polygon[None]) >= 0).all()
    star = np.array([[np.sin(4 * np.pi * k / 5), np.cos(4 * np.pi * k / 5), 0] for k in range(5)])
    assert (triangulated(star[None]) >= 0).all()


@pytest.mark.parametrize(
    "text",
    [
        _SQUARE.replace("v ", "\tv\t") + "f\t1 2 3 4",
        _SQUARE.replace("v ", "  v  ").replace("\n", "\r\n") + "  f 1 2 3 4 # all of it",
        _SQUARE.replace("\n", "\r") + "f 1 2 3 4",
        _SQUARE.replace(" 0\n", " 0 # flat\n") + "f 1 2 \\\n3 4",
        _SQUARE + "f -4 -3 -2 -1",
        "v 9 9 9\n" + _SQUARE + "f -4 -3 -2\nv 9 9 9\nf -3 -2 -5",
        _SQUARE + "vn 0 0 1\nvt 0 0\nf 1//1 2//1 3//1\nf 1/1 3/1 4/1",
        _SQUARE + "l 1 2\np 3\nf 1 2\nf 1/ 2/ 3/\nf +1 3 4",
        "\ufeff" + _SQUARE + "f 1 2 3 4",
        "# saved to C:\\art\\\n" + _SQUARE + "f 1 2 3 4",
    ],
)
def test_a_square_is_one_however_it_is_written(tmp_path: Path, text: str) -> None:
    """Tabs, indents, comments, line ends, indices from the end, mixed layouts, a mark."""
    mesh = _loaded(tmp_path, text)
    assert len(mesh.faces) == 2
    assert _area(mesh) == pytest.approx(1)
    assert mesh.corners.min(axis=0).tolist() == [0, 0, 0]
    assert mesh.corners.max(axis=0).tolist() == [1, 1, 0]


def test_corners_without_texture_leave_it_to_the_others(tmp_path: Path) -> None:
    """As where one face of a material has no coordinates."""
    mesh = _loaded(
        tmp_path,
        f"mtllib a.mtl\n{_SQUARE}{_UVS}usemtl m\nf 1/1 2/2 3/3\nf 1 3 4\n",
        "newmtl m\nmap_Kd red.png\n",
    )
    assert mesh.uvs is not None
    assert np.isfinite(mesh.uvs[mesh.faces]).all(axis=(1, 2)).tolist() == [True, False]
    assert mesh.materials[0].texture is not None


@pytest.mark.parametrize(
    ("line", "colour"),
    [
        ("Kd 1 0 0", (1, 0, 0, 1)),
        ("Kd 1 0 0 # red", (1, 0, 0, 1)),
        ("\tKd\t1 0 0", (1, 0, 0, 1)),
        ("Kd 1", (1, 1, 1, 1)),
        ("Kd 1,0 0,0 0,0", (1, 0, 0, 1)),
        ("Kd 1 0 0\nd 0.25", (1, 0, 0, 0.25)),
        ("Kd 1 0 0\nd -halo 0.25", (1, 0, 0, 0.25)),
        ("Kd 1 0 0\nTr 0.75", (1, 0, 0, 0.25)),
        ("Kd 1 0 0\nd 0", (1, 0, 0, 1)),  # exporters disagree on its sense
        ("Kd 1 0 0\nKs 1\nimage foo\nname bar", (1, 0, 0, 1)),
        ("Kd 0 0 0\nmap_Kd red.png", (1, 1, 1, 1)),
    ],
)
def test_materials_say_their_colours(tmp_path: Path, line: str, colour: tuple[float, ...]) -> None:
    """What else stands in their file costs nothing."""
    mesh = _loaded(
        tmp_path,
        f"# no mtllib here\nmtllib a.mtl\n{_SQUARE}usemtl a  b\n# usemtl c\nf 1 2 3 4\n",
        f"\ufeffnewmtl a  b\n{line}\nnewmtl c\nKd 0 1 0\n",
    )
    assert mesh.materials[0].name == "a  b"
    assert mesh.materials[0].colour == pytest.approx(colour)


@pytest.mark.parametrize(
    "given",
    [
        "red.png",
        "red two.png",
        '"red two.png"',
        "-clamp on red.png",
        "-bm 0.5 -s 1 1 1 -o 0 0 red.png",
        "-mm 0 1 -blendu off red two.png",
        "C:\\art\\red.png",
        "Art\\\\Red Two.PNG",
    ],
)
def test_textures_are_found_behind_their_options(tmp_path: Path, given: str) -> None:
    """Whatever an exporter writes before the name."""
    mesh = _loaded(
        tmp_path,
        f"mtllib a.mtl\n{_SQUARE}{_UVS}usemtl m\nf 1/1 2/2 3/3 4/4\n",
        f"newmtl m\nmap_Kd {given}\n",
    )
    assert mesh.materials[0].texture is not None
    assert mesh.warnings == ()


def test_a_texture_of_just_that_name_comes_first(tmp_path: Path) -> None:
    """Before one beside the mesh that is called so but for its case."""
    (tmp_path / "Textures").mkdir()
    for name in ("Wood.png", "Textures/wood.png"):
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    mesh = _loaded(
        tmp_path,
        f"mtllib a.mtl\n{_SQUARE}{_UVS}usemtl m\nf 1/1 2/2 3/3 4/4\n",
        "newmtl m\nmap_Kd C:\\art\\wood.png\n",
    )
    if (tmp_path / "WOOD.PNG").is_file():  # where names have no case
        return
    assert mesh.materials[0].texture == tmp_path / "Textures" / "wood.png"


def test_options_move_a_texture(tmp_path: Path) -> None:
    """Scaled, then shifted."""
    mesh = _loaded(
        tmp_path,
        f"mtllib a.mtl\n{_SQUARE}{_UVS}usemtl m\nf 1/1 2/2 3/3 4/4\n",
        "newmtl m\nmap_Kd -s 2 3 -o 0.25 red.png\n",
    )
    assert mesh.uvs is not None
    assert mesh.uvs.min(axis=0).tolist() == [0.25, 0]
    assert mesh.uvs.max(axis=0).tolist() == [2.25, 3]


def test_several_material_files_are_read(tmp_path: Path) -> None:
    """On one line, or on many; one that leads out of the pack is missing."""
    (tmp_path / "b.mtl").write_text("newmtl b\nKd 0 1 0\n")
    text = f"{_SQUARE}usemtl a\nf 1 2 3\nusemtl b\nf 1 3 4\n"
    for head in (
        "mtllib a.mtl b.mtl",
        "mtllib a.mtl\nmtllib b.mtl",
        'mtllib "a.mtl"\nmtllib b.mtl',
    ):
        mesh = _loaded(tmp_path, f"{head}\n{text}", "newmtl a\nKd 1 0 0\n")
        assert [one.colour for one in mesh.materials] == [(1, 0, 0, 1), (0, 1, 0, 1)]
    below = tmp_path / "below"
    below.mkdir()
    mesh = _loaded(below, f"mtllib ../b.mtl\n{text}")
    assert mesh.warnings == ("material file ../b.mtl is missing",)


def test_vertices_may_have_colours(tmp_path: Path) -> None:
    """To 1 or to 255; white where one has none."""
    for top in (1, 255):
        lines = [f"v 0 0 0 {top} 0 0", f"v 1 0 0 0 {top} 0", "v 0 1 0", "f 1 2 3"]
        mesh = _loaded(tmp_path, "\n".join(lines))
        assert mesh.colours is not None
        assert mesh.colours[mesh.faces[0]].tolist() == [
            [255, 0, 0, 255], [0, 255, 0, 255], [255, 255, 255, 255]
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("f 1 2 9", "name missing vertices"),
        ("f 0 1 2", "name missing vertices"),
        ("f -9 1 2", "name missing vertices"),
        ("f 1 2 x", "a face that cannot be read: 'f 1 2 x'"),
        ("v 1 a 0\nf 1 2 3", "a line that cannot be read: 'v 1 a 0'"),
        ("v 1 0\nf 1 2 3", "a line 'v' of 2 numbers"),
        ("l 1 2", "has no faces"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, line: str, reason: str) -> None:
    """By the line, where there is one."""
    with pytest.raises(AssetError, match=reason):
        _loaded(tmp_path, f"{_SQUARE}{line}\n")
