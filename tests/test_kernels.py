"""Machine code against the same said plainly."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates, uniform_filter

from shapesim.kernels import correlating, overlaying
from shapesim.kernels.matching import nearest_and_next

_LEAST = 0.5


@pytest.fixture
def rng() -> np.random.Generator:
    """Always the same numbers."""
    return np.random.default_rng(0)


@pytest.fixture
def plane(rng: np.random.Generator) -> NDArray[np.float32]:
    """Noise around something flat."""
    values = rng.normal(3, 1, (31, 42)).astype(np.float32)
    values[5:16, 5:21] = 2  # flat
    return values


def _correlations(
    sought: NDArray[np.float32], plane: NDArray[np.float32]
) -> NDArray[np.float64]:  # (H, W)
    windows = sliding_window_view(plane.astype(float), sought.shape)
    about = windows - windows.mean(axis=(2, 3), keepdims=True)
    lengths = np.maximum(np.sqrt((about**2).sum(axis=(2, 3))), _LEAST)
    made: NDArray[np.float64] = (windows * sought).sum(axis=(2, 3)) / lengths
    return made


def _unit(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    values = rng.normal(size=(height, width))
    values -= values.mean()
    return (values / np.linalg.norm(values)).astype(np.float32)


def test_norms_are_those_of_each_window_about_its_mean(plane: NDArray[np.float32]) -> None:
    """What is flat has the least."""
    windows = sliding_window_view(plane.astype(float), (6, 9))
    about = windows - windows.mean(axis=(2, 3), keepdims=True)
    expected = np.maximum(np.sqrt((about**2).sum(axis=(2, 3))), _LEAST)
    found = correlating.window_norms(plane, 6, 9, _LEAST)
    assert (expected == _LEAST).any()
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize(("step", "reach"), [(1, 0), (3, 2)])
def test_the_best_window_is_that_of_all(
    plane: NDArray[np.float32], rng: np.random.Generator, step: int, reach: int
) -> None:
    """Each of them is cut out of the plane, where the steps lead past it, too."""
    height, width = 6, 9
    sought = np.stack([_unit(rng, height, width) for _ in range(5)])
    for n, one in enumerate(sought):  # left of what is flat, or below
        top, left = (17 + n, 3 * n + 1) if n % 2 else (n, 23 + n)
        plane[top : top + height, left : left + width] += 9 * one
    found = correlating.windows(plane, height, width, step)
    every = sliding_window_view(plane, (height, width))[::step, ::step]
    np.testing.assert_array_equal(found, every.reshape(len(found), -1))
    rows = sought.reshape(len(sought), -1)
    norms = correlating.window_norms(plane, height, width, _LEAST)
    best, places = correlating.best_windows(
        rows @ found.T, rows, plane, norms, height, width, step, reach
    )
    for n, one in enumerate(sought):
        all_of_them = _correlations(one, plane)
        y, x = np.unravel_index(all_of_them.argmax(), all_of_them.shape)
        if step == 1:
            assert places[n].tolist() == [x, y]
        assert best[n] == pytest.approx(all_of_them[places[n, 1], places[n, 0]], abs=1e-5)
        near = all_of_them[
            max(places[n, 1] - 1, 0) : places[n, 1] + 2, max(places[n, 0] - 1, 0) : places[n, 0] + 2
        ]
        assert best[n] == pytest.approx(near.max(), abs=1e-5)


def test_the_best_window_of_a_tile_lies_within_it(rng: np.random.Generator) -> None:
    """Not across its edge, and none in the tile that nothing was laid into."""
    side, count, across, height, width = 15, 5, 3, 6, 9
    plane = rng.normal(size=(2 * side, across * side)).astype(np.float32)
    sought = _unit(rng, height, width)
    scores = sliding_window_view(plane, (height, width)) * sought
    best, places = correlating.best_in_tiles(
        scores.sum(axis=(2, 3)).astype(np.float32), plane, count, side, height, width, _LEAST
    )
    for n in range(count):
        top, left = n // across * side, n % across * side
        within = _correlations(sought, plane[top : top + side, left : left + side])
        y, x = np.unravel_index(within.argmax(), within.shape)
        assert places[n].tolist() == [x, y]
        assert best[n] == pytest.approx(within.max(), abs=1e-5)


@pytest.mark.parametrize("turn", [0.0, 0.3])
def test_likeness_is_correlation_in_windows(rng: np.random.Generator, turn: float) -> None:
    """Of what is seen by straight lines between pixels, as far as it is in the picture."""
    theirs = uniform_filter(rng.uniform(0, 255, (40, 50)), 3).astype(np.uint8)
    matrix = np.array([[np.cos(turn), -np.sin(turn), 4], [np.sin(turn), np.cos(turn), 2.0]])
    y, x = np.mgrid[:30, :36]
    places = [matrix[row, 0] * x + matrix[row, 1] * y + matrix[row, 2] for row in (1, 0)]
    seen, shares = (
        map_coordinates(one.astype(float), places, order=1, mode="grid-constant")
        for one in (theirs, np.ones(theirs.shape))
    )
    seen = np.floor(seen + 0.5)
    mask = (shares > 0.9).astype(float)
    assert mask.all() == (turn == 0)
    ours = (seen + rng.normal(0, 20, seen.shape)).clip(0, 255).astype(np.uint8)
    found = overlaying.likeness(ours, theirs, matrix, 0.1, 7, 3.0)
    assert found == pytest.approx(_likeness(ours.astype(float), seen, mask, 7, 3.0), abs=1e-4)


def _likeness(ours: NDArray[np.float64], seen: NDArray[np.float64], mask: NDArray[np.float64],
              window: int, grain: float) -> float:  # fmt: skip
    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        of_all: NDArray[np.float64] = uniform_filter(mask, window, mode="constant")
        made: NDArray[np.float64] = uniform_filter(values * mask, window, mode="constant")
        return made / np.maximum(of_all, 1e-3)

    varies = [np.maximum(mean(one**2) - mean(one) ** 2, 0) for one in (ours, seen)]
    together = mean(ours * seen) - mean(ours) * mean(seen)
    alike = together / np.sqrt((varies[0] + grain**2) * (varies[1] + grain**2))
    weights = mask * np.sqrt(np.maximum(*varies))
    return float((alike * weights).sum() / (weights.sum() + 0.1 * grain * mask.sum()))


def test_what_is_hardly_in_the_picture_has_no_likeness() -> None:
    """Nor has what is nowhere."""
    grey = np.arange(900, dtype=np.uint8).reshape(30, 30)
    beside = np.array([[1, 0, 28], [0, 1, 28.0]])
    assert overlaying.likeness(grey, grey, beside, 0.1, 7, 3.0) == -2
    assert overlaying.likeness(grey, grey, np.full((2, 3), np.nan), 0.1, 7, 3.0) == -2
    assert overlaying.likeness(grey, grey, np.eye(3), 0.1, 7, 3.0) > 0.9


def test_the_next_likest_feature_is_elsewhere(rng: np.random.Generator) -> None:
    """By rows, as said."""
    alike = rng.uniform(-1, 1, (20, 30)).astype(np.float32)
    points = rng.uniform(0, 100, (30, 2)).astype(np.float32)
    first, cosines = nearest_and_next(alike, points, 40.0)
    np.testing.assert_array_equal(first, alike.argmax(axis=1))
    np.testing.assert_array_equal(cosines[0], alike.max(axis=1))
    for row, column in enumerate(first):
        away = np.abs(points - points[column]).max(axis=1) > 40
        assert away.any() and cosines[1, row] == alike[row, away].max()
