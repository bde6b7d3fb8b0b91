"""Trains by what the look embedder tells kinds of things apart that have names.

    python -m training.look_kinds DATA --furniture DIR --start-from lite0.no-store --out FILE

DATA and DIR are those of ``training.assembling``, whose labels are learnt. The file that is written
holds all that the given weights hold, and a network of two layers by which views of one kind lie
together, by the terms of class and view of ``voxel_models.losses``. Takes half an hour on two
cores, most of it for rendering.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapesim.embedders import lite0
from shapesim.embedders.base import (
    check_weights_file,
    read_weights,
    weights_file,
    write_weights,
)
from shapesim.embedders.look import KIND_VIEWS, views_of
from shapesim.errors import AssetError, ShapesimError
from shapesim.geometry import first_of_geometry, signature
from shapesim.meshes import find_assets, load_mesh
from shapesim.types import UpAxis
from shapesim.workers import map_isolated
from training.assembling import Source, sources
from voxel_models.data import UNLABELLED, sampling_weights
from voxel_models.losses import losses

_HIDDEN = 384
_DIM = 256
_STEPS = 600
_BATCH = 160  # assets, each seen twice
_SEEN = 3  # views of an asset each time
# As of the voxel network, higher: what is learnt here is two layers, which soon are sure.
_CLASS_TEMPERATURE = 0.2
_CLASS_WEIGHT = 3.0
_VIEW_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class _Task:
    path: Path
    source: str
    label: str
    up: UpAxis | None


@dataclass(frozen=True, slots=True)
class Seen:
    """What is learnt from.

    Attributes:
        features: (N, V, F) float16 of the views of N assets by which kinds are told.
        labels: N, empty where unknown.
        sources: N, where each asset is from.
    """

    features: NDArray[np.float16]
    labels: Sequence[str]
    sources: Sequence[str]


def _look(task: _Task) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Runs in a worker."""
    mesh = load_mesh(task.path, task.up)
    return views_of(mesh)[KIND_VIEWS], signature(mesh)


def look_at(
    every: Sequence[Source], weights: Mapping[str, NDArray[Any]], exclude: tuple[str, ...]
) -> Seen:
    """Renders all sources; of equal geometries the first counts, one with a label if there is.

    Args:
        every: sources.
        weights: of the look embedder; its foreground and ranges are used.
        exclude: files are left out whose path under the root starts with one of these.
    """
    ranges = json.loads(bytes(weights["ranges"]))
    session = lite0.session(lite0.build({**lite0.imagenet_weights(), **weights}, ranges))
    tasks = [
        _Task(path, f"{source.name}/{name.partition('/')[0]}", source.labels.get(name, ""),
              source.up)
        for source in every
        for root in source.roots
        for path in find_assets(root).files
        if not (name := path.relative_to(root).as_posix()).startswith(source.exclude + exclude)
    ]  # fmt: skip
    features = np.zeros((len(tasks), len(KIND_VIEWS), lite0.DIM), np.float16)
    shapes = np.zeros((len(tasks), 13), np.float32)
    rows = {task.path: row for row, task in enumerate(tasks)}
    for done, (task, result) in enumerate(map_isolated(_look, tasks, lambda task: task.path), 1):
        if isinstance(result, AssetError):
            print(f"left out: {result}", flush=True)
            continue
        views, shapes[rows[task.path]] = result
        features[rows[task.path]] = session.run(["features"], {"pictures": views})[0]
        if done % 100 == 0:
            print(f"rendered {done} of {len(tasks)} ({task.path.name})", flush=True)
    order = sorted(range(len(tasks)), key=lambda row: (not tasks[row].label, tasks[row].path))
    order = [row for row in order if features[row].any()]
    if not order:
        raise ShapesimError(f"none of {len(tasks)} meshes could be seen; look at what is left out")
    firsts = np.unique(first_of_geometry(np.stack([shapes[row] for row in order])))
    kept = [order[row] for row in firsts]
    return Seen(
        features[kept], [tasks[row].label for row in kept], [tasks[row].source for row in kept]
    )


def learn_kinds(
    seen: Seen, mean: NDArray[np.float32], deviation: NDArray[np.float32], seed: int
) -> dict[str, NDArray[np.float32]]:
    """The network by which views of one kind lie together.

    Args:
        seen: views, and what they are of.
        mean: (F,) of features.
        deviation: (F,) of features.
        seed: of everything random.

    Raises:
        ShapesimError: no two assets are of one kind.
    """
    import torch
    from torch import Tensor, nn
    from torch.nn import functional

    from training.minimising import minimise

    names, counts = np.unique([label for label in seen.labels if label], return_counts=True)
    places = {str(name): place for place, name in enumerate(names[counts > 1])}
    if not places:
        raise ShapesimError("no kind has two assets to learn from; name more in the labels")
    classes = np.array([places.get(label, UNLABELLED) for label in seen.labels])
    sources = np.unique(seen.sources, return_inverse=True)[1]
    chances = sampling_weights(classes, sources)
    print(
        f"{len(classes)} assets, {(classes != UNLABELLED).sum()} of {len(places)} kinds", flush=True
    )

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    first, second = nn.Linear(lite0.DIM, _HIDDEN), nn.Linear(_HIDDEN, _DIM)
    net = nn.Sequential(nn.Dropout(0.5), first, nn.ReLU(), nn.Dropout(0.1), second)
    centres = nn.Parameter(torch.randn(len(places), _DIM))
    decayed: list[dict[str, Any]] = [
        {"params": net.parameters(), "weight_decay": 0.05}, {"params": [centres]}
    ]  # fmt: skip

    def unit(vectors: Tensor) -> Tensor:
        return functional.normalize(vectors, dim=-1)

    def embedded(features: NDArray[np.float16]) -> Tensor:
        scaled = (features - mean) / deviation
        return unit(unit(net(torch.from_numpy(scaled))).mean(dim=1))

    labels = torch.from_numpy(classes)
    size = min(_BATCH, int((chances > 0).sum()))

    def loss_of(_: int) -> Tensor:
        rows = rng.choice(len(chances), size, replace=False, p=chances)
        views = rng.permutation(seen.features.shape[1])
        one, other = (
            embedded(seen.features[rows][:, views[start : start + _SEEN]]) for start in (0, _SEEN)
        )
        vectors = torch.cat([one, other])
        terms = losses(vectors, labels[rows], centres, None, nn.Identity(), _CLASS_TEMPERATURE)
        by_class, by_view = terms[:2]
        loss: Tensor = _CLASS_WEIGHT * by_class + _VIEW_WEIGHT * by_view
        return loss

    minimise("kinds", loss_of, decayed, _STEPS, 1.5e-3)
    return {
        f"named.{number}.{part}": value.detach().numpy()
        for number, layer in enumerate((first, second))
        for part, value in layer.named_parameters()
    }


def main() -> None:
    """The command line."""
    from safetensors.numpy import load_file

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--furniture", type=Path, required=True)
    parser.add_argument("--start-from", default="lite0.game", help="look weights, name or path")
    parser.add_argument("--exclude", nargs="*", default=[], help="path prefixes to leave out")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors file to write")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    file = weights_file(given.start_from)
    try:
        check_weights_file(given.out)
        weights = read_weights(file, {"ranges", "mean", "deviation", "foreground.0.weight"}, "look")
        with tempfile.TemporaryDirectory() as work:
            every = sources(given.data, given.furniture, Path(work))
            seen = look_at(every, weights, tuple(given.exclude))
        made = learn_kinds(seen, weights["mean"], weights["deviation"], given.seed)
    except (ShapesimError, OSError) as error:
        parser.exit(1, f"{error}\n")
    tensors: dict[str, Any] = load_file(file)
    tensors |= {
        name: value.astype(np.float16 if value.size > 100_000 else np.float32)
        for name, value in made.items()
    }
    write_weights(tensors, given.out)
    print(f"wrote {given.out}")


if __name__ == "__main__":
    main()
