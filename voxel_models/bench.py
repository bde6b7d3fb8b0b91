"""Benchmarks of the networks.

python -m voxel_models.bench modelnet10 --data modelnet10.npz
python -m voxel_models.bench modelnet10 --data modelnet10.npz --one-view
python -m voxel_models.bench throughput
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from voxel_models.data import seen_from_one_side
from voxel_models.inference import fold_norms, half_precision
from voxel_models.modelnet import Split, as_grid_data, read_modelnet10
from voxel_models.registry import WeightsError, create_model, pick_device
from voxel_models.train import Recipe, save_trained, train

_GRIDS = 16  # at a time
_WEIGHTS = "resnet3d.modelnet10"
# Its own proportions tell a dresser from a night stand. Knowing game assets first saves half of the
# way, and so does knowing whole shapes before parts of them.
_RECIPES = {
    False: Recipe(steps=1000, rate=1e-3, stretch=0.0),
    True: Recipe(steps=600, rate=1e-3, stretch=0.0, one_view=1.0),
}
_START_FROM = {False: "resnet3d.no-kenney", True: "resnet3d.modelnet10"}


def embed(model: nn.Module, grids: NDArray[np.bool_]) -> torch.Tensor:
    """(N, R, R, R) bool to (N, D) unit rows: the mean over quarter turns and mirror images."""
    turns = [np.rot90(grids, turn, axes=(1, 3)) for turn in range(4)]
    device = next(model.parameters()).device
    rows = []
    with torch.inference_mode(), half_precision(device):
        for start in range(0, len(grids), _GRIDS):
            part = [turn[start : start + _GRIDS] for turn in turns]
            views = np.concatenate([*part, *(view[:, ::-1] for view in part)])
            vectors = model(torch.from_numpy(views).to(device).float()).float()
            rows.append(vectors.view(8, -1, vectors.shape[1]).mean(dim=0).cpu())
    return F.normalize(torch.cat(rows), dim=1)


def mean_average_precision(vectors: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Of every row as a query among all others."""
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -np.inf)
    order = np.argsort(-similarity, axis=1)[:, :-1]
    right = labels[order] == labels[:, None]
    ranks = np.arange(1, right.shape[1] + 1)
    precision = np.cumsum(right, axis=1) / ranks
    return float(((precision * right).sum(axis=1) / right.sum(axis=1)).mean())


def modelnet10(model: nn.Module, split: Split, one_view: bool) -> dict[str, float]:
    """Accuracy and mAP (test against test, self excluded), with and without leaked grids.

    Args:
        model: with a centre for each class.
        split: the data.
        one_view: whether each grid is only what one of the four sides shows of it.
    """
    grids = split.test
    if one_view:
        sides = np.random.default_rng(0).integers(4, size=len(grids))
        grids = np.stack(
            [seen_from_one_side(grid, int(side)) for grid, side in zip(grids, sides, strict=True)]
        )
    vectors = embed(model, grids)
    centres: torch.Tensor = model.centres  # type: ignore[assignment]
    found = (vectors @ F.normalize(centres.detach().cpu(), dim=1).T).argmax(dim=1).numpy()
    figures = {}
    for name, chosen in (("", np.ones(len(grids), bool)), ("_without_leaked", ~split.leaked)):
        labels = split.test_labels[chosen]
        figures[f"accuracy{name}"] = float((found[chosen] == labels).mean())
        figures[f"map{name}"] = mean_average_precision(vectors[chosen].numpy(), labels)
    return figures


def throughput(model: nn.Module, resolution: int, seconds: float = 5.0) -> float:
    """Grids embedded a second."""
    device = next(model.parameters()).device
    grids = (torch.rand(_GRIDS, *(resolution,) * 3, device=device) > 0.8).float()
    with torch.inference_mode(), half_precision(device):
        model(grids)
        began, done = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            model(grids)
            done += len(grids)
        return done / (time.perf_counter() - began)


def _train_modelnet10(split: Split, one_view: bool, out: Path) -> None:
    data, recipe, before = as_grid_data(split), _RECIPES[one_view], _START_FROM[one_view]
    model = train(data, recipe, out.with_suffix(".checkpoint"), before)
    licence = "ModelNet10: academic use, benchmark only"
    about = {"data": ["modelnet10"], "excluded": [], "start_from": before, "licence": licence}
    save_trained(model, out, data, recipe, **about)


def _load(name: str) -> nn.Module:
    return fold_norms(create_model(name, pretrained=True).to(pick_device()))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m voxel_models.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="benchmark", required=True)
    for name in ("modelnet10", "throughput"):
        command = commands.add_parser(name)
        command.add_argument("--weights", help="name or path; default: those that ship for it")
        command.add_argument("--json", action="store_true")
    command = commands.choices["modelnet10"]
    command.add_argument("--data", type=Path, required=True)
    command.add_argument("--one-view", action="store_true", help="as a depth camera sees them")
    command.add_argument("--train", type=Path, metavar="FILE", help="train anew, write and use it")
    options = parser.parse_args()
    try:
        if options.benchmark == "throughput":
            name = options.weights or "resnet3d.game"
            model = _load(name)
            figures = {"grids_per_second": throughput(model, int(model.resolution))}  # type: ignore
        else:
            split = read_modelnet10(options.data)
            name = options.weights or _WEIGHTS
            if options.train:
                _train_modelnet10(split, options.one_view, options.train)
                name = str(options.train)
            model = _load(name)
            figures = modelnet10(model, split, options.one_view)
    except (ValueError, WeightsError) as error:
        parser.exit(1, f"{error}\n")
    figures["parameters"] = sum(p.numel() for p in model.parameters())
    if options.json:
        print(json.dumps({"weights": name} | figures))
    else:
        print(name)
        for key, value in figures.items():
            print(f"  {key.replace('_', ' '):28}{value:12.4g}")


if __name__ == "__main__":
    main()
