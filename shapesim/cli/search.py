"""``shapesim search``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shapesim.cli.console import (
    GalleryOption,
    JsonOption,
    NewSinceOption,
    SheetOption,
    TagOption,
    check_writable,
    gallery_folder,
    parse_since,
    report_failures,
)
from shapesim.cli.results import show
from shapesim.errors import AssetError


def search(
    pictures: Annotated[
        list[Path], typer.Argument(metavar="PICTURE", help="Screenshots, photos or drawings.")
    ],
    k: Annotated[int, typer.Option("-k", min=1, help="Matches for each picture.")] = 10,
    new_since: NewSinceOption = None,
    tag: TagOption = None,
    sheet: SheetOption = None,
    gallery: GalleryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find assets of the store that look like a picture.

    Examples:
      shapesim search photo.png

      shapesim search concept_art/*.jpg -k 5 --sheet found.png

      shapesim search screenshot.png --tag chair --json
    """
    since = parse_since(new_since)
    if sheet:
        check_writable(sheet)
    from shapesim.embedders import LookEmbedder
    from shapesim.gallery import Gallery
    from shapesim.reading import read_pictures
    from shapesim.swap import Filters, Query, recommend

    embedder = LookEmbedder()
    with Gallery(gallery_folder(gallery)) as opened:
        read = dict(read_pictures(list(dict.fromkeys(pictures)), embedder))
        good = {path: item for path, item in read.items() if not isinstance(item, AssetError)}
        report_failures([error for error in read.values() if isinstance(error, AssetError)])
        if not good:
            raise typer.Exit(1)
        asked = zip(*embedder.embed_shown(list(good.values())), strict=True)
        queries = [Query(vector, view=view) for vector, view in asked]
        results = recommend(opened, embedder, queries, k, Filters(since, tag))
        matches = dict(zip(good, results, strict=True))
        show(opened, matches, "Looks like", as_json, sheet, new_since)
