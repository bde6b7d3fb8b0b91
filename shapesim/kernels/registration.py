"""Iterative closest points: surfaces, as points with normals, brought together step by step.

Everything is float64.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shapesim.kernels.compiling import compiled

Floats = NDArray[np.float64]
Wholes = NDArray[np.int64]

_NEAR = 0.01  # of the size: what is that far apart counts half
_SLIDE = 0.03  # how much distances within planes count: so that what planes leave open is held
_STILL = 2e-4  # radians, factor less 1, and share of the size: a step that changes nothing
_RESCALED = 1.5  # most that the scale changes


class Grid(NamedTuple):
    """Points of a surface, sorted by the cells that they lie in.

    Attributes:
        points: (M, 3).
        normals: (M, 3) of the surface there, of unit length.
        firsts: (C³ + 1,) the first point of each cell, and M.
        owners: (C, C, C) the nearest cell that holds points, as a row of all C³.
        low: (3,) corner of the grid.
        side: of a cell.
    """

    points: Floats
    normals: Floats
    firsts: Wholes
    owners: Wholes
    low: Floats
    side: float


class Frame(NamedTuple):
    """In which distances are measured.

    Attributes:
        axis: (3,) origin, about which things turn.
        size: the unit.
    """

    axis: Floats
    size: float


class Pairs(NamedTuple):
    """Points of an asset and of what it stands in for, in that one's frame, its size as unit.

    Attributes:
        points: (N, 3) of the asset.
        gaps: (N, 3) how far they are from the query's.
        planes: (N, 3) unit normals of the planes to which that is measured.
        off: (N,) distance to those planes.
        beside: (N,) distance within them.
        distances: (N,) to the surface, as far as points can tell.
    """

    points: Floats
    gaps: Floats
    planes: Floats
    off: Floats
    beside: Floats
    distances: Floats


@compiled
def _nearest_within(
    point: Floats, grid: Grid, cell: Wholes, reach: int, row: int, least: float
) -> tuple[int, float]:
    """The nearest point in the cells around one, or the row that is known if that is nearer."""
    count = len(grid.owners)
    first, last = max(cell[2] - reach, 0), min(cell[2] + reach, count - 1)
    for x in range(max(cell[0] - reach, 0), min(cell[0] + reach, count - 1) + 1):
        for y in range(max(cell[1] - reach, 0), min(cell[1] + reach, count - 1) + 1):
            line = (x * count + y) * count
            for other in range(grid.firsts[line + first], grid.firsts[line + last + 1]):
                square = 0.0
                for k in range(3):
                    square += (grid.points[other, k] - point[k]) ** 2
                if square < least:
                    row, least = other, square
    return row, least


@compiled
def _nearest(point: Floats, grid: Grid, cell: Wholes, around: Wholes) -> int:
    """Row of the nearest point; of what is far from all of them, one that is about the nearest.

    Two arrays of 3 are scratch.
    """
    count = len(grid.owners)
    for k in range(3):
        place = (point[k] - grid.low[k]) / grid.side
        # Nothing that is not a number may become an address.
        cell[k] = int(min(place, count - 1.0)) if place > 0 else 0
    owner = grid.owners[cell[0], cell[1], cell[2]]
    around[0], around[1], around[2] = owner // count**2, owner // count % count, owner % count
    row, least = _nearest_within(point, grid, around, 0, -1, np.inf)
    reach = np.ceil(np.sqrt(least) / grid.side)
    if reach > 2:
        row, least = _nearest_within(point, grid, around, 1, row, least)
        reach = min(np.ceil(np.sqrt(least) / grid.side), 2.0) if least < np.inf else 0.0
    # What is nearer than this one lies in a cell within that distance.
    return int(_nearest_within(point, grid, cell, int(reach), row, least)[0])


@compiled
def _pair(
    query: Grid, asset: Grid, here: Floats, there: Floats,
    transform: Floats, back: Floats, frame: Frame, spacing: float, pairs: Pairs,
) -> None:  # fmt: skip
    """Points of the asset, (A, 3), and of the query, (H, 3), each with the nearest of the other."""
    cell, around = np.empty(3, np.int64), np.empty(3, np.int64)
    point, other, plane = np.empty(3), np.empty(3), np.empty(3)
    for n in range(len(pairs.points)):
        if n < len(there):
            _place(transform, there[n], point)
            row = _nearest(point, query, cell, around)
            for k in range(3):
                other[k], plane[k] = query.points[row, k], query.normals[row, k]
        else:
            for k in range(3):
                other[k] = here[n - len(there), k]
            _place(back, other, point)
            row = _nearest(point, asset, cell, around)
            _place(transform, asset.points[row], point)
            square = 0.0
            for k in range(3):
                plane[k] = 0.0
                for j in range(3):
                    plane[k] += transform[k, j] * asset.normals[row, j]
                square += plane[k] ** 2
            for k in range(3):
                plane[k] /= np.sqrt(square) + 1e-12
        toward = square = 0.0
        for k in range(3):
            pairs.points[n, k] = (point[k] - frame.axis[k]) / frame.size
            pairs.gaps[n, k] = (point[k] - other[k]) / frame.size
            pairs.planes[n, k] = plane[k]
            toward += plane[k] * pairs.gaps[n, k]
        for k in range(3):
            square += (pairs.gaps[n, k] - toward * plane[k]) ** 2
        pairs.off[n], pairs.beside[n] = abs(toward), np.sqrt(square)
        # Within its plane, the nearest of the points is not the nearest of the surface.
        pairs.distances[n] = np.hypot(toward, max(pairs.beside[n] - 1.5 * spacing, 0.0))


@compiled
def _place(transform: Floats, point: Floats, out: Floats) -> None:
    for k in range(3):
        out[k] = transform[k, 3]
        for j in range(3):
            out[k] += transform[k, j] * point[j]


@compiled
def _empty_pairs(count: int) -> Pairs:
    return Pairs(
        np.empty((count, 3)), np.empty((count, 3)), np.empty((count, 3)),
        np.empty(count), np.empty(count), np.empty(count),
    )  # fmt: skip


@compiled
def separations(
    query: Grid, asset: Grid, here: Floats, there: Floats, transforms: Floats, backs: Floats,
    frame: Frame, spacing: float,
) -> Floats:  # fmt: skip
    """(T, A + H) distances of points to the other surface, as far as points can tell.

    Args:
        query: all points of what stays where it is.
        asset: all of the asset.
        here: (H, 3) of what stays where it is.
        there: (A, 3) of the asset, in its own frame.
        transforms: (T, 4, 4) from the asset's coordinates to the query's.
        backs: (T, 4, 4) the other way.
        frame: of the query.
        spacing: of points of a surface, in its unit.
    """
    found = np.empty((len(transforms), len(there) + len(here)))
    pairs = _empty_pairs(found.shape[1])
    for t in range(len(transforms)):
        _pair(query, asset, here, there, transforms[t], backs[t], frame, spacing, pairs)
        found[t] = pairs.distances
    return found


@compiled
def refine(
    query: Grid, asset: Grid, here: Floats, there: Floats, starts: Floats, frame: Frame,
    spacings: Floats, steps: int, rescaled: bool,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Iterates nearest points, both ways, to the planes in which they lie (Chen and Medioni 1992).

    Only yaw, scale and shift change.

    Args:
        query: all points of what stays where it is.
        asset: all of the asset.
        here: (H, 3) of what stays where it is.
        there: (A, 3) of the asset, in its own frame.
        starts: (T, 4, 4) from the asset's coordinates to the query's.
        frame: of the query.
        spacings: (T,) of points of a surface, in its unit: of the asset's if only it has any.
        steps: at most.
        rescaled: whether the scale changes.

    Returns:
        (T, 4, 4) the best transform on each way, and (T,) how far apart the surfaces are then.
    """
    best, apart = starts.copy(), np.full(len(starts), np.inf)
    pairs = _empty_pairs(len(there) + len(here))
    step = np.eye(4)
    for t in range(len(starts)):
        transform, grown = starts[t].copy(), 1.0
        for turn in range(steps + 1):
            back = _inverse(transform)
            spacing = spacings[t] * (1.0 if len(there) else grown)
            _pair(query, asset, here, there, transform, back, frame, spacing, pairs)
            cost = share_apart(pairs.distances)
            if cost < apart[t]:
                apart[t], best[t] = cost, transform
            if turn == steps:
                break
            found = _pull(pairs, rescaled)
            if np.abs(found).max() < _STILL:
                break
            wanted = np.exp(found[1])
            if rescaled:
                wanted = min(max(grown * wanted, 1 / _RESCALED), _RESCALED) / grown
            grown *= wanted
            cos, sin = wanted * np.cos(found[0]), wanted * np.sin(found[0])
            step[0, 0], step[0, 2], step[2, 0], step[2, 2] = cos, sin, -sin, cos
            step[1, 1] = wanted
            for k in range(3):
                step[k, 3] = frame.axis[k] + frame.size * found[2 + k]
                for j in range(3):
                    step[k, 3] -= step[k, j] * frame.axis[j]
            transform = _product(step, transform)
    return best, apart


# numpy's linear algebra would take several seconds more to compile.


@compiled
def _inverse(transform: Floats) -> Floats:
    """Of a turn, a uniform scale and a shift."""
    back, square = np.eye(4), 0.0
    for k in range(3):
        square += transform[k, 0] ** 2
    for i in range(3):
        for j in range(3):
            back[i, j] = transform[j, i] / square
    for i in range(3):
        for j in range(3):
            back[i, 3] -= back[i, j] * transform[j, 3]
    return back


@compiled
def _product(first: Floats, second: Floats) -> Floats:
    out = np.zeros((4, 4))
    for i in range(4):
        for j in range(4):
            for k in range(4):
                out[i, j] += first[i, k] * second[k, j]
    return out


@compiled
def _solved(squares: Floats, sides: Floats) -> Floats:
    """Solution of positive definite equations, which are overwritten."""
    count = len(sides)
    for pivot in range(count):
        for row in range(pivot + 1, count):
            factor = squares[row, pivot] / squares[pivot, pivot]
            for column in range(pivot, count):
                squares[row, column] -= factor * squares[pivot, column]
            sides[row] -= factor * sides[pivot]
    for row in range(count - 1, -1, -1):
        for column in range(row + 1, count):
            sides[row] -= squares[row, column] * sides[column]
        sides[row] /= squares[row, row]
    return sides


@compiled
def share_apart(distances: Floats) -> float:
    """How much of the surfaces is apart, and how far, 0 to 1, by (N,) distances."""
    return float((distances / (distances + _NEAR)).mean())


@compiled
def _pull(pairs: Pairs, rescaled: bool) -> Floats:
    """(5,) yaw, logarithm of a factor, and shift that bring the pairs nearer.

    To planes, and a little to points. Geman and McClure's weights: what has no counterpart does
    not pull.
    """
    weights = _trust(pairs.beside, 3.0, 0.01) * _trust(pairs.off, 1.5, 0.002)
    squares, sides = 1e-6 * np.eye(5), np.zeros(5)
    row = np.empty(5)
    for n in range(len(weights)):
        x, y, z = pairs.points[n, 0], pairs.points[n, 1], pairs.points[n, 2]
        for way in range(4):
            if way == 3:
                a, b, c = pairs.planes[n, 0], pairs.planes[n, 1], pairs.planes[n, 2]
            else:
                a, b, c = _SLIDE * (way == 0), _SLIDE * (way == 1), _SLIDE * (way == 2)
            # How the point moves along (a, b, c) with each of the five; up × point with yaw.
            row[0], row[1] = a * z - c * x, (a * x + b * y + c * z) * rescaled
            row[2], row[3], row[4] = a, b, c
            wrong = a * pairs.gaps[n, 0] + b * pairs.gaps[n, 1] + c * pairs.gaps[n, 2]
            for i in range(5):
                sides[i] -= weights[n] * row[i] * wrong
                for j in range(5):
                    squares[i, j] += weights[n] * row[i] * row[j]
    solved: Floats = _solved(squares, sides)
    return solved


@compiled
def _trust(distances: Floats, medians: float, least: float) -> Floats:
    """Weights that fall from 1 to 0, to a quarter at that many medians of the distances."""
    reach = max(medians * np.median(distances), least)
    return (1 / (1 + (distances / reach) ** 2)) ** 2
