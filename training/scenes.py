"""Scenes of many assets as files: each a picture, and what is where in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from shapesim.errors import AssetError, ShapesimError
from shapesim.meshes import load_mesh
from shapesim.workers import map_isolated
from training.composing import compose
from training.painting import painted

_TOGETHER = 14  # assets that are loaded at once, for
_SCENES = 4  # scenes
_FEWEST, _MOST, USUAL = 3, 12, 512  # assets of a scene, and pixels of its side
_CROWD = 40  # assets that are loaded at once, for
_CROWDS = 2  # crowded scenes
_FEWEST_CROWDED, _LARGE = 14, 1280  # assets of one at least, and pixels of its side
_CROWDED_SEED = 1_000_000  # beside that of other scenes
_PAINTED = 0.7  # share of grey assets that get colours


@dataclass(frozen=True, slots=True)
class SceneTask:
    """Assets to compose scenes of, and where these go."""

    seed: int
    paths: tuple[Path, ...]
    folder: Path
    crowded: bool = False


def composed(
    files: Sequence[Path], folder: Path, count: int, seed: int, crowded: bool
) -> list[Path]:
    """So many scenes of one kind in a folder, which are composed if it has none.

    Args:
        files: of the assets, of which each is in as many scenes as the others.
        folder: of the scenes.
        count: of scenes; fewer if the folder has some, but fewer.
        seed: of everything random.
        crowded: whether they are.

    Raises:
        ShapesimError: there are too few files.
    """
    pattern = f"{'crowded' if crowded else 'usual'}-*.npz"
    if count and not any(folder.glob(pattern)):
        _compose_all(files, folder, count, seed + _CROWDED_SEED * crowded, crowded)
    return sorted(folder.glob(pattern))[:count]


def write_scenes(task: SceneTask) -> int:
    """Composes scenes and writes each as PNG and its boxes as NPZ; runs in a worker."""
    rng = np.random.default_rng(task.seed)
    meshes = []
    for path in task.paths:
        try:
            mesh = load_mesh(path)
            meshes.append((path, painted(mesh, rng) if rng.random() < _PAINTED else mesh))
        except AssetError as error:
            print(f"left out: {error}", flush=True)
    count = 0
    fewest, most = (_FEWEST_CROWDED, _CROWD) if task.crowded else (_FEWEST, _MOST)
    wanted = _CROWDS if task.crowded else _SCENES
    for number in range(wanted if len(meshes) >= fewest else 0):
        rows = rng.permutation(len(meshes))
        rows = rows[: int(rng.integers(fewest, min(most, len(meshes)) + 1))]
        size = _LARGE if task.crowded else USUAL
        made = compose([meshes[row][1] for row in rows.tolist()], rng, size)
        stem = task.folder / f"{'crowded' if task.crowded else 'usual'}-{task.seed:08}-{number}"
        Image.fromarray(made.picture).save(stem.with_suffix(".png"), compress_level=1)
        names = np.array([str(meshes[row][0]) for row in rows.tolist()])
        np.savez(stem.with_suffix(".npz"), boxes=made.boxes, visible=made.visible, names=names)
        count += 1
    return count


def _compose_all(
    files: Sequence[Path], folder: Path, scenes: int, seed: int, crowded: bool
) -> None:
    together, each = (_CROWD, _CROWDS) if crowded else (_TOGETHER, _SCENES)
    if len(files) < together:
        raise ShapesimError(f"too few meshes to compose scenes of: {len(files)}")
    rng = np.random.default_rng(seed)
    order: list[int] = []
    tasks = []
    for number in range(-(-scenes // each)):
        if len(order) < together:
            order = rng.permutation(len(files)).tolist()
        paths = tuple(files[order.pop()] for _ in range(together))
        tasks.append(SceneTask(seed + number, paths, folder, crowded))
    mapped = map_isolated(write_scenes, tasks, lambda task: task.paths[0], 600)
    for done, (_, result) in enumerate(mapped, 1):
        if isinstance(result, AssetError):
            print(f"left out: {result}", flush=True)
        if done % 25 == 0:
            print(f"composed: {done} of {len(tasks)} groups", flush=True)
