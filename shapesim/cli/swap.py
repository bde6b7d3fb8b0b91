"""``shapesim swap``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shapesim.cli.console import (
    GalleryOption,
    JsonOption,
    NewSinceOption,
    SheetOption,
    Space,
    TagOption,
    UpOption,
    check_writable,
    gallery_folder,
    parse_since,
    report_failures,
)
from shapesim.cli.results import show
from shapesim.errors import AssetError


def swap(
    assets: Annotated[list[Path], typer.Argument(metavar="ASSET", help="Mesh files to replace.")],
    k: Annotated[int, typer.Option("-k", min=1, help="Matches for each asset.")] = 10,
    by: Annotated[Space, typer.Option(help="What has to be alike.")] = "both",
    new_since: NewSinceOption = None,
    tag: TagOption = None,
    sheet: SheetOption = None,
    gallery: GalleryOption = None,
    up: UpOption = None,
    as_json: JsonOption = False,
) -> None:
    """Recommend assets of the store that could stand in an asset's place.

    Examples:
      shapesim swap my_asset.fbx

      shapesim swap props/*.fbx -k 3 --new-since 7d

      shapesim swap my_asset.fbx --tag chair --sheet chairs.png

      shapesim swap my_asset.fbx --json | jq .matches[0].path
    """
    since = parse_since(new_since)
    if sheet:
        check_writable(sheet)
    from shapesim.embedders import EMBEDDERS
    from shapesim.gallery import Gallery
    from shapesim.reading import ReadAsset, read_assets
    from shapesim.swap import Query, recommend

    embedder = EMBEDDERS[by]()
    with Gallery(gallery_folder(gallery)) as opened:
        # The order of completion is not the order asked for.
        found = dict(read_assets(list(dict.fromkeys(assets)), embedder, up))
        read = {path: found[path] for path in assets}
        good = {path: asset for path, asset in read.items() if isinstance(asset, ReadAsset)}
        report_failures([error for error in read.values() if isinstance(error, AssetError)])
        if not good:
            raise typer.Exit(1)
        vectors = embedder.embed_prepared([asset.prepared for asset in good.values()])
        queries = [
            Query(vector, asset.signature)
            for vector, asset in zip(vectors, good.values(), strict=True)
        ]
        results = recommend(opened, embedder, queries, k, since, tag)
        matches = dict(zip(good, results, strict=True))
        show(opened, matches, "Replacements for", as_json, sheet, new_since, up)
