"""Manipulated pictures, traced back to their originals."""

from __future__ import annotations

import csv
import json
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps
from safetensors.numpy import load_file, save_file

from shapesim.embedders import CopyEmbedder
from shapesim.embedders.base import weights_file
from shapesim.errors import GalleryError, WeightsError
from shapesim.gallery import Gallery
from shapesim.indexing import index_stores
from shapesim.kernels.matching import nearest_and_next
from shapesim.meshes import find_assets, load_mesh
from shapesim.pictures.keypoints import (
    FOUND_CONTRAST,
    FOUND_SIDE,
    ORIGINAL_CONTRAST,
    ORIGINAL_SIDE,
    Features,
    Kept,
    Small,
)
from shapesim.rendering.augmentation import background
from shapesim.rendering.views import on_background, render
from shapesim.showing import trace_sheet
from shapesim.tracing import Evidence, Original, Trace, Tracer, originals, tracer
from shapesim.tracing.affine import inverse, turned
from shapesim.tracing.correlation import sweep
from shapesim.tracing.regions import Region
from shapesim.tracing.verification import (
    Place,
    compare,
    hinted,
    locate,
    strongest,
)
from tests.commands import shapesim
from tests.conftest import SAMPLES, as_mesh, lopsided
from training.copy_embedder import sibling
from training.manipulation import MANIPULATIONS, manipulate, paste
from training.painting import painted


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of renders, one of them there twice, and a gallery of it."""
    folder = tmp_path_factory.mktemp("tracing")
    (folder / "pictures" / "deep").mkdir(parents=True)
    for path in find_assets(SAMPLES / "store").files[::3]:
        view = on_background(render(load_mesh(path), [(-35.0, 20.0)], 256, 2))[0]
        Image.fromarray(view).save(folder / "pictures" / f"{path.stem}.png")
    first = next((folder / "pictures").glob("*.png"))
    shutil.copy(first, folder / "pictures" / "deep" / f"again-{first.name}")
    result = shapesim("index", folder / "pictures", "--json", cwd=folder)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["failed"] == []
    return folder


def single_originals(home: Path) -> list[Path]:
    """Those that are there once."""
    twice = {path.name.removeprefix("again-") for path in (home / "pictures" / "deep").iterdir()}
    return [path for path in sorted((home / "pictures").glob("*.png")) if path.name not in twice]


@pytest.mark.parametrize("way", MANIPULATIONS)
def test_an_original_is_found_whatever_was_done_to_it(home: Path, way: str) -> None:
    """Of each manipulation alone, two of three at least, and one is sure of them."""
    rng = np.random.default_rng(0)
    hits = []
    with Gallery(home / ".shapesim") as gallery:
        traced = Tracer(gallery, CopyEmbedder())
        for path in sorted(single_originals(home), key=_richness)[-3:]:
            MANIPULATIONS[way](Image.open(path).convert("RGB"), rng).save(home / "changed.png")
            trace = traced.trace(home / "changed.png")
            hits.append(trace.found and trace.matches[0].path == path)
    assert sum(hits) >= 2


def test_an_original_is_found_on_another_picture(home: Path) -> None:
    """At a quarter to half of its area."""
    rng = np.random.default_rng(0)
    path = single_originals(home)[0]
    ground = Image.fromarray(background(256, rng))
    paste(Image.open(path).convert("RGB"), ground, rng).save(home / "changed.png")
    with Gallery(home / ".shapesim") as gallery:
        assert Tracer(gallery, CopyEmbedder()).trace(home / "changed.png").matches[0].path == path


def test_a_rough_comparison_first_finds_the_same(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Originals that are not among the roughly nearest are left out, the right one never is."""
    monkeypatch.setattr(originals, "_AXES", 12)
    monkeypatch.setattr(originals, "_MAYBE", 4)
    with Gallery(home / ".shapesim") as gallery:
        traced = Tracer(gallery, CopyEmbedder())
        for path in single_originals(home)[:6]:
            found = Image.open(path).convert("L").convert("RGB").rotate(8, fillcolor="white")
            evidence = traced.gather(np.asarray(found))
            assert len(evidence) <= 4
            assert path in [one.near.source.path for one in evidence]


def test_what_has_no_local_features_is_seen_by_what_is_bright_and_dark(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of blurred parts it is told where in their originals they are; without that, of few."""
    alike = []
    with Gallery(home / ".shapesim") as gallery:
        traced = Tracer(gallery, CopyEmbedder())
        for path in sorted(single_originals(home), key=_richness)[-4:]:
            part = Image.open(path).convert("RGB").crop((90, 40, 230, 180))
            blurred = np.asarray(part.filter(ImageFilter.GaussianBlur(5)))
            alike.append(_likeness(traced.gather(blurred), path))
            with monkeypatch.context() as patched:
                patched.setattr(tracer, "sweep", lambda found, sought, mapped: [[] for _ in sought])
                alike.append(_likeness(traced.gather(blurred), path))
    assert min(alike[::2]) > 0.65
    assert sorted(alike[1::2])[1] < 0.4


def _likeness(gathered: list[Evidence], path: Path) -> float:
    (one,) = [evidence for evidence in gathered if evidence.near.source.path == path]
    assert one.verified is not None
    return one.verified.place.likeness


def test_originals_that_are_gone_are_no_obstacle(home: Path, tmp_path: Path) -> None:
    """Deleted after indexing, they are still found; or indexed anew while pictures are traced."""
    shutil.copytree(home / "pictures", tmp_path / "pictures")
    assert shapesim("index", "pictures", cwd=tmp_path).returncode == 0
    gone, kept, *_ = sorted((tmp_path / "pictures").glob("*.png"))[1:]
    with Gallery(tmp_path / ".shapesim") as gallery:
        traced = Tracer(gallery, CopyEmbedder())
        before = traced.trace(gone)
        copy = gone.rename(tmp_path / "found.png")
        assert Tracer(gallery, CopyEmbedder()).trace(copy).matches == before.matches
        assert before.matches[0].path == gone
        assert traced.trace(kept).matches[0].path == kept
        assert shapesim("index", "pictures", cwd=tmp_path).returncode == 0
        trace = traced.trace(kept)
        assert trace.found
        assert gone not in [match.path for match in trace.matches]
        shutil.rmtree(tmp_path / "pictures")
        kept = home / "pictures" / kept.name
        assert shapesim("forget", "pictures", cwd=tmp_path).returncode == 0
        with pytest.raises(GalleryError, match="again"):
            traced.trace(kept)


@pytest.mark.parametrize("size", [(3000, 17), (1000, 667), (31, 997)])
def test_a_box_is_within_the_picture_however_it_was_reduced(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    """Also where both sides are not reduced by the same."""
    rng = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    path = tmp_path / "pictures" / "one.png"
    Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), np.uint8)).save(path)
    assert shapesim("index", "pictures", cwd=tmp_path).returncode == 0
    with Gallery(tmp_path / ".shapesim") as gallery:
        (match,) = Tracer(gallery, CopyEmbedder()).trace(path).matches
    x, y, width, height = match.box
    assert min(x, y) >= 0
    assert x + width <= size[0]
    assert y + height <= size[1]


def test_an_original_is_found_in_a_page_that_stands_askew(home: Path) -> None:
    """Its place is the box around where it is in the found picture."""
    path = max(single_originals(home), key=_richness)
    page = Image.new("RGB", (900, 600), (40, 60, 80))
    page.paste((200, 200, 210), (60, 100, 300, 500))
    page.paste(Image.open(path).convert("RGB").resize((320, 320)), (440, 140))
    page.rotate(-15, Image.Resampling.BICUBIC, fillcolor="white").save(home / "page.png")
    with Gallery(home / ".shapesim") as gallery:
        trace = Tracer(gallery, CopyEmbedder()).trace(home / "page.png")
    assert trace.matches[0].path == path
    turn = np.array([[np.cos(a := np.radians(15)), -np.sin(a)], [np.sin(a), np.cos(a)]])
    corners = (np.array([[440, 140], [760, 140], [440, 460], [760, 460]]) - [450, 300]) @ turn.T
    low, high = corners.min(axis=0) + [450, 300], corners.max(axis=0) + [450, 300]
    np.testing.assert_allclose(trace.matches[0].box, [*low, *(high - low)], atol=16)


def test_no_place_reaches_beyond_the_picture() -> None:
    """Of one that stands askew: what is turned back has corners beyond it."""
    picture = np.zeros((400, 600, 3), np.uint8)
    upright, matrix = turned(picture, -10, 255)
    height, width = upright.shape[:2]
    region = Region(upright, (600, 400), inverse(matrix))
    for box in ((0, 0, width, height), (width // 2, height // 2, width // 2, height // 2)):
        for is_mirrored in (False, True):
            x, y, wide, tall = region.box_in_found(box, is_mirrored)
            assert 0 <= x < x + wide <= 600
            assert 0 <= y < y + tall <= 400


def test_a_sheet_shows_originals_as_they_were(tmp_path: Path) -> None:
    """When they were indexed: a file may be gone, or another by now."""
    seen = Image.new("RGB", (64, 64), "white")
    seen.paste((30, 90, 200), (10, 10, 50, 50))
    seen.save(tmp_path / "found.png")
    Image.new("RGB", (64, 64), "red").save(tmp_path / "another.png")
    stored = (tmp_path / "found.png").read_bytes()
    originals = [
        Original(tmp_path / name, 0.9, (0, 0, 64, 64), view, stored)
        for name, view in (("away.glb", 3), ("another.png", None))
    ]
    sheet = trace_sheet([Trace(tmp_path / "found.png", (one,), 0.9) for one in originals])
    columns = np.split(np.asarray(sheet, int)[:, 12:-12], 2, axis=1)
    for pixels in [half for column in columns for half in np.array_split(column, 2)]:
        assert (np.abs(pixels - (30, 90, 200)).sum(axis=2) < 12).mean() > 0.2


def test_what_shows_nothing_is_its_own_original(tmp_path: Path) -> None:
    """The very same file is known by its content, and no other."""
    (tmp_path / "pictures").mkdir()
    for name, colour in (("grey.png", "grey"), ("red.png", "red")):
        Image.new("RGB", (40, 40), colour).save(tmp_path / "pictures" / name)
    shutil.copy(tmp_path / "pictures" / "red.png", tmp_path / "found.png")
    Image.new("RGB", (40, 40), "blue").save(tmp_path / "other.png")
    with Gallery(tmp_path / "gallery", create=True) as gallery:
        index_stores(gallery, [tmp_path / "pictures"], CopyEmbedder())
        tracer = Tracer(gallery, CopyEmbedder())
        known, other = (tracer.trace(tmp_path / name) for name in ("found.png", "other.png"))
    assert [match.path.name for match in known.matches] == ["red.png"]
    assert (known.confidence, known.matches[0].box) == (1.0, (0, 0, 40, 40))
    assert not other.found


def test_a_table_that_is_not_ours_stays(home: Path) -> None:
    """Such as a catalogue; a table of an earlier trace is written anew."""
    table = home / "catalog.csv"
    table.write_text("path,licence\na.fbx,CC0\n", encoding="utf-8")
    picture = single_originals(home)[0]
    refused = shapesim("trace", picture, "--csv", table, cwd=home)
    assert refused.returncode == 1 and "is another table" in refused.stderr
    assert table.read_text(encoding="utf-8").startswith("path,licence")
    table.unlink()
    for _ in range(2):
        assert shapesim("trace", picture, "--csv", table, cwd=home).returncode == 0
    assert table.read_text(encoding="utf-8").count("\n") == 2
    table.unlink()


def test_the_place_of_the_original_is_told(home: Path) -> None:
    """In the found picture's own pixels, also mirrored."""
    path = max(single_originals(home), key=_richness)
    page = Image.new("RGB", (900, 600), (40, 60, 80))
    page.paste(ImageOps.mirror(Image.open(path).convert("RGB")).resize((320, 320)), (500, 100))
    page.save(home / "page.png")
    with Gallery(home / ".shapesim") as gallery:
        trace = Tracer(gallery, CopyEmbedder()).trace(home / "page.png")
    assert trace.matches[0].path == path
    np.testing.assert_allclose(trace.matches[0].box, (500, 100, 320, 320), atol=12)


def test_the_place_reaches_beyond_what_edges_frame(home: Path) -> None:
    """Edges within an original, and of what it stands on, frame parts of it."""
    paths = sorted(single_originals(home), key=_richness)[-12:]
    offs = []
    with Gallery(home / ".shapesim") as gallery:
        traced = Tracer(gallery, CopyEmbedder())
        for number, path in enumerate(paths):
            page = Image.open(paths[number - 1]).convert("RGB").resize((600, 500))
            picture = Image.open(path).convert("RGB").resize((260, 260))
            x, y = 30 * number, 20 * number
            page.paste(ImageOps.mirror(picture) if number % 2 else picture, (x, y))
            page.save(home / "page.png")
            trace = traced.trace(home / "page.png")
            if trace.found and trace.matches[0].path == path:
                offs.append(np.abs(np.array(trace.matches[0].box) - (x, y, 260, 260)).max())
    assert len(offs) >= len(paths) / 2
    assert np.mean(np.array(offs) <= 16) >= 0.9, offs


def test_a_small_picture_on_a_page_is_found_in_its_frame(home: Path) -> None:
    """Between black bars, as pages show what is not as wide as they are; the box is on the page."""
    hits = []
    for path in single_originals(home)[:6]:
        page = Image.new("RGB", (1280, 800), "white")
        page.paste(Image.new("RGB", (560, 280), "black"), (200, 440))
        page.paste(Image.open(path).convert("RGB").resize((280, 280)), (340, 440))
        page.save(home / "page.png")
        with Gallery(home / ".shapesim") as gallery:
            trace = Tracer(gallery, CopyEmbedder()).trace(home / "page.png")
        gap = np.abs(np.array(trace.matches[0].box) - [340, 440, 280, 280]).max()
        hits.append(trace.matches[0].path.samefile(path) and gap <= 40)
    assert np.mean(hits) >= 0.8


def test_a_picture_agrees_with_itself_and_not_with_another(home: Path) -> None:
    """By local features alone."""
    rich = sorted(single_originals(home), key=_richness)
    one, other = (_features(_opened(path)) for path in rich[-2:])
    itself, another = locate(one, one), locate(other, one)
    assert itself is not None
    assert itself.share > 0.5
    assert itself.likeness > 0.95
    judged = compare(one.small, one.small, itself)
    assert judged is not None
    assert judged.gaps[-1] < 1
    np.testing.assert_allclose(judged.box, (0, 0, 256, 256), atol=2)
    assert another is None or another.inliers < itself.inliers / 4


def test_what_differs_in_one_place_is_told_from_what_is_recoloured(home: Path) -> None:
    """The worst place of a sibling is off; of a copy in other colours, none is."""
    picture = max(map(_opened, single_originals(home)), key=lambda one: len(_features(one).points))
    one, itself = Small.of(picture, ORIGINAL_SIDE), Place(np.eye(3))
    recoloured = (picture * [0.8, 0.9, 1.0] * 0.9 + 10).astype(np.uint8)
    height, width = picture.shape[:2]
    changed = picture.copy()
    changed[height // 3 : height // 2, width // 3 : width // 2] = (30, 160, 40)
    copied, other = (compare(Small.of(p, FOUND_SIDE), one, itself) for p in (recoloured, changed))
    assert copied is not None
    assert other is not None
    assert copied.gaps == tuple(sorted(copied.gaps))
    assert copied.gaps[-1] < 8
    assert other.gaps[-1] > 5 * copied.gaps[-1]


def test_mirrored_features_are_those_of_the_mirrored_picture(home: Path) -> None:
    """At the same places, with the same descriptors."""
    picture = max(map(_opened, single_originals(home)), key=lambda one: len(_features(one).points))
    mirrored = _features(picture).mirrored()
    again = _features(np.ascontiguousarray(picture[:, ::-1]))
    nearest = (mirrored.descriptors @ again.descriptors.T).argmax(axis=1)
    off = np.linalg.norm(mirrored.points - again.points[nearest], axis=1)
    assert (off < 2).mean() > 0.8


def test_what_is_kept_of_an_original_is_what_it_shows(home: Path) -> None:
    """Its picture up to JPEG, its features up to their rounding; also where it has none."""
    pictures = [_opened(path) for path in single_originals(home)[:4]]
    pictures.append(np.repeat(pictures[0], 3, axis=1))
    for picture in (*pictures, np.full((1, 900, 3), 200, np.uint8)):
        kept = Kept.of(picture)
        small = Small.of(picture, ORIGINAL_SIDE)
        seen = kept.small()
        assert seen.pixels.shape == small.pixels.shape
        assert np.abs(seen.pixels.astype(int) - small.pixels).mean() < 3
        features = Features.of(Small.of(small.pixels, ORIGINAL_SIDE), ORIGINAL_CONTRAST)
        again = Features.unpacked(seen, kept.features)
        assert len(again.points) == len(features.points)
        np.testing.assert_allclose(again.points, features.points, atol=0.002)
        alike = (again.descriptors * features.descriptors).sum(axis=1)
        assert len(alike) == 0 or alike.min() > 0.98


def test_a_part_without_local_features_is_found(home: Path) -> None:
    """By correlation: a blurred third of a picture."""
    path = max(single_originals(home), key=_richness)
    part = Image.open(path).convert("RGB").crop((60, 60, 220, 220))
    part = part.filter(ImageFilter.GaussianBlur(3))
    corner = np.linalg.inv(_swept(part, path)) @ (0, 0, 1)
    np.testing.assert_allclose(corner[:2], (60, 60), atol=8)


@pytest.mark.parametrize(
    ("degrees", "is_mirrored"), [(0, False), (0, True), (-20, False), (9, False), (26, False)]
)
def test_what_is_turned_on_another_picture_is_found(
    home: Path, degrees: int, is_mirrored: bool
) -> None:
    """By correlation: the middle of the original is seen where it was put."""
    path = max(single_originals(home), key=_richness)
    whole = Image.open(path).convert("RGB").resize((150, 150))
    turned = whole.rotate(-degrees, Image.Resampling.BICUBIC, fillcolor="white")
    page = Image.new("RGB", (400, 300), (250, 250, 250))
    page.paste(turned.filter(ImageFilter.GaussianBlur(2)), (180, 90))
    matrix = _swept(ImageOps.mirror(page) if is_mirrored else page, path)
    np.testing.assert_allclose((matrix @ (127.5, 127.5, 1))[:2], (254.5, 164.5), atol=4)
    direction = np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0]))
    assert direction == pytest.approx(degrees, abs=3)


def test_what_is_small_on_a_wide_page_is_found(home: Path) -> None:
    """By correlation, also where only every other place is tried."""
    path = max(single_originals(home), key=_richness)
    page = Image.new("RGB", (600, 250), (250, 250, 250))
    page.paste(Image.open(path).convert("RGB").resize((100, 100)), (403, 71))
    matrix = _swept(page, path)
    np.testing.assert_allclose((matrix @ (127.5, 127.5, 1))[:2], (452.5, 120.5), atol=4)


def test_of_many_originals_the_right_one_correlates_best(home: Path) -> None:
    """Among all others, wherever it is in the picture, and whatever their proportions."""
    paths = single_originals(home)
    rich = max(paths, key=_richness)
    wide = Image.open(paths[0]).convert("RGB").crop((0, 60, 256, 180))
    pictures = [np.asarray(wide), *map(_opened, paths)]
    for row, part in ((1 + paths.index(rich), _opened(rich)[30:226, 40:]), (0, pictures[0])):
        hints = sweep(part, pictures)
        scores = [max(hint.score for hint in of) for of in hints]
        assert int(np.argmax(scores)) == row
        assert scores[row] <= 1 + 1e-3


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("is_upright", [False, True])
def test_banners_are_found_too(home: Path, count: int, is_upright: bool) -> None:
    """By correlation, among others of the same proportions, on a page with other pictures."""
    side = max(80, 360 // count)
    tiles = [_opened(path) for path in single_originals(home)]
    tiles = [np.asarray(Image.fromarray(tile).resize((side, side))) for tile in tiles]
    banners = np.split(np.concatenate(tiles[: 3 * count], axis=1), 3, axis=1)
    page = np.full((640, 800, 3), 245, np.uint8)
    page[-side:, : 2 * side] = np.concatenate(tiles[-2:], axis=1)
    sought = np.asarray(Image.fromarray(banners[1]).filter(ImageFilter.GaussianBlur(2)))
    page[60 : 60 + side, 200 : 200 + side * count] = sought
    if is_upright:
        page, banners = page.swapaxes(0, 1), [one.swapaxes(0, 1) for one in banners]
    hints = sweep(np.ascontiguousarray(page), [np.ascontiguousarray(one) for one in banners])
    assert int(np.argmax([of[0].score for of in hints])) == 1
    ends = (hints[1][0].matrix @ np.array([[0, 1], [0, 1], [1, 1]]))[:2].T * page.shape[1::-1]
    expected = np.array([[200, 60], [200 + side * count, 60 + side]])
    np.testing.assert_allclose(ends, expected[:, ::-1] if is_upright else expected, atol=16)


def test_hints_lead_to_places_apart(home: Path) -> None:
    """What is there twice is found twice; a strip is not looked for."""
    path = max(single_originals(home), key=_richness)
    page = Image.new("RGB", (600, 250), (250, 250, 250))
    for x in (40, 380):
        page.paste(Image.open(path).convert("RGB").resize((160, 160)), (x, 50))
    hints, none = sweep(np.asarray(page), [_opened(path), _opened(path)[:12]])
    middles = sorted(hint.middle[0] * 600 for hint in hints)
    np.testing.assert_allclose(middles, (120, 460), atol=12)
    assert none == []


@pytest.mark.parametrize("size", [(24, 128), (2, 384), (384, 24), (384, 1)])
def test_a_strip_takes_little_memory(size: tuple[int, int]) -> None:
    """It has more places than other pictures, of which fewer are tried; also of banners."""
    rng = np.random.default_rng(0)
    sought = [rng.integers(0, 256, (*sides, 3), np.uint8) for sides in ((200, 200), (26, 208))]
    tracemalloc.start()
    sweep(rng.integers(0, 256, (*size, 3), np.uint8), sought)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6


def _swept(picture: Image.Image, path: Path) -> NDArray[np.float64]:
    """(3, 3) from an original's pixels to where the best hint leads, or to its mirror image."""
    found = Small.of(np.asarray(picture), FOUND_SIDE)
    original = Small.of(_opened(path), ORIGINAL_SIDE)
    hint = sweep(found.pixels, [original.pixels])[0][0]
    seen = found.mirrored() if hint.is_mirrored else found
    place = strongest(seen, original, [hinted(seen, original, hint.matrix)])
    assert place is not None
    judged = compare(seen, original, place)
    assert judged is not None
    return judged.place.matrix


def test_json_and_csv_follow_the_contract(home: Path) -> None:
    """A line for each file; of the same picture in two files both are named."""
    (again,) = (home / "pictures" / "deep").iterdir()
    shutil.copytree(home / "pictures" / "deep", home / "found")
    Image.new("RGB", (200, 100)).save(home / "found" / "plain.png")
    (home / "found" / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    out = home / "traced.csv"
    result = shapesim("trace", home / "found", "--json", "--csv", out, cwd=home)
    assert result.returncode == 0, result.stderr
    assert "broken.jpg" in result.stderr
    lines = {Path(line["query"]).name: line for line in map(json.loads, result.stdout.splitlines())}
    same = lines[again.name]
    assert same["found"]
    assert same["confidence"] > 0.9
    names = {Path(match["path"]).name for match in same["matches"]}
    assert {again.name, again.name.removeprefix("again-")} <= names
    np.testing.assert_allclose(same["matches"][0]["box"], (0, 0, 256, 256), atol=3)
    plain = lines["plain.png"]
    assert not plain["found"]
    assert plain["confidence"] < 0.1
    assert [match["confidence"] for match in plain["matches"]] == [plain["confidence"]]
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    expected = [["picture", "found", "original", "confidence", "x", "y", "width", "height"]]
    expected[0].append("view")
    for line in map(json.loads, result.stdout.splitlines()):
        for match in line["matches"] if line["found"] else ():
            values = [match["path"], f"{match['confidence']:.4f}", *map(str, match["box"])]
            expected.append([line["query"], "True", *values, ""])
        if not line["found"]:
            expected.append([line["query"], "False", "", f"{line['confidence']:.4f}", *[""] * 5])
    (broken,) = [row for row in rows if row[0].endswith("broken.jpg")]
    assert broken[1:] == [""] * 8  # it was asked for
    assert [row for row in rows if row != broken] == expected
    before = out.read_bytes()
    assert shapesim("trace", home / "found" / "broken.jpg", "--csv", out, cwd=home).returncode == 1
    assert out.read_bytes() == before


def test_all_originals_that_are_the_same_picture_are_named(home: Path, tmp_path: Path) -> None:
    """Though so many are not looked at."""
    first, other = single_originals(home)[:2]
    (tmp_path / "pictures").mkdir()
    shutil.copy(other, tmp_path / "pictures")
    copies = {tmp_path.resolve() / "pictures" / f"{number}.png" for number in range(20)}
    for copy in copies:
        shutil.copy(first, copy)
    assert shapesim("index", "pictures", cwd=tmp_path).returncode == 0
    next(iter(copies)).unlink()
    result = shapesim("trace", first, "--json", cwd=tmp_path)
    matches = json.loads(result.stdout)["matches"]
    assert sorted(match["path"] for match in matches) == sorted(map(str, copies))
    assert len({match["confidence"] for match in matches}) == 1
    assert "1 file no longer there" in result.stderr


def test_views_of_meshes_are_originals_too(tmp_path: Path) -> None:
    """Where they were indexed by copy; swap still works on the same gallery."""
    shutil.copytree(SAMPLES / "store" / "meadow-pack" / "furniture", tmp_path / "store")
    assert shapesim("index", tmp_path / "store", "--by", "copy", cwd=tmp_path).returncode == 0
    chair = tmp_path / "store" / "chair-windsor.glb"
    view = on_background(render(load_mesh(chair), [(-35.0, 20.0)], 256, 2))[0]
    Image.fromarray(view[:, 30:]).save(tmp_path / "found.png")
    out = tmp_path / "sheet.png"
    result = shapesim("trace", "found.png", "--json", "--sheet", out, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    line = json.loads(result.stdout)
    assert line["found"]
    assert line["matches"][0]["path"] == str(chair)
    assert line["matches"][0]["view"] == 1
    with Image.open(out) as sheet:
        assert sheet.width > 400
    (tmp_path / "store").rename(tmp_path / "away")  # views are kept as they were indexed
    again = shapesim("trace", "found.png", "--json", cwd=tmp_path)
    assert again.stdout == result.stdout
    (tmp_path / "away").rename(tmp_path / "store")
    shutil.copy(SAMPLES / "store" / "meadow-pack" / "nature" / "rock-boulder.stl", chair.parent)
    assert shapesim("index", "--by", "shape", cwd=tmp_path).returncode == 0
    again = shapesim("trace", "found.png", "--json", cwd=tmp_path)
    assert again.stdout == result.stdout
    assert "1 mesh not known to trace" in again.stderr.replace("\n", " ")


def test_a_confidence_of_another_version_is_refused(home: Path) -> None:
    """And the message tells how to learn it anew."""
    tensors = load_file(weights_file("lite0.copy"))
    save_file({**tensors, "calibration": np.zeros(7, np.float32)}, home / "old.safetensors")
    with (
        Gallery(home / ".shapesim") as gallery,
        pytest.raises(WeightsError, match="learn it anew"),
    ):
        Tracer(gallery, CopyEmbedder(home / "old.safetensors"))


def test_a_gallery_without_originals_says_what_to_do(tmp_path: Path) -> None:
    """And so does a folder without pictures."""
    shutil.copytree(SAMPLES / "store" / "meadow-pack" / "weapons", tmp_path / "store")
    assert shapesim("index", "store", "--by", "shape", cwd=tmp_path).returncode == 0
    Image.new("RGB", (99, 99)).save(tmp_path / "found.png")
    result = shapesim("trace", "found.png", cwd=tmp_path)
    assert result.returncode == 1
    assert "shapesim index PICTURES" in result.stderr
    result = shapesim("trace", "store", cwd=tmp_path)
    assert result.returncode == 1
    assert "holds no picture" in result.stderr


def test_pictures_of_any_size_can_be_manipulated() -> None:
    """Down to a few pixels, by several at once."""
    rng = np.random.default_rng(1)
    ground = Image.fromarray(background(64, rng))
    for size in ((40, 40), (300, 50), (64, 200)):
        picture = Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))
        for count in (1, 3, 5):
            made = manipulate(picture, [ground], rng, count)
            assert made.mode == "RGB"
            assert min(made.size) >= 1


def test_a_sibling_differs_in_one_piece_or_in_its_length() -> None:
    """Never in all, and never in nothing."""
    joined = as_mesh(lopsided())
    ball = as_mesh(trimesh.creation.icosphere(subdivisions=2))
    for seed in range(12):
        other = sibling(joined, np.random.default_rng(seed))
        assert np.array_equal(other.vertices, joined.vertices)
        gone, repainted = len(joined.faces) - len(other.faces), (other.face_materials == 1).sum()
        pieces = [gone, int(repainted)]
        assert min(pieces) == 0
        assert max(pieces) in (12, 320, 128)  # triangles of its boxes, its ball, its cylinder
        longer = sibling(ball, np.random.default_rng(seed))
        stretched = np.sort(longer.extents / ball.extents)
        assert np.allclose(stretched[:2], 1)
        assert 1.15 <= stretched[2] <= 1.5


def test_what_is_grey_is_painted_and_nothing_else_is() -> None:
    """Each shell in one colour."""
    grey = as_mesh(lopsided())
    made = painted(grey, np.random.default_rng(3))
    assert 2 <= len(made.materials) <= 4
    ends = np.cumsum([12, 12, 320, 128])  # triangles of its parts
    assert all(len(set(part)) == 1 for part in np.split(made.face_materials, ends[:-1]))
    coloured = load_mesh(find_assets(SAMPLES / "store").files[0])
    assert painted(coloured, np.random.default_rng(3)) is coloured


def _opened(path: Path) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    return np.asarray(Image.open(path).convert("RGB"))


def _features(picture: np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]) -> Features:
    return Features.of(Small.of(picture, FOUND_SIDE), FOUND_CONTRAST)


def _richness(path: Path) -> int:
    """Number of local features."""
    return len(_features(_opened(path)).points)


def test_the_nearest_feature_and_the_next_one_elsewhere_are_those_of_brute_force() -> None:
    """Also where all lie in one place, and nothing is elsewhere."""
    rng = np.random.default_rng(0)
    for apart in (0.0, 8.0, 60.0, 500.0):
        alike = rng.normal(size=(40, 90)).astype(np.float32)
        points = rng.uniform(0, 200, (90, 2)).astype(np.float32)
        columns, cosines = nearest_and_next(alike, points, apart)
        np.testing.assert_array_equal(columns, alike.argmax(axis=1))
        away = np.abs(points[None] - points[columns][:, None]).max(axis=2)
        expected = [alike.max(axis=1), np.where(away > apart, alike, -1).max(axis=1)]
        np.testing.assert_array_equal(cosines, expected)
