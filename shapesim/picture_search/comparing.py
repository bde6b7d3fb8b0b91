"""Compares assets with a picture, each turned as the picture shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shapesim.embedders import LookEmbedder
from shapesim.errors import AssetError
from shapesim.meshes import load_mesh
from shapesim.picture_search.posing import Sight, poses
from shapesim.types import WHOLE, Camera, Match, Mesh, Raster, Shares


@dataclass(frozen=True, slots=True)
class Comparing:
    """How a picture of something is compared with assets turned as it shows them.

    Attributes:
        most: assets that are compared.
        behind: of the score, how far those are behind the first, at most, unless they are shown.
        embeddings: weight of how alike those are, and so
        places: of what is seen at the same places,
        outlines: of outlines,
        filling: and of how a mesh fills the box.
    """

    most: int
    behind: float
    embeddings: float
    places: float
    outlines: float
    filling: float

    @property
    def weights(self) -> NDArray[np.float64]:
        """(4,) in that order, with a sum of 1."""
        weights = np.array([self.embeddings, self.places, self.outlines, self.filling])
        return np.asarray(weights / weights.sum())

    @property
    def tight(self) -> float:
        """What filling counts beside outlines."""
        return self.filling / self.outlines


ALONE = Comparing(16, 0.1, embeddings=1.0, places=2.0, outlines=0.5, filling=0.0)
"""A picture of one thing. Of 200, the right one was further behind in one."""
IN_SCENE = Comparing(32, 0.15, embeddings=1.0, places=2.0, outlines=0.5, filling=0.5)
"""One thing of many: less of it is seen, and only its box tells it from what is around it."""


class Pictured:
    """A picture of what to find, with which assets are compared as it shows them.

    Args:
        picture: (H, W, 3).
        embedder: that looks at both.
        boxes: where in it the thing may be. It is where assets fit best.
        how: to compare.
    """

    def __init__(
        self,
        picture: Raster,
        embedder: LookEmbedder,
        boxes: Sequence[Shares] = (WHOLE,),
        how: Comparing = ALONE,
    ) -> None:
        self._how, self._embedder = how, embedder
        self._sights = [Sight(picture, box, how.tight) for box in boxes]

    def compared(
        self, matches: Sequence[Match], shown: int
    ) -> tuple[list[Match], list[AssetError]]:
        """The matches ordered anew, the likeliest turned as the picture shows them.

        Those far behind the first come behind all that are near to it, however they compare.

        Args:
            matches: best first.
            shown: how many of them the user is to see.

        Returns:
            The matches, of which those compared have a camera, and why others could not be.
        """
        meshes: dict[int, Mesh] = {}
        failures = []
        least_near = matches[0].score - self._how.behind if matches else 0.0
        for row, match in enumerate(matches[: self._how.most]):
            if row >= shown and match.score < least_near:
                break
            try:
                meshes[row] = load_mesh(match.asset.path, match.asset.up)
            except AssetError as error:
                failures.append(error)
        if not meshes:
            return list(matches), failures
        before = np.array([match.score for match in matches])
        near = max(1, int((before[list(meshes)] >= least_near).sum()))
        scores, cameras, least = self.scores(before[list(meshes)], list(meshes.values()), near)
        scores[near:] = np.minimum(scores[near:], scores[:near].min())
        # What is not compared counts as being no more like the picture than what is, and as less
        # where its embedding is.
        last = max(before[list(meshes)].min(), 1e-6)
        ordered = [
            replace(
                match,
                score=float(
                    self._how.weights @ [match.score, *(least * np.clip(match.score / last, 0, 1))]
                ),
            )
            for match in matches
        ]
        for row, score, camera in zip(meshes, scores.tolist(), cameras, strict=True):
            ordered[row] = replace(matches[row], score=score, camera=camera)
        return sorted(ordered, key=lambda match: -match.score), failures

    def scores(
        self, before: NDArray[np.float64], meshes: Sequence[Mesh], near: int
    ) -> tuple[NDArray[np.float64], list[Camera], NDArray[np.float64]]:
        """How alike meshes are to the picture.

        Args:
            before: (N,) how alike by their embeddings.
            meshes: y up, one at least, the nearest first.
            near: how many of them tell where in the picture the thing is.

        Returns:
            (N,) scores, -1 to 1; from where the picture shows each; and (3,) the least that places
            and outlines are alike, and that the box is filled.
        """
        found_in = [(sight, poses(sight, meshes)) for sight in self._sights]
        tight = self._how.tight
        sight, found = max(
            found_in,
            key=lambda one: max(pose.outlines + tight * pose.filling for pose in one[1][:near]),
        )
        likenesses = self._embedder.likenesses(
            sight.picture, [(pose.overlay, pose.weights) for pose in found]
        )
        outlines, fillings = zip(*((pose.outlines, pose.filling) for pose in found), strict=True)
        parts = np.array([before, likenesses, outlines, fillings])
        cameras = [pose.camera for pose in found]
        return self._how.weights @ parts, cameras, parts[1:].min(axis=1)
