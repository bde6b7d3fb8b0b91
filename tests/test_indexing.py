"""Bringing a gallery up to date: what is skipped, redone, forgotten, and what a fault costs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pytest
import trimesh
from filelock import FileLock
from PIL import Image as PilImage

from shapesim.embedders import (
    BothEmbedder,
    CopyEmbedder,
    Embedder,
    LookEmbedder,
    ShapeEmbedder,
)
from shapesim.errors import GalleryBusyError, GalleryError, ShapesimError
from shapesim.gallery import Gallery
from shapesim.indexing import IndexReport, forget_stores, index_stores
from shapesim.listings import Listing
from tests.conftest import SAMPLES

INDEX_BY_SHAPE = [sys.executable, "-m", "shapesim", "index", "--by", "shape"]


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


def test_arrival_times_survive_changes_and_moves(
    store: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """A changed file and a moved file keep the time at which they first came."""
    run(store, embedder, gallery)
    with sqlite3.connect(gallery / "gallery.sqlite") as db:
        db.execute("UPDATE files SET first_seen = '2020-01-01T00:00:00+00:00'")
    db.close()
    trimesh.creation.box((4, 1, 0.5)).export(store / "a.obj")
    shutil.move(store / "b.glb", store / "schöner pack" / "b.glb")
    trimesh.creation.icosphere().export(store / "new.ply")
    run(store, embedder, gallery)
    with Gallery(gallery) as opened:
        years = {asset.id: asset.arrived_at[:4] for asset in opened.assets.values()}
    assert years.pop("new.ply") != "2020"
    assert set(years.values()) == {"2020"}


def test_a_file_that_moved_keeps_what_is_known_of_it(
    store: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """Its tags, and what another embedder made of it; a copy of it has but the same date."""
    run(store, embedder, gallery)
    with Gallery(gallery) as opened:
        ids = {asset.id: id for id, asset in opened.assets.items()}
        opened.catalogue.set_tags([ids["b.glb"]], [(ids["b.glb"], "box", 0.9)])
    with closing(sqlite3.connect(gallery / "gallery.sqlite")) as db, db:
        db.execute("UPDATE vectors SET space = 'other', fingerprint = 'x'")
        db.execute("UPDATE files SET first_seen = '2020-01-01T00:00:00+00:00'")
    shutil.copy(store / "b.glb", store / "copy.glb")
    (store / "b.glb").rename(store / "renamed.glb")
    assert counts(run(store, embedder, gallery)) == (2, 2, 0, 1, 1)
    with Gallery(gallery) as opened:
        assets = {asset.id: asset for asset in opened.assets.values()}
        known = opened.catalogue.vectors("other", "x")[0]
    tagged = [name for name, asset in assets.items() if asset.tags]
    assert len(tagged) == 1
    assert tagged[0] in ("copy.glb", "renamed.glb")
    assert len(known) == 3
    assert {asset.arrived_at[:4] for asset in assets.values()} == {"2020"}


def test_a_catalogue_dates_its_files(store: Path, gallery: Path, embedder: ShapeEmbedder) -> None:
    """arrived_at of catalog.csv counts; a wrong date is named and left out."""
    (store / "catalog.csv").write_text(
        "path,arrived_at\na.obj,2026-01-02\nb.glb,yesterday\n", encoding="utf-8"
    )
    report = run(store, embedder, gallery)
    assert any("yesterday" in warning for warning in report.warnings)
    with Gallery(gallery) as opened:
        dates = {asset.id: asset.arrived_at for asset in opened.assets.values()}
    assert dates["a.obj"] == "2026-01-02T23:59:59+00:00"
    assert dates["b.glb"] > "2026-01-02"


def test_a_date_taken_back_is_none(store: Path, gallery: Path, embedder: ShapeEmbedder) -> None:
    """The file came when it was first seen, then."""
    catalogue = store / "catalog.csv"
    years = []
    for text in ("a.obj,2020-01-02", "a.obj,", "a.obj,2020-01-02"):
        catalogue.write_text(f"path,arrived_at\n{text}\n", encoding="utf-8")
        run(store, embedder, gallery)
        with Gallery(gallery) as opened:
            years.append({asset.id: asset.arrived_at[:4] for asset in opened.assets.values()})
    assert [year["a.obj"] == "2020" for year in years] == [True, False, True]


def test_a_damaged_catalogue_takes_nothing_back(
    store: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """Half a file, as while it is being written."""
    catalogue = store / "catalog.json"
    catalogue.write_text('{"a.obj": {"licence": "MIT", "arrived_at": "2020-01-02"}}', "utf-8")
    run(store, embedder, gallery)
    catalogue.write_text('{"a.obj": {"licence": "MIT",', "utf-8")
    trimesh.creation.box((4, 1, 0.5)).export(store / "a.obj")  # is read anew meanwhile
    (warning,) = run(store, embedder, gallery).warnings
    assert "what it said before stays" in warning
    with Gallery(gallery) as opened:
        (kept,) = [asset for asset in opened.assets.values() if asset.listing != Listing()]
    assert (kept.id, kept.arrived_at[:4], kept.listing.licence) == ("a.obj", "2020", "MIT")
    catalogue.write_text('{"a.obj": {"licence": "MIT", "arrived_at": "2020-01-02"}}', "utf-8")
    (store / "a.obj").rename(store / "renamed.obj")  # which the catalogue does not know yet
    run(store, embedder, gallery)
    with Gallery(gallery) as opened:
        dates = {asset.id: asset.arrived_at[:4] for asset in opened.assets.values()}
    assert dates["renamed.obj"] == "2020"


def test_what_an_outer_store_says_stays_while_it_cannot_be_read(
    store: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """Of assets of a store within it, too."""
    inner = store / "schöner pack"
    catalogue = store / "catalog.json"
    catalogue.write_text(json.dumps({"schöner pack/c.stl": {"licence": "MIT"}}), "utf-8")
    for text in (None, "{"):
        if text:
            catalogue.write_text(text, "utf-8")
        with Gallery(gallery, create=True) as opened:
            index_stores(opened, [store, inner], embedder)
        with Gallery(gallery) as opened:
            licences = {asset.path.name: asset.listing.licence for asset in opened.assets.values()}
        assert licences == {"a.obj": None, "b.glb": None, "c.stl": "MIT"}


def test_a_catalogue_spells_umlauts_as_it_likes(
    store: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """In one sign or in two, of which file systems choose one and editors another."""
    (store / "schöner pack").rename(store / normalize("NFD", "schöner pack"))
    (store / "catalog.csv").write_text(
        f"path,licence\n{normalize('NFC', 'schöner pack')}/c.stl,MIT\n", encoding="utf-8"
    )
    assert run(store, embedder, gallery).warnings == []
    with Gallery(gallery) as opened:
        licences = {asset.path.name: asset.listing.licence for asset in opened.assets.values()}
    assert licences == {"a.obj": None, "b.glb": None, "c.stl": "MIT"}


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


def test_two_writers_do_not_meet(store: Path, gallery: Path, embedder: ShapeEmbedder) -> None:
    """A second index on one gallery is refused while the first holds the lock."""
    gallery.mkdir()
    with FileLock(gallery / "lock"), pytest.raises(GalleryBusyError, match="another"):
        run(store, embedder, gallery)


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


def test_a_damaged_catalogue_is_named(store: Path, gallery: Path, embedder: ShapeEmbedder) -> None:
    """A file that is no database gives one line that says what to do."""
    gallery.mkdir()
    (gallery / "gallery.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(GalleryError, match="delete the gallery"):
        run(store, embedder, gallery)


def test_a_full_disk_loses_nothing_written(
    store: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """SQLite refuses to grow: the error says so, and what was there is there."""
    run(store, embedder, gallery)
    for number in range(40):
        trimesh.creation.box((1, 2 + number, 1)).export(store / f"more{number}.stl")
    with Gallery(gallery) as opened:
        opened.catalogue._db.execute("PRAGMA max_page_count = 1")
        with pytest.raises(GalleryError, match="free some space"):
            index_stores(opened, [store], embedder)
    with Gallery(gallery) as opened:
        assert len(opened.assets) == 3
        assert counts(index_stores(opened, [store], embedder)) == (40, 0, 3, 0, 1)


def recorded(gallery: Path) -> int:
    """Files that the catalogue holds at this moment."""
    if not (gallery / "gallery.sqlite").is_file():
        return 0
    with closing(sqlite3.connect(gallery / "gallery.sqlite")) as db:
        try:
            return int(db.execute("SELECT count(*) FROM files").fetchone()[0])
        except sqlite3.OperationalError:  # killed before its tables were there
            return 0


def test_killed_at_any_moment_the_next_run_ends_alike(tmp_path: Path) -> None:
    """Kill -9 while starting and between two batches; then the gallery equals a clean one."""
    command = [*INDEX_BY_SHAPE, str(SAMPLES / "store"), "--gallery"]
    killed_in = tmp_path / "killed"
    for rows in (0, 1):
        process = subprocess.Popen(
            [*command, str(killed_in)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(0.5)
        while recorded(killed_in) < rows:
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert recorded(killed_in) < 69
    for name in ("killed", "clean"):
        subprocess.run([*command, str(tmp_path / name)], check=True, capture_output=True)
    embedder = ShapeEmbedder()
    with Gallery(killed_in) as killed, Gallery(tmp_path / "clean") as clean:
        assert [a.id for a in killed.assets.values()] == [a.id for a in clean.assets.values()]
        assert len(killed.assets) == 69
        cosines = (killed.vectors(embedder)[1] * clean.vectors(embedder)[1]).sum(axis=1)
        assert (cosines > 0.9995).all()


def test_two_first_runs_at_once_do_not_harm_each_other(tmp_path: Path) -> None:
    """One of them indexes everything; the other does so too, or says that the first is at work."""
    command = [*INDEX_BY_SHAPE, str(SAMPLES / "store"), "--gallery"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    runs = [subprocess.Popen([*command, str(tmp_path / "g")], text=True, **pipes) for _ in "ab"]  # type: ignore[call-overload]
    messages = [run.communicate()[1] for run in runs]
    codes = sorted(run.returncode for run in runs)
    assert codes in ([0, 0], [0, 1])
    if codes == [0, 1]:
        assert any("another 'shapesim index' is at work" in message for message in messages)
    assert recorded(tmp_path / "g") == 69


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


def test_what_arrives_is_told_whatever_its_date(
    store: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """New files do, mended ones too, and what changes at once: it was but half there.

    Moved, touched, and older changed ones do not.
    """
    dated = "path,arrived_at\na.obj,2020-01-01\nb.glb,2020-01-01\n"
    (store / "catalog.csv").write_text(dated, encoding="utf-8")
    root = store.resolve()
    first = run(store, embedder, gallery)
    assert first.arrived == {root / name for name in ("a.obj", "b.glb", "schöner pack/c.stl")}
    with closing(sqlite3.connect(gallery / "gallery.sqlite")) as db, db:
        db.execute("UPDATE files SET first_seen = '2020-01-01T00:00+00:00' WHERE path != 'b.glb'")
    (store / "a.obj").rename(store / "moved.obj")
    os.utime(store / "b.glb")
    trimesh.creation.box((3, 1, 1)).export(store / "schöner pack" / "c.stl")
    shutil.copy(SAMPLES / "game" / "props" / "chair.fbx", store / "broken.fbx")
    assert run(store, embedder, gallery).arrived == {root / "broken.fbx"}
    trimesh.creation.box((4, 1, 1)).export(store / "b.glb")
    assert run(store, embedder, gallery).arrived == {root / "b.glb"}


def test_what_was_read_before_an_interruption_is_kept(
    store: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """Though there was no batch yet."""

    def lose_patience(done: int, total: int, failed: int) -> None:
        if done - failed == 2:
            raise KeyboardInterrupt

    with Gallery(gallery, create=True) as opened:
        with pytest.raises(KeyboardInterrupt):
            index_stores(opened, [store], embedder, progress=lose_patience)
        assert opened.catalogue.count() == 2
    assert run(store, embedder, gallery).added == 1


def test_what_is_embedded_when_the_user_has_had_enough_is_kept(
    store: Path, gallery: Path, embedder: ShapeEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C within a batch: it is embedded to its end, and written."""
    embed, calls = ShapeEmbedder.embed_batch, []

    def lose_patience(self: ShapeEmbedder, prepared: Any) -> Any:
        calls.append(len(prepared))
        if len(calls) == 1:
            signal.raise_signal(signal.SIGINT)
        return embed(self, prepared)

    monkeypatch.setattr("shapesim.indexing._BATCH", 2)
    monkeypatch.setattr(ShapeEmbedder, "embed_batch", lose_patience)
    # What runs in a shell's background does not hear of Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with Gallery(gallery, create=True) as opened:
        with pytest.raises(KeyboardInterrupt):
            index_stores(opened, [store], embedder)
        signal.signal(signal.SIGINT, before)
        assert opened.catalogue.count() == sum(calls) > 0
    monkeypatch.undo()
    assert run(store, embedder, gallery).unchanged == sum(calls)


def test_what_is_written_when_the_user_has_had_enough_is_written_once(
    store: Path, gallery: Path, embedder: ShapeEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C between the end of a batch and the start of the next."""

    def lose_patience(*_: object) -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr("shapesim.gallery.catalogue.Catalogue.touch", lose_patience)
    with Gallery(gallery, create=True) as opened, pytest.raises(KeyboardInterrupt):
        index_stores(opened, [store], embedder)
    again = run(store, embedder, gallery)
    assert (again.added, again.unchanged) == (0, 3)


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


def test_stores_within_stores_share_their_catalogue_and_stay_when_away(
    tmp_path: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """What the outer store lists counts where the inner one says nothing."""
    inner = tmp_path / "store" / "in"
    inner.mkdir(parents=True)
    for number, path in enumerate((tmp_path / "store" / "a.obj", inner / "b.obj"), 1):
        trimesh.creation.box((1, number, 1)).export(path)
    (tmp_path / "store" / "catalog.csv").write_text("path,price\na.obj,3\nin/b.obj,5\n")
    with Gallery(gallery, create=True) as opened:
        assert index_stores(opened, [tmp_path / "store"], embedder).added == 2
        assert counts(index_stores(opened, [inner], embedder)) == (0, 0, 1, 0, 0)
        assert counts(index_stores(opened, [], embedder)) == (0, 0, 2, 0, 0)
        prices = {a.path.name: a.listing.price for a in opened.assets.values()}
        assert prices == {"a.obj": 3, "b.obj": 5}
        inner.rename(tmp_path / "away")
        report = index_stores(opened, [], embedder)
        assert (report.removed, report.total) == (0, 2)
        (tmp_path / "away").rename(inner)
        assert forget_stores(opened, [tmp_path / "store"]) == 1


def test_a_mesh_among_pictures_does_not_cost_them(
    tmp_path: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """A store of pictures stays one, with a warning."""
    store = tmp_path / "pictures"
    store.mkdir()
    for number in range(3):
        PilImage.new("RGB", (40, 40), (80 * number, 0, 0)).save(store / f"{number}.png")
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
    PilImage.new("RGB", (8, 8), "red").save(store / "Textures" / "paint.png")
    report = run(store, embedder, gallery)
    assert (counts(report), report.warnings) == ((0, 1, 3, 0, 1), [])
    assert counts(run(store, embedder, gallery)) == (0, 0, 4, 0, 1)
    PilImage.new("RGB", (8, 8), "blue").save(store / "Textures" / "paint.png")
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
    assert sum("rename it" in warning for warning in report.warnings) == 2


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
