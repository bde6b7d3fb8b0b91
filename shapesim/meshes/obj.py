"""Wavefront OBJ, and the MTL files that it names.

Corners of one material may be told in any mixture of layouts, so that each line is read by its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapesim.encoding import as_utf8
from shapesim.errors import AssetError
from shapesim.meshes.kits import Titles
from shapesim.meshes.naming import drawn, follows_convention
from shapesim.meshes.parts import Loaded, Part, shared
from shapesim.meshes.polygons import triangulated
from shapesim.meshes.textures import PackResolver, find_beside, find_texture
from shapesim.types import Material

_HEAD = 1 << 16  # bytes that tell who wrote a file
_BLENDER = re.compile(rb"^# Blender", re.MULTILINE)  # writes linear colours
# A comment, which may end with a backslash, or what goes on in the next line.
_CONTINUED = re.compile(rb"([ \t]*#[^\r\n]*)|\\[ \t]*\r?\n")
_NUMBER = re.compile(rb"\d+")
_CORNER = re.compile(rb"-?1(/(-?1)?)?(/(-?1)?)?")
# How many words behind an option of a texture belong to it, but for numbers.
_OPTIONS = dict.fromkeys(("-blendu", "-blendv", "-cc", "-clamp", "-imfchan", "-texres", "-bm",
                          "-boost", "-type"), 1)  # fmt: skip
_OPTIONS |= {"-mm": 2, "-o": 3, "-s": 3, "-t": 3}

_Indices = NDArray[np.int64]
_Names = tuple[str, ...]  # of a group, and of the object that it is part of
_Key = tuple[str, _Names, str]  # the object, the names that mean something, and the material
_MOST_OBJECTS = 1000  # of more, they are no objects, but what a program happens to group


@dataclass(slots=True)
class _Look:
    """A material, and how its texture's coordinates are moved: scaled, then shifted."""

    material: Material
    scale: NDArray[np.float64]
    shift: NDArray[np.float64]


@dataclass(slots=True)
class _Faces:
    """Lines that name the corners of faces, by how they do.

    Attributes:
        lines: of each layout, which is a line with every number replaced by a 1.
        counts: how many vertices, texture coordinates and normals there were before each of those
            that count back.
    """

    lines: dict[bytes, list[bytes]] = field(default_factory=dict)
    counts: dict[bytes, list[tuple[int, int, int]]] = field(default_factory=dict)

    def add(self, line: bytes, counts: tuple[int, int, int]) -> None:
        layout = _NUMBER.sub(b"1", line)
        self.lines.setdefault(layout, []).append(line)
        if b"-" in layout:
            self.counts.setdefault(layout, []).append(counts)


@dataclass(slots=True)
class _Groups:
    """What the faces that come next belong to.

    Attributes:
        names: of the group, and of the object that it is part of.
        telling: the same, where they mean something to a game engine.
        title: of the object, which can be asked for; empty where there are too many.
    """

    names: _Names = ()
    telling: _Names = ()
    title: str = ""
    _whole: _Names = ()
    _titles: Titles = field(default_factory=Titles)
    _titled: dict[str, str] = field(default_factory=dict)

    def enter(self, name: str, is_object: bool) -> None:
        """Goes on with another object, or another group of the same."""
        self._whole = (name,) if is_object else self._whole
        self.names = self._whole if is_object else (name, *self._whole)
        self.telling = self.names if follows_convention(self.names) else ()
        holder = self.names[-1]
        if holder not in self._titled:
            is_few = len(self._titled) < _MOST_OBJECTS
            self._titled[holder] = self._titles.new(holder) if is_few else ""
        self.title = self._titled[holder]


def load_obj(path: Path) -> Loaded:
    """Loads an OBJ file and the material files it names, if they are there.

    Raises:
        AssetError: a line cannot be read.
    """
    text = as_utf8(path.read_bytes())
    numbers: dict[bytes, list[bytes]] = {b"v": [], b"vt": [], b"vn": []}
    faces: dict[_Key, _Faces] = {}
    libraries: list[str] = []
    plain: set[_Names] = set()
    groups, current = _Groups(), ""
    vertices, uvs, normals = numbers.values()
    for line in _lines(text):
        kind, _, rest = line.partition(b" ")
        if kind in numbers:
            numbers[kind].append(_said(rest))
        elif kind == b"f":
            counts = (len(vertices), len(uvs), len(normals))
            key = (groups.title, groups.telling, current)
            faces.setdefault(key, _Faces()).add(_said(rest), counts)
            if not groups.telling:
                plain.add(groups.names)
        elif kind in (b"o", b"g"):
            groups.enter(rest.decode(errors="replace"), kind == b"o")
        elif kind == b"usemtl":
            current = rest.decode(errors="replace")
        elif kind == b"mtllib":
            libraries.append(rest.decode(errors="replace"))
    resolver = PackResolver(path)
    looks = _looks(path, libraries, resolver)
    points, colours = _vertices(path, vertices)
    places = _rows(path, "vt", uvs, 2, 1)
    directions = _rows(path, "vn", normals, 3, 3)
    objects = [*plain, *dict.fromkeys(names for _, names, _ in faces if names)]
    kept, notes = drawn(objects)
    shown = {objects[at] for at in kept} | {()}
    parts = []
    grouped = {
        key: _triangles(path, some, points) for key, some in faces.items() if key[1] in shown
    }
    for (title, _, name), corners in _objects(grouped, len(points)).items():
        look = looks.setdefault(name, _Look(Material(name), np.ones(2), np.zeros(2)))
        if not len(corners):
            continue
        limits = (len(points), len(places), len(directions))
        if corners[..., 0].min() < 1 or corners[..., 0].max() > limits[0]:
            raise AssetError(path, "has faces that name missing vertices; export it anew")
        # What is no more than decoration may be missing: row 0 is none.
        indices = [corners[..., column] for column in range(3)]
        for index, limit in zip(indices[1:], limits[1:], strict=True):
            index[(index < 0) | (index > limit)] = 0
        rows, first = shared(indices)
        vertex, uv, normal = (index.ravel()[first] for index in indices)
        parts.append(
            Part(
                points[vertex - 1],
                rows,
                look.material,
                _with_none(places)[uv] * look.scale + look.shift if uv.any() else None,
                None if colours is None else colours[vertex - 1],
                _with_none(directions)[normal] if normal.any() else None,
                (title,) if title else (),
            )
        )
    return Loaded(
        parts,
        linear=bool(_BLENDER.search(text[:_HEAD])),
        files=resolver.files,
        missing=resolver.missing,
        notes=notes,
    )


def _objects(grouped: dict[_Key, _Indices], vertices: int) -> dict[_Key, _Indices]:
    """Corners by object; what has vertices in common with others is no object of its own."""
    owners = np.full(vertices + 1, -1)
    titles = {title: at for at, title in enumerate(dict.fromkeys(title for title, *_ in grouped))}
    for (title, *_), corners in grouped.items():
        used = np.unique(corners[..., 0].clip(0, vertices))
        if not np.isin(owners[used], (-1, titles[title])).all():
            break
        owners[used] = titles[title]
    else:
        return grouped
    joined: dict[_Key, list[_Indices]] = {}
    for (_, names, name), corners in grouped.items():
        joined.setdefault(("", names, name), []).append(corners)
    return {key: np.concatenate(some) for key, some in joined.items()}


def _lines(text: bytes) -> Iterator[bytes]:
    """Those that say something: a keyword, one space, and the rest."""
    joined = _CONTINUED.sub(lambda found: found[0] if found[1] else b" ", text)
    for line in joined.replace(b"\r", b"\n").split(b"\n"):
        if words := line.split(None, 1):
            yield words[0] + b" " + words[1].rstrip() if len(words) == 2 else words[0]


def _said(line: bytes) -> bytes:
    """Without a comment behind it."""
    return line.partition(b"#")[0] if b"#" in line else line


def _numbers(path: Path, kind: str, lines: list[bytes]) -> list[list[float]]:
    """Of lines that are not all alike."""
    found = []
    for line in lines:
        try:
            found.append([float(word) for word in line.split()])
        except ValueError as error:
            shown = line[:40].decode(errors="replace")
            raise AssetError(path, f"has a line that cannot be read: '{kind} {shown}'") from error
    return found


def _rows(path: Path, kind: str, lines: list[bytes], width: int, least: int) -> NDArray[np.float64]:
    """(N, W) numbers; of fewer in a line, but so many at least, the others are 0."""
    if not lines:
        return np.zeros((0, width))
    widths = {len(line.split()) for line in lines}
    if len(widths) == 1 and (columns := widths.pop()) >= width:
        try:
            values = np.array(b" ".join(lines).split(), dtype=np.float64)
            return np.asarray(values.reshape(len(lines), columns)[:, :width])
        except ValueError:  # which line it is, is told below
            pass
    made = np.zeros((len(lines), width))
    for row, given in enumerate(_numbers(path, kind, lines)):
        if len(given) < least:
            raise AssetError(path, f"has a line '{kind}' of {len(given)} numbers; export it anew")
        made[row, : len(given)] = given[:width]
    return made


def _vertices(
    path: Path, lines: list[bytes]
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """(V, 3), and (V, 3) colours behind them, 0 to 1, if there are any: white where there are none.

    Raises:
        AssetError: a line cannot be read.
    """
    words = np.array([len(line.split()) for line in lines], np.int64)
    if not (words >= 6).any():
        return _rows(path, "v", lines, 3, 3), None
    if (words >= 6).all():
        wide = _rows(path, "v", lines, 6, 6)
    else:
        wide = np.zeros((len(lines), 6))
        plain = words < 6
        wide[plain, :3] = _rows(path, "v", [lines[row] for row in np.flatnonzero(plain)], 3, 3)
        wide[~plain] = _rows(path, "v", [lines[row] for row in np.flatnonzero(~plain)], 6, 6)
    colours = np.nan_to_num(wide[:, 3:])
    if colours.max() > 1:
        colours = colours / 255
    colours[words < 6] = 1
    return wide[:, :3], colours


def _triangles(path: Path, faces: _Faces, points: NDArray[np.float64]) -> _Indices:
    """(F, 3, 3) of each corner the vertex, the texture coordinate and the normal; 0 for none."""
    found = [np.zeros((0, 3, 3), np.int64)]
    for given, lines in faces.lines.items():
        layout = given.replace(b"+", b"")
        words = layout.split()
        if not all(_CORNER.fullmatch(word) for word in words):
            shown = lines[0][:40].decode(errors="replace")
            raise AssetError(path, f"has a face that cannot be read: 'f {shown}'")
        if len(words) < 3:  # a line
            continue
        flat = np.array(b" ".join(lines).replace(b"/", b" ").split(), dtype=np.int64)
        rows = flat.reshape(len(lines), -1)
        corners = np.zeros((len(lines), len(words), 3), np.int64)
        column = 0
        for corner, word in enumerate(words):
            for kind, number in enumerate(word.split(b"/")):
                if number:
                    corners[:, corner, kind] = rows[:, column]
                    column += 1
        if b"-" in layout:  # counted back from the line they stand on
            counts = np.array(faces.counts[given])[:, None]
            corners = np.where(corners < 0, np.maximum(corners + counts + 1, -1), corners)
        found.append(_cut(corners, points))
    return np.concatenate(found)


def _cut(corners: _Indices, points: NDArray[np.float64]) -> _Indices:
    """(F, 3, 3) of (P, C, 3) corners of polygons."""
    if corners.shape[1] == 3 or not len(points):
        return corners[:, :3]
    polygons = points[(corners[..., 0] - 1).clip(0, len(points) - 1)]
    triangles = triangulated(polygons)
    made = corners[np.arange(len(corners))[:, None, None], triangles]
    return made[(triangles >= 0).all(axis=2)]


def _with_none(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Row 0 for what has none."""
    return np.concatenate([np.full((1, rows.shape[1]), np.nan), rows])


def _looks(path: Path, libraries: list[str], resolver: PackResolver) -> dict[str, _Look]:
    """Of all materials, by their names."""
    looks: dict[str, _Look] = {}
    for given in libraries:
        for name in [given] if find_beside(path, given) else _split_names(given):
            try:
                content = resolver.get(name)
            except OSError:  # it is not there, or not in the pack
                continue
            folder = Path(name.replace("\\", "/")).parent
            for material, properties in _properties(content):
                looks[material] = _look(path, folder, material, properties, resolver)
    return looks


def _split_names(given: str) -> list[str]:
    """Several names of material files, each without spaces; or one that has some."""
    names = [name.strip('"') for name in re.findall(r'"[^"]+"|\S+', given)]
    is_several = len(names) > 1 and all(name.lower().endswith(".mtl") for name in names)
    return names if is_several else [given.strip('"')]


def _properties(content: bytes) -> Iterator[tuple[str, dict[str, str]]]:
    """Of each material of a file, what it says, by keywords in lower case."""
    name, properties = "", dict[str, str]()
    for line in _lines(as_utf8(content)):
        kind, _, rest = line.decode(errors="replace").partition(" ")
        if kind.lower() == "newmtl":
            if properties:
                yield name, properties
            name, properties = rest, {"newmtl": rest}
        else:
            properties[kind.lower()] = rest
    if properties:
        yield name, properties


def _look(
    path: Path, folder: Path, name: str, properties: dict[str, str], resolver: PackResolver
) -> _Look:
    texture, scale, shift = None, np.ones(2), np.zeros(2)
    if wanted := properties.get("map_kd"):
        file, options = _texture(wanted)
        for option, values in ((options.get("-s"), scale), (options.get("-o"), shift)):
            values[: len((option or [])[:2])] = (option or [])[:2]
        texture = find_texture(path, str(folder / file)) or find_texture(path, file)
        if file and texture is None:
            resolver.missing.append(file)
        elif texture:
            resolver.files.append(texture)
    colour = _floats(properties.get("kd", ""))[:3]
    opacity = _floats(properties.get("d", "").replace("-halo", ""))[:1]
    if not opacity and (through := _floats(properties.get("tr", ""))[:1]):
        opacity = [1 - through[0]]
    alpha = min(opacity[0], 1.0) if opacity and opacity[0] > 0 else 1.0  # 0 says nothing: see FBX
    if not colour or (texture and not any(colour)):  # a texture in black is none
        red, green, blue = (1.0, 1.0, 1.0) if texture else Material().colour[:3]
    else:
        red, green, blue = (colour * 3)[:3] if len(colour) == 1 else (*colour, 0.0)[:3]
    return _Look(Material(name, (red, green, blue, alpha), texture), scale, shift)


def _texture(given: str) -> tuple[str, dict[str, list[float]]]:
    """The name of a texture, and the numbers of the options before it."""
    words, options = given.split(), dict[str, list[float]]()
    while words and words[0].lower() in _OPTIONS:
        option = words.pop(0).lower()
        options[option] = numbers = []
        for _ in range(_OPTIONS[option]):
            if len(words) > 1 and (value := _floats(words[0])):
                numbers += value
            elif _OPTIONS[option] > 1 or len(words) < 2:  # numbers may be fewer, words are not
                break
            words.pop(0)
    return (" ".join(words) if options else given).strip('"'), options


def _floats(text: str) -> list[float]:
    """The numbers that a text begins with."""
    found: list[float] = []
    for word in text.replace(",", ".").split():
        try:
            value: Any = float(word)
        except ValueError:
            break
        found.append(value)
    return found
