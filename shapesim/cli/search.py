"""``shapesim search``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shapesim.cli.console import (
    PICTURES,
    FormatOption,
    GalleryOption,
    JsonOption,
    LicenceOption,
    MaxPriceOption,
    MaxTrianglesOption,
    NeedsOption,
    NewSinceOption,
    SheetOption,
    StoreOption,
    TagOption,
    check_writable,
    expanded,
    gallery_folder,
    make_filters,
    progress_bar,
    report_failures,
)
from shapesim.cli.results import show
from shapesim.errors import AssetError

if TYPE_CHECKING:
    from shapesim.picture_search.searching import Asked
    from shapesim.types import Box, Match, Raster

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
    max_triangles: MaxTrianglesOption = None,
    formats: FormatOption = None,
    licence: LicenceOption = None,
    max_price: MaxPriceOption = None,
    store: StoreOption = None,
    needs: NeedsOption = None,
    sheet: SheetOption = None,
    gallery: GalleryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find assets of the store that look like a picture.

    Examples:
      shapesim search photo.png

      shapesim search concept_art/*.jpg -k 5 --sheet found.png

      shapesim search screenshot.png --tag chair --max-triangles 5000 --json

      shapesim search scene.jpg --object 3

      shapesim search scene.jpg --box 420,130,180,240
    """
    part = _parse_box(box) if box else number
    pictures = expanded(pictures, "pictures")
    if part and len(pictures) > 1:
        raise typer.BadParameter("--object and --box are of one picture")
    if number and box:
        raise typer.BadParameter("either --object or --box")
    filters = make_filters(new_since, tag, max_triangles, formats, licence, max_price, store, needs)
    if sheet:
        check_writable(sheet, PICTURES, pictures)
    from shapesim.embedders import LookEmbedder
    from shapesim.gallery import Gallery
    from shapesim.picture_search.searching import Asked, answer, ask_by_part, ask_by_pictures

    embedder = LookEmbedder()
    with Gallery(gallery_folder(gallery)) as opened:
        if part:
            tried: dict[Path, Asked | AssetError] = {
                pictures[0]: ask_by_part(pictures[0], part, embedder)
            }
        else:
            tried = ask_by_pictures(pictures, embedder)
        report_failures([one for one in tried.values() if isinstance(one, AssetError)])
        asked = {path: one for path, one in tried.items() if isinstance(one, Asked)}
        if not asked:
            raise typer.Exit(1)

        def answers() -> Iterator[tuple[Path, Sequence[Match]]]:
            with progress_bar("comparing") as bar:
                bar.update(bar.task_ids[0], total=len(asked))
                for path, found, failures in answer(opened, embedder, asked, k, filters):
                    report_failures(failures)
                    yield path, found
                    bar.advance(bar.task_ids[0])

        about: dict[str, object] = {}
        if part:
            about = {"box": asked[pictures[0]].box} | ({"object": number} if number else {})
        title = "Looks like part of" if part else "Looks like"
        show(
            opened, answers(), title, as_json, sheet, filters,
            picture_of=lambda path: _drawn(path, asked[path]),
            part=about,
        )  # fmt: skip


def _drawn(path: Path, asked: Asked) -> Raster:
    """What a sheet shows of a picture."""
    from shapesim.pictures.images import load_image
    from shapesim.rendering.views import on_background
    from shapesim.showing import PAPER

    return on_background(load_image(path, _DRAWN), PAPER) if asked.cut is None else asked.cut


def _parse_box(text: str) -> Box:
    try:
        x, y, width, height = (int(number) for number in text.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"'{text}' is no box; give x, y, width and height in pixels, as 10,20,200,150"
        ) from None
    return x, y, width, height
