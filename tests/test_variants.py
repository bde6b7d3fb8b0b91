"""New shapes made out of known ones."""

from __future__ import annotations

import numpy as np
import pytest

from shapesim.geometry import same_geometry, signature
from shapesim.meshes import load_mesh
from shapesim.types import Mesh
from shapesim.variants import varied
from tests.conftest import SAMPLES

PROPS = SAMPLES / "game" / "props"


@pytest.fixture(scope="module")
def chair() -> Mesh:
    """A chair."""
    return load_mesh(PROPS / "chair.fbx")


@pytest.fixture(scope="module")
def crate() -> Mesh:
    """A crate."""
    return load_mesh(PROPS / "crate.obj")


def test_variants_are_other_shapes_of_the_same_parts(chair: Mesh, crate: Mesh) -> None:
    """Each differs from the mesh and from every other, and has its materials."""
    made = [varied(chair, np.random.default_rng(seed)) for seed in range(20)]
    known = np.stack([signature(mesh) for mesh in [chair, crate, *made]])
    for row, shape in enumerate(known):
        assert not np.delete(same_geometry(known, shape), row).any()
    for mesh in made:
        assert mesh.materials == chair.materials
        assert len(chair.faces) / 2 <= len(mesh.faces) <= len(chair.faces)
        assert np.isfinite(mesh.vertices).all()


def test_same_chance_makes_the_same_variant(chair: Mesh, crate: Mesh) -> None:
    """So that data can be made anew."""
    first, second = (varied(chair, np.random.default_rng(7), crate) for _ in range(2))
    np.testing.assert_array_equal(first.vertices, second.vertices)
    np.testing.assert_array_equal(first.faces, second.faces)


def test_what_is_put_together_stands_as_one(chair: Mesh, crate: Mesh) -> None:
    """Both parts are there, touch, and the other is no larger than the first."""
    whole = 0
    for seed in range(30):
        mesh = varied(chair, np.random.default_rng(seed), crate)
        assert mesh.materials == (*chair.materials, *crate.materials)
        if len(mesh.faces) < len(chair.faces) + len(crate.faces):
            continue  # broken
        whole += 1
        first = mesh.vertices[: len(chair.vertices)]
        other = mesh.vertices[len(chair.vertices) :]
        gap = np.maximum(
            first.min(axis=0) - other.max(axis=0), other.min(axis=0) - first.max(axis=0)
        )
        assert gap.max() < 0.15, seed  # deformed apart a little
    assert whole > 15


def test_flat_and_tiny_meshes_can_be_varied() -> None:
    """One triangle, alone and with itself."""
    triangle = Mesh(
        vertices=np.array([[0.0, 0, 0], [1e-9, 0, 0], [0, 1e-9, 0]]),
        faces=np.array([[0, 1, 2]]),
        materials=(),
        face_materials=np.zeros(1, np.int64),
    )
    for seed in range(20):
        for other in (None, triangle):
            mesh = varied(triangle, np.random.default_rng(seed), other)
            assert len(mesh.faces)
            assert np.isfinite(mesh.vertices).all()
