"""``shapesim arrivals``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table

from shapesim.cli.console import (
    PAGES,
    FormatOption,
    GalleryOption,
    JsonOption,
    LicenceOption,
    MaxPriceOption,
    MaxTrianglesOption,
    NeedsOption,
    ReportOption,
    SpaceOption,
    StoreOption,
    TagOption,
    UpOption,
    check_writable,
    escape,
    gallery_folder,
    indexed_by,
    make_filters,
    parse_since,
    progress_bar,
    report_failures,
    report_gone,
    report_lines,
    stderr,
    stdout,
)
from shapesim.cli.results import report as write_report
from shapesim.errors import AssetError

if TYPE_CHECKING:
    from shapesim.arrivals import News
    from shapesim.embedders import Embedder
    from shapesim.swap import Query
    from shapesim.types import Asset, UpAxis

NO_NEWS = 3


def arrivals(
    game: Annotated[Path, typer.Argument(metavar="GAME_DIR", help="The assets that a game uses.")],
    since: Annotated[
        str, typer.Option(metavar="WHEN", help="What is new: 12h, 7d, 2w, or a date.")
    ] = "7d",
    by: SpaceOption = None,
    tag: TagOption = None,
    max_triangles: MaxTrianglesOption = None,
    formats: FormatOption = None,
    licence: LicenceOption = None,
    max_price: MaxPriceOption = None,
    store: StoreOption = None,
    needs: NeedsOption = None,
    gallery: GalleryOption = None,
    up: UpOption = None,
    report: ReportOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the newly arrived assets that would improve those that a game uses.

    Exits with 0 if there are any, with 3 if there are none, and with 1 if that cannot be
    told. Run 'shapesim index' first, to let the gallery know what has arrived.

    Examples:
      shapesim arrivals my_game/assets

      shapesim index && shapesim arrivals my_game/assets --since 1d --json

      shapesim arrivals my_game/assets --since 4w --report news.html

      shapesim arrivals my_game/assets --max-triangles 5000 --licence CC0-1.0
    """
    if report:
        check_writable(report, PAGES)
    moment = parse_since(since, "--since") or datetime.now(UTC)
    filters = make_filters(None, tag, max_triangles, formats, licence, max_price, store, needs)
    from shapesim.arrivals import find_news
    from shapesim.gallery import Gallery
    from shapesim.workers import kept_workers

    def is_new(asset: Asset) -> bool:
        return datetime.fromisoformat(asset.arrived_at) >= moment

    news: dict[Path, list[News]] = {}
    with kept_workers(), Gallery(gallery_folder(gallery)) as opened:
        embedder = indexed_by(opened, by)
        queries = read_game(game, embedder, up)
        if not queries:
            raise typer.Exit(1)
        failures: list[AssetError] = []
        new = [asset for asset in opened.assets.values() if is_new(asset)]
        is_asked = new and not any(map(filters.allow, new))
        why = filters.why_none(new) if is_asked else ""
        with progress_bar("comparing") as bar:
            for path, improved in find_news(opened, embedder, queries, is_new, filters, up):
                bar.update(bar.task_ids[0], advance=1, total=len(queries))
                if isinstance(improved, AssetError):
                    failures.append(improved)
                elif improved:
                    news[path] = improved
    report_failures(failures)
    news = {path: news[path] for path in queries if path in news}  # in the game's order
    show_news(news, f"Arrived since {since}, and better", as_json)
    asked = {asset.path for asset in new if filters.allow(asset)}
    gone = report_gone(asked)
    if asked and gone == len(asked):
        raise typer.Exit(1)
    if not news:
        why = why or f"nothing that arrived since {since} would improve an asset"
        stderr.print(f"no news: {escape(why)}", highlight=False, soft_wrap=True)
        raise typer.Exit(NO_NEWS)
    if report:
        from shapesim.pages.reporting import Entry

        entries = {path: [Entry(one.match, one.reason) for one in news[path]] for path in news}
        write_report(f"Arrived since {since}, and better", entries, report, up)


def read_game(folder: Path, embedder: Embedder, up: UpAxis | None) -> Mapping[Path, Query]:
    """Reads a game's assets with a bar, and names those that cannot be used."""
    from shapesim.arrivals import read_game as read

    with progress_bar("reading") as bar:
        game = read(
            folder, embedder, up,
            lambda done, total, _: bar.update(bar.task_ids[0], completed=done, total=total),
        )  # fmt: skip
    report_lines(game.notes, "yellow", "warning")
    report_failures(game.failures)
    return game.queries


def show_news(news: Mapping[Path, list[News]], title: str, as_json: bool) -> None:
    """Prints a line or a table row for each asset that has news."""
    if as_json:
        for path, improved in news.items():
            entries = [one.to_json() for one in improved]
            print(json.dumps({"asset": str(path), "arrivals": entries}), flush=True)
    elif news:
        stdout.print(_table(news, title))


def _table(news: Mapping[Path, list[News]], title: str) -> Table:
    table = Table(
        title=escape(title), title_justify="left",
        box=box.SIMPLE_HEAD, pad_edge=False,
    )  # fmt: skip
    table.add_column("asset", overflow="fold")
    table.add_column("score", justify="right")
    table.add_column("arrival", overflow="fold")
    for path, improved in news.items():
        for number, one in enumerate(improved):
            table.add_row(
                escape(str(path)) if number == 0 else "",
                f"{one.match.score:.2f}",
                f"{escape(one.match.asset.shown_as)}\n[dim]{escape(one.reason)}[/dim]",
            )
    return table
