"""``shapesim embed``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from shapesim.cli.console import (
    UpOption,
    check_space,
    check_writable,
    counted,
    escape,
    expanded,
    progress_bar,
    report_failures,
    stderr,
)
from shapesim.errors import AssetError
from shapesim.writing import replaced


def embed(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE", help="Meshes, or by look pictures, too; or folders of them."
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The .npz file to write.")],
    space: Annotated[
        str,
        typer.Option(
            metavar="SPACE",
            callback=check_space,
            help="What the vectors are about: shape, look, both or copy; shape:FILE or both:FILE by"
            " a voxel network that you have trained; or timm:MODEL=FILE.",
        ),
    ] = "shape",
    up: UpOption = None,
) -> None:
    """Write the vectors of files: arrays paths (N,) and vectors (N, D), unit rows.

    Example:
      shapesim embed props/*.fbx --space shape --out vectors.npz

      shapesim embed photos/*.jpg --space look --out vectors.npz
    """
    import numpy as np

    from shapesim.embedders import make_embedder
    from shapesim.reading import is_picture, read_items

    check_writable(out, (".npz",))
    files = expanded(files, "meshes or pictures")
    embedder = make_embedder(space)
    if space.partition(":")[0] in ("shape", "both") and any(is_picture(path) for path in files):
        raise typer.BadParameter(f"a picture has no shape, so not '{space}'; use --space look")
    failures: list[AssetError] = []
    with progress_bar("embedding") as bar:
        bar.update(bar.task_ids[0], total=len(files))

        def prepared() -> Iterator[tuple[Path, Any]]:
            for path, result in read_items(files, embedder, up):
                bar.advance(bar.task_ids[0])
                if isinstance(result, AssetError):
                    failures.append(result)
                else:
                    yield path, result

        rows = dict(embedder.embed_stream(prepared()))
    report_failures(failures)
    good = [path for path in files if path in rows]
    if not good:
        stderr.print("none of the files could be embedded")
        raise typer.Exit(1)
    vectors = np.stack([rows[path] for path in good])
    with replaced(out) as temporary, temporary.open("wb") as file:
        np.savez(file, paths=np.array([str(path) for path in good]), vectors=vectors)
    stderr.print(f"written: {escape(str(out))}, {counted(len(good), 'vector')}")
