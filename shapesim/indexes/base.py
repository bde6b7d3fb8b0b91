"""What an index answers. It may be an array in memory, a file, or a server."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from shapesim.types import Embeddings


class Index(Protocol):
    """Nearest neighbours of unit vectors."""

    def query(self, vectors: Embeddings, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The nearest rows of every vector.

        Args:
            vectors: (Q, D) unit rows.
            k: at least 1.

        Returns:
            (Q, min(k, N)) rows and cosine distances (0 to 2), ascending, no row twice.
        """
        ...
