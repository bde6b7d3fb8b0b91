"""What every loader returns, and how its parts become one mesh."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from shapesim.errors import AssetError
from shapesim.meshes.textures import companions_of
from shapesim.pictures.colours import to_linear, to_srgb
from shapesim.types import Material, Matrix4, Mesh


@dataclass(slots=True)
class Part:
    """Triangles with one material, placed in the file's coordinates.

    Attributes:
        vertices: (V, 3) float.
        faces: (F, 3) int.
        material: how they look.
        uvs: (V, 2) float or None.
        colours: (V, 3 or 4), unsigned integers or float, or None.
        normals: (V, 3) float or None.
        within: names of the objects that it is part of, the outermost first, each of which no
            other object of the file has.
    """

    vertices: NDArray[Any]
    faces: NDArray[Any]
    material: Material
    uvs: NDArray[Any] | None = None
    colours: NDArray[Any] | None = None
    normals: NDArray[Any] | None = None
    within: tuple[str, ...] = ()


_MOST_COLOURS = 64  # of faces, for which there is a material each

_Surface = TypeVar("_Surface", Part, Mesh)


@dataclass(slots=True)
class Loaded:
    """A file's parts and what it says of its frame.

    Attributes:
        parts: in the file's coordinates.
        up: the axis that the file names; None where it names none.
        is_mirrored: whether x runs the other way in it than it should.
        unit: metres per unit; None where it does not say.
        linear: whether materials' colours are proportional to light; else they are sRGB, as
            artists see them.
        linear_vertices: whether those of vertices are.
        joints: of its rig.
        animations: their names.
        files: others that it was read from.
        missing: names of others that it needs and does not have.
        notes: what else of it could not be read, a line each.
    """

    parts: list[Part]
    up: Literal["x", "y", "z"] | None = None
    is_mirrored: bool = False
    unit: float | None = None
    linear: bool = False
    linear_vertices: bool = False
    joints: int = 0
    animations: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def shared(indices: Sequence[NDArray[Any]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Corners that are the same in all respects become one.

    Args:
        indices: (F, 3) each, of what the corners have in one respect, such as their normals.

    Returns:
        (F, 3) faces, and (V,) for each vertex a corner that it is, of all in a row.
    """
    keys = np.zeros(indices[0].size, np.int64)
    for index in indices:
        known, rows = np.unique(index.ravel(), return_inverse=True)
        # Numbered anew each time, since the numbers of many respects multiply.
        keys = np.unique(keys * len(known) + rows.ravel(), return_inverse=True)[1].ravel()
    first, faces = np.unique(keys, return_index=True, return_inverse=True)[1:]
    return faces.reshape(-1, 3).astype(np.int64), first.astype(np.int64)


def place(vertices: NDArray[Any], transform: NDArray[Any]) -> NDArray[np.float64]:
    """(V, 3) vertices under a (4, 4) transform."""
    with np.errstate(invalid="ignore", over="ignore"):  # what is no number is told by who checks
        placed: NDArray[np.float64] = vertices @ transform[:3, :3].T + transform[:3, 3]
    return placed


def place_normals(normals: NDArray[Any], transform: NDArray[Any]) -> NDArray[np.float64]:
    """(V, 3) normals under a (4, 4) transform, of unit length; NaN where there is no direction."""
    matrix = transform[:3, :3]
    # Times its determinant, the inverse transpose is there even where the transform is flat.
    cofactors = np.cross(matrix[[1, 2, 0]], matrix[[2, 0, 1]])
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        placed = normals @ cofactors.T * (-1 if np.linalg.det(matrix) < 0 else 1)
        placed /= np.linalg.norm(placed, axis=1, keepdims=True)
    return np.asarray(placed, dtype=np.float64)


def wound(faces: NDArray[Any], transform: NDArray[Any]) -> NDArray[Any]:
    """(F, 3) faces under a (4, 4) transform: a mirror image keeps its outside outside."""
    return faces[:, ::-1] if np.linalg.det(transform[:3, :3]) < 0 else faces


def rgba(colours: NDArray[Any], linear: bool = False) -> NDArray[np.uint8]:
    """(V, 3 or 4) colours to (V, 4) uint8 in sRGB.

    Floats span 0 to 1, unsigned integers the range of their type.
    """
    top = np.iinfo(colours.dtype).max if colours.dtype.kind == "u" else 1
    scaled = np.clip(colours[:, :4] / top, 0, 1)
    if linear:
        scaled[:, :3] = to_srgb(scaled[:, :3])
    full = np.full((len(scaled), 4), 255, np.uint8)
    full[:, : scaled.shape[1]] = (scaled * 255).round()
    return full


def by_face_colour(part: Part, colours: NDArray[np.uint8]) -> list[Part]:
    """A part for each colour of (F, 3 or 4), since a mesh has colours by vertex or by material.

    Of many colours, one part whose triangles share no corners.
    """
    known, rows = np.unique(colours, axis=0, return_inverse=True)
    if len(known) > _MOST_COLOURS:
        corners = part.faces.ravel()
        faces = np.arange(len(corners)).reshape(-1, 3)
        normals = None if part.normals is None else part.normals[corners]
        repeated = np.repeat(colours, 3, axis=0)
        vertices = part.vertices[corners]
        return [Part(vertices, faces, part.material, None, repeated, normals, part.within)]
    parts = []
    for row, colour in enumerate(known / 255):
        red, green, blue, alpha = (*colour.tolist(), 1.0)[:4]
        used, faces = np.unique(part.faces[rows.ravel() == row], return_inverse=True)
        parts.append(
            Part(
                part.vertices[used],
                faces.reshape(-1, 3),
                Material(part.material.name, (red, green, blue, alpha)),
                normals=None if part.normals is None else part.normals[used],
                within=part.within,
            )
        )
    return parts


def assemble(path: Path, loaded: Loaded, upright: Matrix4) -> Mesh:
    """Joins parts into one mesh in the upright frame.

    Raises:
        AssetError: there are no parts, or faces name vertices that do not exist.
    """
    parts = [part for part in loaded.parts if len(part.faces)]
    if not parts:
        reason = "has no faces; does the export leave out meshes?"
        raise AssetError(path, " and ".join([*loaded.notes, reason]))
    for part in parts:
        if part.faces.min() < 0 or part.faces.max() >= len(part.vertices):
            raise AssetError(path, "has faces that name missing vertices; export it anew")
    starts = np.cumsum([0, *(len(part.vertices) for part in parts)])
    if loaded.is_mirrored:
        upright = upright @ np.diag([-1.0, 1, 1, 1])
    faces = [wound(part.faces + start, upright) for part, start in zip(parts, starts, strict=False)]
    given = tuple({id(part.material): part.material for part in parts}.values())
    order = {id(material): index for index, material in enumerate(given)}
    rows = [order[id(part.material)] for part in parts]
    with np.errstate(invalid="ignore", over="ignore"):  # the caller looks for broken vertices
        vertices = place(np.concatenate([part.vertices for part in parts]), upright)
    normals = _joined(parts, lambda part: part.normals, 3, np.nan, np.float64)
    return Mesh(
        vertices=vertices,
        faces=np.concatenate(faces).astype(np.int64),
        materials=given if loaded.linear else tuple(_to_linear(one) for one in given),
        face_materials=np.repeat(rows, [len(part.faces) for part in parts]).astype(np.int64),
        uvs=_joined(parts, lambda part: part.uvs, 2, np.nan, np.float64),
        normals=None if normals is None else place_normals(normals, upright),
        colours=_joined(
            parts,
            lambda part: (
                None if part.colours is None else rgba(part.colours, loaded.linear_vertices)
            ),
            4,
            255,
            np.uint8,
        ),
        unit=loaded.unit,
        upright=upright,
        joints=loaded.joints,
        animations=tuple(dict.fromkeys(loaded.animations)),
        companions=companions_of(path, loaded.files, loaded.missing),
        notes=tuple(dict.fromkeys(loaded.notes)),
    )


def join(meshes: Sequence[Mesh]) -> Mesh:
    """One mesh of several in the same frame, their faces and materials in the order given."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    firsts = np.cumsum([0, *(len(mesh.materials) for mesh in meshes)])
    return Mesh(
        vertices=np.concatenate([mesh.vertices for mesh in meshes]),
        faces=np.concatenate(
            [mesh.faces + start for mesh, start in zip(meshes, starts, strict=False)]
        ),
        materials=tuple(material for mesh in meshes for material in mesh.materials),
        face_materials=np.concatenate(
            [mesh.face_materials + first for mesh, first in zip(meshes, firsts, strict=False)]
        ),
        uvs=_joined(meshes, lambda mesh: mesh.uvs, 2, np.nan, np.float64),
        normals=_joined(meshes, lambda mesh: mesh.normals, 3, np.nan, np.float64),
        colours=_joined(meshes, lambda mesh: mesh.colours, 4, 255, np.uint8),
    )


def _to_linear(material: Material) -> Material:
    red, green, blue = (float(c) for c in to_linear(np.array(material.colour[:3])))
    return replace(material, colour=(red, green, blue, material.colour[3]))


def _joined(
    parts: Sequence[_Surface],
    get: Callable[[_Surface], NDArray[Any] | None],
    width: int,
    fill: float,
    dtype: type,
) -> NDArray[Any] | None:
    """One row per vertex over all parts, None where no part has any."""
    columns = [get(part) for part in parts]
    if all(column is None for column in columns):
        return None
    return np.concatenate(
        [
            np.full((len(part.vertices), width), fill, dtype) if column is None
            else np.asarray(column, dtype)
            for part, column in zip(parts, columns, strict=True)
        ]
    )  # fmt: skip
