"""From where a picture shows a mesh, and how alike the two are from there.

What looks nearly alike from everywhere, such as the parts of one kit, is told apart by rendering it
as the picture shows it: the mesh is turned until its outlines fit the picture's, rendered in that
pose, and laid over the picture; then both are compared place by place. Outlines are compared by
direction, as in D. Hinterstoisser et al., "Gradient Response Maps for Real-Time Detection of
Textureless Objects", PAMI 2012; the places by the depths of an ImageNet network, after R. Zhang et
al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from shapesim.blas import one_thread
from shapesim.pictures.images import square_part
from shapesim.rendering.views import on_background, render
from shapesim.types import WHOLE, Camera, Mesh, Raster, Shares
from shapesim.workers import cores

_MARGIN = 0.15  # of a box's longer side, that is looked at around it
_COARSE, _FINE, _SEEN = 64, 96, 256  # pixels of a picture for the search, the fit, the network
_GRID: tuple[Camera, ...] = tuple(
    (float(azimuth), elevation)
    for elevation, azimuth in product((-5.0, 15.0, 35.0, 55.0), np.arange(0, 360, 22.5))
)
_STARTS = 8  # of them are gone on from
_APART = 20.0  # degrees across or up, by more than which two of those have to differ
# Degrees across and up, by which these are turned further; and how many remain.
_STEPS = ((11.0, 10.0, 6), (5.5, 5.0, 4), (2.75, 2.5, 3))
_SCALES = (0.75, 0.88, 1.0, 1.13, 1.27)  # of a view's frame, to the box's longer side
_FINE_SCALES = np.geomspace(0.88, 1.14, 7)  # of the scale that fitted best
_SMOOTH = 1.2  # pixels
_FLAT = 1e-3  # outlines that are none: they would correlate with anything
_RING = 0.06  # of the picture's side, around a mesh, that counts as well


@dataclass(frozen=True, slots=True)
class _Placed:
    """A view laid over a picture.

    Attributes:
        score: of outlines and filling together; -inf where nothing of the view fits.
        outlines: correlation of their outlines.
        filling: how much it fills the box.
        scale: of the view's frame, to the box's longer side.
        corner: x and y of the frame within the picture's square, in shares of its side.
    """

    score: float
    outlines: float
    filling: float
    scale: float
    corner: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Pose:
    """How a mesh stands where a picture shows it.

    Attributes:
        camera: azimuth and elevation, in degrees.
        outlines: correlation of their outlines, -1 to 1.
        filling: how much it fills the box: intersection over union with its own, 0 to 1.
        overlay: (S, S, 3) the mesh as it would look there.
        weights: (S, S) 0 to 1, how much each place counts: it and a ring around it.
    """

    camera: Camera
    outlines: float
    filling: float
    overlay: Raster
    weights: NDArray[np.float32]


class Sight:
    """A picture of one thing.

    Args:
        picture: (H, W, 3).
        box: where in it the thing is.
        tight: how much it counts that a mesh fills the box, beside that its outlines fit.
    """

    def __init__(self, picture: Raster, box: Shares = WHOLE, tight: float = 0.0) -> None:
        height, width = picture.shape[:2]
        x, y, wide, tall = np.array(box) * [width, height, width, height]
        longer = max(wide, tall)
        self._share = 1 + 2 * _MARGIN  # the square's side, to the box's
        side = max(8, round(longer * self._share))
        left, top = round(x + wide / 2 - side / 2), round(y + tall / 2 - side / 2)
        square, inside = square_part(picture, left, top, side)
        self._box = np.array([x - left, y - top, x + wide - left, y + tall - top]) / side
        self._tight = tight
        self.picture = _resized(square, _SEEN)
        self._inside = _resized(inside.astype(np.float32), _SEEN)
        self._coarse = [(scale, self._outlines(_COARSE, scale)) for scale in _SCALES]
        rim = np.ones((_SEEN, _SEEN), bool)
        rim[3:-3, 3:-3] = False
        self._ground = np.median(self.picture[rim], axis=0).astype(np.uint8)

    def _outlines(self, view: int, scale: float) -> NDArray[np.float32]:
        """Of the square, in which a view of so many pixels has the scale."""
        side = round(view * self._share / scale)
        inside = (_resized(self._inside, side) > 0.5).astype(np.float32)
        # That the picture ends, and what is made up beyond, is no outline of the thing.
        reach = 2 * round(2 * _SMOOTH) + 1
        kept = cv2.erode(inside, np.ones((reach, reach), np.uint8), borderValue=1)
        return _outlines(_resized(self.picture, side)) * kept[..., None]

    def pose(self, mesh: Mesh) -> Pose:
        """How a mesh (y up) would have to stand to look like the picture."""
        grid = self._fitted(mesh, _GRID, _COARSE, self._coarse)
        found = [(grid[row], _GRID[row]) for row in _distinct([one.score for one in grid])]
        for across, up, kept in _STEPS:
            found = [self._turned(mesh, placed, at, across, up) for placed, at in found]
            found = sorted(found, key=lambda one: -one[0].score)[:kept]
        fine = []
        for placed, at in found:
            scales = [(s, self._outlines(_FINE, s)) for s in placed.scale * _FINE_SCALES]
            fine.append((self._fitted(mesh, [at], _FINE, scales)[0], at))
        best, camera = max(fine, key=lambda one: one[0].score)
        return self._overlaid(mesh, camera, best)

    def _turned(
        self, mesh: Mesh, placed: _Placed, camera: Camera, across: float, up: float
    ) -> tuple[_Placed, Camera]:
        """The best of a camera and its four neighbours."""
        azimuth, elevation = camera
        around = [(azimuth + across, elevation), (azimuth - across, elevation),
                  (azimuth, elevation + up), (azimuth, elevation - up)]  # fmt: skip
        seen = self._fitted(mesh, around, _COARSE, self._coarse)
        return max(
            [(placed, camera), *zip(seen, around, strict=True)], key=lambda one: one[0].score
        )

    def _fitted(
        self,
        mesh: Mesh,
        cameras: Sequence[Camera],
        size: int,
        scales: Sequence[tuple[float, NDArray[np.float32]]],
    ) -> list[_Placed]:
        views = render(mesh, list(cameras), size)
        return [self._place(view, scales) for view in views]

    def _place(
        self, view: NDArray[np.uint8], scales: Sequence[tuple[float, NDArray[np.float32]]]
    ) -> _Placed:
        """The best place of a (S, S, 4) view: where it correlates and fills the box."""
        rows, columns = (np.flatnonzero((view[..., 3] > 0).any(axis=axis)) for axis in (1, 0))
        best = _Placed(-np.inf, -1.0, 0.0, 1.0, (0.0, 0.0))
        if not len(rows):
            return best
        top, left = max(rows[0] - 3, 0), max(columns[0] - 3, 0)
        part = _outlines(on_background(view))[top : rows[-1] + 4, left : columns[-1] + 4]
        low = np.array([columns[0] - left, rows[0] - top])
        size = np.array([columns[-1] - columns[0], rows[-1] - rows[0]]) + 1
        if np.ptp(part) < _FLAT:
            return best
        for scale, outlines in scales:
            if part.shape[0] > outlines.shape[0] or part.shape[1] > outlines.shape[1]:
                continue
            fits = cv2.matchTemplate(outlines, np.ascontiguousarray(part), cv2.TM_CCOEFF_NORMED)
            side = len(outlines)
            filled = fillings(self._box * side, low, size, fits.shape)
            _, score, _, (x, y) = cv2.minMaxLoc(fits + self._tight * filled)
            if np.isfinite(score) and score > best.score:
                corner = (x - left) / side, (y - top) / side
                best = _Placed(score, float(fits[y, x]), float(filled[y, x]), scale, corner)
        return best

    def _overlaid(self, mesh: Mesh, camera: Camera, placed: _Placed) -> Pose:
        view = render(mesh, [camera], _SEEN)[0]
        side = placed.scale / self._share
        matrix = np.array(
            [[side, 0, placed.corner[0] * _SEEN], [0, side, placed.corner[1] * _SEEN]]
        )
        red, green, blue = self._ground.tolist()
        overlay: Any = cv2.warpAffine(
            on_background(view, (red, green, blue)), matrix, (_SEEN, _SEEN),
            flags=cv2.INTER_LINEAR, borderValue=(red, green, blue),
        )  # fmt: skip
        mask = cv2.warpAffine(view[..., 3].astype(np.float32) / 255, matrix, (_SEEN, _SEEN))
        ring = 2 * round(_RING * _SEEN / 2) + 1
        weights = cv2.dilate(mask, np.ones((ring, ring), np.uint8)) * self._inside
        return Pose(
            camera, placed.outlines, placed.filling, overlay, np.asarray(weights, np.float32)
        )


def fillings(
    box: NDArray[np.float64], low: NDArray[np.int64], size: NDArray[np.int64], shape: Sequence[int]
) -> NDArray[np.float32]:
    """Intersection over union with a box, of another that is moved by so many rows and columns.

    Args:
        box: (4,) left, top, right and bottom.
        low: (2,) left and top of the other.
        size: (2,) its width and height.
        shape: (2,) rows and columns.
    """
    across, down = (
        (np.minimum(starts + long, box[axis + 2]) - np.maximum(starts, box[axis])).clip(0)
        for axis, (start, long, count) in enumerate(zip(low, size, shape[::-1], strict=True))
        for starts in [start + np.arange(count)]
    )
    both = down[:, None] * across
    areas = size.prod() + (box[2:] - box[:2]).prod()
    return np.asarray(both / (areas - both), np.float32)


def _outlines(picture: Raster) -> NDArray[np.float32]:
    """(S, S, 4) how much the colours of a (S, S, 3) picture change along four directions."""
    values = picture.astype(np.float32)
    across, down = cv2.Sobel(values, cv2.CV_32F, 1, 0), cv2.Sobel(values, cv2.CV_32F, 0, 1)
    # Of the three colours, the one that changes most.
    most = (np.abs(across) + np.abs(down)).argmax(axis=2)[..., None]
    x, y = (np.take_along_axis(d, most, axis=2)[..., 0] for d in (across, down))
    size = np.hypot(x, y) + 1e-6
    # Twice the angle: light to dark is as good as dark to light.
    even, odd = (x * x - y * y) / size**2, 2 * x * y / size**2
    parts = np.stack([even, -even, odd, -odd], axis=-1).clip(0) * np.sqrt(size)[..., None]
    return np.asarray(cv2.GaussianBlur(parts, (0, 0), _SMOOTH), np.float32)


def _resized(picture: NDArray[Any], side: int) -> NDArray[Any]:
    method = cv2.INTER_AREA if side < len(picture) else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (side, side), interpolation=method))


def _distinct(scores: Sequence[float]) -> list[int]:
    """Rows of the grid's best cameras, of two above each other only the better one."""
    rows: list[int] = []
    for row in np.argsort(-np.array(scores), kind="stable").tolist():
        azimuth, elevation = _GRID[row]
        if all(
            abs((azimuth - _GRID[other][0] + 180) % 360 - 180) > _APART
            or abs(elevation - _GRID[other][1]) > _APART
            for other in rows
        ):
            rows.append(row)
        if len(rows) == _STARTS:
            break
    return rows


def poses(sight: Sight, meshes: Sequence[Mesh]) -> list[Pose]:
    """The pose of each, with all cores."""
    # OpenCV and the renderer work outside of Python's lock.
    with one_thread(), ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(sight.pose, meshes))
