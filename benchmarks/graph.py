"""Graph search beside exact search and two peers, on real embeddings.

    python -m benchmarks.graph STORE --size 100000

The gallery is the store's own shapes and varied copies of them (stretched, cut, thickened and
turned, as in training), up to the size asked for; the queries are further copies. Every method is
measured at its own settings that first reach the recall of ours.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.reporting import print_table
from shapesim.embedders import ShapeEmbedder
from shapesim.errors import AssetError
from shapesim.indexes import ExactIndex
from shapesim.indexes.nndescent import NNDescentIndex
from shapesim.meshes import find_assets
from shapesim.reading import read_assets
from shapesim.types import Embeddings
from voxel_models import create_model
from voxel_models.data import draw_view, unpack
from voxel_models.inference import half_precision

K = 10


def varied_embeddings(store: Path, weights: str, count: int) -> Embeddings:
    """(count, D): the store's shapes first, then varied copies; one turn each, to save time."""
    embedder = ShapeEmbedder(weights)
    read = sorted(read_assets(find_assets(store).files, embedder), key=lambda found: found[0])
    packed = [asset.prepared for _, asset in read if not isinstance(asset, AssetError)]
    model = create_model(weights, pretrained=True)
    rng = np.random.default_rng(0)
    rows = []
    for start in range(0, count, 256):
        grids = []
        for row in range(start, min(start + 256, count)):
            original = packed[row % len(packed)]
            assert original is not None
            plain = unpack(original, embedder.resolution)
            varied = draw_view(original[None], embedder.resolution, rng, 1.0)
            grids.append(plain if row < len(packed) else varied)
        with torch.inference_mode(), half_precision(torch.device("cpu")):
            rows.append(model(torch.from_numpy(np.stack(grids)).float()).float().numpy())
    stacked = np.concatenate(rows)
    stacked /= np.linalg.norm(stacked, axis=1, keepdims=True)
    return stacked


def recall(found: NDArray[Any], exact: NDArray[Any]) -> float:
    """Share of the exact K neighbours that were found."""
    return float(np.mean([np.isin(a, b).mean() for a, b in zip(exact, found, strict=True)]))


def timed(query: Callable[[], NDArray[Any]]) -> tuple[NDArray[Any], float]:
    """The answer, and seconds of the second call."""
    query()
    began = time.perf_counter()
    return query(), time.perf_counter() - began


def hnswlib_rows(vectors: Embeddings, queries: Embeddings, least: float, exact: Any) -> list[str]:
    """Build time, recall and queries/s of hnswlib at the first setting that reaches a recall."""
    import hnswlib

    began = time.perf_counter()
    index = hnswlib.Index("cosine", vectors.shape[1])
    index.init_index(len(vectors), ef_construction=200, M=16)
    index.add_items(vectors)
    built = time.perf_counter() - began
    for ef in (16, 32, 64, 128, 256, 512, 1024):
        index.set_ef(ef)
        found, seconds = timed(lambda: index.knn_query(queries, K)[0])
        reached = recall(found, exact)
        if reached >= least:
            break
    return _row(f"hnswlib, ef {ef}", built, reached, len(queries) / seconds)


def faiss_rows(vectors: Embeddings, queries: Embeddings, least: float, exact: Any) -> list[str]:
    """The same of faiss HNSW."""
    import faiss

    began = time.perf_counter()
    index = faiss.IndexHNSWFlat(vectors.shape[1], 16, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = 200
    index.add(vectors)
    built = time.perf_counter() - began
    for ef in (16, 32, 64, 128, 256, 512, 1024):
        index.hnsw.efSearch = ef
        found, seconds = timed(lambda: index.search(queries, K)[1])
        reached = recall(found, exact)
        if reached >= least:
            break
    return _row(f"faiss HNSW, ef {ef}", built, reached, len(queries) / seconds)


def _row(name: str, built: float, reached: float, rate: float) -> list[str]:
    return [name, f"{built:.1f} s", f"{reached:.4f}", f"{rate:,.0f}"]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("--size", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--weights", default="resnet3d.game")
    parser.add_argument("--vectors", type=Path, help=".npy of embeddings; made where missing")
    options = parser.parse_args()
    count = options.size + options.queries
    if options.vectors and options.vectors.is_file():
        everything = np.load(options.vectors)[:count]
    else:
        everything = varied_embeddings(options.store, options.weights, count)
        if options.vectors:
            np.save(options.vectors, everything)
    vectors, queries = everything[: options.size], everything[options.size :]
    exact_index = ExactIndex(vectors)
    exact, seconds = timed(lambda: exact_index.query(queries, K)[0])
    one = timed(lambda: exact_index.query(queries[:1], K)[0])[1]
    rows = [_row(f"exact ({1000 * one:.1f} ms for one)", 0, 1, len(queries) / seconds)]
    began = time.perf_counter()
    graph = NNDescentIndex(vectors)
    built = time.perf_counter() - began
    found, seconds = timed(lambda: graph.query(queries, K)[0])
    least = recall(found, exact)
    rows.append(_row("PyNNDescent, as shapesim uses it", built, least, len(queries) / seconds))
    rows.append(hnswlib_rows(vectors, queries, least, exact))
    rows.append(faiss_rows(vectors, queries, least, exact))
    print_table(
        f"{options.size:,} vectors of {vectors.shape[1]}, recall@{K} of {options.queries} queries",
        ["method", "build", f"recall@{K}", "queries/s"],
        rows,
    )


if __name__ == "__main__":
    main()
