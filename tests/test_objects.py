"""Scenes of several assets, the objects found in them, and the assets that these show."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from scipy import ndimage

from shapesim.embedders import LookEmbedder, lite0
from shapesim.errors import ShapesimError
from shapesim.meshes import find_assets, load_mesh
from shapesim.meshes.parts import join
from shapesim.objects.boxes import boxes_of, iou, soft_nms
from shapesim.objects.finder import SIDE, FoundObject, ObjectFinder, closer, roi_pooled
from shapesim.rendering.views import Light, render_scene
from shapesim.showing import PAPER, objects_picture
from shapesim.types import Material, Mesh
from tests.commands import shapesim
from tests.conftest import SAMPLES
from training.composing import Composed, compose
from training.detection import Head, loss_of, targets_of
from training.displays import add_display
from training.object_finder import train
from training.scenes import composed
from training.shots import shots_of


def cube(centre: tuple[float, float, float], side: float) -> Mesh:
    """An axis-aligned one."""
    corners = np.array([(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)]) - 0.5
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = np.array([f for a, b, c, d in quads for f in ((a, b, c), (a, c, d))])
    return Mesh(corners * side + centre, faces, (Material(),), np.zeros(12, np.int64))


def test_what_is_seen_of_each_thing_is_exact() -> None:
    """Hidden by half, hidden wholly, and alone."""
    front, side, behind = cube((0, 0, 2), 1), cube((0.9, 0, 0), 1), cube((0, 0, -4), 0.3)
    scene = join([front, side, behind])
    groups = np.repeat([0, 1, 2], 12)
    points = join([front, side]).corners
    _, seen, visible = render_scene(scene, groups, points, (0.0, 0.0), 200, Light())
    assert visible[0] == 1
    assert 0.3 < visible[1] < 0.7
    assert visible[2] == 0
    _, alone, _ = render_scene(front, np.zeros(12, np.int64), points, (0.0, 0.0), 200, Light())
    # The frame is of the same points, so that each pixel sees the same.
    np.testing.assert_array_equal(seen == 0, alone == 0)
    pixels = (seen == 0).sum() / (alone == 0).sum()
    assert pixels == visible[0]


def test_joined_meshes_keep_their_colours_and_materials() -> None:
    """Of which only some have vertex colours."""
    red = replace(cube((0, 0, 0), 1), colours=np.tile(np.array([255, 0, 0, 255], np.uint8), (8, 1)))
    both = join([cube((3, 0, 0), 1), red])
    assert len(both.materials) == 2
    np.testing.assert_array_equal(both.face_materials, np.repeat([0, 1], 12))
    assert both.colours is not None
    np.testing.assert_array_equal(both.colours[:8], 255)
    np.testing.assert_array_equal(both.colours[8:, 1], 0)
    np.testing.assert_allclose(both.triangles[12:], red.triangles)


@pytest.fixture(scope="module")
def scene() -> Composed:
    """Six assets of the sample store in a room."""
    return compose([load_mesh(path) for path in shown()], np.random.default_rng(4))


@pytest.fixture(scope="module")
def indexed(
    tmp_path_factory: pytest.TempPathFactory, scene: Composed, samples_report: dict[str, Any]
) -> Path:
    """A folder with the scene as a picture, and the sample store's gallery."""
    folder = tmp_path_factory.mktemp("indexed")
    Image.fromarray(scene.picture).save(folder / "scene.png")
    shutil.copytree(samples_report["gallery"], folder / ".shapesim")
    return folder


def shown() -> list[Path]:
    """The files of the scene's assets."""
    return list(find_assets(SAMPLES / "store").files[2::9][:6])


def test_a_scene_shows_its_assets(scene: Composed) -> None:
    """In boxes within the picture."""
    assert scene.picture.shape == (512, 512, 3)
    assert (scene.visible > 0.2).sum() >= 4
    assert (scene.boxes[:, :2] + scene.boxes[:, 2:] <= 512).all()
    again = compose([load_mesh(path) for path in shown()], np.random.default_rng(4))
    np.testing.assert_array_equal(scene.picture, again.picture)


def test_pooling_is_the_mean_over_the_box() -> None:
    """Of all, of whole cells, and of shares of cells."""
    rng = np.random.default_rng(0)
    plane = rng.random((3, 4, 8)).astype(np.float32)
    boxes = np.array([[0, 0, 1, 1], [0.25, 0.5, 0.75, 1], [0, 0, 3 / 16, 0.25]])
    made = roi_pooled([plane], boxes)
    np.testing.assert_allclose(made[0, :3], plane.mean(axis=(1, 2)), rtol=1e-5)
    np.testing.assert_allclose(made[0, 3:], plane.std(axis=(1, 2)), rtol=1e-4)
    np.testing.assert_allclose(made[1, :3], plane[:, 2:, 2:6].mean(axis=(1, 2)), rtol=1e-5)
    np.testing.assert_allclose(made[2, :3], plane[:, 0, 0] * 2 / 3 + plane[:, 0, 1] / 3, rtol=1e-5)


def test_what_a_better_box_shares_is_doubted() -> None:
    """Scores against what each better box leaves of them, one after the other."""
    rng = np.random.default_rng(1)
    low = rng.integers(0, 80, (60, 2))
    boxes = np.hstack([low, low + rng.integers(10, 60, (60, 2))]).astype(np.float32)
    scores = rng.random(60).astype(np.float32)
    kept, left = soft_nms(boxes, scores, 0.05)
    shares = np.stack([iou(box, boxes) for box in boxes])
    np.testing.assert_allclose(np.diag(shares), 1, rtol=1e-5)
    np.testing.assert_allclose(shares, shares.T, rtol=1e-5)
    assert (np.diff(left) <= 0).all()
    for place, (row, score) in enumerate(zip(kept, left, strict=True)):
        covered = shares[row, kept[:place]]
        expected = scores[row] * np.prod(1 - covered[covered > 0.45])
        assert score == pytest.approx(expected, rel=1e-4)
    dropped = set(range(60)) - set(kept)
    assert dropped
    for row in dropped:
        covered = shares[row, kept]
        assert scores[row] * np.prod(1 - covered[covered > 0.45]) < 0.05


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (1, 40), (300, 2)])
def test_boxes_lie_in_the_smallest_pictures(size: tuple[int, int]) -> None:
    """All sides of a pixel or more; on one colour there are none."""
    finder = ObjectFinder()
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    for one in finder.objects(finder.see(noise)):
        x, y, width, height = one.box
        assert 0 <= x < x + width <= size[1]
        assert 0 <= y < y + height <= size[0]
    nothing = finder.see(noise * 0)
    assert finder.objects(nothing) == []
    look = LookEmbedder()
    assert [rows.shape[0] for rows in finder.embed(nothing, [], look)] == [0, 0]


def test_the_graph_computes_what_was_trained() -> None:
    """The head in ONNX against the head in torch, on planes of the same picture."""
    torch.manual_seed(0)
    head = Head().eval()
    state = {**lite0.imagenet_weights(), **head.tensors()}
    session = lite0.session(lite0.build_planes(state, LookEmbedder().ranges))
    picture = np.random.default_rng(0).integers(0, 256, (1, 96, 160, 3), dtype=np.uint8)
    *planes, predictions = session.run(None, {"pictures": picture})
    assert predictions.shape == (1, 5, 6, 10)
    with torch.no_grad():
        expected = head([torch.from_numpy(planes[row]) for row in (0, 2, 4)]).numpy()
    np.testing.assert_allclose(predictions, expected, atol=1e-4)


def test_closer_looks_show_the_box() -> None:
    """Its colour fills the place that is told in each of them, also at the picture's edge."""
    picture = np.zeros((100, 160, 3), np.uint8)
    picture[70:100, 20:80] = (200, 60, 10)
    rim = 10  # in which bicubic interpolation rings
    wide = []
    for part, place in zip(*closer(picture, np.array([(20.0, 70.0, 80.0, 100.0)])), strict=True):
        left, top, right, bottom = np.round(place * len(part)).astype(int)
        inside = part[top + rim : bottom, left + rim : right - rim]
        assert (np.abs(inside.astype(int) - (200, 60, 10)) < 3).all()
        assert part[: top - rim].max() < 3
        wide.append(right - left)
    assert wide[0] > wide[1]


def test_what_cannot_be_learnt_is_said_at_once(tmp_path: Path) -> None:
    """Too few scenes, and a head that is neither trained nor given; nothing is written."""
    scenes = [tmp_path / f"{number}.npz" for number in range(40)]
    with pytest.raises(ShapesimError, match="too few scenes"):
        train(scenes[:8], tmp_path / "out.safetensors", 1, 0)
    with pytest.raises(ShapesimError, match="--start-from"):
        train(scenes, tmp_path / "out.safetensors", 0, 0)
    assert not list(tmp_path.iterdir())


def test_parts_of_a_scene_hold_the_boxes_of_what_is_in_them() -> None:
    """Against a picture in which every object is a colour of its own, none behind another."""
    rng = np.random.default_rng(0)
    boxes = np.array([[x, y, 60, 45] for y in range(20, 1200, 130) for x in range(30, 1200, 150)])
    picture = np.zeros((1280, 1280, 3), np.uint8)
    for number, (x, y, width, height) in enumerate(boxes.tolist(), 1):
        picture[y : y + height, x : x + width] = number
    plain = 0
    while plain < 20:
        shots = shots_of(picture, boxes, np.ones(len(boxes)), rng)
        if not np.array_equal(shots[0][0], picture):  # a display hides some
            continue
        plain += 1
        for shot, found, visible in shots:
            numbers = shot[..., 0]
            places = ndimage.find_objects(numbers, max_label=len(boxes))
            pixels = np.bincount(numbers.ravel(), minlength=len(boxes) + 1)[1:]
            np.testing.assert_array_equal(visible, pixels / (60 * 45))
            for box, place in zip(found.tolist(), places, strict=True):
                if place:
                    rows, columns, *_ = place
                    assert box[:2] == [columns.start, rows.start]
                    assert box[2:] == [columns.stop - columns.start, rows.stop - rows.start]
                else:
                    assert 0 in box[2:]


def test_a_display_covers_what_it_changes() -> None:
    """Where it is not opaque at all, the picture stays; what it hides is none of the objects."""
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 256, (300, 400, 3), dtype=np.uint8)
    for _ in range(20):
        shown, opacity = add_display(picture, rng)
        assert opacity.shape == (300, 400)
        assert 0 < (opacity > 0).mean() < 1
        np.testing.assert_array_equal(shown[opacity == 0], picture[opacity == 0])


def test_scenes_are_composed_where_a_folder_lacks_them(tmp_path: Path) -> None:
    """Nothing is asked of the files otherwise; too few are said at once."""
    (tmp_path / "usual-1.npz").touch()
    assert composed([], tmp_path, 5, 0, crowded=False) == [tmp_path / "usual-1.npz"]
    assert composed([], tmp_path, 0, 0, crowded=True) == []
    with pytest.raises(ShapesimError, match="too few meshes"):
        composed([Path("one.obj")], tmp_path, 5, 0, crowded=True)


def test_a_head_that_says_what_is_wanted_is_read_back() -> None:
    """Targets to logits to boxes; and nothing costs less than being right."""
    boxes = np.array([(40, 60, 100, 80), (300, 200, 60, 150), (10, 400, 30, 20)])
    targets = targets_of(boxes, np.array([1.0, 1.0, 0.1]), SIDE // 16)
    assert targets.ignored.any()
    assert not (targets.ignored & targets.here).any()
    y, x = np.mgrid[: SIDE // 16, : SIDE // 16] + 0.5
    sides = np.stack(
        [x - targets.boxes[..., 0], y - targets.boxes[..., 1],
         targets.boxes[..., 2] - x, targets.boxes[..., 3] - y]
    ).clip(1e-3)  # fmt: skip
    logits = np.where(targets.here, 9.0, -9.0)[None]
    predictions = np.concatenate([logits, np.log(sides)]).astype(np.float32)
    found, scores = boxes_of(predictions, 0.5)
    assert len(found) == 2
    assert (scores > 0.99).all()
    corners = np.hstack([boxes[:2, :2], boxes[:2, :2] + boxes[:2, 2:]])
    assert {tuple(np.round(box).tolist()) for box in found} == set(map(tuple, corners.tolist()))
    tensors = [
        torch.from_numpy(part)[None] for part in (targets.boxes, targets.here, targets.ignored)
    ]
    right = loss_of(torch.from_numpy(predictions)[None], *tensors)
    wrong = loss_of(torch.from_numpy(predictions * 0.8 + 0.3)[None], *tensors)
    assert right < 0.01 < wrong


def test_objects_are_found_and_their_assets(indexed: Path, scene: Composed) -> None:
    """From a picture to numbers, and from a number or a box to the asset."""
    picture = indexed / "scene.png"
    result = shapesim("objects", picture, "--json", "--sheet", indexed / "n.png", cwd=indexed)
    assert result.returncode == 0, result.stderr
    objects = json.loads(result.stdout)["objects"]
    assert [one["id"] for one in objects] == list(range(1, len(objects) + 1))
    scores = [one["score"] for one in objects]
    assert scores == sorted(scores, reverse=True)
    found = np.array([one["box"] for one in objects], np.float32)
    found[:, 2:] += found[:, :2]
    wanted = np.flatnonzero(scene.visible > 0.6)
    corners = np.hstack([scene.boxes[:, :2], scene.boxes[:, :2] + scene.boxes[:, 2:]])
    fits = np.stack([iou(box.astype(np.float32), found) for box in corners[wanted]])
    assert (fits.max(axis=1) > 0.5).mean() >= 0.75
    with Image.open(indexed / "n.png") as sheet:
        assert sheet.size == (512, 512)

    hits = []
    drawn = indexed / "found.png"
    for row, fit in zip(wanted.tolist(), fits, strict=True):
        box = ",".join(map(str, scene.boxes[row].tolist()))
        which = ["--object", str(fit.argmax() + 1)] if fit.max() > 0.5 else ["--box", box]
        sheet_of_last: list[str | Path] = ["--sheet", drawn] if row == wanted[-1] else []
        result = shapesim(
            "search", picture, *which, "-k", "5", "--json", *sheet_of_last, cwd=indexed
        )
        assert result.returncode == 0, result.stderr
        matches = json.loads(result.stdout)["matches"]
        hits.append(shown()[row] in {Path(match["path"]) for match in matches})
    assert np.mean(hits) >= 0.5
    # The sheet shows what was asked for, not the whole picture.
    x, y, width, height = objects[fit.argmax()]["box"] if fit.max() > 0.5 else scene.boxes[row]
    cut = Image.fromarray(scene.picture[y : y + height, x : x + width])
    expected = ImageOps.pad(cut, (224, 224), color=PAPER)
    with Image.open(drawn) as sheet:
        np.testing.assert_array_equal(np.asarray(sheet)[12:236, 12:236], np.asarray(expected))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--box", "600,0,50,50"], "which is 512 × 512"),
        (["--box", "10,10,0,50"], "holds nothing"),
        (["--box", "1,2,3"], "is no box"),
        (["--object", "999"], "no object in it has the number 999"),
        (["--object", "1", "--box", "1,1,9,9"], "either"),
    ],
)
def test_what_cannot_be_searched_is_said(indexed: Path, arguments: list[str], message: str) -> None:
    """In one line."""
    result = shapesim("search", "scene.png", *arguments, cwd=indexed)
    assert result.returncode in (1, 2)
    assert message in " ".join(result.stderr.replace("│", " ").split())


def test_a_scene_without_objects_is_no_error(tmp_path: Path) -> None:
    """An empty list, and a line."""
    Image.new("RGB", (640, 360), (120, 130, 140)).save(tmp_path / "plain.png")
    result = shapesim("objects", "plain.png", "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    told = {"query": "plain.png", "width": 640, "height": 360, "objects": []}
    assert json.loads(result.stdout) == told
    assert "no object" in result.stderr


def test_numbers_do_not_cover_each_other() -> None:
    """Each stands in another corner of its frame, where one of another frame is in the way."""
    boxes = [(20, 20, 200, 150), (20, 20, 100, 100), (20, 20, 80, 300), (20, 20, 300, 250)]
    objects = [FoundObject(number, box, 0.9) for number, box in enumerate(boxes, 1)]
    drawn = np.asarray(objects_picture(np.full((400, 500, 3), 255, np.uint8), objects))
    corners = [(x + 3, y + 3) for x, y in ((20, 20), (105, 20), (85, 20), (305, 20))]
    colours = {tuple(drawn[y, x].tolist()) for x, y in corners}
    assert len(colours - {(255, 255, 255)}) == len(boxes)


def test_a_number_does_not_hide_what_is_small() -> None:
    """It stands beside its frame, within the picture."""
    for box in ((100, 100, 24, 30), (0, 0, 20, 20), (380, 480, 20, 20)):
        drawn = np.asarray(objects_picture(np.full((500, 400, 3), 255, np.uint8),
                                           [FoundObject(1, box, 0.9)]))  # fmt: skip
        x, y, width, height = box
        assert (drawn[y + 3 : y + height - 3, x + 3 : x + width - 3] == 255).all()
        assert (drawn != 255).any(axis=2).sum() > 2 * 2 * (width + height) + 100
