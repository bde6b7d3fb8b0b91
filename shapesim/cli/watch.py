"""``shapesim watch``."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from shapesim.cli.arrivals import show_news
from shapesim.cli.console import (
    FormatOption,
    GalleryOption,
    IndexedByOption,
    JsonOption,
    LicenceOption,
    MaxPriceOption,
    MaxTrianglesOption,
    NeedsOption,
    TagOption,
    counted,
    indexed_by,
    make_filters,
    progress_bar,
    report_failures,
    report_lines,
    stderr,
)

if TYPE_CHECKING:
    from shapesim.arrivals import News
    from shapesim.errors import AssetError
    from shapesim.recording import IndexReport
    from shapesim.swap import Query


def watch(
    stores: Annotated[list[Path], typer.Argument(metavar="STORE", help="Folders to watch.")],
    game: Annotated[Path, typer.Option(metavar="GAME_DIR", help="The assets that a game uses.")],
    by: IndexedByOption = None,
    tag: TagOption = None,
    max_triangles: MaxTrianglesOption = None,
    formats: FormatOption = None,
    licence: LicenceOption = None,
    max_price: MaxPriceOption = None,
    needs: NeedsOption = None,
    gallery: GalleryOption = None,
    up: Annotated[
        Literal["y", "z"] | None,
        typer.Option(
            help="Up axis of the game's files. Default: what each says, or what is usual.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Index what arrives in a store at once, and tell what of it would improve a game.

    Goes on until it is interrupted. Files that are still being copied are waited for.

    Examples:
      shapesim watch store_meshes/ --game my_game/assets

      shapesim watch store_meshes/ --game my_game/assets --json >> news.jsonl
    """
    filters = make_filters(None, tag, max_triangles, formats, licence, max_price, None, needs)
    from shapesim.arrivals import find_game, read_game
    from shapesim.gallery import Gallery
    from shapesim.gallery.gallery import FOLDER, default_folder
    from shapesim.indexing import check_stores
    from shapesim.watching import follow, index_when_free, news_in
    from shapesim.workers import kept_workers

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what services are stopped by
    check_stores(stores)  # before a gallery is made for them
    find_game(game)
    of_store, of_game = _Teller(), _Teller()
    folder = gallery or default_folder() or Path(FOLDER)
    with kept_workers(), Gallery(folder, create=True) as opened:
        embedder = indexed_by(opened, by)

        def used(
            progress: Callable[[int, int, int], None] = lambda done, total, failed: None,
        ) -> Mapping[Path, Query]:
            """The game's assets as they are now."""
            found = read_game(game, embedder, up, progress)
            of_game.tell(found.notes, found.failures)
            return found.queries

        with progress_bar("reading") as bar:
            queries = used(
                lambda done, total, _: bar.update(bar.task_ids[0], completed=done, total=total)
            )
        held = opened.catalogue.count()
        report = index_when_free(opened, stores, embedder)
        # In a new gallery, all has just arrived.
        news = news_in(report, opened, embedder, used, filters, up) if held else {}
        of_store.tell(report.warnings, report.failures)
        stderr.print(
            f"watching {counted(report.total, 'asset')} for"
            f" {counted(len(queries), 'asset')} of the game",
            highlight=False,
        )
        try:
            _show(report, news, as_json)
            for report, news in follow(opened, stores, embedder, used, filters, up):
                of_store.tell(report.warnings, report.failures)
                _show(report, news, as_json)
        except KeyboardInterrupt:
            raise typer.Exit(0) from None


class _Teller:
    """Tells what is wrong once, for as long as it is."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def tell(self, warnings: Sequence[str], failures: Sequence[AssetError]) -> None:
        """Prints what was not wrong the last time."""
        report_lines([one for one in warnings if one not in self._told], "yellow", "warning")
        report_failures([one for one in failures if str(one) not in self._told])
        self._told = {*warnings, *map(str, failures)}


def _show(report: IndexReport, news: Mapping[Path, list[News]], as_json: bool) -> None:
    counts = report.added, report.updated, report.removed
    if any(counts):
        stderr.print("{} added, {} updated, {} removed".format(*counts), highlight=False)
    show_news(news, "Arrived, and better", as_json)
