"""Whether one mesh is a copy of another with fewer triangles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from shapesim.fitting.surfaces import Surface
from shapesim.fitting.transforms import fit, kept_corners, separations
from shapesim.meshes.simplifying import simplified
from shapesim.types import Mesh

_FARTHEST = 0.08  # of the size: root mean square
_DISTANCE, _MOST = 0.06, 0.95  # of the size: within which most of a copy's surface is
_OVERLAP = 0.6  # least IoU then
_FEWEST = 20  # triangles: of fewer, much may be a simplification
_KEPT = 0.1  # of the corners: simplifying leaves many where they were, another shape shares none
_SURELY = -1.0  # logarithm of how much nearer to our own simplification than either is to the whole
_DOUBT = 2.0
_NOISE = 1e-4  # of the size


def simplification_doubt(one: Mesh, other: Mesh) -> float:
    """How little one mesh looks like a simplification of the other; infinite for what is none.

    The finer one is simplified to as many triangles as the coarser has. A copy is as far from the
    original as that is, and nearer to it than either is to the original. Of a kit's like shapes one
    has parts that the other lacks, which is nearer or farther than simplifying would be, and
    elsewhere. Weights and limits were chosen over copies that two programs simplified, and over
    what else is alike in a store (benchmarks/duplicates.py).

    Args:
        one: y up, any unit, wherever it stands.
        other: likewise.
    """
    query, asset = Surface(one), Surface(other)
    found = fit(query, asset)
    transform, kept = kept_corners(query, asset, found.transform)
    apart = separations(query, asset, transform)
    if _mean(apart) > _FARTHEST:
        return np.inf
    fine, coarse, there = query, asset, transform
    if len(one.faces) < len(other.faces):
        fine, coarse, there = asset, query, np.asarray(np.linalg.inv(transform), np.float64)
    own = Surface(_simplification(fine.mesh, len(coarse.mesh.faces)))
    of_copy, of_own, between = (
        np.log(_mean(gaps) + _NOISE)
        for gaps in (apart, separations(fine, own, np.eye(4)), separations(own, coarse, there))
    )
    nearer = between - max(of_copy, of_own)
    doubt = float(2 * abs(of_copy - of_own) + 3 * nearer)
    is_likely = nearer < _SURELY or (
        doubt < _DOUBT
        and len(coarse.mesh.faces) >= _FEWEST
        and kept >= _KEPT
        and np.quantile(apart, _MOST) <= _DISTANCE
        and found.iou >= _OVERLAP
    )
    return doubt if is_likely else np.inf


def _simplification(mesh: Mesh, triangles: int) -> Mesh:
    vertices, faces = simplified(mesh, triangles)
    return replace(
        mesh.without_colours(),
        vertices=vertices,
        faces=faces,
        face_materials=np.zeros(len(faces), np.int64),
        normals=None,
    )


def _mean(gaps: NDArray[np.float64]) -> float:
    """Root mean square."""
    return float(np.sqrt((gaps**2).mean()))
