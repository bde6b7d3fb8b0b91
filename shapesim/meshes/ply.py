"""PLY, the Stanford polygon format: text or binary, of any elements and properties.

A file's header lists its elements, such as vertices and faces, and of each the properties, which
are numbers or lists of numbers. Those that are known here are read, and all others are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapesim.encoding import as_utf8, numbers_of
from shapesim.errors import AssetError
from shapesim.meshes.parts import Loaded, Part, by_face_colour, place_normals, shared
from shapesim.meshes.polygons import triangulate_all
from shapesim.meshes.textures import find_texture
from shapesim.types import Material

_TYPES = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4",
    "float": "f4", "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2",
    "int32": "i4", "uint32": "u4", "float32": "f4", "float64": "f8",
}  # fmt: skip
_END = re.compile(rb"[\r\n]end_header[ \t]*(\r\n|\r|\n|\Z)")
# Whose exporters write the colours of materials linear.
_BLENDER = re.compile("^comment Created by Blender", re.MULTILINE)
_TEXTURE = re.compile(r"^comment[ \t]+TextureFile[ \t]+(\S.*)$", re.MULTILINE | re.IGNORECASE)
_INDICES = ("vertex_indices", "vertex_index")
_UVS = (("s", "t"), ("u", "v"), ("texture_u", "texture_v"), ("texture_s", "texture_t"))
_COLOURS = (
    ("red", "green", "blue"), ("diffuse_red", "diffuse_green", "diffuse_blue"), ("r", "g", "b")
)  # fmt: skip
_ALPHAS = (("alpha",), ("a",), ("diffuse_alpha",))

Numbers = NDArray[Any]


@dataclass(frozen=True, slots=True)
class _Property:
    """A number of some type for each row; or a list of them, if its length has a type."""

    name: str
    type: str
    length: str = ""


@dataclass(frozen=True, slots=True)
class _Element:
    name: str
    count: int
    properties: list[_Property] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Lists:
    """A list for each row: how long each is, and all of them in a row."""

    counts: NDArray[np.int64]
    values: Numbers


@dataclass(slots=True)
class _Rows:
    """What is known of an element's rows, by the name of the property."""

    numbers: dict[str, Numbers] = field(default_factory=dict)
    lists: dict[str, _Lists] = field(default_factory=dict)

    def columns(self, choices: Sequence[tuple[str, ...]]) -> Numbers | None:
        """(N, C) of the first choice of properties that are all there."""
        for names in choices:
            if all(name in self.numbers for name in names):
                return np.stack([self.numbers[name] for name in names], axis=1)
        return None

    @property
    def corners(self) -> _Lists | None:
        """Numbers of vertices."""
        return next((self.lists[name] for name in _INDICES if name in self.lists), None)

    @property
    def colours(self) -> NDArray[np.uint8] | None:
        """(N, 3 or 4)."""
        found, alpha = self.columns(_COLOURS), self.columns(_ALPHAS)
        if found is None:
            return None
        parts = [_as_bytes(part) for part in (found, alpha) if part is not None]
        return np.concatenate(parts, axis=1)


def load_ply(path: Path) -> Loaded:
    """Loads a PLY file, which says neither which axis is up nor its unit.

    Raises:
        AssetError: it is cut off, or damaged.
    """
    content = path.read_bytes()
    end = _END.search(content)
    if not content.startswith(b"ply") or not end:
        raise AssetError(path, "has no PLY header; export it anew")
    head = "\n".join(as_utf8(content[: end.start()]).decode().splitlines())
    kind, elements = _announced(head)
    body = _Body(path, content[end.end() :], kind)
    rows = {element.name: body.rows(element) for element in elements}
    vertices, faces = rows.get("vertex", _Rows()), rows.get("face", _Rows())
    points = vertices.columns([("x", "y", "z")])
    loaded = Loaded([], linear=bool(_BLENDER.search(head)))
    if points is None:
        return loaded
    points = points.astype(np.float64)
    if faces.corners:
        _check(path, faces.corners.values, len(points))
        names = [name.strip() for name in _TEXTURE.findall(head)]
        _add_faces(path, loaded, names, points, vertices, faces, faces.corners)
    if strips := rows.get("tristrips", _Rows()).corners:
        triangles = _unrolled(strips.values.astype(np.int64), strips.counts)
        _check(path, triangles, len(points))
        loaded.parts.append(_part(points, triangles, Material(), vertices))
    return loaded


def _announced(head: str) -> tuple[str, list[_Element]]:
    """What the header says of its file's kind and elements."""
    kind, elements = "", list[_Element]()
    for line in head.splitlines():
        words = line.split()
        if words[:1] == ["format"]:
            kind = words[1]
        elif words[:1] == ["element"]:
            elements.append(_Element(words[1], int(words[2])))
        elif words[:2] == ["property", "list"]:
            elements[-1].properties.append(_Property(words[4], _TYPES[words[3]], _TYPES[words[2]]))
        elif words[:1] == ["property"]:
            elements[-1].properties.append(_Property(words[2], _TYPES[words[1]]))
    return kind, elements


class _Body:
    """What follows the header, read element by element.

    It is a row of units: of text, the numbers that stand in it, and else bytes, of which a number
    takes as many as its type has.
    """

    def __init__(self, path: Path, content: bytes, kind: str) -> None:
        self._path, self._at = path, 0
        self._order = {"binary_little_endian": "<", "binary_big_endian": ">"}.get(kind, "")
        self._units: Numbers
        if self._order:
            self._units = np.frombuffer(content, np.uint8)
        else:
            self._units = numbers_of(content)

    def rows(self, element: _Element) -> _Rows:
        """An element's, all of which have to be there.

        Raises:
            AssetError: the file ends before.
        """
        made = _Rows()
        if element.count <= 0 or not element.properties:
            return made
        if element.count > len(self._units) - self._at:  # a row has one number at least
            raise self._cut_off(element)
        starts, counts, end = self._even(element) or self._uneven(element)
        if end > len(self._units):
            raise self._cut_off(element)
        for one, first, many in zip(element.properties, starts, counts, strict=True):
            size = self._size(one.type)
            within = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
            places = np.repeat(first, many) + within * size
            values = self._numbers(self._units[places[:, None] + np.arange(size)], one.type)
            if one.length:
                made.lists[one.name] = _Lists(many, values)
            else:
                made.numbers[one.name] = values
        self._at = end
        return made

    def _cut_off(self, element: _Element) -> AssetError:
        rows = f"the {element.count} rows of its element {element.name}"
        return AssetError(self._path, f"is cut off within {rows}; export it anew")

    def _even(
        self, element: _Element
    ) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]], int] | None:
        """As ``_uneven``, where all lists of a property are as long as the first; None if not."""
        at, offsets, lengths, heads = self._at, [], [], []
        for one in element.properties:
            length = 1
            if one.length:
                if at + self._size(one.length) > len(self._units):
                    return None
                length = self._number(at, one.length)
                heads.append((at - self._at, one.length, length))
                at += self._size(one.length)
            offsets.append(at - self._at)
            lengths.append(length)
            at += self._size(one.type) * length
        width = at - self._at
        end = self._at + width * element.count
        firsts = self._at + width * np.arange(element.count)
        if min(lengths) < 0 or end > len(self._units):
            return None
        for offset, type, length in heads:
            units = self._units[(firsts + offset)[:, None] + np.arange(self._size(type))]
            if ((self._numbers(units, type) if self._order else units[:, 0]) != length).any():
                return None
        starts = [firsts + offset for offset in offsets]
        return starts, [np.full(element.count, length) for length in lengths], end

    def _uneven(
        self, element: _Element
    ) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]], int]:
        """Where each row's numbers of each property start, how many they are, and where all end.

        Row by row, since where one starts depends on those before.
        """
        starts = np.zeros((len(element.properties), element.count), np.int64)
        counts = np.ones_like(starts)
        sizes = [(self._size(one.type), one.length) for one in element.properties]
        at, last = self._at, len(self._units)
        for row in range(element.count):
            for number, (size, length) in enumerate(sizes):
                many = 1
                if length:
                    head = self._size(length)
                    if at + head > last:
                        return [], [], last + 1
                    many = self._number(at, length)
                    if many < 0:
                        return [], [], last + 1
                    counts[number, row] = many
                    at += head
                starts[number, row] = at
                at += size * many
            if at > last:
                break
        return list(starts), list(counts), at

    def _size(self, type: str) -> int:
        return np.dtype(type).itemsize if self._order else 1

    def _number(self, at: int, type: str) -> int:
        """How long a list is; in text, that may be more than its type holds."""
        if not self._order:
            return int(np.nan_to_num(self._units[at]).clip(-1, 1 << 40))
        return int(self._numbers(self._units[None, at : at + self._size(type)], type)[0])

    def _numbers(self, units: Numbers, type: str) -> Numbers:
        """(N,) of (N, units of one)."""
        if self._order:
            return np.ascontiguousarray(units).view(self._order + type)[:, 0]
        with np.errstate(invalid="ignore", over="ignore"):  # the caller looks for broken vertices
            return units[:, 0].astype(type)


def _check(path: Path, corners: Numbers, count: int) -> None:
    if len(corners) and not (corners.min() >= 0 and corners.max() < count):
        raise AssetError(path, "has faces that name missing vertices; export it anew")


def _add_faces(
    path: Path,
    loaded: Loaded,
    names: Sequence[str],
    points: NDArray[np.float64],
    vertices: _Rows,
    faces: _Rows,
    corners: _Lists,
) -> None:
    """A part for each texture, or for each colour of faces."""
    index = corners.values.astype(np.int64)
    triangles, polygons = triangulate_all(points, corners.counts, index)
    given = faces.lists.get("texcoord")
    uvs = None
    if given and (given.counts == 2 * corners.counts).all():
        uvs = given.values.reshape(-1, 2).astype(np.float64)
    textures = [find_texture(path, name) for name in names]
    loaded.files += [texture for texture in textures if texture]
    loaded.missing += [name for name, file in zip(names, textures, strict=True) if not file]
    numbers = np.zeros(len(triangles), np.int64)
    if "texnumber" in faces.numbers:  # -1 of faces without one
        numbers = faces.numbers["texnumber"].astype(np.int64)[polygons].clip(-1, len(textures))
    for number in np.unique(numbers).tolist():
        rows = numbers == number
        texture = textures[number] if 0 <= number < len(textures) else None
        material = Material() if texture is None else Material("", (1, 1, 1, 1), texture)
        some = triangles[rows]
        if uvs is None:
            used, joined = np.unique(index[some], return_inverse=True)
            part = _part(points, joined.reshape(-1, 3), material, vertices, used)
        else:
            places = np.unique(uvs, axis=0, return_inverse=True)[1].ravel()
            joined, first = shared([index[some], places[some]])
            corner = some.ravel()[first]
            part = _part(points, joined, material, vertices, index[corner])
            part.uvs = uvs[corner]
        if (colours := faces.colours) is not None and texture is None and part.colours is None:
            loaded.parts += by_face_colour(part, colours[polygons[rows]])
        else:
            loaded.parts.append(part)


def _part(
    points: NDArray[np.float64],
    triangles: NDArray[np.int64],
    material: Material,
    vertices: _Rows,
    rows: NDArray[np.int64] | slice = slice(None),
) -> Part:
    """Triangles of some of the vertices, with all that is known of these."""
    uvs = vertices.columns(_UVS)
    normals = vertices.columns([("nx", "ny", "nz")])
    # A texture stands in the place of colours.
    colours = None if material.texture else vertices.colours
    return Part(
        points[rows],
        triangles,
        material,
        None if uvs is None else uvs[rows].astype(np.float64),
        None if colours is None else colours[rows],
        None if normals is None else place_normals(normals[rows].astype(np.float64), np.eye(4)),
    )


def _unrolled(strips: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """(T, 3) triangles of rows of strips with -1 between them; every other one is turned round."""
    made = []
    ends = np.union1d(np.flatnonzero(strips == -1), np.cumsum(counts))
    for strip in np.split(strips, ends):
        strip = strip[strip >= 0]  # noqa: PLW2901
        triangles = np.stack([strip[:-2], strip[1:-1], strip[2:]], axis=1)
        triangles[1::2] = triangles[1::2, [1, 0, 2]]
        made.append(triangles)
    joined = np.concatenate(made)
    distinct = (joined != np.roll(joined, 1, axis=1)).all(axis=1)
    return np.asarray(joined[distinct])


def _as_bytes(colours: Numbers) -> NDArray[np.uint8]:
    """Colours of any type: floats span 0 to 1, or 0 to 255 as bytes and larger integers do."""
    numbers = np.nan_to_num(colours.astype(np.float64))
    largest = numbers.max(initial=0)
    if colours.dtype.kind == "f":
        top = 1.0 if largest <= 1.5 else 255.0
    else:
        is_wide = colours.dtype == np.uint16 or largest > 255
        top = 65535.0 if is_wide else 255.0
    return np.asarray((numbers / top).clip(0, 1) * 255 + 0.5, np.uint8)
