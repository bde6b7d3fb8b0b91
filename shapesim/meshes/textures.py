"""Where a mesh file's pictures are: beside it or in its pack, and never elsewhere.

Exporters write whatever path a texture had on the artist's machine. A path is therefore a hint
of a name; the file is looked for where packs keep their textures. A path that leads out of the
pack is not followed, so that a mesh from the internet cannot show the user's own pictures.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

from trimesh.resolvers import FilePathResolver

_PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".tga"})
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
        for choice in choices:
            if _is_in_pack(mesh, choice) and choice.is_file():
                return choice
    return None


def _texture_folders(mesh: Path) -> list[Path]:
    parents = [mesh.parent, mesh.parent.parent]
    try:
        return [
            folder
            for parent in parents
            for folder in sorted(parent.iterdir())
            if _FOLDER.search(folder.name) and folder.is_dir()
        ]
    except OSError:
        return []


def _is_in_pack(mesh: Path, picture: Path) -> bool:
    """Whether a picture lies below the mesh's folder, or in a folder of textures beside that."""
    home, real = mesh.parent.resolve(), picture.resolve()
    if real.is_relative_to(home):
        return True
    if not real.is_relative_to(home.parent):
        return False
    way = real.relative_to(home.parent).parts
    return len(way) > 1 and bool(_FOLDER.search(way[0]))


class PackResolver(FilePathResolver):
    """Hands trimesh the files that a mesh file names; pictures only from its own pack."""

    def __init__(self, mesh: Path) -> None:
        super().__init__(str(mesh))
        self._mesh = mesh
        self.missing: list[str] = []

    def get(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            FileNotFoundError: the pack has no such picture.
        """
        if Path(name.replace("\\", "/")).suffix.lower() not in _PICTURES:
            content: bytes = super().get(name)
            return content
        found = find_texture(self._mesh, name.strip())
        if found is None:
            self.missing.append(f"texture {name} is not in the asset's pack")
            raise FileNotFoundError(name)
        return found.read_bytes()
