"""Copies of a sample asset, as tests plant them in stores of their own."""

from __future__ import annotations

from pathlib import Path

import trimesh

from shapesim.meshes import load_mesh
from tests.conftest import SAMPLES

CHAIR = SAMPLES / "game" / "props" / "chair.fbx"


def save(path: Path, mesh: trimesh.Trimesh) -> None:
    """Writes a mesh and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mesh.export(path)


def plain(path: Path) -> trimesh.Trimesh:
    """An asset as bare triangles, equal corners joined."""
    mesh = load_mesh(path)
    return trimesh.Trimesh(mesh.vertices, mesh.faces)
