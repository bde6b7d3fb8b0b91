"""ModelNet10 as occupancy grids, whole and as a depth camera sees them.

Z. Wu et al., "3D ShapeNets: A Deep Representation for Volumetric Shapes", CVPR 2015. For academic
use: weights trained on it serve this benchmark only.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voxel_models.data import GridData

CLASSES = (
    "bathtub", "bed", "chair", "desk", "dresser", "monitor", "night_stand", "sofa", "table",
    "toilet",
)  # fmt: skip
RESOLUTION = 32


@dataclass(frozen=True, slots=True)
class Split:
    """The official split.

    Attributes:
        train: (N, 32, 32, 32) bool, y up, empty grids left out.
        train_labels: (N,) int64 into ``CLASSES``.
        test: (M, 32, 32, 32) bool, all of them.
        test_labels: (M,) int64.
        leaked: (M,) bool, test grids that occur among the training grids, too.
    """

    train: NDArray[np.bool_]
    train_labels: NDArray[np.int64]
    test: NDArray[np.bool_]
    test_labels: NDArray[np.int64]
    leaked: NDArray[np.bool_]


def read_modelnet10(path: Path) -> Split:
    """Reads an ``.npz`` with ``X_train, y_train, X_test, y_test``, grids of 30³ with z up.

    Raises:
        ValueError: the file is none, or holds something else.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            sides = [(data[f"X_{side}"], data[f"y_{side}"]) for side in ("train", "test")]
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(f"{path}: not ModelNet10 as voxels ({error})") from error
    (train, train_labels), (test, test_labels) = [
        (_upright(grids), labels.astype(np.int64).ravel()) for grids, labels in sides
    ]
    known = {grid.tobytes() for grid in train}
    leaked = np.array([grid.tobytes() in known for grid in test])
    full = train.any(axis=(1, 2, 3))
    return Split(train[full], train_labels[full], test, test_labels, leaked)


def _upright(grids: NDArray[np.generic]) -> NDArray[np.bool_]:
    """(N, 30, 30, 30), z up, to (N, 32, 32, 32) bool, y up."""
    cells = grids.reshape(len(grids), *grids.shape[-3:]).astype(bool)
    room = (RESOLUTION - cells.shape[1]) // 2
    return np.pad(cells.swapaxes(2, 3)[..., ::-1], [(0, 0)] + [(room, room)] * 3)


def as_grid_data(split: Split) -> GridData:
    """The training half as ``voxel_models.train`` takes it."""
    packed = np.packbits(split.train.reshape(len(split.train), -1), axis=1)
    return GridData(
        packed=packed[:, None],
        labels=split.train_labels,
        sources=np.zeros(len(packed), np.int64),
        classes=CLASSES,
        resolution=RESOLUTION,
    )


def seen_from_one_side(grid: NDArray[np.bool_], direction: int, slope: float) -> NDArray[np.bool_]:
    """What a depth camera leaves possible: all cells that it did not see to be empty.

    Parallel rays come from one of the four sides, slanting down. In front of the first filled cell
    a ray has shown its cells to be empty; that cell and all behind it may be filled.

    Args:
        grid: (R, R, R) bool, y up.
        direction: quarter turns of the camera about up.
        slope: of the rays, in cells down for each cell forward.

    Returns:
        (R, R, R) bool.
    """
    size = len(grid)
    turned = np.rot90(grid, direction, axes=(0, 2))
    # Slanting rays run straight once every slice is moved up by what they have come down.
    tall = np.zeros((size, 2 * size, size), bool)
    falls = np.round(np.arange(size) * slope).astype(int) % (size + 1)
    for along, fall in enumerate(falls):
        tall[along, fall : fall + size] = turned[along]
    hidden = np.logical_or.accumulate(tall, axis=0)
    back = np.stack([hidden[along, fall : fall + size] for along, fall in enumerate(falls)], axis=0)
    return np.rot90(back, -direction, axes=(0, 2))
