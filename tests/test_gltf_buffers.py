"""glTF in integers, compressed, sparse, or with textures that are moved."""

from __future__ import annotations

import base64
import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from shapesim.errors import AssetError
from shapesim.meshes import load_mesh
from shapesim.rendering.texturing import lost_textures
from shapesim.voxels import voxelise
from tests.conftest import SAMPLES

FILES = Path(__file__).parent / "files"
FLOAT, BYTE, SHORT, UNSIGNED_SHORT = 5126, 5120, 5122, 5123
CORNERS = np.array([[0, 0, 0], [1, 0, 0], [0, 2, 0]], np.float32)
UVS = np.array([[0, 0], [1, 0], [0, 0.5]], np.float32)

Tree = dict[str, Any]


def tree_of(*arrays: tuple[NDArray[Any], int, str]) -> Tree:
    """One triangle; the first array has its corners, the others are further accessors."""
    data, views, accessors = b"", [], []
    for number, (values, component, kind) in enumerate(arrays):
        views.append({"buffer": 0, "byteOffset": len(data), "byteLength": values.nbytes})
        accessors.append({"bufferView": number, "componentType": component,
                          "count": len(values), "type": kind})  # fmt: skip
        data += values.tobytes() + bytes(-values.nbytes % 4)
    uri = "data:application/octet-stream;base64," + base64.b64encode(data).decode()
    return {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "buffers": [{"uri": uri, "byteLength": len(data)}],
        "bufferViews": views,
        "accessors": accessors,
    }


def loaded(tree: Tree, folder: Path) -> Any:
    """The mesh of a tree."""
    (folder / "a.gltf").write_text(json.dumps(tree))
    return load_mesh(folder / "a.gltf")


@pytest.mark.parametrize("name", ["chair-quantised.glb", "chair-compressed.glb"])
def test_what_gltfpack_writes_is_the_asset(name: str) -> None:
    """The shape to a ten-thousandth of its size, and its colours."""
    asset = load_mesh(SAMPLES / "store/meadow-pack/furniture/chair-office.glb")
    packed = load_mesh(FILES / name)
    assert len(packed.faces) == len(asset.faces)
    np.testing.assert_allclose(packed.extents, asset.extents, rtol=1e-4)
    one, other = np.asarray(voxelise(packed)), np.asarray(voxelise(asset))
    assert (one & other).sum() > 0.99 * (one | other).sum()
    colours = [{material.colour for material in mesh.materials} for mesh in (packed, asset)]
    np.testing.assert_allclose(sorted(colours[0]), sorted(colours[1]), atol=1e-3)


@pytest.mark.parametrize(
    ("integers", "component", "expected"),
    [
        (np.array([[0, 0, 0, 0], [127, 0, 0, 0], [-128, -127, 64, 0]], np.int8), BYTE, 127),
        (np.array([[0, 0, 0, 9], [65535, 0, 0, 9], [0, 32768, 1, 9]], "<u2"), UNSIGNED_SHORT,
         65535),
    ],
)  # fmt: skip
def test_normalised_integers_span_one(
    integers: NDArray[Any], component: int, expected: int, tmp_path: Path
) -> None:
    """In rows that are padded to whole words."""
    tree = tree_of((integers, component, "VEC3"))
    tree["bufferViews"][0]["byteStride"] = 4 * integers.itemsize
    tree["accessors"][0]["normalized"] = True
    tree["extensionsUsed"] = ["KHR_mesh_quantization"]
    tree["nodes"][0]["scale"] = [2, 2, 2]
    corners = np.maximum(integers[:, :3] / expected, -1)
    np.testing.assert_allclose(loaded(tree, tmp_path).triangles[0], 2 * corners, atol=1e-6)

    del tree["accessors"][0]["normalized"]
    np.testing.assert_allclose(
        loaded(tree, tmp_path).triangles[0], 2.0 * integers[:, :3].astype(float)
    )


@pytest.mark.parametrize("has_base", [True, False])
def test_sparse_accessors_replace_some(has_base: bool, tmp_path: Path) -> None:
    """Of what is stored, or of zeros."""
    tree = tree_of(
        (CORNERS, FLOAT, "VEC3"),
        (np.array([1, 2], "<u2"), UNSIGNED_SHORT, "SCALAR"),
        (np.array([[5, 0, 0], [0, 7, 0]], np.float32), FLOAT, "VEC3"),
    )
    tree["accessors"][0]["sparse"] = {
        "count": 2,
        "indices": {"bufferView": 1, "componentType": UNSIGNED_SHORT},
        "values": {"bufferView": 2},
    }
    if not has_base:
        del tree["accessors"][0]["bufferView"]
    assert loaded(tree, tmp_path).triangles[0].tolist() == [[0, 0, 0], [5, 0, 0], [0, 7, 0]]


def test_textures_are_moved_as_materials_say(tmp_path: Path) -> None:
    """Two of them share coordinates, a third takes the second set."""
    moves = [
        {"scale": [2, 3], "rotation": np.pi / 2, "offset": [0.25, 0.5]},
        {"offset": [0.5, 0]},
        {"texCoord": 1},
    ]
    tree = tree_of(
        (CORNERS, FLOAT, "VEC3"), (UVS, FLOAT, "VEC2"), (UVS + 4, FLOAT, "VEC2"),
        ((UVS * 32767).astype("<i2"), SHORT, "VEC2"),
    )  # fmt: skip
    tree["accessors"][3]["normalized"] = True
    tree["images"] = [{"uri": "none.png"}]
    tree["textures"] = [{"source": 0}]
    tree["materials"] = [
        {"name": f"m{number}", "pbrMetallicRoughness": {"baseColorTexture": {
            "index": 0, "extensions": {"KHR_texture_transform": move}}}}
        for number, move in enumerate(moves)
    ]  # fmt: skip
    tree["meshes"][0]["primitives"] = [
        {"attributes": {"POSITION": 0, "TEXCOORD_0": first, "TEXCOORD_1": 2}, "material": number}
        for number, first in ((0, 1), (1, 1), (2, 1), (1, 3))
    ]
    tree["extensionsUsed"] = ["KHR_texture_transform", "KHR_mesh_quantization"]
    mesh = loaded(tree, tmp_path)
    u, v = UVS.T
    expected = [
        np.stack([0.25 + 3 * v, 0.5 - 2 * u], axis=1), UVS + (0.5, 0), UVS + 4, UVS + (0.5, 0),
    ]  # fmt: skip
    assert mesh.uvs is not None
    given = [mesh.uvs[face] for face in mesh.faces]
    for one, other in zip(given, expected, strict=True):
        np.testing.assert_allclose(one, other * (1, -1) + (0, 1), atol=1e-4)  # v runs upwards


def test_a_texture_is_turned_as_the_specification_shows(tmp_path: Path) -> None:
    """Its example: half as large, by a quarter turn, the picture's lower left quadrant is seen."""
    tree = tree_of((CORNERS, FLOAT, "VEC3"), (UVS, FLOAT, "VEC2"))
    move = {"offset": [0, 1], "rotation": np.pi / 2, "scale": [0.5, 0.5]}
    texture = {"index": 0, "extensions": {"KHR_texture_transform": move}}
    tree |= {
        "images": [{"uri": "none.png"}],
        "textures": [{"source": 0}],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": texture}}],
    }
    tree["meshes"][0]["primitives"][0] |= {
        "attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "material": 0
    }  # fmt: skip
    u, v = (loaded(tree, tmp_path).uvs * (1, -1) + (0, 1)).T
    assert u.min() > -1e-6 and u.max() < 0.5 + 1e-6
    assert v.min() > 0.5 - 1e-6 and v.max() < 1 + 1e-6


def test_buffers_beside_are_companions(tmp_path: Path) -> None:
    """So that the mesh is read anew when they change."""
    tree = tree_of((CORNERS, FLOAT, "VEC3"))
    tree["extensionsUsed"] = ["KHR_mesh_quantization"]
    (tmp_path / "a b.bin").write_bytes(
        base64.b64decode(tree["buffers"][0]["uri"].partition(",")[2])
    )
    tree["buffers"][0]["uri"] = "a%20b.bin"
    assert loaded(tree, tmp_path).companions.files == ("a b.bin",)


def test_buffers_that_are_cut_off_are_named(tmp_path: Path) -> None:
    """Also where a view, or what it is compressed to, ends beyond them."""
    tree = tree_of((CORNERS, FLOAT, "VEC3"))
    tree["extensionsUsed"] = ["KHR_mesh_quantization"]
    tree["bufferViews"][0]["byteLength"] = 1000
    with pytest.raises(AssetError, match="damaged"):
        loaded(tree, tmp_path)

    data = (FILES / "chair-compressed.glb").read_bytes()
    (tmp_path / "a.glb").write_bytes(data[:-200] + bytes(200))
    with pytest.raises(AssetError, match="damaged"):
        load_mesh(tmp_path / "a.glb")


def test_without_meshopt_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra."""
    monkeypatch.setitem(sys.modules, "meshopt", None)
    with pytest.raises(AssetError, match=r"pip install 'shapesim\[meshopt\]'"):
        load_mesh(FILES / "chair-compressed.glb")


def test_texture_coordinates_may_be_integers_in_any_file(tmp_path: Path) -> None:
    """Without an extension (glTF 2.0, section 3.7.2.1): 65535 is 1."""
    integers = (UVS * 65535).astype("<u2")
    tree = tree_of((CORNERS, FLOAT, "VEC3"), (integers, UNSIGNED_SHORT, "VEC2"))
    tree["accessors"][1]["normalized"] = True
    tree["meshes"][0]["primitives"][0]["attributes"]["TEXCOORD_0"] = 1
    mesh = loaded(tree, tmp_path)
    np.testing.assert_allclose(mesh.uvs[:, 0], UVS[:, 0], atol=1e-4)
    np.testing.assert_allclose(mesh.uvs[:, 1], 1 - UVS[:, 1], atol=1e-4)


def test_what_hangs_on_a_camera_is_there(tmp_path: Path) -> None:
    """As a weapon before the eyes: the mesh beside the camera, and those below it."""
    tree = tree_of((CORNERS, FLOAT, "VEC3"))
    tree["cameras"] = [{"type": "perspective", "perspective": {"yfov": 1, "znear": 0.1}}]
    tree["nodes"] = [
        {"mesh": 0, "camera": 0, "children": [1]},
        {"mesh": 0, "translation": [0, 0, 5]},
    ]
    mesh = loaded(tree, tmp_path)
    assert len(mesh.faces) == 2
    assert mesh.corners[:, 2].max() == 5


def test_glossy_materials_show_their_colours(tmp_path: Path) -> None:
    """In the place of those that are there for readers that do not know them."""
    tree = tree_of((CORNERS, FLOAT, "VEC3"))
    tree["extensionsUsed"] = ["KHR_materials_pbrSpecularGlossiness"]
    tree["materials"] = [{
        "pbrMetallicRoughness": {"baseColorFactor": [0, 0, 0, 1]},
        "extensions": {"KHR_materials_pbrSpecularGlossiness": {"diffuseFactor": [1, 0.5, 0, 1]}},
    }]  # fmt: skip
    tree["meshes"][0]["primitives"][0]["material"] = 0
    (material,) = loaded(tree, tmp_path).materials
    assert material.colour == pytest.approx((1, 0.5, 0, 1), abs=1e-2)


@pytest.mark.parametrize("width", [3, 4])
def test_colours_of_vertices_need_no_material(tmp_path: Path, width: int) -> None:
    """All of their bits count, their alpha does not, and white is what they are multiplied by."""
    colours = np.full((3, width), 32768, "<u2")
    tree = tree_of((CORNERS, FLOAT, "VEC3"), (colours, UNSIGNED_SHORT, f"VEC{width}"))
    tree["bufferViews"][1]["byteStride"] = 2 * width if width == 4 else 8
    if width == 3:
        padded = np.full((3, 4), 32768, "<u2")
        tree = tree_of((CORNERS, FLOAT, "VEC3"), (padded, UNSIGNED_SHORT, "VEC3"))
        tree["bufferViews"][1]["byteStride"] = 8
    tree["accessors"][1]["normalized"] = True
    tree["meshes"][0]["primitives"][0]["attributes"]["COLOR_0"] = 1
    mesh = loaded(tree, tmp_path)
    assert mesh.materials[0].colour == (1, 1, 1, 1)
    assert mesh.colours.tolist() == [[188, 188, 188, 255]] * 3


def test_a_skinned_mesh_of_another_scene_is_not_shown(tmp_path: Path) -> None:
    """Only what hangs in the scene that is."""
    tree = tree_of((CORNERS, FLOAT, "VEC3"))
    tree["skins"] = [{"joints": [2]}]
    tree["nodes"] = [{"mesh": 0}, {"mesh": 0, "skin": 0}, {"translation": [3, 0, 0]}]
    tree["scenes"] = [{"nodes": [0]}, {"nodes": [1, 2]}]
    assert len(loaded(tree, tmp_path).faces) == 1
    tree["scene"] = 1
    assert loaded(tree, tmp_path).corners[:, 0].min() == 3


def test_what_has_no_surface_costs_nothing_else(tmp_path: Path) -> None:
    """Lines with children, and what is nowhere."""
    tree = tree_of((CORNERS, FLOAT, "VEC3"))
    here = {"attributes": {"POSITION": 0}}
    tree["meshes"] = [
        {"primitives": [{**here, "mode": 3}]}, {"primitives": [here, {"attributes": {}}]}
    ]  # fmt: skip
    tree["nodes"] = [{"mesh": 0, "children": [1]}, {"mesh": 1, "translation": [0, 0, 5]}]
    mesh = loaded(tree, tmp_path)
    assert len(mesh.faces) == 1
    assert (mesh.corners[:, 2] == 5).all()


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    """Extensions that nobody here knows, and morph targets that are not at rest."""
    tree = tree_of((CORNERS, FLOAT, "VEC3"))
    tree["extensionsRequired"] = ["KHR_materials_unlit", "ACME_bent_space"]
    tree["meshes"][0]["weights"] = [0, 0]
    assert len(loaded(tree, tmp_path).warnings) == 1
    tree["nodes"][0]["weights"] = [0, 0.5]
    bent, moved = loaded(tree, tmp_path).warnings
    assert "ACME_bent_space" in bent
    assert "morph targets" in moved


@pytest.mark.parametrize("kind", ["png", "dds", "webp", "damaged", "cut off", "ktx2"])
def test_base_colours_that_are_lost_are_told(tmp_path: Path, kind: str) -> None:
    """DDS is read, and WebP; what is damaged or in KTX2 is named, whatever stands beside it."""
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    kinds = {"dds": "DDS", "webp": "WEBP"}
    Image.fromarray(noise).save(buffer, kinds.get(kind, "PNG"))
    content = buffer.getvalue()
    if kind == "damaged":
        content = b"x" * 99
    if kind == "cut off":
        content = content[: len(content) // 2]
    uri = f"data:image/x;base64,{base64.b64encode(content).decode()}"
    tree = tree_of((CORNERS, FLOAT, "VEC3"), (UVS, FLOAT, "VEC2"))
    tree["images"] = [{"uri": uri, "name": "paint"}]
    extension = {
        "dds": "MSFT_texture_dds", "webp": "EXT_texture_webp", "ktx2": "KHR_texture_basisu"
    }.get(kind)  # fmt: skip
    source = {"source": 0}
    tree["textures"] = [{"extensions": {extension: source}} if extension else source]
    tree["materials"] = [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}]
    tree["meshes"][0]["primitives"][0] |= {
        "attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "material": 0
    }  # fmt: skip
    mesh = loaded(tree, tmp_path)
    told = " ".join((*mesh.warnings, *lost_textures(mesh)))
    words = {"damaged": "is no picture", "cut off": "is cut off", "ktx2": "in KTX2"}
    assert words[kind] in told if kind in words else told == ""
    has_texture = mesh.materials[0].texture is not None
    assert has_texture == (kind not in ("damaged", "ktx2"))


@pytest.mark.parametrize(
    "image",
    [
        {"uri": "data:image/png;base64,abcde"}, {"uri": "data:image/svg+xml,%3Csvg"}, {"uri": ""},
        {}, {"uri": "a\0b.png"}, {"uri": "x" * 300}, None,
    ],
)  # fmt: skip
def test_a_broken_texture_costs_but_the_colour(tmp_path: Path, image: Tree | None) -> None:
    """Whatever is wrong with it; it is told."""
    tree = tree_of((CORNERS, FLOAT, "VEC3"), (UVS, FLOAT, "VEC2"))
    tree["images"], tree["textures"] = [] if image is None else [image], [{"source": 0}]
    tree["materials"] = [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}]
    tree["meshes"][0]["primitives"][0] |= {
        "attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "material": 0
    }  # fmt: skip
    mesh = loaded(tree, tmp_path)
    assert mesh.materials[0].texture is None
    assert len(mesh.warnings) == 1


@pytest.mark.parametrize(
    ("uri", "is_found"),
    [
        ("paint.jfif", True), ("../textures/wood.jfif", True), ("wood.png", True),
        ("../../private/me.jfif", False), ("../../private/me.png", False), ("gone.jfif", False),
        ("//server/share/me.png", False),
    ],
)  # fmt: skip
def test_pictures_are_of_the_pack_whatever_they_are_called(
    tmp_path: Path, uri: str, is_found: bool
) -> None:
    """Those elsewhere are not opened, and those that are missing are told."""
    home = tmp_path / "pack" / "models"
    names = ("paint.jfif", "../textures/wood.jfif", "../textures/wood.png", "../../private/me.jfif")
    for name in (*names, "../../private/me.png"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        kind = "PNG" if name.endswith("png") else "JPEG"
        Image.new("RGB", (4, 4), "red").save((home / name).resolve(), kind)
    tree = tree_of((CORNERS, FLOAT, "VEC3"), (UVS, FLOAT, "VEC2"))
    tree["images"], tree["textures"] = [{"uri": uri}], [{"source": 0}]
    tree["materials"] = [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}]
    tree["meshes"][0]["primitives"][0] |= {
        "attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "material": 0
    }  # fmt: skip
    mesh = loaded(tree, home)
    assert (mesh.materials[0].texture is not None) == is_found
    assert mesh.warnings == (() if is_found else (f"texture {uri} is not in the asset's pack",))
