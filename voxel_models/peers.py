"""Networks of others, to be trained by the same recipe and measured beside ours."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class VoxNet(nn.Module):
    """D. Maturana and S. Scherer, "VoxNet: A 3D Convolutional Neural Network for Real-Time Object
    Recognition", IROS 2015: two convolutions, a pooling, and a hidden layer, the embedding here.

    Args:
        resolution: R, even.
        dim: D, length of the embedding.
        classes: C, number of classes of which ``centres`` holds a vector each.
    """  # noqa: D205

    def __init__(self, resolution: int = 32, dim: int = 128, classes: int = 0) -> None:
        super().__init__()
        self.resolution, self.dim = resolution, dim
        after = (((resolution - 5) // 2 + 1) - 2) // 2
        self.layers = nn.Sequential(
            nn.Conv3d(1, 32, 5, stride=2), nn.LeakyReLU(0.1), nn.Dropout(0.2),
            nn.Conv3d(32, 32, 3), nn.LeakyReLU(0.1), nn.MaxPool3d(2), nn.Dropout(0.3),
            nn.Flatten(), nn.Linear(32 * after**3, dim),
        )  # fmt: skip
        self.centres = nn.Parameter(torch.randn(classes, dim))

    def forward(self, occupancy: Tensor) -> Tensor:
        """(B, R, R, R) float, 1 where filled, to (B, D) unit rows."""
        return F.normalize(self.layers(occupancy[:, None].to(self.centres.dtype)), dim=1)


class ShapeNets3d(nn.Module):
    """The layers of Z. Wu et al., "3D ShapeNets", CVPR 2015, as a feed-forward network.

    There they are a convolutional deep belief network; here, three convolutions and two hidden
    layers, the second of which is the embedding. Grids of 24 get 3 empty voxels on each side.

    Args:
        resolution: R.
        dim: D, length of the embedding.
        classes: C, number of classes of which ``centres`` holds a vector each.
    """

    def __init__(self, resolution: int = 32, dim: int = 4000, classes: int = 0) -> None:
        super().__init__()
        self.resolution, self.dim = resolution, dim
        margin = max(0, (31 - resolution) // 2)
        after = (((resolution + 2 * margin - 6) // 2 + 1) - 5) // 2 + 1 - 3
        self.layers = nn.Sequential(
            nn.Conv3d(1, 48, 6, stride=2, padding=margin), nn.ReLU(),
            nn.Conv3d(48, 160, 5, stride=2), nn.ReLU(),
            nn.Conv3d(160, 512, 4), nn.ReLU(),
            nn.Flatten(), nn.Linear(512 * after**3, 1200), nn.ReLU(), nn.Dropout(0.5),
            nn.Linear(1200, dim),
        )  # fmt: skip
        self.centres = nn.Parameter(torch.randn(classes, dim))

    def forward(self, occupancy: Tensor) -> Tensor:
        """(B, R, R, R) float, 1 where filled, to (B, D) unit rows."""
        return F.normalize(self.layers(occupancy[:, None].to(self.centres.dtype)), dim=1)
