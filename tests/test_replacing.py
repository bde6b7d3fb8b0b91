"""Swaps that drop in, and arrivals, on planted copies of sample assets."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import trimesh
from filelock import FileLock

from shapesim.arrivals import read_game
from shapesim.embedders import ShapeEmbedder
from shapesim.gallery import Gallery
from shapesim.meshes import load_mesh
from shapesim.swap import Filters
from tests.commands import shapesim
from tests.conftest import SAMPLES, yawed
from tests.planting import CHAIR, plain, save


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose second pack arrived lately, a game, and their gallery."""
    home = tmp_path_factory.mktemp("replacing")
    store = home / "store"
    shutil.copytree(SAMPLES / "store" / "meadow-pack" / "furniture", store / "old")
    shutil.copytree(SAMPLES / "store" / "meadow-pack" / "weapons", store / "blades")
    dense = plain(CHAIR).subdivide()
    save(home / "game" / "chair.obj", dense)
    dense.apply_transform(yawed(1.0))
    simple = plain(CHAIR)
    simple.apply_transform(yawed(2.5)).apply_scale(3.0)
    save(store / "new" / "better.glb", simple)
    save(store / "new" / "worse.obj", plain(CHAIR).subdivide().subdivide())
    (home / "beside").mkdir()
    (store / "more").symlink_to(home / "beside")
    save(home / "beside" / "stool.glb", trimesh.creation.box((0.4, 0.4, 0.4)))
    rows = ["path,arrived_at,licence,price"]
    for file in sorted(store.rglob("*.*")):
        name = file.relative_to(store).as_posix()
        date = "2026-11-20" if name.startswith("new/") else "2026-01-01"
        rows.append(f"{name},{date},{'CC0-1.0' if 'better' in name else 'MIT'},3")
    (store / "catalog.csv").write_text("\n".join(rows), encoding="utf-8")
    result = shapesim("index", store, "--by", "shape", "--json", cwd=home)
    assert result.returncode == 0, result.stderr
    return home


def test_a_match_comes_with_its_transform(home: Path) -> None:
    """It takes the match file's own coordinates to the query file's own."""
    result = shapesim("swap", CHAIR, "--by", "shape", "--format", "glb", "--json", cwd=home)
    matches = {Path(m["path"]).name: m for m in json.loads(result.stdout)["matches"]}
    match = matches["better.glb"]
    assert match["iou"] > 0.9
    query, asset = load_mesh(CHAIR), load_mesh(Path(match["path"]))
    placed = asset.vertices @ np.array(match["transform"])[:3, :3].T
    placed += np.array(match["transform"])[:3, 3]
    # The query's file may stand on another axis: compare in its own coordinates.
    own = np.linalg.inv(query.upright)
    corners = query.corners @ own[:3, :3].T + own[:3, 3]
    np.testing.assert_allclose(np.ptp(placed, axis=0), np.ptp(corners, axis=0), rtol=0.02)
    np.testing.assert_allclose(
        placed.min(axis=0), corners.min(axis=0), atol=0.02 * query.extents.max()
    )
    assert match["listing"]["licence"] == "CC0-1.0"


def test_filters_leave_out_what_is_not_like_that(home: Path) -> None:
    """By triangles, format, licence, price, store and needs."""
    cc0, new = {"better.glb"}, {"better.glb", "worse.obj"}
    with Gallery(home / ".shapesim") as gallery:
        assets = list(gallery.assets.values())
        names = {asset.path.name for asset in assets}
        few = {asset.path.name for asset in assets if asset.triangles <= 300}
        glb = {name for name in names if name.endswith(".glb")}
        obj = {name for name in names if name.endswith(".obj")}
        assert 0 < len(few) < len(names) and glb and obj
        for filters, wanted in (
            (Filters(max_triangles=300), few),
            (Filters(formats=("GLB",)), glb),
            (Filters(formats=("obj", ".glb")), obj | glb),
            (Filters(licence="cc0-1.0"), cc0),
            (Filters(store=home / "store" / "new"), new),
            (Filters(store=home / "store" / "more"), {"stool.glb"}),
            (Filters(store=home / "beside"), set()),
            (Filters(store=Path("/")), names),
            (Filters(max_price=3), names - {"stool.glb"}),  # which has no price
            (Filters(max_price=2), set()),
            (Filters(needs=("rig",)), set()),
            (Filters(max_price=3, store=home / "store" / "new", licence="CC0-1.0"), cc0),
        ):
            assert {one.path.name for one in assets if filters.allow(one)} == wanted, filters


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--format", "GLB, .obj", "--licence", "cc0-1.0"], {"better.glb"}),
        (["--store", "store/more", "--max-triangles", "300"], {"stool.glb"}),
        (["--needs", "rig"], set()),
    ],
)
def test_filters_are_asked_for_by_options(home: Path, words: list[str], names: set[str]) -> None:
    """Stores by where one stands, formats in any case; where nothing is left, it is said."""
    plainly = ["--by", "shape", "--no-fit", "--json", "-k", "30"]
    result = shapesim("swap", CHAIR, *plainly, *words, cwd=home)
    matches = json.loads(result.stdout)["matches"]
    assert result.returncode == (0 if matches else 1), result.stderr
    assert matches or "no match" in result.stderr
    assert {Path(match["path"]).name for match in matches} == names


def test_exported_matches_stand_in_the_querys_place(home: Path) -> None:
    """Each GLB has the bounds that swap.json says, near the query's; nothing is overwritten."""
    command = ("swap", CHAIR, "--by", "shape", "-k", "3", "--export", home / "out")
    result = shapesim(*command, cwd=home)
    assert result.returncode == 0, result.stderr
    (listed,) = json.loads((home / "out" / "swap.json").read_text())["swaps"]
    query = load_mesh(CHAIR)
    scale = query.unit or 1.0
    assert len(listed["matches"]) == 3
    for match in listed["matches"]:
        bounds = trimesh.load_scene(home / "out" / match["file"]).bounds
        np.testing.assert_allclose(bounds, match["bounds"], atol=1e-3 * scale)
        np.testing.assert_allclose(
            bounds[0, 1], query.corners[:, 1].min() * scale, atol=0.05 * scale
        )
    again = shapesim(*command, cwd=home)
    assert again.returncode == 1
    assert "is not empty" in again.stderr
    below = shapesim("swap", CHAIR, "--export", home / "out" / "swap.json" / "deep", cwd=home)
    assert below.returncode == 1
    assert "deep: cannot be written" in below.stderr
    fewer = shapesim(*command, "-k", "1", "--force", cwd=home)
    assert fewer.returncode == 0
    assert len(list((home / "out").glob("*.glb"))) == 1


def test_an_export_adds_to_another(home: Path, tmp_path: Path) -> None:
    """What was written of other assets stays, whatever they are called."""
    out = tmp_path / "out"
    queries = [tmp_path / folder / "chair.obj" for folder in ("a", "b", "c")]
    for query in queries:
        save(query, plain(CHAIR))
    words = ("--by", "shape", "-k", "2", "--export", out)
    assert shapesim("swap", *queries[:2], *words, cwd=home).returncode == 0
    first = {path.name: path.read_bytes() for path in out.glob("*.glb")}
    edited = sorted(first)[0]
    (out / edited).write_bytes(b"edited")
    # Of one name where they are, and yet not the same.
    gallery = ("--gallery", home / ".shapesim")
    for query in queries[1:]:
        result = shapesim("swap", query.name, *words, "--force", *gallery, cwd=query.parent)
        assert result.returncode == 0, result.stderr
    assert (out / edited).read_bytes() == b"edited"
    listed = json.loads((out / "swap.json").read_text())["swaps"]
    assert sorted(swap["query"] for swap in listed) == sorted(map(str, queries))
    files = {match["file"] for swap in listed for match in swap["matches"]}
    assert files == {path.name for path in out.glob("*.glb")} and len(files) == 6
    (out / "swap.json").write_text('{"mine": 1}')
    foreign = shapesim("swap", queries[0], *words, "--force", cwd=home)
    assert foreign.returncode == 1 and "is no list of an export" in foreign.stderr
    assert (out / "swap.json").read_text() == '{"mine": 1}'


_MEASURE = """
import json, sys, bpy
from mathutils import Vector
bounds = []
for file in sys.argv[1:]:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.gltf(filepath=file)
    meshes = [thing for thing in bpy.context.scene.objects if thing.type == "MESH"]
    corners = [thing.matrix_world @ vertex.co for thing in meshes for vertex in thing.data.vertices]
    # Blender has z up.
    corners = [(corner.x, corner.z, -corner.y) for corner in corners]
    bounds.append([[pick(axis) for axis in zip(*corners)] for pick in (min, max)])
print("bounds", json.dumps(bounds))
"""


@pytest.mark.skipif(
    find_spec("bpy") is None, reason="Blender is not installed: the extra 'blender'"
)
def test_exported_matches_open_in_blender(home: Path) -> None:
    """With the bounds that swap.json says."""
    out = home / "blender"
    result = shapesim("swap", CHAIR, "--by", "shape", "-k", "5", "--export", out, cwd=home)
    assert result.returncode == 0, result.stderr
    (listed,) = json.loads((out / "swap.json").read_text())["swaps"]
    files = [str(out / match["file"]) for match in listed["matches"]]
    opened = subprocess.run(
        [sys.executable, "-c", _MEASURE, *files], capture_output=True, text=True, check=True
    )
    (line,) = [line for line in opened.stdout.splitlines() if line.startswith("bounds ")]
    for bounds, match in zip(json.loads(line[7:]), listed["matches"], strict=True):
        size = np.ptp(match["bounds"], axis=0).max()
        np.testing.assert_allclose(bounds, match["bounds"], atol=0.01 * size)


def test_arrivals_tell_what_is_better_and_why(home: Path) -> None:
    """The simpler copy is news, the finer one is not; without news the exit code is 3."""
    command = ("arrivals", home / "game", "--by", "shape", "--since", "2026-11-01")
    result = shapesim(*command, "--json", cwd=home)
    assert result.returncode == 0, result.stderr
    (line,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert Path(line["asset"]).name == "chair.obj"
    (news,) = line["arrivals"]
    assert Path(news["path"]).name == "better.glb"
    assert any(gain.startswith("fewer triangles") for gain in news["gains"])
    assert news["iou"] > 0.9
    assert "fewer triangles" in shapesim(*command, cwd=home).stdout
    for words in (("--since", "2026-11-22"), ("--licence", "MIT")):
        none = shapesim(*command, *words, "--json", cwd=home)
        assert (none.returncode, none.stdout) == (3, "")


def test_of_a_game_without_a_usable_file_nothing_can_be_told(home: Path, tmp_path: Path) -> None:
    """Its files are named; that is not to have no news."""
    (tmp_path / "broken.fbx").write_bytes(b"Kaydara FBX Binary  \x00\x1a\x00")
    result = shapesim("arrivals", tmp_path, "--by", "shape", cwd=home)
    assert result.returncode == 1
    assert "broken.fbx" in result.stderr
    assert "no news" not in result.stderr


def test_a_store_that_is_away_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    """Neither by arrivals nor by duplicates, which a job at night may count on."""
    store, game = tmp_path / "store", tmp_path / "game"
    for name in ("one.glb", "two.glb"):
        save(store / name, plain(CHAIR))
    save(game / "chair.obj", plain(CHAIR).subdivide())
    assert shapesim("index", store, "--by", "shape", cwd=tmp_path).returncode == 0
    arrivals = ("arrivals", game, "--since", "1d", "--by", "shape", "--json")
    assert shapesim(*arrivals, cwd=tmp_path).returncode == 0
    assert shapesim("duplicates", cwd=tmp_path).returncode == 0
    store.rename(tmp_path / "away")
    result = shapesim(*arrivals, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert "2 files no longer there" in result.stderr
    assert "no news" not in result.stderr
    result = shapesim("duplicates", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-1] == "none of the assets could be read"
    # A match that is no more is said to be none, also to scripts, and once.
    swap = shapesim("swap", CHAIR, *game.iterdir(), "--by", "shape", "--json", cwd=tmp_path)
    assert swap.stderr.count("failed:") == 1
    (match,) = json.loads(swap.stdout.splitlines()[0])["matches"]
    assert "No such file" in match["error"]
    assert "transform" not in match


def test_a_copy_of_what_was_there_is_no_news(tmp_path: Path) -> None:
    """Even where another colour of it has arrived, too, and is nearer."""
    props = SAMPLES / "store" / "harbour-pack" / "props"
    for folder, name, source in (
        ("old", "red.glb", "barrel-red.glb"), ("new", "copy.glb", "barrel-red.glb"),
        ("new", "yellow.glb", "barrel-yellow.glb"),
    ):  # fmt: skip
        (tmp_path / folder).mkdir(exist_ok=True)
        shutil.copy(props / source, tmp_path / folder / name)
    (tmp_path / "game").mkdir()
    shutil.copy(SAMPLES / "game" / "props" / "barrel.fbx", tmp_path / "game")
    (tmp_path / "old" / "catalog.csv").write_text("path,arrived_at\nred.glb,2026-01-01\n")
    assert shapesim("index", "old", "new", cwd=tmp_path).returncode == 0
    result = shapesim("arrivals", "game", "--since", "1d", "--json", cwd=tmp_path)
    scores = {}
    for query in ("old", "new"):
        found = shapesim("swap", "game", "--store", query, "--json", cwd=tmp_path)
        (match,) = json.loads(found.stdout)["matches"]
        scores[query] = match["score"]
    news = json.loads(result.stdout)["arrivals"]
    assert [Path(one["path"]).name for one in news] == ["yellow.glb"]
    assert news[0]["score"] == pytest.approx(scores["new"], abs=2e-4)
    assert scores["old"] < scores["new"] - 0.01


def test_long_names_in_other_letters_are_exported(tmp_path: Path) -> None:
    """A name may have some 255 bytes; both names are in it."""
    (tmp_path / "store").mkdir()
    chair = tmp_path / "store" / f"{'椅' * 70}.obj"
    save(chair, plain(CHAIR))
    assert shapesim("index", "store", "--by", "shape", cwd=tmp_path).returncode == 0
    result = shapesim("swap", chair, "--by", "shape", "--export", "out", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    (written,) = (tmp_path / "out").glob("*.glb")
    assert written.name.startswith("椅" * 70)


def test_many_arrivals_do_not_hide_what_was_there(tmp_path: Path) -> None:
    """An older asset that fits better outdoes them, however many are more alike."""
    store = tmp_path / "store"
    save(tmp_path / "game" / "chair.obj", plain(CHAIR).subdivide())
    save(store / "old.obj", plain(CHAIR))
    rows = ["path,arrived_at", "old.obj,2026-01-01"]
    for number in range(8):
        bent = plain(CHAIR)
        bent.vertices[:, 1] *= 1.3 + 0.05 * number
        save(store / f"new{number}.obj", bent)
        rows.append(f"new{number}.obj,2026-11-20")
    (store / "catalog.csv").write_text("\n".join(rows), encoding="utf-8")
    assert shapesim("index", store, "--by", "shape", cwd=tmp_path).returncode == 0
    command = ("arrivals", tmp_path / "game", "--by", "shape", "--since", "2026-11-01", "--json")
    result = shapesim(*command, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (3, ""), result.stderr


def test_exports_of_equal_names_do_not_meet(home: Path, tmp_path: Path) -> None:
    """Each entry of the list has a file of its own."""
    for folder, name in (("a", "chair.obj"), ("b", "Chair.obj")):
        save(tmp_path / folder / name, plain(CHAIR))
    queries = [tmp_path / "a" / "chair.obj", tmp_path / "b" / "Chair.obj"]
    words = ("--by", "shape", "-k", "2", "--export", tmp_path / "out")
    result = shapesim("swap", *queries, *words, cwd=home)
    assert result.returncode == 0, result.stderr
    listed = json.loads((tmp_path / "out" / "swap.json").read_text())["swaps"]
    files = [match["file"].casefold() for swap in listed for match in swap["matches"]]
    assert len(files) == len(set(files)) == 4
    assert all(
        (tmp_path / "out" / file).is_file()
        for swap in listed
        for file in (match["file"] for match in swap["matches"])
    )


def test_what_cannot_be_written_costs_no_other_export(home: Path, tmp_path: Path) -> None:
    """The list is written, too."""
    words = ("--by", "shape", "-k", "2", "--export", tmp_path / "out")
    query = SAMPLES / "game" / "props" / "chair.fbx"
    assert shapesim("swap", query, *words, cwd=home).returncode == 0
    first, second = sorted((tmp_path / "out").glob("*.glb"))
    first.unlink()
    first.mkdir()
    result = shapesim("swap", query, *words, "--force", cwd=home)
    assert "cannot be exported" in result.stderr
    (swap,) = json.loads((tmp_path / "out" / "swap.json").read_text())["swaps"]
    assert [match["file"] for match in swap["matches"]] == [second.name]


def test_a_game_is_remembered(
    tmp_path: Path, embedder: ShapeEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what has changed is read again, or all of it if nothing can be kept."""
    game, cache = tmp_path / "game", tmp_path / "cache"
    save(game / "chair.obj", plain(CHAIR))
    save(game / "box.glb", trimesh.creation.box())
    (game / "broken.glb").write_bytes(b"no mesh")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))

    notes: list[list[str]] = []

    def read() -> dict[str, bytes]:
        found = read_game(game, embedder)
        notes.append(found.notes)
        (failure,) = found.failures
        assert failure.path == game / "broken.glb"
        assert all(path.parent == game for path in found.queries)
        return {path.name: query.vector.tobytes() for path, query in found.queries.items()}

    first = read()
    assert list(first) == ["box.glb", "chair.obj"]
    (folder,) = (cache / "shapesim" / "games").iterdir()
    (folder / "mark").touch()
    assert read() == first
    save(game / "box.glb", trimesh.creation.box((1, 2, 3)))
    changed = read()
    assert changed["chair.obj"] == first["chair.obj"]
    assert changed["box.glb"] != first["box.glb"]
    assert (folder / "mark").exists()
    (folder / "gallery.sqlite").write_bytes(b"damaged" * 1000)
    assert read() == changed
    assert not any(notes)
    (game / "box.glb").unlink()
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert list(read()) == ["chair.obj"]
    assert "the game is not remembered" in notes[-1][0]


def test_what_came_before_the_watch_is_told_and_for_the_game_as_it_is(tmp_path: Path) -> None:
    """Nothing is lost between two watches, and what is added to the game counts at once."""
    store, game = tmp_path / "store", tmp_path / "game"
    cone = trimesh.creation.cone(0.5, 2.0)
    save(store / "box.obj", trimesh.creation.box())
    assert shapesim("index", store, "--by", "shape", cwd=tmp_path).returncode == 0
    save(game / "chair.obj", plain(CHAIR).subdivide())
    save(store / "better.glb", plain(CHAIR))
    command = ["watch", store, "--game", game, "--by", "shape", "--json"]
    with subprocess.Popen(
        [sys.executable, "-m", "shapesim", *map(str, command)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
    ) as process:  # fmt: skip
        assert process.stdout is not None and process.stderr is not None
        try:
            assert "watching 2 assets for 1 asset" in process.stderr.readline()
            assert "1 added, 0 updated" in process.stderr.readline()
            first = json.loads(process.stdout.readline())
            time.sleep(1)
            save(game / "cone.obj", cone.subdivide().subdivide())
            save(store / "cone.glb", cone)
            second = json.loads(process.stdout.readline())
            store.rename(tmp_path / "away")
            assert any("is away; its assets stay" in line for line in process.stderr)
            (tmp_path / "away").rename(store)
            assert any("is back" in line for line in process.stderr)
        finally:
            process.terminate()
            process.wait(30)
    assert Path(first["asset"]).name == "chair.obj"
    assert Path(second["asset"]).name == "cone.obj"


def test_a_game_that_is_not_there_leaves_no_gallery(tmp_path: Path) -> None:
    """Which commands below would take for the one to ask."""
    save(tmp_path / "store" / "box.obj", trimesh.creation.box())
    result = shapesim("watch", "store", "--game", "nowhere", cwd=tmp_path)
    assert result.returncode == 1 and "nowhere: no such folder" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_a_watched_store_tells_what_arrives(tmp_path: Path) -> None:
    """A file that is copied in two halves is read when it is whole, and is news at once.

    Also while another process writes to the gallery, and whatever date the store gives it. What
    is damaged is told once.
    """
    store, game, file = tmp_path / "store", tmp_path / "game", tmp_path / "better.glb"
    save(game / "chair.obj", plain(CHAIR).subdivide())
    save(store / "old" / "box.obj", trimesh.creation.box())
    save(file, plain(CHAIR))
    content = file.read_bytes()
    (store / "old" / "torn.glb").write_bytes(content[:100])
    (store / "catalog.csv").write_text("path,arrived_at\nbetter.glb,2020-01-01\n")
    command = ["watch", store, "--game", game, "--by", "shape", "--json"]
    with subprocess.Popen(
        [sys.executable, "-m", "shapesim", *map(str, command)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            assert "which is not there" in process.stderr.readline()
            assert "torn.glb" in process.stderr.readline()
            assert "watching 1 asset for 1 asset" in process.stderr.readline()
            time.sleep(1)
            with FileLock(tmp_path / ".shapesim" / "lock"):
                with (store / "better.glb").open("wb") as copy:
                    copy.write(content[: len(content) // 2])
                    copy.flush()
                    time.sleep(0.4)
                    copy.write(content[len(content) // 2 :])
                time.sleep(3)
                assert process.poll() is None
            line = json.loads(process.stdout.readline())
            # A folder that is made again is another one to the system.
            shutil.rmtree(store)
            store.mkdir()
            time.sleep(3)
            save(store / "anew.glb", plain(CHAIR).apply_scale((1, 1.02, 1)))
            again = json.loads(process.stdout.readline())
        finally:
            process.terminate()
            process.wait(30)
        last = process.stderr.read().splitlines()
    assert not [line for line in last if "torn.glb" in line]
    if os.name == "posix":  # elsewhere it is no signal
        assert process.returncode == 0
        assert "0 added, 0 updated, 0 removed" not in last
        assert not [line for line in last if "semaphore" in line or "Traceback" in line]
    for told, name in ((line, "better.glb"), (again, "anew.glb")):
        assert Path(told["asset"]).name == "chair.obj"
        assert [Path(news["path"]).name for news in told["arrivals"]] == [name]


def test_an_asset_that_lies_on_its_side_is_found(home: Path, tmp_path: Path) -> None:
    """With --any-up, as one of the six ways in which it may stand; each asset once."""
    lying = plain(CHAIR)
    lying.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2, [1, 0, 0]))
    lying.export(tmp_path / "lying.obj")
    command = ("swap", tmp_path / "lying.obj", "--by", "shape", "-k", "4", "--json")
    usual = json.loads(shapesim(*command, cwd=home).stdout)["matches"]
    assert not any(one["copy"] for one in usual)
    found = json.loads(shapesim(*command, "--any-up", cwd=home).stdout)["matches"]
    assert [one["copy"] for one in found] == [True, True, False, False]
    assert found[0]["iou"] > 0.9
    files = [path for one in found for path in (one["path"], *one["variants"])]
    assert len(files) == len(set(files))
