"""FBX as a tree of nodes, whether the file is binary or text.

The layout of binary files is not published by Autodesk; it is as the Blender Foundation has
described it (https://code.blender.org/2013/08/fbx-binary-file-format-specification/).
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapesim.encoding import as_utf8, numbers_of

_MAGIC = b"Kaydara FBX Binary  \0"
_HEADER = 27  # bytes: the magic, two more, and the version
_WIDE = 7500  # the version from which on offsets have 8 bytes
_DEEPEST = 64
_UNUSED = frozenset(["AnimationCurve", "Deformer", "Pose"])
"""What nobody asks for, and rigs have much of."""
_LEAVES = frozenset(["AnimationCurveNode", "Take"])
"""What is asked for by its name alone."""

_SIZE = struct.Struct("<I")
_SINGLE = {
    "Y": struct.Struct("<h"),
    "I": struct.Struct("<i"),
    "L": struct.Struct("<q"),
    "F": struct.Struct("<f"),
    "D": struct.Struct("<d"),
    "C": struct.Struct("<B"),
    "B": struct.Struct("<B"),
}
_ARRAYS = {"i": "<i4", "l": "<i8", "f": "<f4", "d": "<f8", "b": "<u1", "c": "<u1"}

_FOOTER = b"\xfa\xbc\xab\x09"  # begins what follows the nodes

_NUMBER = rb"[-+]?(?:\.?\d[\w.+#-]*+|(?i:nan|inf)\b(?:\(\w*\))?)"
# As Microsoft's C wrote what is no number.
_NO_NUMBER = re.compile(rb"[-+]?(?:\d*\.#\w+|(?i:nan)\(\w*\))")
_TOKEN = re.compile(
    rb"(?:\s++|;[^\n]*+)*+"
    rb'(?:(?P<string>"[^"]*")'
    rb"|(?P<array>\*(?P<count>\d+)\s*\{\s*a\s*:(?P<items>[^}]*)\})"
    rb"|(?P<name>[A-Za-z_][\w|]*)\s*:"
    rb"|(?P<numbers>%b(?:\s*,\s*%b)*+)"
    rb"|(?P<mark>[{},])"
    rb'|(?P<word>[^\s",{}]+)|$)' % (_NUMBER, _NUMBER)
)
_MOST = 1 << 28  # numbers in an array
_FEW = 64  # numbers, up to which each is a value of its own


@dataclass(slots=True)
class Packed:
    """Many numbers, as the file has them.

    Attributes:
        data: of all of them.
        kind: of each, in binary files; empty of text.
        count: of them; None where the file does not say.
        is_deflated: whether the data are.
    """

    data: bytes
    kind: str = ""
    count: int | None = None
    is_deflated: bool = False

    def numbers(self) -> NDArray[np.float64]:
        """(N,) of them.

        Raises:
            ValueError: they are damaged.
        """
        if not self.kind:
            numbers = _numbers_of(self.data)
            if self.count not in (None, len(numbers)):
                raise ValueError("an array in it is cut off")
            return numbers
        dtype, count = np.dtype(_ARRAYS[self.kind]), self.count or 0
        if count > _MOST:
            raise ValueError("an array in it is too large")
        size = count * dtype.itemsize
        data = self.data
        if self.is_deflated:
            try:
                data = zlib.decompressobj().decompress(data, size)
            except zlib.error as error:
                raise ValueError("an array in it is damaged") from error
        if len(data) < size:
            raise ValueError("an array in it is cut off")
        return np.frombuffer(data, dtype, count).astype(np.float64)


@dataclass(slots=True)
class Node:
    """A named list of values, with nodes below it.

    Attributes:
        name: such as "Geometry".
        values: numbers, texts, bytes, and ``Packed``. Names of objects are "Class::Name".
        children: in their order.
    """

    name: str
    values: list[Any] = field(default_factory=list)
    children: list[Node] = field(default_factory=list)

    def all(self, name: str) -> Iterator[Node]:
        """The children of a name."""
        return (child for child in self.children if child.name == name)

    def first(self, name: str) -> Node:
        """The first child of a name; an empty one where there is none."""
        return next(self.all(name), Node(name))

    def text(self, name: str) -> str:
        """The first value of the first child of a name, where it is text; else nothing."""
        value = next(iter(self.first(name).values), "")
        return value if isinstance(value, str) else ""

    def numbers(self, name: str) -> NDArray[np.float64]:
        """(N,) all numbers of the first child of a name.

        Raises:
            ValueError: they are damaged.
        """
        values = self.first(name).values
        if any(isinstance(value, Packed) for value in values):
            return np.concatenate([v.numbers() for v in values if isinstance(v, Packed)])
        return np.array([v for v in values if isinstance(v, int | float)], np.float64)


def read_nodes(data: bytes) -> Node:
    """The root of a file's nodes.

    Args:
        data: the file.

    Raises:
        ValueError: it is cut off or damaged.
    """
    return _of_binary(data) if data.startswith(_MAGIC) else _of_text(as_utf8(data))


def version_of(data: bytes) -> int:
    """Such as 7400 for FBX 7.4; 0 where the file does not say.

    Args:
        data: the file.
    """
    if data.startswith(_MAGIC) and len(data) >= _HEADER:
        return int(struct.unpack_from("<I", data, _HEADER - 4)[0])
    found = re.search(rb"FBXVersion:\s*(\d{4})", data[:4096])
    return int(found[1]) if found else 0


def _of_binary(data: bytes) -> Node:
    head = struct.Struct("<QQQB" if version_of(data) >= _WIDE else "<IIIB")
    root = Node("")
    try:
        _read_children(data, _HEADER, len(data), head, root, 0)
    except (struct.error, IndexError) as error:
        raise ValueError("it is cut off") from error
    return root


def _read_children(
    data: bytes, at: int, end: int, head: struct.Struct, parent: Node, depth: int
) -> None:
    """Reads nodes up to an empty one, or to the end of their parent."""
    if depth > _DEEPEST:
        raise ValueError("it is damaged")
    while at < end:
        stop, count, size, length = head.unpack_from(data, at)
        if not stop or (not depth and data.startswith(_FOOTER, at)):
            return
        start = at + head.size + length
        if not start <= start + size <= stop:
            raise ValueError("it is damaged")
        if stop > end:
            raise ValueError("it is cut off")
        node = Node(_decoded(data[at + head.size : start]))
        if node.name in _UNUSED:
            at = stop
            continue
        node.values = list(_values(data, start, count))
        if node.name not in _LEAVES:
            _read_children(data, start + size, stop, head, node, depth + 1)
        parent.children.append(node)
        at = stop


def _values(data: bytes, at: int, count: int) -> Iterator[Any]:
    for _ in range(count):
        kind = chr(data[at])
        at += 1
        if kind in "SR":
            start = at + 4
            at = start + _SIZE.unpack_from(data, at)[0]
            content = data[start:at]
            yield content if kind == "R" else _as_name(_decoded(content))
        elif single := _SINGLE.get(kind):
            yield single.unpack_from(data, at)[0]
            at += single.size
        elif kind in _ARRAYS:
            items, is_deflated, size = struct.unpack_from("<III", data, at)
            if not is_deflated:  # some programs do not say how many bytes there are
                size = items * np.dtype(_ARRAYS[kind]).itemsize
            at += 12 + size
            yield Packed(data[at - size : at], kind, items, bool(is_deflated))
        else:
            raise ValueError("it is damaged")


def _decoded(text: bytes) -> str:
    """Of old programs it may be in any encoding; then different names stay different."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _as_name(text: str) -> str:
    """Binary files have names of objects the other way round than text."""
    if "\0" not in text:
        return text
    name, mark, kind = text.partition("\0\x01")
    return f"{kind}::{name}" if mark else text


def _of_text(data: bytes) -> Node:
    root = Node("")
    data = data.rstrip(b"\0\x1a \t\r\n")
    way, node, at = [root], root, 0
    while at < len(data):
        token = _TOKEN.match(data, at)
        if token is None:
            raise ValueError("it is cut off or damaged")
        at = token.end()
        kind = token.lastgroup
        text = token[kind] if kind else b""
        if kind == "name":
            node = Node(token["name"].decode(errors="replace"))
            way[-1].children.append(node)
        elif kind == "string":
            node.values.append(text[1:-1].decode(errors="replace"))
        elif kind == "numbers":
            node.values += _numbers(text)
        elif kind == "array":
            node.values.append(Packed(token["items"], count=int(token["count"])))
        elif kind == "word":
            node.values.append(text.decode(errors="replace"))
        elif text == b"{":
            way.append(node)
        elif text == b"}":
            if len(way) == 1:
                raise ValueError("it is damaged")
            node = way.pop()
    if len(way) > 1:
        raise ValueError("it is cut off")
    return root


def _numbers(text: bytes) -> list[Any]:
    words = text.split(b",", _FEW)
    if len(words) > _FEW:
        return [Packed(text)]
    for kind in (int, float):
        with suppress(ValueError):
            return [kind(word) for word in words]
    return list(map(float, _numbers_of(text)))


def _numbers_of(text: bytes) -> NDArray[np.float64]:
    if b"#" in text or b"(" in text:
        text = _NO_NUMBER.sub(b"nan", text)
    return numbers_of(text.replace(b",", b" "))
