"""The loop in which heads and projections are trained."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

_TOLD_STEPS = 100  # at a time


def minimise(
    name: str,
    loss_of: Callable[[int], Tensor],
    parameters: Iterable[Any],
    steps: int,
    rate: float,
    decay: float = 0.01,
    max_norm: float | None = None,
) -> None:
    """Steps of AdamW, whose learning rate rises and falls once.

    L. N. Smith and N. Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large
    Learning Rates", 2018.

    Args:
        name: of what is learnt, for what is printed.
        loss_of: the loss of a step.
        parameters: to learn, or groups of them, as an optimiser takes them.
        steps: how many.
        rate: the highest learning rate.
        decay: of weights.
        max_norm: the gradient of all parameters is clipped to this length.
    """
    optimizer = torch.optim.AdamW(parameters, rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    learnt = [value for group in optimizer.param_groups for value in group["params"]]
    recent: list[float] = []
    for step in range(1, steps + 1):
        loss = loss_of(step - 1)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if max_norm is not None:
            nn.utils.clip_grad_norm_(learnt, max_norm)
        optimizer.step()
        schedule.step()
        recent.append(loss.item())
        if step % _TOLD_STEPS == 0 or step == steps:
            mean = sum(recent) / len(recent)
            print(f"{name}: step {step} of {steps}, loss {mean:.3f}", flush=True)
            recent.clear()
