"""Shape: the voxel network over an asset's occupancy grid."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import voxel_models
from shapesim.embedders.base import Embedder, normalised
from shapesim.errors import WeightsError
from shapesim.types import Embeddings, Mesh, Raster
from shapesim.voxels import voxelise
from voxel_models.registry import weights_path

if TYPE_CHECKING:
    from torch import nn

# Changes when the same mesh and weights would give another vector.
_PREPROCESSING = "cylinder-1"
_DEFAULT = "resnet3d.game"
# Grids at a time: on a CPU, the layers of larger batches no longer stay in its cache.
_GRIDS = 16


class ShapeEmbedder(Embedder):
    """Embeds meshes by shape, alike for every turn about up.

    A vector is the mean over the grid's four quarter turns; the network has learnt to ignore
    the angles between them.

    Args:
        weights: a name from ``voxel_models.list_models()``, or a path to a ``.safetensors`` file.

    Raises:
        WeightsError: there are no such weights.
    """

    space = "shape"

    def __init__(self, weights: str | Path = _DEFAULT) -> None:
        try:
            info = voxel_models.weights_info(weights)
            path = weights_path(weights).absolute()
            content = path.read_bytes()
        except voxel_models.WeightsError as error:
            raise WeightsError(str(error)) from error
        if "dim" not in info:
            raise WeightsError(f"{weights}: is no network that embeds shapes")
        is_own = Path(weights).suffix == path.suffix
        self._weights = str(path) if is_own else str(weights)
        self.name = path.stem
        self.dim = int(info["dim"])
        self.resolution = int(info["resolution"])
        digest = hashlib.sha256(content)
        digest.update(_PREPROCESSING.encode())
        self.fingerprint = digest.hexdigest()[:16]

    @property
    def option(self) -> str:
        """See ``Embedder``."""
        return self.space if self._weights == _DEFAULT else f"{self.space}:{self._weights}"

    def prepare(self, item: Mesh | Raster) -> NDArray[np.uint8]:
        """(R³ / 8,) uint8: the occupancy grid as numpy.packbits packs it."""
        if not isinstance(item, Mesh):
            raise TypeError("a picture has no shape; embed it by look")
        return np.packbits(voxelise(item, self.resolution))

    def embed_batch(self, prepared: Sequence[NDArray[np.uint8]]) -> Embeddings:
        """See ``Embedder``."""
        import torch

        from voxel_models.inference import half_precision

        grids = np.unpackbits(np.stack(prepared), axis=1).reshape(-1, *(self.resolution,) * 3)
        turned = np.concatenate([np.rot90(grids, turn, axes=(1, 3)) for turn in range(4)])
        device = next(self._model.parameters()).device
        with torch.inference_mode(), half_precision(device):
            parts = [
                self._model(torch.from_numpy(turned[start : start + _GRIDS]).to(device))
                for start in range(0, len(turned), _GRIDS)
            ]
        rows = torch.cat(parts).float().cpu().numpy()
        return normalised(rows.reshape(4, len(prepared), -1).mean(axis=0))

    def load(self) -> None:
        """See ``Embedder``."""
        _ = self._model

    @cached_property
    def _model(self) -> nn.Module:
        try:
            model = voxel_models.create_model(self._weights, pretrained=True)
        except voxel_models.WeightsError as error:
            raise WeightsError(str(error)) from error
        from voxel_models.inference import fold_norms

        return fold_norms(model).to(voxel_models.pick_device())
