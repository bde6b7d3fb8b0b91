"""Packs as they are sold: ``.zip`` and ``.unitypackage`` files, read as if they were folders.

An asset in one is named ``pack.zip!/path/in/the/pack.fbx``. What of a pack may belong to assets is
unpacked at first sight into the user's cache, which may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import shutil
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from platformdirs import user_cache_path

from shapesim.errors import AssetError, UnreachableFileError, is_passing

PACK_SUFFIXES = (".zip", ".unitypackage")
KITS = (".fbx", ".glb", ".gltf", ".obj", ".dae", ".3mf")
"""Suffixes of meshes that may hold several objects."""
_WANTED = frozenset(
    (
        ".fbx", ".glb", ".gltf", ".obj", ".dae", ".stl", ".ply", ".off", ".3mf", ".mtl", ".bin",
        ".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".tga",
        ".dds", ".avif", ".jfif",
    )
)  # fmt: skip
# Packs that were unpacked by a version that wanted others are unpacked anew.
_KINDS = hashlib.sha256(" ".join(sorted(_WANTED)).encode()).hexdigest()[:8]
_CONTENTS = ".contents.json"
_MOST_FILES = 100_000
_MOST_BYTES = 16 << 30
_MOST_RATIO = 400  # unpacked to packed bytes: beyond, it is made to fill the disk
_TOO_MUCH = "unpacks to much more than packs do; unpack it by hand"
_FREE = 64 << 20  # bytes that any pack may unpack to


@dataclass(slots=True)
class Unpacked:
    """What of a pack may belong to assets.

    Attributes:
        folder: that holds it.
        left_out: what is no asset, or must not be unpacked, and why.
        locked: what is in it and cannot be unpacked, by its path, and why.
        damage: what is wrong with the pack itself, so that more may be in it; empty if nothing is.
    """

    folder: Path
    left_out: list[str] = field(default_factory=list)
    locked: dict[str, str] = field(default_factory=dict)
    damage: str = ""


_whole: set[Path] = set()
"""Folders of packs that this process found whole: not every file of one asks again."""

_DAMAGES = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error, EOFError,
    UnicodeError, NotImplementedError,
)  # fmt: skip


def located(path: Path) -> Path:
    """Where a file can be read: ``path`` itself, what it names in a pack, or what holds an object.

    Raises:
        AssetError: the pack cannot be unpacked.
    """
    path = object_of(path)[0]
    archive = pack_of(path)
    if archive is None:
        return path
    folder = _folder_of(archive)
    if folder not in _whole:
        unpacked(archive)
    return folder / path.relative_to(archive.with_name(f"{archive.name}!"))


def object_of(path: Path) -> tuple[Path, str]:
    """The mesh file that a path such as ``kit.fbx!/Chair`` leads into, and the object's name.

    Of one that leads into none, the path itself and no name.
    """
    name = path.parent.name
    if name.endswith("!") and Path(name[:-1]).suffix.lower() in KITS:
        return path.parent.with_name(name[:-1]), path.name
    return path, ""


def format_of(path: Path) -> str:
    """The suffix, in lower case and without its dot, of an asset's file, or of the one it is in."""
    return object_of(path)[0].suffix[1:].lower()


def title_of(path: Path) -> str:
    """An asset's name: its file's without the suffix, or an object's, which may hold any dots."""
    return object_of(path)[1] or path.stem


def inside(kit: Path, name: str) -> Path:
    """How an object of a mesh file is called."""
    return kit.with_name(f"{kit.name}!") / name


def is_there(path: Path) -> bool:
    """Whether a file, or the pack or kit in which it is, is still there, or may be."""
    try:
        return (pack_of(path) or object_of(path)[0]).exists()
    except OSError:  # such as a share that does not answer
        return True


def pack_of(path: Path) -> Path | None:
    """The pack in which a file is, if it is in one."""
    for parent in path.parents:
        if parent.name.endswith("!") and Path(parent.name[:-1]).suffix.lower() in PACK_SUFFIXES:
            return parent.with_name(parent.name[:-1])
    return None


def unpacked(archive: Path) -> Unpacked:
    """Unpacks a pack, if it has not been yet.

    Raises:
        AssetError: nothing of it can be unpacked.
    """
    folder = _folder_of(archive)
    contents = _contents_of(folder)
    if contents is None:
        drop(archive, but=folder)
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = f"cannot be unpacked to {folder.parent} ({error.strerror})"
            raise UnreachableFileError(archive, reason) from error
        contents = _unpack_to(folder, archive)
    _whole.add(folder)
    return contents


def drop(archive: Path, but: Path | None = None) -> None:
    """Deletes what was unpacked of a pack, ``but`` one folder; when asked for, it is made anew."""
    for folder in _cache().glob(f"{_name_of(archive)}-*"):
        if folder != but:
            _whole.discard(folder)
            shutil.rmtree(folder, ignore_errors=True)


def _folder_of(archive: Path) -> Path:
    """Where a pack is unpacked, as long as it does not change."""
    try:
        state = archive.stat()
    except OSError as error:
        raise UnreachableFileError(archive, error.strerror or "cannot be opened") from error
    told = f"{state.st_size} {state.st_mtime_ns} {_KINDS}"
    # No longer than where it is unpacked at first: Windows allows paths of 260 characters.
    return _cache() / f"{_name_of(archive)}-{_short(told, 7)}"


def _cache() -> Path:
    return user_cache_path("shapesim", appauthor=False) / "packs"


def _name_of(archive: Path) -> str:
    return _short(str(archive.resolve()), 8)


def _short(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


def _contents_of(folder: Path) -> Unpacked | None:
    """What was unpacked; None if it is not whole: caches are cleaned by age."""
    try:
        contents = json.loads((folder / _CONTENTS).read_text(encoding="utf-8"))
        if all((folder / name).is_file() for name in contents["files"]):
            del contents["files"]
            return Unpacked(folder, **contents)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None


def _unpack_to(folder: Path, archive: Path) -> Unpacked:
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        work = Path(temporary, "pack")
        contents = Unpacked(folder)
        _unpack(archive, work, archive.stat().st_mtime_ns, contents)
        files = [path.relative_to(work) for path in work.rglob("*") if path.is_file()]
        noted = asdict(contents) | {"files": [file.as_posix() for file in files]}
        del noted["folder"]
        (work / _CONTENTS).write_text(json.dumps(noted), encoding="utf-8")
        try:
            os.replace(work, folder)
        except OSError:
            # Another process was faster, or reads what there is, if only to look for viruses: what
            # lacks is added file by file.
            folder.mkdir(exist_ok=True)
            for file in (*files, Path(_CONTENTS)):
                if file.name == _CONTENTS or not (folder / file).is_file():
                    (folder / file).parent.mkdir(parents=True, exist_ok=True)
                    os.replace(work / file, folder / file)
    return contents


def _unpack(archive: Path, to: Path, mtime: int, contents: Unpacked) -> None:
    """Unpacks to a new folder, and notes what could not be."""
    to.mkdir()
    problems = contents.left_out
    entries = _zipped if archive.suffix.lower() == ".zip" else _unity
    room = max(_FREE, _MOST_RATIO * archive.stat().st_size)
    room = min(room, _MOST_BYTES)
    count = 0
    try:
        for name, file in entries(archive, contents, to.parent, room):
            count += 1
            if count > _MOST_FILES:
                raise AssetError(
                    archive, f"holds more than {_MOST_FILES:,} files; unpack it by hand"
                )
            inside = PurePosixPath(name.replace("\\", "/"))
            if not inside.parts:
                problems.append("a file without a name; left out")
                continue
            if inside.is_absolute() or ".." in inside.parts or ":" in name:
                problems.append(f"{name}: leads out of the pack; left out")
                continue
            if inside.suffix.lower() in PACK_SUFFIXES:
                problems.append(f"{name}: is a pack within a pack; unpack that one to have it read")
            if inside.suffix.lower() not in _WANTED:
                continue
            target = to.joinpath(*inside.parts)
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                out = target.open("wb")
            except (OSError, ValueError) as error:  # a name that this system does not allow
                is_odd = isinstance(error, FileExistsError)  # a file where others have a folder
                if not is_odd and (is_passing(error) or isinstance(error, PermissionError)):
                    raise
                reason = getattr(error, "strerror", "") or error
                problems.append(f"{name!a}: cannot be unpacked ({reason}); left out")
                continue
            with out:
                while chunk := file.read(1 << 20):
                    room -= len(chunk)
                    if room < 0:
                        raise AssetError(archive, _TOO_MUCH)
                    out.write(chunk)
            os.utime(target, ns=(mtime, mtime))
    except _DAMAGES as error:
        if count == 0:
            reason = " ".join(str(error).split())[:120]
            raise AssetError(archive, f"cannot be unpacked ({reason}); get it anew") from error
        contents.damage = f"is cut off or damaged after {count} files; get it anew"


def _zipped(
    archive: Path, contents: Unpacked, _work: Path, _room: int
) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(archive) as pack:
        for entry in pack.infolist():
            if entry.is_dir():
                continue
            if entry.flag_bits & 1:
                contents.locked[entry.filename] = "is encrypted; left out"
            elif stat.S_ISLNK(entry.external_attr >> 16):
                contents.left_out.append(f"{entry.filename}: is a link; left out")
            else:
                try:
                    file = pack.open(entry)
                except NotImplementedError:
                    contents.locked[entry.filename] = "is packed in an unknown way; left out"
                    continue
                with file:
                    yield entry.filename, file


def _unity(
    archive: Path, contents: Unpacked, work: Path, room: int
) -> Iterator[tuple[str, IO[bytes]]]:
    """A gzipped tar with a folder for each asset: its content, and its name in ``pathname``.

    Content that comes before its name waits in a folder below ``work``, at most ``room`` bytes.
    """
    waiting: dict[str, Path] = {}
    names: dict[str, str] = {}
    with tempfile.TemporaryDirectory(dir=work) as folder, tarfile.open(archive, "r:gz") as pack:
        for entry in pack:
            guid, _, part = entry.name.removeprefix("./").partition("/")
            if entry.issym() or entry.islnk():
                contents.left_out.append(f"{entry.name}: is a link; left out")
                continue
            file = pack.extractfile(entry) if entry.isfile() else None
            if file is None:
                continue
            if part == "pathname":
                names[guid] = file.read(4096).decode(errors="replace").partition("\n")[0].strip()
                if guid in waiting:
                    held = waiting.pop(guid)
                    room += held.stat().st_size
                    with held.open("rb") as content:
                        yield names[guid], content
                    held.unlink()
            elif part == "asset" and guid in names:
                yield names[guid], file
            elif part == "asset":
                waiting[guid] = Path(folder, str(len(waiting) + len(names)))
                room -= entry.size
                if room < 0:
                    raise AssetError(archive, _TOO_MUCH)
                with waiting[guid].open("wb") as out:
                    shutil.copyfileobj(file, out)
