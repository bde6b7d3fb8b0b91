"""What embedders share that look at pictures by an ImageNet network (see ``lite0``)."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from shapesim.embedders import lite0
from shapesim.embedders.base import Embedded, Embedder, read_weights, weights_file
from shapesim.types import Embeddings, Raster

_PICTURES = 32  # at a time: enough for all cores, and little memory


class ImageNetEmbedder(Embedder):
    """Embeds pictures, and meshes by pictures of them, through the network's features.

    What is prepared of an item are (P, 224, 224, 3) uint8 pictures.

    Args:
        weights: a name of weights that ship, or a path to a ``.safetensors`` file.

    Attributes:
        needed: tensors that weights have to hold.

    Raises:
        WeightsError: there are no such weights, or they are damaged.
    """

    needed: ClassVar[frozenset[str]]

    def __init__(self, weights: str | Path) -> None:
        self._file = weights_file(weights).absolute()
        self.name = self._file.stem

    @cached_property
    def _weights(self) -> dict[str, NDArray[Any]]:
        return read_weights(self._file, self.needed, self.space)

    @abstractmethod
    def _embed(self, prepared: Sequence[NDArray[np.uint8]]) -> Embedded:
        """At most ``batch_size`` items, with their views."""

    def thumbnail(self, prepared: NDArray[np.uint8]) -> Raster:
        """See ``Embedder``: the first picture."""
        first: Raster = prepared[0]
        return first

    def embed_batch(self, prepared: Sequence[NDArray[np.uint8]]) -> Embeddings:
        """See ``Embedder``."""
        return self._embed(prepared).vectors

    def embed_parts(self, prepared: Sequence[NDArray[np.uint8]]) -> list[Embedded]:
        """See ``Embedder``; each view has a vector of its own."""
        batches = [
            self._embed(prepared[start : start + self.batch_size])
            for start in range(0, len(prepared), self.batch_size)
        ]
        vectors = [np.zeros((0, self.dim), np.float32), *(batch.vectors for batch in batches)]
        return [Embedded(np.concatenate(vectors), [v for b in batches for v in b.views or ()])]

    def features(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(N, 224, 224, 3) pictures to the network's (N, ``lite0.DIM``) features."""
        nothing = np.zeros((0, lite0.DIM), np.float32)
        return np.concatenate([nothing, *self._batches("features", pictures)])

    def _batches(self, output: str, pictures: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """One of the network's outputs, a batch of pictures at a time."""
        return [
            self._session.run([output], {"pictures": pictures[start : start + _PICTURES]})[0]
            for start in range(0, len(pictures), _PICTURES)
        ]

    @property
    def learnt(self) -> dict[str, NDArray[np.float32]]:
        """What was trained here."""
        return {name: value for name, value in self._weights.items() if name != "ranges"}

    @property
    def ranges(self) -> lite0.Ranges:
        """Of the ImageNet network's tensors, for 8 bit."""
        ranges: lite0.Ranges = json.loads(bytes(self._weights["ranges"]))
        return ranges

    def load(self) -> None:
        """See ``Embedder``."""
        _ = self._session

    @cached_property
    def _session(self) -> Any:
        return lite0.cached_session(
            f"{self.space}-{self.fingerprint}",
            lambda: lite0.build({**lite0.imagenet_weights(), **self.learnt}, self.ranges),
        )
