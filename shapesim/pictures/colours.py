"""Colours as screens have them, and as light adds up."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def to_linear(colour: NDArray[Any]) -> NDArray[np.float64]:
    """SRGB values, 0 to 1, to values proportional to light (IEC 61966-2-1)."""
    colour = np.clip(np.asarray(colour, np.float64), 0, 1)
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


def to_srgb(light: NDArray[Any]) -> NDArray[np.float64]:
    """The inverse of ``to_linear``."""
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
