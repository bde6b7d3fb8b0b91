"""A small residual network over occupancy, pooled so that turning about up changes little.

3D ShapeNets (Wu et al., "3D ShapeNets: A Deep Representation for Volumetric Shapes", CVPR 2015)
showed that convolutions over a 30^3 occupancy grid learn shape features good enough for retrieval.
Its convolutional deep belief net is replaced by a residual network (He et al., CVPR 2016).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from voxel_models.losses import parts


class ResidualBlock(nn.Module):
    """Two 3³ convolutions beside a shortcut.

    Args:
        inputs: channels in.
        outputs: channels out.
        stride: of the first convolution and the shortcut.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv3d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm3d(outputs)
        self.second = nn.Conv3d(outputs, outputs, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm3d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Conv3d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, R, R, R) to (B, outputs, R / stride, ...)."""
        y = F.relu(self.first_norm(self.first(x)))
        y = self.second_norm(self.second(y))
        return F.relu(y + self.shortcut(x))


class ResNet3d(nn.Module):
    """Occupancy to a unit embedding of two parts, of which the second one is for kinds alone.

    A dot product of two embeddings is the mean of the cosines of their parts.

    Args:
        resolution: R, a multiple of 8.
        dim: D, length of the embedding, even: a half for each part.
        classes: C, number of classes of which ``centres`` holds a vector each.
        widths: channels at a half, a quarter and an eighth of the resolution.
    """

    def __init__(
        self,
        resolution: int = 32,
        dim: int = 256,
        classes: int = 0,
        widths: tuple[int, int, int] = (16, 48, 128),
    ) -> None:
        super().__init__()
        self.resolution, self.dim = resolution, dim
        half, quarter, eighth = widths
        self.stem = nn.Conv3d(2, half, 5, stride=2, padding=2, bias=False)
        self.stem_norm = nn.BatchNorm3d(half)
        self.stages = nn.Sequential(
            ResidualBlock(half, quarter, stride=2),
            ResidualBlock(quarter, quarter),
            ResidualBlock(quarter, eighth, stride=2),
            ResidualBlock(eighth, eighth),
        )
        levels = resolution // 8
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(2 * eighth * levels, dim)
        self.centres = nn.Parameter(torch.randn(classes, dim // 2))

    def forward(self, occupancy: Tensor) -> Tensor:
        """Embeds grids.

        Args:
            occupancy: (B, R, R, R) float, 1 where filled, [x, y, z] with y up.

        Returns:
            (B, D) float, unit rows.
        """
        # Channels last, because a CPU's convolutions are fastest so.
        x = filled_and_surface(occupancy).to(self.head.weight.dtype)
        x = x.contiguous(memory_format=torch.channels_last_3d)
        x = F.relu(self.stem_norm(self.stem(x)))
        x = self.stages(x)
        # Where along x and z a feature stands changes with the yaw; at which height does not.
        pooled = torch.cat([x.mean(dim=(2, 4)), x.amax(dim=(2, 4))], dim=1).flatten(1)
        rows = parts(self.head(self.dropout(pooled)), self.dim // 2)
        embeddings: Tensor = torch.cat(rows, dim=1) * 0.5**0.5
        return embeddings


def _eroded(filled: Tensor) -> Tensor:
    """Filled cells whose six neighbours are filled too. (B, 1, R, R, R) bool."""
    padded = F.pad(filled, (1,) * 6)
    inner, low, high = slice(1, -1), slice(None, -2), slice(2, None)
    inside = filled & padded[:, :, low, inner, inner] & padded[:, :, high, inner, inner]
    inside &= padded[:, :, inner, low, inner] & padded[:, :, inner, high, inner]
    return inside & padded[:, :, inner, inner, low] & padded[:, :, inner, inner, high]


class PosedResNet3d(nn.Module):
    """Occupancy of shapes that all stand the same way to a unit embedding.

    Where data comes in one pose, which side a feature is on tells much (N. Sedaghat et al.,
    "Orientation-boosted Voxel Nets for 3D Object Recognition", BMVC 2017); so nothing is pooled.
    The first layer folds 2³ cells into channels, which keeps every cell at an eighth of the cost.

    Args:
        resolution: R, a multiple of 8.
        dim: D, length of the embedding.
        classes: C, number of classes of which ``centres`` holds a vector each.
        widths: channels at a half, a quarter and an eighth of the resolution.
    """

    def __init__(
        self,
        resolution: int = 32,
        dim: int = 192,
        classes: int = 0,
        widths: tuple[int, int, int] = (24, 64, 128),
    ) -> None:
        super().__init__()
        self.resolution, self.dim = resolution, dim
        half, quarter, eighth = widths
        self.stem = nn.Conv3d(16, half, 3, padding=1, bias=False)
        self.stem_norm = nn.BatchNorm3d(half)
        self.stages = nn.Sequential(
            ResidualBlock(half, half),
            ResidualBlock(half, quarter, stride=2),
            ResidualBlock(quarter, quarter),
            ResidualBlock(quarter, eighth, stride=2),
            ResidualBlock(eighth, eighth),
        )
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(eighth * (resolution // 8) ** 3, dim)
        self.centres = nn.Parameter(torch.randn(classes, dim))

    def forward(self, occupancy: Tensor) -> Tensor:
        """Embeds grids.

        Args:
            occupancy: (B, R, R, R) float, 1 where filled, [x, y, z] with y up.

        Returns:
            (B, D) float, unit rows.
        """
        x = folded(filled_and_surface(occupancy)).to(self.head.weight.dtype)
        x = x.contiguous(memory_format=torch.channels_last_3d)
        x = F.relu(self.stem_norm(self.stem(x)))
        x = self.stages(x).flatten(1)
        return F.normalize(self.head(self.dropout(x)), dim=1)


def filled_and_surface(occupancy: Tensor) -> Tensor:
    """(B, R, R, R) to (B, 2, R, R, R) bool."""
    filled = occupancy[:, None] > 0.5
    return torch.cat([filled, filled & ~_eroded(filled)], dim=1)


def folded(x: Tensor) -> Tensor:
    """(B, C, R, R, R) to (B, 8 C, R / 2, R / 2, R / 2)."""
    batch, channels, size = x.shape[:3]
    half = size // 2
    x = x.view(batch, channels, half, 2, half, 2, half, 2)
    return x.permute(0, 1, 3, 5, 7, 2, 4, 6).reshape(batch, 8 * channels, half, half, half)
