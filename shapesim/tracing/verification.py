"""Whether one picture is in another, and where: by local features, then by what is seen there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from shapesim.kernels import overlaying
from shapesim.kernels.matching import nearest_and_next
from shapesim.pictures.keypoints import Features, Level, Small
from shapesim.tracing.affine import Matrix3, applied, corners, scaling
from shapesim.types import Box, Raster

_RATIO = 0.85  # most that the nearest is away, of what the second nearest is
_REACH = 0.016  # of the found picture's side, by which matched points may be off
_SCALES = (0.15, 7.0)  # that occur
_COARSE, _STEP = (
    1.5,
    2**0.5,
)  # times larger is a found picture, before it is brought to fewer pixels
_COMPARED = 104  # pixels of an original's longer side, in which it is compared with what is seen
_WINDOW = 11  # pixels, in which both should vary alike
_GRAIN = 3.0  # grey levels: what varies less is flat
_LEAST = 0.04  # share of an original's frame that has to be in the picture
_CLEAR, _CLEAR_INLIERS = 0.85, 10
_PATCH = 9  # pixels, over which it is asked how much colours are off
_WORST = (0.5, 0.8, 0.9, 0.97)  # shares of the places, that are off by less
_COVERED = 32.0  # grey levels: what is off by more shows something else in front, not a sibling
_KEPT = 0.7  # share of the pixels that agree best: the others may be covered
_EACH = np.full(3, 1 / 3, np.float32)  # channel: numpy takes ten times as long for means of three


@dataclass(frozen=True, slots=True)
class Place:
    """Where an original may be in a found picture.

    Attributes:
        matrix: (3, 3) from the original's pixels to the found picture's.
        inliers: local features of both that agree on it.
        share: of the matched ones.
        likeness: how alike grey varies in both there, -1 to 1.
    """

    matrix: Matrix3
    inliers: int = 0
    share: float = 0.0
    likeness: float = -1.0

    @property
    def strength(self) -> float:
        """By which one place is preferred to another."""
        return self.likeness + 0.02 * min(self.inliers, 10)

    @property
    def is_clear(self) -> bool:
        """Whether there is no doubt that both are of one kind."""
        return self.inliers >= _CLEAR_INLIERS and self.likeness >= _CLEAR


@dataclass(frozen=True, slots=True)
class Verified:
    """An original compared with a place in a found picture.

    Attributes:
        place: where.
        colours: how near they are to the original's, 0 to 1.
        gaps: by how many grey levels, 32 at most, they are off from what one rule makes of the
            original's, place by place: quantiles ``_WORST``. What differs in one place is another
            thing of its kind.
        box: x, y, width and height of the place, in pixels of the found picture.
    """

    place: Place
    colours: float
    gaps: tuple[float, ...]
    box: Box

    @property
    def measures(self) -> tuple[float, ...]:
        """What speaks for it, in numbers."""
        place, gaps = self.place, np.log1p(self.gaps).tolist()
        return (
            float(np.log1p(place.inliers)), place.share, place.likeness,
            self.colours, *gaps, self.colours * gaps[2],
        )  # fmt: skip


NOTHING = (0.0,) * 4 + (float(np.log1p(_COVERED)),) * len(_WORST) + (0.0,)
"""``Verified.measures`` of what is nowhere to be found."""


def locate(found: Features, original: Features) -> Place | None:
    """Where an original is in a picture, if anywhere: all over it, or where local features agree.

    Args:
        found: the picture.
        original: what may be in it.
    """
    all_over = Place(scaling(original.small.size, found.small.size))
    return strongest(found.small, original.small, [all_over, *_agreed(found, original)])


def hinted(found: Small, original: Small, matrix: Matrix3) -> Place:
    """A place to look at, by a (3, 3) transform where width and height of both pictures are 1."""
    return Place(scaling((1, 1), found.size) @ matrix @ scaling(original.size, (1, 1)))


def strongest(found: Small, original: Small, places: Iterable[Place]) -> Place | None:
    """The place where what is seen is most like the original; None where nothing is seen."""
    tried = [
        replace(place, likeness=likeness)
        for place in places
        if (likeness := _likeness(*_side_by_side(found, original, place.matrix))) is not None
    ]
    return max(tried, key=lambda place: place.strength, default=None)


def compare(found: Small, original: Small, place: Place) -> Verified | None:
    """What speaks for an original at a place, which is moved to where both agree best.

    None where too little of it is in the picture.
    """
    tried = [
        (likeness, one)
        for one in (_refined(found, original, place), place)
        if (likeness := _likeness(*_side_by_side(found, original, one.matrix, by_steps=False)))
        is not None
    ]
    if not tried:
        return None
    likeness, one = max(tried, key=lambda pair: pair[0])
    pair = _side_by_side(found, original, one.matrix, by_steps=False)
    colours, gaps = _colours(*_overlaid(*pair))
    box = box_of(one.matrix, original, found)
    return Verified(replace(one, likeness=likeness), colours, gaps, box)


def box_of(matrix: Matrix3, original: Small, found: Small) -> Box:
    """Where an original's frame is by a (3, 3) transform, as far as it is in the picture."""
    placed = applied(matrix, corners(0, 0, *original.size))
    low = placed.min(axis=0).clip(0, found.size)
    high = placed.max(axis=0).clip(0, found.size)
    x, y = (int(value) for value in np.floor(low))
    right, bottom = (int(value) for value in np.ceil(high))
    return x, y, max(right - x, 1), max(bottom - y, 1)


def _agreed(found: Features, original: Features) -> Iterator[Place]:
    """Where local features agree.

    By RANSAC over affine transforms (M. Fischler and R. Bolles, 1981).
    """
    if min(len(found.points), len(original.points)) < 3:
        return
    alike = original.descriptors @ found.descriptors.T
    # Neighbours of the best are the same place; what competes is elsewhere.
    first, cosines = nearest_and_next(alike, found.points, 0.02 * max(found.small.size))
    distances = np.sqrt(np.maximum(2 - 2 * cosines, 0))
    good = distances[0] < _RATIO * distances[1]
    if good.sum() < 3:
        return
    start, end = original.points[good], found.points[first[good]]
    reach = _REACH * max(found.small.size)
    matrix, inside = cv2.estimateAffine2D(
        start, end, method=cv2.RANSAC, ransacReprojThreshold=reach, maxIters=500, confidence=0.99
    )
    if matrix is None or not np.isfinite(matrix).all():
        return
    # Relative to both sizes: a picture is not squeezed to a line.
    stretch = np.linalg.svd(matrix[:, :2], compute_uv=False)
    stretch = stretch * max(original.small.size) / max(found.small.size)
    if not (_SCALES[0] < stretch[1] and stretch[0] < min(_SCALES[1], 3 * stretch[1])):
        return
    hits = inside.ravel().astype(bool)
    # Many matches to one point are one.
    distinct = len({tuple(point) for point in np.round(end[hits] / reach).tolist()})
    placing = np.vstack([matrix, [0, 0, 1]])
    yield Place(placing, distinct, distinct / int(good.sum()))


def _refined(found: Small, original: Small, place: Place) -> Place:
    """The place moved so that both correlate best.

    G. Evangelidis and E. Psarakis, "Parametric Image Alignment Using Enhanced Correlation
    Coefficient Maximization", PAMI 2008.
    """
    ours, theirs, placing = _side_by_side(found, original, place.matrix, by_steps=False)
    start = placing[:2].astype(np.float32)
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 1e-4)
    empty: Any = None
    try:
        _, moved = cv2.findTransformECC(
            ours.grey, theirs.grey, start, cv2.MOTION_AFFINE, stop, empty, 5
        )
    except cv2.error:  # nothing to hold on to
        return place
    if not np.isfinite(moved).all() or abs(np.linalg.det(moved[:, :2])) < 1e-3:
        return place
    back = scaling(theirs.grey.shape[::-1], found.size)
    matrix = back @ np.vstack([moved, [0, 0, 1]]) @ scaling(original.size, ours.grey.shape[::-1])
    return Place(matrix, place.inliers, place.share)


def _side_by_side(
    found: Small, original: Small, matrix: Matrix3, by_steps: bool = True
) -> tuple[Level, Level, Matrix3]:
    """Both pictures at one scale, and the transform from the original's to the other's.

    By steps, at about one scale: few levels are made then, but fine colours differ.
    """
    ours = original.level(_COMPARED / max(original.pixels.shape[:2]))
    grown = matrix @ scaling(ours.grey.shape[::-1], original.size)
    scale = max(found.pixels.shape[:2]) / max(found.size)
    coarse = float(np.sqrt(abs(np.linalg.det(grown[:2, :2])))) * scale
    if coarse > _COARSE and by_steps:
        coarse = _COARSE * _STEP ** float(np.floor(np.log(coarse / _COARSE) / np.log(_STEP)))
    # Else what lies between its pixels would not be seen.
    theirs = found.level(1 / coarse if coarse >= _COARSE else 1)
    return ours, theirs, scaling(found.size, theirs.grey.shape[::-1]) @ grown


def _likeness(ours: Level, theirs: Level, placing: Matrix3) -> float | None:
    """How alike grey varies in both; None where too little of the original is in the picture."""
    found = overlaying.likeness(ours.grey, theirs.grey, placing, _LEAST, _WINDOW, _GRAIN)
    return None if found < -1.5 else found


def _overlaid(
    ours: Level, theirs: Level, placing: Matrix3
) -> tuple[Raster, Raster, NDArray[np.float32]]:
    """An original, what is seen in its place, and where that is within the found picture."""
    size = ours.grey.shape[::-1]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    seen: Any = cv2.warpAffine(theirs.pixels, placing[:2], size, flags=flags)
    ones = np.ones(theirs.grey.shape, np.float32)
    inside = cv2.warpAffine(ones, placing[:2], size, flags=flags)
    return ours.pixels, seen, (inside > 0.9).astype(np.float32)


def _mean(plane: Any, window: int) -> Any:
    return cv2.blur(plane, (window, window), borderType=cv2.BORDER_CONSTANT)


def _colours(ours: Any, seen: Any, mask: NDArray[np.float32]) -> tuple[float, tuple[float, ...]]:
    """How a place's colours follow from the original's.

    Only what is near some edge counts: the ground of two renders always agrees.

    Returns:
        How near they are, 0 to 1, and by how much they are off from what a rule makes of them, at
        the quantiles ``_WORST``.
    """
    one, other = (
        _mean(picture.astype(np.float32) * mask[..., None], 5) for picture in (ours, seen)
    )
    share = np.maximum(_mean(mask, 5), 1e-3)[..., None]
    one, other = one / share, other / share
    varies = mask * _varied(other, mask)
    varied = mask * _varied(one, mask) + varies
    rows = varied > 0.5
    if (varies > 0.5).sum() < 16:  # what is plain follows from anything
        return 0.0, (_COVERED,) * len(_WORST)
    near = np.abs(one[rows] - other[rows]) @ _EACH
    most = round(_KEPT * len(near))
    near = np.partition(near, most)[:most].mean()
    known = np.concatenate([one, np.full((*one.shape[:2], 1), 64.0, np.float32)], axis=2)
    of, to = known[rows], other[rows]
    unchanged = np.eye(4, 3, dtype=np.float32)
    ridge = np.eye(4, dtype=np.float32) * 50 * len(of) / 10
    kept = np.ones(len(of), bool)
    for _ in range(3):
        some, same = of[kept], to[kept]
        rule = np.linalg.solve(some.T @ some + ridge, some.T @ same + ridge @ unchanged)
        apart = np.abs(to - of @ rule) @ _EACH
        kept = apart <= np.partition(apart, most)[most]
    off = np.abs(other - known @ rule) @ _EACH
    shown = (varied > 0.1).astype(np.float32)
    gaps = _mean(off * shown, _PATCH) / np.maximum(_mean(shown, _PATCH), 0.05)
    worst = np.quantile(gaps[shown > 0], _WORST).clip(max=_COVERED).tolist()
    return float(np.exp(-near / 16)), tuple(worst)


def _varied(picture: Any, mask: NDArray[np.float32]) -> Any:
    """How much colours vary around each pixel, 1 from where it is seen."""
    window = 2 * _WINDOW - 1
    share = np.maximum(_mean(mask, window), 1e-3)[..., None]
    mean = _mean(picture * mask[..., None], window) / share
    square = _mean(picture**2 * mask[..., None], window) / share
    return np.sqrt(3 * (np.maximum(square - mean**2, 0) @ _EACH)) / (4 * _GRAIN)
