"""``shapesim voxelize``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shapesim.cli.console import (
    UpOption,
    check_writable,
    escape,
    progress_bar,
    report_failures,
    stdout,
)


def voxelize(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR", help="Folders of meshes.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The .npz file to write.")],
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV",
            help="Labels: columns path and label; of several of one file the first counts. "
            "Default: the name of each file's top folder.",
            show_default=False,
        ),
    ] = None,
    unlabelled: Annotated[
        bool,
        typer.Option(
            "--unlabelled", help="No labels: the folders are packs or artists, not kinds of things."
        ),
    ] = False,
    turns: Annotated[int, typer.Option(min=1, help="Orientations in a quarter turn.")] = 6,
    up: UpOption = None,
    teacher: Annotated[
        str | None,
        typer.Option(
            metavar="WEIGHTS",
            help="Also write how each mesh looks to look weights such as lite0.game, from which "
            "training learns what names do not tell.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write occupancy grids, to train a network on.

    Example:
      shapesim voxelize store/ --labels labels.csv --teacher lite0.game --out grids.npz

      shapesim voxelize store/ --unlabelled --teacher lite0.game --out grids.npz

      python -m voxel_models.train grids.npz --out resnet3d.mine.safetensors
    """
    from shapesim.embedders import LookEmbedder
    from shapesim.labels import read_labels
    from shapesim.training_grids import write_grids

    check_writable(out, (".npz",))
    if labels and unlabelled:
        raise typer.BadParameter("either --labels or --unlabelled")
    known = read_labels(labels) if labels else {} if unlabelled else None
    with progress_bar("voxelising") as bar:

        def show(done: int, total: int) -> None:
            bar.update(bar.task_ids[0], completed=done, total=total)

        look = LookEmbedder(teacher) if teacher else None
        written, failures = write_grids(
            folders, out, known, turns, up=up, teacher=look, progress=show
        )
    report_failures(failures)
    stdout.print(f"{written} geometries in {escape(str(out))}", soft_wrap=True)
