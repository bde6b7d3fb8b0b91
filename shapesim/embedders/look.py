"""Look: ImageNet features of rendered views, or of a picture."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapesim.blas import one_thread
from shapesim.embedders import lite0
from shapesim.embedders.base import (
    Embedded,
    normalised,
    projected,
)
from shapesim.embedders.imagenet import ImageNetEmbedder
from shapesim.pictures.images import box_of, cut_out, framed
from shapesim.types import WHOLE, Embeddings, Mesh, Raster, Shares

# Changes when the same item and weights would give another vector.
_PREPROCESSING = "rings-6"
# How much of a cosine is about the kind, as names tell it and as ImageNet's network does, and about
# which one it is: between assets, and between a picture and an asset. Chosen by
# ``benchmarks.cross_artist`` and ``benchmarks.picture_search``.
_OF_ASSETS = np.array([0.52, 0.28, 0.2], np.float32)
_OF_PICTURES = np.array([0, 0.35, 0.65], np.float32)
CAMERAS = tuple(
    (float(first + quarter), elevation)
    for first, elevation in ((-35, 20.0), (-5, 5.0), (25, 48.0))
    for quarter in (0, 90, 180, 270)
)
"""Azimuths and elevations from which a mesh is looked at: people take pictures from above, too."""
_BARE = range(1, len(CAMERAS), 2)  # from which it is looked at without its colours as well
KIND_VIEWS = [*range(0, len(CAMERAS), 2), *range(len(CAMERAS), len(CAMERAS) + len(_BARE))]
"""The views of a mesh that tell its kind: one without colours stands in for every other one."""

_COMPARED = 4  # stages, by which pictures are compared place by place


def views_of(mesh: Mesh) -> NDArray[np.uint8]:
    """(V, 224, 224, 3) uint8 of ``CAMERAS``, on white; after them those without colours."""
    from shapesim.rendering.views import on_background, render  # in workers: takes a while

    return on_background(render(mesh, list(CAMERAS), lite0.SIZE, bare=_BARE))


class LookEmbedder(ImageNetEmbedder):
    """Embeds meshes and pictures by look, into one space.

    A vector is the mean over the pictures of an item: the views around a mesh, or the one picture
    that is given. It has three parts. The first tells what kind of thing it is, by names: a
    projection of all depths of the network (see ``lite0``), trained so that assets agree whose
    names tell the same kind. The second tells the kind by what ImageNet's network knows, also of
    kinds that had no name: the main directions of its last layer, half whitened. Half of the views
    that count for these are without colours, of which artists choose others for the same kind of
    thing. The third tells which one it is: a projection trained so that views of one asset agree
    and a picture taken elsewhere lands near its asset. Assets are compared mostly by the first two,
    pictures with assets by the last two, mostly the last.

    Args:
        weights: a name of weights that ship, or a path to a ``.safetensors`` file.

    Raises:
        WeightsError: there are no such weights, or they are damaged.
    """

    space = "look"
    needed = frozenset({"ranges", "mean", "project.1.bias", "kind.weight", "named.1.bias"})

    def __init__(self, weights: str | Path = "lite0.game") -> None:
        super().__init__(weights)
        parts = ("kind.weight", "named.1.bias", "project.1.bias")
        self.dim = sum(len(self._weights[part]) for part in parts)
        digest = hashlib.sha256(self._file.read_bytes())
        digest.update(_PREPROCESSING.encode())
        self.fingerprint = digest.hexdigest()[:16]

    def prepare(self, item: Mesh | Raster) -> NDArray[np.uint8]:
        """(P, 224, 224, 3) uint8: a mesh's views on white, bare ones last, or a squared picture."""
        return views_of(item) if isinstance(item, Mesh) else framed(item, lite0.SIZE)[None]

    def _embed(self, prepared: Sequence[NDArray[np.uint8]]) -> Embedded:
        named, kind, which = self._told(self.features(np.concatenate(prepared)))
        starts = np.cumsum([0, *(len(pictures) for pictures in prepared[:-1])])
        place = np.arange(len(kind)) - np.repeat(starts, [len(pictures) for pictures in prepared])
        coloured = place < len(CAMERAS)  # without colours it shows no particular asset
        counted = np.isin(place, KIND_VIEWS)
        parts = [
            np.add.reduceat(rows * chosen[:, None], starts)
            for rows, chosen in ((named, counted), (kind, counted), (which, coloured))
        ]
        views = np.split(which.astype(np.float16), starts[1:])
        vectors = self._join(parts)
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
        weights = self.query_weights
        nothing = np.zeros((len(kind), self.dim - kind.shape[1] - which.shape[1]), np.float32)
        return np.hstack([nothing, kind * weights[0], which * weights[1]])

    @property
    def query_weights(self) -> NDArray[np.float32]:
        """(2,) of both parts of a vector that asks which one it is: names tell nothing of that."""
        # Divided by the weight that the assets' own vectors give to the part.
        weights = (_OF_PICTURES / np.sqrt(_OF_ASSETS))[1:]
        asked: NDArray[np.float32] = weights / np.linalg.norm(weights)
        return asked

    @staticmethod
    def _join(parts: Sequence[NDArray[np.float32]]) -> Embeddings:
        """The parts as one unit row, whose dot product weighs theirs by ``_OF_ASSETS``."""
        weights = np.sqrt(_OF_ASSETS)
        scaled = [normalised(part) * weight for part, weight in zip(parts, weights, strict=True)]
        return np.hstack(scaled)

    def embed_pictures(self, pictures: NDArray[np.uint8]) -> Embeddings:
        """(N, 224, 224, 3) pictures, each to a unit row of its own."""
        return self.embed_features(self.features(pictures))

    def embed_features(self, features: NDArray[np.float32]) -> Embeddings:
        """(N, ``lite0.DIM``) features of pictures, or their means over views, to unit rows."""
        return self._join(self._told(features))

    def likenesses(
        self, picture: Raster, others: Sequence[tuple[Raster, NDArray[np.float32]]]
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

    def _compared(self, picture: Raster) -> list[NDArray[np.float32]]:
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

    def _told(self, features: NDArray[np.float32]) -> tuple[Embeddings, Embeddings, Embeddings]:
        """(N, ``lite0.DIM``) features to the three parts, unit rows each."""
        return projected(features, self._weights, "named"), *self.project(features)

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
        last = (np.sqrt(features[:, lite0.LAST]) - weights["kind.mean"]) @ weights["kind.weight"].T
    return normalised(last), projected(features, weights)
