"""Folders of meshes to one file of grids that ``voxel_models.train`` reads."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shapesim.errors import AssetError, ShapesimError
from shapesim.geometry import same_geometry, signature
from shapesim.labels import label_from_name
from shapesim.meshes import find_assets, load_mesh
from shapesim.meshes.loading import UpAxis
from shapesim.voxels import voxelise
from shapesim.workers import map_isolated


@dataclass(frozen=True, slots=True)
class _Task:
    path: Path
    id: str
    label: str
    turns: int
    resolution: int
    up: UpAxis | None


def voxelize(
    roots: list[Path],
    out: Path,
    labels: dict[str, str] | None = None,
    turns: int = 6,
    resolution: int = 32,
    up: UpAxis | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[int, list[AssetError]]:
    """Writes the grids of all meshes below the roots, each geometry once.

    Args:
        roots: folders of meshes.
        out: the ``.npz`` file: ``grids`` (N, turns, R * R * R / 8) uint8 as numpy.packbits packs
            them, the asset turned about up by 90° / turns between them; ``paths`` (N,) str;
            ``labels`` (N,) str, empty where unknown; ``resolution`` R.
        labels: by path under the root; where a path has none, a label of any other that the file's
            name contains. None takes the name of the top folder under the root.
        turns: orientations within a quarter turn; whole quarter turns are exact on the grid.
        resolution: R.
        up: the up axis of all files; None for what each file says.
        progress: called with the number of files done and in all.

    Returns:
        The number of grids written, and the files that could not be read.
    """
    vocabulary = frozenset((labels or {}).values())
    tasks = []
    for root in roots:
        for path in find_assets(root).files:
            name = path.relative_to(root).as_posix()
            label = _label(name, labels, vocabulary)
            tasks.append(_Task(path, name, label, turns, resolution, up))
    if not tasks:
        raise ShapesimError(f"no mesh files below {', '.join(map(str, roots))}")

    done: dict[str, tuple[_Task, NDArray[np.uint8], NDArray[np.float32]]] = {}
    failures: list[AssetError] = []
    for count, (task, result) in enumerate(map_isolated(_read, tasks, lambda task: task.path), 1):
        if isinstance(result, AssetError):
            failures.append(result)
        else:
            done[str(task.path)] = (task, *result)
        progress(count, len(tasks))
    if not done:
        raise ShapesimError(f"none of {len(tasks)} files could be read; the first: {failures[0]}")
    # Sorted, so that the file does not depend on which worker was faster; a labelled file first,
    # so that of two copies the labelled one stays.
    entries = [done[key] for key in sorted(done, key=lambda key: (not done[key][0].label, key))]
    entries = [entries[row] for row in _first_of_each([entry[2] for entry in entries])]
    temporary = out.with_suffix(".partial.npz")
    np.savez_compressed(
        temporary,
        grids=np.stack([grids for _, grids, _ in entries]),
        paths=np.array([task.id for task, _, _ in entries]),
        labels=np.array([task.label for task, _, _ in entries]),
        resolution=np.array(resolution),
    )
    os.replace(temporary, out)
    return len(entries), failures


def _label(name: str, labels: dict[str, str] | None, vocabulary: frozenset[str]) -> str:
    if labels is None:
        return name.split("/", maxsplit=1)[0]
    return labels.get(name) or label_from_name(Path(name), vocabulary)


def _read(task: _Task) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    mesh = load_mesh(task.path, task.up)
    yaws = [math.pi / 2 * turn / task.turns for turn in range(task.turns)]
    grids = [np.packbits(voxelise(mesh, task.resolution, yaw)) for yaw in yaws]
    return np.stack(grids), signature(mesh)


def _first_of_each(signatures: list[NDArray[np.float32]]) -> list[int]:
    """Rows that are not the same geometry as an earlier row."""
    stacked = np.stack(signatures)
    return [
        row for row in range(len(stacked)) if not same_geometry(stacked[:row], stacked[row]).any()
    ]
