"""Look: ImageNet features of rendered views, or of a picture."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapesim.embedders import lite0
from shapesim.embedders.base import (
    Embedded,
    normalised,
    one_thread,
    projected,
    read_weights,
    weights_file,
)
from shapesim.embedders.imagenet import ImageNetEmbedder
from shapesim.images import box_of, cut_out, framed
from shapesim.types import WHOLE, Embeddings, Image, Mesh, Shares

# Changes when the same item and weights would give another vector.
_PREPROCESSING = "rings-5"
# How much of a cosine is about the kind: between assets, and between a picture and an asset. The
# rest is about which one. Chosen by ``benchmarks.cross_artist`` and ``benchmarks.picture_search``.
_KIND_OF_ASSETS = 0.8
_KIND_OF_PICTURES = 0.35
_NEEDED = {"ranges", "mean", "project.1.bias", "kind.weight"}
CAMERAS = tuple(
    (float(first + quarter), elevation)
    for first, elevation in ((-35, 20.0), (-5, 5.0), (25, 48.0))
    for quarter in (0, 90, 180, 270)
)
"""Azimuths and elevations from which a mesh is looked at: people take pictures from above, too."""
_BARE = range(1, len(CAMERAS), 2)  # from which it is looked at without its colours as well

_COMPARED = 4  # stages, by which pictures are compared place by place


class LookEmbedder(ImageNetEmbedder):
    """Embeds meshes and pictures by look, into one space.

    A vector is the mean over the pictures of an item: the views around a mesh, or the one picture
    that is given. It has two parts. One tells what kind of thing it is: the network's last layer
    (see ``lite0``), its main directions half whitened. Half of the views that count for it are
    without colours, of which artists choose others for the same kind of thing. The other part tells
    which one it is: a projection of all depths, trained so that views of one asset agree and a
    picture taken elsewhere lands near its asset. Assets are compared mostly by the first, pictures
    with assets mostly by the second.

    Args:
        weights: a name of weights that ship, or a path to a ``.safetensors`` file.

    Raises:
        WeightsError: there are no such weights, or they are damaged.
    """

    space = "look"

    def __init__(self, weights: str | Path = "lite0.game") -> None:
        path = weights_file(weights)
        self.name = path.stem
        self._weights = read_weights(path, _NEEDED, "look")
        self.dim = len(self._weights["kind.weight"]) + len(self._weights["project.1.bias"])
        digest = hashlib.sha256(path.read_bytes())
        digest.update(_PREPROCESSING.encode())
        self.fingerprint = digest.hexdigest()[:16]

    def prepare(self, item: Mesh | Image) -> NDArray[np.uint8]:
        """(P, 224, 224, 3) uint8: a mesh's views on white, bare ones last, or a squared picture."""
        if isinstance(item, Mesh):
            from shapesim.rendering import on_background, render  # in workers: takes a while

            return on_background(render(item, list(CAMERAS), lite0.SIZE, bare=_BARE))
        return framed(item, lite0.SIZE)[None]

    def _embed(self, prepared: Sequence[NDArray[np.uint8]]) -> Embedded:
        kind, which = self.project(self.features(np.concatenate(prepared)))
        starts = np.cumsum([0, *(len(pictures) for pictures in prepared[:-1])])
        place = np.arange(len(kind)) - np.repeat(starts, [len(pictures) for pictures in prepared])
        # A view without colours stands in for every other one, and shows no particular asset.
        coloured = place < len(CAMERAS)
        counted = ~coloured | (place % 2 == 0)
        parts = [np.add.reduceat(kind * counted[:, None], starts),
                 np.add.reduceat(which * coloured[:, None], starts)]  # fmt: skip
        views = np.split(which.astype(np.float16), starts[1:])
        vectors = self._join(parts, _KIND_OF_ASSETS)
        return Embedded(vectors, [rows[: len(CAMERAS)] for rows in views])

    def embed_shown(
        self, prepared: Sequence[NDArray[np.uint8]]
    ) -> tuple[Embeddings, Embeddings, list[Sequence[Shares]]]:
        """One (1, 224, 224, 3) picture or more as queries: of what they show.

        Returns:
            (N, D) unit rows to compare with assets, (N, I) to compare with single views, and where
            in each picture that may be: a foreground that is small may be a part of the thing.
        """
        pictures = np.concatenate(prepared)
        planes = self.foreground(pictures)
        shown = [cut_out(*pair) for pair in zip(pictures, planes, strict=True)]
        features = self.features(np.stack(shown))
        small = map(box_of, planes)
        boxes: list[Sequence[Shares]] = [(box, WHOLE) if box else (WHOLE,) for box in small]
        return self.as_queries(features), self.project(features)[1], boxes

    def as_queries(self, features: NDArray[np.float32]) -> Embeddings:
        """(N, ``lite0.DIM``) features of pictures to (N, D) unit rows that ask which one it is."""
        return self.queries(*self.project(features))

    def queries(self, kind: Embeddings, which: Embeddings) -> Embeddings:
        """(N, K) and (N, I) unit rows, as ``project`` gives them, to (N, D) that ask which."""
        return np.hstack(
            [part * weight for part, weight in zip((kind, which), self.query_weights, strict=True)]
        )

    @property
    def query_weights(self) -> NDArray[np.float32]:
        """(2,) of both parts of a vector that asks which one it is."""
        # Divided by the weight that the assets' own vectors give to the part.
        share = _KIND_OF_PICTURES / np.sqrt(_KIND_OF_ASSETS)
        rest = (1 - _KIND_OF_PICTURES) / np.sqrt(1 - _KIND_OF_ASSETS)
        return np.array([share, rest], np.float32) / np.float32(np.hypot(share, rest))

    @staticmethod
    def _join(parts: Sequence[NDArray[np.float32]], kind: float) -> Embeddings:
        """Both parts as one unit row, whose dot product weighs the first part's by ``kind``."""
        weights = np.sqrt([kind, 1 - kind]).astype(np.float32)
        scaled = [normalised(part) * weight for part, weight in zip(parts, weights, strict=True)]
        return np.hstack(scaled)

    def embed_pictures(self, pictures: NDArray[np.uint8]) -> Embeddings:
        """(N, 224, 224, 3) pictures, each to a unit row of its own."""
        return self._join(self.project(self.features(pictures)), _KIND_OF_ASSETS)

    def likenesses(
        self, picture: Image, others: Sequence[tuple[Image, NDArray[np.float32]]]
    ) -> list[float]:
        """How alike each of others is to a picture, place by place, -1 to 1.

        Args:
            picture: (S, S, 3), S a multiple of 32.
            others: of the same size, each with (S, S) how much its places count.
        """
        ours = self._compared(picture)
        return [
            float(np.mean([
                (cosines * share).sum() / max(share.sum(), 1e-6)
                for one, plane in zip(ours, self._compared(other), strict=True)
                for cosines in [(one * plane).sum(axis=0)]
                for share in [_shrunk(weights, len(cosines))]
            ]))
            for other, weights in others
        ]  # fmt: skip

    def _compared(self, picture: Image) -> list[NDArray[np.float32]]:
        """(C, H, W) of the stages that tell how alike places are; every place a unit vector."""
        planes = self._planes.run(list(lite0.STAGES[:_COMPARED]), {"pictures": picture[None]})
        return [
            plane[0] / (np.linalg.norm(plane[0], axis=0) + np.float32(1e-6)) for plane in planes
        ]

    @cached_property
    def _planes(self) -> Any:
        return lite0.cached_session(
            f"planes-{self.fingerprint}",
            lambda: lite0.build_planes(lite0.imagenet_weights(), self.ranges),
        )

    def project(self, features: NDArray[np.float32]) -> tuple[Embeddings, Embeddings]:
        """(N, ``lite0.DIM``) features to unit rows: (N, K) what kind it is, (N, I) which one."""
        return project(features, self._weights)

    def foreground(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(N, 14, 14) how much of each part of the pictures is the thing they show, 0 to 1."""
        nothing = np.zeros((0, 1, 14, 14), np.float32)
        return np.concatenate([nothing, *self._batches("foreground", pictures)])[:, 0]


def _shrunk(weights: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    cell = len(weights) // side
    return np.asarray(weights.reshape(side, cell, side, cell).mean(axis=(1, 3)), np.float32)


def project(
    features: NDArray[np.float32], weights: Mapping[str, NDArray[np.float32]]
) -> tuple[Embeddings, Embeddings]:
    """(N, ``lite0.DIM``) features to unit rows, by weights named as the look embedder's."""
    with one_thread():
        kind = (np.sqrt(features[:, lite0.LAST]) - weights["kind.mean"]) @ weights["kind.weight"].T
    return normalised(kind), projected(features, weights)
