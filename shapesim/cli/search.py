"""``shapesim search``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shapesim.cli.console import (
    PICTURES,
    GalleryOption,
    JsonOption,
    NewSinceOption,
    SheetOption,
    TagOption,
    check_writable,
    expanded,
    gallery_folder,
    make_filters,
    progress_bar,
    report_failures,
)
from shapesim.cli.results import show
from shapesim.errors import AssetError, ShapesimError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from shapesim.embedders import LookEmbedder
    from shapesim.picture_search.comparing import Pictured
    from shapesim.swap import Query
    from shapesim.types import Box, Image, Match, Shares

_BLANK = 3  # levels by which a picture of one colour may differ
_DRAWN = 448  # pixels of a picture's longer side, at which a sheet shows it


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
    pictures = expanded(pictures, "pictures")
    if (number or part) and len(pictures) > 1:
        raise typer.BadParameter("--object and --box are of one picture")
    if number and part:
        raise typer.BadParameter("either --object or --box")
    filters = make_filters(new_since, tag)
    if sheet:
        check_writable(sheet, PICTURES, pictures)
    from shapesim.embedders import LookEmbedder
    from shapesim.gallery import Gallery
    from shapesim.picture_search.comparing import IN_SCENE
    from shapesim.pictures.images import load_image
    from shapesim.rendering.views import on_background
    from shapesim.showing import PAPER
    from shapesim.swap import recommend

    embedder = LookEmbedder()
    with Gallery(gallery_folder(gallery)) as opened:
        if number or part:
            query, opener, cut, place = _object_query(pictures[0], number, part, embedder)
            asked = {pictures[0]: (query, opener)}
            about = {"box": list(place)} | ({"object": number} if number else {})
        else:
            asked, cut, about = _queries(pictures, embedder), None, {}
        queries = [query for query, _ in asked.values()]
        results = recommend(opened, embedder, queries, max(k, IN_SCENE.most), filters)
        matches: dict[Path, Sequence[Match]] = {}
        failures: list[AssetError] = []
        with progress_bar("comparing") as bar:
            for (path, (_, open_picture)), found in zip(asked.items(), results, strict=True):
                compared, failed = open_picture().compared(found, k)
                matches[path] = compared[:k]
                failures += failed
                bar.update(bar.task_ids[0], advance=1, total=len(asked))
        report_failures(failures)
        title = "Looks like part of" if number or part else "Looks like"
        show(
            opened, matches, title, as_json, sheet, filters,
            picture_of=lambda path: (
                on_background(load_image(path, _DRAWN), PAPER) if cut is None else cut
            ),
            part=about,
        )  # fmt: skip


def _queries(
    paths: Sequence[Path], embedder: LookEmbedder
) -> dict[Path, tuple[Query, Callable[[], Pictured]]]:
    """What is asked by each picture that can be read, and the picture itself, opened anew."""
    from shapesim.picture_search.comparing import Pictured
    from shapesim.pictures.images import load_image, opaque
    from shapesim.reading import LARGEST_PICTURE, read_pictures
    from shapesim.swap import Query

    read = dict(read_pictures(paths, embedder))
    for path, item in read.items():
        if not isinstance(item, AssetError) and _is_blank(item):
            read[path] = AssetError(path, "shows nothing: it is of one colour")
    good = {path: item for path, item in read.items() if not isinstance(item, AssetError)}
    report_failures([error for error in read.values() if isinstance(error, AssetError)])
    if not good:
        raise typer.Exit(1)

    def opener(path: Path, boxes: Sequence[Shares]) -> Callable[[], Pictured]:
        return lambda: Pictured(opaque(load_image(path, LARGEST_PICTURE)), embedder, boxes)

    return {
        path: (Query(vector, view=view), opener(path, boxes))
        for path, vector, view, boxes in zip(
            good, *embedder.embed_shown(list(good.values())), strict=True
        )
    }


def _is_blank(prepared: NDArray[np.uint8]) -> bool:
    """Whether (1, S, S, 3) is of one colour."""
    spread = prepared.max(axis=(0, 1, 2)) - prepared.min(axis=(0, 1, 2))
    return bool(spread.max() <= _BLANK)


def _parse_box(text: str) -> Box:
    try:
        x, y, width, height = (int(number) for number in text.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"'{text}' is no box; give x, y, width and height in pixels, as 10,20,200,150"
        ) from None
    return x, y, width, height


def _object_query(
    path: Path, number: int | None, box: Box | None, embedder: LookEmbedder
) -> tuple[Query, Callable[[], Pictured], Image, Box]:
    """What is asked by an object, its picture, what the box cuts out of that, and the box."""
    from shapesim.objects.finder import ObjectFinder, check_box, open_scene
    from shapesim.picture_search.comparing import IN_SCENE, Pictured
    from shapesim.swap import Query

    scene = open_scene(path)
    finder = ObjectFinder()
    seen = finder.see(scene)
    if box is None:
        found = {one.id: one.box for one in finder.objects(seen)}
        if number not in found:
            raise ShapesimError(
                f"{path}: no object in it has the number {number};"
                f" 'shapesim objects {path} --sheet numbered.png' shows those that are seen"
            )
        box = found[number]
    x, y, width, height = check_box(box, scene)
    cut = scene[y : y + height, x : x + width]
    vectors, views = finder.embed(seen, [(x, y, width, height)], embedder)
    tall, wide = scene.shape[:2]
    shares = x / wide, y / tall, width / wide, height / tall
    query = Query(vectors[0], view=views[0])
    box = x, y, width, height
    return query, lambda: Pictured(scene, embedder, [shares], IN_SCENE), cut, box
