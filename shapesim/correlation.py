"""Where originals may be in a picture: small copies of both compared, all originals at once.

Local features need corners and sharp edges. What is blurred, plain or written over has few, but its
brightness still rises and falls where the original's does. So every original is looked for at many
sizes and some turns, in a few pixels, and the other way round: a cut picture in every original.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from shapesim.types import Image

Plane = NDArray[np.float32]
"""(H, W) grey."""

_FOUND = 128  # pixels of a found picture's longer side
_SOUGHT = 24  # of an original's longer side, that is looked for in it
_AMONG = 28  # of an original's longer side, in which the found picture is looked for
_TILE = 40  # of that, turned
_STEP = 4  # pixels by which shorter sides differ: what has equal sides is compared together
_LEAST = 8  # pixels of a side
_GROWN = (1.0, 0.83, 0.69, 0.58, 0.48, 0.4, 0.33, 0.28)  # of the side, that an original fills
_FINE = 0.5  # of it, below which every other place is tried
_PLACES = 8000  # that are tried at most, about: a strip of a picture has more
_CUT = (0.87, 0.76, 0.66, 0.57, 0.5)  # of an original's side, that are left
_WAYS = ((False, 0), (True, 0), (False, -24), (False, -12), (False, 12), (False, 24))
"""Whether the found picture is mirrored, and by how many degrees it is turned."""
_WINDOW = 5  # pixels, over which brightness and contrast are made alike
_GRAIN = 6.0  # grey levels: what varies less is flat
_FLAT = 0.08  # of that scale, as deviation of all that is compared
_KEPT = 2  # places of each original


@dataclass(frozen=True, slots=True)
class Hint:
    """Where an original may be.

    Attributes:
        score: correlation of what is seen there, -1 to 1.
        matrix: (3, 3) from the original to the found picture, or to its mirror image, where
            width and height of both are 1.
        is_mirrored: which of both.
    """

    score: float
    matrix: NDArray[np.float64]
    is_mirrored: bool


@dataclass(frozen=True, slots=True)
class _Tried:
    """Originals of equal sides, compared in one way.

    Attributes:
        scores: (N,) the best of each.
        corners: (N,) where that is, as number of a corner, row by row.
        width: corners in a row.
        before, after: (3, 3) that make a hint's matrix of the shift to that corner.
        is_cut: whether the shift is in the original, and not in the found picture.
        is_mirrored: the found picture.
    """

    scores: NDArray[np.float32]
    corners: NDArray[np.int64]
    width: int
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    is_cut: bool
    is_mirrored: bool

    def hint(self, row: int) -> Hint:
        y, x = divmod(int(self.corners[row]), self.width)
        shift = np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])
        matrix = self.before @ shift @ self.after
        if self.is_cut:
            matrix = np.linalg.inv(matrix)
        return Hint(float(self.scores[row]), matrix, self.is_mirrored)


def sweep(found: Image, originals: Sequence[Image]) -> list[list[Hint]]:
    """The likeliest places of many originals in one picture, the likeliest first.

    By normalised correlation of what is left when brightness and contrast are the same everywhere.

    Args:
        found: (H, W, 3) uint8.
        originals: (H, W, 3) uint8 each.

    Returns:
        Two places of each original.
    """
    alike: dict[tuple[int, int], list[int]] = {}
    for row, original in enumerate(originals):
        height, width = original.shape[:2]
        sides = (_rounded(_SOUGHT * side / max(height, width)) for side in (width, height))
        alike.setdefault((next(sides), next(sides)), []).append(row)
    grey = cv2.cvtColor(found, cv2.COLOR_RGB2GRAY)
    scale = _FOUND / max(grey.shape)
    straight = _resized(grey, *(max(_LEAST, round(side * scale)) for side in grey.shape[::-1]))
    sides_of = (straight, np.ascontiguousarray(straight[:, ::-1]))
    hints: list[list[Hint]] = [[] for _ in originals]
    # OpenCV and NumPy's products work outside of Python's lock.
    with ThreadPoolExecutor() as pool:
        for (width, height), rows in alike.items():
            greys = [cv2.cvtColor(originals[row], cv2.COLOR_RGB2GRAY) for row in rows]
            ways = [(sides_of[is_mirrored], is_mirrored, turn) for is_mirrored, turn in _WAYS]
            look = partial(_looked_for, greys, (width, height))
            tried = [one for part in pool.map(look, *zip(*ways, strict=True)) for one in part]
            scores = np.stack([one.scores for one in tried])
            best = np.argsort(-scores, axis=0)[:_KEPT]
            for column, row in enumerate(rows):
                hints[row] = [tried[number].hint(column) for number in best[:, column]]
    return hints


def _looked_for(
    originals: Sequence[Any], size: tuple[int, int], found: Any, is_mirrored: bool, turn: int
) -> list[_Tried]:
    return [
        *_in_found(originals, size, found, is_mirrored, turn),
        *_in_originals(originals, size, found, is_mirrored, turn),
    ]


def _in_found(
    originals: Sequence[Any], size: tuple[int, int], found: Any, is_mirrored: bool, turn: int
) -> Iterator[_Tried]:
    """Every original, so many pixels wide and high, in the found picture at several sizes."""
    width, height = size
    sought = _units(np.stack([_levelled(_resized(one, *size)).ravel() for one in originals]))
    most = min(found.shape[1] / width, found.shape[0] / height)
    for share in _GROWN:
        sides = (
            max(least, round(side / (most * share)))
            for side, least in zip(found.shape[::-1], size, strict=True)
        )
        small = _resized(found, *sides)
        turned, matrix = _turned(small, -turn)
        plane = _levelled(turned)
        windows = sliding_window_view(plane, (height, width))
        places = windows.shape[0] * windows.shape[1]
        step = max(2 if share < _FINE else 1, round(np.sqrt(places / _PLACES)))
        norms = _norms(plane, width, height)
        some = windows[::step, ::step]
        scores = some.reshape(-1, width * height) @ sought.T
        scores /= norms[::step, ::step].reshape(-1, 1)
        coarse = np.array(np.unravel_index(scores.argmax(axis=0), some.shape[:2])) * step
        y, x = coarse
        best = scores.max(axis=0)
        if step > 1:  # the places around the best, which were left out
            last = np.array(windows.shape[:2])[:, None] - 1
            for shift in product((-1, 0, 1), repeat=2):
                near_y, near_x = (coarse + np.array(shift)[:, None]).clip(0, last)
                near = windows[near_y, near_x].reshape(len(sought), -1)
                score = np.einsum("np,np->n", near, sought) / norms[near_y, near_x]
                y, x = np.where(score > best, (near_y, near_x), (y, x))
                best = np.maximum(best, score)
        to_found = _scaling(1 / small.shape[1], 1 / small.shape[0]) @ np.linalg.inv(matrix)
        yield _Tried(
            best, y * windows.shape[1] + x, windows.shape[1], to_found, _scaling(width, height),
            False, is_mirrored,
        )  # fmt: skip


def _in_originals(
    originals: Sequence[Any], size: tuple[int, int], found: Any, is_mirrored: bool, turn: int
) -> Iterator[_Tried]:
    """The found picture at several sizes in every original: these are laid out as one picture."""
    width, height = (round(side * _AMONG / _SOUGHT) for side in size)
    across = int(np.ceil(np.sqrt(len(originals))))
    tiles = np.zeros((-(-len(originals) // across) * across, _TILE, _TILE), np.float32)
    matrix = np.eye(3)
    for number, original in enumerate(originals):
        tile, matrix = _turned(_resized(original, width, height), turn, (_TILE, _TILE))
        tiles[number] = _levelled(tile)
    laid = tiles.reshape(-1, across, _TILE, _TILE).swapaxes(1, 2)
    plane = np.ascontiguousarray(laid.reshape(-1, across * _TILE))
    fit = min(width / found.shape[1], height / found.shape[0])
    for share in _CUT:
        wide, tall = (max(_STEP, round(side * fit * share)) for side in found.shape[::-1])
        sought = _units(_levelled(_resized(found, wide, tall)).reshape(1, -1)).reshape(tall, wide)
        inside = np.full(plane.shape, -1, np.float32)
        scores = cv2.matchTemplate(plane, sought, cv2.TM_CCORR) / _norms(plane, wide, tall)
        inside[: scores.shape[0], : scores.shape[1]] = scores
        by_tile = inside.reshape(-1, _TILE, across, _TILE).swapaxes(1, 2)
        by_tile = by_tile.reshape(-1, _TILE, _TILE)[: len(originals)]
        by_tile = by_tile[:, : _TILE - tall + 1, : _TILE - wide + 1]
        rows = by_tile.reshape(len(originals), -1)
        corners = rows.argmax(axis=1)
        yield _Tried(
            rows[np.arange(len(rows)), corners], corners, by_tile.shape[2],
            _scaling(1 / width, 1 / height) @ np.linalg.inv(matrix), _scaling(wide, tall),
            True, is_mirrored,
        )  # fmt: skip


def _rounded(side: float) -> int:
    return max(_LEAST, _STEP * round(side / _STEP))


def _scaling(x: float, y: float) -> NDArray[np.float64]:
    return np.diag([x, y, 1.0])


def _resized(plane: Any, width: int, height: int) -> Any:
    smaller = width < plane.shape[1]
    return cv2.resize(
        plane, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    )


def _turned(
    plane: Any, degrees: int, size: tuple[int, int] | None = None
) -> tuple[Any, NDArray[np.float64]]:
    """A plane turned about its middle, clockwise, on what is at its edges, and the transform.

    Args:
        plane: (H, W) grey.
        degrees: by which it is turned.
        size: width and height of the result; None for all of it.
    """
    height, width = plane.shape
    if not degrees and not size:
        return plane, np.eye(3)
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    whole = np.ceil(np.abs([[cos, sin], [sin, cos]]) @ [width, height]).astype(int).tolist()
    size = size or (whole[0], whole[1])
    matrix = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1.0]])
    middle = np.array([width - 1, height - 1]) / 2
    matrix[:2, 2] = (np.array(size) - 1) / 2 - matrix[:2, :2] @ middle
    edges = np.concatenate([plane[0], plane[-1], plane[:, 0], plane[:, -1]])
    ground = float(np.median(edges))
    return cv2.warpAffine(plane, matrix[:2], size, borderValue=ground), matrix


def _levelled(plane: Any) -> Plane:
    """Grey less what it is around each pixel, by how much it varies there."""
    grey = plane.astype(np.float32)
    size = (_WINDOW, _WINDOW)
    mean = cv2.blur(grey, size, borderType=cv2.BORDER_REPLICATE)
    square = cv2.blur(grey * grey, size, borderType=cv2.BORDER_REPLICATE)
    varies = np.maximum(square - mean * mean, 0)
    return np.asarray((grey - mean) / np.sqrt(varies + np.float32(_GRAIN**2)), np.float32)


def _units(rows: Plane) -> Plane:
    """(N, P) rows about 0, of length 1, or less where they are flat."""
    rows = rows - rows.mean(axis=1, keepdims=True)
    least = np.float32(np.sqrt(rows.shape[1]) * _FLAT)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), least))


def _norms(plane: Plane, width: int, height: int) -> Plane:
    """Lengths of what is in a window about its mean, for each corner of a window."""
    count = width * height
    sums, squares = (
        cv2.boxFilter(values, -1, (width, height), anchor=(0, 0), normalize=False)[
            : plane.shape[0] - height + 1, : plane.shape[1] - width + 1
        ]
        for values in (plane, plane * plane)
    )
    lengths = np.sqrt(np.maximum(squares - sums * sums / count, 0))
    return np.asarray(np.maximum(lengths, np.float32(np.sqrt(count) * _FLAT)), np.float32)
