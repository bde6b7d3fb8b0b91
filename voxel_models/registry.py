"""The architectures by name, and their weights in files that cannot run code."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

ARCHITECTURES = {
    "resnet3d": "voxel_models.resnet3d:ResNet3d",
    "posed3d": "voxel_models.resnet3d:PosedResNet3d",
    "completer3d": "voxel_models.completer3d:Completer3d",
    "voxnet": "voxel_models.peers:VoxNet",
    "shapenets3d": "voxel_models.peers:ShapeNets3d",
}
"""Name to the class that builds it, imported when it is asked for."""

WEIGHTS = Path(__file__).parent / "weights"
"""Folder of ``<architecture>.<data>.safetensors`` files and their model cards."""

_MAX_HEADER = 1 << 20
_TOLD = {"architecture", "classes", "resolution"}  # by every weights file


class WeightsError(Exception):
    """Weights are missing, damaged, or do not fit the architecture."""


def pick_device() -> torch.device:
    """CUDA where there is one, else the CPU: vectors made on another device have to be alike."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def list_models() -> list[str]:
    """Names of the weights that ship, as ``architecture.data``."""
    return sorted(path.stem for path in WEIGHTS.glob("*.safetensors"))


def weights_path(name: str | Path) -> Path:
    """The file of weights that ship, or a path to the user's own.

    Raises:
        WeightsError: there is none.
    """
    path = Path(name)
    if path.suffix != ".safetensors":
        path = WEIGHTS / f"{name}.safetensors"
    if not path.is_file():
        if Path(name).is_file():
            raise WeightsError(f"{name}: is no .safetensors file, as weights have to be")
        raise WeightsError(f"no weights '{name}' (there are: {', '.join(list_models())})")
    return path


def weights_info(name: str | Path) -> dict[str, Any]:
    """What a weights file says of itself; reads only its header and needs no torch.

    Returns:
        ``architecture``, ``resolution``, ``dim``, ``parameters``, ``classes`` by name, ``data``,
        ``licence``, ``seed``, ``steps`` and what else ``voxel_models.train`` noted.

    Raises:
        WeightsError: the file is missing or no safetensors file made by ``voxel_models.train``.
    """
    path = weights_path(name)
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > _MAX_HEADER:
                raise ValueError("no safetensors header")
            header = json.loads(file.read(length))
        info = json.loads(header["__metadata__"]["voxel_models"])
        if missing := _TOLD - info.keys():
            raise ValueError(f"it does not say its {', '.join(sorted(missing))}")
        tensors = [entry for key, entry in header.items() if key[0] != "_"]
        info["parameters"] = sum(math.prod(entry["shape"]) for entry in tensors)
        end = max(entry["data_offsets"][1] for entry in tensors)
        if path.stat().st_size != 8 + length + end:
            raise ValueError("the file is cut off")
    except (OSError, ValueError, KeyError, TypeError, struct.error) as error:
        raise WeightsError(f"{path}: not weights of voxel_models ({error})") from error
    return dict(info)


def create_model(name: str | Path, pretrained: bool = False, **options: Any) -> nn.Module:
    """A network by its architecture's name, or a pretrained one by its weights' name.

    Args:
        name: an architecture (``resnet3d``), or with ``pretrained`` weights (``resnet3d.game``, or
            a path to a ``.safetensors`` file).
        pretrained: whether to load weights; the network then comes in evaluation mode.
        **options: of an architecture, such as ``resolution`` and ``dim``; weights have their own.

    Raises:
        WeightsError: the name is unknown, the weights do not fit, or options are given with them.
    """
    if not pretrained:
        return _build(str(name), **options)
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    info = weights_info(name)
    if options:
        raise WeightsError(f"{name}: weights have their own {', '.join(options)}; leave them out")
    options = {key: info[key] for key in ("resolution", "dim") if key in info}
    if info["classes"]:
        options["classes"] = len(info["classes"])
    model = _build(info["architecture"], **options)
    try:
        state: dict[str, Tensor] = load_file(weights_path(name))
        if not all(bool(tensor.isfinite().all()) for tensor in state.values()):
            raise RuntimeError("some are no numbers")
        model.load_state_dict(state)
    except (SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise WeightsError(f"{weights_path(name)}: weights do not fit ({reason})") from error
    return model.eval()


def _build(architecture: str, **options: Any) -> nn.Module:
    from importlib import import_module

    if architecture not in ARCHITECTURES:
        known = ", ".join(sorted(ARCHITECTURES))
        raise WeightsError(f"no architecture '{architecture}' (there are: {known})")
    module, _, name = ARCHITECTURES[architecture].partition(":")
    model: nn.Module = getattr(import_module(module), name)(**options)
    return model
