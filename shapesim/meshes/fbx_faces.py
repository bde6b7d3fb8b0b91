"""The faces of an FBX geometry, and what their corners have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shapesim.errors import AssetError
from shapesim.meshes.fbx_nodes import Node
from shapesim.meshes.polygons import triangulate_all


@dataclass(slots=True)
class Layer:
    """What the corners of a geometry have in one respect.

    Attributes:
        name: of the layer.
        table: (N, width) values; the last row, NaN, is of corners that have none.
        rows: (C,) of the table, by corner.
    """

    name: str
    table: NDArray[np.float64]
    rows: NDArray[np.int64]

    def of(self, corners: NDArray[np.int64]) -> NDArray[np.float64]:
        """(N, width) values of (N,) corners."""
        return self.table[self.rows[corners]]


@dataclass(slots=True)
class Faces:
    """The triangles of a geometry.

    Attributes:
        points: (V, 3).
        corners: (C,) points of the corners of all polygons.
        triangles: (T, 3) places in ``corners``.
        looks: (T, 2) numbers of their materials, and before version 7 of their textures.
        uvs: layers that say something; faces may have several.
        colours: RGBA, 0 to 1.
        normals: of any length.
    """

    points: NDArray[np.float64]
    corners: NDArray[np.int64]
    triangles: NDArray[np.int64]
    looks: NDArray[np.int64]
    uvs: list[Layer]
    colours: list[Layer]
    normals: list[Layer]


def read_faces(path: Path, geometry: Node) -> Faces:
    """The polygons of a geometry as triangles; loose edges and points are none.

    Args:
        path: of the file.
        geometry: with vertices and polygons.

    Raises:
        AssetError: polygons name vertices that are not there.
        ValueError: an array is damaged.
    """
    points = _table(geometry.numbers("Vertices"), 3)
    indices = geometry.numbers("PolygonVertexIndex").astype(np.int64)
    ends = np.flatnonzero(indices < 0)  # the last corner of each polygon is written as -1 - corner
    corners = np.where(indices < 0, ~indices, indices)[: ends[-1] + 1 if len(ends) else 0]
    if len(corners) and corners.max() >= len(points):
        raise AssetError(path, "has faces that name missing vertices; export it anew")
    counts = np.diff(ends, prepend=-1)
    triangles, polygons = triangulate_all(points, counts, corners)
    places = {
        "ByPolygonVertex": np.arange(len(corners)),
        "ByVertice": corners,
        "ByVertex": corners,
        "ByPolygon": np.repeat(np.arange(len(counts)), counts),
        "AllSame": np.zeros(len(corners), np.int64),
    }
    looks = [
        _numbers(geometry.first("LayerElementMaterial"), "Materials", len(counts), 0),
        _numbers(geometry.first("LayerElementTexture"), "TextureId", len(counts), -1),
    ]
    return Faces(
        points,
        corners,
        triangles,
        np.stack(looks, axis=1)[polygons],
        uvs=_layers(geometry.all("LayerElementUV"), "UV", 2, "UVIndex", places),
        colours=_layers(geometry.all("LayerElementColor"), "Colors", 4, "ColorIndex", places),
        normals=_layers(geometry.all("LayerElementNormal"), "Normals", 3, "NormalsIndex", places),
    )


def _layers(
    nodes: Iterable[Node],
    values: str,
    width: int,
    index: str,
    places: Mapping[str, NDArray[np.int64]],
) -> list[Layer]:
    """Those of some nodes that say something of corners.

    Args:
        nodes: one for each layer.
        values: the node of its values.
        width: how many numbers each value has.
        index: the node by which values are chosen, if there is one.
        places: (C,) where corners look, by what a layer calls it.
    """
    layers = []
    for node in nodes:
        table = np.vstack([_table(node.numbers(values), width), np.full((1, width), np.nan)])
        rows = places.get(node.text("MappingInformationType"))
        if rows is None or len(table) == 1:  # by edge, or empty
            continue
        if node.text("ReferenceInformationType") != "Direct" and any(node.all(index)):
            indices = np.append(node.numbers(index).astype(np.int64), -1)
            rows = indices[np.minimum(rows, len(indices) - 1)]
        rows = np.where((rows >= 0) & (rows < len(table)), rows, len(table) - 1)
        layers.append(Layer(node.text("Name"), table, rows))
    return layers


def _numbers(layer: Node, name: str, count: int, fill: int) -> NDArray[np.int64]:
    """(P,) the material or texture of each polygon, by its place among the model's."""
    numbers = layer.numbers(name).astype(np.int64)
    if layer.text("MappingInformationType") == "ByPolygon":
        return np.concatenate([numbers[:count], np.full(max(0, count - len(numbers)), fill)])
    return np.full(count, numbers[0] if len(numbers) else fill)


def _table(numbers: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """(N, width), without what is left over."""
    return numbers[: len(numbers) // width * width].reshape(-1, width)
