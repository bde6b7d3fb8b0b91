"""Assets that a store holds more than once."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import trimesh

from shapesim.duplicates import find_duplicates
from shapesim.embedders import ShapeEmbedder
from shapesim.gallery import Gallery
from shapesim.geometry import same_geometry, signature
from shapesim.indexing import index_stores
from shapesim.meshes import load_mesh
from shapesim.swap import Query, Replaced, recommend
from tests.conftest import SAMPLES
from tests.planting import CHAIR, plain, save


def test_duplicates_are_told_by_tier(tmp_path: Path, embedder: ShapeEmbedder) -> None:
    """Planted copies of each kind are found in their tier; other assets are in none."""
    store = tmp_path / "store"
    shutil.copytree(SAMPLES / "store" / "meadow-pack" / "weapons", store / "others")
    chair = plain(CHAIR)
    chair.visual = trimesh.visual.ColorVisuals(chair, face_colors=[200, 30, 30, 255])
    save(store / "chair.glb", chair)
    shutil.copy(store / "chair.glb", store / "bytes.glb")
    moved = chair.copy()
    moved.apply_transform(trimesh.transformations.rotation_matrix(2.0, (1, 2, 3)))
    save(store / "moved.glb", moved.apply_scale(4.0).apply_translation((1, 2, 3)))
    for number in range(3):  # of other colours, all in one place
        tinted = chair.copy()
        tinted.visual = trimesh.visual.ColorVisuals(tinted, face_colors=[30, 200, 60 * number, 255])
        save(store / f"tinted{number}.glb", tinted)
    mirrored = chair.copy()
    mirrored.apply_transform(np.diag([-1.0, 1.0, 1.0, 1.0])).apply_translation((9, 0, 0))
    save(store / "mirrored.glb", mirrored)
    blue = chair.copy()
    blue.visual = trimesh.visual.ColorVisuals(blue, face_colors=[30, 30, 200, 255])
    save(store / "blue.glb", blue)
    save(store / "fine.glb", chair.subdivide())
    save(store / "other.obj", plain(CHAIR))
    with Gallery(tmp_path / "gallery", create=True) as gallery:
        index_stores(gallery, [store], embedder)
        groups, failures = find_duplicates(gallery, embedder)
        shutil.copy(store / "fine.glb", store / "bytes.glb")
        changed, told = find_duplicates(gallery, embedder)
    assert [(one.path.name, "has changed" in one.reason) for one in told] == [("bytes.glb", True)]
    assert "exact" not in {group.tier for group in changed}
    assert failures == []
    names = {group.tier: {path.name for path in group.paths} for group in groups}
    assert len(groups) == len(names) == 4
    same = {"chair.glb", "bytes.glb"}
    assert names["exact"] == same
    recoloured = {"blue.glb", "tinted0.glb", "tinted1.glb", "tinted2.glb"}
    assert names["variants"] == same | recoloured
    assert names["transformed"] >= same | recoloured | {"moved.glb", "mirrored.glb"}
    assert "fine.glb" not in names["transformed"]
    assert names["remeshed"] >= same | {"fine.glb", "other.obj"}


def test_a_handle_more_is_no_copy(tmp_path: Path, embedder: ShapeEmbedder) -> None:
    """A cabinet with one more has the moments of the other; the same cut otherwise is the same."""

    def cabinet(handles: int) -> Any:
        parts = [trimesh.creation.box((2, 3, 2))]
        for number in range(handles):
            part = trimesh.creation.box((0.3, 0.05, 0.05))
            parts.append(part.apply_translation((0, 0.3 * (number - 4), 1)))
        return trimesh.util.concatenate(parts)

    save(tmp_path / "more.glb", cabinet(9))
    save(tmp_path / "cabinet.glb", cabinet(8))
    with Gallery(tmp_path / "gallery", create=True) as gallery:
        index_stores(gallery, [tmp_path], embedder)
        signatures = [asset.signature for asset in gallery.assets.values()]
        assert same_geometry(*signatures)
        assert find_duplicates(gallery, embedder) == ([], [])
        save(tmp_path / "cut.obj", cabinet(8).subdivide())
        index_stores(gallery, [tmp_path], embedder)
        mesh = load_mesh(tmp_path / "cabinet.glb")
        query = Query(embedder.embed([mesh])[0], signature(mesh), len(mesh.faces))
        (found,) = recommend(gallery, embedder, [query])
    fitted, _ = Replaced(tmp_path / "cabinet.glb").fitted(found)
    assert [match.is_copy for match in fitted] == [True, True, False]
    assert fitted[2].asset.path.name == "more.glb"


def test_a_simplified_copy_is_told_from_a_like_shape(
    tmp_path: Path, embedder: ShapeEmbedder
) -> None:
    """A mug of half its triangles is the mug again; one without its handle is another."""
    body = trimesh.creation.icosphere(subdivisions=3)
    x, y, _ = body.vertices.T
    body.vertices *= (1 + 0.2 * np.sin(3 * x) * np.cos(2 * y))[:, None] * [1.0, 1.4, 1.0]
    handle = trimesh.creation.torus(0.5, 0.12).apply_translation((1.1, 0, 0))
    mug: Any = trimesh.util.concatenate([body, handle])
    save(tmp_path / "kit" / "mug.glb", mug)
    save(tmp_path / "kit" / "bowl.glb", body)
    save(tmp_path / "bought" / "cup.glb", mug.simplify_quadric_decimation(0.5))
    with Gallery(tmp_path / "gallery", create=True) as gallery:
        index_stores(gallery, [tmp_path / "kit", tmp_path / "bought"], embedder)
        (group,), _ = find_duplicates(gallery, embedder)
    assert group.tier == "remeshed"
    assert [path.name for path in group.paths] == ["cup.glb", "mug.glb"]
