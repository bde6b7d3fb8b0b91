"""``shapesim swap``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shapesim.cli.console import (
    PAGES,
    PICTURES,
    FormatOption,
    GalleryOption,
    JsonOption,
    LicenceOption,
    MaxPriceOption,
    MaxTrianglesOption,
    NeedsOption,
    NewSinceOption,
    ReportOption,
    SheetOption,
    SpaceOption,
    StoreOption,
    TagOption,
    UpOption,
    check_writable,
    counted,
    escape,
    expanded,
    gallery_folder,
    indexed_by,
    make_filters,
    progress_bar,
    report_failures,
    report_lines,
    stderr,
)
from shapesim.cli.results import report as write_report
from shapesim.cli.results import show
from shapesim.errors import AssetError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from shapesim.completing import Completer
    from shapesim.embedders import Embedder
    from shapesim.reading import ReadAsset
    from shapesim.swap import FitOptions, Query
    from shapesim.types import Match, UpAxis


_COVERED = 0.75  # of a part, by its own whole: more of nine in ten (benchmarks/partial.py)


def swap(
    assets: Annotated[
        list[Path],
        typer.Argument(metavar="ASSET", help="Mesh files to replace, or folders of them."),
    ],
    k: Annotated[int, typer.Option("-k", min=1, help="Matches for each asset.")] = 10,
    by: SpaceOption = None,
    new_since: NewSinceOption = None,
    tag: TagOption = None,
    max_triangles: MaxTrianglesOption = None,
    formats: FormatOption = None,
    licence: LicenceOption = None,
    max_price: MaxPriceOption = None,
    store: StoreOption = None,
    needs: NeedsOption = None,
    fit: Annotated[
        bool, typer.Option(help="Find how each match would stand in the asset's place.")
    ] = True,
    mirror: Annotated[bool, typer.Option("--mirror", help="Matches may be mirrored.")] = False,
    stretch: Annotated[
        bool, typer.Option("--stretch", help="Each axis of a match may be scaled by itself.")
    ] = False,
    any_up: Annotated[
        bool, typer.Option("--any-up", help="Matches may lie on any of their sides.")
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write each match as a GLB that stands in the asset's place, with base colours and"
            " their textures. The transforms in swap.json place the original files, which keep"
            " everything else.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Export into a folder that is not empty.")
    ] = False,
    each: Annotated[
        bool,
        typer.Option(
            "--each", help="Find replacements for each object that a file, such as a level, holds."
        ),
    ] = False,
    sheet: SheetOption = None,
    report: ReportOption = None,
    partial: Annotated[
        bool,
        typer.Option(
            "--partial",
            help="The assets are incomplete: find what they may be parts of, by shape alone.",
        ),
    ] = False,
    gallery: GalleryOption = None,
    up: UpOption = None,
    as_json: JsonOption = False,
) -> None:
    """Recommend assets of the store that could stand in an asset's place.

    Examples:
      shapesim swap my_asset.fbx

      shapesim swap props/*.fbx -k 3 --new-since 7d

      shapesim swap my_asset.fbx --tag chair --sheet chairs.png

      shapesim swap hero.fbx --needs rig --max-triangles 5000 --export fitted/

      shapesim swap props/*.fbx --report swaps.html

      shapesim swap level.glb --each

      shapesim swap 'level.glb!/Chair 3'

      shapesim swap scan.ply --partial

      shapesim swap my_asset.fbx --json | jq '.matches[0].path'
    """
    filters = make_filters(new_since, tag, max_triangles, formats, licence, max_price, store, needs)
    if sheet:
        check_writable(sheet, PICTURES)
    if report:
        check_writable(report, PAGES)
    if (export or report) and not fit:
        raise typer.BadParameter("what is exported or reported has to be fitted: no --no-fit")
    from shapesim.embedders import PartialShapeEmbedder
    from shapesim.exporting import check_export
    from shapesim.gallery import Gallery
    from shapesim.pages.reporting import Entry
    from shapesim.swap import PARTIAL_SHORTLIST, FitOptions, Query, best_of, recommend

    assets = _meshes(expanded(assets, "meshes"), each)
    if export:
        check_export(export, force)
    if partial and (stretch or not (by or "shape").startswith(("shape", "both"))):
        raise typer.BadParameter(
            "what is incomplete fills no box; leave out --stretch"
            if stretch
            else "what is incomplete is found by shape; leave out --by"
        )
    with Gallery(gallery_folder(gallery)) as opened:
        asked = indexed_by(opened, by)
        weights = next((one.option for one, _ in asked.parts if one.space == "shape"), "")
        own = filter(None, [weights.partition(":")[2]])
        part_embedder = PartialShapeEmbedder(*own) if partial else None
        embedder = part_embedder or asked
        good, vectors = _embedded(assets, embedder, up)
        if not good:
            raise typer.Exit(1)
        queries = {
            path: [Query(vectors[path], asset.signature, asset.triangles or 0)]
            for path, asset in good.items()
        }
        if any_up:
            _add_laid(queries, up, embedder)
        reach = max(k, PARTIAL_SHORTLIST) if partial and fit else k
        ways = [query for some in queries.values() for query in some]
        results = iter(recommend(opened, embedder, ways, reach, filters))
        found: Mapping[Path, Sequence[Match]] = {
            path: best_of(islice(results, len(some)), reach) for path, some in queries.items()
        }
        answers = iter(found.items())
        if fit:
            completer = part_embedder.completer if part_embedder else None
            answers = _fitted(found, k, up, FitOptions(mirror, stretch, any_up), completer)
        matches = show(opened, answers, "Replacements for", as_json, sheet, filters, up)
        if report:
            entries = {path: [Entry(match) for match in found] for path, found in matches.items()}
            write_report("Replacements", entries, report, up)
        if export:
            _export(matches, {path: asset.unit for path, asset in good.items()}, export)


def _embedded(
    assets: Sequence[Path], embedder: Embedder, up: UpAxis | None
) -> tuple[dict[Path, ReadAsset], dict[Path, NDArray[np.float32]]]:
    """What can be read of the assets, in their order, and (D,) vectors; tells what cannot."""
    from shapesim.reading import ReadAsset, read_assets

    read: dict[Path, ReadAsset | AssetError] = {}

    def prepared() -> Iterator[tuple[Path, Any]]:
        for path, result in read_assets(assets, embedder, up):
            read[path] = result
            if isinstance(result, ReadAsset):
                read[path] = replace(result, prepared=None)  # it is large
                yield path, result.prepared

    vectors = dict(embedder.embed_stream(prepared()))
    read = {path: read[path] for path in assets}  # the order of completion is another
    _tell(read)
    good = {path: asset for path, asset in read.items() if isinstance(asset, ReadAsset)}
    return good, vectors


def _tell(read: Mapping[Path, ReadAsset | AssetError]) -> None:
    """What could not be read, or not all of it."""
    report_failures([result for result in read.values() if isinstance(result, AssetError)])
    doubts = [
        f"{path}: {warning}"
        for path, result in read.items()
        if not isinstance(result, AssetError)
        for warning in result.warnings
    ]
    doubts += [
        f"{path}: holds {len(result.objects)} things side by side, and is taken for one; --each"
        f" replaces each of them, and '{path}!/{result.objects[0]}' is one"
        for path, result in read.items()
        if not isinstance(result, AssetError) and result.objects
    ]
    report_lines(doubts, "yellow", "warning")


def _meshes(files: Sequence[Path], each: bool) -> list[Path]:
    """Without pictures, such as textures beside them, which are named; or the objects of each."""
    from shapesim.reading import is_picture

    reason = "is a picture; find what it shows by 'shapesim search'"
    report_failures([AssetError(path, reason) for path in files if is_picture(path)])
    meshes = [path for path in files if not is_picture(path)]
    return _objects_of(meshes) if each and meshes else meshes


def _objects_of(paths: Sequence[Path]) -> list[Path]:
    """The objects of files; itself where a file is one, or cannot be read, which is told later."""
    from shapesim.meshes import objects_of
    from shapesim.workers import map_isolated

    objects = {path: [path] for path in paths}
    for path, found in map_isolated(objects_of, list(objects), lambda path: path):
        if not isinstance(found, AssetError):
            objects[path] = found or [path]
    return [one for path in paths for one in objects[path]]


def _add_laid(queries: Mapping[Path, list[Query]], up: UpAxis | None, embedder: Embedder) -> None:
    from shapesim.meshes import load_mesh
    from shapesim.swap import queries_of_laid

    with progress_bar("turning") as bar:
        for path in queries:
            queries[path] += queries_of_laid(load_mesh(path, up), embedder)
            bar.update(bar.task_ids[0], advance=1, total=len(queries))


def _fitted(
    matches: Mapping[Path, Sequence[Match]],
    k: int,
    up: UpAxis | None,
    options: FitOptions,
    completer: Completer | None,
) -> Iterator[tuple[Path, Sequence[Match]]]:
    """The best k of each asset's matches as they would stand, as soon as that is known."""
    from shapesim.swap import Replaced

    told: set[Path] = set()
    with progress_bar("fitting") as bar:
        bar.update(bar.task_ids[0], total=len(matches))
        for path, found in matches.items():
            fitted, failures = Replaced(path, up, completer).fitted(found, options)
            report_failures([one for one in failures if one.path not in told])
            told.update(one.path for one in failures)
            yield path, fitted[:k]
            _doubt(path, fitted[:k])
            bar.advance(bar.task_ids[0])


def _doubt(path: Path, matches: Sequence[Match]) -> None:
    """Says of a part if hardly any asset of the store can be its whole."""
    shares = [match.swap.fit.covered for match in matches if match.swap]
    most = max((share for share in shares if share is not None), default=1.0)
    if most < _COVERED:
        stderr.print(
            f"{escape(str(path))}: no asset covers more than {most:.0%} of it;"
            " its whole may not be there, or it lies on its side (see --up)"
        )


def _export(
    matches: Mapping[Path, Sequence[Match]], units: Mapping[Path, float | None], folder: Path
) -> None:
    from shapesim.exporting import export

    failures = export(matches, units, folder)
    report_failures(failures)
    fitted = [match for found in matches.values() for match in found if match.swap]
    count = len(fitted) - len(failures)
    stderr.print(f"exported: {counted(count, 'match')} to {escape(str(folder))}")
    if not count:
        raise typer.Exit(1)
    traits = [match.asset.traits for match in fitted if match.asset.traits]
    if rigged := sum(bool(one.joints or one.animations) for one in traits):
        stderr.print(
            f"without the rig or the animations of {rigged}: place the originals by swap.json"
        )
