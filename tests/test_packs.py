"""Packs as they are sold: read like folders, and none of them can do harm."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import stat
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shapesim.embedders import ShapeEmbedder
from shapesim.errors import AssetError, UnreachableFileError
from shapesim.gallery import Gallery
from shapesim.indexing import index_stores
from shapesim.meshes import find_assets, load_mesh, packs
from shapesim.meshes.packs import drop, located, unpacked
from shapesim.swap import Filters
from tests.commands import shapesim
from tests.conftest import SAMPLES

CRATE = SAMPLES / "game" / "props" / "crate.obj"
CHAIR = SAMPLES / "game" / "props" / "chair.fbx"


def unity(path: Path, files: dict[str, bytes], name_first: bool) -> None:
    """Writes a .unitypackage."""
    with tarfile.open(path, "w:gz") as pack:
        for number, (name, content) in enumerate(files.items()):
            parts = [("pathname", name.encode() + b"\n00"), ("asset", content)]
            for part, data in parts if name_first else parts[::-1]:
                entry = tarfile.TarInfo(f"{number:032x}/{part}")
                entry.size = len(data)
                pack.addfile(entry, io.BytesIO(data))


@pytest.mark.parametrize("kind", ["zip", "name first", "content first"])
def test_a_pack_is_read_like_a_folder(tmp_path: Path, kind: str) -> None:
    """Its meshes are found and give the same geometry as outside."""
    files = {
        "props/crate.obj": CRATE.read_bytes(),
        "seats/schöner chair.fbx": CHAIR.read_bytes(),
        "readme.txt": b"hello",
    }
    pack = tmp_path / ("pack.zip" if kind == "zip" else "pack.unitypackage")
    if kind == "zip":
        with zipfile.ZipFile(pack, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    else:
        unity(pack, files, kind == "name first")
    found = find_assets(tmp_path)
    inside = tmp_path / f"{pack.name}!"
    assert found.files == [inside / "props/crate.obj", inside / "seats/schöner chair.fbx"]
    assert found.unreadable == []
    np.testing.assert_array_equal(load_mesh(found.files[1]).vertices, load_mesh(CHAIR).vertices)
    assert not located(inside / "readme.txt").exists()


def test_what_leads_out_or_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    """Paths upwards, absolute ones, links and encrypted entries are named; the rest is read."""
    pack = tmp_path / "pack.zip"
    with zipfile.ZipFile(pack, "w") as archive:
        archive.writestr("../../evil.obj", CRATE.read_bytes())
        archive.writestr("/evil.obj", CRATE.read_bytes())
        archive.writestr("C:\\evil.obj", CRATE.read_bytes())
        archive.writestr("tex/D:/evil.obj", CRATE.read_bytes())
        link = zipfile.ZipInfo("link.obj")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("secret.obj", CRATE.read_bytes())
        archive.writestr("good.obj", CRATE.read_bytes())
    content = bytearray(pack.read_bytes())
    for head, flags in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        at = -1
        while (at := content.find(head, at + 1)) >= 0:
            if b"secret.obj" in content[at : at + 60]:
                content[at + flags] |= 1
    pack.write_bytes(content)
    found = find_assets(tmp_path)
    assert [path.name for path in found.files] == ["good.obj"]
    reasons = " ".join(reason for _, reason in (*found.left_out, *found.unreadable))
    assert reasons.count("leads out") == 4
    assert reasons.count("is a link") == reasons.count("is encrypted") == 1
    assert not list(tmp_path.rglob("evil.obj"))


def test_packs_that_give_nothing_are_told(tmp_path: Path) -> None:
    """One within another, and one without a mesh."""
    with zipfile.ZipFile(tmp_path / "bundle.zip", "w") as archive:
        archive.writestr("unity/inner.unitypackage", b"")
        archive.writestr("a.obj", CRATE.read_bytes())
    with zipfile.ZipFile(tmp_path / "sounds.zip", "w") as archive:
        archive.writestr("a.wav", b"")
    found = find_assets(tmp_path)
    assert [path.name for path in found.files] == ["a.obj"]
    (within, _), (without, _) = sorted(found.left_out)
    assert (within.name, without.name) == ("bundle.zip", "sounds.zip")
    assert "unity/inner.unitypackage: is a pack within a pack" in found.left_out[0][1]
    result = shapesim("tag", tmp_path / "sounds.zip")
    assert result.returncode == 1 and "holds no mesh" in result.stderr


def test_a_pack_that_would_fill_the_disk_is_refused(tmp_path: Path) -> None:
    """A hundred megabytes of zeros in a hundred kilobytes."""
    pack = tmp_path / "bomb.zip"
    with zipfile.ZipFile(pack, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("zeros.obj", bytes(120 << 20))
    with pytest.raises(AssetError, match="unpacks to much more"):
        unpacked(pack)
    ((path, reason),) = find_assets(tmp_path).unreadable
    assert path == pack
    assert "by hand" in reason


def test_content_that_waits_for_its_name_is_bounded(tmp_path: Path) -> None:
    """What is not wanted is gone as soon as its name is known; what never gets one is refused."""
    sounds = {f"{number}.wav": bytes(30 << 20) for number in range(4)}
    unity(tmp_path / "sounds.unitypackage", sounds | {"a.obj": CRATE.read_bytes()}, False)
    assert [path.name for path in find_assets(tmp_path).files] == ["a.obj"]
    with tarfile.open(tmp_path / "bomb.unitypackage", "w:gz") as pack:
        for number in range(3):
            entry = tarfile.TarInfo(f"{number:032x}/asset")
            entry.size = 30 << 20
            pack.addfile(entry, io.BytesIO(bytes(entry.size)))
    with pytest.raises(AssetError, match="unpacks to much more"):
        unpacked(tmp_path / "bomb.unitypackage")


def test_a_pack_that_is_cut_off_gives_what_it_has(tmp_path: Path) -> None:
    """What stands before the cut is read; a file that is no pack is named."""
    pack = tmp_path / "cut.unitypackage"
    noise = np.random.default_rng(0).bytes(1 << 20)
    unity(pack, {"a.obj": CRATE.read_bytes(), "noise.bin": noise, "b.obj": b"v 0 0 0\n"}, True)
    pack.write_bytes(pack.read_bytes()[: 1 << 19])
    (tmp_path / "none.zip").write_bytes(b"no pack at all")
    found = find_assets(tmp_path)
    assert [path.name for path in found.files] == ["a.obj"]
    assert {path.name for path, _ in found.unreadable} == {"cut.unitypackage", "none.zip"}


def test_entries_that_no_system_can_name_cost_only_themselves(tmp_path: Path) -> None:
    """An empty name, and one too long, are named; the rest is read."""
    long = "x" * 300 + ".obj"
    files = {"": b"nothing", ".": b"nothing", long: b"nothing", "crate.obj": CRATE.read_bytes()}
    unity(tmp_path / "odd.unitypackage", files, True)
    found = find_assets(tmp_path)
    assert [path.name for path in found.files] == ["crate.obj"]
    reasons = [reason for _, reason in found.left_out]
    assert reasons[:2] == ["a file without a name; left out"] * 2
    assert "cannot be unpacked" in reasons[2]


def test_a_pack_that_cannot_be_read_now_keeps_its_assets(tmp_path: Path) -> None:
    """And when they arrived; a picture beside it does not become an original."""
    store = tmp_path / "store"
    store.mkdir()
    pack = store / "pack.zip"
    with zipfile.ZipFile(pack, "w") as archive:
        archive.write(CRATE, "props/crate.obj")
    content = pack.read_bytes()
    Image.new("RGB", (64, 64), "red").save(store / "preview.png")
    command = ("index", store, "--by", "shape", "--json")
    assert json.loads(shapesim(*command, cwd=tmp_path).stdout)["added"] == 1
    pack.write_bytes(b"half a copy")
    broken = json.loads(shapesim(*command, cwd=tmp_path).stdout)
    assert (broken["assets"], broken["added"], broken["removed"]) == (1, 0, 0)
    (failed,) = broken["failed"]
    assert failed["path"] == str(pack) and "cannot be unpacked" in failed["reason"]
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    shutil.copy(store / "preview.png", pictures)
    shutil.copy(pack, pictures)
    beside = shapesim("index", pictures, "--gallery", tmp_path / "g", "--json", cwd=tmp_path)
    assert json.loads(beside.stdout)["added"] == 1  # a broken pack does not hide pictures
    pack.write_bytes(content)
    whole = json.loads(shapesim(*command, cwd=tmp_path).stdout)
    assert (whole["added"], whole["removed"], whole["unchanged"]) == (0, 0, 1)


def test_a_pack_with_a_link_forgets_what_it_no_longer_holds(tmp_path: Path) -> None:
    """What is left out of a pack is known; more is not hidden in it."""
    link = zipfile.ZipInfo("link.obj")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    embedder, pack = ShapeEmbedder(), tmp_path / "store" / "pack.zip"
    pack.parent.mkdir()
    with Gallery(tmp_path / "gallery", create=True) as gallery:
        for names in (("old.obj", "crate.obj"), ("new.obj", "crate.obj")):
            with zipfile.ZipFile(pack, "w") as archive:
                archive.writestr(link, "crate.obj")
                for name in names:
                    archive.write(CRATE, name)
            report = index_stores(gallery, [pack.parent], embedder)
            assert {asset.path.name for asset in gallery.assets.values()} == set(names)
        assert any("is a link" in warning for warning in report.warnings)
        below = Filters(store=pack)
        assert all(below.allow(asset) for asset in gallery.assets.values())


def test_what_a_pack_holds_but_does_not_give_stays_known(tmp_path: Path) -> None:
    """Packed anew in a way nobody knows: the asset is there, and so is what is known of it."""
    embedder, pack = ShapeEmbedder(), tmp_path / "store" / "pack.zip"
    pack.parent.mkdir()
    with Gallery(tmp_path / "gallery", create=True) as gallery:
        for method in (8, 9):  # Deflate, Deflate64
            with zipfile.ZipFile(pack, "w", zipfile.ZIP_DEFLATED) as archive:
                for name in ("odd.obj", "crate.obj"):
                    archive.write(CRATE, name)
            data = bytearray(pack.read_bytes())
            data[8] = data[data.index(b"PK\x01\x02") + 10] = method
            pack.write_bytes(data)
            report = index_stores(gallery, [pack.parent], embedder)
            assert report.removed == 0
            names = {asset.path.name for asset in gallery.assets.values()}
            assert names == {"odd.obj", "crate.obj"}
    assert any("unknown way" in failure.reason for failure in report.failures)


def test_packs_are_indexed_swapped_and_exchanged(tmp_path: Path) -> None:
    """Ids name the pack; a new version of the pack replaces what the old one held."""
    store = tmp_path / "store"
    store.mkdir()
    pack = store / "pack.zip"
    with zipfile.ZipFile(pack, "w") as archive:
        archive.write(CRATE, "props/crate.obj")
    done = shapesim("index", store, "--by", "shape", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["added"] == 1
    found = shapesim("swap", CRATE, "--by", "shape", "--json", cwd=tmp_path)
    (match,) = json.loads(found.stdout)["matches"]
    assert match["id"] == "pack.zip!/props/crate.obj"
    assert match["copy"]
    assert match["iou"] > 0.99
    asked = shapesim("swap", pack, "--by", "shape", "--json", cwd=tmp_path)
    assert json.loads(asked.stdout)["query"] == str(Path(f"{pack}!", "props", "crate.obj"))
    (tmp_path / "none.zip").write_bytes(b"no pack at all")
    refused = shapesim("swap", "none.zip", "--by", "shape", cwd=tmp_path)
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: none.zip: ")
    assert "loader" not in refused.stderr
    again = json.loads(shapesim("index", "--by", "shape", "--json", cwd=tmp_path).stdout)
    assert again["unchanged"] == 1
    with zipfile.ZipFile(pack, "w") as archive:
        archive.write(CHAIR, "seats/chair.fbx")
    changed = json.loads(shapesim("index", "--by", "shape", "--json", cwd=tmp_path).stdout)
    assert (changed["added"], changed["removed"]) == (1, 1)


def test_a_cache_that_was_cleaned_is_filled_again(tmp_path: Path) -> None:
    """Also where only some of it is gone, as cleaners by age leave it."""
    pack = tmp_path / "pack.zip"
    with zipfile.ZipFile(pack, "w") as archive:
        archive.write(CRATE, "crate.obj")
        archive.write(CHAIR, "chair.fbx")
    folder = unpacked(pack).folder
    for lost in ("crate.obj", ".contents.json"):
        (folder / lost).unlink()
        assert len(find_assets(tmp_path).files) == 2
        assert located(tmp_path / "pack.zip!" / "crate.obj").read_bytes() == CRATE.read_bytes()
    drop(pack)
    assert not folder.exists()
    assert located(tmp_path / "pack.zip!" / "chair.fbx").is_file()


def test_one_odd_entry_costs_only_itself(tmp_path: Path) -> None:
    """A name with a NUL, and content that is packed in a way nobody knows."""
    unity(tmp_path / "a.unitypackage", {"bad\0.obj": b"v", "crate.obj": CRATE.read_bytes()}, True)
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("odd.obj", "crate.obj"):
            archive.write(CRATE, name)
    data = bytearray((tmp_path / "b.zip").read_bytes())
    central = data.index(b"PK\x01\x02")
    data[8] = data[central + 10] = 9  # Deflate64
    (tmp_path / "b.zip").write_bytes(data)
    found = find_assets(tmp_path)
    assert [path.parent.name for path in found.files] == ["a.unitypackage!", "b.zip!"]
    assert (len(found.left_out), len(found.unreadable)) == (1, 1)


def test_a_folder_that_cannot_be_renamed_is_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows refuses that while a scanner has a file in it open."""
    with zipfile.ZipFile(tmp_path / "pack.zip", "w") as pack:
        pack.write(CRATE, "props/crate.obj")
    rename = os.replace

    def refused(source: Path, target: Path) -> None:
        if Path(source).is_dir():
            raise PermissionError(errno.EACCES, "Access is denied")
        rename(source, target)

    monkeypatch.setattr(os, "replace", refused)
    found = find_assets(tmp_path)
    assert [located(path).read_bytes() for path in found.files] == [CRATE.read_bytes()]
    assert not found.unreadable


def test_a_cache_that_cannot_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its folder; the pack is not to blame."""
    with zipfile.ZipFile(tmp_path / "pack.zip", "w") as pack:
        pack.write(CRATE, "crate.obj")
    (tmp_path / "home").write_text("")
    monkeypatch.setattr(packs, "_cache", lambda: tmp_path / "home" / "packs")
    with pytest.raises(UnreachableFileError, match=r"cannot be unpacked to .*home"):
        load_mesh(tmp_path / "pack.zip!" / "crate.obj")
