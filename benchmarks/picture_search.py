"""Finds an asset from one new picture of it: another view, light and background, cut, as JPEG.

    python -m benchmarks.picture_search STORE [--asked 300]

A picture shows its asset from anywhere around, 10° from below to 60° from above, has lost a fifth
of its area at the sides, and is saved at a JPEG quality of 30 to 90. An asset of the same geometry
and colours as the right one counts as found. Beside ours: the ImageNet features alone. Last, for
some of the pictures, what ``shapesim search`` does: the likeliest are rendered as the picture shows
them, and compared.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.reporting import print_table
from shapesim.embedders import LookEmbedder, lite0
from shapesim.embedders.base import normalised
from shapesim.errors import AssetError
from shapesim.geometry import same_geometry, signature
from shapesim.meshes import find_assets, load_mesh
from shapesim.picture_search.comparing import ALONE, Pictured
from shapesim.rendering.augmentation import new_picture
from shapesim.types import Mesh
from shapesim.workers import map_isolated


@dataclass(frozen=True, slots=True)
class Task:
    """A file, the seed of its picture, and who prepares it."""

    path: Path
    seed: int
    embedder: LookEmbedder


@dataclass(frozen=True, slots=True)
class Shown:
    """An asset's views, a new picture of it, and what it is known by."""

    views: NDArray[np.uint8]
    picture: NDArray[np.uint8]
    signature: NDArray[np.float32]
    colour: NDArray[np.float64]


def show(task: Task) -> Shown:
    """Runs in a worker."""
    mesh = load_mesh(task.path)
    picture, _ = new_picture(mesh, np.random.default_rng(task.seed))
    return Shown(task.embedder.prepare(mesh), picture, signature(mesh), mean_colour(mesh))


def mean_colour(mesh: Mesh) -> NDArray[np.float64]:
    """(3,) linear colour of the materials, by area."""
    areas = mesh.areas
    colours = np.array([material.colour[:3] for material in mesh.materials])
    mean: NDArray[np.float64] = areas @ colours[mesh.face_materials] / areas.sum()
    return mean


def recall(
    similarity: NDArray[np.float32], group: NDArray[np.int64], asked: NDArray[np.int64]
) -> tuple[float, float]:
    """Recall at 1 and at 10 of (A, N) similarities; a group's assets take one place."""
    at_1 = at_10 = 0
    for row, scores in zip(asked, similarity, strict=True):
        groups = group[_first_of_each(scores, group)]
        at_1 += groups[0] == group[row]
        at_10 += group[row] in groups[:10]
    return at_1 / len(similarity), at_10 / len(similarity)


def _first_of_each(scores: NDArray[np.float32], group: NDArray[np.int64]) -> NDArray[np.int64]:
    """The likeliest of the assets, the best of each group."""
    order = np.argsort(-scores, kind="stable")[:100]
    _, first = np.unique(group[order], return_index=True)
    return order[np.sort(first)]


def groups_of(
    signatures: Sequence[NDArray[np.float32]], colours: Sequence[NDArray[np.float64]]
) -> NDArray[np.int64]:
    """(N,) the first asset that is the same as each: in geometry and colours."""
    stacked, shades = np.stack(signatures), np.stack(colours)
    same = np.stack(
        [
            same_geometry(stacked, stacked[row]) & (np.abs(shades - shades[row]) < 0.02).all(axis=1)
            for row in range(len(stacked))
        ]
    )
    first: NDArray[np.int64] = same.argmax(axis=1)
    return first


def compared(
    similarity: NDArray[np.float32],
    group: NDArray[np.int64],
    asked: Sequence[Pictured],
    paths: Sequence[Path],
) -> NDArray[np.float32]:
    """(A, N) what ``shapesim search`` makes of similarities."""
    made = np.empty_like(similarity)
    began = time.perf_counter()
    for number, (picture, scores) in enumerate(zip(asked, similarity, strict=True)):
        first = _first_of_each(scores, group)[: ALONE.most]
        likely = first[scores[first] >= scores[first[0]] - ALONE.behind]
        meshes = [load_mesh(paths[row]) for row in likely]
        made[number] = scores - 2  # behind those that are compared
        made[number, likely] = picture.scores(scores[likely], meshes, len(meshes))[0]
    print(f"compared in {(time.perf_counter() - began) / len(asked):.1f} s a picture")
    return made


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("store", type=Path)
    parser.add_argument("--weights", default="lite0.game")
    parser.add_argument("--every", type=int, default=1, help="take every n-th asset")
    parser.add_argument("--asked", type=int, default=300, help="pictures to compare in full")
    options = parser.parse_args()
    embedder = LookEmbedder(options.weights)
    files = find_assets(options.store).files[:: options.every]
    tasks = [Task(path, seed, embedder) for seed, path in enumerate(files)]
    means, views, whole, ours, asked, plain, plain_queries = [], [], [], [], [], [], []
    signatures, colours, pictures, paths, boxes = [], [], [], [], []
    seeds: list[int] = []
    for task, item in map_isolated(show, tasks, lambda task: task.path):
        if isinstance(item, AssetError):
            print(f"left out: {item}")
            continue
        features, seen = embedder.features(item.views), embedder.features(item.picture[None])
        (embedded,) = embedder.embed_parts([item.views])
        assert embedded.views
        means.append(embedded.vectors[0])
        views.append(embedded.views[0].astype(np.float32))
        plain.append(normalised(features[:, lite0.LAST].mean(axis=0)))
        whole.append(embedder.as_queries(seen)[0])
        vectors, sights, where = embedder.embed_shown([item.picture[None]])
        seeds.append(task.seed)
        pictures.append(item.picture)
        paths.append(task.path)
        boxes += where
        ours.append(vectors[0])
        asked.append(sights[0])
        plain_queries.append(normalised(seen[0, lite0.LAST]))
        signatures.append(item.signature)
        colours.append(item.colour)
    group = groups_of(signatures, colours)
    rows = []
    mean = np.stack(ours) @ np.stack(means).T
    nearest = np.stack([(np.stack(asked) @ of_asset.T).max(axis=1) for of_asset in views], axis=1)
    for name, similarity in (
        ("ImageNet features, mean of views", np.stack(plain_queries) @ np.stack(plain).T),
        (f"{embedder.name}, whole picture", np.stack(whole) @ np.stack(means).T),
        (f"{embedder.name}, what the picture shows", mean),
        (f"{embedder.name}, and the nearest view", (mean + nearest) / 2),
    ):
        first, tenth = recall(similarity, group, np.arange(len(group)))
        rows.append((name, f"{first:.3f}", f"{tenth:.3f}"))
    # Workers finish in any order; the pictures compared in full are the same in every run.
    chosen = np.random.default_rng(0).permutation(len(files))[: options.asked]
    some = np.flatnonzero(np.isin(seeds, chosen))
    similarity = (mean + nearest)[some] / 2
    shown = [Pictured(pictures[row], embedder, boxes[row]) for row in some]
    for name, scores in (
        ("the same", similarity),
        ("and compared, as 'shapesim search'", compared(similarity, group, shown, paths)),
    ):
        first, tenth = recall(scores, group, some)
        rows.append((f"{name}, {len(some)} of them", f"{first:.3f}", f"{tenth:.3f}"))
    print_table(f"{len(group)} assets, one new picture each", ("method", "recall@1", "@10"), rows)


if __name__ == "__main__":
    main()
