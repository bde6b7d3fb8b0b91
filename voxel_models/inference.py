"""A trained network, rearranged to answer faster."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from voxel_models.frames import PART, Frame, frame_of, reframed, shown_from

_GRIDS = 16  # at a time


def fold_norms(model: nn.Module) -> nn.Module:
    """Folds every normalisation into the convolution before it, and stores channels last.

    By this package's convention the normalisation of a convolution ``name`` is ``name_norm``. The
    answers stay the same to rounding; the network can no longer be trained.
    """
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            norm = getattr(module, f"{name}_norm", None)
            if isinstance(child, nn.Conv3d) and isinstance(norm, nn.BatchNorm3d):
                setattr(module, name, fuse_conv_bn_eval(child, norm))
                setattr(module, f"{name}_norm", nn.Identity())
    return model.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload, no-any-return]


def half_precision(device: torch.device, allowed: bool = True) -> torch.autocast:
    """A context in which the network computes in bfloat16, if allowed, where the processor can.

    Embeddings keep a cosine of 0.9999 to those of full precision, in half the time. A processor
    that has to imitate bfloat16 trains 15 times slower by it.
    """
    able = device.type == "cuda"
    if device.type == "cpu" and hasattr(torch.cpu, "get_capabilities"):
        able = bool(torch.cpu.get_capabilities().get("avx512_bf16"))
    return torch.autocast(device.type, torch.bfloat16, enabled=able and allowed)


def predict_wholes(model: nn.Module, parts: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Chance of each cell to be filled in the whole, in the frame the parts stand in.

    Args:
        model: a ``completer3d``.
        parts: (N, R, R, R) bool.

    Returns:
        (N, R, R, R) float32, 0 to 1; 1 where a part is filled.
    """
    device = next(model.parameters()).device
    rows = []
    with torch.inference_mode(), half_precision(device):
        for start in range(0, len(parts), _GRIDS):
            grids = torch.from_numpy(np.ascontiguousarray(parts[start : start + _GRIDS]))
            rows.append(model(grids.to(device).float()).float().sigmoid().cpu().numpy())
    shares = np.concatenate(rows)
    return np.where(parts, np.float32(1), shares)


def complete(model: nn.Module, part: NDArray[np.bool_]) -> tuple[NDArray[np.float32], Frame]:
    """The whole of which a part is all that is known, even as to its size and place.

    At first the part takes a share of the grid only, so that there is room for what is missing.
    That tells where the whole stands, in whose own frame it is then completed in detail.

    Args:
        model: a ``completer3d`` of resolution R.
        part: (S, S, S) bool, not empty, in cells of R / S the size or smaller.

    Returns:
        (R, R, R) float32 chance of each cell to be filled, and the frame in cells of the part
        that this grid shows.
    """
    resolution = int(model.resolution)  # type: ignore[arg-type]
    first = frame_of(part)
    rough = predict_wholes(model, reframed(part, first, resolution, PART)[None])[0]
    frame = shown_from(first, resolution, PART, frame_of(rough > 0.5))
    return predict_wholes(model, reframed(part, frame, resolution)[None])[0], frame
