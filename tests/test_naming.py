"""Names by which game engines know what players never see."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import trimesh
from collada import Collada
from collada.geometry import Geometry
from collada.scene import GeometryNode, Node, Scene
from collada.source import FloatSource, InputList

from shapesim.meshes import load_mesh
from shapesim.meshes.naming import drawn

# What is seen is 1, 2 or 4 long along x, all else is longer.
OBJECTS = {"rock_LOD0": 1, "rock_LOD1": 8, "stone_LOD1": 2, "tree": 4, "tree_lod2": 9,
           "UCX_rock_01": 12, "tree-colonly": 15}  # fmt: skip
NOTE = "has shapes for collisions (UCX and the like), which are left out"


@pytest.mark.parametrize(
    ("objects", "kept"),
    [
        ([("rock_LOD0",), ("rock_LOD1",), ("rock_lod2",), ("UCX_rock_01",)], [0]),
        ([("stone_LOD1",), ("stone_LOD2",)], [0, 1]),  # no first
        ([("tree",), ("Tree_LOD1",), ("tree_LOD1.001",), ("other_LOD1",)], [0, 3]),
        ([("Cube.001", "rock_LOD0"), ("Cube.002", "rock_LOD1")], [0]),  # by what holds them
        ([("Cube", "UCX_rock"), ("rock", "UCXtra"), ("U_rock",)], [1, 2]),
        ([("gate-col",), ("gate-colonly",), ("gate_convcolonly2",), ("gate-navmesh",)], [0]),
        ([("ucx_rock",), ("MCDCX_rock",), ("gate",), ("gate_Collider.001",)], [2]),
        ([("gate-Collision",), ("collision",), ("Gate_MeshCollider",), ("collisions",)], [1, 3]),
        ([("rock.LOD0",), ("rock.LOD1",), ("Rock-LOD2",), ("rock LOD_3",)], [0]),
        ([("UCX_rock",), ("UBX_rock",)], [0, 1]),  # nothing else is there
        ([], []),
    ],
)
def test_names_tell_what_is_drawn(objects: list[tuple[str, ...]], kept: list[int]) -> None:
    """By the conventions of Unreal, Unity and Godot."""
    assert drawn(objects)[0] == kept


def write_dae(path: Path, boxes: dict[str, trimesh.Trimesh]) -> None:
    """A scene with a node for each."""
    document = Collada()
    nodes = []
    for name, box in boxes.items():
        places = FloatSource("places", box.vertices.ravel(), ("X", "Y", "Z"))
        geometry = Geometry(document, f"of-{name}", "Cube", [places])
        inputs = InputList()
        inputs.addInput(0, "VERTEX", "#places")
        geometry.primitives.append(geometry.createTriangleSet(box.faces, inputs, ""))
        document.geometries.append(geometry)
        nodes.append(Node(f"of-{name}", [GeometryNode(geometry)], name=name))
    document.scenes.append(Scene("scene", nodes))
    document.scene = document.scenes[0]
    with path.open("wb") as file:
        document.write(file)


def written(folder: Path, suffix: str) -> Path:
    """Boxes by those names, as a file of that kind."""
    path = folder / f"scene{suffix}"
    boxes = {name: trimesh.creation.box((length, 1, 1)) for name, length in OBJECTS.items()}
    if suffix == ".dae":
        write_dae(path, boxes)
        return path
    if suffix != ".obj":
        scene = trimesh.Scene()
        for number, (name, box) in enumerate(boxes.items()):
            scene.add_geometry(box, node_name=name, geom_name=f"Cube.{number:03}")
        scene.export(path)
        return path
    lines, before = [], 1
    for name, box in boxes.items():
        lines += [f"{'g' if 'LOD' in name else 'o'} {name}", f"usemtl {len(name) % 2}"]
        lines += ["v {} {} {}".format(*vertex) for vertex in box.vertices]
        lines += ["f {} {} {}".format(*face) for face in box.faces + before]
        before += len(box.vertices)
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize("suffix", [".glb", ".gltf", ".dae", ".obj"])
def test_every_format_follows_them(suffix: str, tmp_path: Path) -> None:
    """Beside FBX, whose own tests say so."""
    mesh = load_mesh(written(tmp_path, suffix))
    assert len(mesh.faces) == 3 * 12
    lengths = np.unique(np.abs(mesh.vertices - mesh.vertices.mean(axis=0))[:, 0].round(3))
    np.testing.assert_allclose(lengths, [0.5, 1, 2])
    assert mesh.notes == (NOTE,)


def with_extension(path: Path, name: str, content: object) -> None:
    """Gives the first node of a GLB an extension."""
    data = path.read_bytes()
    length = struct.unpack_from("<I", data, 12)[0]
    tree = json.loads(data[20 : 20 + length])
    tree["nodes"][0]["extensions"] = {name: content}
    tree["extensionsUsed"] = tree["extensionsRequired"] = [name]
    text = json.dumps(tree).encode()
    text += b" " * (-len(text) % 4)
    rest = data[20 + length :]
    head = struct.pack("<4sIIII", b"glTF", 2, 20 + len(text) + len(rest), len(text), 0x4E4F534A)
    path.write_bytes(head + text + rest)


def two_boxes(path: Path) -> None:
    """As a GLB: the first is 3 long, the other 1."""
    scene = trimesh.Scene()
    for name, length in (("one", 3), ("other", 1)):
        scene.add_geometry(trimesh.creation.box((length, 1, 1)), node_name=name)
    scene.export(path)


@pytest.mark.parametrize(("ids", "boxes"), [([1], 1), ([0, 1], 2), ([], 2), ([7], 2)])
def test_lesser_levels_of_detail_are_left_out(ids: list[int], boxes: int, tmp_path: Path) -> None:
    """As MSFT_lod has it, where they are listed in the scene as well, and not all are lesser."""
    path = tmp_path / "two.glb"
    two_boxes(path)
    with_extension(path, "MSFT_lod", {"ids": ids})
    mesh = load_mesh(path)
    assert len(mesh.faces) == 12 * boxes
    np.testing.assert_allclose(mesh.extents, [3, 1, 1])
    assert mesh.notes == ()


def test_nodes_that_are_not_visible_are_left_out(tmp_path: Path) -> None:
    """As KHR_node_visibility has it; it is told."""
    path = tmp_path / "two.glb"
    two_boxes(path)
    with_extension(path, "KHR_node_visibility", {"visible": False})
    mesh = load_mesh(path)
    np.testing.assert_allclose(mesh.extents, 1)
    assert mesh.notes == ("has hidden nodes, which are left out",)
