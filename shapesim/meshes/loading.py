"""``load_mesh``: the table from suffix to loader, and the checks that every mesh passes."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Literal, get_args

import numpy as np

from shapesim.errors import (
    AssetError,
    NoSuchObjectError,
    ShapesimError,
    UnreachableFileError,
    UnsupportedFormatError,
    is_passing,
)
from shapesim.geometry import first_of_geometry, signature
from shapesim.meshes.dae import load_dae
from shapesim.meshes.fbx import load_fbx
from shapesim.meshes.gltf import load_gltf
from shapesim.meshes.kits import objects_in, parts_of, standing_apart
from shapesim.meshes.obj import load_obj
from shapesim.meshes.off import load_off
from shapesim.meshes.packs import inside, located, object_of
from shapesim.meshes.parts import Loaded, assemble
from shapesim.meshes.ply import load_ply
from shapesim.meshes.stl import load_stl
from shapesim.meshes.threemf import load_3mf
from shapesim.pictures.images import PICTURE_SUFFIXES
from shapesim.types import Matrix4, Mesh, UpAxis

_LOADERS: dict[str, Callable[[Path], Loaded]] = {
    ".fbx": load_fbx,
    ".glb": load_gltf,
    ".gltf": load_gltf,
    ".obj": load_obj,
    ".dae": load_dae,
    ".stl": load_stl,
    ".ply": load_ply,
    ".off": load_off,
    ".3mf": load_3mf,
}
MESH_SUFFIXES = frozenset(_LOADERS)
"""Lower-case suffixes that ``load_mesh`` knows."""

# By convention, for files that do not say: animation formats stand on y, fabrication formats on z.
_Z_UP = frozenset({".stl", ".ply", ".3mf"})
_Axis = Literal["x", "y", "z"]
_TO_Y: dict[_Axis, Matrix4] = {
    "x": np.array([[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], dtype=np.float64),
    "y": np.eye(4),
    "z": np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]], dtype=np.float64),
}

# How files begin that often go by the name of a mesh; some of them are what some suffixes say.
_KINDS = {
    b"version https://git-lfs": ("is a pointer of git-lfs, to be fetched by 'git lfs pull'", ()),
    b"\x89PNG": ("is a PNG picture", ()),
    b"\xff\xd8\xff": ("is a JPEG picture", ()),
    b"<!DOCTYPE": ("is a web page", ()),
    b"<!doctype": ("is a web page", ()),
    b"<html": ("is a web page", ()),
    b"PK\x03\x04": ("is a ZIP file", (".3mf",)),
    b"BLENDER": ("is a Blender file", ()),
    b"Kaydara FBX": ("is FBX", (".fbx",)),
    b"glTF": ("is GLB", (".glb", ".gltf")),
    b"%PDF": ("is a PDF", ()),
}
_STUMBLES = (AttributeError, IndexError, KeyError, TypeError, ZeroDivisionError)
_TOLD = 10  # names
_OF_A_KIT = 3  # kinds of things, at least
_MOST_KITS = 2
_MAX_BYTES = 1 << 30
_MAX_EXTENT = 1e9


def load_mesh(path: Path | str, up: UpAxis | None = None) -> Mesh:
    """Loads all triangles of a file, every node in its place, turned to y up.

    Skinned meshes come in their rest pose. Lines and points are left out.

    Args:
        path: a file with one of ``MESH_SUFFIXES``; one in a pack as ``pack.zip!/path``, and an
            object of a file, which stays where it stands there, as ``kit.fbx!/name``.
        up: the file's up axis; None for what the file says, or else its format's convention.

    Raises:
        ShapesimError: there is no such axis.
        UnsupportedFormatError: no loader for the suffix.
        AssetError: the file cannot be read, or holds no usable surface.
    """
    if up not in (None, *get_args(UpAxis)):
        raise ShapesimError(f"'{up}' is no up axis; {' or '.join(get_args(UpAxis))} is")
    path = Path(path)
    try:
        return _mesh(located(path), object_of(path)[1], up)
    except AssetError as error:  # is named as the user knows it
        raise type(error)(path, error.reason, error.missing) from error


def objects_of(path: Path | str) -> list[Path]:
    """The objects that a file holds side by side, each as ``kit.fbx!/name``; none if it is one.

    Raises:
        UnsupportedFormatError, AssetError: as ``load_mesh``.
    """
    path = Path(path)
    file = located(path)
    try:
        loaded = _kept(file)
        with _explained(file):
            names = objects_in(loaded.parts, _row(_axis(file, loaded)))
            return [inside(path, name) for name in names]
    except AssetError as error:
        raise type(error)(path, error.reason, error.missing) from error


def _mesh(path: Path, name: str, up: UpAxis | None) -> Mesh:
    """A file, or an object of it by its name."""
    loaded = _kept(path) if name else _loaded(path)
    axis = up or _axis(path, loaded)
    with _explained(path):
        if name:
            parts = parts_of(loaded.parts, name)
            if not parts:
                names = list(objects_in(loaded.parts, _row(axis)))
                known = f"there are: {', '.join(names[:_TOLD])}" if names else "it is but one"
                raise NoSuchObjectError(path, f"holds no object '{name}' ({known})")
            loaded = replace(loaded, parts=parts)
        mesh = assemble(path, loaded, _TO_Y[axis])
        _check_surface(path, mesh)
        return mesh if name else replace(mesh, objects=_kit(path, loaded, axis))


def _kit(path: Path, loaded: Loaded, axis: _Axis) -> tuple[str, ...]:
    """Names of the objects of a kit, of equal ones the first; none of what is a single thing.

    A kit holds things of several kinds with room about them. The bars of a fence are of one.
    """
    objects = objects_in(loaded.parts, _row(axis))
    apart = set(standing_apart(objects, _row(axis)))
    if len(apart) < _OF_A_KIT:
        return ()
    meshes: dict[str, Mesh] = {}
    for name, parts in objects.items():
        mesh = assemble(path, replace(loaded, parts=parts), _TO_Y[axis])
        with suppress(AssetError):  # an object without a surface is none
            _check_surface(path, mesh)
            meshes[name] = mesh
    shapes = first_of_geometry(np.stack([signature(mesh) for mesh in meshes.values()])).tolist()
    if (
        len({shape for shape, name in zip(shapes, meshes, strict=True) if name in apart})
        < _OF_A_KIT
    ):
        return ()
    names: dict[object, str] = {}
    for shape, (name, mesh) in zip(shapes, meshes.items(), strict=True):
        names.setdefault((shape, *(material.name for material in mesh.materials)), name)
    return tuple(names.values())


def _axis(path: Path, loaded: Loaded) -> _Axis:
    """That is up, by the file or by its format's convention."""
    return loaded.up or ("z" if path.suffix.lower() in _Z_UP else "y")


def _row(axis: _Axis) -> int:
    """Of coordinates."""
    return "xyz".index(axis)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A file that was read, and the sizes and times of all that it was read from."""

    loaded: Loaded
    stamps: tuple[tuple[int, int], ...]


_kits: dict[Path, _Kept] = {}
_lock = Lock()


def _kept(path: Path) -> Loaded:
    """A file whose objects are asked for one after another; two stay at hand.

    The other is that of the store, whose objects are compared with those of the query.
    """
    key = path.resolve()
    with _lock:
        one = _kits.pop(key, None)
        if one is None or one.stamps != _stamps(path, one.loaded):
            loaded = _loaded(path)
            one = _Kept(loaded, _stamps(path, loaded))
        if not one.loaded.missing:  # which may come
            _kits[key] = one
            while len(_kits) > _MOST_KITS:
                del _kits[next(iter(_kits))]
    return one.loaded


def _stamps(path: Path, loaded: Loaded) -> tuple[tuple[int, int], ...]:
    """Sizes and times of a file and of those that it was read from; none of one that is gone."""
    found = []
    for file in (path, *loaded.files):
        with suppress(OSError):
            state = file.stat()
            found.append((state.st_size, state.st_mtime_ns))
    return tuple(found)


def _loaded(path: Path) -> Loaded:
    suffix = path.suffix.lower()
    loader = _LOADERS.get(suffix)
    _check_file(path)
    if suffix in PICTURE_SUFFIXES:
        reason = "is a picture; find what it shows by 'shapesim search'"
        raise UnsupportedFormatError(path, reason)
    if loader is None:
        known = " ".join(sorted(MESH_SUFFIXES))
        raise UnsupportedFormatError(path, f"no loader for '{suffix}' files (known: {known})")
    with _explained(path):
        return loader(path)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Whatever reading a file raises, as a reason of one line."""
    try:
        yield
    except AssetError:
        _check_kind(path)
        raise
    except MemoryError as error:
        reason = "does not fit into memory; split or decimate it"
        raise UnreachableFileError(path, reason) from error
    except Exception as error:  # a parser may raise anything on a damaged file
        if is_passing(error):
            raise _unreachable(path, error) from error
        _check_kind(path)
        reason = " ".join(str(error).split())[:160]
        if isinstance(error, _STUMBLES) or not reason:  # over content that it did not expect
            reason = f"is damaged, or no {path.suffix.lower()} file"
        raise AssetError(path, f"cannot be read ({reason}); export it anew") from error


def _unreachable(path: Path, error: Exception) -> UnreachableFileError:
    return UnreachableFileError(path, getattr(error, "strerror", "") or "cannot be opened")


def _check_kind(path: Path) -> None:
    """Whether a file that cannot be used may be what its name says."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise _unreachable(path, error) from error
    for start, (kind, suffixes) in _KINDS.items():
        if head.lstrip().startswith(start) and path.suffix.lower() not in suffixes:
            raise AssetError(path, f"{kind}, whatever its name says")
    if path.suffix.lower() == ".fbx" and b"FBX" not in head:
        raise AssetError(path, "is no FBX, whatever its name says")
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if path.suffix.lower() in (".glb", ".gltf") and not text.startswith((b"glTF", b"{")):
        raise AssetError(path, "is no glTF, whatever its name says")


def _check_file(path: Path) -> None:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        raise _unreachable(path, error) from error
    if size == 0:
        raise AssetError(path, "is an empty file; export it anew")
    if size > _MAX_BYTES:
        raise AssetError(path, f"is larger than {_MAX_BYTES >> 30} GiB; split or decimate it")


def _check_surface(path: Path, mesh: Mesh) -> None:
    if len(mesh.faces) == 0:
        raise AssetError(path, "has no faces; does the export leave out meshes?")
    used = mesh.corners
    broken = int((~np.isfinite(used)).any(axis=1).sum())
    if broken:
        raise AssetError(path, f"{broken} of {len(used)} vertices are not finite numbers")
    extent = float(np.ptp(used, axis=0).max())
    if extent > _MAX_EXTENT or float(np.abs(used).max()) > _MAX_EXTENT:
        raise AssetError(path, f"spans {extent:.0e} units; look for stray vertices")
    triangles = mesh.triangles / (extent or 1.0)
    sides = triangles[:, 1:] - triangles[:, :1]
    if extent == 0 or not np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1).sum() > 1e-12:
        raise AssetError(path, "has no surface: all its faces are points or lines")
