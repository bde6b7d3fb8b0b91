"""Retrieval across artists: query one artist's assets, search another's, compare labels.

    python -m benchmarks.cross_artist STORE LABELS.csv --weights resnet3d.no-kenney

A label counts when the gallery has at least 8 and the queries at least 3 geometries of it. Every
geometry counts once, and a query whose geometry is in the gallery is left out. P@1 is the share of
queries whose nearest neighbour has their label, mAP the mean average precision; both are averaged
over labels. Weights must not have seen the query's artist: their header says what was excluded.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.reporting import print_table
from shapesim.embedders import BothEmbedder, LookEmbedder, ShapeEmbedder, lite0
from shapesim.embedders.base import normalised
from shapesim.errors import AssetError
from shapesim.fitting.surfaces import Surface
from shapesim.fitting.transforms import fit
from shapesim.geometry import same_geometry, signature
from shapesim.labels import read_labels
from shapesim.meshes import load_mesh
from shapesim.types import Mesh
from shapesim.workers import map_isolated
from voxel_models import weights_info

MIN_GALLERY, MIN_QUERIES = 8, 3


@dataclass(frozen=True, slots=True)
class Task:
    """A file to describe."""

    path: Path
    embedder: BothEmbedder


@dataclass(frozen=True, slots=True)
class Described:
    """One asset: its file, packed grid and views, D2 histogram, signature."""

    path: Path
    prepared: tuple[Any, ...]
    d2: NDArray[np.float64]
    signature: NDArray[np.float32]


def describe(task: Task) -> Described:
    """Runs in a worker."""
    mesh = load_mesh(task.path)
    return Described(task.path, task.embedder.prepare(mesh), d2_histogram(mesh), signature(mesh))


def d2_histogram(mesh: Mesh, pairs: int = 50_000, bins: int = 64) -> NDArray[np.float64]:
    """Distances between random points of the surface (Osada et al., "Shape Distributions", 2002).

    Returns:
        (bins,) float64 of sum 1, over distances up to three times their mean.
    """
    rng = np.random.default_rng(0)
    triangles = mesh.triangles
    sides = triangles[:, 1:] - triangles[:, :1]
    areas = mesh.areas
    rows = rng.choice(len(areas), (2, pairs), p=areas / areas.sum())
    u, v = rng.random((2, 2, pairs, 1))
    over = u + v > 1
    u, v = np.where(over, 1 - u, u), np.where(over, 1 - v, v)
    points = triangles[rows, 0] + u * sides[rows, 0] + v * sides[rows, 1]
    distances = np.linalg.norm(points[0] - points[1], axis=1)
    counts, _ = np.histogram(distances / distances.mean(), bins, (0, 3))
    shares: NDArray[np.float64] = counts / counts.sum()
    return shares


def filled_cosine(queries: list[Described], gallery: list[Described]) -> NDArray[np.float64]:
    """(Q, N) cosine of occupancy grids, the best of the four quarter turns."""
    stacked = np.unpackbits(np.stack([item.prepared[0] for item in gallery]), axis=1)
    gallery_rows = stacked.astype(np.float32)
    gallery_rows /= np.linalg.norm(gallery_rows, axis=1, keepdims=True)
    packed = np.unpackbits(np.stack([item.prepared[0] for item in queries]), axis=1)
    size = round(packed.shape[1] ** (1 / 3))
    grids = packed.reshape(-1, size, size, size)
    best = np.full((len(queries), len(gallery)), -1.0)
    for turn in range(4):
        turned = np.rot90(grids, turn, (1, 3)).reshape(len(grids), -1).astype(np.float32)
        turned /= np.linalg.norm(turned, axis=1, keepdims=True)
        best = np.maximum(best, turned @ gallery_rows.T)
    return best


def d2_similarity(queries: list[Described], gallery: list[Described]) -> NDArray[np.float64]:
    """(Q, N) negative L1 distance of D2 histograms."""
    rows = np.stack([item.d2 for item in gallery])
    return np.stack([-np.abs(rows - query.d2).sum(axis=1) for query in queries])


def view_cosine(
    embedder: BothEmbedder, queries: list[Described], gallery: list[Described]
) -> NDArray[np.float64]:
    """(Q, N) cosine of the mean of all views' last features, as the ImageNet network gives them."""
    _, (look, _) = embedder.parts
    assert isinstance(look, LookEmbedder)
    left, right = (
        normalised(np.stack([look.features(x.prepared[1]).mean(axis=0)[lite0.LAST] for x in items]))
        for items in (queries, gallery)
    )
    return (left @ right.T).astype(np.float64)


def cosines(
    embedder: BothEmbedder, queries: list[Described], gallery: list[Described]
) -> dict[str, NDArray[np.float64]]:
    """(Q, N) cosine of embeddings by shape, by look, and by both with several weights."""
    rows = embedder.embed_parts([item.prepared for item in gallery])
    asked = embedder.embed_parts([item.prepared for item in queries])
    shape, look = (
        (a.vectors @ b.vectors.T).astype(np.float64) for a, b in zip(asked, rows, strict=True)
    )
    names = [part.name for part, _ in embedder.parts]
    found = {f"shape: {names[0]}": shape, f"look: {names[1]}": look}
    default = embedder.parts[0][1]
    for weight in sorted({0.2, 0.3, 0.5, 0.6, 0.7, default}):
        note = ", the default" if weight == default else ""
        found[f"both, shape weighs {weight}{note}"] = weight * shape + (1 - weight) * look
    # What each space's cosine spreads over pairs of unlike assets.
    for name, cosine in (("shape", shape), ("look", look)):
        print(f"{name}: cosine {cosine.mean():.3f} ± {cosine.std():.3f} over all pairs")
    return found


def fit_overlap(task: tuple[Path, Path]) -> float:
    """IoU of one asset fitted in another's place; runs in a worker."""
    query, asset = (Surface(load_mesh(path)) for path in task)
    return fit(query, asset).iou


def fitted(
    queries: list[Described], gallery: list[Described], cosine: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """(Q, N) cosine, to which the IoU of the fit adds for each query's nearest ten."""
    nearest = np.argsort(-cosine, axis=1, kind="stable")[:, :10]
    tasks = {
        (queries[row].path, gallery[column].path): (row, column)
        for row, columns in enumerate(nearest.tolist())
        for column in columns
    }
    overlaps = np.zeros_like(cosine)
    for task, overlap in map_isolated(fit_overlap, list(tasks), lambda task: task[1]):
        if not isinstance(overlap, AssetError):
            overlaps[tasks[task]] = overlap
    # The ten stay before all others.
    first = np.zeros_like(cosine)
    np.put_along_axis(first, nearest, 10.0, axis=1)
    return {
        f"both, and {weight} of the fit's IoU among the first ten": cosine
        + first
        + weight * overlaps
        for weight in (0.05, 0.1, 0.2, 0.3, 0.5)
    }


def scores(
    similarity: NDArray[np.float64], query_labels: NDArray[Any], gallery_labels: NDArray[Any]
) -> tuple[float, float]:
    """Macro P@1 and macro mAP of a (Q, N) similarity."""
    ranked = gallery_labels[np.argsort(-similarity, axis=1, kind="stable")]
    hits = ranked == query_labels[:, None]
    precision = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
    average = (precision * hits).sum(axis=1) / hits.sum(axis=1)
    labels = np.unique(query_labels)
    return (
        float(np.mean([hits[query_labels == label, 0].mean() for label in labels])),
        float(np.mean([average[query_labels == label].mean() for label in labels])),
    )


def distinct(items: list[tuple[str, Described]]) -> list[tuple[str, Described]]:
    """The first of every geometry."""
    kept: list[tuple[str, Described]] = []
    for label, item in items:
        if not any(same_geometry(item.signature, other.signature) for _, other in kept):
            kept.append((label, item))
    return kept


def read_side(
    store: Path, labels: dict[str, str], prefixes: list[str], embedder: BothEmbedder
) -> list[tuple[str, Described]]:
    """Distinct labelled assets whose path starts with a prefix."""
    names = [name for name in sorted(labels) if name.startswith(tuple(prefixes))]
    tasks = [Task(store / name, embedder) for name in names]
    found = {task.path: item for task, item in map_isolated(describe, tasks, lambda t: t.path)}
    results = [(labels[name], found[store / name]) for name in names]
    return distinct([(label, x) for label, x in results if not isinstance(x, AssetError)])


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("store", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--weights", default="resnet3d.no-kenney")
    parser.add_argument("--look", default="lite0.game")
    parser.add_argument("--queries", nargs="+", default=["kenney/"])
    parser.add_argument("--gallery", nargs="+", default=["quaternius/", "quaternius-glb/"])
    parser.add_argument("--fit", action="store_true", help="fit the first ten of every query, too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table there, too")
    options = parser.parse_args()
    embedder = BothEmbedder(ShapeEmbedder(options.weights), LookEmbedder(options.look))
    excluded = weights_info(options.weights)["excluded"]
    labels = read_labels(options.labels)
    gallery = read_side(options.store, labels, options.gallery, embedder)
    queries = read_side(options.store, labels, options.queries, embedder)
    queries = [
        (label, item)
        for label, item in queries
        if not any(same_geometry(item.signature, other.signature) for _, other in gallery)
    ]
    counted = {
        label
        for label in labels.values()
        if sum(label == other for other, _ in gallery) >= MIN_GALLERY
        and sum(label == other for other, _ in queries) >= MIN_QUERIES
    }
    queries = [(label, item) for label, item in queries if label in counted]
    query_labels = np.array([label for label, _ in queries])
    gallery_labels = np.array([label for label, _ in gallery])
    left, right = [item for _, item in queries], [item for _, item in gallery]
    methods = {
        "D2 shape distribution": d2_similarity(left, right),
        "filled voxels, cosine": filled_cosine(left, right),
        "views, ImageNet features": view_cosine(embedder, left, right),
        **cosines(embedder, left, right),
    }
    if options.fit:
        default = next(name for name in methods if name.endswith("the default"))
        methods |= fitted(left, right, methods[default])
    rows = [
        [name, *(f"{figure:.3f}" for figure in scores(similarity, query_labels, gallery_labels))]
        for name, similarity in methods.items()
    ]
    print_table(
        f"{len(left)} queries of {len(counted)} labels, gallery of {len(right)},"
        f" weights trained without {excluded}",
        ["method", "macro P@1", "macro mAP"],
        rows,
        options.json,
    )


if __name__ == "__main__":
    main()
