"""3MF, through the 3MF Consortium's own library: also what is spread over several parts."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from shapesim.errors import AssetError
from shapesim.meshes.kits import Titles
from shapesim.meshes.parts import Loaded, Part, place, shared, wound
from shapesim.meshes.scenes import from_trimesh
from shapesim.pictures.images import open_picture
from shapesim.types import Material, Matrix4

# In the order of the format's units.
_METRES = (1e-6, 1e-3, 1e-2, 0.0254, 0.3048, 1.0)


def load_3mf(path: Path) -> Loaded:
    """Loads what a 3MF file says is to be built.

    What that library refuses, for one bad triangle or on machines for which there is none, trimesh
    reads, without colours.
    """
    try:
        import lib3mf

        return _Reader(lib3mf, path).loaded()
    except Exception as error:
        loaded = from_trimesh(trimesh.load_scene(path, process=False))
        reason = " ".join(str(error).split())[:160]
        loaded.notes.append(f"its colours cannot be read ({reason})")
        return loaded


@dataclass(frozen=True, slots=True)
class _Stock:
    """A mesh of a file, which may be built several times.

    Attributes:
        vertices: (V, 3).
        faces: (F, 3).
        groups: (F,) of materials, colours or coordinates; 0 of none.
        entries: (F, 3) of these, for each corner.
    """

    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]
    groups: NDArray[np.int64]
    entries: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Look:
    """How some triangles of a mesh look.

    Attributes:
        material: of all.
        rows: (F,) which triangles.
        uvs: (E, 2) of each entry; None without a texture.
        colours: (E, 4) uint8 of each entry; None where the material has the colour.
        corners: (F, 3) entries of each corner, as rows of both.
    """

    material: Material
    rows: NDArray[np.bool_]
    uvs: NDArray[np.float64] | None = None
    colours: NDArray[np.uint8] | None = None
    corners: NDArray[np.int64] | None = None


class _Reader:
    """Reads a file.

    Args:
        library: lib3mf.
        path: of the file.
    """

    def __init__(self, library: Any, path: Path) -> None:
        self._library = library
        self._model = library.get_wrapper().CreateModel()
        reader = self._model.QueryReader("3mf")
        reader.SetStrictModeActive(False)
        reader.ReadFromFile(str(path))
        self._stocks: dict[int, _Stock] = {}
        self._materials: dict[tuple[int, int], Material] = {}
        self._missing: list[str] = []
        self._notes: list[str] = []
        self._titles = Titles()

    def loaded(self) -> Loaded:
        """What is to be built."""
        parts: list[Part] = []
        items = self._model.GetBuildItems()
        while items.MoveNext():
            item = items.GetCurrent()
            placed = _matrix(item.GetObjectTransform())
            for transform, stock, within in self._meshes(item.GetObjectResource(), placed, ()):
                parts += [replace(part, within=within) for part in self._parts(stock, transform)]
        unit = _METRES[int(self._model.GetUnit())]
        return Loaded(parts, unit=unit, missing=self._missing, notes=self._notes)

    def _meshes(
        self, of: Any, transform: Matrix4, within: tuple[str, ...]
    ) -> Iterator[tuple[Matrix4, _Stock, tuple[str, ...]]]:
        """All meshes of an object, which may be put together of others, and what they are part of.

        Args:
            of: the object.
            transform: where it stands.
            within: names of what it is part of.
        """
        within = (*within, self._titles.new(of.GetName()))
        kinds, id = self._library.ObjectType, of.GetUniqueResourceID()
        if of.GetType() in (kinds.Support, kinds.SolidSupport):
            return  # what holds a thing while it is printed is none of it
        if of.IsMeshObject():
            if id not in self._stocks:
                self._stocks[id] = self._stock(self._model.GetMeshObjectByID(id))
            yield transform, self._stocks[id], within
        elif of.IsComponentsObject():
            whole = self._model.GetComponentsObjectByID(id)
            for number in range(whole.GetComponentCount()):
                part = whole.GetComponent(number)
                placed = transform @ _matrix(part.GetTransform())
                yield from self._meshes(part.GetObjectResource(), placed, within)

    def _stock(self, mesh: Any) -> _Stock:
        lib = self._library
        vertices = _array(mesh.GetVertices(), lib.Position, np.float32).astype(np.float64)
        faces = _array(mesh.GetTriangleIndices(), lib.Triangle, np.uint32).astype(np.int64)
        used = _array(mesh.GetAllTriangleProperties(), lib.TriangleProperties, np.uint32)
        used = used.astype(np.int64) if len(used) else np.zeros((len(faces), 4), np.int64)
        group, entry, is_given = mesh.GetObjectLevelProperty()
        if is_given:
            used[used[:, 0] == 0] = (group, entry, entry, entry)
        return _Stock(vertices, faces, used[:, 0], used[:, 1:])

    def _parts(self, stock: _Stock, transform: Matrix4) -> Iterator[Part]:
        """A part for each material of a mesh."""
        for group in np.unique(stock.groups).tolist():
            for look in self._looks(group, stock.groups == group, stock.entries):
                corners = stock.faces[look.rows]
                indices = [corners] if look.corners is None else [corners, look.corners]
                faces, first = shared(indices)
                entries = None if look.corners is None else look.corners.ravel()[first]
                yield Part(
                    place(stock.vertices[corners.ravel()[first]], transform),
                    wound(faces, transform),
                    look.material,
                    None if look.uvs is None else look.uvs[entries],
                    None if look.colours is None else look.colours[entries],
                )

    def _looks(
        self, group: int, rows: NDArray[np.bool_], entries: NDArray[np.int64]
    ) -> Iterator[_Look]:
        """How triangles look.

        Args:
            group: whose entries they have.
            rows: (F,) which triangles.
            entries: (F, 3) for each corner.
        """
        kinds = self._library.PropertyType
        kind = self._model.GetPropertyTypeByID(group) if group else kinds.NoPropertyType
        known, corners = np.unique(entries[rows], return_inverse=True)
        corners = corners.reshape(-1, 3).astype(np.int64)
        if kind == kinds.BaseMaterial:
            materials = self._model.GetBaseMaterialGroupByID(group)
            for entry in known.tolist():
                some = rows & (entries[:, 0] == entry)
                if some.any():
                    yield _Look(self._painted(materials, group, entry), some)
        elif kind == kinds.Colors:
            of = self._model.GetColorGroupByID(group)
            colours = np.array([_rgba(of.GetColor(entry)) for entry in known], np.uint8)
            white = self._kept(group, 0, lambda: Material("", (1, 1, 1, 1)))
            yield _Look(white, rows, colours=colours, corners=corners)
        elif kind == kinds.TexCoord:
            of = self._model.GetTexture2DGroupByID(group)
            places = [of.GetTex2Coord(entry) for entry in known]
            uvs = np.array([(one.U, one.V) for one in places], np.float64)
            material = self._kept(group, 0, lambda: self._textured(of))
            yield _Look(material, rows, uvs=uvs, corners=corners)
        elif kind == kinds.Multi:
            yield from self._first_layer(group, rows, entries)
        else:
            if group:
                self._notes.append("its composite materials cannot be read, and are grey")
            yield _Look(self._kept(0, 0, Material), rows)

    def _first_layer(
        self, group: int, rows: NDArray[np.bool_], entries: NDArray[np.int64]
    ) -> Iterator[_Look]:
        """Of several on top of each other, the lowest."""
        of = self._model.GetMultiPropertyGroupByID(group)
        lowest = np.zeros_like(entries)
        for entry in np.unique(entries[rows]).tolist():
            layers = [0] * of.GetLayerCount()  # room for the answer
            lowest[entries == entry] = of.GetMultiProperty(entry, layers)[0]
        yield from self._looks(int(of.GetLayer(0).ResourceID), rows, lowest)

    def _painted(self, materials: Any, group: int, entry: int) -> Material:
        def made() -> Material:
            colour = _rgba(materials.GetDisplayColor(entry))
            red, green, blue, alpha = (value / 255 for value in colour)
            return Material(materials.GetName(entry), (red, green, blue, alpha))

        return self._kept(group, entry, made)

    def _textured(self, group: Any) -> Material:
        attachment = group.GetTexture2D().GetAttachment()
        try:
            picture = open_picture(bytes(attachment.WriteToBuffer()), attachment.GetPath())
        except AssetError:
            self._missing.append(attachment.GetPath())
            return Material()
        return Material("", (1, 1, 1, 1), picture)

    def _kept(self, group: int, entry: int, make: Callable[[], Material]) -> Material:
        """One material is one, however often it is used."""
        if (group, entry) not in self._materials:
            self._materials[group, entry] = make()
        return self._materials[group, entry]


def _matrix(transform: Any) -> Matrix4:
    """Four rows of three, for row vectors, as one for column vectors."""
    matrix = np.eye(4)
    matrix[:3] = np.array([list(row) for row in transform.Fields]).T
    return matrix


def _array(records: Sequence[Any], of: type[Any], dtype: Any) -> NDArray[Any]:
    """(N, 3 or 4) numbers of ctypes structures, each of as many numbers of four bytes."""
    if not records:
        return np.zeros((0, ctypes.sizeof(of) // 4), dtype)
    return np.frombuffer((of * len(records))(*records), dtype).reshape(len(records), -1)


def _rgba(colour: Any) -> tuple[int, int, int, int]:
    return colour.Red, colour.Green, colour.Blue, colour.Alpha
