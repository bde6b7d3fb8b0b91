"""Moving grids between frames: of a part, which is all one has at first, and of the whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PART = 0.6
"""Share of the grid that a part takes while it is unknown how large the whole is."""

_BORDER = 1.05  # cells left empty at each side, as around a voxelised mesh


@dataclass(frozen=True, slots=True)
class Frame:
    """An upright cylinder in cells of another grid.

    Attributes:
        centre: (3,) its middle.
        size: its diameter or height, whichever is larger.
    """

    centre: NDArray[np.float64]
    size: float


def frame_of(grid: NDArray[np.bool_]) -> Frame:
    """The upright cylinder around the middle of the bounding box that holds all filled cells.

    Args:
        grid: (R, R, R) bool, y up, not empty.
    """
    cells = np.argwhere(grid)
    low, high = cells.min(axis=0), cells.max(axis=0) + 1
    centre = (low + high) / 2
    across = np.abs(cells[:, [0, 2]] + 0.5 - centre[[0, 2]])
    radius = float(np.hypot(across[:, 0], across[:, 1]).max()) + 0.5
    return Frame(centre, max(2 * radius, float(high[1] - low[1])))


def reframed(
    grid: NDArray[np.bool_], frame: Frame, resolution: int, share: float = 1.0
) -> NDArray[np.bool_]:
    """What a grid holds as seen in a frame; what lies beyond it is cut off.

    Where the new cells are the larger ones, each is filled that any old one falls into, so that
    nothing thin is lost; where they are the smaller ones, each takes the old one it lies in.

    Args:
        grid: (S, S, S) bool.
        frame: in cells of ``grid``.
        resolution: R.
        share: of the new grid that the frame takes.

    Returns:
        (R, R, R) bool.
    """
    scale = share * (resolution - 2 * _BORDER) / frame.size
    moved = np.zeros((resolution,) * 3, bool)
    if scale <= 1:
        cells = np.argwhere(grid)
        places = np.floor((cells + 0.5 - frame.centre) * scale + resolution / 2).astype(np.int64)
        inside = ((places >= 0) & (places < resolution)).all(axis=1)
        moved[tuple(places[inside].T)] = True
        return moved
    middles = np.arange(resolution) + 0.5 - resolution / 2
    rows = [np.floor(middles / scale + centre).astype(np.int64) for centre in frame.centre]
    within = [(row >= 0) & (row < len(grid)) for row in rows]
    clipped = [row.clip(0, len(grid) - 1) for row in rows]
    mask = within[0][:, None, None] & within[1][:, None] & within[2]
    moved[:] = grid[np.ix_(*clipped)] & mask
    return moved


def shown_from(frame: Frame, resolution: int, share: float, of: Frame) -> Frame:
    """A frame in cells of the grid that ``reframed`` made, in cells of the grid it was made from.

    Args:
        frame: by which the grid was made.
        resolution: R of the grid that was made.
        share: of it that the frame took.
        of: in cells of the grid that was made.
    """
    scale = share * (resolution - 2 * _BORDER) / frame.size
    return Frame((of.centre - resolution / 2) / scale + frame.centre, of.size / scale)


def from_cells(frame: Frame, resolution: int) -> tuple[float, NDArray[np.float64]]:
    """Factor and offset from a grid that ``reframed`` made to the grid it was made from."""
    scale = (resolution - 2 * _BORDER) / frame.size
    return 1 / scale, frame.centre - resolution / 2 / scale
