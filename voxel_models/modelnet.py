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
YAWS = 4


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
        (train, train_labels), (test, test_labels) = [
            (_upright(grids), labels.astype(np.int64).ravel()) for grids, labels in sides
        ]
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(f"{path}: not ModelNet10 as voxels ({error})") from error
    for labels, grids in ((train_labels, train), (test_labels, test)):
        if len(labels) != len(grids) or not set(labels.tolist()) <= set(range(len(CLASSES))):
            raise ValueError(f"{path}: a grid's label is not one of the {len(CLASSES)} classes")
    known = {grid.tobytes() for grid in train}
    leaked = np.array([grid.tobytes() in known for grid in test])
    full = train.any(axis=(1, 2, 3))
    return Split(train[full], train_labels[full], test, test_labels, leaked)


def _upright(grids: NDArray[np.generic]) -> NDArray[np.bool_]:
    """(N, 30, 30, 30), z up, to (N, 32, 32, 32) bool, y up."""
    sides = set(grids.shape[-3:])
    if grids.ndim < 4 or not len(grids) or len(sides) != 1 or max(sides) > RESOLUTION:
        raise ValueError(f"grids of {grids.shape}, not (N, 30, 30, 30)")
    cells = grids.reshape(len(grids), *grids.shape[-3:]).astype(bool)
    room = (RESOLUTION - cells.shape[1]) // 2
    return np.pad(cells.swapaxes(2, 3)[..., ::-1], [(0, 0)] + [(room, room)] * 3)


def as_grid_data(split: Split) -> GridData:
    """The training half as ``voxel_models.train`` takes it, each grid in its eight poses.

    Which of the four yaws it stands in belongs to its class, as in N. Sedaghat et al.,
    "Orientation-boosted Voxel Nets for 3D Object Recognition", BMVC 2017: a network that has to
    tell how a shape stands learns what is its front. Class and yaw are counted so that
    ``(label, yaw)`` is ``label * 4 + yaw``.
    """
    copies = [
        np.packbits(pose.reshape(len(pose), -1), axis=1)[:, None] for pose in poses(split.train)
    ]
    labels = [split.train_labels * YAWS + pose % YAWS for pose in range(len(copies))]
    return GridData(
        packed=np.concatenate(copies),
        labels=np.concatenate(labels),
        sources=np.zeros(len(copies) * len(split.train), np.int64),
        classes=tuple(f"{name}/{yaw}" for name in CLASSES for yaw in range(YAWS)),
        resolution=RESOLUTION,
    )


def poses(grids: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """(N, R, R, R) in its four quarter turns, then its mirror image in them."""
    return [
        np.rot90(side, yaw, axes=(1, 3)) for side in (grids, grids[:, ::-1]) for yaw in range(YAWS)
    ]
