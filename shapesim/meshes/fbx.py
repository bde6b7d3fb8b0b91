"""FBX, binary and text, from version 6.0 on.

How a model is placed, and what counts as its colour, is as in the documentation of Autodesk's FBX
SDK. Node transforms, the axis system and the unit are the file's; animation is left out.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from shapesim.errors import AssetError
from shapesim.meshes.fbx_faces import Faces, read_faces
from shapesim.meshes.fbx_nodes import Node, read_nodes, version_of
from shapesim.meshes.kits import Titles
from shapesim.meshes.naming import drawn
from shapesim.meshes.parts import Loaded, Part, place, place_normals, shared, wound
from shapesim.meshes.textures import find_texture
from shapesim.pictures.images import open_picture
from shapesim.types import Material

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

_OLDEST = 6000
_ROOTS = (0, "Model::Scene")
_ORDERS = ("xyz", "xzy", "yzx", "yxz", "zxy", "zyx")  # of rotations, the first done first
_CURVED = re.compile(r"(Trim)?Nurbs?(Surface)?$|Patch")  # kinds of geometry

# What the base colour is called, by classical and by physically based materials of several
# programs, without what stands before it, such as in "3dsMax|Parameters|base_color_map".
_COLOURS = ("basecolor", "diffusecolor", "diffuse")
_TEXTURES = (*_COLOURS, "basecolormap", "texcolormap", "diffusetexture")

Properties = dict[str, list[Any]]


def load_fbx(path: Path) -> Loaded:
    """Loads an FBX file; y up, since the file's axis system is applied.

    Raises:
        AssetError: it is older than what can be read, or its faces name missing vertices.
        ValueError: it is cut off or damaged.
    """
    data = path.read_bytes()
    version = version_of(data)
    if version and version < _OLDEST:
        reason = f"is FBX {version / 1000:.1f}, older than 6.0; export it anew as FBX 2013 or later"
        raise AssetError(path, reason)
    scene = _Scene(path, read_nodes(data))
    with np.errstate(invalid="ignore", over="ignore"):  # what is no number is told by who checks
        parts = [
            part
            for one in scene.models()
            for geometry in scene.geometries(one.model)
            for part in _parts(scene, one, scene.faces(geometry))
        ]
    return Loaded(
        parts,
        up="y",
        unit=_number(scene.settings, "UnitScaleFactor", 0) / 100 or None,
        # Colours are as artists see them; Blender's exporter writes its own linear values.
        linear=scene.is_of_blender,
        joints=sum(
            node.name == "Model" and _kind(node) == "LimbNode" for node in scene.objects.values()
        ),
        animations=scene.animations(),
        files=scene.files,
        missing=scene.missing,
        notes=scene.notes,
    )


@dataclass(frozen=True, slots=True)
class _Placed:
    """A model where it stands.

    Attributes:
        model: itself.
        transform: (4, 4) into the upright scene.
        is_shown: whether it is not hidden.
        names: its own, then those of what it hangs on.
        within: the like, the outermost first, each of which nothing else has.
    """

    model: Node
    transform: NDArray[np.float64]
    is_shown: bool
    names: tuple[str, ...]
    within: tuple[str, ...]


@dataclass
class _Scene:
    """The objects of a file and what hangs on what.

    Attributes:
        path: of the file.
        root: its nodes.
        objects: by number, before version 7 by name.
        below: what hangs on an object, each with the property that it is for.
        settings: of the whole file.
        is_of_blender: whether Blender wrote it, which has ways of its own.
        files, missing, notes: as of ``Loaded``.
    """

    path: Path
    root: Node
    objects: dict[Any, Node] = field(init=False)
    below: dict[Any, list[tuple[Any, str]]] = field(init=False)
    settings: Properties = field(init=False)
    is_of_blender: bool = field(init=False)
    files: list[Path] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        objects = self.root.first("Objects")
        self.objects = {node.values[0]: node for node in objects.children if node.values}
        self.below = defaultdict(list)
        for node in self.root.first("Connections").children:
            values = node.values[1:]
            if node.name in ("C", "Connect") and len(values) >= 2:
                self.below[values[1]].append((values[0], str((*values, "")[2])))
        creators = (self.root.first("FBXHeaderExtension"), self.root)
        self.is_of_blender = any("Blender" in node.text("Creator") for node in creators)
        self._templates = {
            node.values[0]: _given(node.first("PropertyTemplate"))
            for node in self.root.first("Definitions").all("ObjectType")
            if node.values
        }
        # Before version 7, the settings stand among the objects.
        self.settings = _given(self.root.first("GlobalSettings")) or _given(
            objects.first("GlobalSettings")
        )
        self._titles = Titles()
        self._faces: dict[int, Faces] = {}
        self._materials: dict[Any, Material] = {}
        self._pictures: dict[int, PilImage | None] = {}
        self._named: dict[str, Node] = {}  # what may hold a picture, by its path and its name
        for node in self.objects.values():
            if node.name == "Video" and node.first("Content").values:
                for name in _paths(node):
                    self._named.setdefault(name, node)
                    self._named.setdefault(_file_name(name), node)

    def properties(self, node: Node) -> Properties:
        """Those of an object, with what all of its kind have."""
        return {**self._templates.get(node.name, {}), **_given(node)}

    def hanging(self, node: Node, *names: str) -> list[tuple[Node, str]]:
        """What hangs on an object, of some names, each with the property that it is for."""
        below = self.below[node.values[0]] if node.values else []
        found = [(self.objects[one], what) for one, what in below if one in self.objects]
        return [(one, what) for one, what in found if one.name in names]

    def models(self) -> list[_Placed]:
        """All that have faces and are seen.

        What is hidden is left out, unless all is, and what players never see by its name.
        """
        models = [node for node in self.objects.values() if node.name == "Model"]
        children = {id(one) for node in models for one in self._models_below(node)}
        tops = [one for root in _ROOTS for one in self._models_below(Node("Model", [root]))]
        tops += [node for node in models if id(node) not in children]
        upright, seen = _axes(self.settings), set[int]()
        placed = [one for top in tops for one in self._placed(top, upright, True, (), (), seen)]
        shown = [one for one in placed if one.is_shown] or placed
        if len(shown) < len(placed):
            self.notes.append("has hidden models, which are left out")
        kept, notes = drawn([one.names for one in shown])
        self.notes += notes
        return [shown[at] for at in kept]

    def _placed(
        self,
        node: Node,
        above: NDArray[np.float64],
        is_shown: bool,
        names: tuple[str, ...],
        within: tuple[str, ...],
        seen: set[int],
    ) -> list[_Placed]:
        """A model and those that hang on it, if they have faces."""
        if id(node) in seen:  # a damaged file may go round in circles
            return []
        seen.add(id(node))
        properties = self.properties(node)
        names = (_title(node), *names)
        within = (*within, self._titles.new(names[0]))
        transform = above @ _local(properties)
        is_shown |= _number(properties, "Visibility Inheritance", 1) == 0
        is_shown &= _number(properties, "Visibility", 1) != 0
        below = [
            self._placed(one, transform, is_shown, names, within, seen)
            for one in self._models_below(node)
        ]
        kinds = [_kind(one) for one, _ in self.hanging(node, "NodeAttribute")]
        if "LodGroup" in (_kind(node), *kinds):
            below = [one for one in below if any(each.is_shown for each in one)][:1] or below
        placed = [one for found in below for one in found]
        if any(self.geometries(node)):
            placed.insert(0, _Placed(node, transform, is_shown, names, within))
        return placed

    def _models_below(self, node: Node) -> list[Node]:
        """Those that hang on a model, and not on a property of it, such as what it looks at."""
        return [one for one, what in self.hanging(node, "Model") if not what]

    def geometries(self, model: Node) -> Iterator[Node]:
        """The meshes of a model; before version 7, it holds them itself."""
        below = [one for one, what in self.hanging(model, "Geometry") if not what]
        for node in (model, *below):
            if node.values and _CURVED.match(_kind(node)):
                self.notes.append("has curved surfaces (NURBS, patches), which cannot be read")
            elif any(node.all("PolygonVertexIndex")):
                yield node

    def faces(self, geometry: Node) -> Faces:
        """Those of a geometry, which may be that of many models."""
        if id(geometry) not in self._faces:
            self._faces[id(geometry)] = read_faces(self.path, geometry)
        return self._faces[id(geometry)]

    def material(self, model: Node, number: int, textured: int) -> tuple[Material, Properties]:
        """The material of a model by its number, and what its texture says of its coordinates.

        Before version 7, textures have numbers as well, and hang on the model.
        """
        materials = [one for one, _ in self.hanging(model, "Material")]
        node = materials[number] if 0 <= number < len(materials) else Node("Material")
        textures = [one for one, _ in self.hanging(model, "Texture")]
        texture = textures[textured] if 0 <= textured < len(textures) else self._texture(node)
        key = (id(node) if node.values else None, id(texture))
        if key not in self._materials:
            self._materials[key] = self._made(node, texture)
        return self._materials[key], {} if texture is None else self.properties(texture)

    def _texture(self, material: Node) -> Node | None:
        found = self.hanging(material, "Texture", "LayeredTexture")
        for node, what in sorted(found, key=lambda one: _rank(one[1])):
            if _rank(what) == len(_TEXTURES):
                continue
            if node.name == "Texture":
                return node
            for one, _ in self.hanging(node, "Texture"):
                return one
        return None

    def _made(self, node: Node, texture: Node | None) -> Material:
        properties = self.properties(node) if node.values else {}
        red, green, blue = _colour(properties)
        picture = self._picture(texture) if texture is not None else None
        if picture is not None:
            red = green = blue = 1.0  # FBX: a texture stands in the place of the colour
        return Material(_title(node), (red, green, blue, _opacity(properties)), picture)

    def _picture(self, texture: Node) -> PilImage | Path | None:
        videos = [one for one, _ in self.hanging(texture, "Video")]
        names = list(dict.fromkeys(name for node in (texture, *videos) for name in _paths(node)))
        videos += [self._named[name] for name in names if name in self._named]
        if within := self._first_within(videos):
            return within
        for name in names:
            found = find_texture(self.path, name)
            if found is not None:
                self.files.append(found)
                return found
        plain = map(_file_name, names)
        if within := self._first_within([self._named[one] for one in plain if one in self._named]):
            return within
        self.missing += names[:1]
        return None

    def _first_within(self, videos: Sequence[Node]) -> PilImage | None:
        return next((picture for one in videos if (picture := self._within(one))), None)

    def _within(self, video: Node) -> PilImage | None:
        """The picture that a node holds; what is none is as good as not there."""
        if id(video) not in self._pictures:
            self._pictures[id(video)] = None
            content = b"".join(map(_as_bytes, video.first("Content").values))
            with suppress(AssetError):
                if content:
                    self._pictures[id(video)] = open_picture(content, _title(video))
        return self._pictures[id(video)]

    def animations(self) -> list[str]:
        """Their names; programs write empty ones into files of things that do not move."""
        stacks = [one for one in self.objects.values() if one.name == "AnimationStack"]
        moving = [
            _title(stack)
            for stack in stacks
            if any(
                self.hanging(layer, "AnimationCurveNode")
                for layer, _ in self.hanging(stack, "AnimationLayer")
            )
        ]
        takes = self.root.first("Takes").all("Take")  # before version 7
        return moving if stacks else [str(one.values[0]) for one in takes if one.values]


def _parts(scene: _Scene, placed: _Placed, faces: Faces) -> Iterator[Part]:
    """The faces of a model, by their materials."""
    model, transform = placed.model, placed.transform
    transform = transform @ _of_geometry(scene.properties(model))
    looks, which = np.unique(faces.looks, axis=0, return_inverse=True)
    order = np.argsort(which.ravel(), kind="stable")
    starts = np.searchsorted(which.ravel()[order], np.arange(1, len(looks)))
    for (number, textured), chosen in zip(looks.tolist(), np.split(order, starts), strict=False):
        material, mapping = scene.material(model, number, textured)
        uvs = [one for one in faces.uvs if [one.name] == mapping.get("UVSet")] or faces.uvs
        uv, colour, normal = (next(iter(one), None) for one in (uvs, faces.colours, faces.normals))
        triangles = faces.triangles[chosen]
        rows = [layer.rows[triangles] for layer in (uv, colour, normal) if layer]
        shares, first = shared([faces.corners[triangles], *rows])
        corners = triangles.ravel()[first]
        yield Part(
            place(faces.points[faces.corners[corners]], transform),
            wound(shares, transform),
            material,
            None if uv is None else _tiled(uv.of(corners), mapping, scene.is_of_blender),
            None if colour is None else np.nan_to_num(colour.of(corners), nan=1.0),
            None if normal is None else place_normals(normal.of(corners), transform),
            placed.within,
        )


def _tiled(
    uv: NDArray[np.float64], mapping: Properties, is_of_blender: bool
) -> NDArray[np.float64]:
    """(V, 2) coordinates as a texture repeats and moves them."""
    scale = _vector(mapping, "Scaling", 1)[:2]
    if is_of_blender and scale.all():  # the size of the texture instead of how often it is there
        scale = 1 / scale
    return uv * scale + _vector(mapping, "Translation")[:2]


def _given(node: Node) -> Properties:
    """The properties that a node itself names; before version 7 they are written otherwise."""
    groups = [*node.all("Properties70"), *node.all("Properties60")]
    skipped = {"P": 4, "Property": 3}  # values before that of the property
    return {
        str(one.values[0]): one.values[skipped[one.name] :]
        for group in groups
        for one in group.children
        if one.name in skipped and one.values
    }


def _number(properties: Properties, name: str, default: float) -> float:
    value = next(iter(properties.get(name, ())), default)
    return float(value) if isinstance(value, int | float) else default


def _vector(properties: Properties, name: str, default: float = 0.0) -> NDArray[np.float64]:
    """(3,) of a property; ``default`` thrice where it is not there or no vector."""
    value = properties.get(name, ())[:3]
    is_one = len(value) == 3 and all(isinstance(number, int | float) for number in value)
    return np.array(value if is_one else [default] * 3, np.float64)


def _kind(node: Node) -> str:
    """Such as "Mesh" of a geometry, or "LimbNode" of a model."""
    return str(node.values[-1]) if len(node.values) > 1 else ""


def _title(node: Node) -> str:
    """An object's name, without its class."""
    return next((str(v).partition("::")[2] for v in node.values[:2] if "::" in str(v)), "")


def _paths(node: Node) -> list[str]:
    """What a texture or its picture is called, the relative path first."""
    names = [node.text(name) for name in ("RelativeFilename", "FileName", "Filename")]
    return [name for name in names if name.strip("./\\ ")]


def _as_bytes(content: Any) -> bytes:
    """Of a piece of a picture; text has each piece in base64."""
    if isinstance(content, bytes):
        return content
    with suppress(binascii.Error):
        return base64.b64decode(str(content))
    return b""


def _file_name(path: str) -> str:
    """Without its folders, as it is compared; it may be of Windows."""
    return PureWindowsPath(path).name.lower()


def _plain(name: str) -> str:
    """A property's name as ``_COLOURS`` and ``_TEXTURES`` have it."""
    return name.removesuffix("|file").rpartition("|")[2].lower().replace("_", "")


def _rank(name: str) -> int:
    """How early a property stands among those that are the base colour."""
    plain = _plain(name)
    return _TEXTURES.index(plain) if plain in _TEXTURES else len(_TEXTURES)


def _colour(properties: Properties) -> tuple[float, float, float]:
    named = {_plain(name): name for name in properties}
    for wanted in _COLOURS:
        if wanted in named and len(properties[named[wanted]]) >= 3:
            factor = _number(properties, "DiffuseFactor", 1) if wanted == "diffusecolor" else 1
            red, green, blue = (_vector(properties, named[wanted], 0.8) * factor).tolist()
            return red, green, blue
    return 0.8, 0.8, 0.8


def _opacity(properties: Properties) -> float:
    """What exporters disagree on: 0 says nothing."""
    if "Opacity" in properties:
        return _number(properties, "Opacity", 1) or 1.0
    factor = _number(properties, "TransparencyFactor", 1)
    return 1 - factor * float(_vector(properties, "TransparentColor").mean()) or 1.0


def _axes(settings: Properties) -> NDArray[np.float64]:
    """(4, 4) from the file's axes to x right, y up and z to the front."""
    transform = np.eye(4)
    names = ("Coord", "Up", "Front")
    axes = [int(_number(settings, f"{name}Axis", i)) for i, name in enumerate(names)]
    if sorted(axes) == [0, 1, 2]:
        transform[:3, :3] = np.eye(3)[axes]
        for row, name in enumerate(names):
            transform[row] *= -1 if _number(settings, f"{name}AxisSign", 1) < 0 else 1
    return transform


def _local(properties: Properties) -> NDArray[np.float64]:
    """(4, 4) from a model to its parent."""
    is_active = _number(properties, "RotationActive", 0) and not _number(
        properties, "RotationSpaceForLimitOnly", 0
    )
    order = int(_number(properties, "RotationOrder", 0)) if is_active else 0
    before, after = (
        _rotated(_vector(properties, name) if is_active else np.zeros(3))
        for name in ("PreRotation", "PostRotation")
    )
    pivot, scaled = (_vector(properties, f"{name}Pivot") for name in ("Rotation", "Scaling"))
    turn = _rotated(_vector(properties, "Lcl Rotation"), order)
    return (
        _moved(_vector(properties, "Lcl Translation") + _vector(properties, "RotationOffset"))
        @ _moved(pivot) @ before @ turn @ np.linalg.inv(after) @ _moved(-pivot)
        @ _moved(_vector(properties, "ScalingOffset") + scaled)
        @ np.diag([*_vector(properties, "Lcl Scaling", 1), 1]) @ _moved(-scaled)
    )  # fmt: skip


def _of_geometry(properties: Properties) -> NDArray[np.float64]:
    """(4, 4) of what is a model's own and not of those that hang on it."""
    return (
        _moved(_vector(properties, "GeometricTranslation"))
        @ _rotated(_vector(properties, "GeometricRotation"))
        @ np.diag([*_vector(properties, "GeometricScaling", 1), 1])
    )


def _moved(offset: NDArray[np.float64]) -> NDArray[np.float64]:
    transform = np.eye(4)
    transform[:3, 3] = offset
    return transform


def _rotated(angles: NDArray[np.float64], order: int = 0) -> NDArray[np.float64]:
    """(4, 4) of angles in degrees about x, y and z."""
    axes = _ORDERS[order] if 0 <= order < len(_ORDERS) else _ORDERS[0]
    transform = np.eye(4)
    if not angles.any():
        return transform
    turns = Rotation.from_euler(axes, [angles["xyz".index(axis)] for axis in axes], degrees=True)
    transform[:3, :3] = turns.as_matrix()
    return transform
