"""The map of a gallery, and its page in a real browser."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from shapesim.gallery import Gallery
from shapesim.pages.mapping import _sheets, clusters, lay_out, nearest_others, trustworthiness
from tests.browsers import opened, resting
from tests.commands import shapesim
from tests.conftest import SAMPLES
from tests.test_gallery import unit_rows
from voxel_models.registry import weights_path


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The furniture of the sample store, indexed by shape and look."""
    folder = tmp_path_factory.mktemp("map")
    shutil.copytree(SAMPLES / "store" / "meadow-pack", folder / "store")
    result = shapesim("index", folder / "store", "--gallery", folder / "gallery")
    assert result.returncode == 0, result.stderr
    return folder / "gallery"


@pytest.fixture(scope="module")
def page(gallery: Path, browser: Browser) -> Iterator[Page]:
    """Its map, opened."""
    out = gallery.parent / "map.html"
    result = shapesim(
        "map", "--out", out, "--method", "pca", "--method", "umap", "--gallery", gallery
    )
    assert result.returncode == 0, result.stderr
    assert "umap" in result.stdout
    with opened(browser, out) as shown:
        yield shown


def blobs(count: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Rows about four distant directions, and the number of each one's."""
    middles = unit_rows(4, 32, 1)
    kinds = np.repeat(np.arange(4), count)
    rows = middles[kinds] + 0.1 * unit_rows(4 * count, 32, 2)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), kinds


@pytest.mark.parametrize("method", ["pca", "tsne", "umap"])
def test_neighbours_stay_neighbours(method: str) -> None:
    """Four heaps stay four; the same seed gives the same map."""
    rows, kinds = blobs()
    points = lay_out(rows, method)  # type: ignore[arg-type]
    assert points.shape == (160, 3)
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(gaps, np.inf)
    assert (kinds[gaps.argmin(axis=1)] == kinds).mean() > 0.97
    assert trustworthiness(rows, points) > 0.8
    np.testing.assert_array_equal(points, lay_out(rows, method))  # type: ignore[arg-type]


def test_what_nothing_connects_makes_the_rest_no_smaller() -> None:
    """A tenth of the assets, of which none has a neighbour among the others."""
    rng = np.random.default_rng(0)
    rows = np.zeros((330, 24), np.float32)
    rows[:300, :12] = rng.normal(size=(300, 12))
    rows[300:, 12:] = 1 + 0.2 * rng.normal(size=(30, 12))
    points = lay_out(rows / np.linalg.norm(rows, axis=1, keepdims=True), "umap")
    far = np.linalg.norm(points, axis=1)
    assert np.median(far[:300]) > 0.25
    assert far[300:].min() > np.median(far[:300])


def test_neighbours_are_the_nearest_of_other_geometries() -> None:
    """Each once, by its first asset, however many copies there are."""
    counts = [9, 3, *[1] * 18]
    rows = np.repeat(unit_rows(20, 16, 0), counts, axis=0)
    geometry = np.repeat(np.cumsum([0, *counts[:-1]]), counts)
    firsts = np.unique(geometry)
    found = nearest_others(rows, geometry)
    for row, near in enumerate(found.tolist()):
        others = firsts[firsts != geometry[row]]
        assert near == others[np.argsort(-(rows[others] @ rows[row]))][:6].tolist()
    assert nearest_others(rows[:9], geometry[:9]).shape == (9, 0)


def test_dense_places_are_told_apart() -> None:
    """Four heaps are four clusters."""
    rows, kinds = blobs()
    found = clusters(lay_out(rows, "pca"))
    assert {frozenset(kinds[found == one].tolist()) for one in range(4)} == {
        frozenset([kind]) for kind in range(4)
    }


@pytest.mark.parametrize("count", [1, 3, 6])
def test_few_assets_have_a_map(count: int) -> None:
    """Each at a place of its own."""
    for method in ("pca", "tsne", "umap"):
        points = lay_out(unit_rows(count, 16, 3), method)
        assert np.isfinite(points).all()
        assert len(np.unique(points.round(4), axis=0)) == count


def test_sheets_hold_each_assets_own_thumbnail(gallery: Path) -> None:
    """In the order of the assets, row by row."""
    with Gallery(gallery) as opened_gallery:
        ids = sorted(opened_gallery.assets)
        cell, sheets = _sheets(opened_gallery, ids)
        stored = opened_gallery.catalogue.thumbnails()
    (sheet,) = (np.asarray(Image.open(io.BytesIO(one)), np.int64) for one in sheets)
    across = sheet.shape[1] // cell
    for place, id in enumerate(ids):
        x, y = place % across * cell, place // across * cell
        picture = Image.open(io.BytesIO(stored[id])).convert("RGB").resize((cell, cell))
        gap = np.abs(sheet[y : y + cell, x : x + cell] - np.asarray(picture, np.int64)).mean()
        assert gap < 6


@pytest.mark.parametrize("asset", [0, 3, 7])
def test_the_page_turns_points_into_pictures(page: Page, gallery: Path, asset: int) -> None:
    """An asset is a small point from afar, and its own thumbnail from near by."""
    with Gallery(gallery) as opened_gallery:
        ids = sorted(opened_gallery.assets, key=lambda one: opened_gallery.assets[one].path)
        stored = opened_gallery.catalogue.thumbnails()
    paths = page.evaluate("assets.path")
    thumbnail = next(
        stored[id] for id in ids if str(opened_gallery.assets[id].path).endswith(paths[asset])
    )
    shots = {}
    for name, away in (("far", 3.0), ("near", 0.2)):
        page.evaluate(
            """([asset, away]) => {
                controls.target.fromArray(current, 3 * asset);
                camera.position.copy(controls.target).z += away;
                show([asset], "");
            }""",
            [asset, away],
        )
        page.wait_for_timeout(800)
        shot = Image.open(io.BytesIO(page.locator("canvas").screenshot())).convert("RGB")
        middle = [round(place) for place in page.evaluate(f"onScreen({asset})")[:2]]
        shots[name] = np.asarray(
            shot.crop((middle[0] - 70, middle[1] - 70, middle[0] + 70, middle[1] + 70)), np.int64
        )
    page.evaluate("show(null, '')")
    side = 96 * 1.6
    shown = np.asarray(
        Image.open(io.BytesIO(thumbnail)).convert("RGB").resize((round(side), round(side))),
        np.int64,
    )
    edge = (round(side) - 140) // 2
    shown = shown[edge : edge + 140, edge : edge + 140]
    near, far = (np.abs(shots[name] - shown).mean() for name in ("near", "far"))
    assert near < 10 and near < far / 2
    assert len(page.evaluate("frameTimes()")) > 10


def test_the_page_draws_only_what_changes(page: Page) -> None:
    """While nothing moves, it leaves the machine alone."""
    drawn = resting(page, "renderer.info.render.frame")
    page.evaluate("camera.position.x += 0.1")
    page.wait_for_function(f"renderer.info.render.frame > {drawn}")


def test_the_panel_hides_nothing(page: Page) -> None:
    """It leaves most of a wide window and of a narrow one, in whose middle all assets stand."""
    before = page.viewport_size
    assert before
    for width, height in ((390, 800), (before["width"], before["height"])):
        page.set_viewport_size({"width": width, "height": height})
        page.reload()
        page.wait_for_selector("body[data-state=ready]")
        page.wait_for_timeout(500)
        panel = page.locator("#panel").bounding_box()
        assert panel
        assert panel["width"] * panel["height"] < 0.4 * width * height
        places = np.array(page.evaluate("assets.path.map((_, asset) => onScreen(asset))"))
        inside = (places[:, :2] > 0).all(axis=1) & (places[:, :2] < (width, height)).all(axis=1)
        low, high = np.array([panel["x"], panel["y"]]), np.array([panel["width"], panel["height"]])
        hidden = ((places[:, :2] > low) & (places[:, :2] < low + high)).all(axis=1)
        assert (inside & ~hidden).mean() > 0.85  # of 35; where each stands differs by the machine


def test_search_layouts_and_lists_work(page: Page) -> None:
    """What is searched is listed; a click in the list shows what is nearest; layouts change."""
    page.locator("input[type=search]").fill("chair")
    found = page.locator("#list button")
    names = found.all_inner_texts()
    assert names
    assert all("chair" in name for name in names)
    found.first.click()
    page.wait_for_function("document.body.dataset.chosen === '7'")
    assert found.first.inner_text() == names[0]
    page.locator("input[type=search]").fill("")
    page.locator("select").nth(1).select_option("pca")
    page.locator("select").nth(0).select_option("look")
    assert page.evaluate("document.body.dataset.layout") == "look pca"
    page.wait_for_timeout(900)
    page.keyboard.down("Shift")
    page.mouse.move(300, 20)
    page.mouse.down()
    page.mouse.move(1390, 890)
    page.mouse.up()
    page.keyboard.up("Shift")
    assert "in the frame" in page.locator("#panel").inner_text()
    everything = int(page.evaluate("document.body.dataset.chosen"))
    # Only what is searched for is framed, by the button as by the key; Escape ends it.
    page.locator("input[type=search]").fill("glb chair")
    few = int(page.evaluate("document.body.dataset.chosen"))
    page.get_by_role("button", name="frame").click()
    page.mouse.move(300, 20)
    page.mouse.down()
    page.mouse.move(1390, 890)
    page.mouse.up()
    assert 0 < int(page.evaluate("document.body.dataset.chosen")) <= few < everything
    page.keyboard.press("Escape")
    assert page.evaluate("document.body.dataset.chosen") == ""
    assert page.locator("input[type=search]").input_value() == ""


def test_a_thumbnail_is_hit_all_over_and_the_one_in_front(page: Page) -> None:
    """Near its edge, too; of two that overlap, the one that is seen."""
    page.evaluate(
        """() => {
            controls.target.fromArray(current, 0);
            camera.position.copy(controls.target).z += 0.2;
            show([0], "");
        }"""
    )
    page.wait_for_timeout(800)
    x, y, _ = page.evaluate("onScreen(0)")
    name = page.evaluate("assets.name[0]")
    hover = page.locator("#hover")
    for away, is_hit in ((0, True), (70, True), (-70, True), (90, False)):
        page.mouse.move(x + away, y + away)
        assert hover.is_visible() == is_hit
        assert not is_hit or name in hover.inner_text()
    # Another is brought before it, half a picture aside.
    page.evaluate(
        """() => {
            for (let axis = 0; axis < 3; axis += 1) current[3 + axis] = current[axis];
            current[3] += 0.01;
            current[5] += 0.05;
            touch("position");
            show([0, 1], "");
        }"""
    )
    page.wait_for_timeout(300)
    x, y, _ = page.evaluate("onScreen(1)")
    page.mouse.move(x - 60, y)
    assert page.evaluate("assets.name[1]") in hover.inner_text()
    page.evaluate("place(false); seeAll(); search()")


def test_without_webgl_assets_are_searched(gallery: Path, page: Page, browser: Browser) -> None:
    """As on a remote desktop: all but the picture works."""
    context = browser.new_context(offline=True)
    context.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    bare = context.new_page()
    bare.goto((gallery.parent / "map.html").as_uri())
    bare.locator("input[type=search]").fill("chair")
    bare.locator("#list button").first.click()
    assert "nearest" in bare.locator("#panel").inner_text()
    assert "no 3D here" in bare.locator("#space").inner_text()
    context.close()


def test_a_gallery_of_pictures_has_no_map(tmp_path: Path) -> None:
    """It says what is missing."""
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (64, 64), "red").save(tmp_path / "pictures" / "red.png")
    assert shapesim("index", "pictures", cwd=tmp_path).returncode == 0
    result = shapesim("map", "--out", "map.html", cwd=tmp_path)
    assert result.returncode == 1
    assert "holds pictures, and no meshes" in result.stderr


def test_a_gallery_by_ones_own_network_has_a_map(tmp_path: Path) -> None:
    """By the space that it was indexed by; others are told, not drawn."""
    for file in sorted((SAMPLES / "store" / "meadow-pack").rglob("*.glb"))[:4]:
        shutil.copy(file, tmp_path)
    shutil.copy(weights_path("resnet3d.no-kenney"), tmp_path / "own.safetensors")
    own = "shape:own.safetensors"
    assert shapesim("index", ".", "--by", own, cwd=tmp_path).returncode == 0
    # A plain 'index' goes on by the same, wherever it is run, also when looks have come.
    assert shapesim("index", "--by", "look", cwd=tmp_path).returncode == 0
    (tmp_path / "below").mkdir()
    again = shapesim("index", "--json", cwd=tmp_path / "below")
    assert json.loads(again.stdout)["unchanged"] == 4, again.stderr
    (tmp_path / "own.safetensors").rename(tmp_path / "moved.safetensors")
    gone = shapesim("index", cwd=tmp_path)
    assert gone.returncode == 1 and "own.safetensors, which cannot be used now" in gone.stderr
    (tmp_path / "moved.safetensors").rename(tmp_path / "own.safetensors")
    drawn = shapesim("map", "--out", "map.html", "--method", "pca", "--by", own, cwd=tmp_path)
    assert drawn.returncode == 0 and "shape" in drawn.stdout and "left out" not in drawn.stderr
    assert shapesim("duplicates", "--by", own, cwd=tmp_path).returncode == 0
    both = shapesim("map", "--out", "map.html", "--method", "pca", cwd=tmp_path)
    assert both.returncode == 0 and "look" in both.stdout and "left out" not in both.stderr
    words = ("map", "--out", "map.html", "--method", "pca", "--by", "both")
    other = shapesim(*words, cwd=tmp_path)
    assert other.returncode == 0 and "left out" in other.stderr
    file = next(tmp_path.glob("*.glb"))
    hint = shapesim("swap", file, "--by", "shape", cwd=tmp_path)
    assert hint.returncode == 1
    assert "leave out --by" in hint.stderr
    assert shapesim("swap", file, cwd=tmp_path).returncode == 0
    # To embed by other weights, they are named.
    assert shapesim("index", "--by", "shape", cwd=tmp_path).returncode == 0
    assert shapesim("swap", file, "--by", "shape", cwd=tmp_path).returncode == 0
    assert (
        json.loads(shapesim("index", "--by", "shape", "--json", cwd=tmp_path).stdout)["unchanged"]
        == 4
    )
    assert shapesim("duplicates", "--by", "look", cwd=tmp_path).returncode == 2
