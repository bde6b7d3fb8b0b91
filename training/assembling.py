"""Assembles what the shipped voxel networks are trained on.

    python -m training.assembling DATA --furniture DIR --out FOLDER

DATA holds ``store/`` with ``store_labels.csv``, and ``more_meshes/`` with ``more_meshes.csv``; DIR
holds the ``.sh3f`` catalogues of Debian's sweethome3d-furniture. Procedural shapes are made on the
way. Each source becomes a file of grids with the teacher's vectors; a datasheet tells of them.
"""

from __future__ import annotations

import argparse
import csv
import re
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.progress import track

from shapesim.embedders import LookEmbedder
from shapesim.errors import AssetError
from shapesim.labels import label_from_name, read_labels
from shapesim.meshes import find_assets
from shapesim.training_grids import write_grids
from shapesim.types import UpAxis
from training.kinds import kind_of, merged

# Other words for what the store's labels call so.
_SAME = {
    "boy": "man", "closet": "wardrobe", "column": "pillar", "couch": "sofa", "cup": "glass",
    "dustbin": "bin", "female": "man", "fridge": "refrigerator", "girl": "man", "light": "lamp",
    "male": "man", "mug": "glass", "pane": "window", "panes": "window", "rack": "shelf",
    "railing": "fence", "bookcase": "shelf", "shelves": "shelf", "stair": "stairs",
    "staircase": "stairs", "television": "tv", "trashcan": "bin", "vase": "pot", "woman": "man",
}  # fmt: skip
_LEAST = 3  # assets of a name that make a class
_FURNITURE_LICENCES = "CC0-1.0, CC-BY-3.0"


@dataclass(frozen=True, slots=True)
class Source:
    """Meshes to voxelise together.

    Attributes:
        name: of the file of grids.
        roots: folders.
        labels: by path under the root, empty where unknown.
        licence: of the meshes.
        up: the up axis of all files; None for what each file says.
        exclude: what of the roots another source holds.
    """

    name: str
    roots: list[Path]
    labels: dict[str, str]
    licence: str
    up: UpAxis | None = None
    exclude: tuple[str, ...] = ()


def sources(data: Path, furniture: Path, work: Path, procedural: int = 0) -> list[Source]:
    """All sources; furniture is unpacked and procedural shapes are made in a folder of work.

    Args:
        data: see the module.
        furniture: see the module.
        work: an empty folder.
        procedural: number of shapes to make; none, and no such source, without.
    """
    licences = {row["licence"] for row in _rows(data / "more_meshes.csv") if row["licence"]}
    bricks = {row["licence"] for row in _rows(data / "more_meshes.csv")
              if row["path"].startswith("ldraw/")}  # fmt: skip
    games = [data / "store", data / "more_meshes"]
    rooms = [work / "furniture"]
    table = read_labels(data / "store_labels.csv")
    catalogued = _furniture(furniture, rooms[0])
    every = [
        Source(
            "game-meshes",
            games,
            _labels(games, lambda name: _told(name, table) or kind_of(name)),
            ", ".join(sorted(licences - bricks | {"CC0-1.0"})),
            exclude=("ldraw/",),
        ),
        # What the parts library calls a plate or a car is a part of one, so names tell nothing.
        Source("bricks", [data / "more_meshes"], {}, ", ".join(bricks), "y", _but_bricks(data)),
        Source(
            "furniture",
            rooms,
            _labels(rooms, lambda name: _told(name, catalogued)),
            _FURNITURE_LICENCES,
        ),
    ]
    if procedural:
        shapes = [work / "procedural"]
        command = [sys.executable, "-m", "sample_meshes.generate", "--training", str(shapes[0])]
        subprocess.run([*command, "--count", str(procedural), "--seed", "1"], check=True)
        labels = _labels(shapes, lambda name: name.partition("/")[0])
        every.append(Source("procedural", shapes, labels, "CC0-1.0"))
    return every


def _labels(roots: list[Path], label: Callable[[str], str]) -> dict[str, str]:
    """Of all files below the roots."""
    names = [
        path.relative_to(root).as_posix() for root in roots for path in find_assets(root).files
    ]
    return {name: merged(label(name)) for name in names}


def _told(name: str, table: dict[str, str]) -> str:
    """By a table, or else by a word of the file's name that the table has for others."""
    return table.get(name) or label_from_name(Path(name), frozenset(table.values()))


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _but_bricks(data: Path) -> tuple[str, ...]:
    folders = [path.name for path in (data / "more_meshes").iterdir() if path.is_dir()]
    return tuple(f"{name}/" for name in folders if name != "ldraw")


def _furniture(folder: Path, out: Path) -> dict[str, str]:
    """Unpacks catalogues; labels are the last words of the names, where enough share one."""
    words: dict[str, str] = {}
    for catalogue in sorted(folder.glob("*.sh3f")):
        with zipfile.ZipFile(catalogue) as pack:
            pack.extractall(out / catalogue.stem)
        text = (out / catalogue.stem / "PluginFurnitureCatalog.properties").read_text("latin-1")
        names = dict(re.findall(r"^name#(\d+)=(.*)$", text, re.MULTILINE))
        for number, model in re.findall(r"^model#(\d+)=(\S+)", text, re.MULTILINE):
            if found := re.findall(r"[a-z]+", names.get(number, "").lower()):
                words[f"{catalogue.stem}{model}"] = _SAME.get(found[-1], found[-1])
    counts = Counter(words.values())
    return {path: word for path, word in words.items() if counts[word] >= _LEAST}


def datasheet(found: list[tuple[Source, int, list[AssetError]]], folder: Path) -> str:
    """What is in the files of grids, as Markdown."""
    rows = ["| source | geometries | labelled | classes | files left out | licence |",
            "|---|---|---|---|---|---|"]  # fmt: skip
    classes: Counter[str] = Counter()
    for source, count, failures in found:
        with np.load(folder / f"{source.name}.npz", allow_pickle=False) as data:
            labels = [str(label) for label in data["labels"] if label]
        classes.update(labels)
        rows.append(
            f"| {source.name} | {count:,} | {len(labels):,} | {len(set(labels))} |"
            f" {len(failures)} | {source.licence} |"
        )
    named = ", ".join(f"{name} {count}" for name, count in classes.most_common())
    return "\n".join([*rows, "", f"Classes and their geometries: {named}.", ""])


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--furniture", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--teacher", default="lite0.no-kenney", help="weights that look at meshes")
    parser.add_argument("--procedural", type=int, default=2400, help="number of shapes to make")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    teacher = LookEmbedder(options.teacher)
    found = []
    with tempfile.TemporaryDirectory() as work:
        every = sources(options.data, options.furniture, Path(work), options.procedural)
        for source in track(every, "voxelising"):
            count, failures = write_grids(
                source.roots,
                options.out / f"{source.name}.npz",
                source.labels,
                up=source.up,
                teacher=teacher,
                exclude=source.exclude,
            )
            found.append((source, count, failures))
    sheet = datasheet(found, options.out)
    (options.out / "datasheet.md").write_text(sheet, encoding="utf-8")
    print(sheet)


if __name__ == "__main__":
    main()
