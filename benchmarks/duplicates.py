"""How well planted copies are found: precision and recall of each tier.

python -m benchmarks.duplicates STORE [--copies 100] [--seed 0]

Copies are byte for byte; turned in any way, scaled, mirrored and moved; or halved, subdivided or in
another format. A pair counts where one of the two at least was planted. It is right where both have
the geometry of one asset of the store.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from itertools import combinations
from pathlib import Path

import numpy as np

from benchmarks.fitting import decimated
from benchmarks.reporting import print_table
from shapesim.duplicates import find_duplicates
from shapesim.embedders import ShapeEmbedder
from shapesim.errors import AssetError
from shapesim.exporting import moved
from shapesim.gallery import Gallery
from shapesim.geometry import moments
from shapesim.indexing import index_stores
from shapesim.meshes import find_assets, load_mesh
from shapesim.meshes.saving import save_mesh
from shapesim.types import Mesh


def plant(kind: str, source: Path, to: Path, rng: np.random.Generator) -> Path:
    """Writes a copy of one kind and tells where."""
    if kind == "exact":
        return Path(shutil.copy(source, to.with_suffix(source.suffix)))
    mesh = load_mesh(source)
    if kind == "transformed":
        turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))  # a mirror image every other time
        matrix = np.eye(4)
        matrix[:3, :3] = turn * np.exp(rng.uniform(-1, 1))
        matrix[:3, 3] = rng.normal(size=3) * mesh.extents.max()
        save_mesh(moved(mesh, matrix), to.with_suffix(".glb"))
        return to.with_suffix(".glb")
    way = rng.integers(3)
    if way == 0:
        save_mesh(decimated(mesh, 0.5), to.with_suffix(".glb"))
        return to.with_suffix(".glb")
    if way == 1:
        save_mesh(subdivided(mesh), to.with_suffix(".glb"))
        return to.with_suffix(".glb")
    save_mesh(mesh, to.with_suffix(".obj"))
    return to.with_suffix(".obj")


def subdivided(mesh: Mesh) -> Mesh:
    """Every triangle cut into four, without colours."""
    import trimesh

    bare = mesh.without_colours()
    cut = trimesh.Trimesh(bare.vertices, bare.faces, process=False).subdivide()
    return Mesh(
        vertices=np.asarray(cut.vertices, np.float64),
        faces=np.asarray(cut.faces, np.int64),
        materials=bare.materials,
        face_materials=np.zeros(len(cut.faces), np.int64),
        unit=mesh.unit,
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("--copies", type=int, default=100, help="of each tier")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    files = find_assets(options.store).files
    with tempfile.TemporaryDirectory() as folder:
        planted: dict[Path, tuple[str, Path]] = {}
        chosen = rng.permutation(len(files))
        kinds = ("exact", "transformed", "remeshed")
        (Path(folder) / "copies").mkdir()
        for number, row in enumerate(chosen[: 3 * options.copies].tolist()):
            kind = kinds[number % 3]
            to = Path(folder) / "copies" / f"{kind}{number}"
            try:
                planted[plant(kind, files[row], to, rng).resolve()] = (kind, files[row].resolve())
            except AssetError as error:
                print(f"left out: {error}")
        with Gallery(Path(folder) / "gallery", create=True) as gallery:
            embedder = ShapeEmbedder()
            index_stores(gallery, [options.store, Path(folder) / "copies"], embedder)
            began = time.perf_counter()
            groups, _ = find_duplicates(gallery, embedder)
            seconds = time.perf_counter() - began
        origin = {path: source for path, (_, source) in planted.items()}
        shapes: dict[Path, np.ndarray] = {}

        def shape(path: Path) -> np.ndarray:
            source = origin.get(path, path)
            if source not in shapes:
                shapes[source] = moments(load_mesh(source))
            return shapes[source]

        rows = []
        for kind in kinds:
            pairs = {
                pair
                for group in groups
                if group.tier == kind
                for pair in combinations((path.resolve() for path in group.paths), 2)
                if planted.keys() & set(pair)
            }
            wrong = [pair for pair in pairs if np.abs(shape(pair[0]) - shape(pair[1])).max() > 2e-3]
            asked = [(path, source) for path, (tier, source) in planted.items() if tier == kind]
            missed = [
                (path, source)
                for path, source in asked
                if (path, source) not in pairs and (source, path) not in pairs
            ]
            for title, listed in (("wrong", wrong), ("missed", missed)):
                for one, other in listed[:15]:
                    print(f"{title} {kind}: {one} {other}")
            rows.append(
                [
                    kind,
                    f"{1 - len(wrong) / max(len(pairs), 1):.3f}",
                    f"{1 - len(missed) / len(asked):.3f}",
                ]
            )
    print_table(
        f"{len(planted)} copies planted in {options.store}; found in {seconds:.0f} s",
        ["tier", "precision", "recall"],
        rows,
    )


if __name__ == "__main__":
    main()
