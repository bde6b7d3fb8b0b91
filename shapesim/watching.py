"""Indexes stores as files arrive, and tells what would improve a game."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

from watchfiles import Change, watch

from shapesim.arrivals import News, find_news
from shapesim.embedders import Embedder
from shapesim.errors import AssetError
from shapesim.gallery import Gallery
from shapesim.indexing import IndexReport, index_stores
from shapesim.meshes.loading import UpAxis
from shapesim.swap import Filters, Query

_SETTLED = 0.6  # seconds for which files that are being copied must not have changed


def follow(
    gallery: Gallery,
    stores: Sequence[Path],
    embedder: Embedder,
    game: Mapping[Path, Query],
    filters: Filters,
    up: UpAxis | None = None,
    stop: Event | None = None,
) -> Iterator[tuple[IndexReport, dict[Path, list[News]]]]:
    """What each batch of arriving files changed, and the news in it, until told to stop.

    Args:
        gallery: brought up to date after every batch.
        stores: folders to watch.
        embedder: makes the vectors.
        game: the assets that the game uses.
        filters: what an arrival must be like.
        up: the up axis of all the game's files; None for what each file says.
        stop: set to end; without one it goes on.
    """
    roots = [store.resolve() for store in stores]

    def is_asset(_: Change, path: str) -> bool:
        # The gallery may lie in the store, as any other hidden folder.
        inside = [
            Path(path).relative_to(root).parts for root in roots if root in Path(path).parents
        ]
        return not any(part.startswith(".") for parts in inside for part in parts)

    began = False
    for changes in watch(
        *roots,
        watch_filter=is_asset,
        stop_event=stop,
        debounce=400,
        step=100,
        rust_timeout=1000,
        yield_on_timeout=True,
    ):
        if not changes and began:
            continue
        began = True  # once without a change: for what came before it was watched
        _settle({Path(path) for _, path in changes})
        since = datetime.now(UTC).replace(microsecond=0)
        report = index_stores(gallery, stores, embedder)
        news: dict[Path, list[News]] = {}
        if report.added + report.updated:
            for path, found in find_news(gallery, embedder, game, since, filters, up):
                if not isinstance(found, AssetError) and found:
                    news[path] = found
        if changes or report.added + report.updated + report.removed:
            yield report, news


def _settle(paths: set[Path]) -> None:
    """Waits until files are whole: until their sizes and times stay."""
    before = None
    while before != (now := _stamps(paths)):
        before = now
        time.sleep(_SETTLED)


def _stamps(paths: set[Path]) -> dict[Path, tuple[int, int]]:
    stamps = {}
    for path in paths:
        try:
            stat = path.stat()
        except OSError:  # gone, or not yet there
            continue
        stamps[path] = stat.st_size, stat.st_mtime_ns
    return stamps
