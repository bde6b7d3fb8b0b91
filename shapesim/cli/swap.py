"""``shapesim swap``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from shapesim.cli.console import (
    GalleryOption,
    JsonOption,
    Space,
    UpOption,
    gallery_folder,
    parse_since,
    report_failures,
    stderr,
    stdout,
)
from shapesim.errors import AssetError

if TYPE_CHECKING:
    from shapesim.types import Asset, Match


def swap(
    assets: Annotated[list[Path], typer.Argument(metavar="ASSET", help="Mesh files to replace.")],
    k: Annotated[int, typer.Option("-k", min=1, help="Matches for each asset.")] = 10,
    by: Annotated[Space, typer.Option(help="What has to be alike.")] = "shape",
    new_since: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN",
            help="Only assets that arrived since: 12h, 7d, 2w, or a date.",
            show_default=False,
        ),
    ] = None,
    gallery: GalleryOption = None,
    up: UpOption = None,
    as_json: JsonOption = False,
) -> None:
    """Recommend assets of the store that could stand in an asset's place.

    Examples:
      shapesim swap my_asset.fbx

      shapesim swap props/*.fbx -k 3 --new-since 7d

      shapesim swap my_asset.fbx --json | jq .matches[0].path
    """
    since = parse_since(new_since)
    from shapesim.embedders import EMBEDDERS
    from shapesim.gallery import Gallery
    from shapesim.reading import ReadAsset, read_assets
    from shapesim.swap import Query, recommend

    embedder = EMBEDDERS[by]()
    with Gallery(gallery_folder(gallery)) as opened:
        several_stores = len(opened.catalogue.stores()) > 1  # an id alone would not tell which
        # The order of completion is not the order asked for.
        found = dict(read_assets(assets, embedder, up))
        read = {path: found[path] for path in assets}
        good = {path: asset for path, asset in read.items() if isinstance(asset, ReadAsset)}
        results: list[list[Match]] = []
        if good:
            vectors = embedder.embed_prepared([asset.prepared for asset in good.values()])  # type: ignore[misc]
            queries = [
                Query(vector, asset.signature)  # type: ignore[arg-type]
                for vector, asset in zip(vectors, good.values(), strict=True)
            ]
            results = recommend(opened, embedder, queries, k, since)
    report_failures([error for error in read.values() if isinstance(error, AssetError)])
    found_for = dict(zip(good, results, strict=True))
    for path in [path for path in assets if path in found_for]:
        matches = found_for[path]
        if as_json:
            entries = [match.to_json(rank) for rank, match in enumerate(matches, 1)]
            print(json.dumps({"query": str(path), "matches": entries}))
        else:
            _print(path, matches, several_stores)
    if good and not any(results):
        stderr.print(f"no match: nothing has arrived since {new_since}")
    if not any(results):
        raise typer.Exit(1)


def _print(path: Path, matches: Sequence[Match], several_stores: bool) -> None:
    if not matches:
        return
    title = f"Replacements for {escape(str(path))}"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("#", justify="right")
    table.add_column("score", justify="right")
    table.add_column("asset", overflow="fold")
    table.add_column("triangles", justify="right")
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("arrived", no_wrap=True)
    for rank, match in enumerate(matches, 1):
        name = escape(str(match.asset.path) if several_stores else match.asset.id)
        if match.is_copy:
            name += " [green](same geometry)[/green]"
        if match.variants:
            name += f" [dim]+{len(match.variants)} variants[/dim]"
        table.add_row(
            str(rank),
            f"{match.score:.2f}",
            name,
            f"{match.asset.triangles:,}",
            _size(match.asset),
            match.asset.arrived_at[:10],
        )
    stdout.print(table)


def _size(asset: Asset) -> str:
    """Extents in metres where the file has a unit, else in its own units."""
    scale, unit = (asset.unit, " m") if asset.unit else (1.0, "")
    return " × ".join(f"{extent * scale:.3g}" for extent in asset.extents) + unit
