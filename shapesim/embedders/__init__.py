"""Items to unit vectors. A new embedder is one file, one class and one line in ``EMBEDDERS``."""

from pathlib import Path

from shapesim.embedders.base import Embedder
from shapesim.embedders.both import BothEmbedder, fuse
from shapesim.embedders.copy import CopyEmbedder
from shapesim.embedders.look import LookEmbedder
from shapesim.embedders.partial import PartialShapeEmbedder
from shapesim.embedders.shape import ShapeEmbedder
from shapesim.embedders.timm import TimmEmbedder

EMBEDDERS: dict[str, type[Embedder]] = {
    "shape": ShapeEmbedder,
    "look": LookEmbedder,
    "both": BothEmbedder,
    "copy": CopyEmbedder,
}
"""The default embedder of each space."""


def make_embedder(space: str) -> Embedder:
    """The default embedder of a space, or ``timm:MODEL=FILE``: a network of timm by own weights.

    Raises:
        WeightsError: the weights cannot be used.
        KeyError: there is no such space.
    """
    kind, _, given = space.partition(":")
    model, _, file = given.partition("=")
    return TimmEmbedder(model, Path(file)) if kind == "timm" else EMBEDDERS[space]()


__all__ = [
    "EMBEDDERS",
    "BothEmbedder",
    "CopyEmbedder",
    "Embedder",
    "LookEmbedder",
    "PartialShapeEmbedder",
    "ShapeEmbedder",
    "TimmEmbedder",
    "fuse",
    "make_embedder",
]
