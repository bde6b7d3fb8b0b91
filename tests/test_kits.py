"""Files that hold several objects, such as kits and levels."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from shapesim import recording, workers
from shapesim.arrivals import read_game
from shapesim.embedders import ShapeEmbedder
from shapesim.errors import AssetError
from shapesim.gallery import Gallery
from shapesim.meshes import load_mesh, objects_of
from shapesim.meshes.kits import Titles, objects_in, standing_apart
from shapesim.meshes.parts import Part
from shapesim.reading import is_picture
from shapesim.types import Asset, Material
from tests.commands import shapesim
from tests.conftest import SAMPLES, yawed
from tests.fbx_files import as_text, document, geometry, model
from tests.stores import run
from tests.test_naming import write_dae

# How large each is; they stand in a row, on a floor.
SIZES = {
    "Chair 2": (1, 1, 1),
    "Chair 10": (1, 2, 1),
    "poster.png": (1, 1, 0.2),
    "lamp": (0.5, 3, 1),
}
FLOOR = (40, 0.1, 40)


def boxes(sizes: Mapping[str, tuple[float, float, float]] = SIZES) -> dict[str, trimesh.Trimesh]:
    """A box of each size, five apart."""
    made = {name: trimesh.creation.box(size) for name, size in sizes.items()}
    for number, box in enumerate(made.values()):
        box.apply_translation((5 * number, 0.05, 0) + np.array(box.extents) / 2)
    return made


def on_floor() -> dict[str, trimesh.Trimesh]:
    """What a level holds."""
    return {"floor": trimesh.creation.box(FLOOR), **boxes()}


def written(folder: Path, suffix: str, level: dict[str, trimesh.Trimesh]) -> Path:
    """A level as a file of that kind, whose objects hang on nothing or on one node."""
    path = folder / f"level{suffix}"
    if suffix == ".dae":
        write_dae(path, level)
    elif suffix == ".obj":
        lines, before = [], 1
        for name, box in level.items():
            lines += [f"o {name}", *("v {} {} {}".format(*vertex) for vertex in box.vertices)]
            lines += ["f {} {} {}".format(*face) for face in box.faces + before]
            before += len(box.vertices)
        path.write_text("\n".join(lines))
    else:
        scene = trimesh.Scene()
        scene.graph.update("root", "world")
        for name, box in level.items():
            scene.add_geometry(box, node_name=name, geom_name=name, parent_node_name="root")
        scene.export(path)
    return path


@pytest.mark.parametrize("suffix", [".glb", ".gltf", ".dae", ".obj", ".3mf"])
def test_each_object_of_a_file_can_be_named(suffix: str, tmp_path: Path) -> None:
    """It is what it is alone, and stays where it stands."""
    level = on_floor()
    path = written(tmp_path, suffix, level)
    objects = objects_of(path)
    assert [one.name for one in objects] == ["Chair 2", "Chair 10", "floor", "lamp", "poster.png"]
    for one in objects:
        assert one.parent.name == f"level{suffix}!"
        assert not is_picture(one)
        mesh = load_mesh(one, "y")
        np.testing.assert_allclose(
            [mesh.corners.min(axis=0), mesh.corners.max(axis=0)], level[one.name].bounds, atol=1e-6
        )
        assert len(mesh.faces) == 12
    whole = load_mesh(path, "y")
    assert len(whole.faces) == 12 * len(level)
    assert whole.objects == tuple(one.name for one in objects)


def test_models_of_fbx_are_told_apart_by_numbers(tmp_path: Path) -> None:
    """Those of one name have a number behind it, and hang on the same as before."""
    places = [(0.0, 0.0, 0.0), (9.0, 0.0, 0.0), (0.0, 0.0, 9.0)]
    objects = [geometry(1), model(9)]
    objects += [model(2 + at, Lcl_Translation=place) for at, place in enumerate(places)]
    for one in objects[2:]:
        one.values = (one.values[0], "Model::Chair", "Mesh")
    links = [(9, 0), *((1, 2 + at) for at in range(3)), *((2 + at, 9) for at in range(3))]
    path = tmp_path / "kit.fbx"
    path.write_bytes(as_text(document(objects, *links)))
    named = {one.name: load_mesh(one) for one in objects_of(path)}
    assert list(named) == ["Chair", "Chair 2", "Chair 3"]
    found = [mesh.vertices.min(axis=0).tolist() for mesh in named.values()]
    np.testing.assert_allclose(found, places)
    assert load_mesh(path).objects == ()  # thrice the same is no kit


def test_names_are_given_once() -> None:
    """However they are written, and whatever they hold that a path cannot."""
    titles = Titles()
    given = ["a", "A", "a 2", "a", "x/y\\z", "", "..", "a", "C:b\n", ". .", " c. "]
    assert [titles.new(name) for name in given] == [
        "a", "A 2", "a 2 2", "a 3", "x_y_z", "object", "object 2", "a 4", "C_b_", "object 3", "c"
    ]  # fmt: skip
    assert len(titles.new("x" * 300)) <= 100


def test_a_group_is_its_members_and_a_thing_of_parts_is_one(tmp_path: Path) -> None:
    """A car's wheels touch it; chairs in a group do not touch each other."""
    scene = trimesh.Scene()
    for name, parent in (("root", "world"), ("Chairs", "root"), ("Car", "root")):
        scene.graph.update(name, parent)
    for name, box in boxes().items():
        scene.add_geometry(box, node_name=name, parent_node_name="Chairs")
    for at, size in enumerate([(4, 1, 2), (1, 0.5, 3), (1, 0.5, 3.5)]):
        wheel = trimesh.creation.box(size)
        wheel.apply_translation((at - 1.5, 0, 20))
        scene.add_geometry(wheel, node_name=f"part {at}", parent_node_name="Car")
    path = tmp_path / "level.glb"
    scene.export(path)
    assert [one.name for one in objects_of(path)] == [
        "Car", "Chair 2", "Chair 10", "lamp", "poster.png"
    ]  # fmt: skip
    assert len(load_mesh(tmp_path / "level.glb!" / "Car").faces) == 36
    assert len(load_mesh(tmp_path / "level.glb!" / "part 1").faces) == 12  # on any level
    assert len(load_mesh(tmp_path / "level.glb!" / "Chairs").faces) == 48


@pytest.mark.parametrize(
    "sizes",
    [
        {"body": (12, 2, 2), "one": (1, 1, 1), "two": (2, 1, 1), "three": (3, 1, 1)},  # in it
        {f"bar {at}": (0.2, 2, 0.2) for at in range(8)},  # a fence
        {"one": (1, 1, 1), "two": (2, 1, 1)},
        {"one": (1, 1, 1), "two": (2, 2, 2), "three": (3, 3, 3)},  # of one shape
    ],
)
def test_what_is_one_thing_is_not_called_a_kit(
    sizes: dict[str, tuple[float, float, float]], tmp_path: Path
) -> None:
    """Though it can be taken apart."""
    path = written(tmp_path, ".glb", boxes(sizes))
    assert load_mesh(path).objects == ()
    assert len(objects_of(path)) == len(sizes)


def test_what_stands_in_a_row_is_a_kit(tmp_path: Path) -> None:
    """As characters do, also in a group, on tiles, and with something far away."""
    row = {f"hero {at}": (0.8, 1.6 + at / 10, 0.4) for at in range(6)}
    assert len(load_mesh(written(tmp_path, ".glb", boxes(row))).objects) == 6
    level = boxes(row)
    for at in range(6):
        tile = trimesh.creation.box((5, 0.2, 5)).apply_translation((5 * at, -0.05, 0))
        level[f"tile {at}"] = tile
    level["far"] = trimesh.creation.box((3, 1, 1)).apply_translation((900, 0.5, 0))
    assert {*row, "far"} <= set(load_mesh(written(tmp_path, ".glb", level)).objects)


def test_what_is_shared_makes_one_thing_of_groups(tmp_path: Path) -> None:
    """Of an OBJ, whose parts have vertices in common, nothing is asked for or told twice."""
    vertices = [(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)]
    lines = ["v {} {} {}".format(*vertex) for vertex in vertices]
    faces = [(1, 3, 4), (1, 4, 2), (5, 6, 8), (5, 8, 7), (1, 2, 6), (1, 6, 5)]
    for at, face in enumerate(faces):
        lines += [f"g side {at}", "usemtl plain", "f {} {} {}".format(*face)]
    path = tmp_path / "a.obj"
    path.write_text("\n".join(lines))
    mesh = load_mesh(path)
    assert (len(mesh.vertices), len(mesh.materials)) == (8, 1)
    assert objects_of(path) == []


def test_deep_and_many_nodes_are_taken_as_they_come() -> None:
    """Of groups within groups nothing is asked without end, nor of thousands what stands apart."""
    faces = np.array([[0, 1, 2]])

    def part(at: int, *within: str) -> Part:
        corners = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]) + (3 * at, 0, 0)
        return Part(corners, faces, Material(), within=(*within, f"thing {at}"))

    names = [f"node {at}" for at in range(1200)]
    deep = [part(at, *names[: at + 1]) for at in range(1200)]
    assert list(objects_in(deep, up=1))[:2] == ["node 16", "thing 0"]
    many = [part(at, "group") for at in range(1200)]
    assert list(objects_in([*many, part(9999)], up=1)) == ["group", "thing 9999"]
    assert standing_apart(objects_in(many, up=1), up=1) == []
    assert len(standing_apart(objects_in(many[:900], up=1), up=1)) == 900


def test_skinned_meshes_belong_to_what_they_hang_on(tmp_path: Path) -> None:
    """Though their joints place them."""
    scene = trimesh.Scene()
    for at, name in enumerate(("Hero", "Orc", "Elf")):
        scene.graph.update(name, "world")
        for part in ("body", "head"):
            box = trimesh.creation.box((1, 1 + at, 1)).apply_translation(
                (9 * at, part == "head", 0)
            )
            scene.add_geometry(box, node_name=f"{name} {part}", parent_node_name=name)
    path = tmp_path / "crowd.gltf"
    path.write_bytes(b"")
    files = trimesh.exchange.gltf.export_gltf(scene)
    tree = json.loads(files.pop("model.gltf"))
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    tree["skins"] = [{"joints": [len(tree["nodes"])]}]
    tree["nodes"].append({"name": "bone"})
    tree["scenes"][0]["nodes"].append(len(tree["nodes"]) - 1)
    for node in tree["nodes"]:
        if "mesh" in node:
            node["skin"] = 0
    path.write_text(json.dumps(tree))
    assert [one.name for one in objects_of(path)] == ["Elf", "Hero", "Orc"]
    assert len(load_mesh(tmp_path / "crowd.gltf!" / "Orc").faces) == 24


def test_an_object_is_read_anew_when_what_its_file_needs_has_changed(tmp_path: Path) -> None:
    """Also where the same process has read it before."""
    lines = []
    for at, name in enumerate("abc"):
        lines += [
            f"o {name}",
            "usemtl red",
            *(f"v {3 * at + x} {y} 0" for x, y in ((0, 0), (1, 0), (0, 1))),
        ]
        lines.append("f -3 -2 -1")
    (tmp_path / "kit.obj").write_text("\n".join(["mtllib kit.mtl", *lines]))
    colours = []
    for red in ("1 0 0", "0.5 0 0"):
        (tmp_path / "kit.mtl").write_text(f"newmtl red\nKd {red}\n")
        colours.append(load_mesh(tmp_path / "kit.obj!" / "b").materials[0].colour[0])
    assert colours[0] == 1
    assert colours[1] < 0.5


def test_equal_objects_of_a_kit_count_once(tmp_path: Path) -> None:
    """Wherever they stand and however they are turned; each can be named all the same."""
    level = boxes()
    for number in range(3):
        level[f"more {number}"] = level["lamp"].copy()
        level[f"more {number}"].apply_transform(yawed(number)).apply_translation((0, 0, 9))
    path = written(tmp_path, ".glb", level)
    assert load_mesh(path).objects == ("Chair 2", "Chair 10", "lamp", "poster.png")
    assert len(objects_of(path)) == 7


def test_one_object_has_no_others(tmp_path: Path) -> None:
    """Nor has it one of a wrong name; what there is, is told."""
    path = written(tmp_path, ".glb", {"only": trimesh.creation.box()})
    assert objects_of(path) == []
    with pytest.raises(AssetError, match=r"level.glb!/it: holds no object 'it' .*it is but one"):
        load_mesh(tmp_path / "level.glb!" / "it")
    path = written(tmp_path, ".glb", boxes())
    with pytest.raises(AssetError, match=r"there are: Chair 2, Chair 10, lamp, poster.png"):
        load_mesh(tmp_path / "level.glb!" / "it")
    with pytest.raises(AssetError, match=r"gone.glb!/it: No such file"):
        load_mesh(tmp_path / "gone.glb!" / "it")


def test_every_object_of_a_level_is_replaced(tmp_path: Path) -> None:
    """In its place: transforms lead into the level."""
    store, level = tmp_path / "store", trimesh.Scene()
    store.mkdir()
    names = ("chair.fbx", "crate.obj")
    for number, name in enumerate(names):
        mesh = load_mesh(SAMPLES / "game" / "props" / name)
        plain = trimesh.Trimesh(mesh.vertices, mesh.faces)
        plain.export(store / f"{number}.glb")
        plain.apply_translation((9 * number, 2, 0))
        level.add_geometry(plain, node_name=name)
    level.export(tmp_path / "level.glb")
    assert shapesim("index", store, "--by", "shape", cwd=tmp_path).returncode == 0
    swap = ("swap", "level.glb", "--by", "shape", "-k", "1", "--json")
    lines = shapesim(*swap, "--each", cwd=tmp_path).stdout.splitlines()
    found = [json.loads(line) for line in lines]
    assert [one["query"] for one in found] == [f"level.glb!/{name}" for name in names]
    for number, (one, name) in enumerate(zip(found, names, strict=True)):
        (match,) = one["matches"]
        assert Path(match["path"]).name == f"{number}.glb"
        assert match["copy"]
        placed = load_mesh(Path(match["path"])).corners @ np.array(match["transform"])[:3, :3].T
        placed += np.array(match["transform"])[:3, 3]
        there = load_mesh(tmp_path / "level.glb!" / name).corners
        np.testing.assert_allclose(
            [placed.min(axis=0), placed.max(axis=0)],
            [there.min(axis=0), there.max(axis=0)],
            atol=0.02,
        )
    single = shapesim("swap", "level.glb!/chair.fbx", *swap[2:], cwd=tmp_path)
    assert json.loads(single.stdout) == found[0]


def states(gallery: Path) -> dict[str, Asset]:
    """What a gallery knows, by id."""
    with Gallery(gallery) as opened:
        return {asset.id: asset for asset in opened.assets.values()}


def test_what_a_kit_in_a_store_holds_are_assets(tmp_path: Path, embedder: ShapeEmbedder) -> None:
    """They come and go with it, and with what it holds; catalogues tell of the kit."""
    store, level = tmp_path / "store", boxes()
    store.mkdir()
    path = written(store, ".glb", level)
    (store / "catalog.csv").write_text("path,licence,arrived_at\nlevel.glb,MIT,2026-01-02\n")
    report = run(store, embedder, tmp_path / "gallery")
    assert (report.added, len(report.arrived), report.failures) == (1, 5, [])
    assert (report.total, report.objects) == (1, 4)
    assert report.warnings == ["level.glb: holds 4 things side by side; each is an asset, too"]
    first = states(tmp_path / "gallery")
    inside = {f"level.glb!/{name}" for name in level}
    assert first.keys() == {"level.glb", *inside}
    assert {asset.listing.licence for asset in first.values()} == {"MIT"}
    assert {asset.arrived_at[:10] for asset in first.values()} == {"2026-01-02"}
    for name, box in level.items():
        np.testing.assert_allclose(first[f"level.glb!/{name}"].extents, box.extents, rtol=1e-5)

    report = run(store, embedder, tmp_path / "gallery")
    assert (report.unchanged, report.added, report.warnings) == (1, 0, [])

    del level["lamp"]
    level["Chair 2"].apply_scale(2)
    level["new"] = trimesh.creation.box((1, 1, 9)).apply_translation((0, 0, 20))
    written(store, ".glb", level)
    report = run(store, embedder, tmp_path / "gallery")
    assert (report.added, report.updated, report.removed, report.failures) == (0, 1, 0, [])
    assert {one.name for one in report.arrived} >= {"new"}
    now = states(tmp_path / "gallery")
    assert now.keys() == first.keys() - {"level.glb!/lamp"} | {"level.glb!/new"}
    np.testing.assert_allclose(now["level.glb!/Chair 2"].extents, (2, 2, 2), rtol=1e-5)

    path.rename(store / "moved.glb")
    report = run(store, embedder, tmp_path / "gallery")
    assert (len(report.arrived), report.failures) == (0, [])
    moved = states(tmp_path / "gallery")
    assert {id.replace("moved", "level") for id in moved} == now.keys()

    (store / "moved.glb").write_bytes(b"glTF")
    report = run(store, embedder, tmp_path / "gallery")
    assert [failure.path.name for failure in report.failures] == ["moved.glb"]
    assert (report.total, report.objects) == (0, 0)
    assert states(tmp_path / "gallery") == {}


def test_what_a_kit_lacks_is_told_once(tmp_path: Path, embedder: ShapeEmbedder) -> None:
    """Not by each of its objects again."""
    store = tmp_path / "store"
    store.mkdir()
    path = written(store, ".obj", boxes())
    path.write_text("mtllib a.mtl\nusemtl a\n" + path.read_text())
    (store / "a.mtl").write_text("newmtl a\nmap_Kd gone.png\n")
    report = run(store, embedder, tmp_path / "gallery")
    assert report.objects == len(SIZES)
    assert sorted(report.warnings) == [
        "level.obj: holds 4 things side by side; each is an asset, too",
        "level.obj: texture gone.png is not in the asset's pack",
    ]


def test_kits_in_packs_are_taken_apart(tmp_path: Path, embedder: ShapeEmbedder) -> None:
    """And are found by what they hold, which goes where the pack goes."""
    store = tmp_path / "store"
    store.mkdir()
    written(tmp_path, ".glb", boxes())
    with zipfile.ZipFile(store / "pack.zip", "w") as pack:
        pack.write(tmp_path / "level.glb", "props/level.glb")
    run(store, embedder, tmp_path / "gallery")
    assert "pack.zip!/props/level.glb!/lamp" in states(tmp_path / "gallery")
    found = shapesim(
        "swap", tmp_path / "level.glb!" / "lamp", "--by", "shape", "--json",
        "--store", store / "pack.zip", "--gallery", tmp_path / "gallery",
    )  # fmt: skip
    best = json.loads(found.stdout)["matches"][0]
    assert best["id"] == "pack.zip!/props/level.glb!/lamp"
    assert best["copy"]
    (store / "pack.zip").unlink()
    trimesh.creation.box().export(store / "other.glb")
    run(store, embedder, tmp_path / "gallery")
    assert states(tmp_path / "gallery").keys() == {"other.glb"}


def test_an_interrupted_run_leaves_no_object_behind(
    tmp_path: Path, embedder: ShapeEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one reads what the file was seen to hold."""
    store = tmp_path / "store"
    store.mkdir()
    written(store, ".glb", boxes())
    (store / "catalog.csv").write_text(
        "path,licence\nlevel.glb,MIT\nlevel.glb!/lamp,CC0-1.0\n", "utf-8"
    )
    read = workers.map_isolated

    def interrupted(*given: Any) -> Iterator[Any]:
        if any(task.path.name == "lamp" for task in given[1]):
            raise KeyboardInterrupt
        return read(*given)

    with monkeypatch.context() as patched:
        patched.setattr(recording, "map_isolated", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(store, embedder, tmp_path / "gallery")
    assert states(tmp_path / "gallery").keys() == {"level.glb"}
    report = run(store, embedder, tmp_path / "gallery")
    assert (report.added, len(report.arrived), report.objects) == (0, 4, 4)
    assert report.failures == []
    assert not any("catalogue" in warning for warning in report.warnings)
    found = states(tmp_path / "gallery")
    licences = {id: asset.listing.licence for id, asset in found.items()}
    assert licences.pop("level.glb!/lamp") == "CC0-1.0"
    assert set(licences.values()) == {"MIT"}
    assert run(store, embedder, tmp_path / "gallery").unchanged == 1


def test_objects_are_filtered_by_the_format_of_their_file(
    tmp_path: Path, embedder: ShapeEmbedder
) -> None:
    """Whatever dots their names have; as files they are called by these."""
    store = tmp_path / "store"
    store.mkdir()
    sizes = {"Cube.001": (1, 1, 1), "Cube.002": (1, 2, 1), "a.zip": (1, 1, 3)}
    path = written(store, ".glb", boxes(sizes))
    run(store, embedder, tmp_path / "gallery")
    query = path.with_name("level.glb!") / "a.zip"
    found = shapesim(
        "swap", query, "--by", "shape", "--format", "glb", "--json",
        "--gallery", tmp_path / "gallery", "--export", tmp_path / "out",
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert len(json.loads(found.stdout)["matches"]) == 4
    names = {one.name for one in (tmp_path / "out").glob("*.glb")}
    assert "a.zip-01-a.zip.glb" in names
    assert any(name.endswith("-Cube.002.glb") for name in names)


def test_a_games_level_is_what_it_holds(tmp_path: Path, embedder: ShapeEmbedder) -> None:
    """Of which each may be improved by what arrives."""
    game = tmp_path / "game"
    game.mkdir()
    written(game, ".glb", boxes())
    trimesh.creation.box((1, 2, 7)).export(game / "plain.glb")
    names = [path.relative_to(game).as_posix() for path in read_game(game, embedder).queries]
    assert names == [*(f"level.glb!/{name}" for name in sorted(SIZES)), "plain.glb"]


def test_a_file_of_its_own_comes_before_a_level_that_holds_the_like(
    tmp_path: Path, embedder: ShapeEmbedder
) -> None:
    """Whichever is more alike; the other is named with it."""
    store, level = tmp_path / "store", boxes()
    store.mkdir()
    lamp = level["lamp"].copy()
    lamp.apply_transform(yawed(0.6)).export(store / "z.glb")
    written(store, ".glb", level)
    run(store, embedder, tmp_path / "gallery")
    query = tmp_path / "lamp.glb"
    level["lamp"].export(query)
    found = shapesim(
        "swap", query, "--by", "shape", "-k", "1", "--json", "--gallery", tmp_path / "gallery"
    )
    (match,) = json.loads(found.stdout)["matches"]
    assert match["id"] == "z.glb"
    assert [Path(path).name for path in match["variants"]] == ["lamp"]
