"""Reads files for an embedder, each in a worker process that may die."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapesim.embedders import Embedder
from shapesim.errors import AssetError, UnreachableFileError
from shapesim.geometry import signature
from shapesim.meshes import load_mesh
from shapesim.meshes.packs import located, object_of
from shapesim.meshes.textures import companion_files
from shapesim.pictures.images import PICTURE_SUFFIXES, encoded, load_image
from shapesim.pictures.keypoints import Kept
from shapesim.rendering.texturing import lost_textures
from shapesim.traits import traits_of
from shapesim.types import NO_COMPANIONS, Companions, Mesh, Raster, Traits, UpAxis
from shapesim.workers import cores, map_isolated

READER = 11
"""Counts up whenever the same file would be read otherwise than before."""

_PICTURES = 128  # at a time: bounds memory
_LAST_TIME = (1 << 63) - 1  # in 2262: the gallery has no larger numbers
_SEEN = 16  # pixels of the first view: what shows less shows nothing
LARGEST_PICTURE = 512
"""Pixels of a side of pictures that are read: more is not seen."""


@dataclass(frozen=True, slots=True)
class ReadAsset:
    """What a worker found out about one file; ``prepared`` is None where nothing changed.

    A picture has neither triangles nor extents. ``stamp`` is as ``stamp`` gives it, ``objects`` as
    of ``Mesh``.
    """

    sha256: str
    stamp: tuple[int, int] = (0, 0)
    companions: Companions = NO_COMPANIONS
    triangles: int | None = None
    extents: tuple[float, float, float] | None = None
    unit: float | None = None
    signature: NDArray[np.float32] | None = None
    prepared: Any = None
    thumbnail: bytes | None = None
    pictures: tuple[Kept, ...] = ()
    traits: Traits | None = None
    warnings: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    seconds: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class ReadTask:
    """A file to read, and for whom; ``companions`` are those it had with the known digest."""

    path: Path
    embedder: Embedder
    up: UpAxis | None = None
    companions: Companions = NO_COMPANIONS
    known_sha256: str = ""


def read_asset(task: ReadTask) -> ReadAsset:
    """Loads and prepares one file; runs in a worker.

    Raises:
        AssetError: the file cannot be used.
    """
    began = time.perf_counter()
    try:
        digest = digest_of(task.path, task.companions)
        size, mtime = stamp(task.path)
    except OSError as error:
        raise UnreachableFileError(task.path, error.strerror or "cannot be opened") from error
    if digest == task.known_sha256:
        return ReadAsset(digest)
    if is_picture(task.path):
        picture = load_image(task.path, LARGEST_PICTURE)
        loaded = time.perf_counter()
        prepared = task.embedder.prepare(picture)
        return ReadAsset(
            digest,
            (size, mtime),
            prepared=prepared,
            pictures=_kept(task.embedder, picture, prepared),
            seconds=(loaded - began, time.perf_counter() - loaded),
        )
    mesh = load_mesh(task.path, task.up)
    loaded = time.perf_counter()
    try:
        if mesh.companions != task.companions:
            digest = digest_of(task.path, mesh.companions)
        whole = stamp(task.path, mesh.companions, (size, mtime))
    except OSError as error:
        raise UnreachableFileError(task.path, error.strerror or "cannot be opened") from error
    prepared = task.embedder.prepare(mesh)
    view = task.embedder.thumbnail(prepared)
    x, y, z = (float(extent) for extent in mesh.extents)
    return ReadAsset(
        sha256=digest,
        stamp=whole,
        companions=mesh.companions,
        triangles=len(mesh.faces),
        extents=(x, y, z),
        unit=mesh.unit,
        signature=signature(mesh),
        prepared=prepared,
        thumbnail=None if view is None else _thumbnail(view),
        pictures=_kept(task.embedder, mesh, prepared),
        traits=traits_of(mesh, located(task.path)),
        warnings=(*mesh.warnings, *lost_textures(mesh), *_doubts(view)),
        objects=mesh.objects,
        seconds=(loaded - began, time.perf_counter() - loaded),
    )


def _doubts(view: Raster | None) -> tuple[str, ...]:
    """About an asset, by its first view on white, if any is rendered."""
    if view is None or (view < 255).any(axis=2).sum() >= _SEEN:
        return ()
    return (
        "next to nothing is seen of it, and it looks like all of which nothing is seen: is a vertex"
        " far away from all others?",
    )


def _thumbnail(view: Raster) -> bytes:
    """WebP of half the side."""
    from PIL import Image

    return encoded(Image.fromarray(view).reduce(2), "WEBP", quality=85)


def _kept(embedder: Embedder, item: Mesh | Raster, prepared: Any) -> tuple[Kept, ...]:
    return tuple(Kept.of(picture) for picture in embedder.pictures(item, prepared))


def stamp(
    path: Path, companions: Companions = NO_COMPANIONS, own: tuple[int, int] | None = None
) -> tuple[int, int]:
    """What tells without reading that a file, or one that it needs, has changed.

    Args:
        path: of the file.
        companions: what it needs.
        own: the file's own stamp, taken before it was read.

    Returns:
        Size and time of the last change, in nanoseconds; with companions, the sum of all sizes and
        a digest of all sizes and times.

    Raises:
        OSError: the file is gone.
        AssetError: its pack cannot be opened.
    """
    file = located(path)
    own = own or _size_and_time(file)
    others = [_size_and_time(other) for other in companion_files(file, companions)]
    if not others:
        return own
    digest = hashlib.blake2b(repr([own, *others]).encode(), digest_size=8).digest()
    return own[0] + sum(size for size, _ in others), int.from_bytes(digest) >> 1


def _size_and_time(file: Path) -> tuple[int, int]:
    stat = file.stat()
    return stat.st_size, min(stat.st_mtime_ns, _LAST_TIME)


def digest_of(path: Path, companions: Companions = NO_COMPANIONS) -> str:
    """SHA-256 of those of a file and of the others that it needs, and of an object's name."""
    file, name = located(path), object_of(path)[1]
    digest = hashlib.sha256()
    for part in (file, *companion_files(file, companions)):
        # The objects of one file are asked for one after another.
        digest.update(_kept_digest(part, *_size_and_time(part)) if name else _digest(part))
    digest.update(name.encode())
    return digest.hexdigest()


def _digest(file: Path) -> bytes:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").digest()


@lru_cache(64)
def _kept_digest(file: Path, _size: int, _time: int) -> bytes:
    return _digest(file)


def read_assets(
    paths: Sequence[Path],
    embedder: Embedder,
    up: UpAxis | Mapping[Path, UpAxis | None] | None = None,
) -> Iterator[tuple[Path, ReadAsset | AssetError]]:
    """Reads files in workers, in the order of completion; meanwhile the network loads.

    Args:
        paths: of the files.
        embedder: prepares them.
        up: the up axis of all files, or of each; None for what a file says.
    """
    axes = up if isinstance(up, Mapping) else dict.fromkeys(paths, up)
    tasks = [ReadTask(path, embedder, axes[path]) for path in paths]
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(embedder.load)
        for task, result in map_isolated(read_asset, tasks, lambda task: task.path):
            yield task.path, result
        loading.result()


def is_picture(path: Path) -> bool:
    """Whether a file's name is that of a picture; what a mesh file holds is none."""
    return object_of(path)[0] == path and path.suffix.lower() in PICTURE_SUFFIXES


def read_pictures(
    paths: Sequence[Path], embedder: Embedder
) -> Iterator[tuple[Path, Any | AssetError]]:
    """Decodes and prepares picture files, in their order; meanwhile the network loads."""

    def read(path: Path) -> Any | AssetError:
        try:
            return embedder.prepare(load_image(path, LARGEST_PICTURE))
        except AssetError as error:
            return error

    # Threads do: Pillow decodes outside of Python's lock.
    with ThreadPoolExecutor(cores()) as pool:
        loading = pool.submit(embedder.load)
        for start in range(0, len(paths), _PICTURES):
            batch = paths[start : start + _PICTURES]
            yield from zip(batch, pool.map(read, batch), strict=True)
        loading.result()


def read_items(
    paths: Sequence[Path], embedder: Embedder, up: UpAxis | None = None
) -> Iterator[tuple[Path, Any | AssetError]]:
    """Prepares meshes and pictures; no path twice, pictures first."""
    unique = list(dict.fromkeys(paths))
    yield from read_pictures([path for path in unique if is_picture(path)], embedder)
    meshes = [path for path in unique if not is_picture(path)]
    for path, result in read_assets(meshes, embedder, up) if meshes else ():
        yield path, result if isinstance(result, AssetError) else result.prepared
