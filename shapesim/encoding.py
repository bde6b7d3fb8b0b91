"""Text files, in whatever encoding they were written, and the numbers in them."""

from __future__ import annotations

import codecs
import warnings
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray


def as_utf8(text: bytes) -> bytes:
    """Text as UTF-8 without a mark; what is neither that nor UTF-16 is taken for Windows-1252."""
    if text.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return text.decode("utf-16", errors="replace").encode()
    with suppress(UnicodeDecodeError):
        text.decode()
        return text.removeprefix(codecs.BOM_UTF8)
    with suppress(UnicodeDecodeError):
        return text.decode("cp1252").encode()
    return text.decode("latin-1").encode()


def numbers_of(text: str | bytes) -> NDArray[np.float64]:
    """All numbers of a text, with spaces or line ends between them.

    Raises:
        ValueError: something in it is none.
    """
    if not text.strip():  # of which numpy makes a -1
        return np.zeros(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", DeprecationWarning)  # which earlier numpy gives instead
            return np.fromstring(text, np.float64, sep=" ")
    except (ValueError, DeprecationWarning) as error:
        raise ValueError("something in it is no number") from error
