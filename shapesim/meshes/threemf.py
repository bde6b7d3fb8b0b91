"""3MF, through the 3MF Consortium's own library: also what is spread over several parts."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapesim.errors import AssetError
from shapesim.images import open_picture
from shapesim.meshes.parts import Loaded, Part, place, wound
from shapesim.types import Material, Matrix4

# In the order of the format's units.
_METRES = (1e-6, 1e-3, 1e-2, 0.0254, 0.3048, 1.0)


def load_3mf(path: Path) -> Loaded:
    """Loads what a 3MF file says is to be built.

    Raises:
        AssetError: there is no library for this machine.
    """
    try:
        import lib3mf
    except (ImportError, OSError) as error:
        reason = "cannot be read on this machine, for which there is no lib3mf; convert it"
        raise AssetError(path, reason) from error
    model = lib3mf.get_wrapper().CreateModel()
    reader = model.QueryReader("3mf")
    reader.SetStrictModeActive(False)
    reader.ReadFromBuffer(path.read_bytes())
    palette = _Palette(lib3mf, model)
    parts: list[Part] = []
    items = model.GetBuildItems()
    while items.MoveNext():
        item = items.GetCurrent()
        built, placed = item.GetObjectResource(), _matrix(item.GetObjectTransform())
        if built.GetType() in (lib3mf.ObjectType.Support, lib3mf.ObjectType.SolidSupport):
            continue  # what holds a thing while it is printed is none of it
        for transform, mesh in _meshes(model, built, placed):
            parts += palette.parts(mesh, transform)
    return Loaded(parts, unit=_METRES[int(model.GetUnit())])


def _matrix(transform: Any) -> Matrix4:
    """Four rows of three, for row vectors, as one for column vectors."""
    matrix = np.eye(4)
    matrix[:3] = np.array([list(row) for row in transform.Fields]).T
    return matrix


def _meshes(model: Any, of: Any, transform: Matrix4) -> Iterator[tuple[Matrix4, Any]]:
    """All meshes of an object, which may be put together of others."""
    id = of.GetUniqueResourceID()
    if of.IsMeshObject():
        yield transform, model.GetMeshObjectByID(id)
    elif of.IsComponentsObject():
        whole = model.GetComponentsObjectByID(id)
        for number in range(whole.GetComponentCount()):
            part = whole.GetComponent(number)
            placed = transform @ _matrix(part.GetTransform())
            yield from _meshes(model, part.GetObjectResource(), placed)


def _array(records: Sequence[Any], of: type[Any], dtype: Any) -> NDArray[Any]:
    """(N, 3 or 4) numbers of ctypes structures, each of as many numbers of four bytes."""
    if not records:
        return np.zeros((0, ctypes.sizeof(of) // 4), dtype)
    return np.frombuffer((of * len(records))(*records), dtype).reshape(len(records), -1)


class _Palette:
    """The materials, colours and textures of a file, by the groups that triangles count into."""

    def __init__(self, library: Any, model: Any) -> None:
        self._library, self._model = library, model
        self._groups: dict[int, Any] = {}

    def parts(self, mesh: Any, transform: Matrix4) -> Iterator[Part]:
        """A part for each material of a mesh."""
        lib = self._library
        vertices = _array(mesh.GetVertices(), lib.Position, np.float32)
        vertices = place(vertices.astype(np.float64), transform)
        faces = _array(mesh.GetTriangleIndices(), lib.Triangle, np.uint32).astype(np.int64)
        asked = mesh.GetAllTriangleProperties()
        used = _array(asked, lib.TriangleProperties, np.uint32).astype(np.int64).reshape(-1, 4)
        group, entry, is_given = mesh.GetObjectLevelProperty()
        used = used.copy() if len(used) else np.zeros((len(faces), 4), np.int64)
        if is_given:
            used[used[:, 0] == 0] = (group, entry, entry, entry)
        for number in np.unique(used[:, 0]).tolist():
            rows = used[:, 0] == number
            corners, entries = faces[rows], used[rows, 1:]
            for material, uvs, colours, some in self._looks(number, entries):
                # Triangles of such a part share no corners.
                kept = corners[some].ravel()
                yield Part(
                    vertices[kept],
                    wound(np.arange(len(kept)).reshape(-1, 3), transform),
                    material,
                    uvs,
                    colours,
                )

    def _looks(
        self, number: int, entries: NDArray[np.int64]
    ) -> Iterator[tuple[Material, NDArray[Any] | None, NDArray[Any] | None, NDArray[np.bool_]]]:
        """How triangles look: materials, what their corners have, and which triangles those are.

        Args:
            number: of a group; 0 of what has none.
            entries: (F, 3) of the group, for each corner.
        """
        kinds, everywhere = self._library.PropertyType, np.ones(len(entries), np.bool_)
        kind = self._model.GetPropertyTypeByID(number) if number else kinds.NoPropertyType
        if kind == kinds.BaseMaterial:
            group = self._group(number, self._model.GetBaseMaterialGroupByID)
            for entry in np.unique(entries[:, 0]).tolist():
                red, green, blue, alpha = (_rgba(group.GetDisplayColor(entry)) / 255).tolist()
                material = Material(group.GetName(entry), (red, green, blue, alpha))
                yield material, None, None, entries[:, 0] == entry
        elif kind == kinds.Colors:
            group = self._group(number, self._model.GetColorGroupByID)
            colours = _by_entry(entries, lambda entry: _rgba(group.GetColor(entry)))
            yield Material("", (1, 1, 1, 1)), None, colours.astype(np.uint8), everywhere
        elif kind == kinds.TexCoord:
            group = self._group(number, self._model.GetTexture2DGroupByID)
            uvs = _by_entry(entries, lambda entry: _uv(group.GetTex2Coord(entry)))
            yield self._textured(group), uvs, None, everywhere
        else:
            yield Material(), None, None, everywhere

    def _group(self, number: int, get: Any) -> Any:
        if number not in self._groups:
            self._groups[number] = get(number)
        return self._groups[number]

    def _textured(self, group: Any) -> Material:
        attachment = group.GetTexture2D().GetAttachment()
        picture = open_picture(bytes(attachment.WriteToBuffer()), attachment.GetPath())
        return Material("", (1, 1, 1, 1), picture)


def _by_entry(entries: NDArray[np.int64], of: Any) -> NDArray[np.float64]:
    """(3 F, N) numbers of each corner, by its entry."""
    known, rows = np.unique(entries, return_inverse=True)
    return np.array([of(entry) for entry in known.tolist()], np.float64)[rows.ravel()]


def _rgba(colour: Any) -> NDArray[np.float64]:
    return np.array([colour.Red, colour.Green, colour.Blue, colour.Alpha], np.float64)


def _uv(place: Any) -> tuple[float, float]:
    return place.U, place.V
