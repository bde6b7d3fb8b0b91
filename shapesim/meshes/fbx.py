"""FBX, binary and ASCII, through Assimp.

Assimp reads versions 7.1 to 7.7, and refuses 6.1 and older. It applies pivots, node transforms and
the file's axis system; it does not apply the file's unit.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
import struct
from contextlib import suppress
from pathlib import Path, PureWindowsPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import assimp_py
import numpy as np
from numpy.typing import NDArray

from shapesim.errors import AssetError
from shapesim.images import open_picture
from shapesim.meshes.parts import Loaded, Part, place, place_normals, wound
from shapesim.meshes.textures import find_texture
from shapesim.types import Material

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

_OLDEST = 7100
_BLENDER = re.compile(rb"Creator.{1,9}Blender", re.DOTALL)
_BASE_COLOUR = 12  # Assimp's aiTextureType_BASE_COLOR, of physically based materials
_HEAD = 1 << 12  # bytes that hold the creator

# Sorting separates triangles from lines and points, which would shift the index stream.
_FLAGS = assimp_py.Process_Triangulate | assimp_py.Process_SortByPType

# Kinds of geometry, and as what Assimp takes no notice of them.
_SPLINES = (
    (b"\0\x01GeometryS\x04\0\0\0Line", b"\0\x01GeometryS\x04\0\0\0None"),
    (b'"Geometry::", "Line"', b'"Geometry::", "None"'),
)
_ASSIMP = re.compile(r"^Assimp error loading '.*?':", re.DOTALL)

_UNIT_BINARY = re.compile(
    rb"\x0f\0\0\0UnitScaleFactorS\x06\0\0\0double(?:S.\0\0\0[A-Za-z]*)+D(.{8})", re.DOTALL
)
_UNIT_ASCII = re.compile(rb'"UnitScaleFactor",\s*"double"(?:,\s*"[A-Za-z]*")+,\s*([-+\d.eE]+)')

# Assimp's binding hides these, too. In the first form a file is binary, in the second it is text.
_JOINTS = re.compile(rb'\0\x01ModelS\x08\0\0\0LimbNode|"Model::[^"]*", "LimbNode"')
_ANIMATIONS = re.compile(rb'S.{3}\0([^\0]{1,99})\0\x01AnimStack|"AnimStack::([^"]+)"', re.DOTALL)

# And pictures in the file: the name of one, behind which its content follows.
_NAMED = re.compile(rb"RelativeFilenameS(.{4})", re.DOTALL)
_FILE_NAMED = re.compile(rb'\x08FileNameS(.{4})|\sFileName: "([^"]+)"', re.DOTALL)
_LEVELS = re.compile(
    rb'\0\x01(?:Model|NodeAttribute)S\x08\0\0\0LodGroup|::[^"\n]{0,200}", "LodGroup"'
)
_LONGEST_NAME = 4096
_HEADS = (12, 24)  # bytes between both, up to version 7.4 and from 7.5 on
_CONTENT = b"\x07ContentR"
_NAMED_ASCII = re.compile(rb'RelativeFilename: "([^"]*)"\s*Content: ,\s*("[^"]*"(?:,\s*"[^"]*")*)')


def load_fbx(path: Path) -> Loaded:
    """Loads an FBX file; y up, since Assimp applies the file's axis system."""
    data = path.read_bytes()
    version = _version(data)
    if version and version < _OLDEST:
        reason = f"is FBX {version / 1000:.1f}, older than 7.1; export it anew as FBX 2013 or later"
        raise AssetError(path, reason)
    scene = _imported(path, data)
    files: list[Path] = []
    missing: list[str] = []
    pictures = pictures_within(data)
    names = _absolute_names(data)
    absolute = names.pop() if len(names) == 1 else ""  # of several, none could be told
    materials = [
        _material(path, properties, pictures, absolute, files, missing)
        for properties in scene.materials
    ]
    parts: list[Part] = []
    _collect(scene, scene.root_node, np.eye(4), materials, parts)
    return Loaded(
        parts,
        up="y",
        unit=_unit(data),
        # Colours are as artists see them; Blender's exporter writes its own linear values.
        linear=bool(_BLENDER.search(data[:_HEAD])),
        joints=len(_JOINTS.findall(data)),
        animations=[
            name.decode(errors="replace")
            for one in _ANIMATIONS.findall(data)
            for name in one
            if name
        ],
        files=files,
        missing=missing,
        notes=["has levels of detail, which are all taken together"] * bool(_LEVELS.search(data)),
    )


def _imported(path: Path, data: bytes) -> Any:
    """What Assimp makes of a file, without splines, over which its binding stumbles."""
    plain = data.removeprefix(codecs.BOM_UTF8)
    for line, other in _SPLINES:
        plain = plain.replace(line, other)
    try:
        if plain == data:
            return assimp_py.import_file(str(path), _FLAGS)
        with TemporaryDirectory() as folder:
            copy = Path(folder, "plain.fbx")
            copy.write_bytes(plain)
            return assimp_py.import_file(str(copy), _FLAGS)
    except (OSError, MemoryError):  # of this machine
        raise
    except Exception as error:
        reason = str(error)
        if "triangulated" in reason:
            reason = "has loose edges or points beside its faces, which cannot be read; delete them"
            raise AssetError(path, reason) from error
        # Of what holds no mesh, such as an animation, Assimp says no more than its name.
        if not _ASSIMP.sub("", reason).strip():
            reason = "has no faces; does the export leave out meshes?"
            raise AssetError(path, reason) from error
        raise ValueError(_ASSIMP.sub("", reason).strip()) from error


def _collect(
    scene: Any, node: Any, parent: NDArray[Any], materials: list[Material], parts: list[Part]
) -> None:
    transform = parent @ np.asarray(node.transformation)
    for index in node.mesh_indices:
        mesh = scene.meshes[index]
        if mesh.num_indices != 3 * mesh.num_faces:  # lines or points
            continue
        vertices = np.array(mesh.vertices).reshape(-1, 3)
        uvs = [np.array(uv) for uv in (mesh.texcoords or [])[:1]]
        colours = [np.array(colour) for colour in (mesh.colors or [])[:1]]
        parts.append(
            Part(
                place(vertices, transform),
                wound(np.array(mesh.indices).reshape(-1, 3), transform),
                materials[mesh.material_index],
                uvs[0].reshape(len(vertices), -1)[:, :2] if uvs else None,
                colours[0].reshape(len(vertices), -1) if colours else None,
                None if mesh.normals is None else _normals(mesh, transform),
            )
        )
    for child in node.children:
        _collect(scene, child, transform, materials, parts)


def _normals(mesh: Any, transform: NDArray[Any]) -> NDArray[np.float64]:
    return place_normals(np.array(mesh.normals).reshape(-1, 3), transform)


def _material(
    path: Path,
    properties: dict[str, Any],
    pictures: dict[str, PilImage],
    absolute: str,
    files: list[Path],
    missing: list[str],
) -> Material:
    red, green, blue = (properties.get("COLOR_DIFFUSE") or (0.8, 0.8, 0.8))[:3]
    kinds = properties.get("TEXTURES") or {}
    textures = kinds.get(assimp_py.TextureType_DIFFUSE) or kinds.get(_BASE_COLOUR) or []
    texture: PilImage | Path | None = None
    name = str(textures[0]) if textures else ""
    if textures and not name.strip("./\\"):
        name = absolute  # some exporters leave the relative one empty
    if name and name[0] != "*":  # which is a number of Assimp's
        texture = pictures.get(name) or pictures.get(_file_name(name))
        if texture is None:
            texture = find_texture(path, name)
            if texture is None:
                missing.append(name)
            else:
                files.append(texture)
    if texture is not None:
        red = green = blue = 1.0  # FBX: a texture stands in the place of the colour
    # Exporters disagree on the sense of opacity, so that 0 says nothing.
    opacity = float(properties.get("OPACITY", 1.0)) or 1.0
    return Material(str(properties.get("NAME", "")), (red, green, blue, opacity), texture)


def pictures_within(data: bytes) -> dict[str, PilImage]:
    """Pictures that an FBX file holds, by their paths, and by their names in lower case.

    Args:
        data: the file.
    """
    contents: dict[str, bytes] = {}
    for found in _NAMED.finditer(data):
        end = found.end() + int(struct.unpack("<I", found[1])[0])
        for head in _HEADS:
            if data.startswith(_CONTENT, end + head):
                start = end + head + len(_CONTENT) + 4
                size = int(struct.unpack_from("<I", data, start - 4)[0])
                name = data[found.end() : end].decode(errors="replace")
                contents[name] = data[start : start + size]
    for name, quoted in _NAMED_ASCII.findall(data):
        with suppress(binascii.Error):
            contents[name.decode(errors="replace")] = base64.b64decode(
                b"".join(quoted.split(b'"')[1::2])
            )
    pictures: dict[str, PilImage] = {}
    for name, content in contents.items():
        with suppress(AssetError):  # what is no picture is as good as not there
            pictures[name] = open_picture(content, name)
            pictures[_file_name(name)] = pictures[name]
    return pictures


def _absolute_names(data: bytes) -> set[str]:
    """Of textures, as they were where the file was made."""
    names = set()
    for found in _FILE_NAMED.finditer(data):
        end = found.end()
        size = 0 if found[2] else int(struct.unpack("<I", found[1])[0])
        if size <= _LONGEST_NAME:
            names.add((found[2] or data[end : end + size]).decode(errors="replace"))
    return names - {""}


def _file_name(path: str) -> str:
    """Without its folders, as it is compared; it may be of Windows."""
    return PureWindowsPath(path).name.lower()


def _version(data: bytes) -> int:
    """Such as 7400 for FBX 7.4; 0 where the file does not say."""
    if data.startswith(b"Kaydara FBX Binary") and len(data) >= 27:
        return int(struct.unpack_from("<I", data, 23)[0])
    found = re.search(rb"FBXVersion:\s*(\d{4})", data[:4096])
    return int(found[1]) if found else 0


def _unit(data: bytes) -> float | None:
    """Metres per unit. The file gives centimetres per unit; Assimp's binding hides it."""
    if found := _UNIT_BINARY.search(data):
        return float(struct.unpack("<d", found[1])[0]) / 100
    if found := _UNIT_ASCII.search(data):
        return float(found[1]) / 100
    return None
