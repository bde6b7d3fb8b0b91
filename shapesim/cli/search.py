"""``shapesim search``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from shapesim.errors import AssetError, ShapesimError

if TYPE_CHECKING:
    from shapesim.embedders import LookEmbedder
    from shapesim.objects import Box
    from shapesim.swap import Query


def search(
    pictures: Annotated[
        list[Path], typer.Argument(metavar="PICTURE", help="Screenshots, photos or drawings.")
    ],
    k: Annotated[int, typer.Option("-k", min=1, help="Matches for each picture.")] = 10,
    number: Annotated[
        int | None,
        typer.Option(
            "--object",
            min=1,
            help="Only this object of the picture (see 'objects').",
            show_default=False,
        ),
    ] = None,
    box: Annotated[
        str | None,
        typer.Option(
            metavar="X,Y,W,H", help="Only this part of the picture, in pixels.", show_default=False
        ),
    ] = None,
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

      shapesim search scene.jpg --object 3

      shapesim search scene.jpg --box 420,130,180,240
    """
    part = _parse_box(box) if box else None
    if (number or part) and len(pictures) > 1:
        raise typer.BadParameter("--object and --box are of one picture")
    if number and part:
        raise typer.BadParameter("either --object or --box")
    since = parse_since(new_since)
    if sheet:
        check_writable(sheet)
    from shapesim.embedders import LookEmbedder
    from shapesim.gallery import Gallery
    from shapesim.reading import read_pictures
    from shapesim.swap import Filters, Query, recommend

    embedder = LookEmbedder()
    with Gallery(gallery_folder(gallery)) as opened:
        if number or part:
            query = _object_query(pictures[0], number, part, embedder)
            results = recommend(opened, embedder, [query], k, Filters(since, tag))
            show(opened, {pictures[0]: results[0]}, "Looks like part of", as_json, sheet, new_since)
            return
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


def _parse_box(text: str) -> Box:
    try:
        x, y, width, height = (int(number) for number in text.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"'{text}' is no box; give x, y, width and height in pixels, as 10,20,200,150"
        ) from None
    return x, y, width, height


def _object_query(path: Path, number: int | None, box: Box | None, embedder: LookEmbedder) -> Query:
    from shapesim.objects import ObjectFinder, check_box, open_scene
    from shapesim.swap import Query

    scene = open_scene(path)
    finder = ObjectFinder()
    seen = finder.see(scene)
    if box is None:
        found = {one.id: one.box for one in finder.objects(seen)}
        if number not in found:
            raise ShapesimError(
                f"{path}: {len(found)} objects are seen in it, and no number {number};"
                f" run 'shapesim objects {path} --sheet numbered.png'"
            )
        box = found[number]
    vectors, views = finder.embed(seen, [check_box(box, scene)], embedder)
    return Query(vectors[0], view=views[0])
