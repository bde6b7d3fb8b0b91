"""Novelty detection: what is unlike all that a tagger was taught."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shapesim.indexes import ExactIndex
from shapesim.types import Embeddings

_BLOCK = 1000  # examples that are compared with all at a time
_LOST = 0.02  # share of the examples that would be novel to all others


@dataclass(frozen=True, slots=True)
class NoveltyDetector:
    """Examples, and how near to one of them is near enough.

    By the distance to the nearest neighbour, as in Y. Sun et al., "Out-of-Distribution Detection
    with Deep Nearest Neighbors", ICML 2022.

    Attributes:
        examples: (N, D) unit length, embeddings by shape and by look side by side.
        least: cosine to the nearest of them, below which something is novel.
    """

    examples: NDArray[np.float32]
    least: float

    @classmethod
    def of(cls, both: Sequence[Embeddings], groups: NDArray[np.int64]) -> NoveltyDetector | None:
        """Chooses how near is near enough by how near the examples are to each other.

        Args:
            both: (N, D) of the examples by each space.
            groups: (N,) copies of one thing have one number.

        Returns:
            None where all are copies of one thing.
        """
        rows = _joined(both)
        cosines = np.full(len(rows), -np.inf, np.float32)
        for start in range(0, len(rows), _BLOCK):
            some = slice(start, start + _BLOCK)
            apart = groups[some, None] != groups
            cosines[some] = np.where(apart, rows[some] @ rows.T, -np.inf).max(axis=1)
        cosines = cosines[np.isfinite(cosines)]
        return cls(rows, float(np.quantile(cosines, _LOST))) if len(cosines) else None

    def is_known(self, both: Sequence[Embeddings]) -> NDArray[np.bool_]:
        """(N,) whether each is like an example; those that are not are novel."""
        _, distances = ExactIndex(self.examples).query(_joined(both), 1)
        known: NDArray[np.bool_] = 1 - distances[:, 0] >= self.least
        return known

    def fits(self, features: int) -> bool:
        """Whether it is of so many features, and holds numbers."""
        rows = self.examples
        is_whole = rows.ndim == 2 and rows.shape[1] == features and len(rows) > 0
        return is_whole and bool(np.isfinite(rows).all()) and bool(np.isfinite(self.least))


def _joined(both: Sequence[Embeddings]) -> Embeddings:
    joined: Embeddings = (np.hstack(both) / np.sqrt(len(both))).astype(np.float32)
    return joined
