"""Whether an asset embeds alike however it is turned, cut into triangles or written.

    python -m benchmarks.invariance STORE --twins TWINS

TWINS holds the same assets in folders named by format: fbx, glb, dae, stl.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from benchmarks.reporting import load_sample, print_table
from shapesim.embedders import ShapeEmbedder
from shapesim.meshes import load_mesh
from shapesim.types import Mesh, Voxels
from shapesim.voxels import voxelise


def turned(mesh: Mesh, rng: np.random.Generator) -> Mesh:
    """A copy at a random yaw, scale and place."""
    angle = rng.uniform(0, 2 * np.pi)
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    scale, shift = np.exp(rng.uniform(-4, 4)), rng.normal(size=3) * 100
    return replace(mesh, vertices=scale * mesh.vertices @ turn.T + shift)


def subdivided(mesh: Mesh) -> Mesh:
    """A copy with every triangle cut into four."""
    remesh: Any = trimesh.remesh
    vertices, faces = remesh.subdivide(mesh.vertices, mesh.faces)
    return replace(mesh, vertices=vertices, faces=faces)


def retriangulated(mesh: Mesh, rng: np.random.Generator) -> Mesh:
    """A copy with a random half of its triangles cut into four, twice over."""
    vertices, faces = mesh.vertices, mesh.faces
    remesh: Any = trimesh.remesh
    for _ in range(2):
        chosen = np.flatnonzero(rng.random(len(faces)) < 0.5)
        if len(chosen):
            vertices, faces = remesh.subdivide(vertices, faces, face_index=chosen)
    return replace(mesh, vertices=vertices, faces=faces)


def best_iou(a: Voxels, b: Voxels) -> float:
    """Intersection over union, the best of four quarter turns."""
    turns = [np.rot90(b, turn, (0, 2)) for turn in range(4)]
    return float(max((a & turn).sum() / (a | turn).sum() for turn in turns))


def row(name: str, cosines: NDArray[np.floating]) -> list[str]:
    """One line of the table."""
    shares = [f"{np.percentile(cosines, share):.4f}" for share in (50, 5, 0)]
    return [name, str(len(cosines)), *shares]


def copies(store: Path, embedder: ShapeEmbedder, count: int) -> None:
    """Prints the cosine of assets with turned and with subdivided copies."""
    rng = np.random.default_rng(0)
    meshes = load_sample(store, count)
    originals = embedder.embed(meshes)
    made = {
        "any yaw, scale and place": [turned(mesh, rng) for mesh in meshes],
        "subdivided": [subdivided(mesh) for mesh in meshes],
        "re-triangulated": [retriangulated(mesh, rng) for mesh in meshes],
        "turned and re-triangulated": [turned(retriangulated(mesh, rng), rng) for mesh in meshes],
    }
    rows = [
        row(name, (embedder.embed(changed) * originals).sum(axis=1))
        for name, changed in made.items()
    ]
    print_table(
        f"Cosine of {len(meshes)} assets with changed copies, {embedder.name}",
        ["copy", "assets", "median", "5 %", "least"],
        rows,
    )


def twins(folder: Path, embedder: ShapeEmbedder) -> None:
    """Prints how far twins in other formats agree with the GLB."""
    rows = []
    for kind in ("fbx", "dae", "stl"):
        paths = [
            (path, folder / kind / f"{path.stem}.{kind}")
            for path in sorted((folder / "glb").iterdir())
        ]
        pairs = [(load_mesh(a), load_mesh(b)) for a, b in paths if b.is_file()]
        ious = np.array([best_iou(voxelise(a), voxelise(b)) for a, b in pairs])
        cosines = (
            embedder.embed([a for a, _ in pairs]) * embedder.embed([b for _, b in pairs])
        ).sum(axis=1)
        good = (ious >= 0.97) & (cosines >= 0.99)
        rows.append(
            [f"{kind} and glb", str(len(pairs)), f"{good.mean():.1%}", f"{ious.min():.3f}",
             f"{cosines.min():.4f}"]
        )  # fmt: skip
    print_table(
        "Twins in two formats",
        ["pair", "pairs", "IoU ≥ 0.97 and cosine ≥ 0.99", "least IoU", "least cosine"],
        rows,
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("--twins", type=Path)
    parser.add_argument("--assets", type=int, default=200)
    parser.add_argument("--weights", default="resnet3d.game")
    options = parser.parse_args()
    embedder = ShapeEmbedder(options.weights)
    if options.twins:
        twins(options.twins, embedder)
    copies(options.store, embedder, options.assets)


if __name__ == "__main__":
    main()
