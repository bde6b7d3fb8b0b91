"""``shapesim complete``."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from shapesim.cli.console import UpOption, check_writable, escape, stdout
from shapesim.errors import AssetError, ShapesimError


def complete(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A mesh with missing parts.")],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="The .glb, .obj, .ply or .stl file to write.")
    ],
    up: UpOption = None,
) -> None:
    """Write the whole shape of an incomplete mesh, such as a scan from one side.

    It stands where the mesh does, as a smooth surface without materials. GLB is written in metres,
    if the mesh says its unit; other formats in the unit of the mesh.

    Examples:
      shapesim complete scan.ply --out whole.glb

      shapesim render whole.glb --turntable webp --out pictures/
    """
    from shapesim.completing import Completer
    from shapesim.meshes import load_mesh, save_mesh
    from shapesim.meshes.saving import SAVED_SUFFIXES
    from shapesim.workers import map_isolated

    check_writable(out, SAVED_SUFFIXES)
    if out.exists() and out.samefile(file):
        raise ShapesimError(f"{out}: is the part itself; name another file for the whole")
    # In a process of its own, which may die of a damaged file.
    ((_, mesh),) = map_isolated(partial(load_mesh, up=up), [file], lambda path: path)
    if isinstance(mesh, AssetError):
        raise mesh
    whole = Completer().complete_mesh(mesh)
    # GLB is in metres; the others are in what their reader takes them for.
    scale = mesh.unit if mesh.unit and out.suffix.lower() == ".glb" else 1.0
    save_mesh(replace(whole, vertices=whole.vertices * scale), out, up)
    sizes = [" × ".join(f"{side * scale:.3g}" for side in one.extents) for one in (mesh, whole)]
    metres = mesh.unit if scale == 1 else 1
    unit = "" if metres is None else " m" if metres == 1 else f" (a unit is {metres:g} m)"
    stdout.print(
        f"{escape(str(out))}: {sizes[1]}{unit}, of which {sizes[0]} were there", soft_wrap=True
    )
