"""Pictures within a picture."""

from __future__ import annotations

import numpy as np
import pytest

from shapesim.tracing.affine import applied, inverse, turned
from shapesim.tracing.framing import frames, skew


def test_a_pasted_picture_is_framed() -> None:
    """Its box is found to a hundredth of the page, before anything else."""
    rng = np.random.default_rng(0)
    page = np.full((600, 800, 3), 245, np.uint8)
    page[180:420, 300:620] = rng.integers(0, 160, (12, 16, 3)).repeat(20, 0).repeat(20, 1)
    (x, y, width, height), *_ = frames(page, 3)
    assert np.abs(np.array([x, y, x + width, y + height]) - [300, 180, 620, 420]).max() <= 8


def test_two_opposite_edges_are_enough() -> None:
    """What stands on white between black bars is framed by them, though open above and below."""
    page = np.full((400, 600, 3), 255, np.uint8)
    page[100:300, 100:180] = page[100:300, 400:480] = 0
    page[140:260, 240:340] = (200, 60, 30)
    found = [np.array([x, y, x + w, y + h]) for x, y, w, h in frames(page, 5)]
    assert min(np.abs(box - [180, 100, 400, 300]).max() for box in found) <= 8


@pytest.mark.parametrize("angle", [-25.0, -8.0, 12.0, 30.0])
def test_a_page_that_stands_askew_is_turned_back(angle: float) -> None:
    """Its skew is told to a degree, and its points are where the transform says."""
    page = np.full((480, 640, 3), 255, np.uint8)
    page[60:70, 40:600] = page[200:420, 60:200] = page[200:420, 380:520] = 30
    askew, there = turned(page, angle, 255)
    assert abs(skew(askew) - angle) < 1
    upright, back = turned(askew, -skew(askew), 255)
    assert np.allclose(applied(inverse(there), applied(there, np.eye(2))), np.eye(2))
    x, y = applied(back @ there, np.array([[380.0, 200.0]]))[0]
    around = upright[round(y) - 12 : round(y) + 13, round(x) - 12 : round(x) + 13]
    assert around[-4, -4, 0] < 60 and around[3, 3, 0] > 200
    assert skew(page) == 0.0


def test_nothing_is_framed_in_plain_pictures() -> None:
    """One colour, a smooth gradient, and pictures of few pixels have no frames."""
    gradient = np.linspace(0, 255, 300).astype(np.uint8)[None, :, None].repeat(200, 0).repeat(3, 2)
    for picture in (np.full((90, 160, 3), 7, np.uint8), gradient, np.zeros((1, 1, 3), np.uint8)):
        assert frames(picture, 5) == []
