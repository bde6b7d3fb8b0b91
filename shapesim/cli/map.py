"""``shapesim map``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from shapesim.cli.console import (
    PAGES,
    GalleryOption,
    SpaceOption,
    check_writable,
    escape,
    gallery_folder,
    indexed_by,
    progress_bar,
    stderr,
    stdout,
)


class Method(StrEnum):
    """Ways to lay assets out."""

    UMAP = "umap"
    TSNE = "tsne"
    PCA = "pca"


def make_map(
    out: Annotated[Path, typer.Option(metavar="FILE", help="The web page to write.")],
    methods: Annotated[
        list[Method] | None,
        typer.Option("--method", help="Lay out by this one; again for several. Default: by all."),
    ] = None,
    by: SpaceOption = None,
    gallery: GalleryOption = None,
) -> None:
    """Draw the whole gallery as a map in three dimensions, on a web page that works offline.

    What is alike lies together. The page has the layouts by shape and by look to switch between,
    colours by tag, pack or arrival, search, and the nearest of whatever is clicked.

    Examples:
      shapesim map --out map.html

      shapesim map --out quick.html --method pca
    """
    check_writable(out, PAGES)
    from shapesim.gallery import Gallery
    from shapesim.pages import write_page
    from shapesim.pages.mapping import METHODS
    from shapesim.pages.mapping import make_map as draw

    chosen = [method for method in METHODS if not methods or method in [m.value for m in methods]]
    with Gallery(gallery_folder(gallery)) as opened, progress_bar("laying out") as bar:
        embedder = indexed_by(opened, by)
        text, layouts = draw(
            opened,
            chosen,
            embedder,
            lambda done, total: bar.update(bar.task_ids[0], completed=done, total=total),
        )
    write_page(text, out)
    if left_out := set(chosen) - {layout.method for layout in layouts}:
        stderr.print(f"left out, since it would take hours: {', '.join(left_out)}")
    for space in {part.space for part, _ in embedder.parts} - {one.space for one in layouts}:
        stderr.print(f"left out, since not all assets are indexed so: --by {escape(space)}")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("space", "method", "trustworthiness at 15"):
        table.add_column(column)
    for layout in layouts:
        table.add_row(layout.space, layout.method, f"{layout.trustworthiness:.3f}")
    stdout.print(table)
    stderr.print(f"map: {escape(str(out))}")
