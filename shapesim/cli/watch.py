"""``shapesim watch``."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated, Literal

import typer

from shapesim.cli.arrivals import read_game, show_news
from shapesim.cli.console import (
    FormatOption,
    GalleryOption,
    JsonOption,
    LicenceOption,
    MaxPriceOption,
    MaxTrianglesOption,
    NeedsOption,
    SpaceOption,
    TagOption,
    counted,
    make_filters,
    report_failures,
    report_lines,
    stderr,
)


def watch(
    stores: Annotated[list[Path], typer.Argument(metavar="STORE", help="Folders to watch.")],
    game: Annotated[Path, typer.Option(metavar="GAME_DIR", help="The assets that a game uses.")],
    by: SpaceOption = "both",
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
    from shapesim.embedders import make_embedder
    from shapesim.gallery import Gallery
    from shapesim.gallery.gallery import FOLDER, default_folder
    from shapesim.indexing import check_stores
    from shapesim.watching import follow, index_when_free
    from shapesim.workers import kept_workers

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what services are stopped by
    check_stores(stores)
    embedder = make_embedder(by)
    with kept_workers():
        queries = read_game(game, embedder, up)
        with Gallery(gallery or default_folder() or Path(FOLDER), create=True) as opened:
            report = index_when_free(opened, stores, embedder)
            report_lines(report.warnings, "yellow", "warning")
            report_failures(report.failures)
            stderr.print(
                f"watching {counted(report.total, 'asset')} for"
                f" {counted(len(queries), 'asset')} of the game",
                highlight=False,
            )
            told = set(map(str, report.failures))
            try:
                for report, news in follow(opened, stores, embedder, queries, filters, up):
                    report_lines(report.warnings, "yellow", "warning")
                    report_failures([one for one in report.failures if str(one) not in told])
                    told = set(map(str, report.failures))
                    counts = report.added, report.updated, report.removed
                    if any(counts):
                        changes = "{} added, {} updated, {} removed".format(*counts)
                        stderr.print(changes, highlight=False)
                    show_news(news, "Arrived, and better", as_json)
            except KeyboardInterrupt:
                raise typer.Exit(0) from None
