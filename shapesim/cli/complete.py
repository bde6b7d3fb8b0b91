"""``shapesim complete``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from shapesim.cli.console import UpOption, check_writable, stdout


def complete(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A mesh with missing parts.")],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="The .glb, .obj, .ply or .stl file to write.")
    ],
    up: UpOption = None,
) -> None:
    """Write the whole shape of an incomplete mesh, such as a scan from one side.

    It stands where the mesh does, with +y up, as a smooth surface without materials.

    Examples:
      shapesim complete scan.ply --out whole.glb

      shapesim render whole.glb --turntable webp --out pictures/
    """
    from shapesim.completing import Completer
    from shapesim.meshes import load_mesh, save_mesh

    check_writable(out)
    mesh = load_mesh(file, up)
    whole = Completer().complete_mesh(mesh)
    save_mesh(whole, out)
    sizes = [" × ".join(f"{side:.3g}" for side in one.extents) for one in (mesh, whole)]
    stdout.print(f"{escape(str(out))}: {sizes[1]}, of which {sizes[0]} were there")
