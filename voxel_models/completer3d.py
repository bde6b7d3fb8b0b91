"""A small U-Net that gives a part of a shape back as a whole.

3D ShapeNets (Wu et al., "3D ShapeNets: A Deep Representation for Volumetric Shapes", CVPR 2015)
completes what a depth camera saw by sampling from its joint distribution. Here one pass does (O.
Ronneberger et al., "U-Net: Convolutional Networks for Biomedical Image Segmentation", MICCAI 2015;
A. Dai et al., "Shape Completion using 3D-Encoder-Predictor CNNs", CVPR 2017).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from voxel_models.resnet3d import ResidualBlock, filled_and_surface, folded

_NARROW = 16


class Completer3d(nn.Module):
    """Occupancy of a part to that of the whole, in the same frame.

    The first layer folds 2³ cells into channels and the last unfolds them, which keeps every cell
    at an eighth of the cost.

    Args:
        resolution: R, a multiple of 8.
        widths: channels at a half, a quarter and an eighth of the resolution.
    """

    def __init__(self, resolution: int = 32, widths: tuple[int, int, int] = (32, 64, 128)) -> None:
        super().__init__()
        self.resolution = resolution
        self.stem = nn.Conv3d(16, widths[0], 3, padding=1, bias=False)
        self.stem_norm = nn.BatchNorm3d(widths[0])
        # Pooled, widened and added, because CPUs are slow at strides and at wide fine layers.
        self.down = nn.ModuleList(ResidualBlock(fine, coarse) for fine, coarse in pairwise(widths))
        # At the bottom, every place sees every other.
        self.narrow = nn.Conv3d(widths[-1], _NARROW, 1)
        places = _NARROW * (resolution // 8) ** 3
        self.middle = nn.Linear(places, places)
        self.widen = nn.Conv3d(_NARROW, widths[-1], 1)
        backwards = list(pairwise(reversed(widths)))
        self.thin = nn.ModuleList(nn.Conv3d(coarse, fine, 1) for coarse, fine in backwards)
        self.up = nn.ModuleList(ResidualBlock(fine, fine) for _, fine in backwards)
        self.head = nn.Conv3d(widths[0], 8, 1)

    def forward(self, occupancy: Tensor) -> Tensor:
        """Completes grids.

        Args:
            occupancy: (B, R, R, R) float, 1 where the part is seen to be filled.

        Returns:
            (B, R, R, R) float, log odds that a cell of the whole is filled.
        """
        x = folded(filled_and_surface(occupancy)).to(self.middle.weight.dtype)
        x = x.contiguous(memory_format=torch.channels_last_3d)
        x = F.relu(self.stem_norm(self.stem(x)))
        levels = []
        for block in self.down:
            levels.append(x)
            x = block(_halved(x))
        narrow = self.narrow(x)
        everywhere = F.relu(self.middle(F.relu(narrow).flatten(1))).view(narrow.shape)
        x = x + self.widen(everywhere)
        for thin, block, level in zip(self.thin, self.up, reversed(levels), strict=True):
            x = block(level + F.interpolate(thin(x), scale_factor=2.0, mode="nearest"))
        return _unfolded(self.head(x))


def _halved(x: Tensor) -> Tensor:
    """(B, C, R, R, R) to (B, C, R / 2, ...): the greatest of 2³ cells, on any device."""
    half = x.shape[2] // 2
    cells = x.reshape(*x.shape[:2], half, 2, half, 2, half, 2).amax(dim=(3, 5, 7))
    return cells.contiguous(memory_format=torch.channels_last_3d)


def _unfolded(x: Tensor) -> Tensor:
    """(B, 8, R / 2, R / 2, R / 2) to (B, R, R, R)."""
    batch, _, half = x.shape[:3]
    x = x.reshape(batch, 2, 2, 2, half, half, half).permute(0, 4, 1, 5, 2, 6, 3)
    return x.reshape(batch, 2 * half, 2 * half, 2 * half)
