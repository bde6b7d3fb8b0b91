"""Recommends assets that could stand in a query's place, or that a picture shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from shapesim.embedders import Embedder
from shapesim.errors import GalleryError, ShapesimError
from shapesim.gallery import Gallery
from shapesim.geometry import same_geometry
from shapesim.types import Asset, Match

_SHORTLIST = 200  # assets whose single views are compared with a picture


@dataclass(frozen=True, slots=True)
class Query:
    """An embedded asset to replace, or a picture of what to find.

    Attributes:
        vector: (D,) unit length.
        signature: what ``shapesim.geometry.signature`` gave; None of a picture.
        view: (I,) unit length, to be compared with single views; None of an asset.
    """

    vector: NDArray[np.float32]
    signature: NDArray[np.float32] | None = None
    view: NDArray[np.float32] | None = None


def recommend(
    gallery: Gallery,
    embedder: Embedder,
    queries: Sequence[Query],
    k: int = 10,
    new_since: datetime | None = None,
    tag: str | None = None,
) -> list[list[Match]]:
    """The best matches of every query, best first, each geometry once.

    Args:
        gallery: that is searched.
        embedder: that made the queries' vectors.
        queries: what to replace.
        k: matches for each query.
        new_since: only assets that arrived at this time or later.
        tag: only assets with this tag.

    Raises:
        GalleryError: the gallery is empty.
        EmbedderMismatchError: it was embedded by other weights.
        ShapesimError: no asset has the tag.
    """
    if not gallery.assets:
        raise GalleryError(f"{gallery.folder}: holds no assets; run 'shapesim index STORE'")
    ids, _ = gallery.vectors(embedder)
    assets = [gallery.assets[id] for id in ids.tolist()]
    among = np.array(
        [
            (new_since is None or _arrived(asset) >= new_since)
            and (tag is None or tag in asset.tags)
            for asset in assets
        ],
        dtype=bool,
    )
    allowed = [asset for asset, one in zip(assets, among.tolist(), strict=True) if one]
    if tag is not None and not any(tag in asset.tags for asset in assets):
        known = sorted({label for asset in assets for label in asset.tags})
        raise ShapesimError(
            f"no asset is tagged '{tag}'; tags are {', '.join(known)}"
            if known
            else "no asset is tagged yet; run 'shapesim tags apply'"
        )
    if not allowed:
        return [[] for _ in queries]
    signatures = np.stack([asset.signature for asset in allowed])
    vectors = np.stack([query.vector for query in queries])
    results: list[list[Match]] = [[] for _ in queries]
    # Variants fold into one match, so more neighbours may be needed than matches are wanted.
    # A picture shows its asset from one side, which has to be found among those that come near.
    least = _SHORTLIST if any(query.view is not None for query in queries) else 0
    reach, open_queries = max(4 * k, least), list(range(len(queries)))
    while open_queries:
        mask = None if among.all() else among
        found, distances = gallery.search(embedder, vectors[open_queries], reach, mask)
        for query, row, far in zip(open_queries, found, distances, strict=True):
            view, scores = queries[query].view, 1 - far
            if view is not None:
                nearest = gallery.nearest_views(embedder, row, view)
                scores = (scores + np.where(np.isnan(nearest), scores, nearest)) / 2
                order = np.argsort(-scores, kind="stable")
                row, scores = row[order], scores[order]  # noqa: PLW2901
            near = [gallery.assets[id] for id in row.tolist()]
            leaders = _distinct(near, k)
            results[query] = [
                _match(queries[query], near[leader], float(scores[leader]), allowed, signatures)
                for leader in leaders
            ]
        if reach >= len(allowed):
            break
        open_queries = [query for query in open_queries if len(results[query]) < k]
        reach *= 4
    return results


def _arrived(asset: Asset) -> datetime:
    return datetime.fromisoformat(asset.arrived_at)


def _distinct(assets: Sequence[Asset], k: int) -> list[int]:
    """The first k rows that are not the same geometry as an earlier one."""
    rows: list[int] = []
    for row, asset in enumerate(assets):
        if len(rows) == k:
            break
        if not any(same_geometry(assets[other].signature, asset.signature) for other in rows):
            rows.append(row)
    return rows


def _match(
    query: Query,
    asset: Asset,
    score: float,
    others: Sequence[Asset],
    signatures: NDArray[np.float32],
) -> Match:
    """A match with all other assets of its geometry, however far the search went."""
    rows = np.flatnonzero(same_geometry(signatures, asset.signature)).tolist()
    return Match(
        asset=asset,
        score=score,
        is_copy=query.signature is not None
        and bool(same_geometry(query.signature, asset.signature)),
        variants=tuple(others[row] for row in rows if others[row].path != asset.path),
    )
