"""DAE (COLLADA 1.4), through pycollada, with skinned meshes put into their rest pose."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
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

from shapesim.meshes.kits import Titles
from shapesim.meshes.naming import drawn
from shapesim.meshes.parts import Loaded, Part, place, place_normals, shared, wound
from shapesim.meshes.polygons import triangulate_all
from shapesim.meshes.textures import find_texture
from shapesim.types import Material, Matrix4

_AXES: dict[str, Literal["x", "y", "z"]] = {"X_UP": "x", "Y_UP": "y", "Z_UP": "z"}
# The export of Kenney's Asset Forge, known by its empty date, mirrors the model: all 59 such files
# at hand are the mirror image of their FBX, GLB and STL twins.
_ASSET_FORGE = "0001-01-01T00:00:00"
_NO_SURFACE = ("linestrips",)  # for which pycollada leaves out the triangles beside them


def load_dae(path: Path) -> Loaded:
    """Loads a DAE file, as it says that its scene is placed.

    Raises:
        ValueError: it is XML, but no COLLADA.
    """
    document, gone = _opened(path.read_bytes())
    reader = _Reader(path, document)
    placed = [one for one in _nodes(document) if not isinstance(one.node, Node)]
    kept, hidden = drawn([one.names for one in placed])
    for at in kept:
        reader.add(placed[at])
    about, root = document.assetInfo, document.xmlnode.getroot()
    created = root.findtext(f"{document.tag('asset')}/{document.tag('created')}") or ""
    tools = [one.authoring_tool for one in about.contributors if one.authoring_tool]
    problems = [*(f"no material {name}" for name in gone), *(one.msg for one in document.errors)]
    lost = "; ".join(dict.fromkeys(problems))
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
        notes=hidden + [f"not all of it can be read ({lost[:160]})"] * bool(lost),
    )


def _opened(content: bytes) -> tuple[Any, list[str]]:
    """A file; what in it cannot be read is left out, and told by its ``errors``.

    For a comment within it, lines beside its triangles, or a material that is not there, pycollada
    leaves out a whole geometry; then these are left out instead.

    Returns:
        The file, and names of materials that are not there.
    """
    document = Collada(io.BytesIO(content), ignore=[DaeError])
    root = document.xmlnode.getroot()
    if etree.QName(root).localname != "COLLADA":
        raise ValueError("no COLLADA")
    if not document.errors:
        return document, []
    tag, known = document.tag, {one.id for one in document.materials}
    etree.strip_tags(root, etree.Comment, etree.ProcessingInstruction)
    gone = [
        binding
        for binding in root.iter(tag("instance_material"))
        if (binding.get("target") or "").removeprefix("#") not in known
    ]
    for element in (*gone, *root.iter(*map(tag, _NO_SURFACE))):
        element.getparent().remove(element)
    # A face that is skinned and has expressions, too, has those of its geometry alone.
    bases = {
        f"#{one.get('id')}": one.find(tag("morph")).get("source")
        for one in root.iter(tag("controller"))
        if one.find(tag("morph")) is not None
    }
    for skin in root.iter(tag("skin")):
        skin.set("source", bases.get(skin.get("source"), skin.get("source")))
    names = [binding.get("target") or "" for binding in gone]
    return Collada(io.BytesIO(etree.tostring(root)), ignore=[DaeError]), names


@dataclass(frozen=True, slots=True)
class _Placed:
    """What stands in a scene.

    Attributes:
        transform: (4, 4) from the node's coordinates to the scene's.
        node: itself.
        names: its own, if it has one, then those of what it hangs on.
        within: the like, the outermost first, each of which nothing else has.
    """

    transform: Matrix4
    node: Any
    names: tuple[str, ...] = ()
    within: tuple[str, ...] = ()


def _nodes(document: Any) -> Iterator[_Placed]:
    """All that stands in the scene."""
    scenes = [document.scene] if document.scene else list(document.scenes)[:1]
    titles = Titles()
    waiting = [_Placed(np.eye(4), node) for scene in scenes for node in reversed(scene.nodes)]
    while waiting:
        one = waiting.pop()
        if isinstance(one.node, Node):  # or an instance of one
            name = one.node.xmlnode.get("name") or one.node.xmlnode.get("id") or ""
            one = _Placed(
                one.transform @ one.node.matrix,
                one.node,
                (name, *one.names),
                (*one.within, titles.new(name)),
            )
            waiting += [replace(one, node=child) for child in reversed(one.node.children)]
        yield one


class _Reader:
    """Collects parts.

    Args:
        path: of the file.
        document: the file.
    """

    def __init__(self, path: Path, document: Any) -> None:
        self.parts: list[Part] = []
        self.joints: set[Any] = set()  # their elements
        self.files: list[Path] = []
        self.missing: list[str] = []
        self._path, self._document = path, document
        self._materials = {one.id: self._material(one) for one in document.materials}
        self._places = {
            one.node.xmlnode: one.transform
            for one in _nodes(document)
            if isinstance(one.node, Node)
        }

    def add(self, placed: _Placed) -> None:
        """Adds what a node draws, if anything."""
        transform, node = placed.transform, placed.node
        controller = node.controller if isinstance(node, ControllerNode) else None
        if isinstance(controller, Skin):
            geometry, transform = controller.geometry, self._rest(transform, node)
        elif isinstance(controller, Morph):
            geometry = controller.source_geometry
        elif isinstance(node, GeometryNode):
            geometry = node.geometry
        else:
            return
        bound = {one.symbol: one for one in node.materials}
        for primitive in geometry.primitives:
            triangles = _cut(primitive) if isinstance(primitive, Polylist) else primitive
            if isinstance(triangles, TriangleSet) and triangles.vertex is not None:
                binding = bound.get(triangles.material)
                material = Material(triangles.material or "")
                if binding:
                    material = self._materials[binding.target.id]
                part = _part(triangles, material, _set_of(binding), transform)
                self.parts.append(replace(part, within=placed.within))

    def _rest(self, transform: Matrix4, node: Any) -> Matrix4:
        """Where a skin is: its joints place it, not its node; at rest all do alike."""
        skin, tag = node.controller, self._document.tag
        roots = {(one.text or "").strip() for one in node.xmlnode.findall(tag("skeleton"))}
        skeletons = [one for one in self._places if f"#{one.get('id')}" in roots]
        elements = [joint for one in skeletons or self._places for joint in one.iter(tag("node"))]
        by_name: dict[str | None, Any] = {}
        for element in elements:
            for name in (element.get("sid"), element.get("id")):
                by_name.setdefault(name, element)
        held = [(by_name.get(name), inverse) for name, inverse in skin.joint_matrices.items()]
        self.joints |= {element for element, _ in held if element is not None}
        for element, inverse in held:
            if element in self._places:
                transform = self._places[element] @ inverse
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


def _cut(polygons: Any) -> Any:
    """Triangles of polygons, in their order; pycollada's would reach beyond inner corners."""
    if polygons.vertex is None or not polygons.npolygons:
        return polygons.triangleset()
    points = polygons.vertex.astype(np.float64)
    chosen = triangulate_all(points, polygons.vcounts, polygons.vertex_index)[0].ravel()
    return TriangleSet(
        polygons.sources, polygons.material, polygons.index[chosen].ravel(), polygons.xmlnode
    )


def _set_of(binding: Any) -> str:
    """The set of texture coordinates that a material's texture lies by, as the file numbers it."""
    effect = binding.target.effect if binding else None
    for shown in (getattr(effect, "diffuse", None), getattr(effect, "emission", None)):
        if isinstance(shown, Map):
            named = {semantic: number for semantic, _, number in binding.inputs}
            return named.get(shown.texcoord) or "0"
    return "0"


def _part(triangles: Any, material: Material, uv_set: str, transform: Matrix4) -> Part:
    """Triangles whose corners are shared where nothing differs."""
    sources = triangles.sources.get("TEXCOORD", ())
    numbers = [number for *_, number, _ in sources]
    uv = numbers.index(uv_set) if uv_set in numbers else 0
    indices = [triangles.vertex_index]
    if sources:
        indices.append(triangles.texcoord_indexset[uv])
    colours = triangles.sources.get("COLOR", ())[:1]
    for offset, *_ in colours:
        indices.append(triangles.index[:, :, offset])
    if triangles.normal is not None:
        indices.append(triangles.normal_index)
    faces, rows = shared(indices)
    normals: NDArray[np.float64] | None = None
    if triangles.normal is not None:
        normals = place_normals(triangles.normal[triangles.normal_index.ravel()[rows]], transform)
    shades = [
        source.data[triangles.index[:, :, offset].ravel()[rows]] for offset, *_, source in colours
    ]
    return Part(
        place(triangles.vertex[triangles.vertex_index.ravel()[rows]], transform),
        wound(faces, transform),
        material,
        triangles.texcoordset[uv][indices[1].ravel()[rows]][:, :2] if sources else None,
        (shades[0] if material.is_cut_out else shades[0][:, :3]) if shades else None,
        normals,
    )
