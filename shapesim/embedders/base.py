"""What every embedder has, and the batching that they share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapesim.types import Embeddings, Mesh


class Embedder(ABC):
    """Turns items into unit vectors of one space, in two steps.

    ``prepare`` is plain numpy and runs beside the file reader in a worker process; the network
    runs once for a whole batch, in the main process. An embedder can be pickled and holds no
    network until it first embeds.

    Attributes:
        name: ``architecture.data`` of its weights.
        space: of its vectors; vectors of different spaces are never compared.
        dim: D, length of a vector.
        fingerprint: digest of weights and preprocessing. Vectors of different fingerprints are
            never compared.
    """

    name: str
    space: str
    dim: int
    fingerprint: str
    batch_size: int = 64

    @abstractmethod
    def prepare(self, item: Mesh) -> NDArray[Any]:
        """One item as an array of a fixed shape and dtype."""

    @abstractmethod
    def embed_batch(self, prepared: NDArray[Any]) -> Embeddings:
        """(B, ...) of what ``prepare`` gave, at most ``batch_size``, to (B, D) unit rows."""

    def load(self) -> None:  # noqa: B027 - an embedder may have nothing to load
        """Loads the network before it is needed, such as in a thread while files are read."""

    def embed_prepared(self, prepared: Sequence[NDArray[Any]]) -> Embeddings:
        """Any number of prepared items to (N, D) unit rows."""
        batches = [
            self.embed_batch(np.stack(prepared[start : start + self.batch_size]))
            for start in range(0, len(prepared), self.batch_size)
        ]
        return np.concatenate([np.zeros((0, self.dim), np.float32), *batches])

    def embed(self, items: Sequence[Mesh]) -> Embeddings:
        """Items to (N, D) float32, unit rows."""
        return self.embed_prepared([self.prepare(item) for item in items])
