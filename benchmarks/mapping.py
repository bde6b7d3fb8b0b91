"""Opens the map of a gallery in Chromium: how soon it stands, how smoothly it turns, what it shows.

    python -m benchmarks.mapping GALLERY [--points 100000] [--method umap] [--keep FOLDER]

The gallery is mapped, then enlarged by synthetic assets, mixtures of two real ones, and mapped
again. The page is turned by the mouse from afar and from within; where it has thumbnails, it is
flown to some assets, whose pictures are compared with what was stored. Without a graphics card,
WebGL is calculated on the processor, which bounds the frame times.
"""

from __future__ import annotations

import argparse
import io
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from benchmarks.reporting import print_table
from shapesim.embedders import EMBEDDERS, Embedder
from shapesim.embedders.base import normalised
from shapesim.errors import EmbedderMismatchError
from shapesim.gallery import Gallery
from shapesim.gallery.records import FileRecord, VectorRecord
from shapesim.pages import write_page
from shapesim.pages.mapping import METHODS, Method, make_map
from tests.browsers import launched

_VISITED = 24  # assets whose pictures are compared
_AWAY = 0.1  # from which an asset is looked at
_SIDE = 140  # pixels of its middle, as the page shows it from there
_ALIKE = 12.0  # mean difference of colours, up to which two pictures are the same


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("gallery", type=Path)
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--method", choices=METHODS, default="umap")
    parser.add_argument("--keep", type=Path, help="folder to leave the pages and their pictures in")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder, out = Path(temporary) / "gallery", options.keep or Path(temporary)
        out.mkdir(exist_ok=True)
        shutil.copytree(options.gallery, folder)
        for count in (0, options.points):
            with Gallery(folder) as gallery:
                enlarge(gallery, count)
            rows.append(measure(folder, options.method, out))
    print_table(
        f"maps by {options.method}",
        [
            "assets",
            "made",
            "page",
            "opens",
            "frame from afar",
            "frame from within",
            "pictures right",
        ],
        rows,
    )


def measure(folder: Path, method: Method, out: Path) -> list[str]:
    """A row of the table: a gallery's page, made and opened."""
    with Gallery(folder) as gallery:
        began = time.perf_counter()
        text, layouts = make_map(gallery, [method])
        made = time.perf_counter() - began
        thumbnails = {
            asset.id: gallery.catalogue.thumbnail(id) for id, asset in gallery.assets.items()
        }
    for layout in layouts:
        print(f"{len(thumbnails)} by {layout.space}: trustworthiness {layout.trustworthiness:.3f}")
    file = out / f"map-{len(thumbnails)}.html"
    write_page(text, file)
    with sync_playwright() as driver, launched(driver) as browser:
        page = browser.new_context(viewport={"width": 1400, "height": 900}, offline=True).new_page()
        began = time.perf_counter()
        page.goto(file.resolve().as_uri())
        page.wait_for_selector("body[data-state=ready]")
        opened = time.perf_counter() - began
        turns = []
        for name, away in (("afar", 1.9), ("within", 0.4)):
            times = _turned(page, away)
            turns.append(f"{np.median(times):.0f} ms, p90 {np.quantile(times, 0.9):.0f}")
            page.screenshot(path=file.with_name(f"{file.stem}-{name}.png"))
        right = f"{_right(page, thumbnails)} of {_VISITED}" if page.evaluate("map.sheets") else ""
    size = f"{file.stat().st_size / 2**20:.0f} MB"
    return [str(len(thumbnails)), f"{made:.0f} s", size, f"{opened:.1f} s", *turns, right]


def enlarge(gallery: Gallery, count: int) -> None:
    """Adds assets to a gallery, whose files are not there, until there are so many."""
    rng = np.random.default_rng(0)
    known: list[tuple[Embedder, dict[int, NDArray[np.float32]]]] = []
    for space in ("shape", "look"):
        embedder = EMBEDDERS[space]()
        try:
            found, rows = gallery.vectors(embedder)
        except EmbedderMismatchError:
            continue
        known.append((embedder, dict(zip(found.tolist(), rows, strict=True))))
    ids = np.array(sorted(set.intersection(*(set(rows) for _, rows in known))))
    thumbnails = gallery.catalogue.thumbnails()
    store = next(iter(gallery.catalogue.stores()))
    records = []
    for number in range(count - len(ids)):
        one, other = (int(id) for id in rng.choice(ids, 2))
        share = np.float32(rng.uniform(0.6, 0.95))
        asset = gallery.assets[one]
        record = FileRecord(
            store, f"synthetic/{number % 40}/{asset.path.stem}-{number}.glb", 1, 1, "",
            "2026-01-01T00:00:00+00:00", "", triangles=asset.triangles, extents=asset.extents,
            unit=asset.unit, signature=asset.signature, thumbnail=thumbnails.get(one),
        )  # fmt: skip
        vectors = [
            VectorRecord(
                embedder.space, embedder.fingerprint,
                normalised((share * rows[one] + (1 - share) * rows[other])[None])[0],
            )
            for embedder, rows in known
        ]  # fmt: skip
        records.append((record, vectors))
    gallery.catalogue.write(records)


def _turned(page: Page, away: float) -> list[float]:
    """Milliseconds of each frame while the mouse turns what is seen from a distance."""
    page.evaluate(
        "away => { controls.target.set(0, 0, 0);"
        " camera.position.set(0, 0.25, 0.97).multiplyScalar(away); }",
        away,
    )
    page.wait_for_timeout(1000)
    page.mouse.move(900, 450)
    page.mouse.down()
    page.evaluate("times.length = 0")
    began = time.perf_counter()
    step = 0
    while time.perf_counter() - began < 4:
        step += 1
        page.mouse.move(900 + 300 * np.sin(step / 40), 450 + 60 * np.sin(step / 25))
        page.wait_for_timeout(10)
    times: list[float] = page.evaluate("frameTimes()")
    page.mouse.up()
    return times


def _right(page: Page, thumbnails: dict[str, bytes | None]) -> int:
    """Of how many assets the page shows the own thumbnail from near by."""
    paths: list[str] = page.evaluate("assets.path")
    right = 0
    for asset in np.random.default_rng(1).permutation(len(paths))[:_VISITED].tolist():
        page.evaluate(
            """([asset, away]) => {
                controls.target.fromArray(current, 3 * asset);
                camera.position.copy(controls.target).z += away;
                show([asset], "");
            }""",
            [asset, _AWAY],
        )
        page.wait_for_timeout(600)
        shot = Image.open(io.BytesIO(page.locator("canvas").screenshot())).convert("RGB")
        edges = [(side - _SIDE) // 2 for side in shot.size]
        left, top = edges
        shown = shot.crop((left, top, left + _SIDE, top + _SIDE))
        stored = thumbnails[paths[asset]]
        if stored is None:
            continue
        size = round(96 * 1.6)  # of a chosen asset's picture, at its largest
        own = Image.open(io.BytesIO(stored)).convert("RGB").resize((size, size))
        edge = (size - _SIDE) // 2
        own = own.crop((edge, edge, edge + _SIDE, edge + _SIDE))
        gap = np.abs(np.asarray(shown, float) - np.asarray(own, float)).mean()
        right += bool(gap < _ALIKE)
    return right


if __name__ == "__main__":
    main()
