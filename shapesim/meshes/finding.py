"""Which mesh files a store holds."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from shapesim.errors import AssetError, UnreachableFileError
from shapesim.meshes.loading import MESH_SUFFIXES
from shapesim.meshes.packs import PACK_SUFFIXES, title_of, unpacked
from shapesim.pictures.images import PICTURE_SUFFIXES


@dataclass(slots=True)
class FoundAssets:
    """What a walk through a store found.

    Attributes:
        files: mesh files, sorted, each real file once, as the store's own paths lead to it.
        repeats: paths that lead to a file already found.
        unreadable: folders that cannot be listed and files that cannot be named, with the reason.
        left_out: packs, and what of them was left out, and why.
    """

    files: list[Path] = field(default_factory=list)
    repeats: list[Path] = field(default_factory=list)
    unreadable: list[tuple[Path, str]] = field(default_factory=list)
    left_out: list[tuple[Path, str]] = field(default_factory=list)

    @property
    def notes(self) -> list[str]:
        """A line for each file that is not among those found, and for what packs lack."""
        return [f"{path}: {reason}" for path, reason in (*self.unreadable, *self.left_out)]

    @property
    def failures(self) -> list[AssetError]:
        """What cannot be listed, read or named."""
        return [UnreachableFileError(path, reason) for path, reason in self.unreadable]


def find_originals(root: Path) -> FoundAssets:
    """The assets of a store; of one that has none, its pictures.

    Pictures beside meshes are their textures.
    """
    found = find_assets(root)
    if found.files or not root.is_dir():  # pictures in packs are not read
        return found
    pictures = find_pictures(root)
    pictures.unreadable = list(dict.fromkeys([*found.unreadable, *pictures.unreadable]))
    pictures.left_out = found.left_out
    return pictures


def find_pictures(root: Path) -> FoundAssets:
    """Walks a folder of pictures, as ``find_assets`` does."""
    return _walked(root, PICTURE_SUFFIXES, packs=False)


def find_assets(root: Path | str) -> FoundAssets:
    """Walks a store, through links but never twice through one folder; hidden ones are left out.

    Args:
        root: a folder, or a pack.
    """
    root = Path(root)
    if not root.is_dir() and is_pack(root):
        found = FoundAssets()
        _look_into(root, found)
        return found
    return _walked(root, MESH_SUFFIXES, packs=True)


def _walked(root: Path, suffixes: Collection[str], packs: bool) -> FoundAssets:
    found = FoundAssets()
    seen: set[Path] = set()

    def note(error: OSError) -> None:
        found.unreadable.append((Path(error.filename), error.strerror or "cannot be listed"))

    for folder, folders, files in os.walk(root, onerror=note, followlinks=True):
        real = Path(os.path.realpath(folder))
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(folder, name)
            is_one = packs and is_pack(path)
            if name.startswith(".") or not (is_one or path.suffix.lower() in suffixes):
                continue
            if not is_text(path):
                found.unreadable.append((path, "its name is no valid text; rename it"))
                continue
            if is_one:
                _look_into(path, found)
                continue
            real = Path(os.path.realpath(path))
            (found.repeats if real in seen else found.files).append(path)
            seen.add(real)
    return found


def _look_into(pack: Path, found: FoundAssets) -> None:
    """Adds what a pack holds, as if it were a folder with an exclamation mark behind its name."""
    try:
        contents = unpacked(pack)
    except (AssetError, OSError) as error:
        reason = error.reason if isinstance(error, AssetError) else str(error)
        found.unreadable.append((pack, reason))
        return
    found.left_out += [(pack, problem) for problem in contents.left_out]
    if contents.damage:
        found.unreadable.append((pack, contents.damage))
    folder = contents.folder
    inside = find_assets(folder)
    if not (inside.files or inside.unreadable or contents.locked or contents.damage):
        found.left_out.append((pack, "holds no mesh that can be read"))
    shown = pack.with_name(f"{pack.name}!")
    found.unreadable += [(shown / name, reason) for name, reason in contents.locked.items()]
    found.files += [shown / path.relative_to(folder) for path in inside.files]
    found.unreadable += [
        (shown / path.relative_to(folder), reason) for path, reason in inside.unreadable
    ]


def stems(paths: Iterable[Path], others: Iterable[str] = ()) -> dict[Path, str]:
    """A name for what is made of each file: its own, and what tells it from others of that name.

    No two differ only by case, which on Windows and macOS would be one file.

    Args:
        paths: of the files.
        others: names that are given already.
    """
    names: dict[Path, str] = {}
    taken = {name.casefold() for name in others}
    last: dict[str, int] = {}
    for path in dict.fromkeys(paths):
        name = own = title_of(path)
        number = last.get(own.casefold(), 1)
        while name.casefold() in taken:
            number += 1
            name = f"{own}~{number}"
        last[own.casefold()] = number
        taken.add(name.casefold())
        names[path] = name
    return names


def is_pack(path: Path) -> bool:
    """Whether a file's name is that of a pack, which is read like a folder."""
    return path.suffix.lower() in PACK_SUFFIXES


def is_text(path: Path) -> bool:
    """Whether a path can be written down: on Linux it may be any bytes."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True
