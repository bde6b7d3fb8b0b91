"""Folders of meshes to one file of grids that ``voxel_models.train`` reads."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapesim.embedders import Embedder
from shapesim.errors import AssetError, ShapesimError
from shapesim.geometry import first_of_geometry, signature
from shapesim.labels import label_from_name
from shapesim.meshes import find_assets, load_mesh
from shapesim.types import UpAxis
from shapesim.voxels import RESOLUTION, voxelise
from shapesim.workers import map_isolated
from shapesim.writing import replaced


@dataclass(frozen=True, slots=True)
class _Task:
    path: Path
    id: str
    label: str
    turns: int
    up: UpAxis | None
    teacher: Embedder | None


@dataclass(slots=True)
class _Entry:
    task: _Task
    grids: NDArray[np.uint8]
    signature: NDArray[np.float32]
    vector: NDArray[np.float32] | None = None


def write_grids(
    roots: list[Path],
    out: Path,
    labels: dict[str, str] | None = None,
    turns: int = 6,
    up: UpAxis | None = None,
    teacher: Embedder | None = None,
    exclude: tuple[str, ...] = (),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[int, list[AssetError]]:
    """Writes the grids of all meshes below the roots, each geometry once.

    Args:
        roots: folders of meshes.
        out: the ``.npz`` file: ``grids`` (N, turns, R * R * R / 8) uint8 as numpy.packbits packs
            them, the asset turned about up by 90° / turns between them; ``paths`` (N,) str;
            ``labels`` (N,) str, empty where unknown; ``resolution`` R; ``teacher`` (N, D) float32,
            if there is one.
        labels: by path under the root, or all of the path; empty for none; of what is not in it, a
            label of any other that the file's name contains. None takes the name of the top folder
            under the root.
        turns: orientations within a quarter turn; whole quarter turns are exact on the grid.
        up: the up axis of all files; None for what each file says.
        teacher: makes vectors of the meshes that a network can learn to predict.
        exclude: files are left out whose path under the root starts with one of these.
        progress: called with the number of files done and in all.

    Returns:
        The number of grids written, and what could not be read, or has a label and is not there.

    Raises:
        ShapesimError: there are no meshes, or none of the labelled ones, none of them can be read,
            or the file not be written.
    """
    tasks, failures = _tasks(roots, labels, exclude, turns, up, teacher)
    entries: list[_Entry] = []
    batch: list[tuple[_Entry, Any]] = []
    for count, (task, result) in enumerate(map_isolated(_read, tasks, lambda task: task.path), 1):
        if isinstance(result, AssetError):
            failures.append(result)
        else:
            grids, shape, prepared = result
            entries.append(_Entry(task, grids, shape))
            batch += [(entries[-1], prepared)] if teacher else []
        if teacher and (len(batch) == teacher.batch_size or count == len(tasks)):
            vectors = teacher.embed_prepared([prepared for _, prepared in batch])
            for (entry, _), vector in zip(batch, vectors, strict=True):
                entry.vector = vector
            batch.clear()
        progress(count, len(tasks))
    if not entries:
        raise ShapesimError(f"none of {len(tasks)} files could be read; the first: {failures[0]}")
    # Sorted, so that the file does not depend on which worker was faster; a labelled file first,
    # so that of two copies the labelled one stays.
    entries.sort(key=lambda entry: (not entry.task.label, str(entry.task.path)))
    firsts = np.unique(first_of_geometry(np.stack([entry.signature for entry in entries])))
    entries = [entries[row] for row in firsts]
    arrays: dict[str, Any] = {
        "grids": np.stack([entry.grids for entry in entries]),
        "paths": np.array([entry.task.id for entry in entries]),
        "labels": np.array([entry.task.label for entry in entries]),
        "resolution": np.array(RESOLUTION),
    }
    if teacher:
        arrays["teacher"] = np.array([entry.vector for entry in entries], np.float32)
    with replaced(out) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)
    return len(entries), failures


def _tasks(
    roots: Sequence[Path],
    labels: Mapping[str, str] | None,
    exclude: tuple[str, ...],
    turns: int,
    up: UpAxis | None,
    teacher: Embedder | None,
) -> tuple[list[_Task], list[AssetError]]:
    """All meshes below the roots, and what is missing; see ``write_grids``."""
    vocabulary = frozenset((labels or {}).values()) - {""}
    tasks: list[_Task] = []
    failures: list[AssetError] = []
    unmet = {name for name in labels or () if not name.startswith(exclude)}
    for root in roots:
        if not root.exists():
            raise ShapesimError(f"{root}: no such folder; name one of meshes")
        home = root if root.is_dir() else root.with_name(f"{root.name}!")  # of a pack
        found = find_assets(root)
        failures += found.failures
        for path in found.files:
            name = path.relative_to(home).as_posix()
            if name.startswith(exclude):
                continue
            called = _called(path, name, labels or {})
            unmet.discard(called)
            label = _label(called, labels, vocabulary)
            tasks.append(_Task(path, name, label, turns, up, teacher))
    below = ", ".join(map(str, roots))
    if not tasks:
        raise ShapesimError(f"no mesh files below {below}")
    if unmet:
        reason = f"has a label, and is not below {below}"
        if len(unmet) == len(labels or ()):
            raise ShapesimError(f"{min(unmet)}: {reason}, and so are all labelled files")
        reason += f"; so are {len(unmet)} of {len(labels or ())} labelled files"
        failures.append(AssetError(min(unmet), reason))
    return tasks, failures


def _called(path: Path, name: str, labels: Mapping[str, str]) -> str:
    """What a file is called among the labels: by its path under the root, or all of its path."""
    choices = (name, path.as_posix(), path.resolve().as_posix())
    return next((choice for choice in choices if choice in labels), name)


def _label(name: str, labels: Mapping[str, str] | None, vocabulary: frozenset[str]) -> str:
    if labels is None:
        return name.split("/", maxsplit=1)[0]
    return labels[name] if name in labels else label_from_name(Path(name), vocabulary)


def _read(task: _Task) -> tuple[NDArray[np.uint8], NDArray[np.float32], Any]:
    mesh = load_mesh(task.path, task.up)
    yaws = [math.pi / 2 * turn / task.turns for turn in range(task.turns)]
    grids = [np.packbits(voxelise(mesh, RESOLUTION, yaw)) for yaw in yaws]
    return np.stack(grids), signature(mesh), task.teacher.prepare(mesh) if task.teacher else None
