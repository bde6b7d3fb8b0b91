"""``shapesim trace``."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table

from shapesim.cli.console import (
    PICTURES,
    GalleryOption,
    JsonOption,
    check_writable,
    counted,
    escape,
    expanded,
    gallery_folder,
    progress_bar,
    report_failures,
    report_gone,
    report_lines,
    stderr,
    stdout,
)
from shapesim.errors import AssetError, ShapesimError

if TYPE_CHECKING:
    from shapesim.tracing import Trace


_COLUMNS = ("picture", "found", "original", "confidence", "x", "y", "width", "height", "view")


def trace(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Found pictures, or folders of them.")
    ],
    sheet: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Draw each picture with what was found in it, beside its original, as a PNG,"
            " JPEG or WebP.",
            show_default=False,
        ),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            metavar="FILE",
            help="Write a table: picture, whether it was found, original, confidence, and where in"
            " the picture. Originals that are the same have a row each.",
            show_default=False,
        ),
    ] = None,
    gallery: GalleryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell which original a picture was made of, however it was manipulated.

    Originals are the pictures of indexed folders, and views of meshes that were indexed --by copy.

    Examples:
      shapesim index marketing/pictures/

      shapesim trace found.jpg --sheet traced.png

      shapesim trace scraped/ --csv traced.csv
    """
    if sheet:
        check_writable(sheet, PICTURES, files)
    if table:
        _check_table(table)
    from shapesim.embedders import CopyEmbedder
    from shapesim.gallery import Gallery
    from shapesim.tracing import Tracer, trace_files

    pictures = expanded(files, "pictures")
    traces: list[Trace] = []
    failures: list[AssetError] = []
    with ExitStack() as stack:
        opened, embedder = Gallery(gallery_folder(gallery)), CopyEmbedder()
        tracer = Tracer(stack.enter_context(opened), embedder)
        report_lines(
            [
                f"{store}: {counted(count, 'mesh')} not known to trace; run"
                f" 'shapesim index {store} --by copy'"
                for store, count in opened.lacking(embedder).items()
            ],
            "yellow",
            "warning",
        )
        bar = stack.enter_context(progress_bar("tracing"))
        write = None
        for path, result in trace_files(tracer, pictures):
            bar.update(bar.task_ids[0], advance=1, total=len(pictures))
            if table and not write and not isinstance(result, AssetError):
                # No earlier: a table that is there stays where there is nothing to tell.
                write = stack.enter_context(_written(table))
                for failure in failures:
                    write(failure.path, failure)
            if write:
                write(path, result)
            if isinstance(result, AssetError):
                failures.append(result)
                continue
            traces.append(result)
            if as_json:
                print(json.dumps(result.to_json()), flush=True)
    report_failures(failures)
    if not traces:
        raise typer.Exit(1)
    if not as_json:
        stdout.print(_table(traces))
    report_gone(match.path for one in traces if one.found for match in one.matches)
    if table:
        stderr.print(f"written: {escape(str(table))}")
    if sheet:
        from shapesim.showing import trace_sheet, write_picture

        write_picture(trace_sheet(traces), sheet)
        stderr.print(f"drawn: {escape(str(sheet))}")


def _check_table(out: Path) -> None:
    """Whether a table can be written there: what is none of ours, such as a catalogue, stays."""
    check_writable(out, (".csv",))
    if out.exists():
        with out.open(encoding="utf-8", errors="replace") as file:
            head = file.readline().strip()
        if head and head != ",".join(_COLUMNS):
            raise ShapesimError(f"{out}: is another table; name a new file, or delete that one")


def _table(traces: Sequence[Trace]) -> Table:
    from shapesim.meshes.packs import is_there

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    made.add_column("picture", overflow="fold")
    made.add_column("confidence", justify="right")
    made.add_column("original", overflow="fold")
    made.add_column("where", justify="right", no_wrap=True)
    for one in traces:
        if not one.found:
            made.add_row(
                escape(str(one.query)), f"{one.confidence:.0%}", "[dim]not from this store[/dim]"
            )
        for number, match in enumerate(one.matches if one.found else ()):
            view = "" if match.view is None else f" [dim]view {match.view + 1}[/dim]"
            gone = "" if is_there(match.path) else " [red](no longer there)[/red]"
            x, y, width, height = match.box
            made.add_row(
                escape(str(one.query)) if number == 0 else "",
                f"{match.confidence:.0%}",
                f"{escape(str(match.path))}{view}{gone}",
                f"{width} × {height} at {x}, {y}",
            )
    return made


@contextmanager
def _explained(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ShapesimError(f"{out}: cannot be written ({error.strerror or error})") from error


@contextmanager
def _written(out: Path) -> Iterator[Callable[[Path, Trace | AssetError], None]]:
    """What writes the rows of a picture, at once: long work that is stopped leaves its part."""
    from shapesim.tracing import Trace

    with _explained(out):
        # Names of files may be no valid text.
        file = out.open("w", newline="", encoding="utf-8", errors="backslashreplace")
    with file:
        writer = csv.writer(file)

        def write(path: Path, one: Trace | AssetError) -> None:
            rows: list[list[object]] = [[path, *[""] * 8]]
            if isinstance(one, Trace) and not one.found:
                rows = [[path, False, "", f"{one.confidence:.4f}", *[""] * 5]]
            elif isinstance(one, Trace):
                rows = [
                    [path, True, match.path, f"{match.confidence:.4f}", *match.box]
                    + ["" if match.view is None else match.view + 1]
                    for match in one.matches
                ]
            with _explained(out):
                writer.writerows(rows)
                file.flush()

        with _explained(out):
            writer.writerow(_COLUMNS)
            file.flush()
        yield write
