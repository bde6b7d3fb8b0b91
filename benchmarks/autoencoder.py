"""A small convolutional autoencoder of pictures, to trace copies by: a peer of the copy embedder.

It is trained on the very pictures that it will be asked for. Its bottleneck serves as descriptor;
what it cannot reconstruct well, it has probably never seen.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from shapesim.embedders.base import normalised
from shapesim.types import Embeddings
from training.minimising import minimise

SIDE = 64
"""Pixels of the pictures that it takes."""

_CHANNELS = (3, 32, 64, 128, 256)
_BOTTLENECK = 256
_BATCH = 128


class Autoencoder(nn.Module):
    """Four strided convolutions to a bottleneck, and back."""

    def __init__(self) -> None:
        super().__init__()
        down: list[nn.Module] = []
        up: list[nn.Module] = []
        for few, many in pairwise(_CHANNELS):
            down += [nn.Conv2d(few, many, 4, 2, 1), nn.BatchNorm2d(many), nn.ReLU()]
            up = [nn.ConvTranspose2d(many, few, 4, 2, 1), nn.BatchNorm2d(few), nn.ReLU(), *up]
        side = SIDE >> len(_CHANNELS) - 1
        shape = (_CHANNELS[-1], side, side)
        self.encoder = nn.Sequential(
            *down, nn.Flatten(), nn.Linear(int(np.prod(shape)), _BOTTLENECK)
        )
        self.decoder = nn.Sequential(
            nn.Linear(_BOTTLENECK, int(np.prod(shape))), nn.Unflatten(1, shape), *up[:-2]
        )

    @classmethod
    def trained(cls, pictures: NDArray[np.uint8], epochs: int, seed: int = 0) -> Autoencoder:
        """One that has seen (N, 64, 64, 3) pictures, mirrored and shifted a little, too."""
        torch.manual_seed(seed)
        net = cls()
        x = torch.from_numpy(pictures).permute(0, 3, 1, 2)

        def loss_of(_: int) -> Tensor:
            wanted = x[torch.randint(len(x), (_BATCH,))].float() / 255
            if torch.rand(()) < 0.5:
                wanted = wanted.flip(3)
            left, top = torch.randint(0, 9, (2,)).tolist()
            wanted = F.pad(wanted, (4, 4, 4, 4), "replicate")
            wanted = wanted[:, :, top : top + SIDE, left : left + SIDE]
            return F.mse_loss(net.decoder(net.encoder(wanted)), wanted)

        minimise("autoencoder", loss_of, net.parameters(), epochs * (len(x) // _BATCH), 3e-3)
        return net.eval()

    def describe(self, pictures: NDArray[np.uint8]) -> tuple[Embeddings, NDArray[np.float32]]:
        """(N, 64, 64, 3) pictures to (N, 256) unit rows, and how well they are reconstructed.

        The latter is the negative mean squared error over the picture's own variance.
        """
        rows, known = [], []
        with torch.no_grad():
            for start in range(0, len(pictures), _BATCH):
                batch = torch.from_numpy(pictures[start : start + _BATCH])
                x = batch.permute(0, 3, 1, 2).float() / 255
                code = self.encoder(x)
                error = (self.decoder(code) - x).square().mean((1, 2, 3))
                rows.append(code.numpy())
                known.append(-(error / (x.var((1, 2, 3)) + 1e-3)).numpy())
        return normalised(np.concatenate(rows)), np.concatenate(known)
