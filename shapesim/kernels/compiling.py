"""Machine code, made at the first use on a machine."""

from __future__ import annotations

from typing import Any

from numba import njit


def compiled(function: Any) -> Any:
    """The function in machine code, cached where there is a place to write to.

    It takes arrays in C order, and lets other threads run.
    """
    try:
        return njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:  # neither beside this file nor in the user's cache
        return njit(nogil=True, error_model="numpy")(function)
