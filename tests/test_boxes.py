"""Which boxes tell of one object, and what a closer look at parts of a picture adds."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from shapesim.objects.boxes import clear_of_cuts, part_corners, with_small_ones

PICTURE = np.zeros((900, 1600, 3), np.uint8)


def rows(*boxes: tuple[int, int, int, int]) -> NDArray[np.float32]:
    """Corners of boxes of x, y, width and height."""
    table = np.array(boxes, np.float32).reshape(-1, 4)
    return np.hstack([table[:, :2], table[:, :2] + table[:, 2:]])


@pytest.mark.parametrize("side", [100, 640, 1000, 5000])
def test_parts_show_all_of_a_picture(side: int) -> None:
    """And what is no larger than their overlap is whole in one of them."""
    seen = np.zeros(PICTURE.shape[:2], bool)
    corners = part_corners(PICTURE, side)
    for x, y in corners:
        seen[y : y + side, x : x + side] = True
    assert seen.all()
    rng = np.random.default_rng(0)
    for _ in range(200):
        size = int(min(side // 4, 900) * rng.uniform(0.2, 1))
        left, top = int(rng.integers(1600 - size + 1)), int(rng.integers(900 - size + 1))
        assert any(
            x <= left and left + size <= x + side and y <= top and top + size <= y + side
            for x, y in corners
        )


def test_what_a_part_cuts_is_left_to_others() -> None:
    """But not where the picture itself ends."""
    boxes = rows((0, 10, 50, 50), (150, 60, 50, 40), (80, 0, 30, 30), (60, 60, 20, 20))
    scores = np.array([0.9, 0.8, 0.7, 0.6], np.float32)
    first, _ = clear_of_cuts(boxes, scores, (0, 0), (200, 100), PICTURE)
    np.testing.assert_array_equal(first, boxes[[0, 2, 3]])
    inner, left = clear_of_cuts(boxes, scores, (300, 400), (200, 100), PICTURE)
    np.testing.assert_array_equal(inner, boxes[[3]] + (300, 400, 300, 400))
    np.testing.assert_array_equal(left, scores[[3]])


def test_several_small_things_take_the_place_of_what_joins_them() -> None:
    """Pieces of one thing do not, nor do few, nor what was large enough to be seen before."""
    joining, alone = (100, 100, 500, 400), (1000, 100, 300, 300)
    before = rows(joining, alone)
    scores = np.array([0.8, 0.7], np.float32)
    small = rows(
        (110, 110, 60, 60), (400, 150, 80, 60), (150, 400, 60, 80), (300, 300, 60, 60),
        (480, 380, 60, 60),
    )  # fmt: skip
    pieces = rows((1010, 110, 250, 120), (1010, 240, 250, 150))
    large = rows((50, 500, 390, 390))

    def told(others: NDArray[np.float32]) -> set[tuple[float, ...]]:
        sure = np.full(len(others), 0.9, np.float32)
        boxes, _ = with_small_ones(before, scores, others, sure, 1000, 0.3)
        return {tuple(box) for box in boxes.tolist()}

    assert told(np.concatenate([small, pieces, large])) == {
        tuple(box) for box in (*rows(alone).tolist(), *small.tolist())
    }
    for nothing_new in (small[:4], pieces, large, small[:0]):
        assert told(nothing_new) == {tuple(box) for box in before.tolist()}
