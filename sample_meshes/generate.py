"""Writes the sample store and game, or a folder of training meshes.

Usage: python -m sample_meshes.generate [--fbx-python PYTHON]
       python -m sample_meshes.generate --training DIR --count N [--seed S]
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
from pathlib import Path

import trimesh

from sample_meshes.assets import FBX_SETTINGS, GAME, PACKS, Asset
from sample_meshes.export import write_asset, write_glb
from sample_meshes.families import FAMILIES, Part, make, parts_of
from sample_meshes.families.parts import to_scene

ROOT = Path(__file__).parent
LICENCE = "CC0-1.0"


def main() -> None:
    """Read the command line and write the files."""
    parser = argparse.ArgumentParser(prog="sample_meshes.generate", description=__doc__)
    parser.add_argument("--fbx-python", help="a Python with bpy, to write the .fbx files anew")
    parser.add_argument("--training", type=Path, metavar="DIR", help="write training meshes here")
    parser.add_argument("--count", type=int, default=6000, help="how many training meshes")
    parser.add_argument("--seed", type=int, default=0, help="the first training seed")
    options = parser.parse_args()
    if options.training is not None:
        write_training(options.training, options.count, options.seed)
        return
    write_store(ROOT / "store", options.fbx_python)
    write_game(ROOT / "game", options.fbx_python)


def write_store(store: Path, fbx_python: str | None) -> None:
    """Rewrite both packs of the store and its catalogue."""
    rows = []
    for pack, (arrived, assets) in PACKS.items():
        _write_all(assets, store / pack, fbx_python)
        for asset in assets:
            name = Path(asset.path).stem.replace("-", " ").capitalize()
            rows.append((f"{pack}/{asset.path}", name, LICENCE, arrived))
    with (store / "catalog.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("path", "name", "licence", "arrived_at"))
        writer.writerows(sorted(rows))


def write_game(game: Path, fbx_python: str | None) -> None:
    """Rewrite the sample game's assets."""
    _write_all(GAME, game, fbx_python)


def write_training(folder: Path, count: int, first_seed: int) -> None:
    """Write count GLB meshes, the families in turn, as folder/family/family-seed.glb."""
    families = list(FAMILIES)
    for index in range(count):
        family, seed = families[index % len(families)], first_seed + index // len(families)
        path = folder / family / f"{family}-{seed}.glb"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_glb(make(family, seed), path)


def _write_all(assets: list[Asset], folder: Path, fbx_python: str | None) -> None:
    """Empty the folder and write the assets; without Blender its .fbx files stay as they are."""
    wanted = {folder / asset.path for asset in assets}
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif fbx_python or path.suffix != ".fbx" or path not in wanted:
            path.unlink()
    for asset in assets:
        path = folder / asset.path
        if path.suffix != ".fbx":
            write_asset(_scene(asset), path)
        elif fbx_python:
            _write_fbx(_scene(asset), path, fbx_python)
        elif not path.exists():
            print(f"{path} is missing: give --fbx-python to write it", file=sys.stderr)


def _scene(asset: Asset) -> trimesh.Scene:
    parts = parts_of(asset.family, asset.seed)
    return to_scene(Part(p.mesh, asset.repaint.get(p.colour, p.colour)) for p in parts)


def _write_fbx(scene: trimesh.Scene, path: Path, fbx_python: str) -> None:
    up, unit = FBX_SETTINGS.get(path.stem, ("y", "m"))
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "scene.glb"
        write_glb(scene, source)
        script = [fbx_python, str(ROOT / "write_fbx.py"), str(source), str(path)]
        command = [*script, "--up", up, "--unit", unit]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
