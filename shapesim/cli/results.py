"""How swap and search show what they found."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich import box
from rich.console import RenderableType
from rich.table import Table

from shapesim.cli.console import escape, progress_bar, report_failures, report_gone, stderr, stdout
from shapesim.errors import AssetError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from shapesim.gallery import Gallery
    from shapesim.listings import Listing
    from shapesim.pages.reporting import Entry
    from shapesim.swap import Filters
    from shapesim.types import Asset, Match, Raster, Swap, UpAxis

_WIDE = 100  # columns of a terminal, from which on there is room for more than names
_CELLS = 12  # columns that a thumbnail takes
_SHEET_SIZE = 224


def show(
    gallery: Gallery,
    answers: Iterable[tuple[Path, Sequence[Match]]],
    title: str,
    as_json: bool,
    sheet: Path | None,
    filters: Filters,
    up: UpAxis | None = None,
    picture_of: Callable[[Path], Raster] | None = None,
    part: Mapping[str, object] | None = None,
) -> dict[Path, Sequence[Match]]:
    """Prints the matches of every query as they come, as tables or JSON, and draws the sheet.

    Args:
        gallery: that the matches are of.
        answers: each file that was asked for, and its matches.
        title: of each table.
        as_json: whether to print JSON.
        sheet: where to draw them, if anywhere.
        filters: of which one may have left nothing.
        up: which axis of queries is up.
        picture_of: (H, W, 3) to draw of a query that is a picture; None where they are meshes.
        part: what JSON says of the part of the picture that was asked for.

    Returns:
        The answers.

    Raises:
        typer.Exit: there is no match at all.
    """
    found: dict[Path, Sequence[Match]] = {}
    for path, matches in answers:
        found[path] = matches
        if as_json:
            entries = [{"rank": n} | match.to_json() for n, match in enumerate(matches, 1)]
            line = {"query": str(path)} | dict(part or {}) | {"matches": entries}
            print(json.dumps(line), flush=True)
        elif matches:
            stdout.print(_table(gallery, f"{title} {escape(str(path))}", matches))
    if not any(found.values()):
        why = filters.why_none(gallery.assets.values())
        stderr.print(f"no match{why and ': '}{escape(why)}", highlight=False, soft_wrap=True)
        raise typer.Exit(1)
    report_gone(match.asset.path for matches in found.values() for match in matches)
    if sheet:
        _draw(found, sheet, up, picture_of)
    return found


def report(
    title: str,
    sections: Mapping[Path, Sequence[Entry]],
    out: Path,
    up: UpAxis | None = None,
) -> None:
    """Writes the page that ``--report`` asks for, with a bar."""
    from shapesim.pages.reporting import write_report

    files = {entry.match.asset.path for entries in sections.values() for entry in entries}
    failures: list[AssetError] = []
    with progress_bar("reporting") as bar:
        for failure in write_report(title, sections, out, up):
            bar.update(bar.task_ids[0], advance=1, total=len(files | set(sections)))
            if failure:
                failures.append(failure)
    report_failures(failures)
    stderr.print(f"report: {escape(str(out))}")


def _table(gallery: Gallery, title: str, matches: Sequence[Match]) -> Table:
    from shapesim.meshes.packs import is_there

    pictures = _thumbnails(gallery, matches)
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("#", justify="right")
    if pictures:
        table.add_column("", width=_CELLS)
    table.add_column("score", justify="right")
    fitted = any(match.swap for match in matches)
    partial = any(match.swap and match.swap.fit.covered is not None for match in matches)
    if fitted:
        table.add_column("covers" if partial else "fit", justify="right")
    table.add_column("asset", overflow="fold")
    facts = ("triangles", "size", "arrived") if stdout.width >= _WIDE else ()
    for fact in facts:
        table.add_column(fact, justify="left" if fact == "arrived" else "right", no_wrap=True)
    for rank, match in enumerate(matches, 1):
        name = escape(match.asset.shown_as)
        if not is_there(match.asset.path):
            name += " [red](no longer there)[/red]"
        if match.is_copy:
            name += " [green](same geometry)[/green]"
        if match.variants:
            name += f" [dim]+{len(match.variants)} of equal geometry[/dim]"
        if match.asset.listing.name:
            name = f"{escape(match.asset.listing.name)} [dim]{name}[/dim]"
        if offer := _offer(match.asset.listing):
            name += f"\n[dim]{escape(offer)}[/dim]"
        if match.asset.tags:
            name += f"\n[dim]{escape(', '.join(match.asset.tags))}[/dim]"
        if match.swap:
            name += "".join(f"\n[green]+ {escape(gain)}[/green]" for gain in match.swap.gains)
            name += "".join(f"\n[red]- {escape(loss)}[/red]" for loss in match.swap.losses)
            if match.swap.warning:
                name += f"\n[yellow]! {escape(match.swap.warning)}[/yellow]"
        table.add_row(
            str(rank),
            *([pictures.get(match.asset.path, "")] if pictures else []),
            f"{match.score:.2f}",
            *([_share(match.swap)] if fitted else []),
            name,
            *_facts(match.asset)[: len(facts)],
        )
    return table


def _facts(asset: Asset) -> tuple[str, str, str]:
    return f"{asset.triangles:,}", _size(asset), asset.arrived_at[:10]


def _share(swap: Swap | None) -> str:
    """How much of the space both take up, or of a part's surface lies on the asset."""
    if swap is None:
        return ""
    return f"{swap.fit.iou if swap.fit.covered is None else swap.fit.covered:.0%}"


def _caption(match: Match) -> str:
    """What stands below a match's picture."""
    covered = match.swap.fit.covered if match.swap else None
    words = f"{match.score:.2f}" if covered is None else f"covers {covered:.0%}"
    return f"{words}  same geometry" if match.is_copy else words


def _offer(listing: Listing) -> str:
    """What the store's catalogue says of licence, price and where to get it."""
    price = None if listing.price is None else f"price {listing.price:g}"
    return ", ".join(part for part in (listing.licence, price, listing.url) if part)


def _size(asset: Asset) -> str:
    """Extents in metres where the file has a unit, else in its own units."""
    scale, unit = (asset.unit, " m") if asset.unit else (1.0, "")
    return " × ".join(f"{extent * scale:.3g}" for extent in asset.extents) + unit


def _thumbnails(gallery: Gallery, matches: Sequence[Match]) -> dict[Path, RenderableType]:
    """Small pictures by path, for terminals that show enough colours."""
    if not stdout.is_terminal or stdout.color_system != "truecolor" or stdout.width < _WIDE:
        return {}
    from PIL import Image
    from rich_pixels import Pixels

    ids = {asset.path: id for id, asset in gallery.assets.items()}
    pictures: dict[Path, RenderableType] = {}
    for match in matches:
        stored = gallery.catalogue.thumbnail(ids[match.asset.path])
        if stored:
            small = Image.open(io.BytesIO(stored)).convert("RGB").resize((_CELLS, _CELLS))
            pictures[match.asset.path] = Pixels.from_image(small)
    return pictures


def _draw(
    found: Mapping[Path, Sequence[Match]],
    sheet: Path,
    up: UpAxis | None,
    picture_of: Callable[[Path], Raster] | None,
) -> None:
    """Renders all that the sheet shows anew, larger than the thumbnails."""
    import numpy as np
    from PIL import Image, ImageOps

    from shapesim.fitting.transforms import camera_beside
    from shapesim.rendering.views import on_background, ring
    from shapesim.showing import (
        PAPER,
        RenderTask,
        SwapRow,
        render_files,
        swap_sheet,
        write_picture,
    )

    queries = [path for path, matches in found.items() if matches]
    pictures: dict[RenderTask, NDArray[np.uint8]] = {}

    def seen(match: Match) -> RenderTask:
        """As the picture shows it, if it was compared with one; or as it would stand."""
        asset, camera = match.asset, match.camera
        if match.swap:
            camera = camera_beside(ring(1)[0], match.swap.fit.transform)
        return RenderTask(asset.path, size=_SHEET_SIZE, up=asset.up, camera=camera)

    asked = {path: RenderTask(path, size=_SHEET_SIZE, up=up) for path in queries}
    tasks = {seen(match) for path in queries for match in found[path]}
    for path in queries:
        if picture_of:
            shown, size = Image.fromarray(picture_of(path)), (_SHEET_SIZE, _SHEET_SIZE)
            pictures[asked[path]] = np.asarray(ImageOps.pad(shown, size, color=PAPER))
        else:
            tasks.add(asked[path])
    failures: list[AssetError] = []
    with progress_bar("drawing") as bar:
        bar.update(bar.task_ids[0], total=len(tasks))
        for task, result in render_files(list(tasks)):
            bar.advance(bar.task_ids[0])
            if isinstance(result, AssetError):
                failures.append(result)
            else:
                pictures[task] = on_background(result.views[0], PAPER)
    report_failures(failures)
    blank = np.full((_SHEET_SIZE, _SHEET_SIZE, 3), 240, np.uint8)
    rows = [
        SwapRow(
            pictures.get(asked[path], blank),
            path.name,
            [
                (
                    pictures.get(seen(match), blank),
                    match.asset.path.name,
                    _caption(match),
                )
                for match in found[path]
            ],
            "to find" if picture_of else "to replace",
        )
        for path in queries
    ]
    write_picture(swap_sheet(rows), sheet)
    stderr.print(f"drawn: {escape(str(sheet))}")
