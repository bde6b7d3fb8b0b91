"""DAE (COLLADA 1.4 and 1.5), through pycollada, with skinned meshes put into their rest pose."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from collada import Collada, DaeError
from collada.controller import Morph, Skin
from collada.material import Map
from collada.polylist import Polylist
from collada.scene import ControllerNode, GeometryNode, Node
from collada.triangleset import TriangleSet
from lxml import etree
from numpy.typing import NDArray

from shapesim.meshes.parts import Loaded, Part, place, place_normals, wound
from shapesim.meshes.textures import find_texture
from shapesim.types import Material, Matrix4

_AXES: dict[str, Literal["x", "y", "z"]] = {"X_UP": "x", "Y_UP": "y", "Z_UP": "z"}
# The export of Kenney's Asset Forge, known by its empty date, mirrors the model: all 59 such files
# at hand are the mirror image of their FBX, GLB and STL twins.
_ASSET_FORGE = "0001-01-01T00:00:00"


def load_dae(path: Path) -> Loaded:
    """Loads a DAE file, as it says that its first scene is placed."""
    document = _opened(path.read_bytes())
    reader = _Reader(path, document)
    for transform, node in _nodes(document):
        reader.add(transform, node)
    about, root = document.assetInfo, document.xmlnode.getroot()
    created = root.findtext(f"{document.tag('asset')}/{document.tag('created')}") or ""
    tools = [one.authoring_tool for one in about.contributors if one.authoring_tool]
    clips = [one.get("name") or "" for one in root.iter(document.tag("animation_clip"))]
    return Loaded(
        reader.parts,
        up=_AXES.get(about.upaxis),
        is_mirrored=created.strip() == _ASSET_FORGE and not tools,
        unit=about.unitmeter,
        # Colours are as artists see them; Blender's exporter writes its own linear values.
        linear=any(tool.startswith("Blender") for tool in tools),
        joints=len(reader.joints),
        animations=clips or ["animation"] * bool(document.animations),
        files=reader.files,
        missing=reader.missing,
    )


def _opened(content: bytes) -> Any:
    """A file; what in it cannot be read is left out.

    For a comment within it, or a material that is not there, pycollada leaves out a whole geometry;
    then these are left out instead.
    """
    document = Collada(io.BytesIO(content), ignore=[DaeError])
    if not document.errors:
        return document
    root, known = document.xmlnode.getroot(), {one.id for one in document.materials}
    etree.strip_tags(root, etree.Comment, etree.ProcessingInstruction)
    for binding in list(root.iter(document.tag("instance_material"))):
        if (binding.get("target") or "").removeprefix("#") not in known:
            binding.getparent().remove(binding)
    return Collada(io.BytesIO(etree.tostring(root)), ignore=[DaeError])


def _nodes(document: Any) -> Iterator[tuple[Matrix4, Any]]:
    """All that stands in the scene, and how."""
    scenes = [document.scene] if document.scene else list(document.scenes)[:1]
    waiting = [(np.eye(4), node) for scene in scenes for node in reversed(scene.nodes)]
    while waiting:
        transform, node = waiting.pop()
        if isinstance(node, Node):  # or an instance of one
            transform = transform @ node.matrix
            waiting += [(transform, child) for child in reversed(node.children)]
        yield transform, node


class _Reader:
    """Collects parts.

    Args:
        path: of the file.
        document: the file.
    """

    def __init__(self, path: Path, document: Any) -> None:
        self.parts: list[Part] = []
        self.joints: set[str] = set()
        self.files: list[Path] = []
        self.missing: list[str] = []
        self._path = path
        self._materials = {one.id: self._material(one) for one in document.materials}
        self._places: dict[str, Matrix4] = {}
        for transform, node in _nodes(document):
            names = (node.xmlnode.get("sid"), node.id) if isinstance(node, Node) else ()
            self._places |= {name: transform for name in names if name not in self._places}

    def add(self, transform: Matrix4, node: Any) -> None:
        """Adds what a node draws, if anything."""
        controller = node.controller if isinstance(node, ControllerNode) else None
        if isinstance(controller, Skin):
            geometry, transform = controller.geometry, self._rest(transform, controller)
        elif isinstance(controller, Morph):
            geometry = controller.source_geometry
        elif isinstance(node, GeometryNode):
            geometry = node.geometry
        else:
            return
        bound = {one.symbol: self._materials[one.target.id] for one in node.materials}
        for primitive in geometry.primitives:
            triangles = primitive.triangleset() if isinstance(primitive, Polylist) else primitive
            if isinstance(triangles, TriangleSet) and triangles.vertex is not None:
                material = bound.get(triangles.material) or Material(triangles.material or "")
                self.parts.append(_part(triangles, material, transform))

    def _rest(self, transform: Matrix4, skin: Any) -> Matrix4:
        """Where a skin is: its joints place it, not its node; at rest all do alike."""
        self.joints |= set(skin.joint_matrices)
        for name, inverse in skin.joint_matrices.items():
            if name in self._places:
                transform = self._places[name] @ inverse
                break
        placed: Matrix4 = transform @ skin.bind_shape_matrix
        return placed

    def _material(self, material: Any) -> Material:
        effect = material.effect
        # Without light, a thing has the colour that it gives off.
        shown = effect.emission if effect.shadingtype == "constant" else effect.diffuse
        name = material.name or material.id or ""
        if isinstance(shown, Map):
            texture = self._texture(shown.sampler.surface.image.path or "")
            return Material(name, (1, 1, 1, 1), texture, isinstance(effect.transparent, Map))
        if shown is None:
            return Material(name)
        # Exporters disagree on the sense of opacity, so that it says nothing.
        red, green, blue = (float(value) for value in shown[:3])
        return Material(name, (red, green, blue, 1), is_cut_out=False)

    def _texture(self, name: str) -> Path | None:
        found = find_texture(self._path, name.strip())
        if found:
            self.files.append(found)
        elif name.strip():
            self.missing.append(name.strip())
        return found


def _part(triangles: Any, material: Material, transform: Matrix4) -> Part:
    """Triangles that share no corners."""
    corners = triangles.vertex_index.ravel()
    uvs = [
        source[rows.ravel()][:, :2]
        for source, rows in zip(triangles.texcoordset, triangles.texcoord_indexset, strict=False)
    ]
    normals: NDArray[np.float64] | None = None
    if triangles.normal is not None:
        normals = place_normals(triangles.normal[triangles.normal_index.ravel()], transform)
    colours = None
    for offset, _, _, _, source in triangles.sources.get("COLOR", ())[:1]:
        rows = triangles.index[:, :, offset].ravel()
        colours = source.data[rows] if material.is_cut_out else source.data[rows][:, :3]
    return Part(
        place(triangles.vertex[corners], transform),
        wound(np.arange(len(corners)).reshape(-1, 3), transform),
        material,
        uvs[0] if uvs else None,
        colours,
        normals,
    )
