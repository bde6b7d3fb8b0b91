"""OFF, the object file format of Geomview: text, with or without colours, normals and textures.

A letter before the keyword announces each of those; many programs write colours without one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shapesim.encoding import as_utf8, numbers_of
from shapesim.errors import AssetError
from shapesim.meshes.parts import Loaded, Part, by_face_colour, place_normals
from shapesim.meshes.polygons import triangulate_all
from shapesim.types import Material

_KEYWORD = re.compile(r"\s*(ST)?(C)?(N)?(4)?(n)?OFF(\s+BINARY)?(?![a-z])", re.IGNORECASE)
_COMMENT = re.compile(r"#[^\r\n]*")
_WORD = re.compile(r"\s[A-Za-z_]")  # behind the numbers of a face
_PLAIN = 204  # of 255: a face without a colour beside faces that have one


def load_off(path: Path) -> Loaded:
    """Loads an OFF file, which says neither which axis is up nor its unit.

    Raises:
        AssetError: it is cut off, damaged, or of a kind that cannot be read.
    """
    text = _COMMENT.sub("", as_utf8(path.read_bytes()).decode(errors="replace"))
    found = _KEYWORD.match(text)
    textured, _, normal, homogeneous, general, binary = found.groups() if found else [None] * 6
    if general or binary:
        kind = "binary" if binary else "of any number of dimensions"
        raise AssetError(path, f"is an OFF file that is {kind}, which cannot be read; save it anew")
    lines = [line for line in text[found.end() if found else 0 :].splitlines() if line.strip()]
    counts = _numbers(lines[:1])
    if len(counts) < 2:
        raise AssetError(path, "does not say how many vertices and faces it has; export it anew")
    vertex_count, face_count = int(counts[0]), int(counts[1])
    if not vertex_count or not face_count:
        return Loaded([])
    rows = lines[1 : 1 + vertex_count + face_count]
    if len(rows) < vertex_count + face_count:
        raise AssetError(
            path,
            f"is cut off: it has {len(rows)} rows of {vertex_count} vertices and {face_count}"
            " faces; export it anew",
        )
    table = _table(path, rows[:vertex_count])
    points, rest = table[:, :3], table[:, 3:]
    if homogeneous:
        points, rest = points / rest[:, :1], rest[:, 1:]
    normals = None
    if normal:
        normals, rest = place_normals(rest[:, :3], np.eye(4)), rest[:, 3:]
    uvs = None
    if textured:
        rest, uvs = rest[:, :-2], rest[:, -2:]
    is_coloured = rest.shape[1] in (3, 4)
    colours = _as_bytes(rest, rows[:vertex_count]) if is_coloured else None
    sizes, corners, given = _faces(path, rows[vertex_count:])
    if len(corners) and not (corners.min() >= 0 and corners.max() < vertex_count):
        raise AssetError(path, "has faces that name missing vertices; export it anew")
    triangles, polygons = triangulate_all(points, sizes, corners)
    part = Part(points, corners[triangles], Material(), uvs, colours, normals)
    if given is None or colours is not None:
        return Loaded([part])
    return Loaded(by_face_colour(part, given[polygons]))


def _numbers(rows: Sequence[str]) -> NDArray[np.float64]:
    """All numbers of some lines."""
    return numbers_of(" ".join(rows))


def _table(path: Path, rows: Sequence[str]) -> NDArray[np.float64]:
    """(N, C), of lines that have equally many numbers; else the first three of each."""
    numbers, width = _numbers(rows), len(rows[0].split())
    if len(numbers) != width * len(rows):
        numbers, width = _numbers([" ".join(row.split()[:3]) for row in rows]), 3
    if width < 3 or len(numbers) != width * len(rows):
        raise AssetError(path, "has vertices of which a number is missing; export it anew")
    return numbers.reshape(len(rows), width)


def _faces(
    path: Path, rows: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8] | None]:
    """How many corners each face has, all of them in a row, and (F, 4) colours if any has one."""
    if any(_WORD.search(row) for row in rows):
        rows = [_WORD.split(row)[0] for row in rows]
    width = len(rows[0].split()) if rows else 0
    numbers = _numbers(rows)
    if width and len(numbers) == width * len(rows):
        table = numbers.reshape(len(rows), width)
        if (table[:, 0] == width - 1).all():  # all alike, and without colours
            sizes = np.full(len(rows), width - 1)
            return sizes, table[:, 1:].astype(np.int64).ravel(), None
    sizes = np.zeros(len(rows), np.int64)
    corners: list[float] = []
    given = np.full((len(rows), 4), np.nan)
    for row, line in enumerate(rows):
        values = _numbers([line])
        size = int(values[0]) if len(values) else -1
        if size < 0 or len(values) <= size:
            raise AssetError(path, "has a face of which a corner is missing; export it anew")
        sizes[row] = size
        corners += values[1 : size + 1].tolist()
        if len(extra := values[size + 1 :]) in (3, 4):
            given[row, : len(extra)] = extra
    is_coloured = ~np.isnan(given[:, 0])
    if not is_coloured.any():
        return sizes, np.array(corners, np.int64), None
    written = [line for line, one in zip(rows, is_coloured, strict=True) if one]
    colours = np.full((len(rows), 4), _PLAIN, np.uint8)
    colours[is_coloured] = _as_bytes(np.nan_to_num(given[is_coloured]), written)
    colours[np.isnan(given[:, 3]), 3] = 255
    return sizes, np.array(corners, np.int64), colours


def _as_bytes(colours: NDArray[np.float64], written: Sequence[str]) -> NDArray[np.uint8]:
    """(N, C) colours at the ends of lines; of those from 0 to 1, some are written with a point."""
    is_share = colours.max(initial=0) <= 1 and any(
        "." in word for line in written for word in line.split()[-colours.shape[1] :]
    )
    return np.asarray((colours * (255 if is_share else 1)).clip(0, 255) + 0.5, np.uint8)
