"""The command line as a user has it: its own process, its streams, its exit codes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image

from shapesim.cli.console import escape
from shapesim.gallery import Gallery
from tests.commands import in_own_process, shapesim
from tests.conftest import SAMPLES
from voxel_models.registry import WEIGHTS

GAME = SAMPLES / "game"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, samples_report: dict[str, Any]) -> Path:
    """A folder with a gallery of the sample store in it."""
    folder = tmp_path_factory.mktemp("work")
    shutil.copytree(samples_report["gallery"], folder / ".shapesim")
    assert samples_report["assets"] == samples_report["added"] == 69
    assert samples_report["failed"] == samples_report["warnings"] == []
    return folder


def test_swap_json_follows_the_contract(home: Path) -> None:
    """A line per query, in the order asked for, with ranked matches; the gallery is found above."""
    (home / "below").mkdir()
    queries = [GAME / "props" / "chair.fbx", GAME / "props" / "crate.obj"]
    result = in_own_process("swap", *queries, "-k", "3", "--json", cwd=home / "below")
    assert result.returncode == 0
    assert result.stderr == ""
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["query"] for line in lines] == [str(query) for query in queries]
    for line in lines:
        assert [match["rank"] for match in line["matches"]] == [1, 2, 3]
        for match in line["matches"]:
            assert Path(match["path"]).is_file()
            assert -1 <= match["score"] <= 1.0001
            assert match["triangles"] > 0
            assert len(match["extents"]) == 3
            assert match["arrived_at"].startswith("2026-")


def test_a_bar_on_the_terminal_leaves_what_goes_to_a_file(home: Path, tmp_path: Path) -> None:
    """Where only errors are shown on a terminal: as in 'shapesim swap … --json > found.json'."""
    pty = pytest.importorskip("pty")  # of POSIX
    ours, theirs = pty.openpty()
    query = str(GAME / "props" / "crate.obj")
    command = [sys.executable, "-m", "shapesim", "swap", query, "--by", "shape", "--json"]
    with (tmp_path / "found.json").open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=theirs, cwd=home)
    os.close(theirs)
    shown = b""
    while part := _read(ours):
        shown += part
    os.close(ours)
    assert process.wait(60) == 0
    assert b"fitting" in shown
    assert query.encode() not in shown
    assert json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))["query"] == query


def test_forced_colours_keep_answers_where_they_go(home: Path) -> None:
    """Many a build server asks for colours in its log."""
    query = GAME / "props" / "crate.obj"
    command = [sys.executable, "-m", "shapesim", "swap", str(query), "--by", "shape", "--json"]
    environment = os.environ | {"FORCE_COLOR": "1"}
    result = subprocess.run(command, capture_output=True, cwd=home, env=environment, check=True)
    assert json.loads(result.stdout)["query"] == str(query)
    assert result.stderr == b""


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # as Linux ends it
        return b""


def test_swap_prints_a_table(home: Path) -> None:
    """Rank, score, path, triangles, size and day of arrival, for people."""
    result = shapesim("swap", GAME / "props" / "crate.obj", "-k", "2", cwd=home)
    assert "crate-braced.glb (same geometry)" in result.stdout
    assert "2026-09-14" in result.stdout


def test_one_bad_query_does_not_stop_the_others(home: Path, tmp_path: Path) -> None:
    """It is named on stderr; the good one is answered; the exit code is 0."""
    bad = tmp_path / "übel und leer.fbx"
    bad.write_bytes(b"")
    result = shapesim("swap", bad, GAME / "props" / "chair.fbx", "--json", cwd=home)
    assert result.returncode == 0
    assert len(result.stdout.splitlines()) == 1
    assert f"failed: {bad}: is an empty file" in result.stderr


def test_an_empty_folder_does_not_stop_the_others(home: Path, tmp_path: Path) -> None:
    """It is named as a file is that cannot be used; alone, it is all that is wrong."""
    query, folder = GAME / "props" / "chair.fbx", tmp_path / "empty"
    folder.mkdir()
    result = shapesim("swap", folder, query, "--by", "shape", "--no-fit", "--json", cwd=home)
    assert result.returncode == 0
    assert [json.loads(line)["query"] for line in result.stdout.splitlines()] == [str(query)]
    assert result.stderr.splitlines() == [f"failed: {folder}: holds no meshes"]
    alone = shapesim("swap", folder, "--by", "shape", cwd=home)
    assert (alone.returncode, alone.stderr) == (1, f"error: {folder}: holds no meshes\n")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("swap", "nothing.fbx"), 1, "no gallery in this folder or above it"),
        (("swap", "a.fbx", "--gallery", "gone"), 1, "make one by 'shapesim index STORE'"),
        (("index", "no-such-store"), 1, "no such folder"),
        (("index", __file__), 1, "name the folder that it lies in"),
        (("embed", "a.obj", "--out", "no/v.npz"), 1, "cannot be written"),
        (("voxelize", ".", "--out", "no/v.npz"), 1, "cannot be written"),
        (("voxelize", ".", "--out", "v.npz"), 1, "no mesh files"),
        (("index",), 1, "make one by 'shapesim index STORE'"),
        (("swap",), 2, "Missing argument"),
        (("swap", "a.fbx", "-k", "0"), 2, "-k"),
        (("search", "a.fbx"), 1, "find what could replace it by 'shapesim swap'"),
        (("index", ".", "--gallery", ""), 2, "is empty; name a folder"),
        (("swap", "a.fbx", "--new-since", "soon"), 2, "neither a span like 7d nor a date"),
        (("swap", "a.fbx", "--by", "smell"), 2, "--by"),
        (("embed", "gone.obj", "--out", "v.npz"), 1, "No such file"),
    ],
)
def test_mistakes_get_one_clear_line(
    words: tuple[str, ...], code: int, message: str, tmp_path: Path
) -> None:
    """Exit 1 where nothing could be done, 2 for wrong usage; never a traceback."""
    result = in_own_process(*words, cwd=tmp_path)
    assert result.returncode == code
    assert message in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert not (tmp_path / ".shapesim").exists()


def test_nothing_new_says_so(home: Path) -> None:
    """With --json too, the reason is on stderr and the exit code is 1."""
    query = GAME / "props" / "chair.fbx"
    result = shapesim("swap", query, "--new-since", "2030-01-01", "--json", cwd=home)
    assert result.returncode == 1
    assert json.loads(result.stdout)["matches"] == []
    assert "no match: nothing has arrived since then" in result.stderr


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--licence", "no such"), "no match: licences are"),
        (("--format", "xyz"), "no match: there are only"),
        (("--max-triangles", "1"), "no match: the simplest has"),
        (("--store", "nowhere"), "nowhere"),
    ],
)
def test_filters_that_leave_nothing_say_what_there_is(
    words: tuple[str, ...], reason: str, home: Path
) -> None:
    """Instead of what was asked for."""
    result = shapesim("swap", GAME / "props" / "chair.fbx", *words, cwd=home)
    assert result.returncode == 1
    assert reason in result.stderr


def test_assets_and_pictures_are_not_written_over(tmp_path: Path) -> None:
    """The first of many names may be taken for an output: ``--report *.fbx``."""
    asset, picture = tmp_path / "a.fbx", tmp_path / "a.png"
    shutil.copy(GAME / "props" / "chair.fbx", asset)
    Image.new("RGB", (64, 64), "red").save(picture)
    before = asset.read_bytes(), picture.read_bytes()
    for words in (
        ("swap", asset, "--report", asset),
        ("swap", asset, "--sheet", picture),
        ("search", picture, "--sheet", picture),
        ("trace", picture, "--csv", asset),
        ("map", "--out", asset),
        ("embed", asset, "--out", asset),
        ("complete", asset, "--out", asset),
        ("render", asset, "--out", asset),
        ("render", asset, "--out", tmp_path, "--views", "1"),
        ("tags", "train", tmp_path, "--out", asset),
    ):
        result = shapesim(*words, cwd=tmp_path)
        assert result.returncode == 1, words
        assert str(asset) in result.stderr or str(picture) in result.stderr
    assert (asset.read_bytes(), picture.read_bytes()) == before


def test_a_folder_stands_for_what_it_holds(home: Path) -> None:
    """Its meshes are asked for, each once."""
    folder = GAME / "props"
    result = shapesim(
        "swap", folder, folder / "chair.fbx", "--by", "shape", "--no-fit", "--json", cwd=home
    )
    asked = [json.loads(line)["query"] for line in result.stdout.splitlines()]
    assert asked == [str(folder / name) for name in ("barrel.fbx", "chair.fbx", "crate.obj")]
    (home / "empty").mkdir()
    nothing = shapesim("swap", "empty", cwd=home)
    assert nothing.returncode == 1
    assert "empty: holds no meshes" in nothing.stderr


def test_a_tagger_of_few_kinds_does_not_tag_all(home: Path, tmp_path: Path) -> None:
    """What is like nothing that it was taught gets no tag, and is said to be so by 'tag'."""
    shutil.copytree(home / ".shapesim", tmp_path / ".shapesim")
    files = [
        path
        for path in sorted((SAMPLES / "store").rglob("*.*"))
        if path.name.startswith(("barrel", "chair", "sword"))
    ]
    rows = [
        f"{path.relative_to(SAMPLES).as_posix()},{path.name.partition('-')[0]}" for path in files
    ]
    (tmp_path / "labels.csv").write_text("\n".join(["path,label", *rows]), encoding="utf-8")
    words = ("tags", "train", SAMPLES, "--labels", "labels.csv", "--out", "own.tagger")
    trained = shapesim(*words, cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    assert shapesim("tags", "apply", "--tagger", "own.tagger", cwd=tmp_path).returncode == 0
    with Gallery(tmp_path / ".shapesim") as gallery:
        assets = gallery.assets.values()
        tagged = {asset.path.name for asset in assets if asset.tags}
        known = {asset.path.name for asset in assets} & {file.name for file in files}
    assert known <= tagged
    assert len(tagged - known) < 0.4 * (len(assets) - len(known))
    car = SAMPLES / "store" / "meadow-pack" / "vehicles" / "car-sedan.glb"
    asked = shapesim("tag", car, files[0], "--tagger", "own.tagger", "--json", cwd=tmp_path)
    unlike, like = map(json.loads, asked.stdout.splitlines())
    assert unlike["known"] is False
    assert "known" not in like


def test_matches_that_are_gone_are_marked(tmp_path: Path) -> None:
    """And it is said what to run."""
    shutil.copytree(SAMPLES / "store" / "meadow-pack" / "furniture", tmp_path / "store")
    assert shapesim("index", "store", "--by", "shape", cwd=tmp_path).returncode == 0
    command = ("swap", GAME / "props" / "chair.fbx", "--by", "shape", "--no-fit", "-k", "1")
    first = shapesim(*command, "--json", cwd=tmp_path)
    Path(json.loads(first.stdout)["matches"][0]["path"]).unlink()
    result = shapesim(*command, cwd=tmp_path)
    assert result.returncode == 0
    assert "(no longer there)" in result.stdout
    assert "run 'shapesim index'" in result.stderr


def test_matches_that_were_replaced_are_told(tmp_path: Path) -> None:
    """What is known of a file says nothing of another under its name."""
    furniture = SAMPLES / "store" / "meadow-pack" / "furniture"
    shutil.copytree(furniture, tmp_path / "store")
    shutil.copy(furniture / "chair-office.glb", tmp_path / "mine.glb")
    assert shapesim("index", "store", "--by", "shape", cwd=tmp_path).returncode == 0
    command = ("swap", "mine.glb", "--by", "shape", "-k", "2")
    assert "(same geometry)" in shapesim(*command, cwd=tmp_path).stdout
    shutil.copy(furniture / "bed-single.glb", tmp_path / "store" / "chair-office.glb")
    result = shapesim(*command, cwd=tmp_path)
    assert "(same geometry)" not in result.stdout
    assert "chair-office.glb: has changed" in result.stderr


def test_embed_writes_paths_and_unit_vectors(tmp_path: Path) -> None:
    """What failed is named on stderr and left out of the arrays."""
    (tmp_path / "broken.glb").write_bytes(b"glTF")
    files = [GAME / "props" / "chair.fbx", tmp_path / "broken.glb", GAME / "props" / "crate.obj"]
    result = shapesim("embed", *files, "--space", "shape", "--out", tmp_path / "v.npz")
    assert result.returncode == 0
    assert "broken.glb: is cut off" in result.stderr
    with np.load(tmp_path / "v.npz", allow_pickle=False) as data:
        assert data["paths"].tolist() == [str(files[0]), str(files[2])]
        assert data["vectors"].dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(data["vectors"], axis=1), 1, atol=1e-5)


def test_a_network_of_ones_own_is_named_by_its_file(tmp_path: Path) -> None:
    """To index and to swap by; weights that are not there are named."""
    own = tmp_path / "resnet3d.mine.safetensors"
    own.write_bytes((WEIGHTS / "resnet3d.no-kenney.safetensors").read_bytes())
    shutil.copy(GAME / "props" / "crate.obj", tmp_path)
    assert shapesim("index", ".", "--by", f"shape:{own}", cwd=tmp_path).returncode == 0
    words = ("crate.obj", "--json", "--by", f"shape:{own}")
    found = json.loads(shapesim("swap", *words, cwd=tmp_path).stdout)
    assert [Path(match["path"]).name for match in found["matches"]] == ["crate.obj"]
    assert found["matches"][0]["score"] > 0.999
    default = shapesim("swap", "crate.obj", "--by", "shape", cwd=tmp_path)
    assert default.returncode == 1
    assert "'shapesim index --by shape'" in default.stderr
    assert shapesim("index", ".", "--by", "shape", cwd=tmp_path).returncode == 0
    other = shapesim("swap", *words, cwd=tmp_path)
    assert f"--by shape:{own}" in other.stderr
    picture = shapesim("embed", "a.png", "--space", f"shape:{own}", "--out", "v.npz", cwd=tmp_path)
    assert picture.returncode == 2
    assert "a picture has no shape" in picture.stderr
    completer = f"shape:{WEIGHTS / 'completer3d.game.safetensors'}"
    assert (
        "no network that embeds" in shapesim("index", ".", "--by", completer, cwd=tmp_path).stderr
    )
    missing = shapesim("index", ".", "--by", "both:none.safetensors", cwd=tmp_path)
    assert missing.returncode == 1
    assert "none.safetensors" in missing.stderr


def test_commands_go_on_as_the_gallery_was_indexed(tmp_path: Path) -> None:
    """Without --by: by shape or look as indexed, and by both once one came beside the other."""
    for file in sorted((SAMPLES / "store" / "meadow-pack").rglob("*.glb"))[:3]:
        shutil.copy(file, tmp_path)
    asset = next(tmp_path.glob("*.glb")).name
    for first, then in (("shape", "look"), ("look", "shape")):
        gallery = ("--gallery", first)

        def answer(*words: str, gallery: tuple[str, str] = gallery) -> str:
            return shapesim("swap", asset, "--json", *gallery, *words, cwd=tmp_path).stdout

        assert shapesim("index", ".", "--by", first, *gallery, cwd=tmp_path).returncode == 0
        again = shapesim("index", "--json", *gallery, cwd=tmp_path)
        assert json.loads(again.stdout)["unchanged"] == 3
        assert answer() == answer("--by", first) != ""
        assert shapesim("arrivals", ".", *gallery, cwd=tmp_path).returncode == 3
        assert shapesim("index", "--by", then, *gallery, cwd=tmp_path).returncode == 0
        assert answer() == answer("--by", "both") != answer("--by", first)
        assert shapesim("duplicates", *gallery, cwd=tmp_path).returncode == 0
        # Copies are not compared; a single space that is asked for again is what counts.
        assert shapesim("index", "--by", "copy", *gallery, cwd=tmp_path).returncode == 0
        assert answer() == answer("--by", "both")
        assert shapesim("index", "--by", first, *gallery, cwd=tmp_path).returncode == 0
        assert answer() == answer("--by", first)


def test_voxelize_writes_grids_that_training_reads(tmp_path: Path) -> None:
    """Labels come from the folders; equal geometry is written once."""
    for name, height in (("tall/a", 3.0), ("tall/b", 2.0), ("low/c", 0.5), ("low/copy", 0.5)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        trimesh.creation.box((1, height, 1)).export(tmp_path / f"{name}.glb")
    result = in_own_process("voxelize", tmp_path, "--out", tmp_path / "grids.npz", "--turns", "2")
    assert result.returncode == 0, result.stderr
    with np.load(tmp_path / "grids.npz", allow_pickle=False) as data:
        assert data["grids"].shape == (3, 2, 32**3 // 8)
        assert sorted(data["labels"].tolist()) == ["low", "tall", "tall"]


def test_labels_that_name_nothing_are_told(tmp_path: Path) -> None:
    """Some by one of them; all, or a folder that is not there, end it before long work."""
    for name, height in (("a", 3.0), ("b", 2.0)):
        (tmp_path / "store").mkdir(exist_ok=True)
        trimesh.creation.box((1, height, 1)).export(tmp_path / "store" / f"{name}.glb")
    table, out = tmp_path / "l.csv", tmp_path / "grids.npz"
    words = ("voxelize", tmp_path / "store", "--turns", "1", "--out", out)
    table.write_text(f"path,label\na.glb,tall\n{tmp_path / 'store' / 'b.glb'},low\nc.glb,low\n")
    result = shapesim(*words, "--labels", table)
    assert result.returncode == 0
    assert "c.glb: has a label, and is not below" in result.stderr
    with np.load(out, allow_pickle=False) as data:
        assert dict(zip(data["paths"], data["labels"], strict=True)) == {
            "a.glb": "tall", "b.glb": "low"
        }  # fmt: skip
    assert shapesim(*words, "--unlabelled").returncode == 0
    with np.load(out, allow_pickle=False) as data:
        assert data["labels"].tolist() == ["", ""]
    out.unlink()
    table.write_text("path,label\nc.glb,low\nd.glb,low\n")
    nothing = shapesim(*words, "--labels", table)
    assert (nothing.returncode, out.exists()) == (1, False)
    assert "and so are all labelled files" in nothing.stderr
    gone = shapesim("voxelize", tmp_path / "store", tmp_path / "gone", "--out", out)
    assert (gone.returncode, out.exists()) == (1, False)
    assert f"{tmp_path / 'gone'}: no such folder" in gone.stderr


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every folder"
)
def test_an_unreadable_folder_is_named(tmp_path: Path) -> None:
    """Its files are not taken for removed."""
    (tmp_path / "pack").mkdir()
    trimesh.creation.box().export(tmp_path / "pack" / "a.glb")
    assert in_own_process("index", tmp_path, cwd=tmp_path).returncode == 0
    (tmp_path / "pack").chmod(0)
    try:
        result = in_own_process("index", tmp_path, "--json", cwd=tmp_path)
    finally:
        (tmp_path / "pack").chmod(0o755)
    assert "Permission denied" in result.stderr
    assert json.loads(result.stdout)["assets"] == 1


def test_names_are_printed_as_they_are(tmp_path: Path) -> None:
    """Neither emoji nor markup are made of them, and a long path stays on one line."""
    name = "a-[red]-(car).glb" if os.name == "nt" else "a:car:[red].glb"
    folder = tmp_path / "long path" / ("x" * 90) / ("y" * 90)
    folder.mkdir(parents=True)
    shutil.copy(SAMPLES / "store" / "meadow-pack" / "furniture" / "sofa-green.glb", folder / name)
    out = folder / ("v.npz" if os.name == "nt" else "v:key:.npz")
    result = in_own_process("embed", folder / name, "--space", "shape", "--out", out)
    assert result.returncode == 0, result.stderr
    assert f"written: {out}, 1 vector" in result.stderr
    (folder / name).write_bytes(b"solid, not glTF")
    result = in_own_process("embed", folder / name, "--space", "shape", "--out", out)
    assert f"failed: {folder / name}: is no glTF, whatever its name says" in result.stderr


def test_a_picture_is_no_asset_to_replace(home: Path, tmp_path: Path) -> None:
    """It is named, with what to do; the assets beside it are answered."""
    Image.new("RGB", (40, 40)).save(tmp_path / "texture.png")
    query = GAME / "props" / "crate.obj"
    result = in_own_process(
        "swap", tmp_path / "texture.png", query, "-k", "1", "--no-fit", "--json", cwd=home
    )
    assert result.returncode == 0
    assert "texture.png: is a picture" in result.stderr
    assert json.loads(result.stdout)["query"] == str(query)


@pytest.mark.skipif(os.name == "nt", reason="a POSIX shell closes stdout")
def test_a_closed_stdout_stops_nothing(tmp_path: Path) -> None:
    """As of a job that some scheduler starts."""
    out = tmp_path / "v.npz"
    words = [sys.executable, "-m", "shapesim", "embed", str(GAME / "props" / "crate.obj")]
    words += ["--space", "shape", "--out", str(out)]
    subprocess.run(["sh", "-c", '"$@" >&-', "sh", *words], check=True)
    assert out.is_file()


def test_help_loads_nothing_heavy() -> None:
    """The help of every command comes without torch, numpy or a mesh library."""
    code = (
        "import sys, shapesim.cli.app\n"
        "heavy = {'torch', 'numpy', 'scipy', 'trimesh', 'numba'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    for command in ("index", "forget", "swap", "embed", "voxelize"):
        assert "Example" in in_own_process(command, "--help").stdout


def test_help_is_wrapped_where_the_terminal_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not where the source has its lines: but for the last of a paragraph, none is short."""
    for columns in ("60", "80", "120"):
        monkeypatch.setenv("COLUMNS", columns)
        text, _, examples = in_own_process("duplicates", "--help").stdout.partition("Examples:")
        assert examples.splitlines()[1].startswith("   shapesim duplicates")
        lines = [line.strip() for line in text.splitlines()]
        for line, following in pairwise(lines):
            if line and following:
                assert len(f"{line} {following.split()[0]}") > int(columns) - 3, (line, columns)


def test_a_cache_that_cannot_be_written_costs_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The asset is tagged all the same, and each file that could not be kept is named."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    result = in_own_process("tag", SAMPLES / "game" / "props" / "chair.fbx", "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["tags"][0]["label"] == "chair"
    told = [line for line in result.stderr.splitlines() if ".onnx" in line]
    assert told
    assert all(line.startswith("warning: ") and "cannot be kept" in line for line in told)


def test_ctrl_c_ends_what_is_still_loading() -> None:
    """Trimesh takes whatever is raised while it loads for a library that is missing."""
    code = (
        "import sys, types; from shapesim.cli.app import _interrupt\n"
        "loading = types.ModuleType('trimesh')\n"
        "loading.__spec__ = types.SimpleNamespace(_initializing={is_loading})\n"
        "sys.modules['trimesh'] = loading\n"
        "try:\n    _interrupt(2, None)\nexcept KeyboardInterrupt:\n    sys.exit(3)\n"
    )
    for is_loading, expected in ((True, 130), (False, 3)):
        done = subprocess.run(
            [sys.executable, "-c", code.format(is_loading=is_loading)], check=False
        )
        assert done.returncode == expected


def test_what_steers_a_terminal_is_shown_as_a_sign() -> None:
    """Names of files and catalogues are a stranger's."""
    shown = escape("chair\x1b[2J\x07[red]\n")
    assert shown == "chair\ufffd[2J\ufffd\\[red]\ufffd"
