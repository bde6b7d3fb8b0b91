"""Items to unit vectors. A new embedder is one file, one class and one line in ``EMBEDDERS``."""

from pathlib import Path

from shapesim.embedders.base import Embedder
from shapesim.embedders.both import BothEmbedder, fuse
from shapesim.embedders.copy import CopyEmbedder
from shapesim.embedders.look import LookEmbedder
from shapesim.embedders.partial import PartialShapeEmbedder
from shapesim.embedders.shape import ShapeEmbedder
from shapesim.embedders.timm import TimmEmbedder
from shapesim.errors import WeightsError

EMBEDDERS: dict[str, type[Embedder]] = {
    "shape": ShapeEmbedder,
    "look": LookEmbedder,
    "both": BothEmbedder,
    "copy": CopyEmbedder,
}
"""The default embedder of each space."""


def make_embedder(space: str) -> Embedder:
    """The default embedder of a space, or one by other weights.

    Args:
        space: one of ``EMBEDDERS``; or ``shape:FILE`` or ``both:FILE``, by a voxel network that
            ``voxel_models.train`` has trained; or ``timm:MODEL=FILE``, by a network of timm.

    Raises:
        WeightsError: the weights cannot be used, or there is no such space.
    """
    kind, _, given = space.partition(":")
    if kind == "timm":
        model, _, file = given.partition("=")
        return TimmEmbedder(model, Path(file))
    if given and kind in ("shape", "both"):
        shape = ShapeEmbedder(given)
        return shape if kind == "shape" else BothEmbedder(shape)
    if space not in EMBEDDERS:
        raise WeightsError(
            f"no space '{space}' (there are: {', '.join(EMBEDDERS)}, timm:MODEL=FILE)"
        )
    return EMBEDDERS[space]()


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
