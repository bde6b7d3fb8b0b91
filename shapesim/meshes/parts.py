"""What every loader returns, and how its parts become one mesh."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from shapesim.errors import AssetError
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
    """

    vertices: NDArray[Any]
    faces: NDArray[Any]
    material: Material
    uvs: NDArray[Any] | None = None
    colours: NDArray[Any] | None = None


@dataclass(slots=True)
class Loaded:
    """A file's parts and what it says of its frame.

    Attributes:
        parts: in the file's coordinates.
        up: the axis that the file names; None where it names none.
        unit: metres per unit; None where it does not say.
        warnings: what the file names but does not have.
    """

    parts: list[Part]
    up: Literal["x", "y", "z"] | None = None
    unit: float | None = None
    warnings: list[str] = field(default_factory=list)


def place(vertices: NDArray[Any], transform: NDArray[Any]) -> NDArray[np.float64]:
    """(V, 3) vertices under a (4, 4) transform."""
    placed: NDArray[np.float64] = vertices @ transform[:3, :3].T + transform[:3, 3]
    return placed


def rgba(colours: NDArray[Any]) -> NDArray[np.uint8]:
    """(V, 3 or 4) colours to (V, 4) uint8.

    Floats span 0 to 1, unsigned integers the range of their type.
    """
    top = np.iinfo(colours.dtype).max if colours.dtype.kind == "u" else 1
    scaled = (np.clip(colours / top, 0, 1) * 255).round().astype(np.uint8)
    full = np.full((len(scaled), 4), 255, np.uint8)
    full[:, : scaled.shape[1]] = scaled[:, :4]
    return full


def assemble(path: Path, loaded: Loaded, upright: Matrix4) -> Mesh:
    """Joins parts into one mesh in the upright frame.

    Raises:
        AssetError: there are no parts, or faces name vertices that do not exist.
    """
    parts = [part for part in loaded.parts if len(part.faces)]
    if not parts:
        raise AssetError(path, "has no faces; does the export leave out meshes?")
    for part in parts:
        if part.faces.min() < 0 or part.faces.max() >= len(part.vertices):
            raise AssetError(path, "has faces that name missing vertices; export it anew")
    starts = np.cumsum([0, *(len(part.vertices) for part in parts)])
    faces = [part.faces + start for part, start in zip(parts, starts, strict=False)]
    materials = tuple({id(part.material): part.material for part in parts}.values())
    order = {id(material): index for index, material in enumerate(materials)}
    rows = [order[id(part.material)] for part in parts]
    with np.errstate(invalid="ignore", over="ignore"):  # the caller looks for broken vertices
        vertices = place(np.concatenate([part.vertices for part in parts]), upright)
    return Mesh(
        vertices=vertices,
        faces=np.concatenate(faces).astype(np.int64),
        materials=materials,
        face_materials=np.repeat(rows, [len(part.faces) for part in parts]).astype(np.int64),
        uvs=_joined(parts, lambda part: part.uvs, 2, np.nan, np.float64),
        colours=_joined(
            parts,
            lambda part: None if part.colours is None else rgba(part.colours),
            4,
            255,
            np.uint8,
        ),
        unit=loaded.unit,
        upright=upright,
        warnings=tuple(loaded.warnings),
    )


def _rgba_of(part: Part) -> NDArray[np.uint8] | None:
    return None if part.colours is None else rgba(part.colours)


def _joined(
    parts: list[Part],
    get: Callable[[Part], NDArray[Any] | None],
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
