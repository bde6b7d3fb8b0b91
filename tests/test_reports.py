"""Pages of swaps and arrivals, opened in a real browser."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from shapesim.errors import ShapesimError
from shapesim.pages import page, reporting, write_page
from shapesim.pages.reporting import Entry
from shapesim.types import Asset, Match
from tests.browsers import opened, resting
from tests.commands import shapesim
from tests.conftest import SAMPLES

HOSTILE = "</script><script>document.body.dataset.hacked = 1</script><b>Stool"


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The furniture of the sample store, with a catalogue that is not to be trusted."""
    folder = tmp_path_factory.mktemp("reports")
    shutil.copytree(SAMPLES / "store" / "meadow-pack" / "furniture", folder / "store")
    (folder / "store" / "catalog.csv").write_text(
        f'path,name,licence,url\nchair-office.glb,"{HOSTILE}",CC0-1.0,javascript:alert(1)\n'
        "chair-windsor.glb,Windsor,CC-BY-4.0,https://example.org/windsor\n",
        encoding="utf-8",
    )
    result = shapesim("index", folder / "store", "--by", "shape", "--gallery", folder / "g")
    assert result.returncode == 0, result.stderr
    return folder / "g"


@pytest.fixture(scope="module")
def report(gallery: Path, browser: Browser) -> Iterator[Page]:
    """The report of a chair and a barrel, opened."""
    out = gallery.parent / "report.html"
    assets = [str(SAMPLES / "game" / "props" / name) for name in ("chair.fbx", "barrel.fbx")]
    options = ["--by", "shape", "-k", "5", "--gallery", str(gallery), "--report", str(out)]
    result = shapesim("swap", *assets, *options)
    assert result.returncode == 0, result.stderr
    with opened(browser, out) as page:
        page.wait_for_function("document.body.dataset.shown !== undefined")
        yield page


def test_every_match_has_a_card_with_a_picture(report: Page) -> None:
    """Of the queries, too."""
    assert report.locator("section").count() == 2
    assert report.locator(".card[role=button]").count() == 10
    assert report.locator(".card img").count() == 12
    report.wait_for_function(
        "[...document.images].slice(0, 4).every((i) => i.naturalWidth === 176)"
    )


def test_without_webgl_matches_are_listed(gallery: Path, report: Page, browser: Browser) -> None:
    """As on a remote desktop: all but the models."""
    context = browser.new_context(offline=True)
    context.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    bare = context.new_page()
    bare.goto((gallery.parent / "report.html").as_uri())
    bare.wait_for_selector("body[data-state=ready]")
    assert bare.locator(".card[role=button]").count() == 10
    bare.locator(".card[role=button]").nth(1).click()
    assert "no 3D here" in bare.locator(".views").inner_text()
    context.close()


def test_the_page_draws_only_what_changes(report: Page) -> None:
    """Once it does not turn by itself any more, as after the first touch."""
    report.evaluate("() => { viewer.controls.autoRotate = false; }")
    drawn = resting(report, "viewer.renderer.info.render.frame")
    report.locator(".card[role=button]").last.click()
    report.wait_for_function(f"viewer.renderer.info.render.frame > {drawn}")


def test_models_are_back_when_the_graphics_are(report: Page) -> None:
    """All three views, after a driver that was started anew."""
    report.evaluate(
        """() => {
            const lost = viewer.renderer.getContext().getExtension("WEBGL_lose_context");
            lost.loseContext();
            setTimeout(() => lost.restoreContext(), 100);
        }"""
    )
    report.wait_for_timeout(1500)
    shot = Image.open(io.BytesIO(report.locator(".views canvas").screenshot())).convert("RGB")
    for view in np.array_split(np.asarray(shot, np.int64), 3):
        assert (np.abs(view - view[-1, -1]).sum(axis=2) > 30).mean() > 0.01


def test_what_a_catalogue_says_is_text(report: Page) -> None:
    """Neither markup nor addresses of scripts get into the page."""
    assert report.locator(".card b", has_text="<b>Stool").count() > 0
    assert report.evaluate("document.body.dataset.hacked") is None
    addresses = report.eval_on_selector_all("a", "all => all.map((a) => a.href)")
    assert set(addresses) == {"https://example.org/windsor"}


def test_query_and_match_are_seen_in_3d_alone_and_overlaid(report: Page) -> None:
    """Each third of the canvas shows something; the last shows both in their colours."""
    report.locator(".card[role=button]").first.click()
    report.wait_for_timeout(1500)
    picture = report.locator(".views canvas").screenshot()
    seen = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"), np.int64)
    thirds = np.array_split(seen, 3)
    for third in thirds:
        drawn = (np.abs(third - third[-3, 3]).max(axis=2) > 24).mean()
        assert drawn > 0.02
    red, _, blue = np.moveaxis(thirds[2], 2, 0)
    assert (red > blue + 60).mean() > 0.005  # the match
    assert (blue > red + 30).mean() > 0.001  # what stands out of it of the query


def test_a_click_shows_another_match(report: Page) -> None:
    """In the place of its own query."""
    card = report.locator(".card[role=button]").nth(7)
    card.click()
    path = card.get_attribute("title")
    report.wait_for_function(f"document.body.dataset.shown.endsWith({path!r})")
    assert report.evaluate("document.body.dataset.shown").startswith(
        str(SAMPLES / "game" / "props" / "barrel.fbx")
    )
    assert card.get_attribute("aria-pressed") == "true"


def test_filters_leave_what_passes(report: Page) -> None:
    """And an asset of which nothing is left says so."""
    visible = ".card[role=button]:visible"
    report.locator("header select").last.select_option("CC-BY-4.0")
    assert (
        report.locator(visible).count() == report.locator(visible, has_text="Windsor").count() > 0
    )
    report.locator("header select").last.select_option("")
    report.locator("input[type=number]").nth(1).fill("1")
    assert report.locator(visible).count() == 0
    assert report.locator("section p:visible").count() == 2
    report.locator("input[type=number]").nth(1).fill("")
    assert report.locator(visible).count() == 10


def test_arrivals_are_reported_with_their_reasons(
    gallery: Path, tmp_path: Path, browser: Browser
) -> None:
    """As they are told in the terminal."""
    out = tmp_path / "news.html"
    game = tmp_path / "game"
    game.mkdir()
    shutil.copy(SAMPLES / "game" / "props" / "chair.fbx", game)
    options = ["--by", "shape", "--gallery", str(gallery), "--report", str(out)]
    result = shapesim("arrivals", str(game), *options)
    assert result.returncode == 0, result.stderr
    with opened(browser, out) as page:
        assert page.locator("section").count() == 1
        assert page.locator(".card li", has_text="fits").count() > 0


def test_a_match_that_is_gone_still_has_a_card(tmp_path: Path, browser: Browser) -> None:
    """It says that it could not be read, and the failure is named."""
    gone = _match(tmp_path / "gone.glb")
    query = SAMPLES / "game" / "props" / "crate.obj"
    out = tmp_path / "report.html"
    failures = list(reporting.write_report("Test", {query: [Entry(gone)]}, out))
    assert [failure.path for failure in failures if failure] == [gone.asset.path]
    with opened(browser, out) as page:
        assert "could not be read" in page.locator(".card[role=button]").inner_text()


def test_large_reports_are_bounded() -> None:
    """Five hundred swaps: models for the first matches, of few triangles."""
    sections: Mapping[Path, list[Entry]] = {
        Path(f"{row}.obj"): [Entry(_match(Path(f"{row}-{rank}.obj"))) for rank in range(10)]
        for row in range(500)
    }
    tasks = reporting._tasks(sections, None)
    assert len(tasks) == 500 * 11
    assert sum(task.triangles for task in tasks) <= reporting._TRIANGLES
    assert sum(task.triangles > 0 for task in tasks) == reporting._MODELS


@pytest.mark.parametrize("name", ["<!--<script>", "</script><b>", "\ud83d", "\u2028 é", "plain"])
def test_any_name_leaves_a_page_whole(name: str) -> None:
    """What it says is read back as it was, and nothing of it is taken for the page's own."""
    text = page("report", "title", {"name": name})
    start = text.index('id="data">') + len('id="data">')
    content = text[start : text.index("</script>", start)]
    assert "<" not in content
    assert json.loads(content) == {"name": name}
    text.encode()


def test_nothing_is_left_where_it_cannot_be_written(tmp_path: Path) -> None:
    """No partial file, and one line of a reason."""
    folder = tmp_path / "folder.html"
    folder.mkdir()
    with pytest.raises(ShapesimError, match="cannot be written"):
        write_page("text", folder)
    assert list(tmp_path.iterdir()) == [folder]


def _match(path: Path) -> Match:
    asset = Asset(
        path, path.name, path.name, 12, (1, 1, 1), None, "2026-01-01", np.zeros(13, np.float32)
    )
    return Match(asset, 0.5, False)
