"""The head that finds objects, from planes of an ImageNet network, and what it is trained for.

``shapesim.embedders.lite0`` runs it, ``training.object_finder`` trains it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from shapesim.embedders import lite0
from shapesim.objects.boxes import CELL

LEAST_SEEN = 0.25
"""Share of an object, from which it has to be found."""
_WIDTH = 128
_CENTRAL = 1.5  # cells from the middle of an object, in which it is told


class Head(nn.Module):
    """From planes of an ImageNet network to objects, as ``lite0.build_planes`` runs it.

    Anchor-free, after Z. Tian et al., "FCOS: Fully Convolutional One-Stage Object Detection", ICCV
    2019; scored by how well its box fits, after X. Li et al., "Generalized Focal Loss", NeurIPS
    2020.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Conv2d(40, 64, 3, stride=2, padding=1)
        self.middle = nn.Conv2d(112, 96, 1)
        self.last = nn.Conv2d(320, 96, 1)
        self.layers = nn.ModuleList(
            nn.Conv2d(before, _WIDTH, 3, padding=dilation, dilation=dilation)
            for before, dilation in zip((256, _WIDTH, _WIDTH), lite0.DILATIONS, strict=True)
        )
        self.out = nn.Conv2d(_WIDTH, 5, 1)
        with torch.no_grad():
            self.out.weight *= 0.1
            # Mostly there is no object, and its sides are two cells away.
            self.out.bias = nn.Parameter(torch.tensor([-4.0, 0.7, 0.7, 0.7, 0.7]))

    def forward(self, planes: Sequence[Tensor]) -> Tensor:
        """(N, 40, 2 H, 2 W), (N, 112, H, W) and (N, 320, H / 2, W / 2) to (N, 5, H, W)."""
        fine, middle, last = planes
        upper = functional.interpolate(self.last(last), scale_factor=2, mode="nearest")
        x = torch.cat([self.fine(fine), self.middle(middle), upper], 1).relu()
        for layer in self.layers:
            x = layer(x).relu()
        out: Tensor = self.out(x)
        return out

    def load_tensors(self, tensors: dict[str, NDArray[Any]]) -> None:
        """Takes weights that ``tensors`` gave."""
        names = {self._name(name): name for name in self.state_dict()}
        self.load_state_dict({names[key]: torch.tensor(tensors[key]) for key in names})

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Weights by the names that ``lite0`` knows."""
        return {
            self._name(name): value.numpy().astype(np.float32)
            for name, value in self.state_dict().items()
        }

    @staticmethod
    def _name(name: str) -> str:
        return f"objects.{name.removeprefix('layers.')}"


@dataclass(frozen=True, slots=True)
class Targets:
    """What a head should say of a scene of H by W cells.

    Attributes:
        boxes: (H, W, 4) left, top, right and bottom of the object that a cell tells, in cells.
        here: (H, W) whether it tells one.
        ignored: (H, W) whether it may say what it likes.
    """

    boxes: NDArray[np.float32]
    here: NDArray[np.bool_]
    ignored: NDArray[np.bool_]


def targets_of(boxes: NDArray[np.int64], visible: NDArray[np.float64], cells: int) -> Targets:
    """Cells near the middle of an object tell it; of several, the smallest.

    Args:
        boxes: (N, 4) x, y, width and height, in pixels.
        visible: (N,) share of each object that is seen, 0 to 1.
        cells: along each side of the scene.
    """
    made = Targets(
        np.zeros((cells, cells, 4), np.float32),
        np.zeros((cells, cells), bool),
        np.zeros((cells, cells), bool),
    )
    y, x = np.mgrid[:cells, :cells] + 0.5
    for row in np.argsort(-boxes[:, 2] * boxes[:, 3], kind="stable"):
        left, top, width, height = boxes[row] / CELL
        if not width:
            continue
        middle_x, middle_y = left + width / 2, top + height / 2
        inside = (np.abs(x - middle_x) < min(width / 2, _CENTRAL)) & (
            np.abs(y - middle_y) < min(height / 2, _CENTRAL)
        )
        inside |= (np.abs(x - middle_x) <= 0.5) & (np.abs(y - middle_y) <= 0.5)
        if visible[row] < LEAST_SEEN or min(boxes[row, 2:]) < 8:
            made.ignored[inside] = True
            continue
        made.here[inside] = True
        made.boxes[inside] = [left, top, left + width, top + height]
    return made


def loss_of(predictions: Tensor, boxes: Tensor, here: Tensor, ignored: Tensor) -> Tensor:
    """Focal loss on how well a box fits, and what the boxes lack of a fit.

    Args:
        predictions: (N, 5, H, W) of the head: the score as a logit, and the logarithms of how far
            left, top, right and bottom are, in cells.
        boxes: (N, H, W, 4) as of ``Targets``, and so the rest.
        here: (N, H, W) bool.
        ignored: (N, H, W) bool.
    """
    y, x = torch.meshgrid(
        torch.arange(predictions.shape[2]) + 0.5,
        torch.arange(predictions.shape[3]) + 0.5,
        indexing="ij",
    )
    centres = torch.stack([x, y], -1).expand(*boxes.shape[:3], 2)[here]
    sides = predictions[:, 1:].permute(0, 2, 3, 1)[here].clamp(-6, 6).exp()
    made = torch.cat([centres - sides[:, :2], centres + sides[:, 2:]], 1)
    fit, general = _overlap(made, boxes[here])
    quality = torch.zeros_like(predictions[:, 0])
    quality[here] = fit.detach().clamp(min=0.05)
    logits = predictions[:, 0]
    gap = (quality - logits.sigmoid()).abs().detach() ** 2
    weights = torch.where(here, gap + 0.05, gap) * ~(ignored & ~here)
    focal = functional.binary_cross_entropy_with_logits(logits, quality, weights, reduction="sum")
    return (focal + 2 * (1 - general).sum()) / max(1, int(here.sum()))


def _overlap(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """(P,) intersection over union, and generalised (H. Rezatofighi et al., CVPR 2019)."""
    low, high = torch.maximum(one[:, :2], other[:, :2]), torch.minimum(one[:, 2:], other[:, 2:])
    both = (high - low).clamp(min=0).prod(1)
    union = (one[:, 2:] - one[:, :2]).prod(1) + (other[:, 2:] - other[:, :2]).prod(1) - both
    around = torch.maximum(one[:, 2:], other[:, 2:]) - torch.minimum(one[:, :2], other[:, :2])
    hull = around.prod(1).clamp(min=1e-6)
    fit = both / union.clamp(min=1e-6)
    return fit, fit - (hull - union) / hull
