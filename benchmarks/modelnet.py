"""ModelNet10 beside what else one could use, on the same grids.

    python -m benchmarks.modelnet MODELNET10.npz --trained FOLDER

VoxNet and the layers of 3D ShapeNets are trained by the recipe of our own network, once, into the
folder. What is not trained is given the class of its nearest training shape. mAP is test against
test, itself excluded.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from benchmarks.cross_artist import d2_histogram
from benchmarks.reporting import print_table
from shapesim.embedders import LookEmbedder, lite0
from shapesim.embedders.base import normalised
from shapesim.errors import AssetError
from shapesim.rendering.views import on_background, render, ring
from shapesim.types import Embeddings, Material, Mesh
from shapesim.workers import map_isolated
from voxel_models.bench import (
    load_for_speed,
    mean_average_precision,
    modelnet10,
    throughput,
    train_modelnet10,
)
from voxel_models.modelnet import Split, read_modelnet10

_COMPONENTS = 128
_VIEWS = ring(4, 25)
_TRAINED = (("VoxNet", "voxnet"), ("3D ShapeNets, feed-forward", "shapenets3d"))


def as_mesh(grid: NDArray[np.bool_]) -> Mesh:
    """The sides of a grid's filled cells."""
    voxels: Any = trimesh.voxel
    boxes = voxels.VoxelGrid(grid).as_boxes()
    return Mesh(
        np.asarray(boxes.vertices, np.float64), np.asarray(boxes.faces, np.int64), (Material(),),
        np.zeros(len(boxes.faces), np.int64),
    )  # fmt: skip


def describe(task: tuple[int, NDArray[np.bool_]]) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """D2 histogram and views of a grid; runs in a worker."""
    mesh = as_mesh(task[1])
    return d2_histogram(mesh), on_background(render(mesh, list(_VIEWS), lite0.SIZE))


def untrained(split: Split) -> dict[str, tuple[Embeddings, Embeddings]]:
    """By method, unit rows of the training and of the test grids."""
    sides = split.train, split.test
    flat = [grids.reshape(len(grids), -1).astype(np.float32) for grids in sides]
    mean = flat[0].mean(axis=0)
    from sklearn.decomposition import PCA

    pca = PCA(_COMPONENTS, svd_solver="randomized", random_state=0).fit(flat[0] - mean)
    d2, views = zip(*(_described(grids) for grids in sides), strict=True)
    return {
        "D2 shape distribution": (normalised(np.sqrt(d2[0])), normalised(np.sqrt(d2[1]))),
        "filled voxels, cosine": (normalised(flat[0]), normalised(flat[1])),
        f"PCA of voxels, {_COMPONENTS}": tuple(
            normalised(pca.transform(rows - mean).astype(np.float32)) for rows in flat
        ),
        f"{len(_VIEWS)} views, ImageNet features": (views[0], views[1]),
    }


def _described(grids: NDArray[np.bool_]) -> tuple[NDArray[np.float32], Embeddings]:
    look = LookEmbedder()
    d2 = np.zeros((len(grids), 64), np.float32)
    views = np.zeros((len(grids), lite0.LAST.stop - lite0.LAST.start), np.float32)
    tasks = [(row, grid) for row, grid in enumerate(grids) if grid.any()]
    for (row, _), result in map_isolated(describe, tasks, lambda task: Path(str(task[0]))):
        if not isinstance(result, AssetError):
            d2[row] = result[0]
            views[row] = look.features(result[1])[:, lite0.LAST].mean(axis=0)
    return d2, normalised(views)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument(
        "--trained",
        type=Path,
        default=Path("trained"),
        help="folder of the peers' weights; they are trained where there are none",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table there, too")
    options = parser.parse_args()
    split = read_modelnet10(options.data)
    rows = []
    for name, (known, asked) in untrained(split).items():
        guessed = split.train_labels[(asked @ known.T).argmax(axis=1)]
        figures = (
            (guessed == split.test_labels).mean(),
            mean_average_precision(asked, split.test_labels),
        )
        rows.append([name, *(f"{figure:.3f}" for figure in figures), "", ""])
    networks = [(f"{name}, by our recipe", kind, options.trained / f"{kind}.modelnet10.safetensors")
                for name, kind in _TRAINED]  # fmt: skip
    options.trained.mkdir(parents=True, exist_ok=True)
    for _, kind, path in networks:
        if not path.is_file():
            began = time.perf_counter()
            train_modelnet10(split, path, architecture=kind)
            print(f"{kind}: trained in {(time.perf_counter() - began) / 60:.0f} min", flush=True)
    weights = [*((name, str(path)) for name, _, path in networks), ("ours", "posed3d.modelnet10")]
    for name, given in weights:
        model = load_for_speed(given)
        found = modelnet10(model, split, one_view=False)
        speed = throughput(model, int(model.resolution))  # type: ignore[arg-type]
        size = sum(parameter.numel() for parameter in model.parameters())
        rows.append(
            [name, f"{found['accuracy']:.3f}", f"{found['map']:.3f}", f"{size / 1e6:.2f} M",
             f"{speed:.0f}"]
        )  # fmt: skip
    print_table(
        f"ModelNet10: {len(split.train)} training, {len(split.test)} test shapes",
        ["method", "accuracy", "mAP", "parameters", "grids/s"],
        rows,
        options.json,
    )


if __name__ == "__main__":
    main()
