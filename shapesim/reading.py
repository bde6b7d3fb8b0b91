"""Reads files for an embedder, each in a worker process that may die."""

from __future__ import annotations

import hashlib
import io
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from shapesim.embedders import Embedder
from shapesim.errors import AssetError, UnreachableFileError
from shapesim.geometry import signature
from shapesim.images import SUFFIXES as PICTURES
from shapesim.images import load_image
from shapesim.meshes import load_mesh
from shapesim.meshes.loading import UpAxis
from shapesim.meshes.packs import located
from shapesim.traits import traits_of
from shapesim.types import Image, Traits
from shapesim.workers import map_isolated

READER = 2
"""Counts up whenever the same file would be read otherwise than before."""

_PICTURES = 128  # at a time: bounds memory
LARGEST_PICTURE = 512
"""Pixels of a side of pictures that are read: more is not seen."""


@dataclass(frozen=True, slots=True)
class ReadAsset:
    """What a worker found out about one file; ``prepared`` is None where nothing changed.

    A picture has neither triangles nor extents.
    """

    sha256: str
    triangles: int | None = None
    extents: tuple[float, float, float] | None = None
    unit: float | None = None
    signature: NDArray[np.float32] | None = None
    prepared: Any = None
    thumbnail: bytes | None = None
    traits: Traits | None = None
    warnings: tuple[str, ...] = ()
    seconds: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class ReadTask:
    """A file to read, and for whom."""

    path: Path
    embedder: Embedder
    up: UpAxis | None = None
    known_sha256: str = ""


def read_asset(task: ReadTask) -> ReadAsset:
    """Loads and prepares one file; runs in a worker.

    Raises:
        AssetError: the file cannot be used.
    """
    began = time.perf_counter()
    try:
        digest = _sha256(task.path)
    except OSError as error:
        raise UnreachableFileError(task.path, error.strerror or "cannot be opened") from error
    if digest == task.known_sha256:
        return ReadAsset(digest)
    if is_picture(task.path):
        prepared = task.embedder.prepare(load_image(task.path, LARGEST_PICTURE))
        return ReadAsset(digest, prepared=prepared, seconds=(time.perf_counter() - began, 0.0))
    mesh = load_mesh(task.path, task.up)
    loaded = time.perf_counter()
    prepared = task.embedder.prepare(mesh)
    x, y, z = (float(extent) for extent in mesh.extents)
    return ReadAsset(
        sha256=digest,
        triangles=len(mesh.faces),
        extents=(x, y, z),
        unit=mesh.unit,
        signature=signature(mesh),
        prepared=prepared,
        thumbnail=_thumbnail(task.embedder.thumbnail(prepared)),
        traits=traits_of(mesh, located(task.path)),
        warnings=mesh.warnings,
        seconds=(loaded - began, time.perf_counter() - loaded),
    )


def _thumbnail(picture: Image | None) -> bytes | None:
    """WebP of half the side."""
    if picture is None:
        return None
    from PIL import Image as PilImage

    buffer = io.BytesIO()
    PilImage.fromarray(picture).reduce(2).save(buffer, "WEBP", quality=85)
    return buffer.getvalue()


def asset_files(path: Path) -> list[Path]:
    """The files that make an asset: a .gltf keeps its vertices in others."""
    path = located(path)
    if path.suffix.lower() != ".gltf":
        return [path]
    names = re.findall(rb'"uri"\s*:\s*"([^":]+\.bin)"', path.read_bytes())
    buffers = [path.parent / unquote(name.decode(errors="replace")) for name in names]
    return [path, *(buffer for buffer in buffers if buffer.is_file())]


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    for part in asset_files(path):
        with part.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


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
    """Whether a file's name is that of a picture."""
    return path.suffix.lower() in PICTURES


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
    with ThreadPoolExecutor(os.cpu_count()) as pool:
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
