"""FBX, binary and text, from version 6.0 on.

How a model is placed, and what counts as its colour, is as in the documentation of Autodesk's FBX
SDK. Node transforms, the axis system and the unit are the file's; animation is left out.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from shapesim.errors import AssetError
from shapesim.images import open_picture
from shapesim.meshes.fbx_nodes import Node, read_nodes, version_of
from shapesim.meshes.parts import Loaded, Part, place, place_normals, shared, wound
from shapesim.meshes.polygons import triangulate_all
from shapesim.meshes.textures import find_texture
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
            for model, transform in scene.models()
            for geometry in scene.geometries(model)
            for part in _parts(scene, model, geometry, transform)
        ]
    creator = scene.root.first("FBXHeaderExtension").text("Creator") or scene.root.text("Creator")
    settings = scene.properties(scene.root.first("GlobalSettings"))
    return Loaded(
        parts,
        up="y",
        unit=_number(settings, "UnitScaleFactor", 0) / 100 or None,
        # Colours are as artists see them; Blender's exporter writes its own linear values.
        linear="Blender" in creator,
        joints=sum(
            node.name == "Model" and _kind(node) == "LimbNode" for node in scene.objects.values()
        ),
        animations=scene.animations(),
        files=scene.files,
        missing=scene.missing,
        notes=scene.notes,
    )


@dataclass
class _Scene:
    """The objects of a file and what hangs on what.

    Attributes:
        path: of the file.
        root: its nodes.
        objects: by number, before version 7 by name.
        below: what hangs on an object, each with the property that it is for.
        files, missing, notes: as of ``Loaded``.
    """

    path: Path
    root: Node
    objects: dict[Any, Node] = field(init=False)
    below: dict[Any, list[tuple[Any, str]]] = field(init=False)
    files: list[Path] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        objects = self.root.first("Objects").children
        self.objects = {node.values[0]: node for node in objects if node.values}
        self.below = defaultdict(list)
        for node in self.root.first("Connections").children:
            values = node.values[1:]
            if node.name in ("C", "Connect") and len(values) >= 2:
                self.below[values[1]].append((values[0], str((*values, "")[2])))
        self._templates = {
            node.values[0]: _given(node.first("PropertyTemplate"))
            for node in self.root.first("Definitions").all("ObjectType")
            if node.values
        }
        self._materials: dict[Any, Material] = {}
        self._pictures = self._pictures_within()

    def properties(self, node: Node) -> Properties:
        """Those of an object, with what all of its kind have."""
        return {**self._templates.get(node.name, {}), **_given(node)}

    def hanging(self, node: Node, *names: str) -> list[tuple[Node, str]]:
        """What hangs on an object, of some names, each with the property that it is for."""
        below = self.below[node.values[0]] if node.values else []
        found = [(self.objects[one], what) for one, what in below if one in self.objects]
        return [(one, what) for one, what in found if one.name in names]

    def models(self) -> Iterator[tuple[Node, NDArray[np.float64]]]:
        """All that can be seen, with the (4, 4) transform into the upright scene.

        What is hidden is left out, unless all is; of levels of detail, all but the first are.
        """
        placed = list(self._placed())
        shown = [(node, transform) for node, transform, is_shown in placed if is_shown]
        if 0 < len(shown) < len(placed):
            hidden = [node for node, _, is_shown in placed if not is_shown]
            if any(list(self.geometries(node)) for node in hidden):
                self.notes.append("has hidden models, which are left out")
        yield from shown or ((node, transform) for node, transform, _ in placed)

    def _placed(self) -> Iterator[tuple[Node, NDArray[np.float64], bool]]:
        upright = _axes(self.properties(self.root.first("GlobalSettings")))
        tops = [node for root in _ROOTS for node in self._models_below(Node("Model", [root]))]
        waiting = [(node, upright, True) for node in reversed(tops)]
        seen: set[int] = set()
        while waiting:
            node, transform, is_shown = waiting.pop()
            if id(node) in seen:  # a damaged file may go round in circles
                continue
            seen.add(id(node))
            properties = self.properties(node)
            transform = transform @ _local(properties)
            is_shown = is_shown and _number(properties, "Visibility", 1) != 0
            yield node, transform, is_shown
            below = self._models_below(node)
            waiting += [(child, transform, is_shown) for child in reversed(below)]

    def _models_below(self, node: Node) -> list[Node]:
        """Of levels of detail, the first."""
        models = [one for one, _ in self.hanging(node, "Model")]
        kinds = [_kind(one) for one, _ in self.hanging(node, "NodeAttribute")]
        return models[:1] if "LodGroup" in (_kind(node), *kinds) else models

    def geometries(self, model: Node) -> Iterator[Node]:
        """The meshes of a model; before version 7, it holds them itself."""
        for node in (model, *(one for one, _ in self.hanging(model, "Geometry"))):
            if node.values and _CURVED.match(_kind(node)):
                self.notes.append("has curved surfaces (NURBS, patches), which cannot be read")
            elif any(node.all("PolygonVertexIndex")):
                yield node

    def material(self, model: Node, number: int, textured: int) -> tuple[Material, str]:
        """The material of a model by its number, and the set of coordinates of its texture.

        Before version 7, textures have numbers as well, and hang on the model.
        """
        materials = [one for one, _ in self.hanging(model, "Material")]
        node = materials[number] if 0 <= number < len(materials) else Node("Material")
        textures = [one for one, _ in self.hanging(model, "Texture")]
        texture = textures[textured] if 0 <= textured < len(textures) else self._texture(node)
        coordinates = ""
        if texture is not None:
            coordinates = str((self.properties(texture).get("UVSet") or [""])[0])
        key = (id(node) if node.values else None, id(texture))
        if key not in self._materials:
            self._materials[key] = self._made(node, texture)
        return self._materials[key], coordinates

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
        names = [
            node.text(name)
            for name in ("RelativeFilename", "FileName", "Filename")
            for node in (texture, *videos)
        ]
        names = [name for name in dict.fromkeys(names) if name.strip("./\\ ")]
        for name in names:
            within = self._pictures.get(name) or self._pictures.get(_file_name(name))
            if within is not None:
                return within
        for name in names:
            found = find_texture(self.path, name)
            if found is not None:
                self.files.append(found)
                return found
        self.missing += names[:1]
        return None

    def _pictures_within(self) -> dict[str, PilImage]:
        """Pictures that the file holds, by their paths, and by their names in lower case."""
        pictures: dict[str, PilImage] = {}
        for node in self.objects.values():
            if node.name != "Video":
                continue
            written = node.first("Content").values
            content = b"".join(value for value in written if isinstance(value, bytes))
            with suppress(binascii.Error):
                content += base64.b64decode("".join(v for v in written if isinstance(v, str)))
            if not content:
                continue
            for kind in ("RelativeFilename", "Filename", "FileName"):
                if name := node.text(kind):
                    with suppress(AssetError):  # what is no picture is as good as not there
                        pictures[name] = open_picture(content, name)
                        pictures[_file_name(name)] = pictures[name]
        return pictures

    def animations(self) -> list[str]:
        """Their names."""
        stacks = [one for one in self.objects.values() if one.name == "AnimationStack"]
        takes = self.root.first("Takes").all("Take")  # before version 7
        return [_title(one) for one in stacks] or [str(one.values[0]) for one in takes]


def _parts(
    scene: _Scene, model: Node, geometry: Node, transform: NDArray[np.float64]
) -> Iterator[Part]:
    """The faces of a model, by their materials; loose edges and points are none."""
    points = _table(geometry.numbers("Vertices"), 3)
    indices = geometry.numbers("PolygonVertexIndex").astype(np.int64)
    ends = np.flatnonzero(indices < 0)  # the last corner of each polygon is written as -1 - corner
    corners = np.where(indices < 0, ~indices, indices)[: ends[-1] + 1 if len(ends) else 0]
    if len(corners) and corners.max() >= len(points):
        raise AssetError(scene.path, "has faces that name missing vertices; export it anew")
    counts = np.diff(ends, prepend=-1)
    triangles, polygons = triangulate_all(points, counts, corners)
    whose = np.repeat(np.arange(len(counts)), counts)
    transform = transform @ _of_geometry(scene.properties(model))
    normals = _layer(geometry.first("LayerElementNormal"), ("Normals", 3), corners, whose)
    colours = _layer(geometry.first("LayerElementColor"), ("Colors", 4), corners, whose)
    looks = np.stack(
        [
            _numbered(geometry.first("LayerElementMaterial"), "Materials", len(counts), 0),
            _numbered(geometry.first("LayerElementTexture"), "TextureId", len(counts), -1),
        ],
        axis=1,
    )[polygons]
    for number, textured in np.unique(looks, axis=0).tolist():
        material, coordinates = scene.material(model, number, textured)
        layers = list(geometry.all("LayerElementUV"))
        named = [layer for layer in layers if layer.text("Name") == coordinates]
        uvs = _layer((named + layers + [Node("")])[0], ("UV", 2), corners, whose)
        chosen = triangles[(looks == (number, textured)).all(axis=1)]
        attributes = [one for one in (uvs, colours, normals) if one is not None]
        faces, first = shared([corners[chosen], *(rows[chosen] for _, rows in attributes)])
        at = chosen.ravel()[first]
        uv, colour, normal = (
            None if one is None else one[0][one[1][at]] for one in (uvs, colours, normals)
        )
        yield Part(
            place(points[corners[at]], transform),
            wound(faces, transform),
            material,
            uv,
            None if colour is None else np.nan_to_num(colour, nan=1.0),
            None if normal is None else place_normals(normal, transform),
        )


def _layer(
    layer: Node, values: tuple[str, int], corners: NDArray[np.int64], whose: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]] | None:
    """What corners have in one respect.

    Args:
        layer: says it.
        values: what its values are called, and how many numbers each has.
        corners: (C,) vertices of all corners in a row.
        whose: (C,) the polygon of each.

    Returns:
        A table and (C,) rows of it; a last row of NaN is of those that have nothing. None where
        it says nothing of corners.
    """
    name, width = values
    table = np.vstack([_table(layer.numbers(name), width), np.full((1, width), np.nan)])
    places = {
        "ByPolygonVertex": np.arange(len(corners)),
        "ByVertice": corners,
        "ByVertex": corners,
        "ByPolygon": whose,
        "AllSame": np.zeros(len(corners), np.int64),
    }
    rows = places.get(layer.text("MappingInformationType"))
    if rows is None or len(table) == 1:
        return None
    singular = {"Normals": "Normals", "Colors": "Color", "UV": "UV"}[name]
    if any(layer.all(f"{singular}Index")):
        index = np.append(layer.numbers(f"{singular}Index").astype(np.int64), -1)
        rows = index[np.minimum(rows, len(index) - 1)]
    return table, np.where((rows >= 0) & (rows < len(table)), rows, len(table) - 1)


def _numbered(layer: Node, name: str, count: int, fill: int) -> NDArray[np.int64]:
    """(P,) the material or texture of each polygon, by its place among the model's."""
    numbers = layer.numbers(name).astype(np.int64)
    if layer.text("MappingInformationType") == "ByPolygon":
        return np.concatenate([numbers[:count], np.full(max(0, count - len(numbers)), fill)])
    return np.full(count, numbers[0] if len(numbers) else fill)


def _table(numbers: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """(N, width), without what is left over."""
    return numbers[: len(numbers) // width * width].reshape(-1, width)


def _given(node: Node) -> Properties:
    """The properties that a node itself names; before version 7 they are written otherwise."""
    new = {str(p.values[0]): p.values[4:] for p in node.first("Properties70").all("P") if p.values}
    old = node.first("Properties60").all("Property")
    return new or {str(p.values[0]): p.values[3:] for p in old if p.values}


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
