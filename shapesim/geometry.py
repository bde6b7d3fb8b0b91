"""Closed forms on points and triangles."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError

from shapesim.types import Mesh

# Six points of a triangle (barycentric) and their weights: exact for polynomials up to degree 4.
# D. A. Dunavant, "High degree efficient symmetrical Gaussian quadrature rules for the triangle",
# Int. J. Numer. Methods Eng. 21 (1985).
_A, _B = 0.445948490915965, 0.091576213509771
_POINTS = np.array(
    [
        [_A, _A, 1 - 2 * _A],
        [_A, 1 - 2 * _A, _A],
        [1 - 2 * _A, _A, _A],
        [_B, _B, 1 - 2 * _B],
        [_B, 1 - 2 * _B, _B],
        [1 - 2 * _B, _B, _B],
    ]
)
_WEIGHTS = np.repeat([0.223381589678011, 0.109951743655322], 3)

_CHUNK = 100_000  # triangles at a time: bounds memory

REMESHED = 1e-4
"""Most that moments of one surface differ by that is cut into other triangles, as files round their
numbers. A handle more on a door changes them by twice that at least."""
_SAME = 2e-3  # most that signatures of one geometry differ by, as files round their numbers
_CHIRAL = 5e-5  # of a moment that changes sign in a mirror: more than what triangulation changes


def minimum_circle(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """The smallest circle around points in the plane.

    Grows from a pair: the farthest point outside joins the two or three points that hold the
    circle, of which the smallest circle around them keeps at most three.

    Args:
        points: (N, 2), N >= 1.

    Returns:
        (2,) centre and radius.
    """
    # Far from the origin, squares of coordinates leave no digits for differences.
    origin = points.mean(axis=0)
    points = points - origin
    try:
        points = points[ConvexHull(points).vertices]
    except QhullError:  # all on one line, or fewer than three
        points = np.unique(points, axis=0)
    start = points[((points - points[0]) ** 2).sum(axis=1).argmax()]
    support = np.stack([points[0], start])
    centre, radius = support.mean(axis=0), float(np.linalg.norm(points[0] - start)) / 2
    # Each step strictly grows the circle, so it ends; the bound guards against rounding.
    for _ in range(len(points) + 8):
        distances = np.linalg.norm(points - centre, axis=1)
        farthest = int(distances.argmax())
        if distances[farthest] <= radius * (1 + 1e-12):
            break
        support = np.vstack([support, points[farthest]])
        centre, radius, support = _smallest_around(support)
    return centre + origin, max(radius, float(np.linalg.norm(points - centre, axis=1).max()))


def _smallest_around(
    points: NDArray[np.float64],
) -> tuple[NDArray[np.float64], float, NDArray[np.float64]]:
    """Smallest circle around at most four points, by trying every pair and triple."""
    best = (points[0], np.inf, points)
    for chosen in [*combinations(points, 2), *combinations(points, 3)]:
        held = np.stack(chosen)
        centre = held.mean(axis=0) if len(held) == 2 else _circumcentre(held)
        radius = float(np.linalg.norm(held - centre, axis=1).max())
        outside = np.linalg.norm(points - centre, axis=1).max() > radius * (1 + 1e-9)
        if radius < best[1] and not outside:
            best = (centre, radius, held)
    return best


def _circumcentre(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    sides = 2 * (corners[1:] - corners[0])
    squares = (corners[1:] ** 2).sum(axis=1) - (corners[0] ** 2).sum()
    if abs(np.linalg.det(sides)) < 1e-12 * np.abs(sides).max() ** 2:
        return np.full(2, np.inf)
    return np.linalg.solve(sides, squares)


def signature(mesh: Mesh) -> NDArray[np.float32]:
    """Moments of the surface that tell one geometry from another.

    They do not change when the asset is moved, scaled, turned about up, cut into other triangles,
    recoloured or written in another format; they do when it is mirrored, unless it is its own
    mirror image.

    Returns:
        (13,) float32, dimensionless, of order one.
    """
    triangles = mesh.triangles
    areas = mesh.areas
    areas = areas / areas.sum()
    middle = areas @ triangles.mean(axis=1)
    # Powers of up and of the distance from the upright axis through the middle, and vectors
    # within the plane, each a mean over the surface.
    scalars, vectors, spread = np.zeros(6), np.zeros((3, 2)), np.zeros((2, 2))
    for start in range(0, len(areas), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        weights = (areas[chunk, None] * _WEIGHTS).ravel()
        points = (np.einsum("qc,fcd->fqd", _POINTS, triangles[chunk]) - middle).reshape(-1, 3)
        up, flat = points[:, 1], points[:, ::2]
        ring = (flat**2).sum(axis=1)
        scalars += np.stack([up**2, up**3, up**4, ring**2, ring * up, ring * up**2]) @ weights
        vectors += np.stack([weights * up, weights * ring, weights * up**2]) @ flat
        spread += (flat * weights[:, None]).T @ flat
    size = np.sqrt(scalars[0] + np.trace(spread))
    scalars /= size ** np.array([2, 3, 4, 4, 3, 4])
    lean, skew, twist = vectors / size ** np.array([[2], [3], [3]])
    spread /= size**2
    return np.array(
        [
            *scalars,
            *np.linalg.eigvalsh(spread),
            *np.linalg.norm([lean, skew, twist], axis=1),
            # The only ones that change sign in a mirror.
            4 * (_cross(lean, skew) + _cross(skew, twist)),
            4 * (_cross(lean, spread @ lean) + _cross(skew, spread @ skew)),
        ],
        dtype=np.float32,
    )


def moments(mesh: Mesh) -> NDArray[np.float64]:
    """Moments of the surface that stay when it is moved, scaled, turned in any way or mirrored.

    Returns:
        (9,) float64, dimensionless: the eigenvalues of the second moments and of those weighted by
        the squared distance, the fourth moment, and two lengths of the third.
    """
    triangles = mesh.triangles
    areas = mesh.areas
    areas = areas / areas.sum()
    middle = areas @ triangles.mean(axis=1)
    second, outer, third, fourth = np.zeros((3, 3)), np.zeros((3, 3)), np.zeros(3), 0.0
    for start in range(0, len(areas), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        weights = (areas[chunk, None] * _WEIGHTS).ravel()
        points = (np.einsum("qc,fcd->fqd", _POINTS, triangles[chunk]) - middle).reshape(-1, 3)
        squares = (points**2).sum(axis=1)
        second += (points * weights[:, None]).T @ points
        outer += (points * (weights * squares)[:, None]).T @ points
        third += (weights * squares) @ points
        fourth += float(weights @ squares**2)
    size = np.sqrt(np.trace(second))
    second, outer, third = second / size**2, outer / size**4, third / size**3
    return np.array(
        [
            *np.linalg.eigvalsh(second),
            *np.linalg.eigvalsh(outer),
            fourth / size**4,
            np.linalg.norm(third),
            np.sqrt(max(float(third @ second @ third), 0.0)),
        ]
    )


def _cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(a[0] * b[1] - a[1] * b[0])


def same_geometry(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether signatures belong to one geometry, broadcast over leading axes."""
    equal: NDArray[np.bool_] = (np.abs(a - b) <= _SAME).all(axis=-1)
    # Mirror images of what is almost its own are told by the signs alone.
    mirrored = (a[..., -2:] * b[..., -2:] < -_CHIRAL * _CHIRAL).any(axis=-1)
    return equal & ~mirrored


def first_of_geometry(signatures: NDArray[np.float32]) -> NDArray[np.int64]:
    """(N,) the first row of each row's geometry, of (N, S) signatures."""
    order = np.argsort(signatures[:, 0], kind="stable")
    leading = signatures[order, 0]
    first = np.full(len(signatures), -1, np.int64)
    for row, signature in enumerate(signatures):
        if first[row] < 0:
            ends = signature[0] + np.array([-_SAME, _SAME])
            low, high = np.searchsorted(leading, ends + np.array([-_SAME, _SAME]) / 8)
            near = order[low:high]
            near = near[(first[near] < 0) & same_geometry(signatures[near], signature)]
            first[near] = row
    return first
