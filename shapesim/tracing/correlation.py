"""Where originals may be in a picture: small copies of both compared, all originals at once.

Local features need corners and sharp edges. What is blurred, plain or written over has few, but its
brightness still rises and falls where the original's does. So every original is looked for at many
sizes and some turns, in a few pixels, and the other way round: a cut picture in every original.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice, product
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from shapesim.kernels import correlating
from shapesim.pictures.keypoints import greyed
from shapesim.tracing.affine import Matrix3, applied, inverse, scaling, shifting, turned
from shapesim.types import Raster

Grey = NDArray[np.uint8]
"""(H, W) grey levels."""
Plane = NDArray[np.float32]
"""(H, W) grey less what it is around, by how much it varies there."""

_FOUND_SIDE = 128  # pixels of a found picture's longer side
_SOUGHT = 24**2  # of an original, that is looked for in it
_LEAST = 8  # of its shorter side
_AMONG = 7 / 6  # so many times larger is an original, in which the found picture is looked for
_GROWN = (1.0, 0.83, 0.69, 0.58, 0.48, 0.4, 0.33, 0.28)  # of the side, that an original fills
_FINE = 0.5  # of it, below which every other place is tried
_PLACES = 4000  # that are tried at most, about: a strip of a picture has more
_PLANE = (
    400_000  # pixels of the found picture: brought to the width of an original, a strip is longer
)
_AROUND = 2  # pixels around the best of those, that are tried, too
_CUT = (0.87, 0.76, 0.66, 0.57, 0.5)  # of an original's side, that are left
_PIXELS = 100  # that are compared at least: fewer agree with anything
_TURNS = (0, -24, -12, 12, 24)  # degrees of the found picture: as it is, it may be mirrored, too
_WINDOW = 5  # pixels, over which brightness and contrast are made alike
_MARGIN = _WINDOW // 2
_GRAIN = 6.0  # grey levels: what varies less is flat
_FLAT = 0.08  # of that scale, as deviation of all that is compared
_KEPT = 2  # places of each original
_APART = 0.1  # of the found picture's sides, between their middles


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
    matrix: Matrix3
    is_mirrored: bool

    @property
    def middle(self) -> NDArray[np.float64]:
        """(2,) of the original, in the found picture."""
        x, y = applied(self.matrix, np.array([[0.5, 0.5]]))[0]
        return np.array([1 - x if self.is_mirrored else x, y])


@dataclass(frozen=True, slots=True)
class _Group:
    """Originals of equal sides, which are compared together.

    Attributes:
        size: width and height, to which they are brought to be looked for.
        sought: (N, P) unit rows of those pixels.
        larger: (N, H, W), in which the found picture is looked for.
    """

    size: tuple[int, int]
    sought: Plane
    larger: Grey

    @classmethod
    def of(cls, originals: Sequence[Grey], size: tuple[int, int]) -> _Group:
        width, height = (round(side * _AMONG) for side in size)
        sought = _levelled_each(np.stack([_resized(one, *size) for one in originals]))
        larger = np.stack([_resized(one, width, height) for one in originals])
        return cls(size, _units(sought.reshape(len(sought), -1)), larger)


@dataclass(frozen=True, slots=True)
class _Tried:
    """Originals of equal sides, compared in one way.

    Attributes:
        scores: (N,) the best of each.
        places: (N, 2) x and y of the corner where that is.
        matrix_at: from such a corner to a hint's matrix.
        is_mirrored: the found picture.
    """

    scores: NDArray[np.float32]
    places: NDArray[np.int64]
    matrix_at: Callable[[float, float], Matrix3]
    is_mirrored: bool

    def hint(self, row: int) -> Hint:
        x, y = self.places[row].tolist()
        return Hint(float(self.scores[row]), self.matrix_at(x, y), self.is_mirrored)


def sweep(
    found: Raster, originals: Sequence[Raster], mapped: Callable[..., Any] = map
) -> list[list[Hint]]:
    """The likeliest places of many originals in one picture, the likeliest first.

    By normalised correlation of what is left when brightness and contrast are the same everywhere.

    Args:
        found: (H, W, 3) uint8.
        originals: (H, W, 3) uint8 each.
        mapped: what maps functions, such as that of a pool of threads.

    Returns:
        Two places of each original that are apart, or fewer; none of a strip.
    """
    alike: dict[tuple[int, int], list[int]] = {}
    hints: list[list[Hint]] = [[] for _ in originals]
    for row, original in enumerate(originals):
        if sides := _sought_sides(original):
            alike.setdefault(sides, []).append(row)
    grey = greyed(found)
    scale = _FOUND_SIDE / max(grey.shape)
    straight = _resized(grey, *(max(1, round(side * scale)) for side in grey.shape[::-1]))
    mirrored = np.ascontiguousarray(straight[:, ::-1])
    if not alike:
        return hints
    groups = [
        _Group.of([greyed(originals[row]) for row in rows], size) for size, rows in alike.items()
    ]
    looks = zip(*product(groups, _TURNS), strict=True)
    looked = iter(mapped(partial(_looked_for, (straight, mirrored)), *looks))
    for rows in alike.values():
        tried = [one for part in islice(looked, len(_TURNS)) for one in part]
        if not tried:
            continue
        scores = np.stack([one.scores for one in tried])
        order = np.argsort(-scores, axis=0)
        for column, row in enumerate(rows):
            hints[row] = _apart(tried[number].hint(column) for number in order[:, column])
    return hints


def _apart(hints: Iterator[Hint]) -> list[Hint]:
    """The first of them, and the next that leads elsewhere."""
    kept: list[Hint] = []
    for hint in hints:
        if all(
            hint.is_mirrored != other.is_mirrored
            or np.abs(hint.middle - other.middle).max() > _APART
            for other in kept
        ):
            kept.append(hint)
            if len(kept) == _KEPT:
                break
    return kept


def _sought_sides(original: Raster) -> tuple[int, int] | None:
    """Width and height, to which an original is brought; None of strips.

    Rounded, so that many are alike and are compared together, but the shorter side less.
    """
    height, width = original.shape[:2]
    scale = np.sqrt(_SOUGHT / (width * height))
    shorter = min(width, height) * scale
    if round(shorter) < _LEAST:
        return None
    step = 4 if shorter > 2 * _LEAST else 2
    wide, tall = (step * round(side * scale / step) for side in (width, height))
    return wide, tall


def _looked_for(found: tuple[Grey, Grey], group: _Group, turn: int) -> list[_Tried]:
    """In the found picture and its mirror image, turned by so much."""
    laid = _Laid.of(group, turn)
    return [
        tried
        for is_mirrored, one in enumerate(found if turn == 0 else found[:1])
        for tried in (
            *_in_found(group, one, bool(is_mirrored), turn),
            *_in_originals(laid, one, bool(is_mirrored)),
        )
    ]


def _in_found(group: _Group, found: Grey, is_mirrored: bool, turn: int) -> Iterator[_Tried]:
    """Every original in the found picture at several sizes."""
    width, height = group.size
    most = min(found.shape[1] / width, found.shape[0] / height)
    for share in _GROWN:
        sides = [round(side / (most * share)) for side in found.shape[::-1]]
        if sides[0] * sides[1] > _PLANE:
            break
        small = _resized(found, max(sides[0], width), max(sides[1], height))
        leant, matrix = turned(small, -turn, _edge(small)) if turn else (small, np.eye(3))
        if leant.size > _PLANE:
            break
        plane = _levelled(leant)
        norms = correlating.window_norms(plane, height, width, _least(height, width))
        step = max(2 if share < _FINE else 1, round(np.sqrt(norms.size / _PLACES)))
        scores = group.sought @ correlating.windows(plane, height, width, step).T
        reach = min(step // 2, _AROUND)  # the best may be one that was left out
        best, places = correlating.best_windows(
            scores, group.sought, plane, norms, height, width, step, reach
        )
        of_original = scaling((1, 1), group.size)
        to_found = scaling(small.shape[::-1], (1, 1)) @ inverse(matrix)
        yield _Tried(
            best, places,
            partial(_placed, of_original, to_found), is_mirrored,
        )  # fmt: skip


def _placed(before: Matrix3, after: Matrix3, x: float, y: float) -> Matrix3:
    return after @ shifting(x, y) @ before


@dataclass(frozen=True, slots=True)
class _Laid:
    """The larger originals of a group, turned and laid out as one picture.

    All at once: one by one, Python would keep one thread waiting for the other.

    Attributes:
        plane: of square tiles.
        side: of a tile.
        across: tiles in a row.
        count: of originals.
        size: width and height of each.
        matrix: from the points of an original to those of its tile.
    """

    plane: Plane
    side: int
    across: int
    count: int
    size: tuple[int, int]
    matrix: Matrix3

    @classmethod
    def of(cls, group: _Group, turn: int) -> _Laid:
        count, height, width = group.larger.shape
        side = round(1.42 * max(width, height))  # as large as it may be when turned
        tiles, matrix = _turned_each(group.larger, turn, side)
        across = int(np.ceil(np.sqrt(count)))
        laid = np.zeros((-(-count // across) * across, side, side), np.float32)
        laid[:count] = _levelled_each(tiles)
        plane = laid.reshape(-1, across, side, side).swapaxes(1, 2).reshape(-1, across * side)
        return cls(plane, side, across, count, (width, height), matrix)


def _turned_each(planes: Grey, degrees: float, side: int) -> tuple[Grey, Matrix3]:
    """(N, H, W), each turned clockwise about its middle into a square, on what is around it.

    Returns:
        (N, S, S), and from the points of a picture to those of its square.
    """
    count, height, width = planes.shape
    around = [planes[:, 0], planes[:, -1], planes[:, :, 0], planes[:, :, -1]]
    grounds = np.median(np.concatenate(around, axis=1), axis=1).astype(np.uint8)
    tiles = np.repeat(grounds, side * side).reshape(count, side, side)
    left, top = (side - width) // 2, (side - height) // 2
    tiles[:, top : top + height, left : left + width] = planes
    if not degrees:
        return tiles, shifting(left, top)
    _, matrix = turned(planes[0], degrees, 0, (side, side))
    back = shifting(left, top) @ inverse(matrix)
    y, x = np.mgrid[:side, :side]
    from_x, from_y = ((row[0] * x + row[1] * y + row[2]).clip(0, side - 1) for row in back[:2])
    rows = np.arange(0, count * side, side)[:, None, None]
    made = cv2.remap(
        tiles.reshape(-1, side),
        np.tile(from_x, (count, 1)).astype(np.float32),
        (from_y + rows).reshape(-1, side).astype(np.float32),
        cv2.INTER_LINEAR,
    )
    return np.asarray(made, np.uint8).reshape(tiles.shape), matrix


def _in_originals(laid: _Laid, found: Grey, is_mirrored: bool) -> Iterator[_Tried]:
    """The found picture at several sizes in every original."""
    plane, side, (width, height) = laid.plane, laid.side, laid.size
    fit = min(width / found.shape[1], height / found.shape[0])
    to_original = scaling(laid.size, (1, 1)) @ inverse(laid.matrix)
    for share in _CUT:
        wide, tall = (round(side * fit * share) for side in found.shape[::-1])
        if wide * tall < _PIXELS:
            continue
        sought = _units(_levelled(_resized(found, wide, tall)).reshape(1, -1)).reshape(tall, wide)
        scores = cv2.matchTemplate(plane, sought, cv2.TM_CCORR)
        best, places = correlating.best_in_tiles(
            scores, plane, laid.count, side, tall, wide, _least(tall, wide)
        )
        of_found = scaling((1, 1), (wide, tall))
        yield _Tried(
            best, places,
            partial(_cut, of_found, to_original), is_mirrored,
        )  # fmt: skip


def _cut(before: Matrix3, after: Matrix3, x: float, y: float) -> Matrix3:
    """The other way round: the found picture was placed in the original."""
    return inverse(_placed(before, after, x, y))


def _edge(plane: Grey) -> float:
    """What is around a picture."""
    return float(np.median(np.concatenate([plane[0], plane[-1], plane[:, 0], plane[:, -1]])))


def _resized(plane: Grey, width: int, height: int) -> Grey:
    is_smaller = width * height < plane.size
    method = cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(plane, (width, height), interpolation=method), np.uint8)


def _levelled(plane: Grey) -> Plane:
    """By mean and deviation of the pixels around."""
    grey = plane.astype(np.float32)
    size = (_WINDOW, _WINDOW)
    mean = cv2.blur(grey, size, borderType=cv2.BORDER_REPLICATE)
    square = cv2.blur(grey * grey, size, borderType=cv2.BORDER_REPLICATE)
    varies = np.maximum(square - mean * mean, 0)
    return np.asarray((grey - mean) / np.sqrt(varies + np.float32(_GRAIN**2)), np.float32)


def _levelled_each(planes: Grey) -> Plane:
    """(N, H, W), each by itself: one above the other, with margins between them."""
    margins = ((0, 0), (_MARGIN, _MARGIN), (_MARGIN, _MARGIN))
    framed = np.pad(planes, margins, "edge")
    levelled = _levelled(framed.reshape(-1, framed.shape[2])).reshape(framed.shape)
    return levelled[:, _MARGIN:-_MARGIN, _MARGIN:-_MARGIN]


def _units(rows: Plane) -> Plane:
    """(N, P) rows about 0, of length 1, or less where they are flat."""
    rows = rows - rows.mean(axis=1, keepdims=True)
    least = np.float32(_least(1, rows.shape[1]))
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), least))


def _least(height: int, width: int) -> float:
    """Length of what is flat."""
    return float(np.sqrt(height * width) * _FLAT)
