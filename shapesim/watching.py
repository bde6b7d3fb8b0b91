"""Indexes stores as files arrive, and tells what would improve a game."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from watchfiles import Change, watch

from shapesim.arrivals import News, find_news
from shapesim.embedders import Embedder
from shapesim.errors import AssetError, GalleryBusyError, ShapesimError
from shapesim.gallery import Gallery
from shapesim.indexing import index_stores
from shapesim.recording import IndexReport
from shapesim.swap import Filters, Query
from shapesim.types import UpAxis

_BUSY = 1.0  # seconds after which to try again while another process writes
_PATIENCE = 30.0  # seconds for which it is waited for that
_SETTLED = 0.6  # seconds for which files that are being copied must not have changed


def follow(
    gallery: Gallery,
    stores: Sequence[Path],
    embedder: Embedder,
    game: Callable[[], Mapping[Path, Query]],
    filters: Filters,
    up: UpAxis | None = None,
) -> Iterator[tuple[IndexReport, dict[Path, list[News]]]]:
    """What each batch of arriving files changed, and the news in it; goes on for ever.

    Args:
        gallery: brought up to date after every batch.
        stores: folders to watch.
        embedder: makes the vectors.
        game: called whenever something has arrived, for the assets that the game uses then.
        filters: what an arrival must be like.
        up: the up axis of all the game's files; None for what each file says.
    """
    roots = [store.resolve() for store in stores]
    own = gallery.folder.resolve()  # which may lie in a store

    def is_asset(_: Change, path: str) -> bool:
        if Path(path).is_relative_to(own):
            return False
        inside = [
            Path(path).relative_to(root).parts for root in roots if root in Path(path).parents
        ]
        return not any(part.startswith(".") for parts in inside for part in parts)

    away: set[Path] = set()
    while True:
        began = False
        returned, away = away, set()
        for changes in watch(
            *roots,
            watch_filter=is_asset,
            debounce=400,
            step=100,
            rust_timeout=1000,
            yield_on_timeout=True,
        ):
            gone = {
                root
                for root in roots
                if (Change.deleted, str(root)) in changes or not root.is_dir()
            } - away
            away |= gone
            if away and all(root.is_dir() for root in roots):
                break  # a folder that is made again is another one, which nothing watches
            if not changes and began and not gone:
                continue
            began = True  # once without a change: for what came before it was watched
            _settle({Path(path).parent for _, path in changes})
            report = index_when_free(gallery, stores, embedder)
            report.warnings += [
                f"{root}: is away; its assets stay until it is back, or until 'shapesim forget'"
                for root in sorted(gone)
            ]
            report.warnings += [f"{root}: is back" for root in sorted(returned)]
            returned = set()
            news = news_in(report, gallery, embedder, game, filters, up)
            if changes or report.warnings or report.added + report.updated + report.removed:
                yield report, news


def index_when_free(gallery: Gallery, stores: Sequence[Path], embedder: Embedder) -> IndexReport:
    """Brings the stores that are there up to date, once no other process writes."""
    while there := [store for store in stores if store.is_dir()]:
        try:
            return index_stores(gallery, there, embedder)
        except GalleryBusyError:
            time.sleep(_BUSY)
    return IndexReport()


def news_in(
    report: IndexReport,
    gallery: Gallery,
    embedder: Embedder,
    game: Callable[[], Mapping[Path, Query]],
    filters: Filters,
    up: UpAxis | None,
) -> dict[Path, list[News]]:
    """What of all that has arrived would improve which assets of a game.

    Args:
        report: of the indexing by which it did; what keeps from telling is added to its warnings.
        gallery: that holds it.
        embedder: made the vectors.
        game: called, if anything has, for the assets that the game uses.
        filters: what an arrival must be like.
        up: the up axis of all the game's files; None for what each file says.
    """
    arrived = report.arrived
    if not arrived:
        return {}
    try:
        used = game()
        found = find_news(gallery, embedder, used, lambda asset: asset.path in arrived, filters, up)
        return {path: news for path, news in found if news and not isinstance(news, AssetError)}
    except ShapesimError as error:  # such as a tag that no asset has yet
        report.warnings.append(str(error))
        return {}


def _settle(folders: set[Path]) -> None:
    """Waits until files are whole: until sizes and times of all in their folders stay.

    What belongs to a mesh, such as its textures, often comes after it. What never stays, such as a
    log or a long download, is not waited for: files that are not whole are read again later.
    """
    before, began = None, time.monotonic()
    while before != (now := _stamps(folders)) and time.monotonic() - began < _PATIENCE:
        before = now
        time.sleep(_SETTLED)


def _stamps(folders: set[Path]) -> dict[str, tuple[int, int]]:
    stamps = {}
    for folder in folders:
        with suppress(OSError), os.scandir(folder) as entries:  # gone, or not yet there
            for entry in entries:
                with suppress(OSError):
                    # Windows lists a file's size as it was before someone began to write to it.
                    stat = os.stat(entry.path)  # noqa: PTH116
                    stamps[entry.path] = stat.st_size, stat.st_mtime_ns
    return stamps
