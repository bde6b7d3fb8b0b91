"""``load_mesh``: the table from suffix to loader, and the checks that every mesh passes."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import get_args

import numpy as np

from shapesim.errors import (
    AssetError,
    ShapesimError,
    UnreachableFileError,
    UnsupportedFormatError,
    is_passing,
)
from shapesim.geometry import first_of_geometry, signature
from shapesim.meshes.dae import load_dae
from shapesim.meshes.fbx import load_fbx
from shapesim.meshes.gltf import load_gltf
from shapesim.meshes.kits import is_kit, objects_in, parts_of
from shapesim.meshes.obj import load_obj
from shapesim.meshes.off import load_off
from shapesim.meshes.packs import inside, located, object_of
from shapesim.meshes.parts import Loaded, assemble
from shapesim.meshes.ply import load_ply
from shapesim.meshes.stl import load_stl
from shapesim.meshes.threemf import load_3mf
from shapesim.pictures.images import SUFFIXES as PICTURES
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
SUFFIXES = frozenset(_LOADERS)
"""Lower-case suffixes that ``load_mesh`` knows."""

# By convention, for files that do not say: animation formats stand on y, fabrication formats on z.
_Z_UP = frozenset({".stl", ".ply", ".3mf"})
_TO_Y = {
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
_MAX_BYTES = 1 << 30
_MAX_EXTENT = 1e9


def load_mesh(path: Path | str, up: UpAxis | None = None) -> Mesh:
    """Loads all triangles of a file, every node in its place, turned to y up.

    Skinned meshes come in their rest pose. Lines and points are left out.

    Args:
        path: a file with one of ``SUFFIXES``; one in a pack as ``pack.zip!/path``, and an object of
            a file, which stays where it stands there, as ``kit.fbx!/name``.
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
    try:
        parts = _loaded(located(path)).parts
    except AssetError as error:
        raise type(error)(path, error.reason, error.missing) from error
    return [inside(path, name) for name in objects_in(parts)]


def _mesh(path: Path, name: str, up: UpAxis | None) -> Mesh:
    """A file, or an object of it by its name."""
    if not name:
        loaded = _loaded(path)
    else:
        _check_file(path)
        loaded = _kept(path, path.stat().st_mtime_ns)
        parts = parts_of(loaded.parts, name)
        if not parts:
            known = ", ".join(objects_in(loaded.parts)[:_TOLD]) or "it is but one"
            raise AssetError(path, f"holds no object '{name}' (there are: {known})")
        loaded = replace(loaded, parts=parts)
    axis = up or loaded.up or ("z" if path.suffix.lower() in _Z_UP else "y")
    with _explained(path):
        mesh = assemble(path, loaded, _TO_Y[axis])
        _check_surface(path, mesh)
    if name or not is_kit(loaded.parts):
        return mesh
    return replace(mesh, objects=_different(path, loaded, _TO_Y[axis]))


def _different(path: Path, kit: Loaded, upright: Matrix4) -> tuple[str, ...]:
    """Names of the objects of a kit, of equal ones the first."""
    found: dict[str, Mesh] = {}
    for name in objects_in(kit.parts):
        mesh = assemble(path, replace(kit, parts=parts_of(kit.parts, name)), upright)
        with suppress(AssetError):  # none of the objects that are no surface
            _check_surface(path, mesh)
            found[name] = mesh
    first = first_of_geometry(np.stack([signature(mesh) for mesh in found.values()]))
    names: dict[object, str] = {}
    for row, (name, mesh) in zip(first.tolist(), found.items(), strict=True):
        names.setdefault((row, *(material.name for material in mesh.materials)), name)
    return tuple(names.values())


@lru_cache(1)
def _kept(path: Path, _changed: int) -> Loaded:
    """The last one stays at hand, since its objects are asked for one after another."""
    return _loaded(path)


def _loaded(path: Path) -> Loaded:
    suffix = path.suffix.lower()
    loader = _LOADERS.get(suffix)
    _check_file(path)
    if suffix in PICTURES:
        reason = "is a picture; find what it shows by 'shapesim search'"
        raise UnsupportedFormatError(path, reason)
    if loader is None:
        known = " ".join(sorted(SUFFIXES))
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
