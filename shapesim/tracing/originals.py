"""What found pictures may have been made of: all pictures, and views of meshes, of a gallery."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapesim.embedders import CopyEmbedder
from shapesim.embedders.look import CAMERAS
from shapesim.errors import GalleryError
from shapesim.gallery import Gallery
from shapesim.pictures.keypoints import Features, Kept, Small
from shapesim.types import Embeddings

_AXES = 48  # in which all are compared, to find those that may be near
_MAYBE = 4096  # of them, that are compared in full
_NEAREST = 3  # unrelated pictures, whose nearness is what nearness is worth nothing
_AT_ONCE = 65536  # rows that are compared: bounds memory
_CACHED = 1024  # pictures, and as many with their local features: half a GB at most


@dataclass(frozen=True, slots=True)
class Source:
    """Where an original comes from.

    Attributes:
        path: of the picture, or of the mesh that it shows.
        view: number of the mesh's view; None of a picture.
        kept: how it was when it was embedded.
    """

    path: Path
    view: int | None
    kept: Kept = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Near:
    """An original that is near to a found picture.

    Attributes:
        row: of the originals.
        source: where it comes from.
        similarity: cosine to the nearest vector, less what unrelated pictures reach.
        part: number of that vector.
    """

    row: int
    source: Source
    similarity: float
    part: int


class Originals:
    """All originals of a gallery: their vectors in memory, their pictures read when needed.

    These come from the gallery, too: to open large files, to render views, or to look for local
    features would take longer than all else together.

    Args:
        gallery: with stores of pictures, or of meshes that were indexed ``--by copy``.
        embedder: that made its vectors.

    Raises:
        GalleryError: it holds nothing of the kind.
    """

    def __init__(self, gallery: Gallery, embedder: CopyEmbedder) -> None:
        self._ids, self._views, self._vectors = gallery.originals(embedder)
        if not len(self._ids):
            raise GalleryError(
                f"{gallery.folder}: holds no originals; run 'shapesim index PICTURES',"
                " or 'shapesim index STORE --by copy' to trace pictures of meshes"
            )
        self._catalogue, self._unrelated = gallery.catalogue, embedder.unrelated
        # Most of what vectors differ by lies along few axes: of two million, that finds the same.
        some = self._vectors[:: max(1, len(self._vectors) // 20_000)]
        self._axes = np.linalg.eigh(some.T @ some)[1][:, -_AXES:]
        self._rough = self._vectors @ self._axes
        self._kept = lru_cache(_CACHED)(gallery.catalogue.kept)
        self._picture = lru_cache(_CACHED)(_picture)
        self._features = lru_cache(_CACHED)(
            lambda source: Features.unpacked(self._picture(source), source.kept.features)
        )

    def nearest(
        self, vectors: Embeddings, count: int, mapped: Callable[..., Any] = map
    ) -> list[Near]:
        """The nearest row of each of the nearest files, nearest first.

        Files that the gallery has lost since it was opened are left out.

        Args:
            vectors: (P, D) of a found picture and of its parts.
            count: of files.
            mapped: what maps functions, such as that of a pool of threads.
        """
        rough = _cosines(self._rough, vectors @ self._axes, mapped)
        maybe = min(len(rough), _MAYBE)
        rows = np.argpartition(-rough, maybe - 1)[:maybe]
        cosines = _cosines(self._vectors[rows], vectors)
        order = np.argsort(-cosines, kind="stable")
        _, first = np.unique(self._ids[rows[order]], return_index=True)
        chosen = order[np.sort(first)[:count]]
        parts = (self._vectors[rows[chosen]] @ vectors.T).argmax(axis=1)
        ground = np.sort(_cosines(self._unrelated, vectors))[-_NEAREST:].mean()
        similarities = (cosines[chosen] - ground).tolist()
        sources = self._sources(rows[chosen].tolist())
        return [
            Near(row, source, similarity, part)
            for (row, source), similarity, part in zip(
                sources.items(), similarities, parts.tolist(), strict=True
            )
            if source
        ]

    def equal(self, row: int, least: float) -> list[Source]:
        """All files with an original of such a cosine to a row, its own as well."""
        cosines = _cosines(self._vectors, self._vectors[[row]])
        rows = np.flatnonzero(cosines > least)
        _, first = np.unique(self._ids[rows], return_index=True)
        return [source for source in self._sources(rows[first].tolist()).values() if source]

    def same_file(self, sha256: str) -> list[Source]:
        """Pictures of the very same content."""
        held = self._catalogue.pictures_of(sha256)
        if not held:
            return []
        rows = np.flatnonzero(np.isin(self._ids, held))
        _, first = np.unique(self._ids[rows], return_index=True)
        found = self._sources(rows[first].tolist())
        return [source for source in found.values() if source]

    def _sources(self, rows: Sequence[int]) -> dict[int, Source | None]:
        """Of each row; None of files that the gallery has lost."""
        known = self._catalogue.places(self._ids[list(rows)].tolist())
        sources: dict[int, Source | None] = dict.fromkeys(rows)
        for row in rows:
            id = int(self._ids[row])
            if place := known.get(id):
                path, is_mesh = place
                # Of a view, or of its middle.
                view = int(self._views[row]) % len(CAMERAS) if is_mesh else None
                if kept := self._kept(id, view or 0):
                    sources[row] = Source(path, view, kept)
        return sources

    def similarity(self, row: int, other: int) -> float:
        """Cosine of two originals."""
        return float(self._vectors[row] @ self._vectors[other])

    def picture(self, source: Source) -> Small:
        """An original, as it is compared."""
        return self._picture(source)

    def features(self, source: Source) -> Features:
        """Its local features."""
        return self._features(source)


def _picture(source: Source) -> Small:
    return source.kept.small()


def _cosines(
    stored: Embeddings, vectors: Embeddings, mapped: Callable[..., Any] = map
) -> NDArray[np.float32]:
    """(N,) of each stored row to the nearest of the vectors."""
    parts = [stored[start : start + _AT_ONCE] for start in range(0, len(stored), _AT_ONCE)]
    return np.concatenate(list(mapped(lambda rows: (vectors @ rows.T).max(axis=0), parts)))
