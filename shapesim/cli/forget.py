"""``shapesim forget``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from shapesim.cli.console import GalleryOption, JsonOption, counted, escape, gallery_folder, stdout


def forget(
    stores: Annotated[
        list[Path],
        typer.Argument(metavar="STORE", help="Folders as they were indexed; they may be gone."),
    ],
    gallery: GalleryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take stores out of the gallery. Their files stay as they are.

    Example:
      shapesim forget store_meshes/
    """
    from shapesim.gallery import Gallery
    from shapesim.indexing import forget_stores

    folder = gallery_folder(gallery)
    with Gallery(folder) as opened:
        count = forget_stores(opened, stores)
        left = opened.catalogue.count()
    if as_json:
        print(json.dumps({"gallery": str(folder), "forgotten": count, "assets": left}))
        return
    stdout.print(
        f"{counted(count, 'asset')} forgotten, {left} stay in {escape(str(folder))}", soft_wrap=True
    )
