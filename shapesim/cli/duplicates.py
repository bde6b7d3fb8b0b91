"""``shapesim duplicates``."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from shapesim.cli.console import (
    GalleryOption,
    JsonOption,
    check_space,
    counted,
    escape,
    gallery_folder,
    indexed_by,
    progress_bar,
    report_failures,
    stderr,
    stdout,
)


def duplicates(
    by: Annotated[
        str | None,
        typer.Option(
            metavar="SPACE",
            callback=check_space,
            help="What is almost the same is found by shape, or by shape:FILE, a voxel network that"
            " you have trained. Default: as the gallery was indexed.",
            show_default=False,
        ),
    ] = None,
    gallery: GalleryOption = None,
    as_json: JsonOption = False,
) -> None:
    """List assets that are the same, or almost, and could be linked. Nothing is deleted.

    In four tiers: exact (same bytes, or same geometry and colours), variants (same geometry in
    other colours), transformed (turned, scaled, mirrored, moved), and remeshed (decimated,
    subdivided, in another format).

    Examples:
      shapesim duplicates

      shapesim duplicates --json | jq 'select(.tier == "exact")'
    """
    from shapesim.duplicates import TIERS, find_duplicates
    from shapesim.embedders import ShapeEmbedder
    from shapesim.gallery import Gallery
    from shapesim.workers import kept_workers

    if by and not by.startswith(("shape", "both")):
        raise typer.BadParameter("what is almost the same is found by shape, or shape:FILE")
    with (
        kept_workers(),
        Gallery(gallery_folder(gallery)) as opened,
        progress_bar("reading") as bar,
    ):
        parts = [part for part, _ in indexed_by(opened, by).parts if part.space == "shape"]
        embedder = parts[0] if parts else ShapeEmbedder()

        def show(step: str, done: int, total: int) -> None:
            bar.update(bar.task_ids[0], description=step, completed=done, total=total)

        groups, failures = find_duplicates(opened, embedder, show)
        read = len(opened.vectors(embedder)[0]) - len(failures)
    report_failures(failures)
    if failures and read <= 0:
        stderr.print("none of the assets could be read")
        raise typer.Exit(1)
    if as_json:
        for group in groups:
            print(json.dumps({"tier": group.tier, "paths": [str(path) for path in group.paths]}))
        return
    for tier in TIERS:
        found = [group for group in groups if group.tier == tier]
        if found:
            stdout.print(f"[bold]{tier}[/bold], {counted(len(found), 'group')}")
        for group in found:
            stdout.print(
                "  " + "\n    ".join(escape(str(path)) for path in group.paths), soft_wrap=True
            )
    if not groups:
        among = f" among the {counted(read, 'asset')} that could be read" if failures else ""
        stderr.print(f"no duplicates{among}")
