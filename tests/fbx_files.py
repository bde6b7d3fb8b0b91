"""FBX written by hand: trees of nodes, as text and as bytes."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

CORNERS = np.array([[x, y, z] for z in (0, 3) for y in (0, 2) for x in (0, 1)], np.float64)
SIDES = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]


@dataclass
class N:
    """A node, as it is to be written: arrays are lists."""

    name: str
    values: Sequence[Any] = ()
    children: Sequence[N] = field(default_factory=list)


def as_text(nodes: Sequence[N]) -> bytes:
    """FBX as text, of nodes in a row."""

    def value(one: Any) -> str:
        if isinstance(one, bytes):
            return f',"{base64.b64encode(one).decode()}"'
        return f'"{one}"' if isinstance(one, str) else repr(one)

    def lines(node: N, depth: int) -> Iterator[str]:
        indent = "\t" * depth
        if node.values and isinstance(node.values[0], list):
            numbers = ",".join(map(repr, node.values[0]))
            yield f"{indent}{node.name}: *{len(node.values[0])} {{\n{indent}\ta: {numbers}"
            yield indent + "}"
            return
        head = f"{indent}{node.name}: {', '.join(map(value, node.values))}"
        yield head + " {" * bool(node.children or not node.values)
        for child in node.children:
            yield from lines(child, depth + 1)
        if node.children or not node.values:
            yield indent + "}"

    body = [line for node in nodes for line in lines(node, 0)]
    return "\n".join(["; FBX 7.4.0 project file", *body, ""]).encode()


def as_binary(nodes: Sequence[N], version: int, deflated: bool) -> bytes:
    """FBX as bytes, of nodes in a row."""
    head = "<QQQB" if version >= 7500 else "<IIIB"
    size = struct.calcsize(head)

    def value(one: Any) -> bytes:
        if isinstance(one, list):
            kind = "d" if any(isinstance(number, float) for number in one) else "i"
            data = np.array(one, "<f8" if kind == "d" else "<i4").tobytes()
            data = zlib.compress(data) if deflated else data
            return kind.encode() + struct.pack("<III", len(one), deflated, len(data)) + data
        if isinstance(one, int | float):
            return (
                b"L" + struct.pack("<q", one)
                if isinstance(one, int)
                else (b"D" + struct.pack("<d", one))
            )
        kind, mark, name = one.partition("::") if isinstance(one, str) else ("", "", "")
        data = one if isinstance(one, bytes) else f"{name}\0\x01{kind}".encode()
        if isinstance(one, str) and not mark:
            data = one.encode()
        letter = b"R" if isinstance(one, bytes) else b"S"
        return letter + struct.pack("<I", len(data)) + data

    def written(node: N, start: int) -> bytes:
        name = node.name.encode()
        values = b"".join(map(value, node.values))
        at = start + size + len(name) + len(values)
        body = b""
        for child in node.children:
            body += written(child, at + len(body))
        body += bytes(size) * bool(node.children)
        first = struct.pack(head, at + len(body), len(node.values), len(values), len(name))
        return first + name + values + body

    data = b"Kaydara FBX Binary  \0\x1a\0" + struct.pack("<I", version)
    for node in nodes:
        data += written(node, len(data))
    return data + bytes(size + 16)


def properties(**given: Any) -> N:
    """Properties of an object; "Lcl_" stands for "Lcl "."""
    return N(
        "Properties70",
        (),
        [
            N("P", (name.replace("Lcl_", "Lcl "), "", "", "A", *np.atleast_1d(value).tolist()))
            for name, value in given.items()
        ],
    )


def geometry(
    id: int, *layers: N, polygons: Sequence[Sequence[int]] = SIDES, kind: str = "Mesh"
) -> N:
    """A box of 1 × 2 × 3, or other polygons of its corners."""
    indices = [i for polygon in polygons for i in (*polygon[:-1], -1 - polygon[-1])]
    vertices = [N("Vertices", (CORNERS.ravel().tolist(),)), N("PolygonVertexIndex", (indices,))]
    return N("Geometry", (id, "Geometry::box", kind), [*vertices, *layers])


def layer(name: str, mapping: str, **arrays: list[Any]) -> N:
    """What corners or faces have in one respect."""
    reference = "IndexToDirect" if len(arrays) > 1 or "Materials" in arrays else "Direct"
    first = [("MappingInformationType", mapping), ("ReferenceInformationType", reference)]
    nodes = [N(key, (value,)) for key, value in [*first, *arrays.items()]]
    return N(f"LayerElement{name}", (0,), nodes)


def model(id: int, *children: N, kind: str = "Mesh", **given: Any) -> N:
    """A model."""
    return N("Model", (id, f"Model::{id}", kind), [properties(**given), *children])


def material(id: int, colour: Sequence[float]) -> N:
    """A material of one colour."""
    return N("Material", (id, f"Material::{id}", ""), [properties(DiffuseColor=colour)])


def document(objects: Sequence[N], *links: tuple[Any, ...], **settings: Any) -> list[N]:
    """All of a file; a link has a child, its parent, and at times a property."""
    return [
        N("FBXHeaderExtension", (), [N("FBXVersion", (7400,)), N("Creator", ("by hand",))]),
        N("GlobalSettings", (), [properties(UnitScaleFactor=2.5, **settings)]),
        N("Objects", (), objects),
        N("Connections", (), [N("C", ("OP" if link[2:] else "OO", *link)) for link in links]),
    ]
