"""Trains a network to complete shapes: ``python -m voxel_models.completing --help``.

Each step it sees parts of whole shapes: what a depth camera saw from one side, what is left of
one side of a random plane, or all but a box; at times in the frame of the whole, at times in that
of the part alone, when the whole may be twice as large and lies no one knows where.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from voxel_models.data import GridData, Variation, draw_view, read_grids, sampling_weights
from voxel_models.data import surface_from_one_side as seen
from voxel_models.frames import PART, frame_of, reframed
from voxel_models.inference import half_precision
from voxel_models.loop import optimise
from voxel_models.registry import WeightsError, create_model, pick_device
from voxel_models.train import check_out, save_weights

Pair = tuple[NDArray[np.bool_], NDArray[np.bool_]]
"""(B, R, R, R) parts, and the wholes in the same frame."""

# Not its parts: what is missing shall come back.
_VARIATION = Variation(cut=0.0, thickened=0.0)
_TERMS = ("entropy", "overlap")


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what a run learns, besides its data."""

    architecture: str = "completer3d"
    steps: int = 1500
    batch: int = 64
    rate: float = 2e-3
    seed: int = 0


def draw_part(whole: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """A random part of a shape, such as scans and damaged files hold.

    Args:
        whole: (R, R, R) bool, not empty.
        rng: source of randomness.

    Returns:
        (R, R, R) bool, not empty.
    """
    kind = rng.random()
    if kind < 0.5:
        part = seen(whole, int(rng.integers(4)), rng.uniform(0.2, 0.8))
        return part if part.any() else whole
    # An open mesh is not filled, so mostly the skin is what there is.
    skin = _skin(whole) if rng.random() < 0.7 else whole
    cells = np.argwhere(skin)
    if kind < 0.85:
        normal = rng.normal(size=3) * (1, rng.random() < 0.3, 1)
        if rng.random() < 0.5:  # most things are cut along their axes
            normal = np.eye(3)[rng.choice([0, 2])] * rng.choice([-1, 1])
        along = cells @ normal
        kept = along <= np.quantile(along, rng.uniform(0.35, 0.8))
    else:
        centre, reach = cells[rng.integers(len(cells))], rng.integers(3, len(whole) // 2, size=3)
        kept = (np.abs(cells - centre) > reach).any(axis=1)
    part = np.zeros_like(whole)
    part[tuple(cells[kept].T)] = True
    return part if part.any() else whole


def _skin(whole: NDArray[np.bool_]) -> NDArray[np.bool_]:
    inside = whole.copy()
    for axis in range(3):
        for step in (1, -1):
            inside &= np.roll(whole, step, axis)
    return whole & ~inside


def draw_pairs(data: GridData, weights: NDArray[np.float64], recipe: Recipe, step: int) -> Pair:
    """A step's batch."""
    rng = np.random.default_rng((recipe.seed, step))
    parts, wholes = [], []
    for row in rng.choice(len(weights), recipe.batch, replace=True, p=weights):
        whole = draw_view(data.packed[row], data.resolution, rng, 0.5, _VARIATION)
        part = draw_part(whole, rng)
        if rng.random() < 0.5:
            frame = frame_of(part)
            part = reframed(part, frame, data.resolution, PART)
            whole = reframed(whole, frame, data.resolution, PART)
        parts.append(part)
        wholes.append(whole)
    return np.stack(parts), np.stack(wholes)


def loss_of(model: nn.Module, pair: Pair) -> tuple[Tensor, Tensor]:
    """Cross-entropy of cells, and how far wholes fail to overlap, which thin parts count for."""
    device = next(model.parameters()).device
    parts, wholes = (torch.from_numpy(side).to(device).float() for side in pair)
    with half_precision(device):
        odds = model(parts)
    odds = odds.float()
    entropy = F.binary_cross_entropy_with_logits(odds, wholes)
    shares = odds.sigmoid()
    common = (shares * wholes).sum(dim=(1, 2, 3))
    either = (shares + wholes).sum(dim=(1, 2, 3)) - common
    overlap = (1 - (common + 1) / (either + 1)).mean()
    return 4 * entropy + overlap, torch.stack([entropy, overlap]).detach()


def train(data: GridData, recipe: Recipe, checkpoint: Path) -> nn.Module:
    """Trains from the checkpoint, if there is one, or from the start.

    Raises:
        FloatingPointError, OSError, WeightsError: as of ``voxel_models.loop.optimise``.
    """
    torch.manual_seed(recipe.seed)
    model = create_model(recipe.architecture, resolution=data.resolution).to(pick_device())
    weights = sampling_weights(data.labels, data.sources)
    return optimise(
        model,
        lambda step: draw_pairs(data, weights, recipe, step),
        loss_of,
        _TERMS,
        recipe.steps,
        recipe.rate,
        recipe.seed,
        checkpoint,
        f"{recipe} {data.digest()}",
    )


def main() -> None:
    """The command line."""
    defaults = Recipe()
    parser = argparse.ArgumentParser(
        prog="python -m voxel_models.completing",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("grids", nargs="+", type=Path, help=".npz files of 'shapesim voxelize'")
    parser.add_argument("--out", type=Path, required=True, help="completer3d.DATA.safetensors")
    parser.add_argument("--exclude", nargs="*", default=[], help="path prefixes to leave out")
    parser.add_argument("--licence", default="unknown", help="of the data, for the header")
    parser.add_argument("--steps", type=int, default=defaults.steps)
    parser.add_argument("--seed", type=int, default=defaults.seed)
    options = parser.parse_args()
    check_out(parser, options.out)
    recipe = Recipe(steps=options.steps, seed=options.seed)
    checkpoint = options.out.with_suffix(".checkpoint")
    try:
        data = read_grids(options.grids, options.exclude)
        model = train(data, recipe, checkpoint)
    except (WeightsError, FloatingPointError, OSError, ValueError, KeyError) as error:
        parser.exit(1, f"{error}\n")
    info = asdict(recipe) | {
        "resolution": data.resolution,
        "assets": len(data.labels),
        "classes": [],
        "data": [file.stem for file in options.grids],
        "excluded": options.exclude,
        "licence": options.licence,
    }
    save_weights(model, options.out, info)
    checkpoint.unlink(missing_ok=True)
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
