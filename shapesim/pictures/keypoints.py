"""Local features of pictures, by which parts of one are found in another."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from shapesim.errors import AssetError
from shapesim.pictures.images import encoded
from shapesim.types import Raster

FOUND_SIDE, ORIGINAL_SIDE = 384, 208
"""Pixels to which the longer side is brought before features are looked for. In a found picture,
what is left of the original is often a small part; of originals, many are looked at."""

FOUND_CONTRAST, ORIGINAL_CONTRAST = 0.015, 0.0236
"""Of local features; both less than is usual: renders are smooth, and found pictures may be dim.
Below 2 * 3 layers / 255 every pixel that differs at all has a closer look, which takes as long as
all else, for 7 % more features."""

_FEATURES = 500
_LEVELS, _LEVEL = 15, 1 / 40  # of a descriptor's numbers, as they are kept: none is above 0.36
_STEPS = 256  # of a pixel, as places are kept: a picture has 208
_QUALITY = 85  # of pictures that are kept: their colours are off by a level or two


class Level(NamedTuple):
    """A picture in so many pixels.

    Attributes:
        pixels: (h, w, 3) uint8.
        grey: (h, w) uint8 of them.
    """

    pixels: Raster
    grey: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Small:
    """A picture, as small as it is compared.

    Attributes:
        pixels: (h, w, 3) uint8.
        size: width and height that it had. Places are told in those pixels.
    """

    pixels: Raster
    size: tuple[int, int]
    _levels: dict[tuple[int, int], Level] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, picture: Raster, side: int) -> Small:
        """A (H, W, 3) picture, whose longer side is brought to so many pixels."""
        height, width = picture.shape[:2]
        scale = side / max(height, width)
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        size = max(1, round(width * scale)), max(1, round(height * scale))
        pixels = np.asarray(cv2.resize(picture, size, interpolation=method), np.uint8)
        return cls(pixels, (width, height))

    def mirrored(self) -> Small:
        """Left and right exchanged."""
        return Small(np.ascontiguousarray(self.pixels[:, ::-1]), self.size)

    def level(self, scale: float) -> Level:
        """It, brought to fewer pixels: what is often asked for is kept."""
        width, height = (max(2, round(side * scale)) for side in self.pixels.shape[1::-1])
        if (width, height) not in self._levels:
            made: Any = self.pixels
            if (width, height) != made.shape[1::-1]:
                made = cv2.resize(made, (width, height), interpolation=cv2.INTER_AREA)
            self._levels[width, height] = Level(made, greyed(made))
        return self._levels[width, height]


@dataclass(frozen=True, slots=True)
class Features:
    """Local features of a picture.

    Attributes:
        small: the picture.
        points: (K, 2) x and y, in pixels of the size that it had.
        descriptors: (K, 128) unit rows: roots of SIFT.
    """

    small: Small
    points: NDArray[np.float32]
    descriptors: NDArray[np.float32]

    @classmethod
    def of(cls, small: Small, contrast: float) -> Features:
        """SIFT keypoints, of a contrast at least.

        D. Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", IJCV 2004. Descriptors
        are compared by their roots (R. Arandjelović and A. Zisserman, CVPR 2012).
        """
        sift: Any = cv2.SIFT.create(nfeatures=_FEATURES, contrastThreshold=contrast)
        keypoints, descriptors = sift.detectAndCompute(greyed(small.pixels), None)
        if descriptors is None:
            return cls(small, np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32))
        scale = max(small.pixels.shape[:2]) / max(small.size)
        points = np.array([point.pt for point in keypoints], np.float32) / scale
        sums = np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-6)
        return cls(small, points, np.sqrt(descriptors / sums))

    def mirrored(self) -> Features:
        """Of the picture with left and right exchanged.

        A SIFT descriptor is 4 rows of 4 columns of 8 directions about its own direction: mirrored,
        the rows and the directions run the other way.
        """
        cells = self.descriptors.reshape(-1, 4, 4, 8)[:, ::-1]
        turned = np.roll(cells[..., ::-1], 1, axis=-1).reshape(self.descriptors.shape)
        points = self.points * (-1, 1) + (self.small.size[0] - 1, 0)
        return Features(self.small.mirrored(), points.astype(np.float32), turned)

    def packed(self) -> bytes:
        """What ``unpacked`` reads: some 50 bytes for each, of a picture that has its own size.

        Descriptors are rounded to 4 bits a number, which moves them by 0.08 of their length.
        """
        points = np.rint(self.points * _STEPS).clip(0, 2**16 - 1).astype("<u2")
        levels = np.rint(self.descriptors / _LEVEL).clip(0, _LEVELS).astype(np.uint8)
        pairs = levels[:, ::2] << 4 | levels[:, 1::2]
        return zlib.compress(points.tobytes() + pairs.tobytes(), 1)

    @classmethod
    def unpacked(cls, small: Small, content: bytes) -> Features:
        """Those of a picture, as ``packed`` gave them."""
        numbers = np.frombuffer(zlib.decompress(content), np.uint8)
        count = len(numbers) // (4 + 64)
        points = numbers[: 4 * count].view("<u2").reshape(count, 2)
        pairs = numbers[4 * count :].reshape(count, 64)
        levels = np.stack([pairs >> 4, pairs & 15], axis=2).reshape(count, 128).astype(np.float32)
        lengths = np.maximum(np.linalg.norm(levels, axis=1, keepdims=True), 1e-6)
        placed = np.asarray(points / _STEPS, np.float32)
        return cls(small, placed, np.asarray(levels / lengths, np.float32))


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of an original, so that it need not be opened to look for it in a picture.

    Attributes:
        picture: JPEG of it, its longer side ``ORIGINAL_SIDE``.
        features: of that, packed.
    """

    picture: bytes
    features: bytes

    @classmethod
    def of(cls, picture: Raster) -> Kept:
        """Of a (H, W, 3) picture."""
        pixels = Small.of(picture, ORIGINAL_SIDE).pixels
        content = encoded(pixels, "JPEG", quality=_QUALITY, subsampling=0)
        features = Features.of(Small.of(pixels, ORIGINAL_SIDE), ORIGINAL_CONTRAST)
        return cls(content, features.packed())

    def small(self) -> Small:
        """The picture.

        Raises:
            AssetError: what was kept is damaged.
        """
        # Reads these small ones in a third of the time that Pillow takes.
        pixels: Any = cv2.imdecode(np.frombuffer(self.picture, np.uint8), cv2.IMREAD_COLOR)
        if pixels is None:
            raise AssetError("original", "its kept picture is damaged; run 'shapesim index' again")
        return Small.of(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), ORIGINAL_SIDE)


def greyed(picture: Raster) -> Any:
    """(H, W) uint8 of (H, W, 3)."""
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
