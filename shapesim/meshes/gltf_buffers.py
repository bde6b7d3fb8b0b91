"""glTF in plain numbers: what trimesh reads past is written into the file's buffers.

That is integers in the place of floats (``KHR_mesh_quantization``), sparse accessors, views that
meshoptimizer compressed (``EXT_meshopt_compression``), and how a material moves its texture
(``KHR_texture_transform``) or which set of texture coordinates it takes. Texture coordinates that
Draco compressed stay as they are.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapesim.errors import AssetError, UnreachableFileError

Tree = dict[str, Any]

_QUANTIZED, _MESHOPT = "KHR_mesh_quantization", "EXT_meshopt_compression"
_MOVED = "KHR_texture_transform"
_BINARY = b"BIN\0"
_FLOAT = 5126
_TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", _FLOAT: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
_IN_FLOATS = ("POSITION", "NORMAL", "TANGENT", "TEXCOORD_")


def is_plain(tree: Tree) -> bool:
    """Whether trimesh reads a glTF tree as it is meant."""
    return not (
        {_QUANTIZED, _MESHOPT} & set(tree.get("extensionsUsed", []))
        or any("sparse" in accessor for accessor in tree.get("accessors", []))
        or any(_texture_of(material) for material in tree.get("materials", []))
        or any(accessor.get("componentType") != _FLOAT for accessor in _in_floats(tree))
    )


def _in_floats(tree: Tree) -> Iterator[Tree]:
    """What trimesh takes for floats. Of texture coordinates, all files may have integers."""
    for mesh in tree.get("meshes", []):
        for primitive in mesh.get("primitives", []):
            for name, number in primitive.get("attributes", {}).items():
                if name.startswith(_IN_FLOATS):
                    yield tree["accessors"][number]


def spelled_out(path: Path, tree: Tree, read: Callable[[Tree], bytes]) -> bytes:
    """Rewrites a glTF tree, whose buffers are replaced by one.

    Args:
        path: of the file, for errors.
        tree: to be changed.
        read: gives the content of one of its buffers.

    Returns:
        The binary chunk of a GLB file, with its head.

    Raises:
        AssetError: the tree is damaged, or a view ends beyond its buffer or cannot be unpacked.
    """
    try:
        return _Rewriting(path, tree, read).chunk()
    except (ValueError, IndexError, KeyError, TypeError, RuntimeError, struct.error) as error:
        raise AssetError(path, f"is damaged ({error}); export it anew") from error


class _Rewriting:
    def __init__(self, path: Path, tree: Tree, read: Callable[[Tree], bytes]) -> None:
        self._tree = tree
        buffers: list[bytes | None] = [None] * len(tree.get("buffers", []))

        def content(number: int) -> bytes:
            if buffers[number] is None:
                buffers[number] = read(tree["buffers"][number])
            return buffers[number] or b""

        self._views = tree.setdefault("bufferViews", [])
        self._contents = [_content(path, view, content) for view in self._views]
        self._accessors = tree.get("accessors", [])

    def chunk(self) -> bytes:
        in_floats: set[int] = set()
        moved: dict[tuple[int, str], list[tuple[Tree, Tree]]] = {}
        for mesh in self._tree.get("meshes", []):
            for primitive in mesh["primitives"]:
                attributes = primitive["attributes"]
                in_floats |= {
                    number for name, number in attributes.items() if name.startswith(_IN_FLOATS)
                }
                texture = self._texture(primitive)
                if texture and (name := f"TEXCOORD_{_coordinates(texture)}") in attributes:
                    users = moved.setdefault((attributes[name], str(texture)), [])
                    users.append((attributes, texture))
        for number, accessor in enumerate(self._accessors):
            is_integer = number in in_floats and accessor["componentType"] != _FLOAT
            if "sparse" in accessor or is_integer:
                values = self._values(accessor)
                self._put(accessor, _floats(accessor, values) if is_integer else values)
        for (wanted, _), users in moved.items():
            self._accessors.append(dict(self._accessors[wanted]))
            values = _moved(self._values(self._accessors[-1]), users[0][1])
            self._put(self._accessors[-1], values)
            for attributes, _ in users:
                attributes["TEXCOORD_0"] = len(self._accessors) - 1
        for key in ("extensionsUsed", "extensionsRequired"):
            names = self._tree.get(key, [])
            self._tree[key] = [name for name in names if name not in (_QUANTIZED, _MESHOPT, _MOVED)]
        return self._joined()

    def _texture(self, primitive: Tree) -> Tree | None:
        number = primitive.get("material")
        return None if number is None else _texture_of(self._tree["materials"][number])

    def _values(self, accessor: Tree) -> NDArray[Any]:
        """(count, width) as they are stored."""
        kind, count = np.dtype(_TYPES[accessor["componentType"]]), accessor["count"]
        values = self._rows(accessor, kind, count, _WIDTHS[accessor["type"]])
        if sparse := accessor.get("sparse"):
            values = values.copy()
            indices = sparse["indices"]
            rows = self._rows(indices, np.dtype(_TYPES[indices["componentType"]]), sparse["count"])
            values[rows[:, 0]] = self._rows(
                sparse["values"], kind, sparse["count"], values.shape[1]
            )
        return values

    def _rows(self, place: Tree, kind: np.dtype[Any], count: int, width: int = 1) -> NDArray[Any]:
        if "bufferView" not in place:
            return np.zeros((count, width), kind)
        view, content = self._views[place["bufferView"]], self._contents[place["bufferView"]]
        stride = view.get("byteStride", kind.itemsize * width)
        steps = (stride, kind.itemsize)
        # numpy checks that all of it is there.
        return np.ndarray((count, width), kind, content, place.get("byteOffset", 0), steps)

    def _put(self, accessor: Tree, values: NDArray[Any]) -> None:
        for key in ("sparse", "byteOffset", "normalized", "min", "max"):
            accessor.pop(key, None)
        if values.dtype == np.float32:
            accessor["componentType"] = _FLOAT
        accessor["bufferView"] = len(self._views)
        self._views.append({})
        self._contents.append(values.tobytes())

    def _joined(self) -> bytes:
        start = 0
        for view, content in zip(self._views, self._contents, strict=True):
            view |= {"buffer": 0, "byteOffset": start, "byteLength": len(content)}
            view.get("extensions", {}).pop(_MESHOPT, None)
            start += len(content) + -len(content) % 4
        joined = b"".join(content + bytes(-len(content) % 4) for content in self._contents)
        self._tree["buffers"] = [{"byteLength": len(joined)}]
        return struct.pack("<I", len(joined)) + _BINARY + joined


def _content(path: Path, view: Tree, content: Callable[[int], bytes]) -> bytes:
    packed = view.get("extensions", {}).get(_MESHOPT)
    place = packed or view
    start = place.get("byteOffset", 0)
    data = content(place["buffer"])[start : start + place["byteLength"]]
    if len(data) < place["byteLength"]:
        raise ValueError(f"{place['byteLength']} bytes from {start} on are not there")
    if not packed:
        return data
    try:
        import meshopt
    except ImportError as error:
        reason = f"uses {_MESHOPT}; install what reads it: pip install 'shapesim[meshopt]'"
        raise UnreachableFileError(path, reason) from error  # once it is there, the file is read
    stride = packed["byteStride"]
    view["byteStride"] = stride
    rows: NDArray[Any] = meshopt.decode_gltf_buffer(
        data, packed["count"], stride, packed["mode"], packed.get("filter", "NONE")
    )
    if packed["mode"] != "ATTRIBUTES":  # indices lie side by side
        del view["byteStride"]
    return rows.tobytes()


def _texture_of(material: Tree) -> Tree | None:
    """A material's base colour texture, if its coordinates are not simply those given first."""
    texture: Tree | None = material.get("pbrMetallicRoughness", {}).get("baseColorTexture")
    is_moved = texture and (_coordinates(texture) or _MOVED in texture.get("extensions", {}))
    return texture if is_moved else None


def _coordinates(texture: Tree) -> int:
    """Which set of them counts."""
    moved = texture.get("extensions", {}).get(_MOVED, {})
    return int(moved.get("texCoord", texture.get("texCoord", 0)))


def _floats(accessor: Tree, values: NDArray[Any]) -> NDArray[np.float32]:
    """Normalised integers span -1 to 1, or 0 to 1 (glTF 2.0, section 3.6.2.2)."""
    floats = values.astype(np.float32)
    if accessor.get("normalized"):
        floats /= np.iinfo(values.dtype).max
        np.maximum(floats, -1, out=floats)
    return floats


def _moved(uvs: NDArray[Any], texture: Tree) -> NDArray[np.float32]:
    """Scaled, then turned, then shifted.

    The specification's listing turns the other way round than its text and its example, which
    renderers follow.
    """
    given = texture.get("extensions", {}).get(_MOVED, {})
    angle = given.get("rotation", 0.0)
    cosine, sine = np.cos(angle), np.sin(angle)
    scaled = uvs.astype(np.float64) * given.get("scale", (1, 1))
    turned = scaled @ [[cosine, -sine], [sine, cosine]]
    return np.asarray(turned + given.get("offset", (0, 0)), np.float32)
