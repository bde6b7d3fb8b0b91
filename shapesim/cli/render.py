"""``shapesim render``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from shapesim.cli.console import (
    PICTURES,
    UpOption,
    check_writable,
    counted,
    escape,
    expanded,
    progress_bar,
    report_failures,
    report_lines,
    stderr,
    stdout,
)
from shapesim.errors import AssetError, ShapesimError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FRAMES = 48  # of a turntable


def render(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Mesh files, or folders of them.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the pictures.")],
    views: Annotated[
        int | None,
        typer.Option(
            min=1, max=360, help="Pictures of each asset. Default: 8.", show_default=False
        ),
    ] = None,
    size: Annotated[int, typer.Option(min=16, max=4096, help="Pixels of each side.")] = 512,
    elevation: Annotated[
        float, typer.Option(min=-89, max=89, help="Degrees of the camera above the horizon.")
    ] = 20.0,
    turntable: Annotated[
        Literal["webp", "gif"] | None,
        typer.Option(help="An animation of a full turn instead.", show_default=False),
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also one picture that shows the first view of every asset.",
            show_default=False,
        ),
    ] = None,
    background: Annotated[
        Literal["transparent", "white"], typer.Option(help="Behind the asset.")
    ] = "transparent",
    up: UpOption = None,
) -> None:
    """Render pictures of assets, on the CPU and without a display.

    Examples:
      shapesim render chair.fbx --views 8 --out pictures/

      shapesim render chair.fbx --turntable webp --out pictures/

      shapesim render packs/2026-11 --views 1 --out pictures/ --sheet overview.png
    """
    from shapesim.meshes.finding import stems
    from shapesim.rendering.views import on_background
    from shapesim.showing import (
        PAPER,
        RenderTask,
        contact_sheet,
        render_files,
        write_picture,
        write_turntable,
    )

    if turntable and views:
        raise typer.BadParameter("--views is of single pictures; a turntable has its own")
    views = views or 8
    paths = expanded(files, "meshes")
    names = stems(paths)
    if turntable:
        endings = [f".{turntable}"]
    else:
        digits = len(str(views - 1))
        numbered = [f"-{number:0{digits}}.png" for number in range(views)]
        endings = numbered if views > 1 else [".png"]
    targets = {path: [out / f"{name}{end}" for end in endings] for path, name in names.items()}
    _check_targets([one for group in targets.values() for one in group], out, sheet)
    tasks = [
        RenderTask(path, _FRAMES if turntable else views, size, elevation, up) for path in paths
    ]
    firsts: dict[Path, NDArray[np.uint8]] = {}
    failures: list[AssetError] = []
    warnings: list[str] = []
    count = 0
    with progress_bar("rendering") as bar:
        bar.update(bar.task_ids[0], total=len(tasks))
        for task, result in render_files(tasks):
            bar.advance(bar.task_ids[0])
            if isinstance(result, AssetError):
                failures.append(result)
                continue
            count += 1
            warnings += [f"{task.path}: {warning}" for warning in result.warnings]
            if sheet:
                firsts[task.path] = on_background(result.views[0], PAPER)
            seen = result.views
            pictures = seen if background == "transparent" else on_background(seen)
            if turntable:
                write_turntable(pictures, targets[task.path][0])
                continue
            for picture, target in zip(pictures, targets[task.path], strict=True):
                write_picture(picture, target)
    report_failures(failures)
    report_lines(warnings, "yellow", "warning")
    if not count:
        stderr.print("none of the files could be rendered")
        raise typer.Exit(1)
    if sheet:
        shown = [path for path in paths if path in firsts]
        captions = [names[path] for path in shown]
        write_picture(contact_sheet([firsts[path] for path in shown], captions), sheet)
        stderr.print(f"drawn: {escape(str(sheet))}")
    stdout.print(f"{counted(count, 'asset')} rendered to {escape(str(out))}", soft_wrap=True)


def _check_targets(targets: Sequence[Path], out: Path, sheet: Path | None) -> None:
    """Makes the folder, unless something else would be written over."""
    from shapesim.showing import is_drawn

    if out.exists() and not out.is_dir():
        raise ShapesimError(f"{out}: is a file; name a folder for the pictures")
    if sheet:
        check_writable(sheet, PICTURES)
    for target in targets:
        if target.exists() and not is_drawn(target):
            raise ShapesimError(
                f"{target}: is another picture, such as a texture; name another --out"
            )
        if sheet and target.absolute() == sheet.absolute():
            raise ShapesimError(f"{sheet}: is one of the pictures to render; name another --sheet")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"cannot be made ({error.strerror}); name another --out"
        raise ShapesimError(f"{out}: {reason}") from error
