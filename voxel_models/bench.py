"""Benchmarks of the networks.

python -m voxel_models.bench modelnet10 --data modelnet10.npz
python -m voxel_models.bench modelnet10 --data modelnet10.npz --one-view
python -m voxel_models.bench completion --data modelnet10.npz
python -m voxel_models.bench throughput
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from voxel_models.data import Variation, seen_from_one_side, surface_from_one_side
from voxel_models.inference import fold_norms, half_precision, predict_wholes
from voxel_models.losses import parts
from voxel_models.modelnet import CLASSES, YAWS, Split, as_grid_data, poses, read_modelnet10
from voxel_models.registry import WeightsError, create_model, pick_device
from voxel_models.train import Recipe, check_out, save_trained, train

TEMPERATURE = 0.06  # of the softmax over classes and yaws
_GRIDS = 16  # at a time
_WEIGHTS = {False: "posed3d.modelnet10", True: "posed3d.modelnet10-view"}
# All shapes of a class stand alike, and proportions tell a dresser from a night stand. To know them
# whole first saves part of the way to knowing them from one view.
_POSED = Variation(
    turned=False, mirrored=0.0, scaled=0.85, cut=0.2, thickened=0.05, scale=(0.85, 1.12),
    stretch=(0.9, 1.1), shift=2.0,
)  # fmt: skip
_WHOLE = Recipe(
    "posed3d",
    steps=1800,
    batch=48,
    strengths=(1.0, 1.0),
    by_class=1.0,
    temperature=TEMPERATURE,
    view=0.0,
    turn=0.0,
    variation=_POSED,
)
_RECIPES = {False: _WHOLE, True: replace(_WHOLE, steps=700, rate=1e-3, one_view=1.0)}
_START_FROM = {False: "", True: _WEIGHTS[False]}


def embed(model: nn.Module, grids: NDArray[np.bool_]) -> torch.Tensor:
    """(N, R, R, R) bool to (8, N, D) unit rows: of its quarter turns and its mirror image's."""
    views = poses(grids)
    device = next(model.parameters()).device
    rows = []
    with torch.inference_mode(), half_precision(device):
        for start in range(0, len(grids), _GRIDS):
            part = np.concatenate([view[start : start + _GRIDS] for view in views])
            vectors = model(torch.from_numpy(part).to(device).float()).float()
            rows.append(vectors.view(len(views), -1, vectors.shape[1]).cpu())
    return torch.cat(rows, dim=1)


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

    Shapes are compared by the probabilities of their classes, which is what the network was trained
    to tell: 0.02 better in mAP than by its embeddings.

    Args:
        model: with a centre for each class and yaw.
        split: the data.
        one_view: whether each grid is only what one of the four sides shows of it.

    Raises:
        WeightsError: the network knows other classes.
    """
    if len(getattr(model, "centres", ())) != len(CLASSES) * YAWS:
        raise WeightsError("the network was not trained on ModelNet10; train one by --train")
    grids = split.test
    if one_view:
        sides = np.random.default_rng(0).integers(4, size=len(grids))
        grids = np.stack(
            [seen_from_one_side(grid, int(side)) for grid, side in zip(grids, sides, strict=True)]
        )
    centres = F.normalize(model.centres.detach().cpu(), dim=1)  # type: ignore[operator]
    vectors = parts(embed(model, grids), centres.shape[1])[1]
    centres = centres.view(len(CLASSES), YAWS, -1)[:, torch.arange(len(vectors)) % YAWS]
    votes = torch.einsum("vnd,cvd->nc", vectors, centres)
    found = votes.argmax(dim=1).numpy()
    shares = (votes / len(vectors) / TEMPERATURE).softmax(dim=1)
    rows = F.normalize(shares, dim=1).numpy()
    figures = {}
    for name, chosen in (("", np.ones(len(grids), bool)), ("_without_leaked", ~split.leaked)):
        labels = split.test_labels[chosen]
        figures[f"accuracy{name}"] = float((found[chosen] == labels).mean())
        figures[f"map{name}"] = mean_average_precision(rows[chosen], labels)
    return figures


def completion(model: nn.Module, split: Split) -> dict[str, float]:
    """Mean IoU of test shapes with what is made of one view of each.

    Beside the network: the view itself, the view with its mirror image (of the two upright planes
    through the middle, the one that fits the whole better, which no one could know), and all that
    the camera did not see to be empty.

    Raises:
        WeightsError: the network completes nothing.
    """
    if hasattr(model, "centres"):  # of what tells classes
        raise WeightsError("the network completes nothing; name weights of a completer3d")
    wholes = split.test[split.test.any(axis=(1, 2, 3))]
    sides = np.random.default_rng(0).integers(4, size=len(wholes)).tolist()
    seen = zip(wholes, sides, strict=True)
    parts = np.stack([surface_from_one_side(grid, side) for grid, side in seen])
    seen = zip(wholes, sides, strict=True)
    possible = np.stack([seen_from_one_side(grid, side) for grid, side in seen])
    mirrored = [_overlaps(parts | np.flip(parts, axis), wholes) for axis in (1, 3)]
    return {
        "view": float(_overlaps(parts, wholes).mean()),
        "view_and_mirror_image": float(np.maximum(*mirrored).mean()),
        "not_seen_empty": float(_overlaps(possible, wholes).mean()),
        "completed": float(_overlaps(predict_wholes(model, parts) > 0.5, wholes).mean()),
    }


def _overlaps(grids: NDArray[np.bool_], others: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(N,) intersection over union."""
    both = (grids & others).sum(axis=(1, 2, 3))
    overlaps: NDArray[np.float64] = both / (grids | others).sum(axis=(1, 2, 3))
    return overlaps


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


def train_modelnet10(
    split: Split, out: Path, one_view: bool = False, architecture: str = "posed3d"
) -> None:
    """Trains a network by our recipe, or goes on where that stopped, and writes its weights."""
    recipe = replace(_RECIPES[one_view], architecture=architecture)
    data, before = as_grid_data(split), _START_FROM[one_view]
    model = train(data, recipe, out.with_suffix(".checkpoint"), before)
    licence = "ModelNet10: academic use, benchmark only"
    about = {"data": ["modelnet10"], "excluded": [], "start_from": before, "licence": licence}
    save_trained(model, out, data, recipe, **about)


def load_for_speed(name: str) -> nn.Module:
    """Pretrained weights, by name or path, with their batch norms folded in."""
    return fold_norms(create_model(name, pretrained=True).to(pick_device()))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m voxel_models.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="benchmark", required=True)
    for name in ("modelnet10", "completion", "throughput"):
        command = commands.add_parser(name)
        command.add_argument("--weights", help="name or path; default: those that ship for it")
        command.add_argument("--json", action="store_true")
    for name in ("modelnet10", "completion"):
        commands.choices[name].add_argument("--data", type=Path, required=True)
    command = commands.choices["modelnet10"]
    command.add_argument("--one-view", action="store_true", help="as a depth camera sees them")
    command.add_argument("--train", type=Path, metavar="FILE", help="train anew, write and use it")
    command.add_argument("--architecture", default="posed3d", help="of what is trained")
    options = parser.parse_args()
    if options.benchmark == "modelnet10" and options.train:
        check_out(parser, options.train)
    try:
        if options.benchmark == "throughput":
            name = options.weights or "resnet3d.game"
            model = load_for_speed(name)
            figures = {"grids_per_second": throughput(model, int(model.resolution))}  # type: ignore
        elif options.benchmark == "completion":
            name = options.weights or "completer3d.game"
            model = load_for_speed(name)
            figures = completion(model, read_modelnet10(options.data))
        else:
            split = read_modelnet10(options.data)
            name = options.weights or _WEIGHTS[options.one_view]
            if options.train:
                train_modelnet10(split, options.train, options.one_view, options.architecture)
                name = str(options.train)
            model = load_for_speed(name)
            figures = modelnet10(model, split, options.one_view)
    except (ValueError, WeightsError, FloatingPointError, OSError) as error:
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
