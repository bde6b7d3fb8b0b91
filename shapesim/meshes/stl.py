"""STL, binary with the colours that some programs add to it, or text."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shapesim.encoding import as_utf8, numbers_of
from shapesim.errors import AssetError
from shapesim.meshes.parts import Loaded, Part, by_face_colour
from shapesim.types import Material

_HEAD = 84  # bytes before the triangles: 80 of any kind, and their count
_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("extra", "<u2")])
_NUMBER = rb"\s+([-+]?(?:[\d.][-+.\de]*|nan|inf))"
_CORNER = re.compile(rb"\bvertex" + 3 * _NUMBER, re.IGNORECASE)
_LINE = re.compile(rb"[\r\n][ \t]*vertex[ \t]+([^\r\n]+)", re.IGNORECASE)
_LOOP = re.compile(rb"\bouter\s+loop\b", re.IGNORECASE)
_VALID = 1 << 15
_OWN = re.compile(rb"COLOR=(.{4})", re.DOTALL)  # of the whole, in the head that Magics writes


def load_stl(path: Path) -> Loaded:
    """Loads an STL file, which says neither which axis is up nor its unit.

    Raises:
        AssetError: it is cut off.
    """
    content = path.read_bytes()
    count = int.from_bytes(content[80:_HEAD], "little")
    is_whole = len(content) >= _HEAD + count * _TRIANGLE.itemsize
    # The head of a binary one may begin with "solid", too.
    text = as_utf8(content[: len(content) if not is_whole else 0])
    if text.lstrip()[:5].lower() == b"solid" and 0 not in text[:_HEAD]:
        return Loaded([_read_text(path, text)])
    needed = _HEAD + count * _TRIANGLE.itemsize
    if not is_whole:
        raise AssetError(path, f"is cut off: {len(content)} of {needed} bytes; export it anew")
    more, bytes_behind = divmod(len(content) - needed, _TRIANGLE.itemsize)
    if more and not bytes_behind:  # what else stands there may be anything
        reason = f"holds {count + more} triangles and says {count}; export it anew"
        raise AssetError(path, reason)
    read = np.frombuffer(content, _TRIANGLE, count, _HEAD)
    vertices = read["corners"].reshape(-1, 3).astype(np.float64)
    part = Part(vertices, np.arange(3 * count).reshape(-1, 3), Material())
    colours = _colours(content[:80], read["extra"])
    return Loaded([part] if colours is None else by_face_colour(part, colours))


def _read_text(path: Path, text: bytes) -> Part:
    lower = text.lower()
    if lower.rfind(b"endsolid") < lower.rfind(b"endloop"):
        raise AssetError(path, "is cut off before its end; export it anew")
    count = len(_LOOP.findall(text))
    found = _LINE.findall(text)
    if len(found) != 3 * count:  # it need not be in lines, though that is faster to read
        found = [b" ".join(corner) for corner in _CORNER.findall(text)]
    numbers = numbers_of(b" ".join(found))
    if len(numbers) != 9 * count:
        raise AssetError(path, "has facets that are no triangles, or is damaged; export it anew")
    return Part(numbers.reshape(-1, 3), np.arange(3 * count).reshape(-1, 3), Material())


def _colours(head: bytes, extra: NDArray[np.uint16]) -> NDArray[np.uint8] | None:
    """(F, 4), 5 bits each, as VisCAM or Magics write them; None of a file without."""
    own = _OWN.search(head)
    is_given = (extra & _VALID == 0) & (extra != 0) if own else extra & _VALID != 0
    if not is_given.any():
        return (
            None
            if own is None or not any(own[1])
            else np.tile(np.frombuffer(own[1], np.uint8), (len(extra), 1))
        )
    parts = [extra >> shift & 31 for shift in (10, 5, 0)]  # red, green, blue
    if own:  # the other way round
        parts.reverse()
    given = np.stack(parts, axis=1) * 255 // 31
    colours = np.full((len(extra), 4), (204, 204, 204, 255), np.uint8)
    if own:
        colours[:] = np.frombuffer(own[1], np.uint8)
    colours[is_given, :3] = given[is_given]
    colours[is_given, 3] = 255
    return colours
