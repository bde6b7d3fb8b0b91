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

SPACES = ", ".join([*EMBEDDERS, "shape:FILE", "both:FILE", "timm:MODEL=FILE"])
"""How spaces are named: the last three are by weights that the user has."""


def is_space(name: str) -> bool:
    """Whether there may be such a space: its weights are not looked for."""
    kind, _, given = name.partition(":")
    if kind == "timm":
        return all(given.partition("="))
    return name in EMBEDDERS or (kind in ("shape", "both") and bool(given))


def make_embedder(space: str) -> Embedder:
    """The default embedder of a space, or one by other weights.

    Args:
        space: one of ``SPACES``: ``shape:FILE`` and ``both:FILE`` are by a voxel network that
            ``voxel_models.train`` has trained, ``timm:MODEL=FILE`` is by a network of timm.

    Raises:
        WeightsError: the weights cannot be used, or there is no such space.
    """
    if not is_space(space):
        raise WeightsError(f"no space '{space}' (there are: {SPACES})")
    kind, _, given = space.partition(":")
    if kind == "timm":
        model, _, file = given.partition("=")
        return TimmEmbedder(model, Path(file))
    if given:
        shape = ShapeEmbedder(given)
        return shape if kind == "shape" else BothEmbedder(shape)
    return EMBEDDERS[space]()


__all__ = [
    "EMBEDDERS",
    "SPACES",
    "BothEmbedder",
    "CopyEmbedder",
    "Embedder",
    "LookEmbedder",
    "PartialShapeEmbedder",
    "ShapeEmbedder",
    "TimmEmbedder",
    "fuse",
    "is_space",
    "make_embedder",
]
