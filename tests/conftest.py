"""Shapes and a store that the tests share."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from filelock import FileLock
from numpy.typing import NDArray

from shapesim import workers
from shapesim.embedders import ShapeEmbedder
from shapesim.types import Material, Mesh
from tests.commands import Following, in_own_process

pytest_plugins = ["tests.browsers", "tests.stores"]

SAMPLES = Path(__file__).parent.parent / "sample_meshes"


def as_mesh(shape: trimesh.Trimesh) -> Mesh:
    """A trimesh as a Mesh, y up as it is."""
    return Mesh(
        vertices=np.asarray(shape.vertices, np.float64),
        faces=np.asarray(shape.faces, np.int64),
        materials=(Material(),),
        face_materials=np.zeros(len(shape.faces), np.int64),
    )


def lopsided() -> trimesh.Trimesh:
    """A closed shape without any symmetry: every turn and mirror image of it is another."""
    parts = [
        trimesh.creation.box((2.0, 1.0, 0.6)),
        trimesh.creation.box((0.4, 1.7, 0.5)).apply_translation((0.8, 0.9, 0.1)),
        trimesh.creation.icosphere(subdivisions=2, radius=0.4).apply_translation((-0.6, 0.6, 0.3)),
        trimesh.creation.cylinder(0.15, 1.1).apply_translation((-0.3, -0.2, 0.7)),
    ]
    joined = trimesh.util.concatenate(parts)
    assert isinstance(joined, trimesh.Trimesh)
    return joined


def yawed(angle: float) -> NDArray[np.float64]:
    """(4, 4) turn about +y."""
    return np.asarray(trimesh.transformations.rotation_matrix(angle, (0, 1, 0)))


@pytest.fixture(scope="session", autouse=True)
def _kept_workers() -> Iterator[None]:
    """The same for all tests: to start them takes seconds."""
    start = workers._start_pool
    with pytest.MonkeyPatch.context() as patched, workers.kept_workers():
        patched.setattr(workers, "_start_pool", lambda count: Following(start(count)))
        yield


@pytest.fixture(scope="session")
def embedder() -> ShapeEmbedder:
    """The embedder that ships."""
    return ShapeEmbedder()


@pytest.fixture(scope="session")
def samples_report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What 'shapesim index --json' says of the sample store, for a gallery to be copied.

    It takes most of a minute, and is made by the first of the processes that need it.
    """
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    said = folder / "samples.json"
    with FileLock(folder / "samples.lock"):
        if not said.is_file():
            result = in_own_process(
                "index", SAMPLES / "store", "--json", "--gallery", folder / "samples"
            )
            assert result.returncode == 0, result.stderr
            said.write_text(result.stdout, encoding="utf-8")
    report: dict[str, Any] = json.loads(said.read_text(encoding="utf-8"))
    return report


@pytest.fixture(autouse=True)
def _away_from_home(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Tests neither read nor write the user's own data, and find no gallery by chance."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_DATA_HOME", str(home))
    # Shared: what the look embedder makes at its first use.
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.delenv("SHAPESIM_GALLERY", raising=False)
    monkeypatch.chdir(home)
    yield
