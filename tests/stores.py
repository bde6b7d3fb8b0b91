"""Stores that are indexed, and what an index tells."""

from __future__ import annotations

from pathlib import Path

import pytest
import trimesh

from shapesim.embedders import Embedder
from shapesim.gallery import Gallery
from shapesim.indexing import index_stores
from shapesim.recording import IndexReport


def run(store: Path, embedder: Embedder, gallery: Path) -> IndexReport:
    """Indexes one store."""
    with Gallery(gallery, create=True) as opened:
        return index_stores(opened, [store], embedder)


def counts(report: IndexReport) -> tuple[int, int, int, int, int]:
    """Added, updated, unchanged, removed, failed."""
    return (
        report.added, report.updated, report.unchanged, report.removed, len(report.failures)
    )  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Three boxes, one in a folder with a space and an umlaut, and a broken file."""
    root = tmp_path / "store"
    (root / "schöner pack").mkdir(parents=True)
    for name, height in (("a.obj", 1.0), ("b.glb", 2.0), ("schöner pack/c.stl", 3.0)):
        trimesh.creation.box((1, height, 0.5)).export(root / name)
    (root / "broken.fbx").write_bytes(b"Kaydara FBX Binary  \x00\x1a\x00")
    return root


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    """Where the gallery goes."""
    return tmp_path / "gallery"
