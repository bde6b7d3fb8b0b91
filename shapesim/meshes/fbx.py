"""FBX, binary and ASCII, through Assimp.

Assimp reads versions 7.1 to 7.7, and refuses 6.1 and older. It applies pivots, node transforms and
the file's axis system; it does not apply the file's unit.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

import assimp_py
import numpy as np
from numpy.typing import NDArray

from shapesim.errors import AssetError
from shapesim.meshes.parts import Loaded, Part, place
from shapesim.types import Material

_OLDEST = 7100

# Sorting separates triangles from lines and points, which would shift the index stream.
_FLAGS = assimp_py.Process_Triangulate | assimp_py.Process_SortByPType

_UNIT_BINARY = re.compile(
    rb"\x0f\0\0\0UnitScaleFactorS\x06\0\0\0double(?:S.\0\0\0[A-Za-z]*)+D(.{8})", re.DOTALL
)
_UNIT_ASCII = re.compile(rb'"UnitScaleFactor",\s*"double"(?:,\s*"[A-Za-z]*")+,\s*([-+\d.eE]+)')


def load_fbx(path: Path) -> Loaded:
    """Loads an FBX file; y up, since Assimp applies the file's axis system."""
    data = path.read_bytes()
    version = _version(data)
    if version and version < _OLDEST:
        reason = f"is FBX {version / 1000:.1f}, older than 7.1; export it anew as FBX 2013 or later"
        raise AssetError(path, reason)
    scene: Any = assimp_py.import_file(str(path), _FLAGS)
    materials = [_material(properties) for properties in scene.materials]
    parts: list[Part] = []
    _collect(scene, scene.root_node, np.eye(4), materials, parts)
    missing = {
        f"texture {material.texture} is missing"
        for material in materials
        if isinstance(material.texture, Path) and not (path.parent / material.texture).is_file()
    }
    return Loaded(parts, up="y", unit=_unit(data), warnings=sorted(missing))


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
                np.array(mesh.indices).reshape(-1, 3),
                materials[mesh.material_index],
                uvs[0].reshape(len(vertices), -1)[:, :2] if uvs else None,
                colours[0].reshape(len(vertices), -1) if colours else None,
            )
        )
    for child in node.children:
        _collect(scene, child, transform, materials, parts)


def _material(properties: dict[str, Any]) -> Material:
    red, green, blue = (properties.get("COLOR_DIFFUSE") or (0.8, 0.8, 0.8))[:3]
    textures = (properties.get("TEXTURES") or {}).get(assimp_py.TextureType_DIFFUSE) or []
    # Exporters write the artist's own absolute path; the file lies beside the mesh, if anywhere.
    # A name such as "*0" is a picture embedded in the FBX.
    names = [str(name).replace("\\", "/") for name in textures]
    return Material(
        name=str(properties.get("NAME", "")),
        colour=(red, green, blue, float(properties.get("OPACITY", 1.0))),
        texture=Path(names[0]) if names and names[0].strip("./") and names[0][0] != "*" else None,
    )


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
