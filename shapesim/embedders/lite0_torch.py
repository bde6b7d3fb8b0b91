"""EfficientNet-Lite0 (see ``lite0``) in PyTorch, to train it further."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from shapesim.embedders import lite0
from voxel_models.inference import half_precision

FROZEN = 5
"""Blocks, the first ones, up to the first that gives features."""

_LEAST = 1e-6  # variance, below which its root is too steep


def half() -> torch.autocast:
    """A context in which the processor computes in bfloat16 if it can."""
    return half_precision(torch.device("cpu"))


class Trunk(nn.Module):
    """The network, whose parameters have the names of ``lite0.State``.

    Its first blocks see edges and colours, whatever is shown, and stay as they are, so that what
    they see of a picture can be kept. The depthwise kernels of all blocks stay, too: they are a
    fiftieth of the weights, and their gradients would take most of the time on CPUs.

    Args:
        state: the weights that it starts with.
    """

    def __init__(self, state: lite0.State) -> None:
        super().__init__()
        self._conv_stem = _convolution(state, "_conv_stem", 2)
        blocks = [
            _Block(state, f"_blocks.{number}", *block)
            for number, block in enumerate(lite0.blocks())
        ]
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = _convolution(state, "_conv_head", 1)
        self._first, self._rest = blocks[:FROZEN], blocks[FROZEN:]
        for part in (self._conv_stem, *self._first, *(one._depthwise_conv for one in self._rest)):
            part.requires_grad_(False)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def planes(self, pictures: NDArray[np.uint8]) -> torch.Tensor:
        """(N, S, S, 3) pictures to (N, 40, S / 8, S / 8): what the frozen blocks see."""
        x = torch.from_numpy(pictures).permute(0, 3, 1, 2)
        with torch.no_grad():
            x = F.relu6(self._conv_stem((x.float() - 127) / 128))
            for block in self._first:
                x = block(x)
        return x

    def forward(self, planes: torch.Tensor) -> torch.Tensor:
        """(N, 40, S / 8, S / 8) to (N, ``lite0.DIM``) features of the whole pictures."""
        x, tapped = planes, [planes]
        for block in self._rest:
            x = block(x)
            if block.ends:
                tapped.append(x)
        tapped.append(F.relu6(self._conv_head(x)))
        rows = [plane.float().flatten(2) for plane in tapped]
        moments = [
            moment
            for row in rows
            for moment in (row.mean(2), (row.var(2, correction=0) + _LEAST).sqrt())
        ]
        return torch.cat(moments, 1)

    def state(self) -> dict[str, NDArray[np.float16]]:
        """What a graph is made from, in half precision."""
        # Laid out row by row: safetensors writes memory as it lies.
        return {
            name: np.ascontiguousarray(value.detach().numpy(), np.float16)
            for name, value in self.state_dict().items()
        }


class _Block(nn.Module):
    def __init__(
        self, state: lite0.State, base: str, expansion: int, stride: int, residual: bool, ends: bool
    ) -> None:
        super().__init__()
        self.ends = ends
        self._residual = residual
        self._expand_conv = (
            _convolution(state, f"{base}._expand_conv", 1) if expansion > 1 else None
        )
        self._depthwise_conv = _convolution(state, f"{base}._depthwise_conv", stride)
        self._project_conv = _convolution(state, f"{base}._project_conv", 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        wide = F.relu6(self._expand_conv(x)) if self._expand_conv else x
        y: torch.Tensor = self._project_conv(F.relu6(self._depthwise_conv(wide)))
        return x + y if self._residual else y


class _Convolution(nn.Conv2d):
    """With "same" padding as TensorFlow has it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        size, stride = self.kernel_size[0], self.stride[0]
        before = (size - stride) // 2
        after = size - stride - before
        if before != after:
            x = F.pad(x, (before, after, before, after))
        # oneDNN takes six times as long for the gradients of strided depthwise ones in bfloat16.
        half = torch.is_autocast_enabled("cpu") and not (self.groups > 1 and stride > 1)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            x = x if half else x.float()
            padding = before if before == after else 0
            y: torch.Tensor = F.conv2d(x, self.weight, self.bias, stride, padding, 1, self.groups)
            return y


def _convolution(state: lite0.State, name: str, stride: int) -> _Convolution:
    kernel = torch.tensor(state[f"{name}.weight"], dtype=torch.float32)
    count, channels, size, _ = kernel.shape
    depthwise = channels == 1 and size > 1
    made = _Convolution(
        count if depthwise else channels, count, size, stride, groups=count if depthwise else 1
    )
    made.weight.data = kernel
    assert made.bias is not None
    made.bias.data = torch.tensor(state[f"{name}.bias"], dtype=torch.float32)
    return made
