"""PLY, OFF and STL as programs write them: all numbers, all colours, and nothing of half a file."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shapesim.errors import AssetError
from shapesim.meshes import load_mesh
from shapesim.types import Mesh

CORNERS = [(x, y, z) for x in (0, 1) for y in (0, 2) for z in (0, 3)]
SIDES = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
TRIANGLES = [(a, b, c) for one, b_, c_, d in SIDES for a, b, c in ((one, b_, c_), (one, c_, d))]
MIXED = [*SIDES[:3], *TRIANGLES[6:]]
# Four corners of a square, from whose middle a notch reaches its first corner's side.
ARROW = [(0, 0, 0), (4, 0, 0), (4, 4, 0), (2, 1, 0), (0, 4, 0)]
COLOURS = [(255, 0, 30 * n) for n in range(8)]


def measures(mesh: Mesh) -> tuple[float, float]:
    """Area and volume."""
    a, b, c = mesh.triangles.swapaxes(0, 1)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2
    return float(area), float((a * np.cross(b, c)).sum() / 6)


def ply(
    path: Path,
    kind: str = "ascii",
    corners: Any = CORNERS,
    faces: Any = SIDES,
    of_corners: tuple[str, Any] = ("", ()),
    of_faces: tuple[str, Any] = ("", ()),
    comments: tuple[str, ...] = (),
) -> Path:
    """Written by hand: a type for each further number of corners, or of faces."""
    types = {"uchar": "B", "ushort": "H", "float": "f", "int": "i", "double": "d"}
    head = ["ply", f"format {kind} 1.0", *(f"comment {one}" for one in comments)]
    head += [f"element vertex {len(corners)}", *(f"property double {axis}" for axis in "xyz")]
    head += [f"property {word}" for word in of_corners[0].split(", ") if word]
    head += [f"element face {len(faces)}", "property list uchar int vertex_indices"]
    head += [f"property {word}" for word in of_faces[0].split(", ") if word]
    rows = []
    for (names, values), lists, lead in ((of_corners, corners, ""), (of_faces, faces, "B")):
        kinds = [types[word.split()[0]] for word in names.split(", ") if word]
        for number, row in enumerate(lists):
            form = lead + ("ddd" if not lead else "i" * len(row)) + "".join(kinds)
            rows.append(
                (form, [*([len(row)] if lead else []), *row, *(values[number] if kinds else ())])
            )
    text = "\n".join([*head, "end_header"]) + "\n"
    if kind == "ascii":
        lines = (" ".join(map(str, row)) for _, row in rows)
        path.write_text(text + "\n".join(lines) + "\n")
    else:
        order = "<" if "little" in kind else ">"
        path.write_bytes(text.encode() + b"".join(struct.pack(order + f, *row) for f, row in rows))
    return path


KINDS = ["ascii", "binary_little_endian", "binary_big_endian"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("faces", [SIDES, TRIANGLES, MIXED], ids=["quads", "triangles", "both"])
def test_ply_has_any_polygons(tmp_path: Path, kind: str, faces: Any) -> None:
    """Of text and of either order of bytes; a file that is cut off is not part of a mesh."""
    path = ply(tmp_path / "a.ply", kind, faces=faces)
    assert measures(load_mesh(path)) == pytest.approx((22, 6))
    whole = path.read_bytes()
    for content in (whole[:-8], whole.replace(b"vertex 8", b"vertex 3000000000")):
        path.write_bytes(content)
        with pytest.raises(AssetError, match="is cut off"):
            load_mesh(path)


@pytest.mark.parametrize("suffix", [".ply", ".off"])
def test_concave_polygons_keep_their_notch(tmp_path: Path, suffix: str) -> None:
    """About its first corner, the triangles would lie over each other."""
    path = tmp_path / f"a{suffix}"
    if suffix == ".ply":
        ply(path, corners=ARROW, faces=[(4, 0, 1, 2, 3)])
    else:
        points = "\n".join(" ".join(map(str, corner)) for corner in ARROW)
        path.write_text(f"OFF\n5 1 0\n{points}\n5 4 0 1 2 3\n")
    assert measures(load_mesh(path))[0] == pytest.approx(10)


@pytest.mark.parametrize("kind", KINDS[:2])
@pytest.mark.parametrize(
    ("type", "top"), [("uchar", 255), ("ushort", 65535), ("float", 1), ("int", 255)]
)
def test_ply_colours_of_any_type(tmp_path: Path, kind: str, type: str, top: int) -> None:
    """Of corners, or of faces."""
    whole = [tuple(c / 255 * top if top == 1 else c * top // 255 for c in one) for one in COLOURS]
    names = ", ".join(f"{type} {name}" for name in ("red", "green", "blue"))
    mesh = load_mesh(ply(tmp_path / "a.ply", kind, of_corners=(names, whole)))
    assert mesh.colours is not None
    np.testing.assert_allclose(mesh.colours[:, :3], COLOURS, atol=1)
    mesh = load_mesh(ply(tmp_path / "a.ply", kind, of_faces=(names, whole)))
    assert len(mesh.materials) == len(SIDES)
    assert np.bincount(mesh.face_materials).tolist() == [2] * len(SIDES)


def test_ply_text_has_polygons_of_more_corners_than_a_byte_counts(tmp_path: Path) -> None:
    """Though the header says that their number is one."""
    angles = np.linspace(0, 2 * np.pi, 300, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1).tolist()
    mesh = load_mesh(ply(tmp_path / "a.ply", corners=circle, faces=[tuple(range(300))]))
    assert len(mesh.faces) == 298
    assert measures(mesh)[0] == pytest.approx(np.pi, rel=1e-3)


def test_many_colours_of_faces_are_those_of_corners(tmp_path: Path) -> None:
    """A quad's both triangles have it."""
    side = 10
    points = [(x, y, 0) for x in range(side) for y in range(side)]
    quads = [
        (n, n + side, n + side + 1, n + 1)
        for n in range(side * (side - 1)) if n % side < side - 1
    ]  # fmt: skip
    shades = [(n, 2 * n, 3) for n in range(len(quads))]
    names = "uchar red, uchar green, uchar blue"
    mesh = load_mesh(ply(tmp_path / "a.ply", "ascii", points, quads, of_faces=(names, shades)))
    assert mesh.colours is not None and len(mesh.colours) == len(mesh.vertices)
    expected = np.repeat(shades, 6, axis=0)
    np.testing.assert_array_equal(mesh.colours[mesh.faces].reshape(-1, 4)[:, :3], expected)


def test_ply_strips_of_triangles_are_unrolled(tmp_path: Path) -> None:
    """Every other one is wound the other way; none is left of corners that repeat."""
    strip = "4 0 1 2 3 -1 2 1 3 3"
    lines = ["ply", "format ascii 1.0", "element vertex 4"]
    lines += [f"property float {axis}" for axis in "xyz"]
    lines += ["element tristrips 2", "property list int int vertex_indices", "end_header"]
    lines += ["0 0 0", "1 0 0", "0 1 0", "1 1 0", "9 " + strip.removeprefix("4 "), "3 0 1 2"]
    (tmp_path / "a.ply").write_text("\n".join(lines))
    mesh = load_mesh(tmp_path / "a.ply", up="y")
    a, b, c = mesh.triangles.swapaxes(0, 1)
    assert len(mesh.faces) == 4  # strips of two rows have nothing in common
    assert (np.cross(b - a, c - a)[:2, 2] > 0).all()


def test_ply_has_a_texture_for_each_face(tmp_path: Path) -> None:
    """As MeshLab writes them; of one that is missing, the others are there."""
    Image.new("RGB", (4, 4), "red").save(tmp_path / "one.png")
    comments = ("TextureFile gone.png", "TextureFile one.png")
    numbers = [(n % 2,) if n < 5 else (-1,) for n in range(len(SIDES))]
    path = ply(tmp_path / "a.ply", of_faces=("int texnumber", numbers), comments=comments)
    mesh = load_mesh(path)
    textures = [mesh.materials[number].texture for number in mesh.face_materials]
    assert textures.count(tmp_path / "one.png") == 4
    assert textures.count(None) == 8  # of a face without one, and of the one that is gone
    assert measures(mesh) == pytest.approx((22, 6))
    assert mesh.warnings == ("texture gone.png is not in the asset's pack",)


@pytest.mark.parametrize(
    ("head", "extra", "is_coloured"),
    [
        ("OFF", "", False), ("off", "", False), ("", "", False), ("COFF", "c", True),
        ("OFF", "c", True), ("NOFF", "n", False), ("CNOFF", "nc", True), ("STCNOFF", "nct", True),
        ("4OFF", "w", False),
    ],
)  # fmt: skip
def test_off_of_all_letters(tmp_path: Path, head: str, extra: str, is_coloured: bool) -> None:
    """Colours, normals and textures stand behind the place, whether announced or not."""
    rows = []
    for number, corner in enumerate(CORNERS):
        factor = 2 if "w" in extra else 1
        row = [factor * value for value in corner] + [2] * ("w" in extra)
        row += [0, 0, 1] * ("n" in extra) + [*COLOURS[number], 255] * ("c" in extra)
        rows.append(row + [0.5, 0.25] * ("t" in extra))
    lines = [head, "# a comment", f"8 {len(SIDES)} 0", *(" ".join(map(str, row)) for row in rows)]
    lines += [" ".join(map(str, (len(side), *side))) for side in SIDES]
    path = tmp_path / "a.off"
    path.write_text("\n".join(lines))
    mesh = load_mesh(path)
    assert measures(mesh) == pytest.approx((22, 6))
    assert (mesh.colours is not None) == is_coloured
    if mesh.colours is not None:
        np.testing.assert_array_equal(mesh.colours[:, :3], COLOURS)
    assert (mesh.normals is not None) == ("n" in extra)
    assert (mesh.uvs is not None) == ("t" in extra)
    for text, reason in (("\n".join(lines[:-1]), "is cut off"), (f"{head}\n0 0 0\n", "no faces")):
        path.write_text(text)
        with pytest.raises(AssetError, match=reason):
            load_mesh(path)


@pytest.mark.parametrize(
    "colours", [("255 0 0", "0 0 255"), ("1.0 0.0 0.0", "0.0 0.0 1.0 1.0"), ("1 0 0 1", "0 0.0 1")]
)
def test_off_faces_have_colours(tmp_path: Path, colours: tuple[str, str]) -> None:
    """Bytes or shares, some of them: the others are as plain as without."""
    lines = ["OFF", f"8 {len(SIDES)} 0", *(" ".join(map(str, corner)) for corner in CORNERS)]
    for side, colour in zip(SIDES, (*colours, "", "", "", ""), strict=True):
        lines.append(f"4 {' '.join(map(str, side))} {colour}")
    (tmp_path / "a.off").write_text("\n".join(lines))
    mesh = load_mesh(tmp_path / "a.off")
    shades = {tuple(round(c, 2) for c in one.colour[:3]): n for n, one in enumerate(mesh.materials)}
    counts = np.bincount(mesh.face_materials)
    assert {shade: int(counts[n]) for shade, n in shades.items()} == {
        (1, 0, 0): 2, (0, 0, 1): 2, (0.6, 0.6, 0.6): 8
    }  # fmt: skip


def stl(head: bytes, extras: list[int]) -> bytes:
    """Of the box."""
    rows = []
    for corners, extra in zip(TRIANGLES, extras, strict=True):
        numbers = [0.0] * 3 + [float(value) for corner in corners for value in CORNERS[corner]]
        rows.append(struct.pack("<12fH", *numbers, extra))
    return head.ljust(80, b"\0") + struct.pack("<I", len(rows)) + b"".join(rows)


def test_binary_stl_is_as_long_as_it_says(tmp_path: Path) -> None:
    """A few bytes behind it do not matter; what begins with solid may be binary."""
    path, whole = tmp_path / "a.stl", stl(b"solid box", [0] * 12)
    for content in (whole, whole + b"12345678"):
        path.write_bytes(content)
        assert measures(load_mesh(path)) == pytest.approx((22, 6))
    for content, reason in (
        (whole[:-1], "is cut off: 683 of 684 bytes"),
        (whole[:80] + struct.pack("<I", 5) + whole[84:], "holds 12 triangles and says 5"),
        (whole[:50], "is cut off"),
    ):
        path.write_bytes(content)
        with pytest.raises(AssetError, match=reason):
            load_mesh(path)


@pytest.mark.parametrize("program", ["VisCAM", "Magics"])
def test_binary_stl_has_colours(tmp_path: Path, program: str) -> None:
    """Five bits each, blue first or red first; and the rest is plain, or of the file's colour."""
    if program == "VisCAM":
        head, red, none, plain = b"", 1 << 15 | 31 << 10, 0, (0.6, 0.6, 0.6)
    else:
        head, red, none, plain = b"COLOR=\x00\xff\x00\xff", 31, 1 << 15, (0, 1, 0)
    (tmp_path / "a.stl").write_bytes(stl(head, [red] * 4 + [none] * 8))
    mesh = load_mesh(tmp_path / "a.stl")
    found = [tuple(round(c, 1) for c in mesh.materials[n].colour[:3]) for n in mesh.face_materials]
    assert sorted(found) == sorted([(1, 0, 0)] * 4 + [plain] * 8)


def test_stl_text_has_words_in_its_name(tmp_path: Path) -> None:
    """And it is whole, or refused; a comma is no point."""
    lines = ["solid my vertex facet"]
    for corners in TRIANGLES:
        lines += ["facet normal 0 0 1", "outer loop"]
        lines += ["vertex {} {} {}".format(*CORNERS[corner]) for corner in corners]
        lines += ["endloop", "endfacet"]
    path = tmp_path / "a.stl"
    path.write_text("\r".join([*lines, "endsolid"]))
    assert measures(load_mesh(path)) == pytest.approx((22, 6))
    for text, reason in (
        ("\n".join(lines), "is cut off"),
        ("\n".join([*lines, "endsolid"]).replace("vertex 1 ", "vertex 1,0 "), "no number|damaged"),
    ):
        path.write_text(text)
        with pytest.raises(AssetError, match=reason):
            load_mesh(path)
