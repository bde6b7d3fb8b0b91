"""Pictures within a picture: what edges frame, as in screenshots, posts and collages."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from shapesim.types import Box, Raster

_SIDE = 256  # pixels, in which edges are looked for
_EDGE = 16  # grey levels from one pixel to the next
_LINES = 12  # columns, and rows, with the longest edges
_APART = 3  # pixels between those
_LEAST = 0.1  # of the picture's side, of frames and of edges
_EQUAL = 0.7  # share of two opposite edges that face each other
_AREAS = (0.03, 0.85)  # of the picture's, of frames
_FLAT = 6.0  # grey levels: what varies less shows nothing
_ONE = 0.7  # intersection over union, from which two frames are one
_LONG = 20.0  # pixels of a straight line, in twice as large a picture
_TURNS = (2.5, 40.0)  # degrees: less is nothing, and more may as well be another side up
_ALONG = 0.5  # share of the lines that run along two directions at right angles, within 2°


def frames(picture: Raster, count: int) -> list[Box]:
    """The likeliest few pictures within a (H, W, 3) picture, upright ones: the largest first.

    Of a frame, at least two opposite edges are seen.
    """
    height, width = picture.shape[:2]
    scale = _SIDE / max(height, width)
    size = [max(8, round(side * scale)) for side in (width, height)]
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.int16)
    grey = small.mean(axis=2)
    found: list[tuple[float, tuple[int, int, int, int]]] = []
    for is_turned in (False, True):
        for start, low, end, high, worth in _between(small.swapaxes(0, 1) if is_turned else small):
            corners = (low, start, high, end) if is_turned else (start, low, end, high)
            left, top, right, bottom = corners
            share = (right - left) * (bottom - top) / grey.size
            if _AREAS[0] < share < _AREAS[1] and grey[top:bottom, left:right].std() > _FLAT:
                found.append((worth * np.sqrt(share), corners))
    kept: list[tuple[int, int, int, int]] = []
    for _, corners in sorted(found, reverse=True):
        if len(kept) < count and all(_overlap(corners, other) < _ONE for other in kept):
            kept.append(corners)
    boxes = []
    for left, top, right, bottom in kept:
        x, y = round(left / scale), round(top / scale)
        wide, tall = round((right - left) / scale), round((bottom - top) / scale)
        boxes.append((x, y, min(wide, width - x), min(tall, height - y)))
    return boxes


def skew(picture: Raster) -> float:
    """Degrees by which a (H, W, 3) picture stands askew, clockwise; 0 where that cannot be told.

    Pages are full of straight lines; turned, these run along two other directions. Lines are found
    after R. Grompone von Gioi et al., "LSD: A Fast Line Segment Detector", PAMI 2010.
    """
    scale = min(1.0, 2 * _SIDE / max(picture.shape[:2]))
    size = [max(8, round(side * scale)) for side in picture.shape[1::-1]]
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    lines: Any = cv2.createLineSegmentDetector().detect(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY))[0]
    if lines is None:
        return 0.0
    ends = lines.reshape(-1, 2, 2)
    along = ends[:, 1] - ends[:, 0]
    along = along[np.hypot(*along.T) > _LONG]
    half_degrees = (np.degrees(np.arctan2(along[:, 1], along[:, 0])) % 90 * 2).astype(int) % 180
    lengths = np.bincount(half_degrees, np.hypot(*along.T), 180)
    near = np.sum([np.roll(lengths, step) for step in range(-3, 4)], axis=0)
    best = int(np.argmax(near))
    steps = np.arange(-6, 7)
    shares = lengths[(best + steps) % 180]
    middle = best + (steps @ shares) / max(shares.sum(), 1e-6)
    angle = (middle / 2 + 0.25 + 45) % 90 - 45
    is_clear = near[best] > _ALONG * lengths.sum() and _TURNS[0] < abs(angle) < _TURNS[1]
    return float(angle) if is_clear else 0.0


def _between(picture: NDArray[np.int16]) -> list[tuple[int, int, int, int, float]]:
    """Left, top, right, bottom of what lies between upright edges, and how alike those are."""
    steps = np.abs(np.diff(picture, axis=1)).max(axis=2) > _EDGE
    steps = np.pad(steps, ((0, 0), (1, 1)))
    lengths, starts = _longest_runs(steps[:, 1:] | steps[:, :-1])
    found = []
    for left, right in combinations(_peaks(lengths, round(_LEAST * len(picture))), 2):
        low = max(starts[left], starts[right])
        high = min(starts[left] + lengths[left], starts[right] + lengths[right])
        alike = (high - low) / max(lengths[left], lengths[right])
        if alike >= _EQUAL and right - left >= _LEAST * picture.shape[1]:
            found.append((left, int(low), right, int(high), float(alike)))
    return found


def _longest_runs(steps: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(W,) lengths of the longest upright runs of each column, and where they start."""
    run, longest, end = np.zeros((3, steps.shape[1]), np.int64)
    for row, here in enumerate(steps, 1):
        run = (run + 1) * here
        longer = run > longest
        longest = np.where(longer, run, longest)
        end = np.where(longer, row, end)
    return longest, end - longest


def _peaks(lengths: NDArray[np.int64], least: int) -> list[int]:
    """The columns with the longest edges, from left to right."""
    columns: list[int] = []
    for column in np.argsort(-lengths, kind="stable").tolist():
        if len(columns) == _LINES or lengths[column] < least:
            break
        if all(abs(column - other) >= _APART for other in columns):
            columns.append(column)
    return sorted(columns)


def _overlap(one: Sequence[int], other: Sequence[int]) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    tall = min(one[3], other[3]) - max(one[1], other[1])
    both = max(wide, 0) * max(tall, 0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return both / (areas - both)
