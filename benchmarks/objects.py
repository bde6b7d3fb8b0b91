"""Finds objects in composed scenes, and for each the asset that it shows.

    python -m benchmarks.objects STORE [--scenes 200] [--compared 20] [--gallery DIR]
        [--assets 5 12] [--size 512]

Scenes hold 5 to 12 assets of the store on a floor, most often in a room (see
``training.composing``). An object has to be found if a quarter of it or more is seen. Average
precision is of boxes that overlap by half. Beside the search by the box's features: the same box
cut out and searched for as a picture of its own, and the whole picture. In some scenes the likely
assets are also rendered as the box shows them and compared with it, as ``shapesim search`` does.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.reporting import print_table
from shapesim.embedders import LookEmbedder, lite0
from shapesim.errors import AssetError
from shapesim.gallery import Gallery
from shapesim.geometry import same_geometry, signature
from shapesim.indexing import index_stores
from shapesim.meshes import find_assets, load_mesh
from shapesim.objects.boxes import iou
from shapesim.objects.finder import ObjectFinder
from shapesim.picture_search.comparing import IN_SCENE, Pictured
from shapesim.pictures.images import framed
from shapesim.swap import Query, recommend
from shapesim.types import Box, Embeddings, Match, Raster, Shares
from shapesim.workers import map_isolated
from training.composing import Composed, compose
from training.detection import LEAST_SEEN

_SHOWN = 10  # matches, as 'shapesim search' does
_CLEAR = 0.75  # share of an object that is seen


@dataclass(frozen=True, slots=True)
class Task:
    """Assets of one scene."""

    seed: int
    paths: tuple[Path, ...]
    size: int


def make_scene(task: Task) -> tuple[Composed, NDArray[np.float32]]:
    """A scene, and the signatures of its assets; runs in a worker."""
    meshes = [load_mesh(path) for path in task.paths]
    made = compose(meshes, np.random.default_rng(task.seed), task.size)
    return made, np.stack([signature(mesh) for mesh in meshes])


def average_precision(found: Sequence[tuple[float, bool]], there: int) -> float:
    """Area under precision over recall, made monotone."""
    order = sorted(found, key=lambda one: -one[0])
    hits = np.array([right for _, right in order])
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    highest = np.maximum.accumulate(precision[::-1])[::-1]
    return float((highest * hits).sum() / there)


def judged(
    boxes: Sequence[tuple[float, NDArray[np.float32]]],
    there: NDArray[np.float32],
    ignored: NDArray[np.float32],
) -> list[tuple[float, bool]]:
    """Score and rightness of each box; each object is found once, and what hardly shows is free."""
    taken: set[int] = set()
    made = []
    for score, box in sorted(boxes, key=lambda one: -one[0]):
        fits = iou(box, there) if len(there) else np.zeros(0)
        free = [(float(fit), row) for row, fit in enumerate(fits) if row not in taken]
        fit, row = max(free, default=(0.0, -1))
        if fit >= 0.5:
            taken.add(row)
        elif len(ignored) and iou(box, ignored).max() >= 0.5:
            continue
        made.append((score, fit >= 0.5))
    return made


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("--scenes", type=int, default=200)
    parser.add_argument("--compared", type=int, default=20, help="scenes to compare in full")
    parser.add_argument("--assets", type=int, nargs=2, default=(5, 12), help="of a scene")
    parser.add_argument("--size", type=int, default=512, help="pixels of a scene's side")
    parser.add_argument("--gallery", type=Path, help="of the store, with looks")
    parser.add_argument("--weights", default="lite0.objects")
    parser.add_argument("--seed", type=int, default=1_000_000)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    files = find_assets(options.store).files
    tasks = [
        Task(options.seed + scene, tuple(files[int(row)] for row in rows), options.size)
        for scene in range(options.scenes)
        for rows in [
            rng.choice(
                len(files),
                int(rng.integers(options.assets[0], options.assets[1] + 1)),
                replace=False,
            )
        ]
    ]
    embedder, finder = LookEmbedder(), ObjectFinder(options.weights)
    with tempfile.TemporaryDirectory() as folder:
        gallery = Gallery(options.gallery or Path(folder), create=True)
        if not options.gallery:
            index_stores(gallery, [options.store], embedder)
        run(tasks, gallery, embedder, finder, options.compared)


def run(
    tasks: Sequence[Task],
    gallery: Gallery,
    embedder: LookEmbedder,
    finder: ObjectFinder,
    compared: int,
) -> None:
    """Composes, asks, and prints."""
    found: list[tuple[float, bool]] = []
    shown: list[tuple[float, bool]] = []
    hits: dict[str, list[tuple[bool, bool, bool]]] = {}
    seconds: list[float] = []
    total = 0
    # Workers finish in any order; the scenes compared in full are the same in every run.
    composed = sorted(
        map_isolated(make_scene, tasks, lambda task: task.paths[0]), key=lambda one: one[0].seed
    )
    for _, result in composed:
        if isinstance(result, AssetError):
            continue
        scene, signatures = result
        began = time.perf_counter()
        seen = finder.see(scene.picture)
        boxes = finder.objects(seen)
        seconds.append(time.perf_counter() - began)
        corners = np.hstack([scene.boxes[:, :2], scene.boxes[:, :2] + scene.boxes[:, 2:]])
        wanted = scene.visible >= LEAST_SEEN
        there, ignored = (corners[rows].astype(np.float32) for rows in (wanted, ~wanted))
        total += len(there)
        answers = [
            (one.score, np.array([*one.box[:2], one.box[0] + one.box[2], one.box[1] + one.box[3]],
                                 np.float32))
            for one in boxes
        ]  # fmt: skip
        found += judged(answers, there, ignored)
        sure = sum(one.is_sure for one in boxes)
        shown += judged(answers[:sure], there, ignored)
        rows = np.flatnonzero(wanted)
        if not len(rows):
            continue
        asked = [tuple(box) for box in scene.boxes[rows].tolist()]
        whole = embedder.embed_shown([framed(scene.picture, lite0.SIZE)[None]])
        queries: dict[str, tuple[Embeddings, Embeddings]] = {
            "box": finder.embed(seen, asked, embedder),
            "cut out": embedder.embed_shown(
                [
                    framed(scene.picture[y : y + height, x : x + width], lite0.SIZE)[None]
                    for x, y, width, height in asked
                ]
            )[:2],
            "whole picture": (whole[0].repeat(len(asked), 0), whole[1].repeat(len(asked), 0)),
        }
        for name, (vectors, views) in queries.items():
            made = [Query(vector, view=view) for vector, view in zip(vectors, views, strict=True)]
            found_by = {name: recommend(gallery, embedder, made, IN_SCENE.most)}
            if name == "box" and compared > 0:
                compared -= 1
                found_by["the same boxes"] = found_by["box"]
                found_by["box, compared"] = [
                    Pictured(
                        scene.picture, embedder, [_shares(box, scene.picture)], IN_SCENE
                    ).compared(listed, _SHOWN)[0]
                    for box, listed in zip(asked, found_by["box"], strict=True)
                ]
            for title, listed in found_by.items():
                for row, matches in zip(rows, listed, strict=True):
                    right = [_is(match, signatures[row]) for match in matches[:5]]
                    visible = scene.visible[row] >= _CLEAR
                    hits.setdefault(title, []).append((right[0], any(right), visible))
    print(f"{len(tasks)} scenes, {total} objects; {np.median(seconds) * 1e3:.0f} ms a picture")
    good = sum(one for _, one in shown)
    print_table(
        "objects found",
        ["AP50", "recall", "shown: precision", "recall"],
        [[
            f"{average_precision(found, total):.3f}",
            f"{sum(one for _, one in found) / total:.3f}",
            f"{good / max(1, len(shown)):.3f}",
            f"{good / total:.3f}",
        ]],
    )  # fmt: skip
    table = []
    for name, right_at in hits.items():
        both = np.array(right_at)
        clear = both[:, 2].astype(bool)
        figures = [*both[:, :2].mean(axis=0), both[clear, 1].mean()]
        table.append([name, str(len(both)), *(f"{share:.3f}" for share in figures)])
    print_table("the right asset", ["by", "of", "@1", "@5", "@5, three quarters seen"], table)


def _shares(box: Box, picture: Raster) -> Shares:
    tall, wide = picture.shape[:2]
    return box[0] / wide, box[1] / tall, box[2] / wide, box[3] / tall


def _is(match: Match, wanted: NDArray[np.float32]) -> bool:
    return bool(same_geometry(match.asset.signature, wanted))


if __name__ == "__main__":
    main()
