"""Trains a network to embed shapes: ``python -m voxel_models.train --help``.

What it is trained for stands in ``voxel_models.losses``. The weights that come out are a running
mean of those of the last steps, which answer better than the last ones.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from voxel_models.data import (
    UNLABELLED,
    VARIATION,
    GridData,
    Variation,
    draw_view,
    read_grids,
    sampling_weights,
    seen_from_one_side,
)
from voxel_models.inference import half_precision
from voxel_models.loop import optimise
from voxel_models.losses import CLASS_TEMPERATURE, TERMS, kinds_in, losses, parts
from voxel_models.registry import WeightsError, create_model, pick_device

# bfloat16 is 1.7 times as fast. On CPUs its weight gradients hold garbage where a layer's grid is
# smaller than 4³ (torch 2.13), as it is when the input is smaller than 32³.
_HALF_FROM = 32
_NAMED = 12  # classes that are told by name

Batch = tuple[NDArray[np.bool_], NDArray[np.int64]]
"""Grids and the rows of the data that they show."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what a run learns, besides its data.

    Attributes:
        architecture: of the network.
        steps: of a batch each.
        batch: assets in it, each seen twice.
        rate: the highest learning rate.
        seed: of everything random.
        strengths: of what varies the first and the second view of an asset, 0 to 1.
        by_class: weight of the term that tells classes apart.
        temperature: of the softmax over classes.
        view: weight of the term that tells assets apart.
        turn: weight of the term that makes both views embed alike.
        variation: of views.
        one_view: share of views that are what a depth camera sees from one side.
    """

    architecture: str = "resnet3d"
    steps: int = 1500
    batch: int = 80
    rate: float = 2e-3
    seed: int = 0
    strengths: tuple[float, float] = (0.0, 1.0)
    by_class: float = TERMS["class"]
    temperature: float = CLASS_TEMPERATURE
    view: float = TERMS["view"]
    turn: float = TERMS["turn"]
    variation: Variation = VARIATION
    one_view: float = 0.0


def train(data: GridData, recipe: Recipe, checkpoint: Path, start_from: str = "") -> nn.Module:
    """Trains from the checkpoint, if there is one, or from the start.

    Args:
        data: grids.
        recipe: how.
        checkpoint: written every 100 steps; a run that was stopped goes on from it.
        start_from: weights to begin with, by name or path; random ones without.

    Raises:
        FloatingPointError: the loss is no number; the last checkpoint stays.
        OSError: a checkpoint cannot be written; the one before stays.
        WeightsError: the weights to begin with, or the checkpoint, are damaged or do not fit.
    """
    torch.manual_seed(recipe.seed)
    device = pick_device()
    classes = len(data.classes)
    model = create_model(recipe.architecture, resolution=data.resolution, classes=classes)
    if start_from:
        _begin_with(model, start_from)
    model.to(device)
    teacher = None if data.teacher is None else torch.from_numpy(data.teacher)
    dim = int(model.dim)  # type: ignore[arg-type]
    width = parts(torch.zeros(dim), kinds_in(dim, model.centres))[0].shape[0]  # type: ignore
    head = nn.Linear(width, 1 if teacher is None else teacher.shape[1]).to(device)
    sampling = sampling_weights(data.labels, data.sources)
    chosen = {"class": recipe.by_class, "view": recipe.view, "turn": recipe.turn}
    weights = torch.tensor(list((TERMS | chosen).values()), device=device)

    def loss_of(model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        grids, rows = batch
        with half_precision(device, data.resolution >= _HALF_FROM):
            embeddings = model(torch.from_numpy(grids).to(device).float())
        labels = torch.from_numpy(data.labels[rows]).to(device)
        vectors = None if teacher is None else teacher[rows].to(device)
        terms = losses(
            embeddings.float(), labels, model.centres, vectors, head, recipe.temperature  # type: ignore
        )  # fmt: skip
        return (terms * weights).sum(), terms

    return optimise(
        model,
        lambda step: _draw_batch(data, sampling, recipe, step),
        loss_of,
        list(TERMS),
        recipe.steps,
        recipe.rate,
        recipe.seed,
        checkpoint,
        f"{recipe} {data.digest()} {start_from}",
        head,
    )


def _begin_with(model: nn.Module, name: str) -> None:
    """Takes over the network of other weights; the centres belong to their classes."""
    state = create_model(name, pretrained=True).state_dict()
    state["centres"] = model.state_dict()["centres"]
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise WeightsError(f"{name}: cannot be started from ({reason})") from error


def _draw_batch(data: GridData, weights: NDArray[np.float64], recipe: Recipe, step: int) -> Batch:
    """(2 B, R, R, R): two views of B assets, first one of each; and (B,) rows of the data."""
    rng = np.random.default_rng((recipe.seed, step))
    rows = rng.choice(len(weights), recipe.batch, replace=len(weights) < recipe.batch, p=weights)
    views = []
    for strength in recipe.strengths:
        for row in rows:
            view = draw_view(data.packed[row], data.resolution, rng, strength, recipe.variation)
            if rng.random() < recipe.one_view:
                view = seen_from_one_side(view, int(rng.integers(4)), rng.uniform(0.3, 0.7))
            views.append(view)
    return np.stack(views), rows


def save_weights(model: nn.Module, path: Path, info: dict[str, object]) -> None:
    """Writes a ``.safetensors`` file with ``info`` in its header; large tensors as float16."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    state = {
        name: (value.half() if value.ndim > 1 else value).contiguous().cpu()
        for name, value in model.state_dict().items()
    }
    temporary = path.with_suffix(".partial")
    try:
        save_file(state, temporary, {"voxel_models": json.dumps(info)})
    except SafetensorError as error:  # its own of a full disk
        temporary.unlink(missing_ok=True)
        raise OSError(f"{path}: cannot be written ({error})") from error
    temporary.chmod(0o644)  # safetensors writes files that only their owner can read
    os.replace(temporary, path)


def save_trained(
    model: nn.Module, path: Path, data: GridData, recipe: Recipe, /, **about: object
) -> None:
    """Writes weights with what they were trained on and how."""
    info = asdict(recipe) | {
        "resolution": data.resolution,
        "dim": int(model.dim),  # type: ignore[arg-type]
        "assets": len(data.labels),
        "labelled": int((data.labels != UNLABELLED).sum()),
        "classes": list(data.classes),
    }
    save_weights(model, path, info | about)
    path.with_suffix(".checkpoint").unlink(missing_ok=True)


def check_out(parser: argparse.ArgumentParser, out: Path) -> None:
    """Whether weights can be written there, asked before long work instead of after it."""
    if out.suffix != ".safetensors" or not out.parent.is_dir():
        parser.error(f"{out}: name a .safetensors file in a folder that is there")


def main() -> None:
    """The command line."""
    defaults = Recipe()
    parser = argparse.ArgumentParser(
        prog="python -m voxel_models.train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("grids", nargs="+", type=Path, help=".npz files of 'shapesim voxelize'")
    parser.add_argument("--out", type=Path, required=True, help="ARCHITECTURE.DATA.safetensors")
    parser.add_argument(
        "--architecture", default=defaults.architecture, choices=("resnet3d", "posed3d")
    )
    parser.add_argument("--exclude", nargs="*", default=[], help="path prefixes to leave out")
    parser.add_argument("--licence", default="unknown", help="of the data, for the header")
    parser.add_argument("--start-from", default="", help="weights to begin with, name or path")
    parser.add_argument("--steps", type=int, default=defaults.steps)
    parser.add_argument("--batch", type=int, default=defaults.batch)
    parser.add_argument("--rate", type=float, default=defaults.rate)
    parser.add_argument("--seed", type=int, default=defaults.seed)
    parser.add_argument(
        "--strengths", nargs=2, type=float, default=defaults.strengths,
        help="of what varies the two views of an asset; 0 0 to learn about turns alone",
    )  # fmt: skip
    parser.add_argument(
        "--turn", type=float, default=defaults.turn, help="how much agreement of views counts"
    )
    options = parser.parse_args()
    if min(options.steps, options.batch) < 1:
        parser.error("--steps and --batch are at least 1")
    check_out(parser, options.out)
    try:
        data = read_grids(options.grids, options.exclude)
    except (OSError, ValueError, KeyError) as error:
        parser.exit(1, f"{error}; make grids by 'shapesim voxelize'\n")
    recipe = Recipe(
        options.architecture,
        options.steps,
        options.batch,
        options.rate,
        options.seed,
        tuple(options.strengths),
        turn=options.turn,
    )
    assets, labelled = len(data.labels), int((data.labels != UNLABELLED).sum())
    some = ", ".join(data.classes[:_NAMED]) + (", …" if len(data.classes) > _NAMED else "")
    names = f" ({some})" if some else ""
    print(f"{assets} assets, {labelled} labelled, {len(data.classes)} classes{names}", flush=True)
    checkpoint = options.out.with_suffix(".checkpoint")
    about = {
        "data": [file.stem for file in options.grids],
        "excluded": options.exclude,
        "start_from": Path(options.start_from).name.removesuffix(".safetensors"),
        "licence": options.licence,
    }
    try:
        model = train(data, recipe, checkpoint, options.start_from)
        save_trained(model, options.out, data, recipe, **about)
    except (WeightsError, FloatingPointError, OSError, ValueError) as error:
        parser.exit(1, f"{error}\n")
    except KeyboardInterrupt:
        goes_on = "the same command goes on from the last checkpoint"
        parser.exit(130, f"interrupted; {goes_on if checkpoint.exists() else 'nothing is kept'}\n")
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
