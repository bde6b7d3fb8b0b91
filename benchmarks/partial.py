"""Finds the whole asset by a part of it: by a scan from one side, and by a half.

    python -m benchmarks.partial STORE [--asked 150]

Every geometry of the store counts once. A scan keeps what a camera sees, from one side and somewhat
above; a half what is on one side of an upright plane through the middle. Both are triangle soups.
What ``--partial`` does is shown twice: as it is, and by the completed shape's embedding alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from embreex import rtcore_scene
from embreex.mesh_construction import TriangleMesh
from numpy.typing import NDArray

from benchmarks.reporting import print_table
from shapesim.completing import Completer
from shapesim.embedders import PartialShapeEmbedder, ShapeEmbedder
from shapesim.embedders.base import normalised
from shapesim.errors import AssetError
from shapesim.fitting.surfaces import Surface
from shapesim.fitting.transforms import fit
from shapesim.geometry import same_geometry, signature
from shapesim.meshes import find_assets, load_mesh
from shapesim.swap import COVER_WEIGHT, PARTIAL_SHORTLIST
from shapesim.types import Embeddings, Material, Mesh
from shapesim.workers import map_isolated

_RAYS = 160  # along each side of what a scan sees
_HEIGHT = 25.0  # degrees from which it is made
_LEAST = 30  # triangles of a part, below which there is nothing to find


def describe(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The packed grid and the signature of one asset; runs in a worker."""
    mesh = load_mesh(path)
    return ShapeEmbedder().prepare(mesh), signature(mesh)


def scan(mesh: Mesh, yaw: float) -> Mesh:
    """The triangles between neighbouring points that a depth camera sees from one side."""
    triangles = np.asarray(mesh.triangles, np.float64)
    middle = (triangles.min(axis=(0, 1)) + triangles.max(axis=(0, 1))) / 2
    reach = float(np.linalg.norm(triangles.reshape(-1, 3) - middle, axis=1).max())
    height = np.radians(_HEIGHT)
    towards = np.array([np.sin(yaw) * np.cos(height), np.sin(height), np.cos(yaw) * np.cos(height)])
    right = np.array([np.cos(yaw), 0, -np.sin(yaw)])
    up = np.cross(towards, right)
    steps = np.linspace(-reach, reach, _RAYS)
    across, along = np.meshgrid(steps, steps)
    starts = (
        middle + 2 * reach * towards + across[..., None] * right + along[..., None] * up
    ).reshape(-1, 3)
    scene = rtcore_scene.EmbreeScene()
    TriangleMesh(scene, triangles.astype(np.float32))
    directions = np.tile(-towards, (len(starts), 1)).astype(np.float32)
    hit = scene.run(starts.astype(np.float32), directions, output=True)
    seen = (hit["primID"] >= 0).reshape(_RAYS, _RAYS)
    depth = hit["tfar"].reshape(_RAYS, _RAYS).astype(np.float64)
    points = starts - np.where(seen, depth, 0).reshape(-1, 1) * towards
    number = np.arange(_RAYS**2).reshape(_RAYS, _RAYS)
    corners = np.stack(
        [number[:-1, :-1], number[:-1, 1:], number[1:, 1:], number[1:, :-1]], axis=-1
    ).reshape(-1, 4)
    # Neighbours far apart in depth are not of one surface.
    depths = np.where(seen, depth, np.inf).ravel()[corners]
    step = steps[1] - steps[0]
    with np.errstate(invalid="ignore"):
        whole = np.isfinite(depths).all(axis=1) & (np.ptp(depths, axis=1) < 6 * step)
    quads = corners[whole]
    return _as_mesh(points, np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]))


def half(mesh: Mesh, yaw: float) -> Mesh:
    """The triangles whose middles are on one side of an upright plane."""
    triangles = np.asarray(mesh.triangles, np.float64)
    middle = (triangles.min(axis=(0, 1)) + triangles.max(axis=(0, 1))) / 2
    side = (triangles.mean(axis=1) - middle) @ np.array([np.sin(yaw), 0, np.cos(yaw)])
    kept = triangles[side > 0]
    return _as_mesh(kept.reshape(-1, 3), np.arange(3 * len(kept)).reshape(-1, 3))


def _as_mesh(points: NDArray[np.float64], faces: NDArray[np.int64]) -> Mesh:
    used, rows = np.unique(faces, return_inverse=True)
    return Mesh(
        points[used], rows.reshape(-1, 3).astype(np.int64), (Material(),),
        np.zeros(len(faces), np.int64),
    )  # fmt: skip


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("store", type=Path)
    parser.add_argument("--asked", type=int, default=150, help="assets")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table there, too")
    options = parser.parse_args()
    files: list[Path] = []
    grids: list[NDArray[np.uint8]] = []
    signatures: list[NDArray[np.float32]] = []
    for path, result in map_isolated(describe, find_assets(options.store).files, lambda p: p):
        if isinstance(result, AssetError):
            print(f"left out: {result}")
        elif not signatures or not same_geometry(np.stack(signatures), result[1]).any():
            files.append(path)
            grids.append(result[0])
            signatures.append(result[1])
    shape = ShapeEmbedder()
    stored = shape.embed_prepared(grids)
    filled = _unit(np.unpackbits(np.stack(grids), axis=1))
    rng = np.random.default_rng(0)
    asked = rng.permutation(len(files))[: options.asked]
    rows = []
    for kind, cut in (("scan from one side", scan), ("half", half)):
        parts, wanted = [], []
        for row in asked.tolist():
            part = cut(load_mesh(files[row]), float(rng.uniform(0, 2 * np.pi)))
            if len(part.faces) >= _LEAST and np.ptp(part.vertices, axis=0).max() > 0:
                parts.append(part)
                wanted.append(row)
        embedder = PartialShapeEmbedder()
        completed = stored @ embedder.embed(parts).T
        answers = [
            ("--partial", _laid_over(parts, files, completed, embedder.completer)),
            ("--partial --no-fit", completed),
            ("--by shape", stored @ shape.embed(parts).T),
        ]
        answers.append(("filled voxels, cosine", _by_voxels(filled, parts)))
        for name, scores in answers:
            own = scores[wanted, np.arange(len(wanted))]
            ranks = (scores > own).sum(axis=0)
            found = [f"{(ranks < k).mean():.3f}" for k in (1, 10)]
            rows.append([kind, str(len(wanted)), name, *found])
    print_table(
        f"parts of assets, among {len(files)} geometries",
        ["part", "asked", "by", "recall@1", "recall@10"],
        rows,
        options.json,
    )


def _laid_over(
    parts: list[Mesh], files: list[Path], scores: NDArray[np.float32], completer: Completer
) -> NDArray[np.float32]:
    """(N, Q) scores, those of the best of each part risen by how much of it lies on the asset."""
    risen = scores.copy()
    for column, part in enumerate(parts):
        query, whole = Surface(part), Surface(completer.complete_mesh(part))
        for row in np.argsort(-scores[:, column], kind="stable")[:PARTIAL_SHORTLIST].tolist():
            found = fit(query, Surface(load_mesh(files[row])), whole=whole)
            # What is not among the best comes after them, however little these cover.
            risen[row, column] += 2 + COVER_WEIGHT * (found.covered or 0)
    return risen


def _by_voxels(filled: Embeddings, parts: list[Mesh]) -> NDArray[np.float32]:
    """(N, Q) cosine of occupancy grids, the best of the four quarter turns."""
    shape = ShapeEmbedder()
    packed = np.unpackbits(np.stack([shape.prepare(part) for part in parts]), axis=1)
    size = round(packed.shape[1] ** (1 / 3))
    grids = packed.reshape(-1, size, size, size)
    turns = [np.rot90(grids, turn, (1, 3)).reshape(len(grids), -1) for turn in range(4)]
    best: NDArray[np.float32] = np.max([filled @ _unit(turn).T for turn in turns], axis=0)
    return best


def _unit(rows: NDArray[np.uint8]) -> Embeddings:
    real = rows.astype(np.float32)
    return normalised(real)


if __name__ == "__main__":
    main()
