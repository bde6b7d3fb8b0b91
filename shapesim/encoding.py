"""Text files in whatever encoding they were written."""

from __future__ import annotations

import codecs


def as_utf8(text: bytes) -> bytes:
    """Text as UTF-8 without a mark; what is neither that nor UTF-16 is taken for Latin-1."""
    try:
        text.decode()
    except UnicodeDecodeError:
        is_wide = text.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return text.decode("utf-16" if is_wide else "latin-1", errors="replace").encode()
    return text.removeprefix(codecs.BOM_UTF8)
