"""Closed forms: the minimum circle and the signature."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray

from shapesim.geometry import first_of_geometry, minimum_circle, same_geometry, signature
from tests.conftest import as_mesh, lopsided, yawed


def brute_force_radius(points: NDArray[np.float64]) -> float:
    """Radius of the smallest circle over every pair and triple that holds all points."""
    best = np.inf
    for pair in combinations(points, 2):
        centre = np.mean(pair, axis=0)
        radius = float(np.linalg.norm(pair[0] - centre))
        if np.linalg.norm(points - centre, axis=1).max() <= radius + 1e-9:
            best = min(best, radius)
    for a, b, c in combinations(points, 3):
        left = 2 * np.stack([b - a, c - a])
        if abs(np.linalg.det(left)) < 1e-9:
            continue
        centre = np.linalg.solve(left, [b @ b - a @ a, c @ c - a @ a])
        radius = float(np.linalg.norm(a - centre))
        if np.linalg.norm(points - centre, axis=1).max() <= radius + 1e-9:
            best = min(best, radius)
    return best


@pytest.mark.parametrize("seed", range(30))
def test_minimum_circle_equals_brute_force(seed: int) -> None:
    """No smaller circle holds random points."""
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(rng.integers(3, 14), 2))
    centre, radius = minimum_circle(points)
    assert np.linalg.norm(points - centre, axis=1).max() <= radius + 1e-9
    assert radius == pytest.approx(brute_force_radius(points), abs=1e-9)


@pytest.mark.parametrize(
    ("points", "radius"),
    [
        ([[1.0, 2.0]], 0.0),
        ([[0.0, 0.0], [0.0, 0.0], [4.0, 0.0], [1.0, 0.0]], 2.0),
        ([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]], np.sqrt(2)),
    ],
    ids=["one point", "a line", "a square"],
)
def test_minimum_circle_of_degenerate_points(points: list[list[float]], radius: float) -> None:
    """One point, points on a line and points on one circle have their exact circle."""
    assert minimum_circle(np.array(points))[1] == pytest.approx(radius, abs=1e-9)


def test_signature_ignores_place_scale_turn_and_triangles() -> None:
    """A moved, scaled, turned and subdivided copy has the same signature to 1e-5."""
    shape = lopsided()
    copy = shape.subdivide().subdivide()
    copy.apply_transform(yawed(0.7)).apply_scale(31.0).apply_translation((5, -8, 2))
    np.testing.assert_allclose(signature(as_mesh(shape)), signature(as_mesh(copy)), atol=1e-5)


def test_signature_tells_a_mirror_image() -> None:
    """A shape without symmetry is not its own mirror image."""
    shape = lopsided()
    mirrored = shape.copy().apply_transform(np.diag([-1.0, 1, 1, 1]))
    assert not same_geometry(signature(as_mesh(shape)), signature(as_mesh(mirrored)))


def test_signature_tells_the_left_hand_from_the_right() -> None:
    """Also where a shape is almost its own mirror image; cut into other triangles, it is not."""
    parts = [((2, 1, 1), (0, 0, 0)), ((0.3, 0.2, 0.1), (0.6, 0.6, 0.3))]
    parts.append(((0.2, 0.4, 0.2), (-0.7, 0.7, -0.3)))
    boxes = [trimesh.creation.box(size).apply_translation(place) for size, place in parts]
    left: Any = trimesh.util.concatenate(boxes)
    right = left.copy().apply_transform(np.diag([-1.0, 1, 1, 1]))
    here, there = signature(as_mesh(left)), signature(as_mesh(right))
    assert np.abs(here - there).max() < 1e-3
    assert not same_geometry(here, there)
    assert same_geometry(here, signature(as_mesh(left.subdivide())))


def test_signature_tells_a_changed_part() -> None:
    """A box one per cent longer is another geometry; an equal one is the same."""
    box = signature(as_mesh(trimesh.creation.box((1.0, 2.0, 0.5))))
    assert not same_geometry(box, signature(as_mesh(trimesh.creation.box((1.01, 2.0, 0.5)))))
    assert same_geometry(box, signature(as_mesh(trimesh.creation.box((2.0, 4.0, 1.0)))))


def test_geometries_equal_brute_force() -> None:
    """Rows near each other at random: each goes to the first that leads, as one by one."""
    rng = np.random.default_rng(0)
    rows = (rng.integers(0, 5, (300, 12)) * 1.9e-3 + rng.normal(0, 2e-4, (300, 12))).astype("f4")
    rows[:, 2:] = rows[:, :1] % 1e-3  # so that some agree in all
    expected = np.full(len(rows), -1)
    for row in range(len(rows)):
        same = (expected < 0) & same_geometry(rows, rows[row])
        expected[same] = expected[same] if expected[row] >= 0 else row
    found = first_of_geometry(rows)
    np.testing.assert_array_equal(found, expected)
    assert 1 < len(np.unique(found)) < len(rows)
