"""Approximate search by a PyNNDescent graph (Dong, Moses and Li, WWW 2011)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapesim.types import Embeddings

_NEIGHBOURS = 30  # of each in the graph
_BEYOND = 0.2  # the nearest, how far the search walks; more finds more and takes longer
_MIN_REACH = 64


class NNDescentIndex:
    """A graph over vectors; can be pickled.

    Args:
        vectors: (N, D) unit rows.
    """

    def __init__(self, vectors: Embeddings) -> None:
        from pynndescent import NNDescent

        self._size = len(vectors)
        self._index: Any = NNDescent(
            vectors, metric="cosine", n_neighbors=min(_NEIGHBOURS, len(vectors)), random_state=0
        )
        self._index.prepare()

    def query(self, vectors: Embeddings, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """See ``Index``."""
        # Asked for more neighbours than there are, PyNNDescent repeats some; asked for few, it
        # walks a narrow path and misses the nearest.
        k = min(k, self._size)
        reach = min(max(k, _MIN_REACH), self._size)
        rows, distances = self._index.query(vectors, reach, epsilon=_BEYOND)
        return rows[:, :k].astype(np.int64), distances[:, :k].astype(np.float32)
