"""Shape of what is incomplete: completed first, then embedded as any other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shapesim.completing import Completer
from shapesim.embedders.shape import ShapeEmbedder
from shapesim.types import Embeddings, Mesh, Raster


class PartialShapeEmbedder(ShapeEmbedder):
    """Embeds incomplete meshes near to the whole ones that ``ShapeEmbedder`` embeds.

    Args:
        weights: as of ``ShapeEmbedder``.

    Raises:
        WeightsError: there are no such weights.
    """

    def __init__(self, weights: str = "resnet3d.game") -> None:
        super().__init__(weights)
        self.completer = Completer()

    def prepare(self, item: Mesh | Raster) -> NDArray[np.uint8]:
        """See ``Completer.prepare``."""
        if not isinstance(item, Mesh):
            raise TypeError("a picture has no shape; embed it by look")
        return self.completer.prepare(item)

    def embed_batch(self, prepared: Sequence[NDArray[np.uint8]]) -> Embeddings:
        """See ``Embedder``."""
        wholes = [self.completer.complete(part) for part in prepared]
        return super().embed_batch([np.packbits(whole) for whole in wholes])

    def load(self) -> None:
        """See ``Embedder``."""
        super().load()
        self.completer.load()
