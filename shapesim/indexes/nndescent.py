"""Approximate search by a PyNNDescent graph (Dong, Moses and Li, WWW 2011)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapesim.types import Embeddings

_MIN_REACH = 64


class NNDescentIndex:
    """A graph over vectors; can be pickled.

    Args:
        vectors: (N, D) unit rows.
        neighbours: degree of the graph.
        epsilon: how far beyond the nearest the search walks; more finds more and takes longer.
    """

    def __init__(self, vectors: Embeddings, neighbours: int = 30, epsilon: float = 0.2) -> None:
        from pynndescent import NNDescent

        self._size = len(vectors)
        self._epsilon = epsilon
        self._index: Any = NNDescent(
            vectors, metric="cosine", n_neighbors=min(neighbours, len(vectors)), random_state=0
        )
        self._index.prepare()

    def query(self, vectors: Embeddings, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """See ``Index``."""
        # Asked for more neighbours than there are, PyNNDescent repeats some; asked for few, it
        # walks a narrow path and misses the nearest.
        k = min(k, self._size)
        reach = min(max(k, _MIN_REACH), self._size)
        rows, distances = self._index.query(vectors, reach, epsilon=self._epsilon)
        return rows[:, :k].astype(np.int64), distances[:, :k].astype(np.float32)
