"""New shapes out of known ones: deformed, broken, put together with others of their pack.

A network that learns from how another sees shapes needs many of them, and any shape will do.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from shapesim.meshes.parts import join
from shapesim.types import Mesh

_STRETCH = 0.5  # of an axis, as a natural logarithm
_TAPER = 0.6
_TWIST = 1.0  # radians between the middle and the top
_BEND = 0.4
_LEAST_LEFT = 0.5  # of the triangles of a broken shape


def varied(mesh: Mesh, rng: np.random.Generator, other: Mesh | None = None) -> Mesh:
    """A mesh that nobody has seen, with the materials of those it is made of.

    Args:
        mesh: to change.
        rng: chooses how.
        other: put on top of it, beside it, or anywhere into it, at the same size or smaller; both
            may then lie on a side. Without, it stays the kind of thing that it is.

    Returns:
        About 2 units long, around the origin.
    """
    vertices = _unit(mesh.vertices)
    if other is not None:
        joined = join([mesh, other])
        vertices = np.concatenate([vertices, _put(_unit(other.vertices), vertices, rng)])
        if rng.random() < 0.3:
            vertices = np.roll(vertices, rng.integers(1, 3), axis=1)
    else:
        joined = mesh
    deformed = replace(joined, vertices=_deformed(_unit(vertices), rng), normals=None)
    return _broken(deformed, rng) if rng.random() < 0.15 else deformed


def _unit(vertices: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    unit: NDArray[np.float64] = (vertices - (low + high) / 2) / max((high - low).max() / 2, 1e-12)
    return unit


def _put(
    vertices: NDArray[np.float64], onto: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Vertices scaled and moved to where they touch others."""
    yaw = rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    turned = vertices @ turn.T * np.exp(rng.uniform(-1.2, 0))
    way = rng.integers(3)
    if way == 2:  # anywhere
        return np.asarray(turned + onto[rng.integers(len(onto))])
    axis = (1, 0)[way]  # on top, or beside
    moved = turned - turned.mean(axis=0) + onto.mean(axis=0)
    moved[:, axis] += onto[:, axis].max() - moved[:, axis].min()
    if axis != 1:  # on the same floor
        moved[:, 1] += onto[:, 1].min() - moved[:, 1].min()
    return np.asarray(moved)


def _deformed(vertices: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    x, y, z = (vertices * np.exp(rng.uniform(-_STRETCH, _STRETCH, 3))).T
    height = max(np.abs(y).max(), 1e-12)
    along = y / height  # -1 at the bottom, 1 at the top
    if rng.random() < 0.5:
        taper = 1 + rng.uniform(-_TAPER, _TAPER) * along
        x, z = x * taper, z * taper
    if rng.random() < 0.25:
        twist = rng.uniform(-_TWIST, _TWIST) * along
        x, z = x * np.cos(twist) - z * np.sin(twist), x * np.sin(twist) + z * np.cos(twist)
    if rng.random() < 0.25:
        x = x + rng.uniform(-_BEND, _BEND) * height * along**2
    return np.stack([x, y, z], axis=1)


def _broken(mesh: Mesh, rng: np.random.Generator) -> Mesh:
    """What lies on one side of a plane, at least half of the triangles."""
    normal = rng.normal(size=3)
    depth = mesh.triangles.mean(axis=1) @ normal
    kept = depth <= np.quantile(depth, rng.uniform(_LEAST_LEFT, 0.9))
    return replace(mesh, faces=mesh.faces[kept], face_materials=mesh.face_materials[kept])
