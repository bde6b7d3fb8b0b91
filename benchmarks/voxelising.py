"""Time to voxelise an asset, beside trimesh's own methods at the same pitch.

python -m benchmarks.voxelising STORE
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import trimesh

from benchmarks.reporting import load_sample, print_table
from shapesim.types import Mesh
from shapesim.voxels import grid_transform, voxelise


def by_trimesh(method: str) -> Callable[[Mesh], object]:
    """Trimesh's surface voxels and its fill, at the pitch of our grid."""

    def run(mesh: Mesh) -> object:
        shape = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
        pitch = 1 / float(np.linalg.norm(grid_transform(mesh)[:3, 0]))
        options = {"max_iter": 30} if method == "subdivide" else {}
        return shape.voxelized(pitch, method=method, **options).fill()

    return run


METHODS: dict[str, Callable[[Mesh], object]] = {
    "shapesim, exact overlap": voxelise,
    "trimesh, subdivide": by_trimesh("subdivide"),
    "trimesh, ray": by_trimesh("ray"),
}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("--assets", type=int, default=150)
    options = parser.parse_args()
    meshes = load_sample(options.store, options.assets)
    rows = []
    for name, method in METHODS.items():
        seconds, failed = [], 0
        for mesh in meshes:
            began = time.perf_counter()
            try:
                method(mesh)
            except Exception:  # peers fail in their own ways: counted and shown
                failed += 1
                continue
            seconds.append(1000 * (time.perf_counter() - began))
        times = [f"{np.percentile(seconds, share):.1f}" for share in (50, 95, 100)]
        rows.append([name, *times, str(failed)])
    print_table(
        f"Voxelising {len(meshes)} assets at 32³, milliseconds on one core",
        ["method", "median", "95 %", "max", "failed"],
        rows,
    )


if __name__ == "__main__":
    main()
