"""Gives an incomplete mesh, such as a scan from one side, its missing parts back."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import voxel_models
from shapesim.errors import WeightsError
from shapesim.types import Material, Mesh, Voxels
from shapesim.voxels import grid_transform, voxelise

if TYPE_CHECKING:
    from torch import nn

_PART = 64  # cells: finer than the whole, which may be twice as large


class Completer:
    """Completes shapes by a network that has seen many whole ones.

    The method is that of ``voxel_models.inference.complete``.

    Args:
        weights: a name from ``voxel_models.list_models()``, or a path to a ``.safetensors`` file.

    Raises:
        WeightsError: there are no such weights.
    """

    def __init__(self, weights: str = "completer3d.game") -> None:
        try:
            info = voxel_models.weights_info(weights)
        except voxel_models.WeightsError as error:
            raise WeightsError(str(error)) from error
        if info["architecture"] != "completer3d":
            raise WeightsError(f"{weights}: completes no shapes; use completer3d weights")
        self._weights = weights
        self.resolution = int(info["resolution"])

    def prepare(self, mesh: Mesh) -> NDArray[np.uint8]:
        """(S³ / 8,) uint8: the part's cells as numpy.packbits packs them."""
        return np.packbits(voxelise(mesh, _PART))

    def complete(self, prepared: NDArray[np.uint8]) -> Voxels:
        """(R, R, R) bool, y up: the whole's grid in its own frame.

        Args:
            prepared: what ``prepare`` gave.
        """
        from voxel_models.inference import complete

        part = np.unpackbits(prepared).reshape((_PART,) * 3).astype(bool)
        shares, _ = complete(self._model, part)
        return shares > 0.5

    def complete_mesh(self, mesh: Mesh) -> Mesh:
        """The whole as a closed surface, in the coordinates and the unit of the part.

        W. Lorensen and H. Cline, "Marching Cubes: A High Resolution 3D Surface Construction
        Algorithm", SIGGRAPH 1987.
        """
        from skimage.measure import marching_cubes

        from voxel_models.frames import from_cells
        from voxel_models.inference import complete

        part = voxelise(mesh, _PART)
        shares, frame = complete(self._model, part)
        vertices, faces, *_ = marching_cubes(np.pad(shares, 1), 0.5)  # type: ignore
        factor, offset = from_cells(frame, self.resolution)
        # Cells are counted from their corners here, and from their middles there; one is the pad.
        cells = (vertices - 0.5) * factor + offset
        back = np.linalg.inv(grid_transform(mesh, _PART))
        return Mesh(
            vertices=cells @ back[:3, :3].T + back[:3, 3],
            faces=faces[:, ::-1].astype(np.int64),
            materials=(Material(),),
            face_materials=np.zeros(len(faces), np.int64),
            unit=mesh.unit,
        )

    @cached_property
    def _model(self) -> nn.Module:
        try:
            model = voxel_models.create_model(self._weights, pretrained=True)
        except voxel_models.WeightsError as error:
            raise WeightsError(str(error)) from error
        from voxel_models.inference import fold_norms

        return fold_norms(model).to(voxel_models.pick_device())

    def load(self) -> None:
        """Reads the weights, which else waits until they are needed."""
        _ = self._model

    def __getstate__(self) -> dict[str, Any]:
        """Workers prepare only: the network stays behind."""
        return {key: value for key, value in self.__dict__.items() if key != "_model"}
