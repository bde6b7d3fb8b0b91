"""FBX: binary and text, how models are placed, what their faces have, and damaged files."""

from __future__ import annotations

import base64
import io
import struct
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray
from PIL import Image

from shapesim.errors import AssetError
from shapesim.meshes import load_mesh
from shapesim.pictures.colours import to_srgb
from shapesim.types import Companions, Mesh
from tests.conftest import SAMPLES
from tests.fbx_files import (
    CORNERS,
    SIDES,
    N,
    as_binary,
    as_text,
    document,
    geometry,
    layer,
    material,
    model,
    properties,
)

FILES = Path(__file__).parent / "files"
RED, GREEN, BLUE = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)


def loaded(folder: Path, nodes: Sequence[N]) -> Mesh:
    """What is read of nodes."""
    (folder / "a.fbx").write_bytes(as_text(nodes))
    return load_mesh(folder / "a.fbx")


def colours_of(mesh: Mesh) -> list[list[float]]:
    """The sRGB colour of each triangle's material."""
    colours = to_srgb(np.array([one.colour[:3] for one in mesh.materials]))
    return [colours[row].round(3).tolist() for row in mesh.face_materials]


def rich() -> list[N]:
    """Two boxes with all that faces have, one of them hanging on the other."""
    each = np.arange(24)
    layers = [
        layer("Normal", "ByPolygonVertex", Normals=[0.0, 0.0, 1.0] * 24),
        layer("UV", "ByPolygonVertex", UV=(each / 24).tolist(), UVIndex=(each % 12).tolist()),
        layer("Color", "ByVertice", Colors=np.linspace(0, 1, 32).tolist()),
        layer("Material", "ByPolygon", Materials=[0, 0, 1, 1, 0, 1]),
    ]
    joint = model(5, kind="LimbNode")
    stack = N("AnimationStack", (6, "AnimStack::walk", ""))
    moves = [N("AnimationLayer", (9, "AnimLayer::l", ""))]
    moves += [N("AnimationCurveNode", (10, "AnimCurveNode::T", ""))]
    placed: dict[str, Any] = {
        "Lcl_Translation": (4.0, 0.0, 0.0),
        "Lcl_Rotation": (10.0, 20.0, 30.0),
    }
    objects = [geometry(1, *layers), model(2, **placed), model(3, Lcl_Scaling=(2.0, 1.0, 1.0))]
    objects += [material(7, RED), material(8, BLUE), joint, stack, *moves]
    links = [(1, 2), (1, 3), (2, 0), (3, 2), (7, 2), (8, 2), (7, 3), (8, 3), (9, 6), (10, 9)]
    return document(objects, *links)


@pytest.mark.parametrize("deflated", [False, True], ids=["plain", "deflated"])
@pytest.mark.parametrize("version", [7100, 7400, 7500, 7700])
def test_binary_says_what_text_says(version: int, deflated: bool, tmp_path: Path) -> None:
    """Offsets have 4 bytes up to version 7.4, and 8 from 7.5 on."""
    text = loaded(tmp_path, rich())
    (tmp_path / "b.fbx").write_bytes(as_binary(rich(), version, deflated))
    binary = load_mesh(tmp_path / "b.fbx")
    for name in ("vertices", "faces", "normals", "uvs", "colours", "face_materials"):
        np.testing.assert_array_equal(getattr(binary, name), getattr(text, name))
    assert binary.materials == text.materials
    assert (text.unit, text.joints, text.animations) == (0.025, 1, ("walk",))
    assert (binary.unit, binary.joints, binary.animations) == (0.025, 1, ("walk",))


@pytest.mark.parametrize("wide", [False, True])
def test_text_may_be_set_in_any_way(wide: bool, tmp_path: Path) -> None:
    """Windows' line ends, a mark, UTF-16, and lists over several lines are the same."""
    expected = loaded(tmp_path, rich())
    text = as_text(rich()).decode().replace(",", ",\n").replace("\n", "\r\n").replace("*", " *")
    (tmp_path / "a.fbx").write_text(text, "utf-16" if wide else "utf-8-sig", newline="")
    np.testing.assert_array_equal(load_mesh(tmp_path / "a.fbx").vertices, expected.vertices)


@pytest.mark.parametrize("wrong", ["nan", "-nan(ind)", "inf", "1.#QNAN", "-1.#IND", "1.#INF"])
def test_what_is_no_number_is_none_where_it_stands(wrong: str, tmp_path: Path) -> None:
    """However a program writes it, and in whatever list."""
    uvs = layer("UV", "ByPolygonVertex", UV=(np.arange(48) + 0.5).tolist())
    text = as_text(document([geometry(1, uvs), model(2)], (1, 2), (2, 0))).decode()
    text = text.replace("Objects: ", f'Other: {{\n\tP: "a", "", "", "",{wrong}\n}}\nObjects: ')
    assert "\ta: 0.5,1.5,2.5" in text
    for plain in (False, True):  # before version 7, lists stand without braces
        (tmp_path / "a.fbx").write_text(text.replace("a: 0.5,1.5", f"a: 0.5,{wrong}"))
        if plain:
            start = text.index("UV: *48")
            lists = (
                text[start:].replace("UV: *48 {\n", "UV: ", 1).replace("a: 0.5,1.5", f"0.5,{wrong}")
            )
            end = lists.index("}")
            (tmp_path / "a.fbx").write_text(text[:start] + lists[:end] + lists[end + 1 :])
        mesh = load_mesh(tmp_path / "a.fbx")
        assert mesh.uvs is not None and len(mesh.faces) == 12
        assert (~np.isfinite(mesh.uvs)).sum() == 1
        assert sorted(mesh.uvs[:, 0].tolist()) == [2.0 * i + 0.5 for i in range(24)]


def test_text_may_end_in_any_way(tmp_path: Path) -> None:
    """As old programs end it."""
    for end in (b"\0\0\0", b"\r\n\x1a", b""):
        (tmp_path / "a.fbx").write_bytes(as_text(rich()) + end)
        assert len(load_mesh(tmp_path / "a.fbx").faces) == 24


def test_names_may_be_in_any_encoding(tmp_path: Path) -> None:
    """Different names stay different, and find their textures."""
    Image.new("RGB", (3, 2)).save(tmp_path / "Wände.png")
    names = ["Model::W11", "Model::W22"]
    objects = [N("Model", (name, "Mesh"), geometry(1).children) for name in names]
    data = as_binary(document(objects, *((name, "Model::Scene") for name in names)), 6100, False)
    for name, other in ((b"W11", b"W\xb7\xbd"), (b"W22", b"W\xbd\xd4")):
        data = data.replace(name, other)
    (tmp_path / "a.fbx").write_bytes(data)
    assert len(load_mesh(tmp_path / "a.fbx").faces) == 24

    paint = N("Texture", (4, "Texture::4", ""), [N("FileName", ("WXnde.png",))])
    objects = [geometry(1), model(2), material(3, BLUE), paint]
    nodes = document(objects, (1, 2), (2, 0), (3, 2), (4, 3, "DiffuseColor"))
    data = as_binary(nodes, 7400, False).replace(b"WXnde", "Wände".encode("latin-1"))
    (tmp_path / "a.fbx").write_bytes(data)
    assert load_mesh(tmp_path / "a.fbx").companions.files == ("Wände.png",)


def test_bytes_as_blockbench_has_written_them(tmp_path: Path) -> None:
    """No size of plain arrays, no empty node at the end, and properties of two kinds in one."""
    nodes = document(
        [geometry(1), model(2)], (1, 2), (2, 0), UpAxis=2, FrontAxis=1, FrontAxisSign=-1
    )
    nodes[1].children[0].name = "Properties60"
    data = as_binary(nodes, 7400, False)
    for count, width in ((24, 8), (24, 4)):
        head = struct.pack("<III", count, 0, count * width)
        assert head in data
        data = data.replace(head, struct.pack("<III", count, 0, 0))
    footer = b"\xfa\xbc\xab\x09" + bytes(range(60))
    (tmp_path / "a.fbx").write_bytes(data[:-29] + footer)
    mesh = load_mesh(tmp_path / "a.fbx")
    np.testing.assert_allclose(mesh.extents, [1, 3, 2])
    assert mesh.unit == pytest.approx(0.025)


def test_half_a_file_is_never_half_a_mesh(tmp_path: Path) -> None:
    """Cut anywhere, it is refused, or nothing of the mesh is gone."""
    for whole in (as_text(rich()), as_binary(rich(), 7400, True)):
        (tmp_path / "a.fbx").write_bytes(whole)
        expected = load_mesh(tmp_path / "a.fbx").vertices
        refused = 0
        for end in range(60, len(whole) - 1, 7):
            (tmp_path / "a.fbx").write_bytes(whole[:end])
            try:
                mesh = load_mesh(tmp_path / "a.fbx")
            except AssetError as error:
                refused += 1
                assert "\n" not in str(error)
            else:
                np.testing.assert_array_equal(mesh.vertices, expected)
        assert refused > 100


@pytest.mark.parametrize("name", ["PolygonVertexIndex", "Vertices"])
def test_text_that_lost_numbers_in_its_middle_is_refused(tmp_path: Path, name: str) -> None:
    """An array says how many it has."""
    whole = as_text(rich()).decode()
    start = whole.index(f"{name}: *")
    row = whole[start:].splitlines()[1]
    fewer = ",".join(row.split(",")[:12])
    (tmp_path / "a.fbx").write_text(whole[:start] + whole[start:].replace(row, fewer, 1))
    with pytest.raises(AssetError, match="cut off"):
        load_mesh(tmp_path / "a.fbx")


@pytest.mark.parametrize(
    "path", sorted((SAMPLES / "store").rglob("*.fbx")), ids=lambda path: path.stem
)
def test_samples_stand_upright_in_metres(path: Path) -> None:
    """FBX files of either up axis and unit have their base on y = 0 and a size in metres."""
    mesh = load_mesh(path)
    assert mesh.unit is not None
    low, high = mesh.vertices[:, 1].min() * mesh.unit, mesh.vertices[:, 1].max() * mesh.unit
    assert low == pytest.approx(0, abs=1e-3)
    assert 0.02 < high < 20


@pytest.mark.parametrize(
    ("axes", "extents"),
    [
        ({}, (1, 2, 3)),
        ({"UpAxis": 2, "FrontAxis": 1, "FrontAxisSign": -1}, (1, 3, 2)),
        ({"UpAxis": 0, "CoordAxis": 1, "CoordAxisSign": -1, "FrontAxis": 2}, (2, 1, 3)),
        ({"UpAxis": 1, "UpAxisSign": -1, "CoordAxisSign": -1}, (1, 2, 3)),
    ],
    ids=["y up", "z up", "x up", "on its head"],
)
def test_the_axes_are_those_that_the_file_names(
    axes: dict[str, int], extents: tuple[float, ...], tmp_path: Path
) -> None:
    """A box of 1 by 2 by 3 stands as its program showed it, its outside outside."""
    mesh = loaded(tmp_path, document([geometry(1), model(2)], (1, 2), (2, 0), **axes))
    np.testing.assert_allclose(mesh.extents, extents)
    assert trimesh.Trimesh(mesh.vertices, mesh.faces).volume == pytest.approx(6)


def turn(axis: str, degrees: float) -> NDArray[np.float64]:
    """(4, 4)."""
    direction = np.eye(3)["xyz".index(axis)]
    return np.asarray(trimesh.transformations.rotation_matrix(np.radians(degrees), direction))


def move(*offset: float) -> NDArray[np.float64]:
    """(4, 4)."""
    return np.asarray(trimesh.transformations.translation_matrix(offset))


PLACES: dict[str, tuple[dict[str, Any], NDArray[np.float64]]] = {
    "x is turned about first": (
        {"Lcl_Rotation": (10.0, 20.0, 30.0)},
        turn("z", 30) @ turn("y", 20) @ turn("x", 10),
    ),
    "or z, where its order is active": (
        {"Lcl_Rotation": (10.0, 20.0, 30.0), "RotationOrder": 4, "RotationActive": 1},
        turn("y", 20) @ turn("x", 10) @ turn("z", 30),
    ),
    "as are turns before and after": (
        {
            "Lcl_Rotation": (10.0, 0.0, 0.0), "PreRotation": (0.0, 20.0, 0.0),
            "PostRotation": (0.0, 0.0, 30.0), "RotationActive": 1,
        },
        turn("y", 20) @ turn("x", 10) @ turn("z", -30),
    ),
    "else not": (
        {"Lcl_Rotation": (10.0, 0.0, 0.0), "PreRotation": (0.0, 20.0, 0.0), "RotationOrder": 5},
        turn("x", 10),
    ),
    "pivots": (
        {
            "Lcl_Translation": (1.0, 2.0, 3.0), "Lcl_Rotation": (90.0, 0.0, 0.0),
            "Lcl_Scaling": (2.0, 3.0, 4.0), "RotationPivot": (1.0, 1.0, 0.0),
            "RotationOffset": (0.0, 5.0, 0.0), "ScalingPivot": (0.0, 0.0, 2.0),
            "ScalingOffset": (7.0, 0.0, 0.0),
        },
        move(1, 7, 3) @ move(1, 1, 0) @ turn("x", 90) @ move(-1, -1, 0)
        @ move(7, 0, 0) @ move(0, 0, 2) @ np.diag([2.0, 3, 4, 1]) @ move(0, 0, -2),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("given", "expected"), PLACES.values(), ids=PLACES.keys())
def test_models_are_placed_as_the_sdk_documents(
    given: dict[str, Any], expected: NDArray[np.float64], tmp_path: Path
) -> None:
    """World = T · Roff · Rp · Rpre · R · Rpost⁻¹ · Rp⁻¹ · Soff · Sp · S · Sp⁻¹."""
    mesh = loaded(tmp_path, document([geometry(1), model(2, **given)], (1, 2), (2, 0)))
    placed = trimesh.transform_points(CORNERS, expected)
    np.testing.assert_allclose(
        np.unique(mesh.vertices.round(6), axis=0), np.unique(placed.round(6), axis=0)
    )


def test_the_place_of_a_geometry_is_not_its_childrens(tmp_path: Path) -> None:
    """Geometric transforms are of one model, its own of all that hang on it."""
    moved: dict[str, Any] = {
        "GeometricTranslation": (10.0, 0.0, 0.0),
        "Lcl_Translation": (0.0, 5.0, 0.0),
    }
    objects = [geometry(1), model(2, **moved), model(3)]
    mesh = loaded(tmp_path, document(objects, (1, 2), (1, 3), (2, 0), (3, 2)))
    np.testing.assert_allclose(mesh.vertices.min(axis=0), [0, 5, 0])
    np.testing.assert_allclose(mesh.vertices.max(axis=0), [11, 7, 3])


def test_a_mirrored_model_keeps_its_outside(tmp_path: Path) -> None:
    """Its triangles are turned, and its normals with it."""
    normals = layer("Normal", "ByPolygon", Normals=[
        float(n) for side in SIDES for n in np.cross(
            CORNERS[side[1]] - CORNERS[side[0]], CORNERS[side[2]] - CORNERS[side[1]]
        )
    ])  # fmt: skip
    objects = [geometry(1, normals), model(2, Lcl_Scaling=(-1.0, 1.0, 1.0))]
    mesh = loaded(tmp_path, document(objects, (1, 2), (2, 0)))
    assert trimesh.Trimesh(mesh.vertices, mesh.faces).volume == pytest.approx(6)
    assert mesh.normals is not None
    triangles = mesh.triangles
    facing = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    facing /= np.linalg.norm(facing, axis=1, keepdims=True)
    np.testing.assert_allclose(mesh.normals[mesh.faces[:, 0]], facing, atol=1e-9)


def test_loose_edges_and_points_are_left_out(tmp_path: Path) -> None:
    """They stand as polygons of two corners and of one."""
    polygons = [(0, 7), SIDES[0], (3,), *SIDES[1:], (0, 4)]
    layers = [layer("Material", "ByPolygon", Materials=[1, 0, 1, 0, 0, 0, 0, 0, 1])]
    objects = [
        geometry(1, *layers, polygons=polygons),
        model(2),
        material(3, RED),
        material(4, BLUE),
    ]
    mesh = loaded(tmp_path, document(objects, (1, 2), (2, 0), (3, 2), (4, 2)))
    assert trimesh.Trimesh(mesh.vertices, mesh.faces).volume == pytest.approx(6)
    assert colours_of(mesh) == [list(RED)] * 12


@pytest.mark.parametrize(
    ("mapping", "colours", "index"),
    [
        ("ByPolygonVertex", [i for side in SIDES for i in side], None),
        ("ByPolygonVertex", list(range(8)), [i for side in SIDES for i in side]),
        ("ByVertice", list(range(8)), None),
        ("ByVertex", list(reversed(range(8))), list(reversed(range(8)))),
    ],
)
def test_colours_are_the_same_however_they_are_mapped(
    mapping: str, colours: list[int], index: list[int] | None, tmp_path: Path
) -> None:
    """By corner or by vertex, with an index or without, each vertex has its own."""
    table = [value for colour in colours for value in (colour / 7, 0.0, 0.0, 1.0)]
    more = {} if index is None else {"ColorIndex": index}
    objects = [geometry(1, layer("Color", mapping, Colors=table, **more)), model(2)]
    mesh = loaded(tmp_path, document(objects, (1, 2), (2, 0)))
    assert mesh.colours is not None
    for vertex, colour in zip(mesh.vertices, mesh.colours, strict=True):
        row = int((vertex == CORNERS).all(axis=1).argmax())
        assert colour.tolist() == [round(row / 7 * 255), 0, 0, 255]


def test_colours_may_be_those_of_faces(tmp_path: Path) -> None:
    """Or one of all; what has none is white."""
    table = [value for side in range(6) for value in (side / 5, 0.0, 0.0, 1.0)]
    expected = [round(side / 5 * 255) for side in range(6) for _ in range(2)]
    for mapping, reds in (("ByPolygon", expected), ("AllSame", [0] * 12)):
        objects = [geometry(1, layer("Color", mapping, Colors=table)), model(2)]
        mesh = loaded(tmp_path, document(objects, (1, 2), (2, 0)))
        assert mesh.colours is not None
        assert mesh.colours[mesh.faces[:, 1], 0].tolist() == reds
    objects = [geometry(1, layer("Color", "ByPolygon", Colors=table[:4])), model(2)]
    mesh = loaded(tmp_path, document(objects, (1, 2), (2, 0)))
    assert mesh.colours is not None
    assert mesh.colours[mesh.faces[:, 1], 0].tolist() == [0, 0] + [255] * 10


def test_an_empty_layer_hides_no_other(tmp_path: Path) -> None:
    """And an index is none of values that stand by themselves."""
    colours = [value for side in range(6) for value in (side / 5, 0.0, 0.0, 1.0)]
    full = layer("Color", "ByPolygon", Colors=colours)
    full.children = [*full.children, N("ColorIndex", ([0] * 6,))]
    layers = [layer("Color", "ByPolygonVertex", Colors=[]), full]
    mesh = loaded(tmp_path, document([geometry(1, *layers), model(2)], (1, 2), (2, 0)))
    assert mesh.colours is not None
    assert sorted(set(mesh.colours[:, 0].tolist())) == [0, 51, 102, 153, 204, 255]


def test_models_of_one_geometry_have_materials_of_their_own(tmp_path: Path) -> None:
    """By number, in the order in which they hang on the model; one that is not there is none."""
    layers = [layer("Material", "ByPolygon", Materials=[0, 1, 0, 1, 0, 5])]
    objects = [geometry(1, *layers), model(2), model(3)]
    objects += [material(4, RED), material(5, GREEN), material(6, BLUE)]
    links = [(1, 2), (1, 3), (2, 0), (3, 0), (4, 2), (5, 2), (6, 3), (4, 3)]
    found = [tuple(colour) for colour in colours_of(loaded(tmp_path, document(objects, *links)))]
    assert {one: found.count(one) for one in (RED, GREEN, BLUE)} == {RED: 10, GREEN: 4, BLUE: 6}
    assert len(found) == 24


BASE_COLOURS = [
    "DiffuseColor", "Diffuse", "Maya|baseColor", "Maya|base_color", "3dsMax|Parameters|base_color",
    "3dsMax|main|basecolor",
]  # fmt: skip


@pytest.mark.parametrize("name", BASE_COLOURS)
def test_the_base_colour_of_any_programs_materials(name: str, tmp_path: Path) -> None:
    """Classical or physically based."""
    paint = N("Material", (3, "Material::paint", ""), [properties(**{name: (1.0, 0.5, 0.0)})])
    mesh = loaded(tmp_path, document([geometry(1), model(2), paint], (1, 2), (2, 0), (3, 2)))
    assert colours_of(mesh)[0] == [1, 0.5, 0]
    assert mesh.materials[0].name == "paint"


@pytest.mark.parametrize(
    "name",
    [
        "DiffuseColor", "Maya|baseColor", "Maya|baseColor|file", "Maya|TEX_color_map",
        "3dsMax|Parameters|base_color_map", "3dsMax|main|base_color_map",
    ],
)  # fmt: skip
def test_textures_are_found_by_any_name_of_the_base_colour(name: str, tmp_path: Path) -> None:
    """Directly or in layers; those of other things are not looked at."""
    Image.new("RGB", (4, 4), "red").save(tmp_path / "paint.png")
    textures = [
        N("Texture", (id, f"Texture::{id}", ""), [N("RelativeFilename", (file,))])
        for id, file in ((4, "paint.png"), (5, "normals.png"))
    ]
    layers = N("LayeredTexture", (6, "LayeredTexture::6", ""))
    objects = [geometry(1), model(2), material(3, BLUE), *textures, layers]
    base = [(1, 2), (2, 0), (3, 2), (5, 3, "NormalMap")]
    for links in ([(4, 3, name)], [(6, 3, name), (4, 6)]):
        mesh = loaded(tmp_path, document(objects, *base, *links))
        assert [one.texture for one in mesh.materials] == [tmp_path / "paint.png"]
        assert colours_of(mesh)[0] == [1, 1, 1]
        assert mesh.companions == Companions(("paint.png",))


def test_a_texture_has_the_coordinates_that_it_names(tmp_path: Path) -> None:
    """One of several sets; the first where it names none."""
    Image.new("RGB", (4, 4), "red").save(tmp_path / "paint.png")
    sets = [layer("UV", "AllSame", UV=[number, number]) for number in (0.25, 0.75)]
    for one, name in zip(sets, ("first", "second"), strict=True):
        one.children = [N("Name", (name,)), *one.children]
    for name, expected in (("second", 0.75), ("first", 0.25), ("", 0.25), ("gone", 0.25)):
        paint = N(
            "Texture",
            (4, "Texture::4", ""),
            [properties(UVSet=name), N("FileName", ("paint.png",))],
        )
        objects = [geometry(1, *sets), model(2), material(3, BLUE), paint]
        links = [(1, 2), (2, 0), (3, 2), (4, 3, "DiffuseColor")]
        mesh = loaded(tmp_path, document(objects, *links))
        assert mesh.uvs is not None and (mesh.uvs == expected).all()


@pytest.mark.parametrize("creator", ["3ds Max", "Blender (stable FBX IO)"])
def test_a_texture_is_tiled_as_it_says(creator: str, tmp_path: Path) -> None:
    """Repeated as often as its scaling, then moved; Blender writes how large it is instead."""
    Image.new("RGB", (4, 4), "red").save(tmp_path / "paint.png")
    scaling = (3.0, 2.0, 1.0) if creator == "3ds Max" else (1 / 3, 0.5, 1.0)
    tiled = properties(Scaling=scaling, Translation=(0.5, 0.0, 0.0))
    paint = N("Texture", (4, "Texture::4", ""), [tiled, N("FileName", ("paint.png",))])
    objects = [geometry(1, layer("UV", "AllSame", UV=[0.25, 0.5])), model(2), material(3, BLUE)]
    links = [(1, 2), (2, 0), (3, 2), (4, 3, "DiffuseColor")]
    nodes = document([*objects, paint], *links)
    nodes[0].children = [N("Creator", (creator,))]
    mesh = loaded(tmp_path, nodes)
    assert mesh.uvs is not None
    np.testing.assert_allclose(mesh.uvs, np.tile([1.25, 1.0], (len(mesh.uvs), 1)))


def picture(size: tuple[int, int] = (3, 2)) -> bytes:
    """A PNG."""
    content = io.BytesIO()
    Image.new("RGB", size, "red").save(content, "PNG")
    return content.getvalue()


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("content", [picture(), b"no picture"], ids=["good", "bad"])
def test_pictures_in_the_file_are_its_textures(
    content: bytes, binary: bool, tmp_path: Path
) -> None:
    """Whatever path they had; one that is damaged is missing."""
    name = "C:\\art\\Wall.PNG"
    paint = N("Texture", (4, "Texture::4", ""), [N("FileName", (name,))])
    video = N("Video", (5, "Video::5", "Clip"), [N("Filename", (name,)), N("Content", (content,))])
    objects = [geometry(1), model(2), material(3, BLUE), paint, video]
    nodes = document(objects, (1, 2), (2, 0), (3, 2), (4, 3, "DiffuseColor"), (5, 4))
    (tmp_path / "a.fbx").write_bytes(as_binary(nodes, 7400, True) if binary else as_text(nodes))
    mesh = load_mesh(tmp_path / "a.fbx")
    texture = mesh.materials[0].texture
    if content == picture():
        assert isinstance(texture, Image.Image) and texture.size == (3, 2)
        assert mesh.companions == Companions()
    else:
        assert texture is None
        assert mesh.companions.missing == (name,)


@pytest.mark.parametrize("name", ["a.fbm", ""], ids=["of one name", "without a name"])
def test_each_texture_has_the_picture_that_hangs_on_it(name: str, tmp_path: Path) -> None:
    """Blender writes one name for all that a scene brought along."""
    named = [N("RelativeFilename", (name,))]
    objects = [geometry(1, layer("Material", "ByPolygon", Materials=[0, 1, 2, 0, 1, 2])), model(2)]
    links: list[tuple[Any, ...]] = [(1, 2), (2, 0)]
    for number, size in enumerate([(1, 2), (3, 4), (5, 6)]):
        paint, texture, video = (10 * kind + number for kind in (1, 2, 3))
        objects += [material(paint, RED), N("Texture", (texture, "Texture::t", ""), named)]
        objects += [N("Video", (video, "Video::v", ""), [*named, N("Content", (picture(size),))])]
        links += [(paint, 2), (texture, paint, "DiffuseColor"), (video, texture)]
    mesh = loaded(tmp_path, document(objects, *links))
    textures = [one.texture for one in mesh.materials]
    assert [isinstance(one, Image.Image) and one.size for one in textures] == [
        (1, 2), (3, 4), (5, 6)
    ]  # fmt: skip


def test_a_picture_beside_is_not_taken_for_another_in_the_file(tmp_path: Path) -> None:
    """Which has the same name, in another folder."""
    Image.new("RGB", (5, 6)).save(tmp_path / "skin.png")
    objects = [geometry(1, layer("Material", "ByPolygon", Materials=[0, 1, 0, 1, 0, 1])), model(2)]
    objects += [material(3, RED), material(4, RED)]
    for id, name in ((5, "a\\skin.png"), (6, "b\\skin.png")):
        objects.append(N("Texture", (id, "Texture::t", ""), [N("RelativeFilename", (name,))]))
    named = N("Filename", ("a\\skin.png",))
    objects.append(N("Video", (7, "Video::v", ""), [named, N("Content", (picture(),))]))
    links = [(1, 2), (2, 0), (3, 2), (4, 2), (5, 3, "DiffuseColor"), (6, 4, "DiffuseColor")]
    mesh = loaded(tmp_path, document(objects, *links, (7, 5)))
    within, beside = (one.texture for one in mesh.materials)
    assert isinstance(within, Image.Image) and beside == tmp_path / "skin.png"


def test_pictures_in_text_may_be_in_pieces(tmp_path: Path) -> None:
    """Each of which ends as base64 does."""
    paint = N("Texture", (4, "Texture::4", ""), [N("FileName", ("a.png",))])
    video = N("Video", (5, "Video::5", ""), [N("Filename", ("a.png",)), N("Content", (picture(),))])
    objects = [geometry(1), model(2), material(3, BLUE), paint, video]
    text = as_text(document(objects, (1, 2), (2, 0), (3, 2), (4, 3, "DiffuseColor"), (5, 4)))
    whole, (first, second) = (
        [base64.b64encode(piece).decode() for piece in pieces]
        for pieces in ([picture()], [picture()[:40], picture()[40:]])
    )
    assert first.endswith("=")
    pieces = f'{first}",\n\t\t\t"{second}'
    (tmp_path / "a.fbx").write_bytes(text.replace(whole[0].encode(), pieces.encode()))
    texture = load_mesh(tmp_path / "a.fbx").materials[0].texture
    assert isinstance(texture, Image.Image) and texture.size == (3, 2)
    texture.load()


def test_pictures_in_the_file_as_blender_writes_them(tmp_path: Path) -> None:
    """With "Path Mode: Copy" and "Embed Textures"."""
    mesh = load_mesh(FILES / "two-textures.fbx")
    assert mesh.companions == Companions()
    red, blue = (np.asarray(material.texture) for material in mesh.materials)
    assert red[0, 0].tolist() == [255, 0, 0] and red[-1, 0].tolist() == [77, 0, 0]
    assert blue[0, 0].tolist() == [0, 0, 255] and blue[-1, 0].tolist() == [0, 0, 77]

    data = (FILES / "two-textures.fbx").read_bytes()
    (tmp_path / "damaged.fbx").write_bytes(data.replace(b"\x89PNG", b"\x89PNX", 1))
    damaged = load_mesh(tmp_path / "damaged.fbx")
    assert damaged.companions.missing == ("two.fbm/red wall.png",)
    assert damaged.materials[0].texture is None and damaged.materials[1].texture is not None


def test_of_levels_of_detail_the_first_is_taken(tmp_path: Path) -> None:
    """Also where it is made of several models."""
    group = N("NodeAttribute", (9, "NodeAttribute::9", "LodGroup"))
    fine, coarse = model(3, Lcl_Translation=(1.0, 0.0, 0.0)), model(4)
    objects = [geometry(1), model(2, kind="Null"), fine, coarse, model(5), group]
    links = [(1, 3), (1, 4), (1, 5), (2, 0), (3, 2), (4, 2), (5, 3), (9, 2)]
    mesh = loaded(tmp_path, document(objects, *links))
    assert len(mesh.faces) == 24
    np.testing.assert_allclose(mesh.vertices[:, 0].min(), 1)


@pytest.mark.parametrize("first", ["Null", "hidden"])
def test_a_level_of_detail_without_anything_to_see_is_none(first: str, tmp_path: Path) -> None:
    """The next one is taken."""
    objects = [geometry(1), model(2, kind="LodGroup"), model(3, Lcl_Scaling=(2.0, 2.0, 2.0))]
    objects += [model(4, Visibility=0.0) if first == "hidden" else model(4, kind="Null"), model(5)]
    links = [(1, 3), (1, 5), (2, 0), (4, 2), (3, 2), (5, 2)]
    links += [(1, 4)] if first == "hidden" else []
    mesh = loaded(tmp_path, document(objects, *links))
    np.testing.assert_allclose(mesh.extents, [2, 4, 6])
    assert mesh.notes == ()


def test_names_of_game_engines_tell_what_is_not_seen(tmp_path: Path) -> None:
    """Unreal's shapes for collisions, and Unity's levels of detail, where there is a first."""
    names = ["rock_LOD0", "rock_LOD1", "rock_lod2", "UCX_rock_01", "stone_LOD1", "UCXtra"]
    names += ["tree", "tree_LOD1"]
    objects = [N("Model", (id, f"Model::{name}", "Mesh")) for id, name in enumerate(names, 2)]
    links = [link for id, _ in enumerate(names, 2) for link in ((1, id), (id, 0))]
    mesh = loaded(tmp_path, document([geometry(1), *objects], *links))
    assert len(mesh.faces) == 12 * 4  # rock_LOD0, stone_LOD1, UCXtra, tree
    assert mesh.notes == ("has shapes for collisions (UCX and the like), which are left out",)
    mesh = loaded(tmp_path, document([geometry(1), objects[3]], (1, 5), (5, 0)))
    assert len(mesh.faces) == 12 and mesh.notes == ()


def test_hidden_models_are_left_out_and_told(tmp_path: Path) -> None:
    """With what hangs on them; where all are hidden, none is."""
    objects = [geometry(1), model(2), model(3, Visibility=0.0), model(4)]
    links = [(1, 2), (1, 4), (2, 0), (3, 0), (4, 3)]
    mesh = loaded(tmp_path, document(objects, *links))
    assert len(mesh.faces) == 12
    assert mesh.notes == ("has hidden models, which are left out",)
    objects[1] = model(2, Visibility=0.0)
    objects += [model(5, kind="Null"), model(6, kind="Camera")]  # which nobody sees, either
    mesh = loaded(tmp_path, document(objects, *links, (5, 0), (6, 0)))
    assert len(mesh.faces) == 24 and mesh.notes == ()


def test_what_does_not_inherit_is_shown_below_what_is_hidden(tmp_path: Path) -> None:
    """If it is not hidden itself."""
    alone: dict[str, Any] = {"Visibility Inheritance": 0}
    objects = [geometry(1), model(2, Visibility=0.0), model(3, **alone), model(4)]
    mesh = loaded(tmp_path, document(objects, (1, 2), (1, 3), (1, 4), (2, 0), (3, 2), (4, 2)))
    assert len(mesh.faces) == 12


def test_only_what_moves_is_animated(tmp_path: Path) -> None:
    """Programs write an empty take into all that they write."""
    objects = [geometry(1), model(2), N("AnimationStack", (3, "AnimStack::Take 001", ""))]
    objects += [N("AnimationLayer", (4, "AnimLayer::Base", ""))]
    links = [(1, 2), (2, 0), (4, 3)]
    assert loaded(tmp_path, document(objects, *links)).animations == ()
    curve = N("AnimationCurveNode", (5, "AnimCurveNode::T", ""))
    moving = document([*objects, curve], *links, (5, 4), (5, 2, "Lcl Translation"))
    assert loaded(tmp_path, moving).animations == ("Take 001",)


def test_what_a_model_looks_at_does_not_hang_on_it(tmp_path: Path) -> None:
    """Only links without a property place one model by another."""
    moved: dict[str, Any] = {"Lcl_Translation": (100.0, 0.0, 0.0)}
    objects = [geometry(1), model(2), model(3, kind="Camera", **moved)]
    links = [(1, 2), (2, 3, "LookAtProperty"), (3, 0), (2, 0)]
    mesh = loaded(tmp_path, document(objects, *links))
    np.testing.assert_allclose(mesh.vertices.min(axis=0), 0)


def test_what_hangs_on_nothing_stands_at_the_top(tmp_path: Path) -> None:
    """Or on a root of another number."""
    objects = [geometry(1), model(2), model(3, Lcl_Translation=(5.0, 0.0, 0.0)), model(4)]
    mesh = loaded(tmp_path, document(objects, (1, 2), (1, 3), (1, 4), (2, 0), (3, 77)))
    assert len(mesh.faces) == 36
    np.testing.assert_allclose(mesh.vertices.max(axis=0), [6, 2, 3])


def test_curved_surfaces_are_told(tmp_path: Path) -> None:
    """Splines beside faces are not: they are no surface."""
    curved, line = geometry(4, kind="NurbsSurface"), geometry(5, kind="Line")
    line.children = [N("Points", ([0.0, 0.0, 0.0],))]
    objects = [geometry(1), model(2), model(3), line]
    mesh = loaded(tmp_path, document(objects, (1, 2), (2, 0), (3, 0), (5, 3)))
    assert mesh.notes == ()
    mesh = loaded(tmp_path, document([*objects, curved], (1, 2), (2, 0), (3, 0), (4, 3)))
    assert mesh.notes == ("has curved surfaces (NURBS, patches), which cannot be read",)
    with pytest.raises(AssetError, match=r"curved surfaces .* and has no faces"):
        loaded(tmp_path, document([curved, model(3)], (3, 0), (4, 3)))


OLD = """; FBX 6.1.0 project file
FBXHeaderExtension:  {
    FBXVersion: 6100
    Creator: "FBX SDK/FBX Plugins build 20070228"
}
Creator: "Blender version 2.79"
Objects:  {
    GlobalSettings:  {
        Version: 1000
        Properties60:  {
            Property: "UpAxis", "int", "",2
            Property: "FrontAxis", "int", "",1
            Property: "FrontAxisSign", "int", "",-1
            Property: "CoordAxis", "int", "",0
            Property: "UnitScaleFactor", "double", "",2.54
        }
    }
    Model: "Model::quad", "Mesh" {
        Properties60:  {
            Property: "Lcl Translation", "Lcl Translation", "A+",5,0,0
            Property: "Lcl Scaling", "Lcl Scaling", "A+",2,2,2
        }
        Vertices: 0.0,0.0,0.0,1.0,0.0,0.0,1.0,0.0,3.0,
        0.0,0.0,3.0
        PolygonVertexIndex: 0,1,2,-4
        LayerElementMaterial: 0 {
            MappingInformationType: "AllSame"
            ReferenceInformationType: "IndexToDirect"
            Materials: 0
        }
        LayerElementTexture: 0 {
            MappingInformationType: "AllSame"
            ReferenceInformationType: "IndexToDirect"
            TextureId: 0
        }
    }
    Material: "Material::paint", "" {
        ShadingModel: "lambert"
        Properties60:  {
            Property: "DiffuseColor", "ColorRGB", "",0.5,0.5,0.5
        }
    }
    Texture: "Texture::skin", "TextureVideoClip" {
        FileName: "skin.png"
    }
}
Connections:  {
    Connect: "OO", "Model::quad", "Model::Scene"
    Connect: "OO", "Material::paint", "Model::quad"
    Connect: "OO", "Texture::skin", "Model::quad"
}
Takes:  {
    Take: "walk" {
        FileName: "walk.tak"
    }
}
"""


def test_old_files_are_read(tmp_path: Path) -> None:
    """Before version 7, models hold their faces, and all go by names."""
    pack = tmp_path / "pack"  # beside which no other test has its textures
    pack.mkdir()
    (pack / "a.fbx").write_text(OLD)
    mesh = load_mesh(pack / "a.fbx")
    np.testing.assert_allclose(mesh.vertices.min(axis=0), [5, 0, 0], atol=1e-12)
    np.testing.assert_allclose(mesh.vertices.max(axis=0), [7, 6, 0], atol=1e-12)
    assert mesh.unit == pytest.approx(0.0254)
    assert [one.name for one in mesh.materials] == ["paint"]
    assert mesh.materials[0].colour[0] == 0.5  # Blender's are linear
    assert mesh.companions.missing == ("skin.png",)
    assert mesh.animations == ("walk",)
    Image.new("RGB", (4, 4)).save(pack / "skin.png")
    assert load_mesh(pack / "a.fbx").materials[0].texture == pack / "skin.png"


@pytest.mark.parametrize(
    ("nodes", "reason"),
    [
        (document([model(2)], (2, 0)), "has no faces; does the export leave out meshes?"),
        (document([geometry(1), model(2)], (2, 0)), "has no faces"),
        (
            document([geometry(1, polygons=[(0, 1, 9)]), model(2)], (1, 2), (2, 0)),
            "faces that name missing vertices",
        ),
    ],
    ids=["no mesh", "a mesh that hangs on nothing", "missing vertices"],
)
def test_what_cannot_be_used_is_told(nodes: list[N], reason: str, tmp_path: Path) -> None:
    """In a line, whether as text or as bytes."""
    for data in (as_text(nodes), as_binary(nodes, 7400, False)):
        (tmp_path / "a.fbx").write_bytes(data)
        with pytest.raises(AssetError, match=reason):
            load_mesh(tmp_path / "a.fbx")


def test_models_in_a_circle_end(tmp_path: Path) -> None:
    """As a damaged file may have them."""
    objects = [geometry(1), model(2), model(3)]
    mesh = loaded(tmp_path, document(objects, (1, 2), (2, 0), (3, 2), (2, 3)))
    assert len(mesh.faces) == 12


def test_a_long_line_without_sense_ends_at_once(tmp_path: Path) -> None:
    """No pattern tries over and over."""
    for junk in (
        " " * 300_000 + "?",
        "1" * 300_000 + "?",
        "1," * 300_000 + "?",
        '"' + "a" * 300_000,
    ):
        (tmp_path / "a.fbx").write_text(f"; FBX 7.4.0 project file\nObjects: {{\n{junk}")
        with pytest.raises(AssetError, match="cut off"):
            load_mesh(tmp_path / "a.fbx")


def test_turns_add_up(tmp_path: Path) -> None:
    """Models that hang on each other are turned by all above them."""
    objects = [geometry(1), *(model(id, Lcl_Rotation=(0.0, 30.0, 0.0)) for id in range(2, 8))]
    links = [(1, 7), (2, 0), *((child, parent) for parent, child in pairwise(range(2, 8)))]
    mesh = loaded(tmp_path, document(objects, *links))
    np.testing.assert_allclose(mesh.vertices.min(axis=0), [-1, 0, -3], atol=1e-9)
    np.testing.assert_allclose(mesh.vertices.max(axis=0), [0, 2, 0], atol=1e-9)
