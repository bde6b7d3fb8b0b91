"""The transform that puts one asset in another's place.

Both stand on the ground already, so what is looked for is a turn about up, a uniform scale and a
shift; on request a mirror image, a scale for each axis, or any of the 24 turns of a cube first.
All yaws are tried coarsely in distance fields, the best of them are refined to the surfaces
themselves, and of those the one is taken whose surfaces are nearest to each other. Where one is a
copy of the other with fewer triangles, it is told exactly by the corners that were kept. Of a part
of something, such as a scan from one side, only how far it is from the asset counts: what the
asset has besides is what the part lacks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from shapesim.geometry import minimum_circle
from shapesim.types import Fit, Matrix4, Mesh
from shapesim.voxels import occupancy

_POINTS = 2400  # of a surface
_SOME = 400  # of them, to refine by
_FEW = 100  # of them, to try by
_YAWS = 72
_STARTS = 4  # yaws that are refined
_FIELD = 32  # cells of a distance field's side
_FAR = 0.15  # of the size: farther is all the same
_STEPS = (6, 12)  # of the refinement, of every start and of the best
_IOU_CELLS = 32
_STILL = 2e-4  # radians, factor less 1, and share of the size: a step that changes nothing
_RESCALED = 1.5  # most that the refinement changes the scale by
_REBOXED = 1.1  # most that the scale changes for the sake of equal boxes
_NEAR = 0.01  # of the size: what is that far apart counts half
_SQUARE = 0.95  # how much it is worth to stand along the axes
_MIRRORED, _LAID = 1.25, 2.0  # how much worse the usual has to be
_CORNERS = 400  # of the surface that has fewer
_LADDER = (0.02, 0.01, 0.005, 0.0025, 0.001)  # of the size: how far corners are looked for
_SAME = 1e-3  # of the size: corners that are nearer are one
_KEPT, _SURELY = 0.2, 0.5  # of the corners, in a copy: enough, and enough to look no further
_LEAST_KEPT = 4  # corners
_SPINS = 24  # yaws in which corners of round shapes are compared
_EQUAL = 0.3  # surfaces that are less apart are taken for the same


class Surface:
    """A mesh, prepared to be fitted.

    Args:
        mesh: y up.
    """

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        corners = mesh.corners
        self.low, self.high = corners.min(axis=0), corners.max(axis=0)
        (x, z), self.radius = minimum_circle(corners[:, [0, 2]])
        self.height = float(self.high[1] - self.low[1])
        self.axis = np.array([x, self.low[1], z])
        self.size = max(2 * self.radius, self.height)
        self.points, self.normals = _sampled(mesh, _POINTS)
        self.middle = self.points.mean(axis=0)
        sides = mesh.triangles[:, 1:] - mesh.triangles[:, :1]
        areas = np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1) / 2
        self.spacing = float(np.sqrt(areas.sum() / _POINTS))
        self.spread = float(np.sqrt(((self.points - self.middle) ** 2).sum(axis=1).mean()))

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.points)

    @cached_property
    def corners(self) -> NDArray[np.float64]:
        """(C, 3) where its triangles have corners, each place once."""
        places: NDArray[np.float64] = np.unique(self.mesh.corners, axis=0)
        return places

    @cached_property
    def _corner_tree(self) -> cKDTree:
        return cKDTree(self.corners)

    def nearest_corners(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """The nearest corner to each of (N, 3) points."""
        _, rows = self._corner_tree.query(points)
        nearest: NDArray[np.float64] = self.corners[rows]
        return nearest

    def nearest(
        self, points: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The nearest of the surface's points, (N, 3), and its unit normals (N, 3) there."""
        _, rows = self._tree.query(points)
        return self.points[rows], self.normals[rows]

    @cached_property
    def field(self) -> NDArray[np.float32]:
        """(F, F, F) distances to the surface as share of the size, at most ``_FAR``."""
        cells = np.ones((_FIELD,) * 3, bool)
        cells[tuple(self._cells(self.points))] = False
        far = ndimage.distance_transform_edt(cells) * (1 + 2 * _FAR) / _FIELD
        return np.minimum(far, _FAR).astype(np.float32)

    def _cells(self, points: NDArray[np.float64]) -> NDArray[np.int64]:
        """(3, N) cells of the field; those out of it are at its border, far from the surface."""
        middle = self.axis + [0, self.height / 2, 0]
        inside = (points - middle) / (self.size * (1 + 2 * _FAR)) + 0.5
        cells: NDArray[np.int64] = (inside * _FIELD).astype(np.int64).clip(0, _FIELD - 1).T
        return cells

    def distances(self, points: NDArray[np.float64]) -> NDArray[np.float32]:
        """(..., N) coarse distances of points (..., N, 3) to the surface, at most ``_FAR``."""
        found: NDArray[np.float32] = self.field[tuple(self._cells(points.reshape(-1, 3)))]
        return found.reshape(points.shape[:-1])


def fit(
    query: Surface,
    asset: Surface,
    mirror: bool = False,
    stretch: bool = False,
    any_up: bool = False,
    whole: Surface | None = None,
) -> Fit:
    """Puts an asset in the query's place.

    Args:
        query: what is replaced.
        asset: what replaces it.
        mirror: whether a mirror image is allowed.
        stretch: whether each axis has a scale of its own, so that both fill the same box.
        any_up: whether the asset may be laid on any of its sides, where it is not known which side
            is up.
        whole: about what an incomplete query was before, where it was (``shapesim.completing``).
    """
    found = [(*_fit_upright(query, asset, whole), asset, np.eye(4))]
    for pose in _poses(mirror, any_up):
        held = Surface(_moved(asset.mesh, pose))
        found.append((*_fit_upright(query, held, whole), held, pose))
    # Standing as it was made is given up only for what is far better.
    reluctance = _LAID if any_up else _MIRRORED
    costs = [cost * (reluctance if turn else 1) for turn, (_, cost, _, _) in enumerate(found)]
    transform, apart, held, pose = found[int(np.argmin(costs))]
    target = whole or query
    transform = (_stretched(target, held, transform) if stretch else transform) @ pose
    low, high = _bounds(asset.mesh.corners @ transform[:3, :3].T + transform[:3, 3])
    extents = np.maximum(target.high - target.low, 1e-9 * target.size)
    return Fit(
        transform=transform,
        iou=overlap(target.mesh, asset.mesh, transform),
        proportions=(high - low) / extents,
        covered=None if whole is None else 1 - apart,
    )


def overlap(query: Mesh, asset: Mesh, transform: Matrix4) -> float:
    """Intersection over union as voxels.

    Args:
        query: stays where it is.
        asset: is moved.
        transform: (4, 4) from the asset's coordinates to the query's.
    """
    moved = asset.corners @ transform[:3, :3].T + transform[:3, 3]
    low, high = _bounds(np.concatenate([query.corners, moved]))
    to_grid = np.eye(4)
    to_grid[:3, :3] *= (_IOU_CELLS - 2.5) / (high - low).max()
    to_grid[:3, 3] = _IOU_CELLS / 2 - to_grid[:3, :3] @ (low + high) / 2
    first = occupancy(query, to_grid, _IOU_CELLS)
    second = occupancy(asset, to_grid @ transform, _IOU_CELLS)
    return float((first & second).sum() / (first | second).sum())


def separations(query: Surface, asset: Surface, transform: Matrix4) -> NDArray[np.float64]:
    """(N,) how far points of both surfaces are from the other, as shares of the query's size.

    Args:
        query: stays where it is.
        asset: is moved.
        transform: (4, 4) from the asset's coordinates to the query's.
    """
    return _pairs(query, asset, transform, _POINTS).distances


def kept_corners(query: Surface, asset: Surface, transform: Matrix4) -> tuple[Matrix4, float]:
    """Share of the corners, of the surface that has fewer, at which the other has one, too.

    Args:
        query: stays where it is.
        asset: is moved.
        transform: (4, 4) from the asset's coordinates to the query's, about right but for the yaw
            of what is round.

    Returns:
        The transform that brings most corners together, and that share.
    """
    best, most = _cornered(query, asset, transform)
    for step in range(1, _SPINS):
        if most >= _KEPT:
            break
        spin = _stepped(query, transform, step * 2 * np.pi / _SPINS, 1.0, np.zeros(3))
        turned, kept = _cornered(query, asset, spin)
        if kept > most:
            best, most = turned, kept
    return best, most


def _bounds(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return points.min(axis=0), points.max(axis=0)


def _sampled(mesh: Mesh, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(N, 3) points spread evenly over the surface, always the same, and its unit normals there."""
    triangles = mesh.triangles
    sides = triangles[:, 1:] - triangles[:, :1]
    normals = np.cross(sides[:, 0], sides[:, 1])
    areas = np.linalg.norm(normals, axis=1)
    total = np.cumsum(areas)
    # One point for each equal share of the area: more even than drawing them.
    rows = np.searchsorted(total, (np.arange(count) + 0.5) / count * total[-1])
    rows = rows.clip(0, len(areas) - 1)
    u, v = np.random.default_rng(0).random((2, count, 1))
    over = u + v > 1
    u, v = np.where(over, 1 - u, u), np.where(over, 1 - v, v)
    points: NDArray[np.float64] = triangles[rows, 0] + u * sides[rows, 0] + v * sides[rows, 1]
    return points, normals[rows] / areas[rows, None]


def _poses(mirror: bool, any_up: bool) -> list[Matrix4]:
    """Other ways to hold an asset before it is turned about up than as it is."""
    poses: list[Matrix4] = []
    if any_up:
        for axis, turns in ((0, (1, 2, 3)), (2, (1, 3))):
            for turn in turns:
                poses.append(_turn(axis, turn * np.pi / 2))
    if mirror:
        flip = np.diag([-1.0, 1.0, 1.0, 1.0])
        poses += [flip, *(pose @ flip for pose in poses)]
    return poses


def _turn(axis: int, angle: float) -> Matrix4:
    """(4, 4) rotation about a coordinate axis."""
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_rotvec(angle * np.eye(3)[axis]).as_matrix()
    return turn


def _moved(mesh: Mesh, transform: Matrix4) -> Mesh:
    """The bare surface in another place."""
    vertices = mesh.vertices @ transform[:3, :3].T + transform[:3, 3]
    return replace(mesh, vertices=vertices, normals=None)


def _fit_upright(query: Surface, asset: Surface, whole: Surface | None) -> tuple[Matrix4, float]:
    """The transform, and how far apart the surfaces and the boxes are then."""
    starts = _starts(query, asset, whole)
    if whole is not None:
        placed = [_refined(query, asset, start, _FEW, _STEPS[0], part=True) for start in starts]
        near = min(placed, key=lambda found: found[1])[0]
        return _refined(query, asset, near, _SOME, _STEPS[1], part=True)
    refined = [_refined(query, asset, start, _FEW, _STEPS[0]) for start in starts]
    near = min(refined, key=lambda found: found[1])[0]
    copied, kept = _cornered(query, asset, near)
    if kept >= _SURELY:
        return copied, _cost(query, asset, copied)
    near = _refined(query, asset, near, _SOME, _STEPS[1])[0]
    # Who replaces an asset wants the same box, and a simplified copy keeps some of its sides.
    boxed = _boxed(query, asset, near)
    # Simplifying moves surfaces, but leaves some corners where they were.
    cornered = [_cornered(query, asset, start) for start in (near, *boxed)]
    copies = [transform for transform, kept in cornered if kept >= _KEPT]
    if copies:
        costs = [_cost(query, asset, transform) for transform in copies]
        return copies[int(np.argmin(costs))], min(costs)
    boxed = [_refined(query, asset, start, _FEW, _STEPS[0], rescaled=False)[0] for start in boxed]
    # What artists make stands along the axes, and so it should beside other things.
    squared = min(
        (_in_box(query, asset, quarter * np.pi / 2, False) for quarter in range(4)),
        key=lambda found: _pairs(query, asset, found, _FEW).apart,
    )
    found = [near, *boxed, squared]
    costs = [_cost(query, asset, transform) for transform in found]
    costs[-1] *= _SQUARE
    best = int(np.argmin(costs))
    transform, apart = found[best], costs[best]
    if apart > _EQUAL:  # other shapes stand on the same ground
        base = asset.low[1] * transform[1, 1] + transform[1, 3]
        transform = transform.copy()
        transform[1, 3] += query.low[1] - base
    return transform, apart


def _cornered(query: Surface, asset: Surface, start: Matrix4) -> tuple[Matrix4, float]:
    """Iterates nearest corners, ever nearer, and tells which share of them is the same then."""
    transform = start
    mine, theirs = (
        surface.corners[:: -(-len(surface.corners) // _CORNERS)] for surface in (query, asset)
    )

    def paired() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The asset's corners in the query's frame, its size as unit, and how far they are off."""
        back = np.linalg.inv(transform)
        counterparts = asset.nearest_corners(mine @ back[:3, :3].T + back[:3, 3])
        moved = np.concatenate([theirs, counterparts]) @ transform[:3, :3].T + transform[:3, 3]
        targets = np.concatenate([query.nearest_corners(moved[: len(theirs)]), mine])
        return (moved - query.axis) / query.size, (moved - targets) / query.size

    def share(gaps: NDArray[np.float64], within: float) -> float:
        """Of the corners, of those that are fewer, that have another so near."""
        fewer = len(query.corners) < len(asset.corners)
        near = np.linalg.norm(gaps[len(theirs) :] if fewer else gaps[: len(theirs)], axis=1)
        return float((near < within).mean()) if (near < within).sum() >= _LEAST_KEPT else 0.0

    for reach in _LADDER:
        for _ in range(3):
            points, gaps = paired()
            if share(gaps, 3 * reach) < _KEPT:  # no copy: most pairs of shapes are none
                return transform, 0.0
            weights = (1 / (1 + ((gaps / reach) ** 2).sum(axis=1))) ** 2
            columns = _columns(points)
            rows = columns.reshape(-1, 5)
            pulled = (columns * weights[:, None, None]).reshape(-1, 5)
            found = np.linalg.solve(rows.T @ pulled + 1e-9 * np.eye(5), -pulled.T @ gaps.ravel())
            transform = _stepped(query, transform, found[0], np.exp(found[1]), found[2:])
            if np.abs(found).max() < _STILL / 10:
                break
    return transform, share(paired()[1], _SAME)


def _cost(query: Surface, asset: Surface, transform: Matrix4) -> float:
    return _pairs(query, asset, transform, _SOME).apart + _box_gap(query, asset, transform)


def _box_gap(query: Surface, asset: Surface, transform: Matrix4) -> float:
    """How far apart the sides of the boxes are, as share of the query's size."""
    low, high = _bounds(asset.mesh.corners @ transform[:3, :3].T + transform[:3, 3])
    gaps = np.abs(np.concatenate([low - query.low, high - query.high])) / query.size
    return float(gaps.clip(max=_FAR).mean())


def _boxed(query: Surface, asset: Surface, transform: Matrix4) -> list[Matrix4]:
    """Rescaled so that one side of the boxes agrees, on the same ground, over the same middle."""
    low, high = _bounds(asset.mesh.corners @ transform[:3, :3].T + transform[:3, 3])
    ratios = (query.high - query.low) / np.maximum(high - low, 1e-9 * query.size)
    middle, target = (low + high) / 2, (query.low + query.high) / 2
    middle[1], target[1] = low[1], query.low[1]
    found = []
    for ratio in ratios[np.abs(np.log(ratios.clip(1e-9))) < np.log(_REBOXED)]:
        rescaled = np.eye(4)
        rescaled[:3, :3] *= ratio
        rescaled[:3, 3] = target - ratio * middle
        found.append(rescaled @ transform)
    return found


def _starts(query: Surface, asset: Surface, whole: Surface | None) -> list[Matrix4]:
    """Of all yaws, in two ways to place the asset, and more for a part, the best that differ."""
    target = whole or query
    yaws = np.arange(_YAWS) * 2 * np.pi / _YAWS
    cos, sin, none = np.cos(yaws), np.sin(yaws), np.zeros(_YAWS)
    turns = np.stack(
        [cos, none, sin, none, none + 1, none, -sin, none, cos], axis=1
    ).reshape(-1, 3, 3)  # fmt: skip
    few = slice(None, None, _POINTS // _FEW)
    ways = [
        (target.spread / asset.spread, asset.middle, target.middle),
        (target.size / asset.size, asset.axis, target.axis),
    ]
    placed = []
    for scale, source, place in ways:
        matrices = np.tile(np.eye(4), (_YAWS, 1, 1))
        matrices[:, :3, :3] = scale * turns
        matrices[:, :3, 3] = place - (matrices[:, :3, :3] @ source)
        placed.append(matrices)
    if whole is not None:
        placed += _beside(query, asset, turns)
    matrices = np.concatenate(placed)
    back = np.linalg.inv(matrices)
    here = query.points[few] @ back[:, :3, :3].swapaxes(1, 2) + back[:, None, :3, 3]
    costs = asset.distances(here).mean(axis=1)
    if whole is None:
        there = asset.points[few] @ matrices[:, :3, :3].swapaxes(1, 2) + matrices[:, None, :3, 3]
        costs = costs + query.distances(there).mean(axis=1)
    else:  # a larger asset is not nearer for being coarser
        costs = costs * np.cbrt(np.linalg.det(matrices[:, :3, :3]))
    chosen: list[int] = []
    for row in np.argsort(costs, kind="stable").tolist():
        apart = [min(gap := abs(row - other) % _YAWS, _YAWS - gap) for other in chosen]
        if min(apart, default=_YAWS) > 2:
            chosen.append(row)
        if len(chosen) == _STARTS:
            break
    return list(matrices[chosen])


def _beside(query: Surface, asset: Surface, turns: NDArray[np.float64]) -> list[Matrix4]:
    """As high as a part of something, on the same ground, and with sides where the part has some.

    Args:
        query: the part.
        asset: what it may be a part of.
        turns: (Y, 3, 3) about up.

    Returns:
        (Y, 4, 4) for each way in which sides agree.
    """
    scale = max(query.height, 1e-3 * query.size) / max(asset.height, 1e-3 * asset.size)
    turned = asset.points[:: _POINTS // _SOME] @ (scale * turns).swapaxes(1, 2)
    low, high = turned.min(axis=1), turned.max(axis=1)
    shifts = (query.low - low, query.high - high, (query.low + query.high - low - high) / 2)
    placed = []
    for across in shifts:
        for along in shifts:
            matrices = np.tile(np.eye(4), (len(turns), 1, 1))
            matrices[:, :3, :3] = scale * turns
            matrices[:, 0, 3], matrices[:, 2, 3] = across[:, 0], along[:, 2]
            matrices[:, 1, 3] = query.low[1] - scale * asset.low[1]
            placed.append(matrices)
    return placed


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Points of the asset and of the query, each with the point of the other that is nearest.

    In the query's frame, with its size as unit.

    Attributes:
        points: (N, 3) of the asset.
        gaps: (N, 3) how far they are from the query's.
        normals: (N, 3) of the planes to which that is measured.
        off: (N,) distance to those planes.
        beside: (N,) distance within them.
        distances: (N,) to the surface, as far as points can tell.
        apart: how much of the surfaces is apart, and how far: from 0 to 1.
    """

    points: NDArray[np.float64]
    gaps: NDArray[np.float64]
    normals: NDArray[np.float64]
    off: NDArray[np.float64]
    beside: NDArray[np.float64]
    distances: NDArray[np.float64]
    apart: float


def _pairs(
    query: Surface, asset: Surface, transform: Matrix4, count: int, part: bool = False
) -> _Pairs:
    """Of a part of something, only its own points count."""
    every = slice(None, None, _POINTS // count)
    others, back = query.points[every], np.linalg.inv(transform)
    moved = asset.points[every][: 0 if part else None] @ transform[:3, :3].T + transform[:3, 3]
    nearest, normals = query.nearest(moved)
    counterparts, facing = asset.nearest(others @ back[:3, :3].T + back[:3, 3])
    counterparts = counterparts @ transform[:3, :3].T + transform[:3, 3]
    facing = facing @ transform[:3, :3].T
    facing /= np.linalg.norm(facing, axis=1, keepdims=True) + 1e-12
    points = (np.concatenate([moved, counterparts]) - query.axis) / query.size
    gaps = points - (np.concatenate([nearest, others]) - query.axis) / query.size
    planes = np.concatenate([normals, facing])
    off = np.abs(np.einsum("nc,nc->n", planes, gaps))
    # Within its plane, the nearest of the points is not the nearest of the surface.
    beside = np.linalg.norm(gaps - np.einsum("nc,nc,nd->nd", planes, gaps, planes), axis=1)
    spacing = asset.spacing * np.cbrt(abs(np.linalg.det(transform[:3, :3])))
    spacing = (spacing if part else query.spacing) / query.size
    distances = np.hypot(off, np.maximum(beside - 1.5 * spacing, 0))
    apart = float((distances / (distances + _NEAR)).mean())
    return _Pairs(points, gaps, planes, off, beside, distances, apart)


def _refined(
    query: Surface,
    asset: Surface,
    start: Matrix4,
    count: int,
    steps: int,
    rescaled: bool = True,
    part: bool = False,
) -> tuple[Matrix4, float]:
    """Iterates nearest points, both ways, to the planes in which they lie (Chen and Medioni 1992).

    Of the transform, only yaw, scale (if it may be rescaled) and shift change. Of a part of
    something, only its own points count.
    """
    transform = start
    first = np.cbrt(np.abs(np.linalg.det(start[:3, :3])))
    best, least = start, np.inf
    for step in range(steps + 1):
        pairs = _pairs(query, asset, transform, count, part)
        if pairs.apart < least:
            best, least = transform, pairs.apart
        if step == steps:
            break
        # Geman and McClure's weights: what has no counterpart does not pull.
        weights = _trust(pairs.beside, 3.0, 0.01) * _trust(pairs.off, 1.5, 0.002)
        yaw, grown, shift = _step(pairs.points, pairs.gaps, pairs.normals, weights, rescaled)
        if max(abs(yaw), abs(grown - 1), float(np.abs(shift).max())) < _STILL:
            break
        scale = np.cbrt(np.abs(np.linalg.det(transform[:3, :3]))) * grown / first
        grown = 1.0 if not rescaled else grown * np.clip(scale, 1 / _RESCALED, _RESCALED) / scale
        transform = _stepped(query, transform, yaw, grown, shift)
    return best, least


def _stepped(
    query: Surface, transform: Matrix4, yaw: float, grown: float, shift: NDArray[np.float64]
) -> Matrix4:
    """Turned and scaled further about the query's axis, and shifted by (3,) of its size."""
    cos, sin = grown * np.cos(yaw), grown * np.sin(yaw)
    turn = np.array([[cos, 0, sin, 0], [0, grown, 0, 0], [-sin, 0, cos, 0], [0, 0, 0, 1]])
    turn[:3, 3] = query.axis + query.size * shift - turn[:3, :3] @ query.axis
    return turn @ transform


def _columns(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 3, 5) how (N, 3) points move with yaw, with scale, and with the shift."""
    columns = np.zeros((len(points), 3, 5))
    columns[:, 0, 0], columns[:, 2, 0] = points[:, 2], -points[:, 0]  # up × point
    columns[:, :, 1] = points
    columns[:, :, 2:] = np.eye(3)
    return columns


def _trust(distances: NDArray[np.float64], medians: float, least: float) -> NDArray[np.float64]:
    """(N,) weights that fall from 1 to 0, to a quarter at that many medians."""
    reach = max(medians * float(np.median(distances)), least)
    trust: NDArray[np.float64] = (1 / (1 + (distances / reach) ** 2)) ** 2
    return trust


def _step(
    points: NDArray[np.float64],
    gaps: NDArray[np.float64],
    normals: NDArray[np.float64],
    weights: NDArray[np.float64],
    rescaled: bool,
) -> tuple[float, float, NDArray[np.float64]]:
    """Yaw, factor and shift (3,) that bring points nearer to planes, and a little to points."""
    slide = 0.03  # so that what planes leave open is held
    columns = _columns(points)
    columns[:, :, 1] *= rescaled
    along = np.einsum("nc,ncp->np", normals, columns)
    to_planes = np.einsum("nc,nc->n", normals, gaps)
    rows = np.concatenate([along, slide * columns.reshape(-1, 5)])
    wrong = np.concatenate([to_planes, slide * gaps.ravel()])
    pull = np.concatenate([weights, np.repeat(weights, 3)])
    normal = (rows * pull[:, None]).T @ rows
    found = np.linalg.solve(normal + 1e-6 * np.eye(5), -(rows * pull[:, None]).T @ wrong)
    return float(found[0]), float(np.exp(found[1])), found[2:]


def _stretched(query: Surface, asset: Surface, transform: Matrix4) -> Matrix4:
    """Each of the asset's axes with a scale of its own, so that it fills the query's box."""
    yaw = float(np.arctan2(transform[0, 2], transform[0, 0]))
    yaws = (*(quarter * np.pi / 2 for quarter in range(4)), yaw)
    return min(
        (_in_box(query, asset, yaw, True) for yaw in yaws),
        key=lambda found: _cost(query, asset, found),
    )


def _in_box(query: Surface, asset: Surface, yaw: float, stretch: bool) -> Matrix4:
    """Turned, scaled to the query's box on the same ground and over the same middle."""
    turn = _turn(1, yaw)
    # The query's box is taken along the asset's axes: a scale along others would shear it.
    low, high = _bounds(query.mesh.corners @ turn[:3, :3])
    least = 1e-3 * query.size  # what is flat stays so
    ratios = np.maximum(high - low, least) / np.maximum(
        asset.high - asset.low, least * asset.size / query.size
    )
    scales = ratios if stretch else np.full(3, np.exp(np.log(ratios).mean()))
    middle, target = (asset.low + asset.high) / 2, (low + high) / 2
    middle[1], target[1] = asset.low[1], low[1]
    placed = turn.copy()
    placed[:3, :3] *= scales
    placed[:3, 3] = turn[:3, :3] @ target - placed[:3, :3] @ middle
    return placed
