"""Any network of the timm library, by weights that the user has."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapesim.embedders.base import Embedder, normalised
from shapesim.embedders.look import CAMERAS
from shapesim.errors import WeightsError
from shapesim.pictures.images import framed
from shapesim.types import Embeddings, Mesh, Raster

# Changes when the same item and weights would give another vector.
_PREPROCESSING = "timm-1"


class TimmEmbedder(Embedder):
    """Embeds by what an image network sees of views, or of a picture; there is no training here.

    Args:
        model: the network's name in timm (R. Wightman, "PyTorch Image Models", 2019), such as
            ``convnext_tiny.in12k``.
        weights: its weights as timm saves them, ``.safetensors``, ``.pth`` or ``.bin``. Nothing but
            tensors is read of the latter two.

    Raises:
        WeightsError: timm is not installed or has no such network, or the weights are not its.
    """

    batch_size = 8  # items, of 12 views each

    def __init__(self, model: str, weights: Path) -> None:
        self.name, self.space = model, f"timm-{model}"
        self._file = weights
        try:
            digest = hashlib.sha256(weights.read_bytes() + f"{_PREPROCESSING} {model}".encode())
        except OSError as error:
            raise WeightsError(f"{weights}: cannot be read ({error.strerror})") from error
        self.fingerprint = digest.hexdigest()[:16]
        config = self._network.pretrained_cfg
        self._side = int(config["input_size"][1])
        # Which of its features a network gives without its classes, is not told by all.
        self.dim = self._run(np.zeros((1, self._side, self._side, 3), np.float32)).shape[1]
        self._mean, self._deviation = (np.array(config[key], np.float32) for key in ("mean", "std"))

    @property
    def option(self) -> str:
        """See ``Embedder``."""
        return f"timm:{self.name}={self._file}"

    def prepare(self, item: Mesh | Raster) -> NDArray[np.uint8]:
        """(P, S, S, 3) uint8: a mesh's views on white, or the one picture, squared."""
        if isinstance(item, Mesh):
            from shapesim.rendering.views import on_background, render  # in workers: takes a while

            return on_background(render(item, list(CAMERAS), self._side))
        return framed(item, self._side)[None]

    def thumbnail(self, prepared: NDArray[np.uint8]) -> Raster:
        """See ``Embedder``: the first view."""
        first: Raster = prepared[0]
        return first

    def embed_batch(self, prepared: Sequence[NDArray[np.uint8]]) -> Embeddings:
        """See ``Embedder``: the mean of the views' unit rows."""
        shares = (np.concatenate(prepared) / np.float32(255) - self._mean) / self._deviation
        rows = self._run(np.asarray(shares, np.float32))
        starts = np.cumsum([0, *(len(views) for views in prepared[:-1])])
        return normalised(np.add.reduceat(normalised(rows), starts))

    def _run(self, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, S, S, 3) to (N, D)."""
        import torch

        with torch.inference_mode():
            rows = self._network(torch.from_numpy(pictures).permute(0, 3, 1, 2))
        return np.asarray(rows.float().numpy(), np.float32)

    @cached_property
    def _network(self) -> Any:
        try:
            import timm
        except ImportError as error:
            raise WeightsError("networks of timm need 'pip install shapesim[timm]'") from error
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            raise WeightsError(
                f"timm cannot be loaded ({reason}); install the torchvision that belongs to this"
                " torch"
            ) from error
        try:
            network = timm.create_model(self.name, pretrained=False, num_classes=0)
        except (RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise WeightsError(f"timm has no network '{self.name}' ({reason})") from error
        _fill(network, self._file)
        return network.eval()


def _fill(network: Any, file: Path) -> None:
    """Loads weights; what is in the file for classes only is left out."""
    import pickle

    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = (
            load_file(file)
            if file.suffix == ".safetensors"
            else torch.load(file, map_location="cpu", weights_only=True)
        )
        state = state.get("state_dict", state)
        found = network.load_state_dict(state, strict=False)
    except (
        OSError,
        SafetensorError,
        RuntimeError,
        AttributeError,
        EOFError,
        IndexError,
        pickle.UnpicklingError,
    ) as error:
        # The first line only says that there are some.
        reason = (str(error).splitlines() or ["it is cut off"])[-1].strip()
        raise WeightsError(f"{file}: no weights of this network ({reason})") from error
    heads = network.pretrained_cfg.get("classifier") or "head"
    heads = (heads,) if isinstance(heads, str) else tuple(heads)
    foreign = [name for name in found.unexpected_keys if not name.startswith(heads)]
    if found.missing_keys or foreign:
        raise WeightsError(
            f"{file}: no weights of this network (it lacks {len(found.missing_keys)} of its tensors"
            f" and has {len(foreign)} others)"
        )
