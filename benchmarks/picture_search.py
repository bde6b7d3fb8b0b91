"""Finds an asset from one new picture of it: another view, light and background, cut, as JPEG.

    python -m benchmarks.picture_search STORE

A picture shows its asset from anywhere around, 10° from below to 60° from above, has lost a fifth
of its area at the sides, and is saved at a JPEG quality of 30 to 90. An asset of the same geometry
and colours as the right one counts as found. Beside ours: the ImageNet features alone.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.reporting import print_table
from shapesim.augmentation import new_picture
from shapesim.embedders import LookEmbedder, lite0
from shapesim.embedders.base import normalised
from shapesim.errors import AssetError
from shapesim.geometry import same_geometry, signature
from shapesim.meshes import find_assets, load_mesh
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
    triangles = mesh.triangles
    sides = triangles[:, 1:] - triangles[:, :1]
    areas = np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1)
    colours = np.array([material.colour[:3] for material in mesh.materials])
    mean: NDArray[np.float64] = areas @ colours[mesh.face_materials] / areas.sum()
    return mean


def recall(similarity: NDArray[np.float32], same: NDArray[np.bool_]) -> tuple[float, float]:
    """Recall at 1 and at 10 of (N, N) similarities; assets that are the same take one place."""
    first = same.argmax(axis=1)  # the group that each asset belongs to
    at_1 = at_10 = 0
    for row, scores in enumerate(similarity):
        order = first[np.argsort(-scores, kind="stable")[:100]]
        groups = order[np.sort(np.unique(order, return_index=True)[1])]
        at_1 += groups[0] == first[row]
        at_10 += first[row] in groups[:10]
    return at_1 / len(similarity), at_10 / len(similarity)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("store", type=Path)
    parser.add_argument("--weights", default="lite0.game")
    parser.add_argument("--every", type=int, default=1, help="take every n-th asset")
    options = parser.parse_args()
    embedder = LookEmbedder(options.weights)
    files = find_assets(options.store).files[:: options.every]
    tasks = [Task(path, seed, embedder) for seed, path in enumerate(files)]
    means, views, whole, ours, asked, plain, plain_queries = [], [], [], [], [], [], []
    signatures, colours = [], []
    for _, item in map_isolated(show, tasks, lambda task: task.path):
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
        vectors, sights, _ = embedder.embed_shown([item.picture[None]])
        ours.append(vectors[0])
        asked.append(sights[0])
        plain_queries.append(normalised(seen[0, lite0.LAST]))
        signatures.append(item.signature)
        colours.append(item.colour)
    stacked, shades = np.stack(signatures), np.stack(colours)
    same = np.stack(
        [
            same_geometry(stacked, stacked[row]) & (np.abs(shades - shades[row]) < 0.02).all(axis=1)
            for row in range(len(stacked))
        ]
    )
    rows = []
    mean = np.stack(ours) @ np.stack(means).T
    nearest = np.stack([(np.stack(asked) @ of_asset.T).max(axis=1) for of_asset in views], axis=1)
    for name, similarity in (
        ("ImageNet features, mean of views", np.stack(plain_queries) @ np.stack(plain).T),
        (f"{embedder.name}, whole picture", np.stack(whole) @ np.stack(means).T),
        (f"{embedder.name}, what the picture shows", mean),
        (f"{embedder.name}, and the nearest view, as 'shapesim search'", (mean + nearest) / 2),
    ):
        first, tenth = recall(similarity, same)
        rows.append((name, f"{first:.3f}", f"{tenth:.3f}"))
    print_table(f"{len(same)} assets, one new picture each", ("method", "recall@1", "@10"), rows)


if __name__ == "__main__":
    main()
