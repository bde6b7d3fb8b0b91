"""3D convolutional networks over occupancy grids: torch and numpy only, no dependence on shapesim.

Importing this package does not import torch; creating a model does.
"""

from voxel_models.registry import (
    WeightsError,
    create_model,
    list_models,
    pick_device,
    weights_info,
)

__all__ = ["WeightsError", "create_model", "list_models", "pick_device", "weights_info"]
