"""Items to unit vectors. A new embedder is one file, one class and one line in ``EMBEDDERS``."""

from shapesim.embedders.base import Embedder
from shapesim.embedders.both import BothEmbedder, fuse
from shapesim.embedders.copy import CopyEmbedder
from shapesim.embedders.look import LookEmbedder
from shapesim.embedders.partial import PartialShapeEmbedder
from shapesim.embedders.shape import ShapeEmbedder

EMBEDDERS: dict[str, type[Embedder]] = {
    "shape": ShapeEmbedder,
    "look": LookEmbedder,
    "both": BothEmbedder,
    "copy": CopyEmbedder,
}
"""The default embedder of each space."""

__all__ = [
    "EMBEDDERS",
    "BothEmbedder",
    "CopyEmbedder",
    "Embedder",
    "LookEmbedder",
    "PartialShapeEmbedder",
    "ShapeEmbedder",
    "fuse",
]
