"""Loading: twins of one scene in every format, frames, and damaged files."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray
from PIL import Image

from shapesim.errors import AssetError, UnsupportedFormatError
from shapesim.geometry import same_geometry, signature
from shapesim.meshes import MESH_SUFFIXES, find_assets, load_mesh, save_mesh
from shapesim.meshes.parts import Loaded, Part, assemble, rgba
from shapesim.pictures.colours import to_srgb
from shapesim.types import Material
from tests.conftest import SAMPLES, as_mesh, lopsided, yawed

FILES = Path(__file__).parent / "files"
FROM_Z_UP = trimesh.transformations.rotation_matrix(-np.pi / 2, (1, 0, 0))
TO_Z_UP = trimesh.transformations.rotation_matrix(np.pi / 2, (1, 0, 0))
WRITTEN = [".glb", ".gltf", ".obj", ".dae", ".stl", ".ply", ".off", ".3mf"]


def scene() -> trimesh.Scene:
    """Two nodes, each with a transform of its own."""
    made = trimesh.Scene()
    made.add_geometry(lopsided(), transform=yawed(0.4))
    moved = yawed(-1.0)
    moved[:3, 3] = (3.0, 0.5, -1.0)
    made.add_geometry(trimesh.creation.cone(0.5, 2.0), transform=moved)
    return made


def write(path: Path, made: trimesh.Scene) -> Path:
    """Writes a scene; formats that stand on z get it turned."""
    if path.suffix in {".stl", ".ply", ".3mf"}:
        made.apply_transform(TO_Z_UP)
    if path.suffix == ".gltf":
        for name, content in made.export(file_type="gltf").items():
            target = path if name.endswith(".gltf") else path.with_name(name)
            target.write_bytes(content)
    elif path.suffix in {".stl", ".ply", ".off", ".dae"}:
        made.to_mesh().export(path)
    else:
        made.export(path)
    return path


@pytest.mark.parametrize("suffix", WRITTEN)
def test_every_format_gives_the_same_geometry(suffix: str, tmp_path: Path) -> None:
    """A scene of two placed nodes has one geometry and one size in all formats."""
    expected = load_mesh(write(tmp_path / "reference.glb", scene()))
    mesh = load_mesh(write(tmp_path / f"Tür und Angel{suffix}", scene()))
    assert same_geometry(signature(mesh), signature(expected))
    np.testing.assert_allclose(mesh.extents, expected.extents, rtol=1e-4)
    assert len(mesh.faces) == len(expected.faces)


def test_every_suffix_is_tested() -> None:
    """The formats above and FBX are all there are."""
    assert {*WRITTEN, ".fbx"} == MESH_SUFFIXES


def test_the_up_axis_can_be_overridden(tmp_path: Path) -> None:
    """A z-up OBJ loads lying down, unless told."""
    scene().apply_transform(TO_Z_UP).to_mesh().export(tmp_path / "a.obj")
    height = load_mesh(write(tmp_path / "b.glb", scene())).extents[1]
    assert load_mesh(tmp_path / "a.obj").extents[1] != pytest.approx(height, rel=0.01)
    assert load_mesh(tmp_path / "a.obj", up="z").extents[1] == pytest.approx(height, rel=1e-4)


def test_upright_leads_from_the_files_coordinates(tmp_path: Path) -> None:
    """Mesh.upright maps what the file holds to the mesh's vertices."""
    path = write(tmp_path / "a.stl", scene())
    raw = trimesh.load_mesh(path, process=False)
    mesh = load_mesh(path)
    expected = trimesh.transform_points(raw.vertices, mesh.upright)
    np.testing.assert_allclose(np.sort(mesh.vertices, 0), np.sort(expected, 0), atol=1e-6)


def test_materials_uvs_and_textures_survive(tmp_path: Path) -> None:
    """A textured OBJ keeps its colour, texture coordinates and picture."""
    Image.new("RGB", (4, 4), (10, 200, 30)).save(tmp_path / "skin.png")
    (tmp_path / "a.mtl").write_text("newmtl m\nKd 0.2 0.4 0.6\nmap_Kd skin.png\n")
    (tmp_path / "a.obj").write_text(
        "mtllib a.mtl\nusemtl m\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\nf 1/1 2/2 3/3\n"
    )
    mesh = load_mesh(tmp_path / "a.obj")
    (material,) = mesh.materials
    assert material.name == "m"
    assert to_srgb(np.array(material.colour[:3])) == pytest.approx((0.2, 0.4, 0.6), abs=0.01)
    assert material.texture == tmp_path / "skin.png"
    assert mesh.uvs is not None
    assert {tuple(uv) for uv in mesh.uvs} == {(0, 0), (1, 0), (0, 1)}
    assert mesh.warnings == ()
    (tmp_path / "windows.obj").write_text(
        (tmp_path / "a.obj").read_text().replace("mtllib a.mtl", "mtllib .\\a.mtl")
    )
    assert load_mesh(tmp_path / "windows.obj").materials[0].texture is not None


def test_blender_writes_linear_colours(tmp_path: Path) -> None:
    """What its exporters write is taken as it is, what others write as seen on a screen."""
    for head, colour in (("# Blender 4.2\n", 0.5), ("", 0.214)):
        (tmp_path / "a.mtl").write_text("newmtl m\nKd 0.5 0.5 0.5\n")
        (tmp_path / "a.obj").write_text(
            f"{head}mtllib a.mtl\nusemtl m\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"
        )
        found = load_mesh(tmp_path / "a.obj").materials[0].colour[:3]
        assert found == pytest.approx((colour,) * 3, abs=0.003)


def test_vertex_colours_survive(tmp_path: Path) -> None:
    """A PLY with vertex colours keeps them."""
    shape = trimesh.creation.box()
    shape.visual.vertex_colors = np.tile([9, 90, 200, 255], (8, 1))
    shape.export(tmp_path / "a.ply")
    colours = load_mesh(tmp_path / "a.ply").colours
    assert colours is not None
    np.testing.assert_array_equal(np.unique(colours, axis=0), [[9, 90, 200, 255]])


def test_colours_of_vertices_are_as_seen_whoever_wrote_them(tmp_path: Path) -> None:
    """Blender writes those of materials linear, but not those of vertices."""
    shape = trimesh.creation.box()
    shape.visual.vertex_colors = np.tile([9, 90, 200, 255], (8, 1))
    shape.export(tmp_path / "a.ply")
    content = (tmp_path / "a.ply").read_bytes()
    (tmp_path / "a.ply").write_bytes(
        content.replace(b"comment ", b"comment Created by Blender ", 1)
    )
    colours = load_mesh(tmp_path / "a.ply").colours
    assert colours is not None
    np.testing.assert_array_equal(np.unique(colours, axis=0), [[9, 90, 200, 255]])


def test_a_thing_called_blender_is_not_written_by_it(tmp_path: Path) -> None:
    """Only the head of a file tells who wrote it."""
    (tmp_path / "Blender.mtl").write_text("newmtl m\nKd 0.5 0.5 0.5\n")
    (tmp_path / "a.obj").write_text(
        "g Blender\nmtllib Blender.mtl\nusemtl m\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"
    )
    assert load_mesh(tmp_path / "a.obj").materials[0].colour[0] == pytest.approx(0.214, abs=0.003)


@pytest.mark.parametrize("colours", [3, 300])
def test_colours_of_faces_cost_no_more_than_their_corners(tmp_path: Path, colours: int) -> None:
    """Few become materials, many become colours of vertices; all are as they were."""
    ball = trimesh.creation.icosphere(3)
    given = np.random.default_rng(0).integers(0, 256, (colours, 4)).astype(np.uint8)
    given[:, 3] = 255
    given = given[np.arange(len(ball.faces)) % colours]
    ball.visual.face_colors = given
    ball.export(tmp_path / "ball.ply")
    mesh = load_mesh(tmp_path / "ball.ply")
    assert len(mesh.vertices) <= 3 * len(ball.faces)
    assert len(mesh.materials) <= 3
    assert same_geometry(signature(mesh), signature(as_mesh(ball.apply_transform(FROM_Z_UP))))
    if mesh.colours is not None:
        np.testing.assert_array_equal(mesh.colours[mesh.faces[:, 0]], given)


def test_mirrored_nodes_keep_their_outside(tmp_path: Path) -> None:
    """A node that mirrors turns its triangles, which still look outward."""
    shapes = trimesh.Scene()
    shapes.add_geometry(trimesh.creation.box(), transform=np.diag([-2.0, 1, 1, 1]))
    shapes.export(tmp_path / "a.glb")
    mesh = load_mesh(tmp_path / "a.glb")
    assert trimesh.Trimesh(mesh.vertices, mesh.faces).volume == pytest.approx(2)


def test_buffers_may_be_named_with_any_signs(tmp_path: Path) -> None:
    """A space stands as %20 in glTF; a mark of UTF-8 before the text does no harm."""
    write(tmp_path / "a.gltf", scene())
    expected = load_mesh(tmp_path / "a.gltf").vertices
    tree = json.loads((tmp_path / "a.gltf").read_text())
    for number, buffer in enumerate(tree["buffers"]):
        (tmp_path / buffer["uri"]).rename(tmp_path / f"ein gerät {number}.bin")
        buffer["uri"] = f"ein%20ger%C3%A4t%20{number}.bin"
    (tmp_path / "b.gltf").write_text("\ufeff" + json.dumps(tree), encoding="utf-8")
    mesh = load_mesh(tmp_path / "b.gltf")
    np.testing.assert_array_equal(mesh.vertices, expected)
    assert "ein gerät 0.bin" in mesh.companions.files


def test_a_buffer_outside_of_the_pack_is_not_read(tmp_path: Path) -> None:
    """It is named."""
    (tmp_path / "pack").mkdir()
    write(tmp_path / "pack" / "a.gltf", scene())
    tree = json.loads((tmp_path / "pack" / "a.gltf").read_text())
    name = tree["buffers"][0]["uri"]
    (tmp_path / "pack" / name).rename(tmp_path / name)
    tree["buffers"][0]["uri"] = f"../{name}"
    (tmp_path / "pack" / "a.gltf").write_text(json.dumps(tree))
    with pytest.raises(AssetError, match="put it beside the file"):
        load_mesh(tmp_path / "pack" / "a.gltf")


@pytest.mark.parametrize("suffix", [".glb", ".obj", ".ply", ".stl"])
def test_what_is_saved_loads_as_it_was(tmp_path: Path, suffix: str) -> None:
    """The right way up, whatever axis the format stands on."""
    mesh = as_mesh(lopsided())
    save_mesh(mesh, tmp_path / f"a{suffix}")
    back = load_mesh(tmp_path / f"a{suffix}")
    np.testing.assert_allclose(back.corners.min(axis=0), mesh.corners.min(axis=0), atol=1e-5)
    np.testing.assert_allclose(back.corners.max(axis=0), mesh.corners.max(axis=0), atol=1e-5)
    assert same_geometry(signature(back), signature(mesh))


def skinned_gltf(path: Path, joint_scale: float) -> None:
    """One triangle skinned to one joint; the mesh's own node is moved far away."""
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 2, 0]], "<f4")
    bind = np.diag([0.5, 0.5, 0.5, 1]).astype("<f4")
    content = corners.tobytes() + np.array([0, 1, 2], "<u4").tobytes() + bind.T.tobytes()
    (path.parent / "skin.bin").write_bytes(content)
    tree = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0, 1]}],
        "nodes": [
            {"mesh": 0, "skin": 0, "translation": [100, 100, 100]},
            {"scale": [joint_scale] * 3},
        ],
        "skins": [{"joints": [1], "inverseBindMatrices": 2}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "buffers": [{"uri": "skin.bin", "byteLength": len(content)}],
        "bufferViews": [
            {"buffer": 0, "byteOffset": 0, "byteLength": 36},
            {"buffer": 0, "byteOffset": 36, "byteLength": 12},
            {"buffer": 0, "byteOffset": 48, "byteLength": 64},
        ],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3",
             "min": [0, 0, 0], "max": [1, 2, 0]},
            {"bufferView": 1, "componentType": 5125, "count": 3, "type": "SCALAR"},
            {"bufferView": 2, "componentType": 5126, "count": 1, "type": "MAT4"},
        ],
    }  # fmt: skip
    path.write_text(json.dumps(tree))


def test_a_skinned_mesh_stands_where_its_joints_put_it(tmp_path: Path) -> None:
    """The mesh's own node is ignored, the joint's scale and inverse bind matrix apply."""
    skinned_gltf(tmp_path / "a.gltf", joint_scale=6.0)
    vertices = load_mesh(tmp_path / "a.gltf").vertices
    np.testing.assert_allclose(sorted(vertices.tolist()), [[0, 0, 0], [0, 6, 0], [3, 0, 0]])


def test_a_skinned_glb_is_a_skinned_gltf(tmp_path: Path) -> None:
    """The same tree packed as GLB gives the same vertices."""
    skinned_gltf(tmp_path / "a.gltf", joint_scale=2.0)
    tree = json.loads((tmp_path / "a.gltf").read_text())
    del tree["buffers"][0]["uri"]
    text, binary = json.dumps(tree).encode(), (tmp_path / "skin.bin").read_bytes()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text
    chunks += struct.pack("<II", len(binary), 0x004E4942) + binary
    (tmp_path / "a.glb").write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks)
    np.testing.assert_allclose(
        load_mesh(tmp_path / "a.glb").vertices, load_mesh(tmp_path / "a.gltf").vertices
    )


def test_draco_is_decoded(tmp_path: Path) -> None:
    """A Draco-compressed GLB has the geometry of the plain one."""
    import DracoPy

    shape = lopsided()
    data = DracoPy.encode(shape.vertices, shape.faces, quantization_bits=16)
    tree = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "extensionsUsed": ["KHR_draco_mesh_compression"],
        "extensionsRequired": ["KHR_draco_mesh_compression"],
        "meshes": [{"primitives": [{
            "attributes": {"POSITION": 0}, "indices": 1,
            "extensions": {"KHR_draco_mesh_compression":
                           {"bufferView": 0, "attributes": {"POSITION": 0}}},
        }]}],
        "buffers": [{"uri": "a.bin", "byteLength": len(data)}],
        "bufferViews": [{"buffer": 0, "byteOffset": 0, "byteLength": len(data)}],
        "accessors": [
            {"componentType": 5126, "count": len(shape.vertices), "type": "VEC3"},
            {"componentType": 5125, "count": 3 * len(shape.faces), "type": "SCALAR"},
        ],
    }  # fmt: skip
    (tmp_path / "a.bin").write_bytes(data)
    (tmp_path / "a.gltf").write_text(json.dumps(tree))
    plain = write(tmp_path / "b.glb", trimesh.Scene(shape))
    assert same_geometry(signature(load_mesh(tmp_path / "a.gltf")), signature(load_mesh(plain)))


def spoil(change: Callable[[Path], object]) -> Callable[[Path], Path]:
    """A maker of a file from a change to a good GLB."""

    def make(folder: Path) -> Path:
        path = write(folder / "bad.glb", scene())
        change(path)
        return path

    return make


def obj(text: str) -> Callable[[Path], Path]:
    """A maker of an OBJ file."""

    def make(folder: Path) -> Path:
        (folder / "bad.obj").write_text(text)
        return folder / "bad.obj"

    return make


def half_fbx(folder: Path) -> Path:
    """A sample FBX cut in the middle."""
    whole = next((SAMPLES / "store").rglob("*.fbx")).read_bytes()
    (folder / "bad.fbx").write_bytes(whole[: len(whole) // 2])
    return folder / "bad.fbx"


def old_fbx(folder: Path) -> Path:
    """An ASCII FBX of 2003."""
    (folder / "bad.fbx").write_text("; FBX 5.0.0 project file\nFBXVersion: 5000\n")
    return folder / "bad.fbx"


def gltf_without_buffer(folder: Path) -> Path:
    """A .gltf whose .bin is gone."""
    skinned_gltf(folder / "bad.gltf", 1.0)
    (folder / "skin.bin").unlink()
    return folder / "bad.gltf"


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "empty": (spoil(lambda path: path.write_bytes(b"")), "empty file"),
    "truncated glb": (
        spoil(lambda path: path.write_bytes(path.read_bytes()[:2000])), "cut off"
    ),
    "only a header": (
        spoil(lambda path: path.write_bytes(path.read_bytes()[:10])), "cut off"
    ),
    "garbage": (spoil(lambda path: path.write_bytes(b"\xff\x00" * 500)), "is no glTF"),
    "truncated fbx": (half_fbx, "cannot be read"),
    "old fbx": (old_fbx, "is FBX 5.0, older than 6.0"),
    "no faces": (obj("v 0 0 0\nv 1 0 0\nv 0 1 0\n"), "no faces"),
    "nan": (obj("v 0 0 nan\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"), "not finite"),
    "huge": (obj("v 0 0 1e30\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"), "stray vertices"),
    "one point": (obj("v 1 1 1\nv 1 1 1\nv 1 1 1\nf 1 2 3\n"), "no surface"),
    "one line": (obj("v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n"), "no surface"),
    "missing vertices": (obj("v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 9\n"), "bad.obj"),
    "missing buffer": (gltf_without_buffer, "skin.bin is missing"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "reason"), BAD.values(), ids=BAD.keys())
def test_a_bad_file_has_one_clear_line(
    make: Callable[[Path], Path], reason: str, tmp_path: Path
) -> None:
    """It names the file and the reason, and is an AssetError."""
    path = make(tmp_path)
    with pytest.raises(AssetError) as caught:
        load_mesh(path)
    message = str(caught.value)
    assert str(path) in message
    assert reason in message
    assert "\n" not in message


def test_an_unknown_suffix_names_the_known_ones(tmp_path: Path) -> None:
    """The message lists what can be loaded."""
    (tmp_path / "a.blend").write_bytes(b"BLENDER")
    with pytest.raises(UnsupportedFormatError, match=r"\.blend.*\.fbx"):
        load_mesh(tmp_path / "a.blend")


def test_faces_that_name_missing_vertices_are_refused(tmp_path: Path) -> None:
    """A loader that lets such faces through does not reach the voxels."""
    part = Part(np.zeros((2, 3)), np.array([[0, 1, 2]]), Material())
    with pytest.raises(AssetError, match="missing vertices"):
        assemble(tmp_path / "a.obj", Loaded([part]), np.eye(4))


@pytest.mark.parametrize(
    ("suffix", "encoding"),
    [(".obj", "utf-16"), *product((".obj", ".off", ".stl", ".ply"), ("utf-8", "latin-1"))],
)
def test_text_may_be_in_any_encoding(suffix: str, encoding: str, tmp_path: Path) -> None:
    """Names and comments with umlauts, as old exporters wrote them, cost nothing."""
    box = trimesh.creation.box((1, 2, 3))
    options = {"encoding": "ascii"} if suffix == ".ply" else {}
    kind = "stl_ascii" if suffix == ".stl" else suffix[1:]
    text: Any = box.export(file_type=kind, **options)
    text = text.decode() if isinstance(text, bytes) else text
    head, _, rest = text.partition("\n")
    if suffix == ".obj":
        (tmp_path / "Stämme.mtl").write_bytes("newmtl Bäume\nKd 1 0 0\n".encode(encoding))
        vertices, start, faces = text.partition("f ")
        text = f"mtllib Stämme.mtl\n{vertices}usemtl Bäume\n{start}{faces}"
    elif suffix == ".stl":
        text = f"solid Bäume\n{rest}"
    else:
        text = f"{head}\n{'comment' if suffix == '.ply' else '#'} von Jürgen\n{rest}"
        if suffix == ".ply":  # the format has to come second
            first, second, third, body = text.split("\n", 3)
            text = "\n".join([first, third, second, body])
    path = tmp_path / f"box{suffix}"
    path.write_bytes(text.encode(encoding))
    mesh = load_mesh(path)
    assert not mesh.warnings
    assert sorted(mesh.extents) == pytest.approx([1, 2, 3])
    if suffix == ".obj":
        assert mesh.materials[0].colour[:3] == pytest.approx([1, 0, 0])


def test_a_missing_material_file_is_a_warning(tmp_path: Path) -> None:
    """The mesh loads; what is missing is named."""
    (tmp_path / "a.obj").write_text("mtllib gone.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    assert load_mesh(tmp_path / "a.obj").warnings == ("material file gone.mtl is missing",)


def test_a_texture_that_is_a_device_is_not_read(tmp_path: Path) -> None:
    """It would never end."""
    (tmp_path / "a.mtl").write_text("newmtl m\nKd 0.2 0.4 0.6\nmap_Kd /dev/zero\n")
    (tmp_path / "a.obj").write_text(
        "mtllib a.mtl\nusemtl m\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\nf 1/1 2/2 3/3\n"
    )
    mesh = load_mesh(tmp_path / "a.obj")
    assert mesh.companions.files == ("a.mtl",)
    assert mesh.materials[0].texture is None


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    """Every real file is found once, however many links lead to it."""
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "a.obj").write_text("v 0 0 0\n")
    (tmp_path / "pack" / "again").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "other.obj").symlink_to(tmp_path / "pack" / "a.obj")
    found = find_assets(tmp_path)
    assert [path.resolve() for path in found.files] == [(tmp_path / "pack" / "a.obj").resolve()]
    assert len(found.repeats) == 1


def test_hidden_folders_are_left_out(tmp_path: Path) -> None:
    """A gallery or a repository inside a store holds no assets."""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "a.obj").write_text("v 0 0 0\n")
    assert find_assets(tmp_path).files == []


def test_a_link_to_itself_is_left_out(tmp_path: Path) -> None:
    """Two links that name each other lead nowhere and end no walk."""
    (tmp_path / "a.obj").symlink_to(tmp_path / "b.obj")
    (tmp_path / "b.obj").symlink_to(tmp_path / "a.obj")
    for path in find_assets(tmp_path).files:
        with pytest.raises(AssetError):
            load_mesh(path)


def test_relative_obj_indices_count_from_their_line(tmp_path: Path) -> None:
    """Two objects that name their own last three vertices are two triangles."""
    (tmp_path / "a.obj").write_text(
        "v 0 0 0\nv 1 0 0\nv 0 1 0\nf -3 -2 -1\nv 0 0 5\nv 1 0 5\nv 0 1 5\nf -3 -2 -1\n"
    )
    mesh = load_mesh(tmp_path / "a.obj")
    assert len(mesh.faces) == 2
    assert mesh.extents.tolist() == [1, 1, 5]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (np.array([[0.0, 0.5, 1.0]]), [0, 128, 255, 255]),
        (np.array([[0, 32768, 65535, 0]], np.uint16), [0, 128, 255, 0]),
        (np.array([[1, 2, 3, 4]], np.uint8), [1, 2, 3, 4]),
        (np.array([[-1.0, 2.0, 0.0]]), [0, 255, 0, 255]),
    ],
)
def test_colours_of_every_type_become_bytes(given: NDArray[Any], expected: list[int]) -> None:
    """Floats, 16 bit and missing alpha."""
    assert rgba(given).tolist() == [expected]


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("nodes", [{"extensions": {"EXT_mesh_gpu_instancing": {}}}], "EXT_mesh_gpu_instancing"),
        ("meshes", [{"primitives": [{"attributes": {}, "mode": 6}]}], "triangle fans"),
    ],
)
def test_what_would_load_wrong_is_refused(
    key: str, value: list[object], reason: str, tmp_path: Path
) -> None:
    """The message names the feature."""
    (tmp_path / "a.gltf").write_text(json.dumps({"asset": {"version": "2.0"}, key: value}))
    with pytest.raises(AssetError, match=reason):
        load_mesh(tmp_path / "a.gltf")


@pytest.mark.parametrize("suffix", [".obj", ".ply"])
@pytest.mark.parametrize("of", ["nothing", "colours", "texture", "both"])
def test_what_a_file_does_not_give_is_not_made_up(tmp_path: Path, suffix: str, of: str) -> None:
    """Of a mesh with texture coordinates: no grey picture, no dark colour; its own are kept."""
    path, box = tmp_path / f"box{suffix}", trimesh.creation.box()
    Image.new("RGB", (8, 8), (250, 150, 20)).save(tmp_path / "paint.png")
    paint = (0.2, 1.0, 0.4) if suffix == ".obj" else (51, 255, 102)
    colour = " {} {} {}".format(*paint) if of in ("colours", "both") else ""
    textured = of in ("texture", "both")
    if suffix == ".obj":
        (tmp_path / "box.mtl").write_text("newmtl m\nmap_Kd paint.png\n")
        lines = ["mtllib box.mtl", "usemtl m"] if textured else []
        lines += [f"v {x} {y} {z}{colour}\nvt {x} {y}" for x, y, z in box.vertices]
        lines += ["f " + " ".join(f"{n}/{n}" for n in face + 1) for face in box.faces]
    else:
        names = ["float x", "float y", "float z", "float s", "float t"]
        names += ["uchar red", "uchar green", "uchar blue"] if colour else []
        lines = ["ply", "format ascii 1.0", "comment TextureFile paint.png" if textured else ""]
        lines += ["element vertex 8", *(f"property {name}" for name in names)]
        lines += ["element face 12", "property list uchar int vertex_indices", "end_header"]
        lines += [f"{x} {y} {z} {x} {y}{colour}" for x, y, z in box.vertices]
        lines += ["3 {} {} {}".format(*face) for face in box.faces]
    path.write_text("\n".join(line for line in lines if line) + "\n")
    mesh = load_mesh(path)
    (material,) = mesh.materials
    assert (material.texture is not None) == textured
    given = to_srgb(np.array(material.colour[:3]))
    np.testing.assert_allclose(given, (1, 1, 1) if textured else Material().colour[:3], atol=0.01)
    if of == "colours":
        assert mesh.colours is not None
        np.testing.assert_array_equal(mesh.colours[:, :3], [[51, 255, 102]] * len(mesh.colours))
