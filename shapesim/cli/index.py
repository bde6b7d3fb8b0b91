"""``shapesim index``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shapesim.cli.console import (
    GalleryOption,
    IndexedByOption,
    JsonOption,
    UpOption,
    counted,
    escape,
    indexed_by,
    progress_bar,
    report_failures,
    report_lines,
    stderr,
    stdout,
)

if TYPE_CHECKING:
    from shapesim.recording import IndexReport


def index(
    stores: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="STORE", help="Folders of mesh files, or of pictures. Default: those indexed."
        ),
    ] = None,
    by: IndexedByOption = None,
    gallery: GalleryOption = None,
    up: UpOption = None,
    as_json: JsonOption = False,
) -> None:
    """Embed all assets of a store, or only what has changed since the last time.

    By shape alone is several times faster than by both. By copy, trace will know pictures of the
    meshes, too.

    Examples:
      shapesim index store_meshes/

      shapesim index packs/2026-11 ~/assets --gallery shared/gallery

      shapesim index store_meshes/ --by shape

      shapesim index store_meshes/ --by timm:resnet50.a1_in1k=resnet50.safetensors

      shapesim index marketing/pictures/     [dim]# for shapesim trace[/dim]

      shapesim index     [dim]# the same stores again[/dim]
    """
    from shapesim.gallery import Gallery
    from shapesim.gallery.gallery import FOLDER, default_folder
    from shapesim.indexing import check_stores, index_stores
    from shapesim.meshes import MESH_SUFFIXES
    from shapesim.pictures.images import PICTURE_SUFFIXES

    check_stores(stores or [])  # before a gallery is made for them
    folder = gallery or default_folder() or Path(FOLDER)
    with Gallery(folder, create=bool(stores)) as opened, progress_bar("indexing") as bar:

        def show(done: int, total: int, failed: int) -> None:
            note = f"{failed} failed" if failed else ""
            bar.update(bar.task_ids[0], completed=done, total=total, note=note)

        try:
            report = index_stores(opened, stores or [], indexed_by(opened, by), up, show)
        except KeyboardInterrupt:
            stderr.print("interrupted; what was read is kept: the same command goes on from there")
            raise typer.Exit(130) from None
    report_lines(report.warnings, "yellow", "warning")
    report_failures(report.failures)
    if as_json:
        print(json.dumps(_to_json(report, folder)))
    else:
        _print(report, folder)
    if report.total == 0:
        meshes, pictures = (" ".join(sorted(kind)) for kind in (MESH_SUFFIXES, PICTURE_SUFFIXES))
        read = f"meshes ({meshes}) and pictures ({pictures})"
        stderr.print(f"nothing to search: no file could be indexed; {read} are read")
        raise typer.Exit(1)


def _to_json(report: IndexReport, folder: Path) -> dict[str, object]:
    return {
        "gallery": str(folder),
        "assets": report.total,
        "objects": report.objects,
        "added": report.added,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "removed": report.removed,
        "repeats": report.repeats,
        "arrived": sorted(map(str, report.arrived)),
        "failed": [{"path": str(f.path), "reason": f.reason} for f in report.failures],
        "warnings": report.warnings,
        "answers": report.answers,
        "seconds": {step: round(seconds, 3) for step, seconds in report.seconds.items()},
    }


def _print(report: IndexReport, folder: Path) -> None:
    counts = {
        "added": report.added,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "removed": report.removed,
        "failed": len(report.failures),
        "with warnings": len(report.warnings),
        "second paths to one file": report.repeats,
    }
    parts = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    held = f" and {counted(report.objects, 'object')} of kits" if report.objects else ""
    stdout.print(
        f"[bold]{counted(report.total, 'asset')}[/bold]{held} in {escape(str(folder))}"
        f"  ({parts or 'no mesh and no picture found'})"
    )
    if report.answers:
        stdout.print(f"answered by {report.answers}", highlight=False)
    total = sum(report.seconds.values())
    if report.added + report.updated:
        shares = "  ".join(
            f"{step} {seconds:.1f} s ({seconds / total:.0%})"
            for step, seconds in report.seconds.items()
        )
        stdout.print(f"work: {shares}", style="dim", highlight=False)
