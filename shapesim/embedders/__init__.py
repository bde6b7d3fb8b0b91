"""Items to unit vectors. A new embedder is one file, one class and one line in ``EMBEDDERS``."""

from shapesim.embedders.base import Embedder
from shapesim.embedders.shape import ShapeEmbedder

EMBEDDERS: dict[str, type[Embedder]] = {"shape": ShapeEmbedder}
"""The default embedder of each space."""

__all__ = ["EMBEDDERS", "Embedder", "ShapeEmbedder"]
