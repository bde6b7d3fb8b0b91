"""Meshes with fewer triangles, for what is shown only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shapesim.types import Mesh

_CELLS = 2**20  # along the longest side: vertices of one cell are one


def simplified(mesh: Mesh, triangles: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """A surface of about so many triangles, or fewer, near that of a mesh.

    By quadric error metrics (M. Garland and P. Heckbert, "Surface Simplification Using Quadric
    Error Metrics", SIGGRAPH 1997), after vertices at one place are made one: files repeat them
    where texture coordinates or normals break, and the surface would tear there.

    Args:
        mesh: any.
        triangles: at least 1.

    Returns:
        (V, 3) float64 vertices and (F, 3) int64 faces.
    """
    import fast_simplification

    low = mesh.corners.min(axis=0)
    size = max(float(mesh.extents.max()), 1e-30)
    cells = np.round((mesh.vertices - low) * (_CELLS / size)).astype(np.int64)
    _, rows, numbers = np.unique(cells, axis=0, return_index=True, return_inverse=True)
    vertices = (
        mesh.vertices[rows] - low
    ) / size  # numbers near 1: the library calculates in float32
    faces = numbers.reshape(-1)[mesh.faces]
    proper = (faces != np.roll(faces, 1, axis=1)).all(axis=1)
    faces = faces[proper]
    if len(faces) > triangles:
        vertices, faces = fast_simplification.simplify(
            vertices.astype(np.float32), faces.astype(np.int32), target_count=triangles
        )
    return vertices.astype(np.float64) * size + low, faces.astype(np.int64)
