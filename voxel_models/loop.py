"""The loop in which every network is trained: steps, checkpoints, a running mean, a curve."""

from __future__ import annotations

import copy
import math
import os
import pickle
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from voxel_models.curves import draw_curves
from voxel_models.registry import WeightsError

_CHECKPOINT_STEPS = 100
_WARM_UP_STEPS = 100
_KEPT = 0.997  # of the running mean, each step

Batch = TypeVar("Batch")


def optimise(
    model: nn.Module,
    draw: Callable[[int], Batch],
    loss_of: Callable[[nn.Module, Batch], tuple[Tensor, Tensor]],
    terms: Sequence[str],
    steps: int,
    rate: float,
    seed: int,
    checkpoint: Path,
    run: str,
    head: nn.Module | None = None,
) -> nn.Module:
    """Trains from the checkpoint, if there is one, or from the start.

    Args:
        model: to train.
        draw: a step's batch; called in another thread while the network works on the one before.
        loss_of: the loss of a batch, and the terms it is made of.
        terms: names of those terms.
        steps: of a batch each.
        rate: the highest learning rate.
        seed: of dropout.
        checkpoint: written every 100 steps; a run that was stopped goes on from it. Beside it, a
            picture of the curves of the terms, ``.curves.png``.
        run: tells this run from others: its recipe and its data.
        head: trained with the model, and not kept.

    Returns:
        The running mean of the model's weights.

    Raises:
        FloatingPointError: the loss is no number; the last checkpoint stays.
        OSError: a checkpoint cannot be written; the one before stays.
        WeightsError: the checkpoint is damaged, or of another run.
    """
    mean = copy.deepcopy(model)
    head = head or nn.Identity()
    parameters = [*model.parameters(), *head.parameters()]
    optimiser = torch.optim.AdamW(parameters, rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _pace(step, steps))
    parts = {
        "model": model, "mean": mean, "head": head, "optimiser": optimiser, "schedule": schedule
    }  # fmt: skip
    start, history = _resumed(parts, checkpoint, run)
    began, sums = time.monotonic(), np.zeros(len(terms) + 1)
    model.train()
    with ThreadPoolExecutor(1) as pool:
        upcoming = pool.submit(draw, start)
        for step in range(start, steps):
            batch = upcoming.result()
            upcoming = pool.submit(draw, step + 1)
            torch.manual_seed(seed + step)  # dropout: a resumed run is the unbroken one
            loss, parted = loss_of(model, batch)
            if not torch.isfinite(loss):
                kept = f"; the last checkpoint is {checkpoint}" if checkpoint.exists() else ""
                raise FloatingPointError(f"the loss is {loss.item()} at step {step}{kept}")
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            schedule.step()
            _follow(mean, model, step)
            sums += [loss.item(), *parted.tolist()]
            if (step + 1) % _CHECKPOINT_STEPS == 0:
                means = sums / _CHECKPOINT_STEPS
                sums[:] = 0
                history.append(means.tolist())
                _report(step + 1, steps, terms, means, began, start)
                state: dict[str, Any] = {name: part.state_dict() for name, part in parts.items()}  # type: ignore[attr-defined]
                state |= {"run": run, "step": step + 1, "history": history}
                _save_checkpoint(checkpoint, state)
                columns = dict(zip(["loss", *terms], zip(*history, strict=True), strict=True))
                picture = checkpoint.with_suffix(".curves.png")
                draw_curves(columns, _CHECKPOINT_STEPS, picture)
    return mean.eval()


def _pace(step: int, steps: int) -> float:
    """Share of the highest learning rate: rising at first, then along a cosine down to 0."""
    return min(1, (step + 1) / _WARM_UP_STEPS) * (0.5 + 0.5 * math.cos(math.pi * step / steps))


def _resumed(parts: dict[str, Any], checkpoint: Path, run: str) -> tuple[int, list[list[float]]]:
    """Brings all parts to where the checkpoint stands; its step and the means up to there."""
    if not checkpoint.is_file():
        return 0, []
    device = next(parts["model"].parameters()).device
    try:
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        if state["run"] != run:
            raise ValueError("other data or options")
        for name, part in parts.items():
            part.load_state_dict(state[name])
        step, history = int(state["step"]), list(state["history"])
    except (KeyError, ValueError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise WeightsError(
            f"{checkpoint}: of a run with other data or options, or damaged; delete it"
        ) from error
    print(f"goes on from step {step}", flush=True)
    return step, history


def _follow(mean: nn.Module, model: nn.Module, step: int) -> None:
    """Moves a running mean of weights towards them, fast at first."""
    fresh = 1 - min(_KEPT, (step + 1) / (step + 11))
    with torch.no_grad():
        states = mean.state_dict().values(), model.state_dict().values()
        for kept, now in zip(*states, strict=True):
            if kept.dtype.is_floating_point:
                kept.lerp_(now, fresh)
            else:
                kept.copy_(now)


def _report(
    step: int,
    steps: int,
    terms: Sequence[str],
    means: NDArray[np.float64],
    began: float,
    start: int,
) -> None:
    seconds = time.monotonic() - began
    left = seconds / (step - start) * (steps - step)
    shown = "  ".join(f"{name} {mean:.3f}" for name, mean in zip(terms, means[1:], strict=True))
    print(
        f"step {step}/{steps}  loss {means[0]:.3f}  {shown}  "
        f"{seconds / 60:.1f} min, {left / 60:.1f} left",
        flush=True,
    )


def _save_checkpoint(path: Path, state: dict[str, object]) -> None:
    temporary = path.with_suffix(".partial")
    try:
        torch.save(state, temporary)
    except RuntimeError as error:  # torch's own of a full disk
        temporary.unlink(missing_ok=True)
        raise OSError(f"{path}: cannot be written ({str(error).splitlines()[0]})") from error
    os.replace(temporary, path)
