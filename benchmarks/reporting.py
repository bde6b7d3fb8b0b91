"""What the benchmarks share: a table, and a sample of a store."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from shapesim.errors import AssetError
from shapesim.meshes import find_assets, load_mesh
from shapesim.types import Mesh


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], out: Path | None = None
) -> None:
    """Prints rows under a title, and writes them as JSON where a file is given."""
    if out:
        named = [dict(zip(columns, row, strict=True)) for row in rows]
        out.write_text(json.dumps({"title": title, "rows": named}, indent=2) + "\n")
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*row)
    Console(width=110).print(table)


def load_sample(store: Path, count: int) -> list[Mesh]:
    """The meshes of a sample; a file that cannot be read is named and left out."""
    meshes = []
    for path in sample(store, count):
        try:
            meshes.append(load_mesh(path))
        except AssetError as error:
            print(f"left out: {error}")
    return meshes


def sample(store: Path, count: int) -> list[Path]:
    """The same random files of a store every time."""
    files = find_assets(store).files
    chosen = np.random.default_rng(0).permutation(len(files))[:count]
    return [files[row] for row in sorted(chosen)]
