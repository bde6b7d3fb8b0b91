"""Colours for what has none: many of the meshes that are trained on are grey, as games' are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from trimesh.graph import connected_component_labels

from shapesim.types import Material, Mesh

_GREY = 0.05  # by which a grey material's red, green and blue may be apart


def painted(mesh: Mesh, rng: np.random.Generator) -> Mesh:
    """A mesh that is grey all over, in a few colours, as games' assets are; any other as it is."""
    has_colours = mesh.colours is not None or any(
        material.texture or np.ptp(material.colour[:3]) > _GREY for material in mesh.materials
    )
    if has_colours:
        return mesh
    colours = rng.uniform(0, 1, (int(rng.integers(2, 5)), 3)) ** 2
    piece = np.unique(shells(mesh), return_inverse=True)[1]
    which = rng.integers(len(colours), size=piece.max() + 1)[piece]
    paints = tuple(Material(colour=(*colour, 1.0)) for colour in colours.tolist())
    return replace(mesh, materials=paints, face_materials=which)


def shells(mesh: Mesh) -> NDArray[np.int64]:
    """(F,) number of the connected surface that each face belongs to."""
    corners = np.unique(mesh.vertices, axis=0, return_inverse=True)[1].reshape(-1)[mesh.faces]
    edges = np.concatenate([corners[:, :2], corners[:, 1:]])
    count = len(mesh.vertices)
    numbers = connected_component_labels(edges, node_count=count)  # type: ignore[no-untyped-call]
    return np.asarray(numbers[corners[:, 0]], np.int64)
