"""Where a mesh file's pictures are: beside it or in its pack, and never elsewhere.

Exporters write whatever path a texture had on the artist's machine. A path is therefore a hint
of a name; the file is looked for where packs keep their textures. A path that leads out of the
pack is not followed, so that a mesh from the internet cannot show the user's own pictures.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

from trimesh.resolvers import Resolver

from shapesim.encoding import as_utf8
from shapesim.types import Companions

_BESIDE = (".mtl", ".bin")  # materials and buffers, which are nowhere else
# What packs call the folder of their textures, beside the mesh or beside its folder.
_FOLDER = re.compile(r"tex|material|image|img|map|skin|colou?r", re.IGNORECASE)


def find_texture(mesh: Path, name: str) -> Path | None:
    """The picture that a mesh file names, or None where its pack has none.

    Args:
        mesh: path of the mesh file.
        name: as the file gives it: relative, absolute, with either slash, or percent-encoded.
    """
    for wanted in dict.fromkeys([name, unquote(name)]):
        given = Path(wanted.replace("\\", "/"))
        if not given.name:
            continue
        choices = [mesh.parent / given.name]
        if not given.is_absolute() and ":" not in wanted:
            choices.insert(0, mesh.parent / given)
        choices += [folder / given.name for folder in _texture_folders(mesh)]
        for look in (_exactly, _in_any_case):
            for choice in choices:
                found = look(choice)
                if found and _is_in_pack(mesh, found):
                    return found
    return None


def find_beside(mesh: Path, name: str) -> Path | None:
    """The file that a mesh file names, in its folder or below; None where there is none.

    Nothing elsewhere is so much as asked for: on Windows, a name may be that of a server.
    """
    for wanted in dict.fromkeys([name, unquote(name)]):
        way = os.path.normpath(wanted.replace("\\", "/")).replace("\\", "/")
        if way.startswith(("/", "../")) or way == ".." or (os.name == "nt" and ":" in way):
            continue
        found = _in_any_case(mesh.parent / way)
        if found and found.resolve().is_relative_to(mesh.parent.resolve()):
            return found
    return None


def _exactly(path: Path) -> Path | None:
    try:
        return path if path.is_file() else None
    except (OSError, ValueError):  # of names that no file can have: mesh files say anything
        return None


def _in_any_case(path: Path) -> Path | None:
    """The file of that name, or of the same in other cases, as it is on the artist's Windows."""
    if found := _exactly(path):
        return found
    try:
        names = _names_in(path.parent, path.parent.stat().st_mtime_ns)
        found = path.parent / names.get(path.name.casefold(), path.name)
        return found if found.is_file() else None
    except (OSError, ValueError):
        return None


def companions_of(mesh: Path, files: Iterable[Path], missing: Iterable[str]) -> Companions:
    """What a mesh file was read from besides itself, and what it lacks."""
    relative = {Path(os.path.relpath(file, mesh.parent)).as_posix() for file in files}
    return Companions(tuple(sorted(relative)), tuple(sorted(set(missing))))


def companion_files(mesh: Path, companions: Companions) -> list[Path]:
    """Those that are there now, also of what was missing when the mesh was read."""
    files = [mesh.parent / name for name in companions.files]
    for name in companions.missing:
        is_picture = not name.lower().endswith(_BESIDE)
        found = find_beside(mesh, name) or (find_texture(mesh, name) if is_picture else None)
        files += [found] if found else []
    return [file for file in dict.fromkeys(files) if file.is_file()]


def _texture_folders(mesh: Path) -> list[Path]:
    try:
        return [
            folder
            for parent in (mesh.parent, mesh.parent.parent)
            for folder in _folders_in(parent, parent.stat().st_mtime_ns)
        ]
    except OSError:
        return []


@lru_cache(256)
def _names_in(folder: Path, _changed: int) -> dict[str, str]:
    """What it holds, by names without case; many meshes ask for what is in the same few."""
    return {name.casefold(): name for name in sorted(os.listdir(folder))}


@lru_cache(1024)
def _folders_in(parent: Path, _changed: int) -> list[Path]:
    """Its folders of textures; many meshes ask for those of the same few."""
    folders = sorted(parent.iterdir())
    return [folder for folder in folders if _FOLDER.search(folder.name) and folder.is_dir()]


def _is_in_pack(mesh: Path, picture: Path) -> bool:
    """Whether a picture lies below the mesh's folder, or in a folder of textures beside that."""
    home, real = mesh.parent.resolve(), picture.resolve()
    if real.is_relative_to(home):
        return True
    if not real.is_relative_to(home.parent):
        return False
    way = real.relative_to(home.parent).parts
    return len(way) > 1 and bool(_FOLDER.search(way[0]))


class PackResolver(Resolver):
    """Hands trimesh the files that a mesh file names: from beside it, or pictures of its pack."""

    def __init__(self, mesh: Path) -> None:
        self._mesh = mesh
        self.files: list[Path] = []
        self.missing: list[str] = []

    def keys(self) -> list[str]:
        """No names: what a mesh file does not name is not its own."""
        return []

    def namespaced(self, namespace: str) -> PackResolver:
        """Itself."""
        return self

    def write(self, name: str, data: bytes) -> None:
        """Nothing is written beside a mesh.

        Raises:
            PermissionError: always.
        """
        raise PermissionError(name)

    def get(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            FileNotFoundError: there is none such, or it lies elsewhere.
        """
        name = name.strip()
        found = find_beside(self._mesh, name)
        if found is None and not name.lower().endswith(_BESIDE):
            found = find_texture(self._mesh, name)
        if found is None:
            if name and not name.startswith("data:"):
                self.missing.append(name)
            raise FileNotFoundError(name)
        self.files.append(found)
        content = found.read_bytes()
        return as_utf8(content) if found.suffix.lower() == ".mtl" else content
