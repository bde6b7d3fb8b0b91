"""``shapesim objects``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from shapesim.cli.console import PICTURES, JsonOption, check_writable, escape, stderr, stdout
from shapesim.errors import ShapesimError


def objects(
    picture: Annotated[
        Path, typer.Argument(metavar="PICTURE", help="A screenshot or render of many things.")
    ],
    sheet: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Draw them numbered, as a PNG, JPEG or WebP.", show_default=False
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Find the objects in a picture of many, the surest first.

    With --json, those in doubt are listed too, with low scores.

    Then 'shapesim search PICTURE --object NUMBER' finds assets that look like one of them.

    Examples:
      shapesim objects scene.jpg --sheet numbered.png

      shapesim search scene.jpg --object 3
    """
    if sheet:
        check_writable(sheet, PICTURES, [picture])
    if picture.is_dir():
        raise ShapesimError(f"{picture}: is a folder; name one picture")
    from shapesim.objects.finder import ObjectFinder, open_scene

    seen = open_scene(picture)
    finder = ObjectFinder()
    found = finder.objects(finder.see(seen))
    sure = [one for one in found if one.is_sure]
    if as_json:
        height, width = seen.shape[:2]
        entries = [one.to_json() for one in found]
        about = {"query": str(picture), "width": width, "height": height}
        print(json.dumps(about | {"objects": entries}))
    elif sure:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for name in ("object", "score", "size", "at"):
            table.add_column(name, justify="right", no_wrap=True)
        for one in sure:
            x, y, width, height = one.box
            table.add_row(str(one.id), f"{one.score:.2f}", f"{width} × {height}", f"{x}, {y}")
        stdout.print(table)
    if not sure:
        stderr.print(f"{escape(str(picture))}: no object is seen in it")
    if sheet:
        from shapesim.showing import objects_picture, write_picture

        write_picture(objects_picture(seen, sure), sheet)
        stderr.print(f"drawn: {escape(str(sheet))}")
