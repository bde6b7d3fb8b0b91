"""Recommends assets that could stand in a query's place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from shapesim.embedders import Embedder
from shapesim.errors import GalleryError
from shapesim.gallery import Gallery
from shapesim.geometry import same_geometry
from shapesim.types import Asset, Embeddings, Match


@dataclass(frozen=True, slots=True)
class Query:
    """An embedded asset to replace.

    Attributes:
        vector: (D,) unit length.
        signature: what ``shapesim.geometry.signature`` gave.
    """

    vector: NDArray[np.float32]
    signature: NDArray[np.float32]


def recommend(
    gallery: Gallery,
    embedder: Embedder,
    queries: Sequence[Query],
    k: int = 10,
    new_since: datetime | None = None,
) -> list[list[Match]]:
    """The best matches of every query, best first, each geometry once.

    Args:
        gallery: that is searched.
        embedder: that made the queries' vectors.
        queries: what to replace.
        k: matches for each query.
        new_since: only assets that arrived at this time or later.

    Raises:
        GalleryError: the gallery is empty.
        EmbedderMismatchError: it was embedded by other weights.
    """
    if not gallery.assets:
        raise GalleryError(f"{gallery.folder}: holds no assets; run 'shapesim index STORE'")
    ids, _ = gallery.vectors(embedder)
    among = None
    if new_since is not None:
        among = np.array([_arrived(gallery.assets[id]) >= new_since for id in ids.tolist()])
    available = len(ids) if among is None else int(among.sum())
    vectors = np.stack([query.vector for query in queries])
    results: list[list[Match]] = [[] for _ in queries]
    # Variants fold into one match, so more neighbours may be needed than matches are wanted.
    reach, open_queries = 4 * k, list(range(len(queries)))
    while open_queries and available:
        found, distances = gallery.search(embedder, vectors[open_queries], reach, among)
        for query, row, far in zip(open_queries, found, distances, strict=True):
            assets = [gallery.assets[id] for id in row.tolist()]
            results[query] = _folded(queries[query], assets, far, k)
        if reach >= available:
            break
        open_queries = [query for query in open_queries if len(results[query]) < k]
        reach *= 4
    return results


def _arrived(asset: Asset) -> datetime:
    return datetime.fromisoformat(asset.arrived_at)


def _folded(
    query: Query, assets: Sequence[Asset], distances: NDArray[np.float32], k: int
) -> list[Match]:
    """One match for each geometry, the nearest asset of it first."""
    groups: list[list[int]] = []
    leaders: Embeddings = np.empty((0, len(query.signature)), np.float32)
    for row, asset in enumerate(assets):
        same = np.flatnonzero(same_geometry(leaders, asset.signature))
        if len(same):
            groups[same[0]].append(row)
        elif len(groups) < k:
            groups.append([row])
            leaders = np.vstack([leaders, asset.signature])
    return [
        Match(
            asset=assets[first],
            score=1 - float(distances[first]),
            is_copy=bool(same_geometry(query.signature, assets[first].signature)),
            variants=tuple(assets[row] for row in others),
        )
        for first, *others in groups
    ]
