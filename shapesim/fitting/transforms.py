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

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from shapesim.fitting.surfaces import FAR, POINTS, Surface
from shapesim.kernels import registration
from shapesim.kernels.registration import Frame
from shapesim.meshes import parts
from shapesim.types import Camera, Fit, Matrix4, Mesh
from shapesim.voxels import occupancy

_SOME = 400  # points of a surface, to refine by
_FEW = 100  # to try by
_YAWS = 72
_STARTS = 4  # yaws that are refined
_STEPS = (6, 8)  # of the refinement, of every start and of the best
_IOU_CELLS = 32
_FLAT = 1e-3  # of the size: what is no thicker has no thickness to compare
_STILL = 2e-5  # radians, factor less 1, and share of the size: a step that changes nothing
_REBOXED = 1.1  # most that the scale changes for the sake of equal boxes
_SQUARE = 0.95  # how much it is worth to stand along the axes
_MIRRORED, _LAID = 1.25, 2.0  # how much worse the usual has to be
_CORNERS = 200  # of the surface that has fewer
_LADDER = (0.02, 0.008, 0.003, 0.001)  # of the size: how far corners are looked for
_SAME = 1e-3  # of the size: corners that are nearer are one
_KEPT, _SURELY = 0.2, 0.25  # of the corners, in a copy: enough, and enough to look no further
_LEAST_KEPT = 4  # corners
_UNLIKELY = 0.45  # surfaces of copies are less apart: of 120, none more than 0.32
_GROWN = 0.1  # logarithm of the most that the scale of a part's whole changes at the end
_SPINS = 24  # yaws in which corners of round shapes are compared
_EQUAL = 0.3  # surfaces that are less apart are taken for the same
_AS_HIGH = 0.02  # of the height: by how much that of the same shape may differ
_LEVEL = 0.25  # of the height: corners of a copy are spread over more


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
        stretch: whether each axis may have a scale of its own, so that both fill the same box,
            where they overlap more then; not where the query is incomplete.
        any_up: whether the asset may be laid on any of its sides, where it is not known which side
            is up.
        whole: about what an incomplete query was before, where it was (``shapesim.completing``).
    """
    found = [(*_fit_upright(query, asset, whole), asset, np.eye(4))]
    for pose in _poses(mirror, any_up):
        held = Surface(_moved(asset.mesh, pose))
        found.append((*_fit_upright(query, held, whole), held, pose))
    costs = [cost * _reluctance(pose) for _, cost, _, pose in found]
    transform, apart, held, pose = found[int(np.argmin(costs))]
    target = whole or query
    # How long a part would be along each axis is but a guess.
    is_stretched = stretch and whole is None
    ways = [transform @ pose]
    if is_stretched:
        ways.append(_stretched(target, held, transform) @ pose)
    overlaps = [overlap(target.mesh, asset.mesh, way) for way in ways]
    transform = ways[int(np.argmax(overlaps))]
    low, high = _bounds(asset.mesh.corners @ transform[:3, :3].T + transform[:3, 3])
    least = _FLAT * target.size
    extents = np.maximum(target.high - target.low, least)
    return Fit(
        transform=transform,
        iou=max(overlaps),
        proportions=np.maximum(high - low, least) / extents,
        covered=None if whole is None else 1 - apart,
    )


def _reluctance(pose: Matrix4) -> float:
    """Standing as it was made is given up only for what is far better."""
    if np.allclose(pose, np.eye(4)):
        return 1.0
    return _MIRRORED if pose[1, 1] > 0.99 else _LAID


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


def camera_beside(camera: Camera, transform: Matrix4) -> Camera:
    """From where an asset looks as it would in the query's place.

    Args:
        camera: azimuth and elevation in degrees, from where the query is seen.
        transform: (4, 4) from the asset's coordinates to the query's; of one that is mirrored or
            laid down, the camera is left where it is.
    """
    up, size = transform[1, :3], np.linalg.norm(transform[:3, :3])
    if up[1] <= 0 or np.abs(up[[0, 2]]).max() > 1e-3 * size or np.linalg.det(transform[:3, :3]) < 0:
        return camera
    yaw = float(np.degrees(np.arctan2(transform[0, 2], transform[2, 2])))
    return (camera[0] - yaw) % 360, camera[1]


def separations(query: Surface, asset: Surface, transform: Matrix4) -> NDArray[np.float64]:
    """(N,) how far points of both surfaces are from the other, as shares of the query's size.

    Args:
        query: stays where it is.
        asset: is moved.
        transform: (4, 4) from the asset's coordinates to the query's.
    """
    distances: NDArray[np.float64] = _separations(query, asset, transform[None], POINTS)[0]
    return distances


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


def laid(mesh: Mesh) -> list[Mesh]:
    """A mesh on each of its five other sides, its own axes up, down and to each side in turn."""
    return [_moved(mesh, pose) for pose in _poses(mirror=False, any_up=True)]


def _bounds(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return points.min(axis=-2), points.max(axis=-2)


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
    """A mesh in another place."""
    normals = None if mesh.normals is None else parts.place_normals(mesh.normals, transform)
    return replace(mesh, vertices=parts.place(mesh.vertices, transform), normals=normals)


def _fit_upright(query: Surface, asset: Surface, whole: Surface | None) -> tuple[Matrix4, float]:
    """The transform, and how far apart the surfaces and the boxes are then."""
    starts = _starts(query, asset, whole)
    refined, apart = _refined(query, asset, starts, _FEW, _STEPS[0], part=whole is not None)
    near = refined[apart.argmin()]
    if whole is not None:
        (near,), _ = _refined(query, asset, near[None], _SOME, _STEPS[1], part=True)
        return _settled(query, asset, near)
    copied, kept = _cornered(query, asset, near)
    if kept >= _SURELY:
        return copied, float(_costs(query, asset, copied[None])[0])
    (near,), (apart,) = _refined(query, asset, near[None], _SOME, _STEPS[1])
    # Who replaces an asset wants the same box, and a simplified copy keeps some of its sides.
    boxed = _boxed(query, asset, near)
    # Simplifying moves surfaces, but leaves some corners where they were.
    likely = [near, *boxed] if apart < _UNLIKELY else []
    cornered = [_cornered(query, asset, start) for start in likely]
    copies = [transform for transform, kept in cornered if kept >= _KEPT]
    if copies:
        costs = _costs(query, asset, np.stack(copies))
        return copies[costs.argmin()], float(costs.min())
    if len(boxed):
        boxed, _ = _refined(query, asset, boxed, _FEW, _STEPS[0], rescaled=False)
    # What artists make stands along the axes, and so it should beside other things.
    square = np.stack([_in_box(query, asset, turn * np.pi / 2, False) for turn in range(4)])
    squared = square[_apart(_separations(query, asset, square, _FEW)).argmin()]
    found = np.stack([near, *boxed, squared])
    costs = _costs(query, asset, found)
    costs[-1] *= _SQUARE
    transform, cost = found[costs.argmin()], float(costs.min())
    # Other shapes stand on the same ground.
    higher = abs(asset.height * transform[1, 1] - query.height)
    if cost > _EQUAL or higher > _AS_HIGH * max(query.height, 0.1 * query.size):
        transform[1, 3] += query.low[1] - (asset.low[1] * transform[1, 1] + transform[1, 3])
    return transform, cost


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
            found = _solved(points, gaps, weights)
            transform = _stepped(query, transform, found[0], np.exp(found[1]), found[2:])
            if np.abs(found).max() < _STILL:
                break
    points, gaps = paired()
    same = points[np.linalg.norm(gaps, axis=1) < _SAME]
    # What is stretched shares a level with the other, and no more.
    if len(same) and np.ptp(same[:, 1]) < _LEVEL * query.height / query.size:
        return transform, 0.0
    return transform, share(gaps, _SAME)


def _settled(query: Surface, asset: Surface, start: Matrix4) -> tuple[Matrix4, float]:
    """Iterates nearest places of the asset's very triangles to a part, and how far that is off."""
    transform = start

    def off(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(N, 3) the nearest places, and the ways to them; the query's size is the unit."""
        back = np.linalg.inv(transform)
        places = asset.closest(points @ back[:3, :3].T + back[:3, 3])
        moved = places @ transform[:3, :3].T + transform[:3, 3]
        return (moved - query.axis) / query.size, (moved - points) / query.size

    def apart() -> float:
        return float(registration.share_apart(np.linalg.norm(off(query.points)[1], axis=1)))

    at_first, grown = apart(), 0.0
    for reach in (reach for reach in _LADDER for _ in range(3)):
        places, gaps = off(query.points[:: POINTS // _SOME])
        found = _solved(places, gaps, (1 / (1 + ((gaps / reach) ** 2).sum(axis=1))) ** 2)
        grown += found[1]
        if not abs(grown) < _GROWN:  # what is flat lies on anything that is large enough
            return start, at_first
        transform = _stepped(query, transform, found[0], np.exp(found[1]), found[2:])
    settled = apart()
    return (transform, settled) if settled < at_first else (start, at_first)


def _solved(
    points: NDArray[np.float64], gaps: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(5,) yaw, logarithm of a factor, and shift that close (N, 3) gaps at (N, 3) points."""
    columns = _columns(points)
    rows = columns.reshape(-1, 5)
    pulled = (columns * weights[:, None, None]).reshape(-1, 5)
    solved = np.linalg.solve(rows.T @ pulled + 1e-9 * np.eye(5), -pulled.T @ gaps.ravel())
    return np.asarray(solved, np.float64)


def _costs(query: Surface, asset: Surface, transforms: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T,) how far apart the surfaces are, and the sides of the boxes as shares of the size."""
    low, high = _bounds(_placed(asset.mesh.corners, transforms))
    gaps = np.abs(np.concatenate([low - query.low, high - query.high], axis=-1)) / query.size
    costs: NDArray[np.float64] = gaps.clip(max=FAR).mean(axis=-1)
    return costs + _apart(_separations(query, asset, transforms, _SOME))


def _boxed(query: Surface, asset: Surface, transform: Matrix4) -> NDArray[np.float64]:
    """(B, 4, 4), rescaled so that one side of the boxes agrees, on the same ground and middle."""
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
    return np.array(found).reshape(-1, 4, 4)


def _starts(query: Surface, asset: Surface, whole: Surface | None) -> NDArray[np.float64]:
    """(T, 4, 4) the best that differ of all yaws, placed in two ways, and more for a part."""
    target = whole or query
    yaws = np.arange(_YAWS) * 2 * np.pi / _YAWS
    cos, sin, none = np.cos(yaws), np.sin(yaws), np.zeros(_YAWS)
    turns = np.stack(
        [cos, none, sin, none, none + 1, none, -sin, none, cos], axis=1
    ).reshape(-1, 3, 3)  # fmt: skip
    few = slice(None, None, POINTS // _FEW)
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
    started: NDArray[np.float64] = matrices[chosen]
    return started


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
    turned = asset.points[:: POINTS // _SOME] @ (scale * turns).swapaxes(1, 2)
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


def _separations(
    query: Surface, asset: Surface, transforms: NDArray[np.float64], count: int
) -> NDArray[np.float64]:
    """(T, 2 count) distances of so many points of each to the other surface."""
    every = slice(None, None, POINTS // count)
    here, there = query.points[every], asset.points[every]
    frame, spacing = Frame(query.axis, query.size), query.spacing / query.size
    backs = np.linalg.inv(transforms)
    found: NDArray[np.float64] = registration.separations(
        query.grid, asset.grid, here, there, transforms, backs, frame, spacing
    )
    return found


def _apart(separations: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T,) how much of the surfaces is apart, and how far: from 0 to 1."""
    return np.array([registration.share_apart(row) for row in separations])


def _placed(points: NDArray[np.float64], transforms: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T, N, 3) where T transforms (T, 4, 4) put (N, 3) points."""
    turned: NDArray[np.float64] = points @ transforms[:, :3, :3].swapaxes(1, 2)
    return turned + transforms[:, None, :3, 3]


def _refined(
    query: Surface,
    asset: Surface,
    starts: NDArray[np.float64],
    count: int,
    steps: int,
    rescaled: bool = True,
    part: bool = False,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The best transform from each start, (T, 4, 4), and (T,) how far apart surfaces are then.

    Of a part of something, only its own points count.
    """
    every = slice(None, None, POINTS // count)
    here, there = query.points[every], asset.points[every][: 0 if part else None]
    spacings = np.full(len(starts), query.spacing / query.size)
    if part:
        spacings = asset.spacing / query.size * np.cbrt(np.linalg.det(starts[:, :3, :3]))
    frame = Frame(query.axis, query.size)
    best, apart = registration.refine(
        query.grid, asset.grid, here, there, starts, frame, spacings, steps, rescaled
    )
    return best, apart


def _stepped(
    query: Surface, transform: Matrix4, yaw: float, grown: float, shift: NDArray[np.float64]
) -> Matrix4:
    """Turned and scaled further about the query's axis, and shifted by (3,) of its size."""
    cos, sin = grown * np.cos(yaw), grown * np.sin(yaw)
    turn = np.array([[cos, 0, sin, 0], [0, grown, 0, 0], [-sin, 0, cos, 0], [0, 0, 0, 1]])
    turn[:3, 3] = query.axis + query.size * shift - turn[:3, :3] @ query.axis
    return turn @ transform


def _columns(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 3, 5) how (..., 3) points move with yaw, with scale, and with the shift."""
    columns = np.zeros((*points.shape, 5))
    columns[..., 0, 0], columns[..., 2, 0] = points[..., 2], -points[..., 0]  # up × point
    columns[..., 1] = points
    columns[..., 2:] = np.eye(3)
    return columns


def _stretched(query: Surface, asset: Surface, transform: Matrix4) -> Matrix4:
    """Each of the asset's axes with a scale of its own, so that it fills the query's box."""
    yaw = float(np.arctan2(transform[0, 2], transform[0, 0]))
    yaws = (*(quarter * np.pi / 2 for quarter in range(4)), yaw)
    found = np.stack([_in_box(query, asset, yaw, True) for yaw in yaws])
    stretched: Matrix4 = found[_costs(query, asset, found).argmin()]
    return stretched


def _in_box(query: Surface, asset: Surface, yaw: float, stretch: bool) -> Matrix4:
    """Turned, scaled to the query's box on the same ground and over the same middle."""
    turn = _turn(1, yaw)
    # The query's box is taken along the asset's axes: a scale along others would shear it.
    low, high = _bounds(query.mesh.corners @ turn[:3, :3])
    least = _FLAT * query.size  # what is flat stays so
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
