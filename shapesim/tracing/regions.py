"""Parts of a found picture, in which originals are looked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shapesim.embedders import lite0
from shapesim.pictures.images import framed
from shapesim.pictures.keypoints import FOUND_SIDE, Small
from shapesim.tracing.affine import Matrix3, applied, corners, inverse, shifting, turned
from shapesim.tracing.framing import frames, skew
from shapesim.types import Box, Raster

# Of the parts of a found picture that are compared beside the whole: size, and number along a side.
_PARTS = ((0.72, 2), (0.5, 3))
_LEAST = 24  # pixels of a side, of pictures within it


class Region:
    """A picture within a found picture, or all of it.

    Args:
        picture: (H, W, 3) what it shows.
        found: width and height of the found picture.
        to_found: from the region's points to those of the found picture.

    Attributes:
        picture: as given.
        small: the picture, and its mirror image, as small as they are compared.
    """

    def __init__(self, picture: Raster, found: tuple[int, int], to_found: Matrix3) -> None:
        self.picture = picture
        small = Small.of(picture, FOUND_SIDE)
        self.small = small, small.mirrored()
        self._found, self._to_found = found, to_found

    @classmethod
    def whole(cls, picture: Raster) -> Region:
        """All of a (H, W, 3) picture."""
        return cls(picture, (picture.shape[1], picture.shape[0]), np.eye(3))

    def box_in_found(self, box: Box, is_mirrored: bool) -> Box:
        """A box in the region, or in its mirror image, as one in the found picture."""
        x, y, width, height = box
        if is_mirrored:
            x = self.picture.shape[1] - x - width
        moved = applied(self._to_found, corners(x, y, width, height))
        # Turned back, a picture is larger than what was found: it has corners beyond.
        last = np.array(self._found) - 1
        low = np.floor(moved.min(axis=0)).clip(0, last).astype(int).tolist()
        high = np.ceil(moved.max(axis=0)).clip(0, self._found).astype(int).tolist()
        return low[0], low[1], max(high[0] - low[0], 1), max(high[1] - low[1], 1)

    def matrix_in_found(self, matrix: Matrix3, is_mirrored: bool) -> Matrix3:
        """To the found picture, of a (3, 3) transform to the region; or of both mirror images."""
        if not is_mirrored:
            return self._to_found @ matrix
        return _mirror(self._found[0]) @ self._to_found @ _mirror(self.picture.shape[1]) @ matrix

    def within(self, count: int) -> list[Region]:
        """The likeliest pictures within it, also if it stands askew."""
        upright = [self]
        if angle := skew(self.picture):
            picture, matrix = turned(self.picture, -angle, 255)
            upright.append(self._part(picture, inverse(matrix)))
        return [
            one._part(one.picture[y : y + height, x : x + width], shifting(x, y))
            for one in upright
            for x, y, width, height in frames(one.picture, count)
            if min(width, height) >= _LEAST
        ]

    def _part(self, picture: Raster, to_self: Matrix3) -> Region:
        return Region(picture, self._found, self._to_found @ to_self)

    def parts(self) -> list[NDArray[np.uint8]]:
        """(S, S, 3) each, squared: an original may be anywhere in it."""
        height, width = self.picture.shape[:2]
        made = []
        for share, count in _PARTS:
            steps = np.linspace(0, 1 - share, count)
            for top in steps:
                for left in steps:
                    y, x = round(top * height), round(left * width)
                    part = self.picture[y : y + max(1, round(share * height)),
                                        x : x + max(1, round(share * width))]  # fmt: skip
                    made.append(framed(part, lite0.SIZE))
        return made


def _mirror(width: int) -> Matrix3:
    return np.array([[-1, 0, width - 1], [0, 1, 0], [0, 0, 1.0]])


def squared(regions: Sequence[Region]) -> list[NDArray[np.uint8]]:
    """(S, S, 3) each, as the network takes them."""
    return [framed(region.picture, lite0.SIZE) for region in regions]
