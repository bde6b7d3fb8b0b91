"""Copy: which very picture it is, whatever was done to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapesim.embedders import lite0
from shapesim.embedders.base import (
    Embedded,
    Embedder,
    normalised,
    projected,
    read_weights,
    weights_file,
)
from shapesim.embedders.look import CAMERAS
from shapesim.images import framed, opaque
from shapesim.types import Embeddings, Image, Mesh

# Changes when the same item and weights would give another vector.
_PREPROCESSING = "copy-3"
_NEEDED = {"ranges", "mean", "project.1.bias", "unrelated"}
_PICTURES = 32  # at a time
_MIDDLE = 0.65  # of a picture's sides: what is left of it is often a part


class CopyEmbedder(Embedder):
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

    def __init__(self, weights: str | Path = "lite0.copy") -> None:
        path = weights_file(weights)
        self.name = path.stem
        self._weights = read_weights(path, _NEEDED, "copy")
        self.dim = len(self._weights["project.1.bias"])
        digest = hashlib.sha256(_PREPROCESSING.encode())
        for name, value in sorted(self._weights.items()):
            if name != "calibration":  # which changes no vector
                digest.update(name.encode() + value.tobytes())
        self.fingerprint = digest.hexdigest()[:16]

    def prepare(self, item: Mesh | Image) -> NDArray[np.uint8]:
        """(2 V, 224, 224, 3) uint8: V views of a mesh on white, or one picture; then their middles.

        All are squared.
        """
        if isinstance(item, Mesh):
            from shapesim.rendering import on_background, render  # in workers: takes a while

            whole = list(on_background(render(item, list(CAMERAS), lite0.SIZE)))
        else:
            whole = [opaque(item)]
        pictures = [*whole, *(_middle(picture) for picture in whole)]
        return np.stack([framed(picture, lite0.SIZE) for picture in pictures])

    def thumbnail(self, prepared: NDArray[np.uint8]) -> Image:
        """See ``Embedder``: the first picture."""
        first: Image = prepared[0]
        return first

    def embed_batch(self, prepared: Sequence[NDArray[np.uint8]]) -> Embeddings:
        """See ``Embedder``."""
        return self._embed(prepared).vectors

    def embed_parts(self, prepared: Sequence[NDArray[np.uint8]]) -> list[Embedded]:
        """See ``Embedder``; each picture, and each middle of one, is an original of its own."""
        batches = [
            self._embed(prepared[start : start + self.batch_size])
            for start in range(0, len(prepared), self.batch_size)
        ]
        vectors = [np.zeros((0, self.dim), np.float32), *(batch.vectors for batch in batches)]
        return [Embedded(np.concatenate(vectors), [v for b in batches for v in b.views or ()])]

    def _embed(self, prepared: Sequence[NDArray[np.uint8]]) -> Embedded:
        rows = self.embed_pictures(np.concatenate(prepared))
        starts = np.cumsum([0, *(len(pictures) for pictures in prepared[:-1])])
        views = np.split(rows.astype(np.float16), starts[1:])
        return Embedded(normalised(np.add.reduceat(rows, starts)), views)

    def embed_pictures(self, pictures: NDArray[np.uint8]) -> Embeddings:
        """(N, 224, 224, 3) pictures to (N, D) unit rows."""
        batches = [
            self._session.run(["features"], {"pictures": pictures[start : start + _PICTURES]})[0]
            for start in range(0, len(pictures), _PICTURES)
        ]
        return self.project(np.concatenate([np.zeros((0, lite0.DIM), np.float32), *batches]))

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

    def load(self) -> None:
        """See ``Embedder``."""
        _ = self._session

    @cached_property
    def _session(self) -> Any:
        ranges = json.loads(bytes(self._weights["ranges"]))
        return lite0.cached_session(
            f"copy-{self.fingerprint}", lambda: lite0.build(lite0.imagenet_weights(), ranges)
        )

    def __getstate__(self) -> dict[str, Any]:
        """Workers prepare only: the network stays behind."""
        kept = {key: value for key, value in self.__dict__.items() if key != "_session"}
        return kept | {"_weights": {}}


def _middle(picture: Image) -> Image:
    height, width = picture.shape[:2]
    y, x = (round(side * (1 - _MIDDLE) / 2) for side in (height, width))
    return picture[y : height - y, x : width - x]
