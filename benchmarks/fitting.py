"""How exactly a fit finds back what was done to a copy of an asset, and how long it takes.

python -m benchmarks.fitting STORE [--assets 300] [--seed 0]

Copies are turned at random about up, scaled, moved, and cut to half their triangles. Assets that
fit themselves in another yaw, too, are asked only how well they overlap, compared with the best of
all yaws.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.reporting import print_table
from shapesim.errors import AssetError
from shapesim.fitting.surfaces import Surface
from shapesim.fitting.transforms import fit, overlap
from shapesim.meshes import find_assets, load_mesh
from shapesim.types import Matrix4, Mesh

_ALIKE = 0.9  # IoU from which a turned asset counts as equal to itself


def turned(yaw: float, scale: float, shift: NDArray[np.float64]) -> Matrix4:
    """(4, 4) of a turn about up, a scale and a shift."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    matrix = np.eye(4)
    matrix[:3, :3] = scale * np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    matrix[:3, 3] = shift
    return matrix


def decimated(mesh: Mesh, share: float) -> Mesh:
    """A mesh with that share of its triangles, as quadric error metrics choose them."""
    import trimesh

    simple = trimesh.Trimesh(mesh.vertices, mesh.faces).simplify_quadric_decimation(1 - share)
    return replace(
        mesh.without_colours(),
        vertices=np.asarray(simple.vertices, np.float64),
        faces=np.asarray(simple.faces, np.int64),
        face_materials=np.zeros(len(simple.faces), np.int64),
        normals=None,
    )


def moved(mesh: Mesh, matrix: Matrix4) -> Mesh:
    """A mesh in another place."""
    vertices = mesh.vertices @ matrix[:3, :3].T + matrix[:3, 3]
    return replace(mesh, vertices=vertices, normals=None)


def best_other_yaw(mesh: Mesh, yaws: NDArray[np.float64]) -> float:
    """The highest overlap of an asset with itself turned about its middle axis."""
    surface = Surface(mesh)
    overlaps = []
    for yaw in yaws:
        turn = turned(float(yaw), 1.0, np.zeros(3))
        turn[:3, 3] = surface.axis - turn[:3, :3] @ surface.axis
        overlaps.append(overlap(mesh, mesh, turn))
    return max(overlaps)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("--assets", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    files = find_assets(options.store).files
    lone: list[tuple[float, float, float]] = []
    equal: list[float] = []
    seconds: list[float] = []
    worst: list[tuple[float, str]] = []
    for row in rng.permutation(len(files)).tolist():
        if len(lone) == options.assets:
            break
        try:
            mesh = load_mesh(files[row])
        except AssetError:
            continue
        if len(mesh.faces) < 24:
            continue
        surface = Surface(mesh)
        matrix = turned(
            rng.uniform(0, 2 * np.pi), np.exp(rng.uniform(-1, 1)), rng.normal(size=3) * surface.size
        )
        copy = moved(decimated(mesh, 0.5), matrix)
        began = time.perf_counter()
        found = fit(Surface(copy), Surface(mesh))
        seconds.append(time.perf_counter() - began)
        if best_other_yaw(mesh, np.radians(np.arange(10, 351, 10))) > _ALIKE:
            equal.append(found.iou / max(overlap(copy, mesh, matrix), 1e-9))
            if equal[-1] < 0.95:
                worst.append((equal[-1], f"{files[row]} (symmetric)"))
            continue
        relative = np.linalg.inv(matrix) @ found.transform
        yaw = abs(float(np.degrees(np.arctan2(relative[0, 2], relative[0, 0]))))
        scale = abs(float(np.cbrt(np.linalg.det(relative[:3, :3]))) - 1)
        middle = np.append(surface.axis, 1.0)
        offset = float(np.linalg.norm((relative @ middle - middle)[:3])) / surface.size
        lone.append((yaw, scale, offset))
        if yaw > 2 or scale > 0.01 or offset > 0.01:
            text = f"{files[row]} yaw {yaw:.1f}° scale {scale:.3f} offset {offset:.3f}"
            worst.append((yaw, text))
    figures = np.array(lone)
    right = (figures <= [2, 0.01, 0.01]).all(axis=1)
    milliseconds = np.array(seconds) * 1e3
    for _, text in worst:
        print(text)
    shares = [right, *(figures <= [2, 0.01, 0.01]).T]
    print_table(
        f"Fit of turned, scaled, moved and halved copies, {options.store}",
        ["", "share"],
        [
            [f"all right, of {len(lone)} without symmetry", f"{shares[0].mean():.3f}"],
            ["yaw within 2°", f"{shares[1].mean():.3f}"],
            ["scale within 1 %", f"{shares[2].mean():.3f}"],
            ["offset within 1 % of the size", f"{shares[3].mean():.3f}"],
            [
                f"IoU at least 0.95 of the best, of {len(equal)} symmetric ones",
                f"{(np.array(equal) >= 0.95).mean():.3f}",
            ],
            ["median ms for a fit", f"{np.median(milliseconds):.0f}"],
            ["95th percentile", f"{np.percentile(milliseconds, 95):.0f}"],
        ],
    )


if __name__ == "__main__":
    main()
