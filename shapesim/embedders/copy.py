"""Copy: which very picture it is, whatever was done to it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shapesim.embedders import lite0
from shapesim.embedders.base import (
    Embedded,
    normalised,
    projected,
)
from shapesim.embedders.imagenet import ImageNetEmbedder
from shapesim.embedders.look import CAMERAS
from shapesim.pictures.images import framed, opaque
from shapesim.types import Embeddings, Mesh, Raster

# Changes when the same item and weights would give another vector, or other things are kept.
_PREPROCESSING = "copy-5"
_MIDDLE = 0.65  # of a picture's sides: what is left of it is often a part


class CopyEmbedder(ImageNetEmbedder):
    """Embeds pictures, and the views of meshes, so that manipulated copies stay near.

    The features of all depths of an ImageNet network (see ``lite0``), over the whole picture, go
    through two layers that were trained to bring manipulated copies back to their originals and to
    keep all others, also other views of one asset, apart.

    Args:
        weights: a name of weights that ship, or a path to a ``.safetensors`` file.

    Raises:
        WeightsError: there are no such weights, or they are damaged.
    """

    space = "copy"
    needed = frozenset({"ranges", "mean", "project.1.bias", "unrelated"})

    def __init__(self, weights: str | Path = "lite0.copy") -> None:
        super().__init__(weights)
        self.dim = len(self._weights["project.1.bias"])
        digest = hashlib.sha256(_PREPROCESSING.encode())
        for name, value in sorted(self._weights.items()):
            if name != "calibration":  # which changes no vector
                digest.update(name.encode() + value.tobytes())
        self.fingerprint = digest.hexdigest()[:16]

    def prepare(self, item: Mesh | Raster) -> NDArray[np.uint8]:
        """(2 V, 224, 224, 3) uint8: V views of a mesh on white, or one picture; then their middles.

        All are squared.
        """
        if isinstance(item, Mesh):
            from shapesim.rendering.views import on_background, render  # in workers: takes a while

            whole = list(on_background(render(item, list(CAMERAS), lite0.SIZE)))
        else:
            whole = [opaque(item)]
        pictures = [*whole, *(_middle(picture) for picture in whole)]
        return np.stack([framed(picture, lite0.SIZE) for picture in pictures])

    def pictures(self, item: Mesh | Raster, prepared: NDArray[np.uint8]) -> Sequence[Raster]:
        """See ``Embedder``."""
        if isinstance(item, Mesh):
            return list(prepared[: len(prepared) // 2])
        return [opaque(item)]

    def _embed(self, prepared: Sequence[NDArray[np.uint8]]) -> Embedded:
        rows = self.embed_pictures(np.concatenate(prepared))
        starts = np.cumsum([0, *(len(pictures) for pictures in prepared[:-1])])
        views = np.split(rows.astype(np.float16), starts[1:])
        return Embedded(normalised(np.add.reduceat(rows, starts)), views)

    def embed_pictures(self, pictures: NDArray[np.uint8]) -> Embeddings:
        """(N, 224, 224, 3) pictures to (N, D) unit rows."""
        return self.project(self.features(pictures))

    def project(self, features: NDArray[np.float32]) -> Embeddings:
        """(N, ``lite0.DIM``) features of whole pictures to (N, D) unit rows."""
        return projected(features, self._weights)

    @property
    def unrelated(self) -> Embeddings:
        """(B, D) pictures of training: what is as near to these is near to anything."""
        return self._weights["unrelated"]

    @property
    def calibration(self) -> NDArray[np.float32]:
        """Of the confidence: see ``shapesim.tracing``."""
        return self._weights["calibration"]


def _middle(picture: Raster) -> Raster:
    height, width = picture.shape[:2]
    y, x = (round(side * (1 - _MIDDLE) / 2) for side in (height, width))
    return picture[y : height - y, x : width - x]
