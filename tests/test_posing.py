"""From where a picture shows a mesh."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from shapesim.embedders import LookEmbedder
from shapesim.meshes import load_mesh
from shapesim.objects.boxes import iou
from shapesim.picture_search.comparing import Pictured
from shapesim.picture_search.posing import Sight, fillings, poses
from shapesim.rendering.augmentation import new_picture
from shapesim.rendering.views import on_background, render
from shapesim.types import WHOLE, Mesh
from tests.conftest import SAMPLES


@pytest.fixture(scope="module")
def chair() -> Mesh:
    """One side of which is unlike all others."""
    return load_mesh(SAMPLES / "game" / "props" / "chair.fbx")


def turned_by(camera: tuple[float, float], other: tuple[float, float]) -> float:
    """Degrees between two cameras."""
    (one, up), (two, high) = np.radians(camera), np.radians(other)
    cosine = np.sin(up) * np.sin(high) + np.cos(up) * np.cos(high) * np.cos(one - two)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


@pytest.mark.parametrize("camera", [(33.0, 12.0), (140.0, 40.0), (250.0, 3.0), (355.0, 27.0)])
def test_the_camera_is_found(chair: Mesh, camera: tuple[float, float]) -> None:
    """To a few degrees, and what is overlaid is the picture again."""
    picture = on_background(render(chair, [camera], 224)[0], (120, 160, 90))
    sight = Sight(picture)
    pose = sight.pose(chair)
    assert turned_by(pose.camera, camera) < 8
    assert pose.outlines > 0.7
    gaps = np.abs(pose.overlay.astype(int) - sight.picture).mean(axis=2)
    assert (gaps > 40).mean() < 0.05


def test_the_part_that_a_box_names_is_looked_at(chair: Mesh) -> None:
    """The same pose is found where the thing is a small part of a larger picture."""
    camera = 215.0, 25.0
    small = on_background(render(chair, [camera], 160)[0], (200, 200, 210))
    scene = np.full((400, 600, 3), (200, 200, 210), np.uint8)
    scene[180:340, 350:510] = small
    rows, columns = np.nonzero((scene != scene[0, 0]).any(axis=2))
    box = (columns.min() / 600, rows.min() / 400, np.ptp(columns) / 600, np.ptp(rows) / 400)
    assert turned_by(Sight(scene, box).pose(chair).camera, camera) < 8


def test_a_mesh_fills_the_box_that_it_is_in(chair: Mesh) -> None:
    """Where the thing stands before a strong pattern, that alone tells where it is."""
    camera = 215.0, 25.0
    large = on_background(render(chair, [camera], 160)[0], (255, 0, 255))
    shown = (large != (255, 0, 255)).any(axis=2)
    checks = (np.indices((400, 600)) // 9).sum(axis=0) % 2
    scene = np.where(checks[..., None], (20, 30, 40), (235, 230, 220)).astype(np.uint8)
    scene[180:340, 350:510][shown] = large[shown]
    rows, columns = np.nonzero(shown)
    low, size = (350 + columns.min(), 180 + rows.min()), (np.ptp(columns) + 1, np.ptp(rows) + 1)
    box = (low[0] / 600, low[1] / 400, size[0] / 600, size[1] / 400)
    loose, tight = (Sight(scene, box, weight).pose(chair) for weight in (0.0, 1.0))
    assert tight.filling > 0.9
    assert tight.filling > loose.filling


def test_how_a_box_is_filled_is_intersection_over_union() -> None:
    """Everywhere, as counted one by one."""
    box, low, size = np.array([3.5, 2.0, 9.0, 14.25]), np.array([1, 2]), np.array([6, 5])
    filled = fillings(box, low, size, (12, 9))
    for y, x in np.ndindex(12, 9):
        start = low + (x, y)
        other = np.concatenate([start, start + size]).astype(np.float32)
        expected = iou(other, box[None].astype(np.float32))[0]
        assert filled[y, x] == pytest.approx(expected, abs=1e-6)


def test_of_several_places_the_one_that_meshes_fit_counts(chair: Mesh) -> None:
    """A part of the chair is not where it is, nor is a scene of which it fills little."""
    look = LookEmbedder()
    camera = 215.0, 25.0
    large = on_background(render(chair, [camera], 224)[0], (200, 200, 210))
    scene = np.full((400, 600, 3), (200, 200, 210), np.uint8)
    scene[120:344, 50:274] = large
    place = (50 / 600, 120 / 400, 224 / 600, 224 / 400)
    part = (0.4, 0.2, 0.2, 0.2)
    for picture, boxes, right in (
        (large, (part, WHOLE), WHOLE),
        (scene, (place, WHOLE), place),
        (scene, (WHOLE, place), place),
    ):
        made = Pictured(picture, look, boxes).scores(np.ones(1), [chair], 1)
        expected = Pictured(picture, look, [right]).scores(np.ones(1), [chair], 1)
        assert made[1] == expected[1]
        np.testing.assert_array_equal(made[0], expected[0])
        assert turned_by(made[1][0], camera) < 8


def test_a_picture_is_like_its_own_mesh_among_siblings(chair: Mesh) -> None:
    """Copies of other proportions look alike from afar, not place by place."""
    look = LookEmbedder()
    siblings = [
        chair,
        *(
            replace(chair, vertices=chair.vertices * np.array(scale))
            for scale in ((1, 1.25, 1), (1.3, 1, 1), (1, 1, 1.35), (1, 0.8, 1))
        ),
    ]
    right = 0
    for seed in range(6):
        picture, _ = new_picture(chair, np.random.default_rng(seed))
        sight = Sight(picture)
        found = poses(sight, siblings)
        likenesses = look.likenesses(sight.picture, [(p.overlay, p.weights) for p in found])
        scores = np.array(likenesses) + [pose.outlines for pose in found]
        right += int(np.argmax(scores) == 0)
    assert right >= 5


def test_what_shows_nothing_has_some_pose(chair: Mesh) -> None:
    """A picture of one colour, and a mesh that is a single far triangle."""
    blank = np.full((64, 40, 3), 200, np.uint8)
    pose = Sight(blank).pose(chair)
    assert np.isfinite(pose.outlines)
    assert pose.overlay.shape == (256, 256, 3)
