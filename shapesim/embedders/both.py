"""Both: what is alike in shape and in look, as one vector."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from shapesim.embedders.base import Embedded, Embedder
from shapesim.embedders.look import LookEmbedder
from shapesim.embedders.shape import ShapeEmbedder
from shapesim.types import Embeddings, Mesh, Raster

# Cosines of the two spaces spread differently: 0.1 is much in one and little in the other. The
# weights divide each by its spread over pairs of unlike assets, and then favour the space that
# finds more; both are measured by ``benchmarks.cross_artist``.
_SHAPE_WEIGHT = 0.4


class BothEmbedder(Embedder):
    """Shape and look side by side, so that the dot product is the weighted mean of both cosines.

    Args:
        shape: embeds by shape; None for the default.
        look: embeds by look; None for the default.
        shape_weight: of the shape's cosine in the score; the look's has the rest.
    """

    space = "both"

    def __init__(
        self,
        shape: Embedder | None = None,
        look: Embedder | None = None,
        shape_weight: float = _SHAPE_WEIGHT,
    ) -> None:
        self._shape, self._look = shape or ShapeEmbedder(), look or LookEmbedder()
        self._weights = (shape_weight, 1 - shape_weight)
        self.name = f"{self._shape.name}+{self._look.name}"
        self.dim = self._shape.dim + self._look.dim
        digest = hashlib.sha256(f"{shape_weight}".encode())
        for part, _ in self.parts:
            digest.update(part.fingerprint.encode())
        self.fingerprint = digest.hexdigest()[:16]

    @property
    def option(self) -> str:
        """See ``Embedder``."""
        return self.space + self._shape.option.removeprefix(self._shape.space)

    @property
    def parts(self) -> tuple[tuple[Embedder, float], ...]:
        """See ``Embedder``."""
        return tuple(zip((self._shape, self._look), self._weights, strict=True))

    def prepare(self, item: Mesh | Raster) -> tuple[Any, ...]:
        """What each of the parts prepares."""
        return tuple(part.prepare(item) for part, _ in self.parts)

    def thumbnail(self, prepared: tuple[Any, ...]) -> Raster | None:
        """See ``Embedder``."""
        return self._look.thumbnail(prepared[1])

    def embed_parts(self, prepared: Sequence[tuple[Any, ...]]) -> list[Embedded]:
        """See ``Embedder``."""
        return [
            embedded
            for number, (part, _) in enumerate(self.parts)
            for embedded in part.embed_parts([item[number] for item in prepared])
        ]

    def embed_batch(self, prepared: Sequence[tuple[Any, ...]]) -> Embeddings:
        """See ``Embedder``."""
        return fuse([part.vectors for part in self.embed_parts(prepared)], self)

    def load(self) -> None:
        """See ``Embedder``."""
        for part, _ in self.parts:
            part.load()


def fuse(vectors: Sequence[Embeddings], embedder: Embedder) -> Embeddings:
    """(N, D) rows whose dot product is the weighted mean of that of the parts' rows."""
    weighted = [
        rows * np.float32(weight**0.5)
        for rows, (_, weight) in zip(vectors, embedder.parts, strict=True)
    ]
    return np.hstack(weighted)
