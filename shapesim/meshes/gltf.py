"""glTF and GLB, through trimesh, with skinned meshes put into their rest pose.

glTF 2.0 (section 3.7.3) says that the transform of a node with a skin is ignored: its joints place
the mesh. In the pose in which it was bound they all place it alike, by (joint's transform) x (its
inverse bind matrix). That pose is taken, standing as the first joint stands; where the joints' own
transforms hold another pose, such as the first frame of an animation, it is not. trimesh knows no
skins, so the transform is written into the file's tree before trimesh reads it.
"""

from __future__ import annotations

import io
import json
import struct
from base64 import b64decode
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray
from trimesh.util import unique_name

from shapesim.errors import AssetError
from shapesim.meshes.gltf_buffers import is_plain, spelled_out
from shapesim.meshes.gltf_pictures import lost_pictures
from shapesim.meshes.naming import drawn
from shapesim.meshes.parts import Loaded
from shapesim.meshes.scenes import from_trimesh
from shapesim.meshes.textures import PackResolver, find_beside

_JSON_CHUNK = 0x4E4F534A
_UNREAD, _INSTANCED = {"KHR_meshopt_compression"}, {"EXT_mesh_gpu_instancing"}
# What is read, or changes no more than how light falls.
_HARMLESS = (
    "KHR_draco_", "KHR_mesh_quantization", "EXT_meshopt_", "KHR_texture_", "EXT_texture_webp",
    "MSFT_texture_dds", "KHR_materials_", "KHR_lights_", "EXT_lights_", "KHR_xmp", "KHR_animation_",
    "KHR_node_visibility", "MSFT_lod",
)  # fmt: skip
_WORLD = "world"  # trimesh's own node, of which a file may have none
_DDS = "MSFT_texture_dds"
_SHINY = "KHR_materials_pbrSpecularGlossiness"
_OF_SHINY = {"baseColorFactor": "diffuseFactor", "baseColorTexture": "diffuseTexture"}


def load_gltf(path: Path) -> Loaded:
    """Loads .gltf with its buffers, or .glb; y up and in metres, as the format demands."""
    data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    kind = "glb" if data[:4] == b"glTF" else "gltf"
    tree, rest = _split_glb(path, data) if kind == "glb" else (json.loads(data), b"")
    _check_features(path, tree)
    _check_files(path, tree)
    resolver = PackResolver(path)

    @lru_cache(16)  # many views are of one buffer
    def content_at(uri: str) -> bytes:
        return b64decode(uri.partition(",")[2]) if uri.startswith("data:") else resolver.get(uri)

    def content(buffer: dict[str, Any]) -> bytes:
        uri = str(buffer.get("uri") or "")
        return content_at(uri) if uri else rest[8:]  # behind the binary chunk's own head

    def seen_through(view: dict[str, Any]) -> bytes:
        start, buffer = view.get("byteOffset", 0), tree["buffers"][view["buffer"]]
        whole, first = (content(buffer), 0) if buffer.get("uri") else (rest, 8)
        return whole[first + start : first + start + view["byteLength"]]

    is_changed = _said_plainly(tree)
    is_hiding, notes = _without_unseen(tree)
    notes += [*_unheeded(tree), *lost_pictures(tree, seen_through, resolver.get)]
    plain = is_plain(tree)
    if not plain:
        rest, kind = spelled_out(path, tree, content), "glb"
    hung = _place_skins(tree, content) if tree.get("skins") else {}
    if tree.get("skins") or is_changed or is_hiding or not plain:
        text = json.dumps(tree).encode()
        data = _join_glb(text, rest) if kind == "glb" else text
    scene = trimesh.load_scene(io.BytesIO(data), file_type=kind, resolver=resolver, process=False)
    names = _frames(tree)
    above = {names[at]: [names[one] for one in line] for at, line in hung.items()}
    loaded = from_trimesh(scene, names, above)
    loaded.up, loaded.unit = "y", 1.0
    loaded.files, loaded.missing, loaded.notes = resolver.files, resolver.missing, notes
    loaded.joints = len({joint for skin in tree.get("skins", []) for joint in skin["joints"]})
    loaded.animations = [
        str(animation.get("name") or f"animation {number}")
        for number, animation in enumerate(tree.get("animations", []), 1)
    ]
    # The format demands linear colours; UniGLTF 1, by which Asset Forge exports, wrote sRGB.
    loaded.linear = loaded.linear_vertices = not str(
        tree.get("asset", {}).get("generator", "")
    ).startswith("UniGLTF-1.")
    return loaded


def _frames(tree: dict[str, Any]) -> list[str]:
    """What trimesh calls the nodes of a file; it adds some for the primitives of a mesh."""
    names: dict[str, None] = {}
    counts: dict[str | None, int] = {}
    for index, node in enumerate(tree.get("nodes", [])):
        names[unique_name(node.get("name", str(index)), names, counts=counts)] = None
    return [unique_name(one, names) if one == _WORLD else one for one in names]


def _check_features(path: Path, tree: dict[str, Any]) -> None:
    """Trimesh reads past these without a word, and the geometry comes out wrong."""
    used = set(tree.get("extensionsUsed", []))
    modes = {
        primitive.get("mode", 4)
        for mesh in tree.get("meshes", [])
        for primitive in mesh.get("primitives", [])
    }
    placed = {name for node in tree.get("nodes", []) for name in node.get("extensions", {})}
    found = sorted((used & _UNREAD) | (placed & _INSTANCED)) + ["triangle fans"] * (6 in modes)
    if found:
        raise AssetError(path, f"uses {', '.join(found)}, which cannot be read; export without")


def _unheeded(tree: dict[str, Any]) -> list[str]:
    """What of a file is left out, and leaves a shape that is of use."""
    notes = [
        f"requires {name}, which is not known here; it may look otherwise"
        for name in tree.get("extensionsRequired", [])
        if not name.startswith(_HARMLESS)
    ]
    if any(any(one.get("weights", ())) for one in tree.get("meshes", []) + tree.get("nodes", [])):
        notes.append("its morph targets are left out; it is taken without them")
    return notes


def _said_plainly(tree: dict[str, Any]) -> bool:
    """Writes down what trimesh takes otherwise than it is meant; whether there was anything."""
    is_changed = False
    meshes = tree.get("meshes", [])
    for mesh in meshes:
        given = mesh.get("primitives", [])
        mesh["primitives"] = [one for one in given if _has_surface(one)]
        is_changed |= len(mesh["primitives"]) < len(given)
    for node in tree.get("nodes", []):
        # With those, trimesh would leave out the mesh and the children, or refuse the file.
        is_changed |= node.pop("camera", None) is not None
        if "mesh" in node and not meshes[node["mesh"]]["primitives"]:
            del node["mesh"]
            is_changed = True
    for texture in tree.get("textures", []):
        others = texture.get("extensions", {})
        if "source" not in texture and _DDS in others:
            texture["source"] = others[_DDS]["source"]
            is_changed = True
    for material in tree.get("materials", []):
        # Its colours are those of the other model, but for gloss; they stand in their place.
        if shiny := material.get("extensions", {}).pop(_SHINY, None):
            is_changed = True
            material["pbrMetallicRoughness"] = {
                name: shiny[given]
                for name, given in _OF_SHINY.items()
                if given in shiny
            }  # fmt: skip
    without = [
        primitive
        for mesh in meshes
        for primitive in mesh["primitives"]
        if "material" not in primitive
    ]
    if without:  # are white, times the colours of their vertices, and opaque
        materials = tree.setdefault("materials", [])
        materials.append({})
        for primitive in without:
            primitive["material"] = len(materials) - 1
    return is_changed or bool(without)


def _without_unseen(tree: dict[str, Any]) -> tuple[bool, list[str]]:
    """Takes their meshes from nodes that players never see; whether there are any, and notes."""
    nodes, meshes = tree.get("nodes", []), tree.get("meshes", [])
    parents = {child: at for at, node in enumerate(nodes) for child in node.get("children", [])}
    objects = [at for at, node in enumerate(nodes) if "mesh" in node]
    lines = [_line(at, parents) for at in objects]
    notes = []
    hidden = {at for at, node in enumerate(nodes) if not _is_visible(node)}
    shown = [line for line in lines if hidden.isdisjoint(line)] or lines
    if len(shown) < len(lines):
        notes = ["has hidden nodes, which are left out"]
    lesser = {at for node in nodes for at in _extension(node, "MSFT_lod").get("ids", [])}
    shown = [line for line in shown if lesser.isdisjoint(line)] or shown
    names = [str(node.get("name") or "") for node in nodes]
    named = [
        [
            names[at] or str(meshes[nodes[at]["mesh"]].get("name") or ""),
            *(names[one] for one in above),
        ]
        for at, *above in shown
    ]
    kept, told = drawn(named)
    unseen = set(objects) - {shown[at][0] for at in kept}
    for at in unseen:
        nodes[at].pop("mesh")
        nodes[at].pop("skin", None)
    return bool(unseen), notes + told


def _line(at: int, parents: Mapping[int, int]) -> list[int]:
    """A node and all that it hangs on; a damaged file may go round in circles."""
    line = [at]
    while (parent := parents.get(line[-1])) is not None and parent not in line:
        line.append(parent)
    return line


def _is_visible(node: dict[str, Any]) -> bool:
    return bool(_extension(node, "KHR_node_visibility").get("visible", True))


def _extension(node: dict[str, Any], name: str) -> dict[str, Any]:
    return node.get("extensions", {}).get(name) or {}


def _has_surface(primitive: dict[str, Any]) -> bool:
    """Whether it is made of triangles, which are somewhere; trimesh leaves out lines and points."""
    is_packed = "KHR_draco_mesh_compression" in primitive.get("extensions", {})
    return primitive.get("mode", 4) > 3 and (is_packed or "POSITION" in primitive["attributes"])


def _split_glb(path: Path, data: bytes) -> tuple[dict[str, Any], bytes]:
    """The JSON tree, and the bytes of all chunks behind it."""
    if len(data) < 20:
        raise AssetError(path, "is cut off within its header; export it anew")
    total, length, kind = struct.unpack_from("<8xIII", data)
    if total < 20:
        raise AssetError(path, "has a damaged header; export it anew")
    if kind != _JSON_CHUNK or total > len(data):
        raise AssetError(path, f"is cut off: {len(data)} of {total} bytes; export it anew")
    return json.loads(data[20 : 20 + length]), data[20 + length : total]


def _join_glb(text: bytes, rest: bytes) -> bytes:
    text += b" " * (-len(text) % 4)
    head = struct.pack("<4sII", b"glTF", 2, 20 + len(text) + len(rest))
    return head + struct.pack("<II", len(text), _JSON_CHUNK) + text + rest


def _check_files(path: Path, tree: dict[str, Any]) -> None:
    """Buffers must be there; a missing texture only costs the colour."""
    for buffer in tree.get("buffers", []):
        uri = buffer.get("uri", "data:")
        if uri.startswith("data:") or find_beside(path, uri):
            continue
        reason = f"its buffer {uri} is missing; put it beside the file"
        raise AssetError(path, reason, missing=(uri,))


def _place_skins(
    tree: dict[str, Any], content: Callable[[dict[str, Any]], bytes]
) -> dict[int, list[int]]:
    """Moves every skinned mesh to a node of its own that has its rest transform.

    Returns:
        Of each such node, what it is part of all the same, the innermost first.
    """
    nodes = tree["nodes"]
    parents = {child: at for at, node in enumerate(nodes) for child in node.get("children", [])}
    hung: dict[int, list[int]] = {}
    world = _world_transforms(nodes)
    shown = [_nodes_of(nodes, scene) for scene in tree.get("scenes", [])]
    for index, node in enumerate(list(nodes)):
        if "skin" not in node or "mesh" not in node:
            continue
        skin = tree["skins"][node.pop("skin")]
        inverse_bind = _inverse_binds(tree, skin, content)
        transform = world[skin["joints"][0]] @ inverse_bind[0]
        nodes.append({"mesh": node.pop("mesh"), "matrix": transform.T.ravel().tolist()})
        if "name" in node:
            nodes[-1]["name"] = node.pop("name")
        hung[len(nodes) - 1] = _line(index, parents)[1:]
        for scene, within in zip(tree.get("scenes", []), shown, strict=True):
            if index in within:
                scene["nodes"].append(len(nodes) - 1)
    return hung


def _nodes_of(nodes: list[dict[str, Any]], scene: dict[str, Any]) -> set[int]:
    found: set[int] = set()
    pending = list(scene.get("nodes", []))
    while pending:
        if (index := pending.pop()) not in found:
            found.add(index)
            pending += nodes[index].get("children", [])
    return found


def _world_transforms(nodes: list[dict[str, Any]]) -> list[NDArray[np.float64]]:
    world: list[NDArray[np.float64]] = [np.eye(4)] * len(nodes)
    children = {child for node in nodes for child in node.get("children", [])}
    pending = [(index, np.eye(4)) for index in range(len(nodes)) if index not in children]
    for _ in range(len(nodes)):  # every node once: one that holds itself would never end
        if not pending:
            break
        index, parent = pending.pop()
        world[index] = parent @ _local_transform(nodes[index])
        pending += [(child, world[index]) for child in nodes[index].get("children", [])]
    return world


def _local_transform(node: dict[str, Any]) -> NDArray[np.float64]:
    if "matrix" in node:
        return np.array(node["matrix"], dtype=np.float64).reshape(4, 4).T
    x, y, z, w = node.get("rotation", (0, 0, 0, 1))
    rotation: Any = trimesh.transformations
    transform: NDArray[np.float64] = rotation.quaternion_matrix((w, x, y, z))
    transform[:3, :3] *= node.get("scale", (1, 1, 1))
    transform[:3, 3] = node.get("translation", (0, 0, 0))
    return transform


def _inverse_binds(
    tree: dict[str, Any], skin: dict[str, Any], content: Callable[[dict[str, Any]], bytes]
) -> NDArray[np.float64]:
    """(joints, 4, 4); identity where the skin names none."""
    if "inverseBindMatrices" not in skin:
        return np.stack([np.eye(4)] * len(skin["joints"]))
    accessor = tree["accessors"][skin["inverseBindMatrices"]]
    view = tree["bufferViews"][accessor["bufferView"]]
    buffer = content(tree["buffers"][view["buffer"]])
    start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
    values = np.frombuffer(buffer, "<f4", 16 * accessor["count"], start)
    return values.reshape(-1, 4, 4).transpose(0, 2, 1).astype(np.float64)
