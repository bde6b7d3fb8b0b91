"""What a tagger was taught, to tell what is like none of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shapesim.types import Embeddings

_BLOCK = 1000  # examples that are compared with all at a time
_LOST = 0.02  # share of the examples that would seem unlike all others


@dataclass(frozen=True, slots=True)
class Familiar:
    """Examples, and how near to one of them their like are.

    Attributes:
        rows: (N, D) unit length, embeddings by shape and by look side by side.
        least: cosine to the nearest of them, from which something is like it.
    """

    rows: NDArray[np.float32]
    least: float

    @classmethod
    def with_examples(
        cls, both: Sequence[Embeddings], groups: NDArray[np.int64]
    ) -> Familiar | None:
        """Chooses how near is near by how near the examples are to each other.

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

    def knows(self, both: Sequence[Embeddings]) -> NDArray[np.bool_]:
        """(N,) whether each is like an example."""
        near: NDArray[np.bool_] = (_joined(both) @ self.rows.T).max(axis=1) >= self.least
        return near

    def fits(self, features: int) -> bool:
        """Whether it is of so many features, and holds numbers."""
        is_whole = self.rows.ndim == 2 and self.rows.shape[1] == features and len(self.rows) > 0
        return is_whole and bool(np.isfinite(self.rows).all()) and bool(np.isfinite(self.least))


def _joined(both: Sequence[Embeddings]) -> NDArray[np.float32]:
    rows = np.hstack([part / np.linalg.norm(part, axis=1, keepdims=True) for part in both])
    joined: NDArray[np.float32] = (rows / np.sqrt(len(both))).astype(np.float32)
    return joined
