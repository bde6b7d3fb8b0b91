"""What stores say of their assets, and when these came."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path
from unicodedata import normalize

import numpy as np
import trimesh
from PIL import Image

from shapesim.embedders import BothEmbedder, ShapeEmbedder
from shapesim.gallery import Gallery
from shapesim.indexing import forget_stores, index_stores
from shapesim.listings import Listing
from shapesim.tagging.featuring import see
from shapesim.tagging.labelling import known_probabilities, set_tags
from shapesim.tagging.taggers import DEFAULT, Tagger
from tests.conftest import SAMPLES
from tests.stores import counts, run


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


def test_a_renamed_file_is_not_read_again(
    store: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """It is the asset that it was, under its new name, and no news."""
    run(store, embedder, gallery)
    with Gallery(gallery) as opened:
        ids = {asset.id: id for id, asset in opened.assets.items()}
    (store / "b.glb").rename(store / "schöner pack" / "other.GLB")
    report = run(store, embedder, gallery)
    assert counts(report) == (0, 0, len(ids), 0, 1)  # the store has a broken file
    assert not report.arrived
    with Gallery(gallery) as opened:
        assert opened.assets[ids["b.glb"]].id == "schöner pack/other.GLB"


def test_a_folder_that_moved_within_its_store_is_not_read_again(
    store: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """What is known of its assets goes along; textures, dates and what they hold, too."""
    pack = store / "schöner pack"
    Image.new("RGB", (4, 4), "red").save(pack / "red.png")
    (pack / "look.mtl").write_text("newmtl red\nmap_Kd red.png\n")
    shape = trimesh.creation.box((1, 2, 5)).export(file_type="obj", header="")
    (pack / "d.obj").write_text("mtllib look.mtl\nusemtl red\n" + shape)
    kit = trimesh.Scene()
    for number in range(3):
        box = trimesh.creation.box((1, 1 + number, 1)).apply_translation((4 * number, 0, 0))
        kit.add_geometry(box, node_name=f"part {number}")
    kit.export(pack / "kit.glb")
    (store / "catalog.csv").write_text("path,arrived_at\nschöner pack/c.stl,2020-01-02\n", "utf-8")
    run(store, embedder, gallery)

    def known() -> dict[str, tuple[int, str]]:
        with Gallery(gallery) as opened:
            return {one.id: (id, one.arrived_at[:10]) for id, one in opened.assets.items()}

    before = known()
    assert before["schöner pack/c.stl"][1] == "2020-01-02"
    (store / "deep").mkdir()
    pack.rename(store / "deep" / "new")
    report = run(store, embedder, gallery)
    assert counts(report) == (0, 0, len(before) - 3, 0, 1)  # the store has a broken file
    assert not report.arrived
    after = known()
    assert after == {id.replace("schöner pack", "deep/new"): one for id, one in before.items()}
    assert {"deep/new/d.obj", "deep/new/kit.glb!/part 2"} <= after.keys()
    # What is otherwise than it was is read.
    (store / "deep").rename(store / "other")
    (store / "other" / "new" / "look.mtl").write_text("newmtl red\n")
    assert counts(run(store, embedder, gallery)) == (1, 0, len(before) - 4, 1, 1)


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


def test_a_catalogue_may_differ_in_case(
    store: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """As on systems where that is the same file; what is spelt exactly goes first."""
    text = "path,licence\nA.OBJ,MIT\nSchöner Pack/C.stl,CC0-1.0\nB.glb,no\nb.glb,yes\n"
    (store / "catalog.csv").write_text(text, encoding="utf-8")
    assert run(store, embedder, gallery).warnings == []
    with Gallery(gallery) as opened:
        licences = {asset.path.name: asset.listing.licence for asset in opened.assets.values()}
    assert licences == {"a.obj": "MIT", "b.glb": "yes", "c.stl": "CC0-1.0"}


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


def test_a_store_that_is_renamed_keeps_what_is_known_of_it(
    store: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """Dates, tags, its up axis, and files that are there twice; nothing is read again."""
    shutil.copy(store / "a.obj", store / "copy.obj")
    with Gallery(gallery, create=True) as opened:
        index_stores(opened, [store, store / "schöner pack"], embedder, "z")
    with Gallery(gallery) as opened:
        ids = {asset.id: id for id, asset in opened.assets.items()}
        opened.catalogue.set_tags([ids["b.glb"]], [(ids["b.glb"], "box", 0.9)])
    with closing(sqlite3.connect(gallery / "gallery.sqlite")) as db, db:
        db.execute("UPDATE files SET first_seen = '2020-01-01T00:00:00+00:00'")
    moved = store.rename(store.with_name("moved"))
    report = run(moved, embedder, gallery)
    assert (counts(report), report.arrived) == ((0, 0, 4, 0, 1), set())
    assert sum("has moved to" in warning for warning in report.warnings) == 2
    with Gallery(gallery) as opened:
        assets = {asset.id: asset for asset in opened.assets.values()}
        roots = {moved.resolve(), moved.resolve() / "schöner pack"}
        assert set(opened.catalogue.stores().values()) == roots
        assert set(opened.catalogue.up_axes().values()) == {"z"}
    assert len(assets) == 4
    assert {asset.arrived_at[:4] for asset in assets.values()} == {"2020"}
    assert [name for name, asset in assets.items() if asset.tags] == ["b.glb"]


def test_a_store_that_is_away_keeps_what_others_have_copies_of(
    store: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """A part of it, or other files of the same names, are another store."""
    run(store, embedder, gallery)
    away = store.rename(store.with_name("away"))
    part, other = store.with_name("part"), store.with_name("other")
    part.mkdir()
    shutil.copy(away / "a.obj", part)
    shutil.copytree(away, other)
    trimesh.creation.icosphere().export(other / "a.obj")
    trimesh.creation.icosphere().export(other / "b.glb")
    for copy, count in ((part, 1), (other, 3)):
        report = run(copy, embedder, gallery)
        assert report.added == count
        assert not any("has moved" in warning for warning in report.warnings)
    away.rename(store)
    assert counts(run(store, embedder, gallery)) == (0, 0, 3, 0, 1)


def test_a_row_of_a_folder_or_a_pack_holds_for_what_is_in_it(
    store: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """But for what an asset's own row says; what is no asset is told from what is not there."""
    with zipfile.ZipFile(store / "kit.zip", "w") as pack:
        pack.write(store / "b.glb", "deep/d.glb")
    (store / "catalog.csv").write_text(
        f"path,name,licence,price\n{normalize('NFD', 'schöner pack')},Pack,CC0-1.0,3\n"
        "kit.zip!,Kit,CC-BY-4.0,\nkit.zip/deep,,,2\nschöner pack/c.stl,Own,,5\n"
        f"Wow!,,MIT,\nWow,,,\nbroken.txt,,,\nnowhere.obj,,,\n{'x' * 300},,,\n",
        encoding="utf-8",
    )
    (store / "broken.txt").touch()
    (store / "Wow!").mkdir()
    shutil.copy(store / "a.obj", store / "Wow!")
    report = run(store, embedder, gallery)
    with Gallery(gallery) as opened:
        said = {asset.id: asset.listing for asset in opened.assets.values()}
    assert said["schöner pack/c.stl"] == Listing(name="Own", licence="CC0-1.0", price=5)
    assert said["kit.zip!/deep/d.glb"] == Listing(licence="CC-BY-4.0", price=2)
    assert (said["a.obj"], said["Wow!/a.obj"]) == (Listing(), Listing(licence="MIT"))
    told = [warning.partition("lists ")[2] for warning in report.warnings]
    missing = [f"{name}, which is not there" for name in ("Wow", "nowhere.obj", "x" * 300)]
    assert sorted(told) == sorted(["broken.txt, which is no asset", *missing])


def test_what_comes_is_tagged_as_the_rest_was(tmp_path: Path) -> None:
    """By the tagger that was applied last; where it cannot be, that is told."""
    both, store = BothEmbedder(), tmp_path / "store"
    store.mkdir()
    shutil.copy(SAMPLES / "game" / "props" / "chair.fbx", store)
    run(store, both, tmp_path / "gallery")
    with Gallery(tmp_path / "gallery") as opened, opened.writing():
        tagger = Tagger.load(DEFAULT)
        rows = known_probabilities(opened, tagger)
        set_tags(opened, tagger, rows, 0.0)
        opened.catalogue.remember_tagger(None, 0.0)
    seen = tagger.probabilities(see([store / "chair.fbx"]).features)
    np.testing.assert_allclose(next(iter(rows.values())), seen[0], atol=1e-3)
    others = iter(sorted((SAMPLES / "store").rglob("*.glb")))
    shutil.copy(next(others), store)
    assert not run(store, both, tmp_path / "gallery").warnings
    with Gallery(tmp_path / "gallery") as opened:
        assert [len(asset.tags) for asset in opened.assets.values()] == [len(tagger.labels)] * 2
    shutil.copy(next(others), store)
    (store / "chair.fbx").rename(store / "seat.fbx")  # and keeps its tags
    (warning,) = run(store, ShapeEmbedder(), tmp_path / "gallery").warnings
    assert "1 new asset without tags yet; run 'shapesim tags apply'" in warning
    assert not run(store, both, tmp_path / "gallery").warnings
    with Gallery(tmp_path / "gallery") as opened:
        assert all(asset.tags for asset in opened.assets.values())
