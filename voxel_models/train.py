"""Trains a network to embed shapes: ``python -m voxel_models.train --help``.

Three terms, each on two random views of every asset in the batch:

- what is labelled is classified by cosine to a centre for each class (Zhai and Wu,
  "Classification is a Strong Baseline for Deep Metric Learning", BMVC 2019);
- every asset, labelled or not, finds its own other view among all views (Chen et al., "A Simple
  Framework for Contrastive Learning of Visual Representations", ICML 2020), where views of the
  same class do not count as wrong;
- two views that differ by a turn alone embed alike.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from voxel_models.data import UNLABELLED, GridData, draw_view, read_grids, sampling_weights
from voxel_models.registry import create_model, pick_device

_TEMPERATURE_CLASS = 0.06
_TEMPERATURE_VIEW = 0.1
_WEIGHT_VIEW = 0.5
_WEIGHT_TURN = 4.0
_CHECKPOINT_STEPS = 100
# bfloat16 is 1.7 times as fast. On CPUs its weight gradients hold garbage where a layer's grid is
# smaller than 4³ (torch 2.13), as it is when the input is smaller than 32³.
_HALF_FROM = 32


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what a run learns, besides its data."""

    architecture: str = "resnet3d"
    steps: int = 1500
    batch: int = 64
    rate: float = 2e-3
    seed: int = 0


def train(data: GridData, recipe: Recipe, checkpoint: Path, start_from: str = "") -> nn.Module:
    """Trains from the checkpoint, if there is one, or from the start.

    Args:
        data: grids.
        recipe: how.
        checkpoint: written every 100 steps; a run that was stopped goes on from it.
        start_from: weights to begin with, by name or path; random ones without.

    Raises:
        FloatingPointError: the loss is no number; the last checkpoint stays.
    """
    torch.manual_seed(recipe.seed)
    device = pick_device()
    model = create_model(recipe.architecture, resolution=data.resolution).to(device)
    if start_from:
        model.load_state_dict(create_model(start_from, pretrained=True).state_dict())
    dim = int(model.dim)  # type: ignore[arg-type]
    centres = nn.Parameter(torch.randn(len(data.classes), dim, device=device))
    optimiser = torch.optim.AdamW([*model.parameters(), centres], recipe.rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.rate, recipe.steps, pct_start=0.1
    )
    start = 0
    if checkpoint.is_file():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        centres.data.copy_(state["centres"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        start = int(state["step"])
        print(f"goes on from step {start}", flush=True)

    weights = sampling_weights(data)
    began, sums = time.monotonic(), np.zeros(4)
    model.train()
    # The next batch is drawn while the network works on this one.
    with ThreadPoolExecutor(1) as pool:
        upcoming = pool.submit(_draw_batch, data, weights, recipe, start)
        for step in range(start, recipe.steps):
            grids, labels = upcoming.result()
            upcoming = pool.submit(_draw_batch, data, weights, recipe, step + 1)
            torch.manual_seed(recipe.seed + step)  # dropout: a resumed run is the unbroken one
            with torch.autocast(device.type, torch.bfloat16, enabled=data.resolution >= _HALF_FROM):
                embeddings = model(torch.from_numpy(grids).to(device).float())
            terms = _losses(embeddings.float(), labels.to(device), centres)
            loss = terms[0] + _WEIGHT_VIEW * terms[1] + _WEIGHT_TURN * terms[2]
            if not torch.isfinite(loss):
                raise FloatingPointError(
                    f"the loss is {loss.item()} at step {step}; the last checkpoint is {checkpoint}"
                )
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            sums += [term.item() for term in (*terms, loss)]
            if (step + 1) % _CHECKPOINT_STEPS == 0:
                _report(step + 1, recipe.steps, sums / _CHECKPOINT_STEPS, began, start)
                sums[:] = 0
                _save_checkpoint(
                    checkpoint,
                    {
                        "model": model.state_dict(),
                        "centres": centres.data,
                        "optimiser": optimiser.state_dict(),
                        "schedule": schedule.state_dict(),
                        "step": step + 1,
                    },
                )
    return model.eval()


def _draw_batch(
    data: GridData, weights: NDArray[np.float64], recipe: Recipe, step: int
) -> tuple[NDArray[np.bool_], Tensor]:
    """(3 B, R, R, R): B assets turned, again turned otherwise, and again turned and varied."""
    rng = np.random.default_rng((recipe.seed, step))
    rows = rng.choice(len(weights), recipe.batch, replace=len(weights) < recipe.batch, p=weights)
    views = [
        draw_view(data.packed[row], data.resolution, rng, strength)
        for strength in (0.0, 0.0, 1.0)
        for row in rows
    ]
    return np.stack(views), torch.from_numpy(data.labels[rows])


def _losses(embeddings: Tensor, labels: Tensor, centres: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Classification, view and turn terms of (3 B, D) embeddings with (B,) labels."""
    plain, turned, varied = embeddings.chunk(3)
    known = labels != UNLABELLED
    by_class = embeddings.new_zeros(())
    if known.any():
        chosen = torch.cat([plain[known], varied[known]])
        logits = chosen @ F.normalize(centres, dim=1).T / _TEMPERATURE_CLASS
        by_class = F.cross_entropy(logits, labels[known].repeat(2), label_smoothing=0.05)
    similar = plain @ varied.T / _TEMPERATURE_VIEW
    same_class = (labels[:, None] == labels) & known[:, None]
    same_class.fill_diagonal_(False)
    similar = similar.masked_fill(same_class, -torch.inf)
    own = torch.arange(len(labels), device=labels.device)
    by_view = (F.cross_entropy(similar, own) + F.cross_entropy(similar.T, own)) / 2
    by_turn = (1 - (plain * turned).sum(dim=1)).mean()
    return by_class, by_view, by_turn


def _report(step: int, steps: int, means: NDArray[np.float64], began: float, start: int) -> None:
    seconds = time.monotonic() - began
    left = seconds / (step - start) * (steps - step)
    by_class, by_view, by_turn, loss = means
    print(
        f"step {step}/{steps}  loss {loss:.3f}  class {by_class:.3f}  view {by_view:.3f}  "
        f"turn {by_turn:.4f}  {seconds / 60:.1f} min, {left / 60:.1f} left",
        flush=True,
    )


def _save_checkpoint(path: Path, state: dict[str, object]) -> None:
    temporary = path.with_suffix(".partial")
    torch.save(state, temporary)
    os.replace(temporary, path)


def save_weights(model: nn.Module, path: Path, info: dict[str, object]) -> None:
    """Writes a ``.safetensors`` file with ``info`` in its header."""
    from safetensors.torch import save_file

    state = {name: value.contiguous().cpu() for name, value in model.state_dict().items()}
    temporary = path.with_suffix(".partial")
    save_file(state, temporary, {"voxel_models": json.dumps(info)})
    temporary.chmod(0o644)  # safetensors writes files that only their owner can read
    os.replace(temporary, path)


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
    parser.add_argument("--architecture", default=defaults.architecture)
    parser.add_argument("--exclude", nargs="*", default=[], help="path prefixes to leave out")
    parser.add_argument("--licence", default="unknown", help="of the data, for the header")
    parser.add_argument("--start-from", default="", help="weights to begin with, name or path")
    parser.add_argument("--steps", type=int, default=defaults.steps)
    parser.add_argument("--batch", type=int, default=defaults.batch)
    parser.add_argument("--rate", type=float, default=defaults.rate)
    parser.add_argument("--seed", type=int, default=defaults.seed)
    options = parser.parse_args()
    try:
        data = read_grids(options.grids, options.exclude)
    except (OSError, ValueError, KeyError) as error:
        parser.exit(1, f"{error}; make grids by 'shapesim voxelize'\n")
    recipe = Recipe(options.architecture, options.steps, options.batch, options.rate, options.seed)
    assets, labelled = len(data.labels), int((data.labels != UNLABELLED).sum())
    print(f"{assets} assets, {labelled} labelled, {len(data.classes)} classes", flush=True)
    model = train(data, recipe, options.out.with_suffix(".checkpoint"), options.start_from)
    info = asdict(recipe) | {
        "resolution": data.resolution,
        "dim": int(model.dim),  # type: ignore[arg-type]
        "data": [file.stem for file in options.grids],
        "excluded": options.exclude,
        "start_from": Path(options.start_from).name.removesuffix(".safetensors"),
        "assets": assets,
        "labelled": labelled,
        "classes": len(data.classes),
        "licence": options.licence,
    }
    save_weights(model, options.out, info)
    options.out.with_suffix(".checkpoint").unlink(missing_ok=True)
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
