"""Bringing a gallery up to date: what is skipped, redone and forgotten."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
import trimesh
from PIL import Image

from shapesim.embedders import (
    BothEmbedder,
    CopyEmbedder,
    LookEmbedder,
    ShapeEmbedder,
)
from shapesim.errors import GalleryError, ShapesimError
from shapesim.gallery import Gallery
from shapesim.indexing import forget_stores, index_stores
from tests.conftest import SAMPLES
from tests.stores import counts, run


def test_only_what_changed_is_read_again(
    store: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """Added, then unchanged, then one changed, one removed, one new; the failure is kept."""
    assert counts(run(store, embedder, gallery)) == (3, 0, 0, 0, 1)
    assert counts(run(store, embedder, gallery)) == (0, 0, 3, 0, 1)
    trimesh.creation.box((1, 5, 0.5)).export(store / "a.obj")
    (store / "b.glb").unlink()
    trimesh.creation.icosphere().export(store / "d.ply")
    assert counts(run(store, embedder, gallery)) == (1, 1, 1, 1, 1)
    with Gallery(gallery) as opened:
        assert {asset.id for asset in opened.assets.values()} == {
            "a.obj", "schöner pack/c.stl", "d.ply",
        }  # fmt: skip
        heights = {asset.id: asset.extents[1] for asset in opened.assets.values()}
        assert heights["a.obj"] == pytest.approx(5)


def test_a_touched_file_is_not_embedded_again(
    store: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """A newer time with the same content counts as unchanged, and the time is remembered."""
    run(store, embedder, gallery)
    os.utime(store / "a.obj", (1, 1))
    assert counts(run(store, embedder, gallery)) == (0, 0, 3, 0, 1)
    with Gallery(gallery) as opened:
        states = opened.catalogue.files()
    assert states[(store / "a.obj").resolve()].mtime == 1_000_000_000


def test_overlapping_stores_hold_a_file_once(
    store: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """Indexing a folder inside an indexed store adds nothing, also after a change."""
    run(store, embedder, gallery)
    assert counts(run(store / "schöner pack", embedder, gallery)) == (0, 0, 1, 0, 0)
    trimesh.creation.box((2, 2, 0.1)).export(store / "schöner pack" / "c.stl")
    assert counts(run(store / "schöner pack", embedder, gallery)) == (0, 1, 0, 0, 0)
    with Gallery(gallery) as opened:
        assert len(opened.assets) == 3


def test_a_store_and_its_gallery_move_together(
    store: Path, tmp_path: Path, embedder: ShapeEmbedder
) -> None:
    """A gallery beside its store finds the assets where both have gone."""
    run(store, embedder, tmp_path / ".shapesim")
    shutil.copytree(tmp_path, tmp_path.parent / "elsewhere")
    with Gallery(tmp_path.parent / "elsewhere" / ".shapesim") as opened:
        assert len(opened.assets) == 3
        assert all(asset.path.is_file() for asset in opened.assets.values())
        assert all("elsewhere" in str(asset.path) for asset in opened.assets.values())


def test_a_gltf_buffer_is_part_of_the_asset(
    tmp_path: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """A .gltf whose .bin alone changes is embedded again."""
    root = tmp_path / "store"
    root.mkdir()
    for height in (1.0, 7.0):
        made = trimesh.Scene(trimesh.creation.box((1, height, 0.5)))
        for name, content in made.export(file_type="gltf").items():
            if name.endswith(".bin") or height == 1.0:
                (root / name).write_bytes(content)
        if height == 1.0:
            run(root, embedder, gallery)
    assert counts(run(root, embedder, gallery)) == (0, 1, 0, 0, 0)


def test_a_missing_store_is_named(gallery: Path, embedder: ShapeEmbedder, tmp_path: Path) -> None:
    """No folder, no run; and what was indexed stays."""
    with pytest.raises(ShapesimError, match="no such folder"):
        run(tmp_path / "nowhere", embedder, gallery)


def test_other_weights_embed_anew(
    store: Path, gallery: Path, embedder: ShapeEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another fingerprint is an error for search, and index redoes every asset."""
    run(store, embedder, gallery)
    other = ShapeEmbedder()
    monkeypatch.setattr(other, "fingerprint", "another")
    with Gallery(gallery) as opened:
        with pytest.raises(GalleryError, match="shapesim index"):
            opened.vectors(other)
        assert counts(index_stores(opened, [], other)) == (0, 3, 0, 0, 1)
        opened.vectors(other)


def test_what_cannot_be_read_now_does_not_lock_the_others(
    store: Path, gallery: Path, embedder: ShapeEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Embedded by other weights, a store is searched without its file that is away meanwhile."""
    run(store, embedder, gallery)
    (store / "a.obj").rename(store / "away")
    (store / "a.obj").symlink_to(store / "nowhere")
    other = ShapeEmbedder()
    monkeypatch.setattr(other, "fingerprint", "another")
    with Gallery(gallery) as opened:
        assert counts(index_stores(opened, [], other)) == (0, 2, 0, 0, 2)
        assert len(opened.vectors(other)[0]) == 2
        (store / "a.obj").unlink()
        (store / "away").rename(store / "a.obj")
        assert counts(index_stores(opened, [], other)) == (0, 1, 2, 0, 1)
        assert len(opened.vectors(other)[0]) == 3


def test_a_store_without_a_usable_file_leaves_an_empty_gallery(
    tmp_path: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """Only failures: they are reported, nothing crashes."""
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "a.obj").write_bytes(b"")
    report = run(tmp_path / "store", embedder, gallery)
    assert counts(report) == (0, 0, 0, 0, 1)
    assert report.total == 0


def test_another_up_axis_reads_the_store_anew(
    store: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """It is remembered for the store until another is given."""
    run(store, embedder, gallery)
    with Gallery(gallery) as opened:
        assert counts(index_stores(opened, [store], embedder, up="z")) == (0, 3, 0, 0, 1)
        assert counts(index_stores(opened, [], embedder)) == (0, 0, 3, 0, 1)
        heights = {asset.id: asset.extents[1] for asset in opened.assets.values()}
    assert heights["a.obj"] == pytest.approx(0.5)


def test_what_stood_another_way_up_is_embedded_anew(
    store: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """By whatever embedder the store is indexed next."""
    run(store, embedder, gallery)
    with closing(sqlite3.connect(gallery / "gallery.sqlite")) as db, db:
        db.execute("UPDATE vectors SET space = 'other'")  # as if another had made them
    with Gallery(gallery) as opened:
        index_stores(opened, [store], embedder, up="z")
        assert len(opened.catalogue.vectors("other", embedder.fingerprint)[0]) == 0


def test_a_store_that_is_gone_does_not_stop_the_others(
    store: Path, gallery: Path, embedder: ShapeEmbedder, tmp_path: Path
) -> None:
    """Its assets stay, with a warning."""
    run(store, embedder, gallery)
    other = tmp_path / "other"
    other.mkdir()
    trimesh.creation.icosphere().export(other / "d.ply")
    run(other, embedder, gallery)
    shutil.move(other, tmp_path / "away")
    with Gallery(gallery) as opened:
        report = index_stores(opened, [], embedder)
    assert any("is gone" in warning for warning in report.warnings)
    assert (report.total, report.removed) == (4, 0)


def test_an_emptied_store_keeps_its_assets(
    store: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """As a drive that is not mounted looks; what to run to be rid of them is said.

    What its catalogue says of them stays, too.
    """
    (store / "catalog.csv").write_text("path,licence\na.obj,MIT\n")
    run(store, embedder, gallery)
    away = store.rename(store.with_name("away"))
    store.mkdir()
    report = run(store, embedder, gallery)
    assert (report.total, report.removed) == (3, 0)
    assert any("shapesim forget" in warning for warning in report.warnings)
    with Gallery(gallery) as opened:
        listed = {asset.path.name: asset.listing.licence for asset in opened.assets.values()}
    assert listed == {"a.obj": "MIT", "b.glb": None, "c.stl": None}
    store.rmdir()
    away.rename(store)
    assert counts(run(store, embedder, gallery)) == (0, 0, 3, 0, 1)


def test_a_store_by_another_space_does_not_fail_the_run(
    store: Path, gallery: Path, embedder: ShapeEmbedder, tmp_path: Path
) -> None:
    """It is written and reported; what the other store lacks is a warning with what to run."""
    run(store, embedder, gallery)
    other = tmp_path / "other"
    other.mkdir()
    trimesh.creation.icosphere().export(other / "d.ply")
    report = run(other, BothEmbedder(), gallery)
    assert (report.added, report.total) == (1, 4)
    assert any("shapesim index --by look" in warning for warning in report.warnings)


def test_what_is_known_of_unchanged_files_stays(
    store: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """Tags and pictures, when they are embedded in another space."""
    run(store, LookEmbedder(), gallery)
    with Gallery(gallery) as opened:
        opened.catalogue.set_tags(opened.assets, [(id, "box", 0.75) for id in opened.assets])
        pictures = sorted(opened.catalogue.thumbnails().values())
        index_stores(opened, [store], embedder)
        assert {tuple(asset.tags.items()) for asset in opened.assets.values()} == {(("box", 0.75),)}
        assert len(pictures) == 3
        assert sorted(opened.catalogue.thumbnails().values()) == pictures


def test_stores_that_cannot_be_reached_are_named(
    store: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """Where none can; what to do depends on whether it has moved."""
    run(store, embedder, gallery)
    store.rename(store.with_name("moved"))
    with Gallery(gallery) as opened, pytest.raises(ShapesimError, match="cannot be reached"):
        index_stores(opened, [], embedder)


def test_a_buffer_that_comes_late_is_noticed(
    tmp_path: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """A glTF whose .bin is copied after it; its name may be written with %20."""
    store = tmp_path / "store"
    store.mkdir()
    box = trimesh.Scene(trimesh.creation.box())
    parts = box.export(file_type="gltf", merge_buffers=True)
    ((buffer, content),) = [item for item in parts.items() if item[0].endswith(".bin")]
    tree = parts["model.gltf"].replace(buffer.encode(), b"late%20buffer.bin")
    (store / "model.gltf").write_bytes(tree)
    assert counts(run(store, embedder, gallery)) == (0, 0, 0, 0, 1)
    assert counts(run(store, embedder, gallery)) == (0, 0, 0, 0, 1)
    (store / "late buffer.bin").write_bytes(content)
    assert counts(run(store, embedder, gallery)) == (1, 0, 0, 0, 0)
    assert counts(run(store, embedder, gallery)) == (0, 0, 1, 0, 0)


def test_a_texture_of_equal_size_and_an_older_date_is_noticed(
    tmp_path: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """As ``cp -p`` and unpacking leave it."""
    store = tmp_path / "store"
    store.mkdir()
    shutil.copy(SAMPLES / "game/props/crate.obj", store)
    (store / "crate.mtl").write_text("newmtl wood\nKd 1 0 0\n")
    os.utime(store / "crate.mtl", (1_600_000_000, 1_600_000_000))
    run(store, embedder, gallery)
    (store / "crate.mtl").write_text("newmtl wood\nKd 0 0 1\n")
    os.utime(store / "crate.mtl", (1_500_000_000, 1_500_000_000))
    assert counts(run(store, embedder, gallery)) == (0, 1, 0, 0, 0)


def test_a_file_from_the_far_future_is_indexed(
    store: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """Its date does not fit into the gallery."""
    os.utime(store / "a.obj", (10_413_792_000, 10_413_792_000))
    assert counts(run(store, embedder, gallery)) == (3, 0, 0, 0, 1)
    assert counts(run(store, embedder, gallery)) == (0, 0, 3, 0, 1)


def test_a_store_within_another_keeps_its_files_and_its_axis(
    tmp_path: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """Whichever of both is indexed, and what arrives meanwhile."""
    inner = tmp_path / "store" / "scans"
    inner.mkdir(parents=True)
    trimesh.creation.box((1, 2, 4)).export(inner / "a.obj")
    with Gallery(gallery, create=True) as opened:
        index_stores(opened, [tmp_path / "store"], embedder)
        index_stores(opened, [inner], embedder, up="z")
        trimesh.creation.box((1, 3, 5)).export(inner / "b.obj")
        assert counts(index_stores(opened, [tmp_path / "store"], embedder)) == (1, 0, 1, 0, 0)
        for _ in range(2):
            assert counts(index_stores(opened, [], embedder))[:2] == (0, 0)
        extents = {a.path.name: a.extents[1] for a in opened.assets.values()}
    assert extents == {"a.obj": 4, "b.obj": 5}


def test_a_mesh_among_pictures_does_not_cost_them(
    tmp_path: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """A store of pictures stays one, with a warning."""
    store = tmp_path / "pictures"
    store.mkdir()
    for number in range(3):
        Image.new("RGB", (40, 40), (80 * number, 0, 0)).save(store / f"{number}.png")
    assert run(store, embedder, gallery).added == 3
    trimesh.creation.box().export(store / "logo.obj")
    report = run(store, embedder, gallery)
    assert counts(report) == (0, 0, 3, 0, 0)
    assert "logo.obj" in report.warnings[0]


def test_a_texture_that_comes_late_or_changes_is_noticed(
    store: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """And so is a material file; each costs the assets that need it, and no other."""
    side = "v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\nusemtl paint\nf 1/1 2/2 3/3\n"
    (store / "late.obj").write_text("mtllib late.mtl\n" + side)
    report = run(store, embedder, gallery)
    assert report.warnings == ["late.obj: material file late.mtl is missing"]
    (store / "late.mtl").write_text("newmtl paint\nKd 1 1 1\nmap_Kd paint.png\n")
    report = run(store, embedder, gallery)
    assert counts(report) == (0, 1, 3, 0, 1)
    assert report.warnings == ["late.obj: texture paint.png is not in the asset's pack"]
    assert counts(run(store, embedder, gallery)) == (0, 0, 4, 0, 1)
    (store / "Textures").mkdir()
    Image.new("RGB", (8, 8), "red").save(store / "Textures" / "paint.png")
    report = run(store, embedder, gallery)
    assert (counts(report), report.warnings) == ((0, 1, 3, 0, 1), [])
    assert counts(run(store, embedder, gallery)) == (0, 0, 4, 0, 1)
    Image.new("RGB", (8, 8), "blue").save(store / "Textures" / "paint.png")
    assert counts(run(store, embedder, gallery)) == (0, 1, 3, 0, 1)
    os.utime(store / "Textures" / "paint.png", (1, 1))  # the same bytes
    assert counts(run(store, embedder, gallery)) == (0, 0, 4, 0, 1)
    (store / "Textures" / "paint.png").unlink()
    report = run(store, embedder, gallery)
    assert counts(report) == (0, 1, 3, 0, 1)
    assert report.warnings == ["late.obj: texture paint.png is not in the asset's pack"]


def test_a_forgotten_store_takes_its_assets_with_it(
    store: Path, gallery: Path, embedder: ShapeEmbedder, tmp_path: Path
) -> None:
    """Also one whose folder is gone; others stay, and a name that is unknown changes nothing."""
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(SAMPLES / "game" / "props" / "chair.fbx", other)
    with Gallery(gallery, create=True) as opened:
        index_stores(opened, [store, other], embedder)
        held = len(opened.assets)
        with pytest.raises(ShapesimError, match=r"no store of .*; its stores are .*other"):
            forget_stores(opened, [store, tmp_path])
        assert len(opened.assets) == held
        shutil.rmtree(store)
        assert forget_stores(opened, [store, store]) == held - 1
        assert [asset.path for asset in opened.assets.values()] == [other / "chair.fbx"]
        assert len(opened.vectors(embedder)[0]) == 1
        report = index_stores(opened, [], embedder)
        assert (report.total, report.unchanged, report.warnings) == (1, 1, [])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has names that are no text")
def test_a_name_that_is_no_text_is_reported(
    store: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """The others are indexed."""
    for name in (b"caf\xe9.obj", b"M\xf6bel.zip"):
        (store / os.fsdecode(name)).write_bytes((store / "a.obj").read_bytes())
    report = run(store, embedder, gallery)
    assert report.added == 3
    assert sum("rename it" in failure.reason for failure in report.failures) == 2


def test_pictures_that_a_mesh_hides_are_told(
    store: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """Of a folder of pictures, into which one has got; not of a store with some textures."""
    for number in range(31):
        Image.new("RGB", (8, 8)).save(store / f"{number}.png")
    report = run(store, embedder, gallery)
    assert sum("31 pictures are taken for textures" in one for one in report.warnings) == 0
    Image.new("RGB", (8, 8)).save(store / "41.png")
    (store / "broken.fbx").unlink()
    report = run(store, embedder, gallery.with_name("other"))
    assert sum("32 pictures are taken for textures" in one for one in report.warnings) == 1
    assert not any("taken for" in one for one in run(store, embedder, gallery).warnings)


def test_what_shows_next_to_nothing_is_named(tmp_path: Path, gallery: Path) -> None:
    """A pole is seen; a wire is not, nor a ball with one corner far away. White is no reason."""
    store = tmp_path / "store"
    store.mkdir()
    trimesh.creation.cylinder(0.5, 100).export(store / "pole.obj")
    trimesh.creation.cylinder(0.001, 100).export(store / "wire.obj")
    ball = trimesh.creation.icosphere(2)
    ball.visual = trimesh.visual.ColorVisuals(ball, face_colors=[255, 255, 255, 255])
    ball.export(store / "ball.glb")
    far = ball.vertices.copy()
    far[0] = (1e5, 0, 0)
    trimesh.Trimesh(far, ball.faces).export(store / "stray.glb")
    report = run(store, LookEmbedder(), gallery)
    assert report.added == 4
    named = sorted(warning.split(":")[0] for warning in report.warnings if "nothing" in warning)
    assert named == ["stray.glb", "wire.obj"]


def test_what_is_not_known_to_trace_any_more_is_told(
    tmp_path: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """Meshes that were read anew for another space; not those that are gone."""
    for name in ("kept", "gone"):
        (tmp_path / name).mkdir()
        trimesh.creation.box((1, 2, 3)).export(tmp_path / name / "box.glb")
        run(tmp_path / name, CopyEmbedder(), gallery)
    trimesh.creation.box((1, 2, 4)).export(tmp_path / "kept" / "box.glb")
    (tmp_path / "gone" / "box.glb").unlink()
    told = run(tmp_path / "kept", embedder, gallery).warnings
    told += run(tmp_path / "gone", embedder, gallery).warnings
    (warning,) = [line for line in told if "trace" in line]
    assert f"shapesim index {tmp_path / 'kept'} --by copy" in warning
