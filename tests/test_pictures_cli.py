"""The commands about pictures and tags, as a user has them."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import playwright
import pytest
from PIL import Image

from shapesim.gallery import Gallery
from shapesim.meshes import load_mesh
from shapesim.pictures.images import load_image
from shapesim.rendering.augmentation import new_picture
from shapesim.showing import confusion_picture, is_drawn, write_picture
from tests.commands import shapesim
from tests.conftest import SAMPLES


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height."""
    with Image.open(path) as picture:
        return picture.size


CHAIR = SAMPLES / "game" / "props" / "chair.fbx"


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a gallery of a part of the sample store."""
    folder = tmp_path_factory.mktemp("work")
    result = shapesim("index", SAMPLES / "store" / "meadow-pack" / "furniture", cwd=folder)
    assert result.returncode == 0, result.stderr
    return folder


def test_render_writes_views_a_turntable_and_a_sheet(tmp_path: Path) -> None:
    """Pictures of the size asked for, transparent around the asset; an animation that ends."""
    result = shapesim(
        "render", CHAIR, "--views", "2", "--size", "64", "--out", tmp_path / "p",
        "--sheet", tmp_path / "sheet.png",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    for name in ("chair-0.png", "chair-1.png"):
        picture = load_image(tmp_path / "p" / name)
        assert picture.shape == (64, 64, 4)
        assert 0.05 < (picture[..., 3] > 0).mean() < 0.95
    assert picture_size(tmp_path / "sheet.png")[1] > 64
    for kind in ("webp", "gif"):
        words = ("--turntable", kind, "--size", "48", "--out", tmp_path)
        for _ in range(2):  # what was drawn here is drawn anew
            assert shapesim("render", CHAIR, *words).returncode == 0
        with Image.open(tmp_path / f"chair.{kind}") as turntable:
            assert getattr(turntable, "n_frames", 1) == 48


def test_names_are_drawn_in_their_letters() -> None:
    """No two look alike, as they would as boxes for what a font lacks."""
    counts = np.ones((1, 1), np.int64)
    drawn = {confusion_picture(counts, [name]).tobytes() for name in "aäéßñøжωč–→"}
    assert len(drawn) == 11


def test_what_our_font_lacks_is_drawn_by_one_of_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the first that has all letters of a name; names that need none keep our own."""
    (symbols, *_) = Path(playwright.__file__).parent.rglob("codicon*.ttf")

    def drawn(*fonts: str) -> list[bytes]:
        monkeypatch.setattr("shapesim.showing._FONTS", fonts)
        names = ["\uea60", "\uea61", "\uea60 lamp", "lamp"]
        counts = np.ones((1, 1), np.int64)
        return [confusion_picture(counts, [name]).tobytes() for name in names]

    boxes = drawn("no-such-font.ttf")
    assert boxes[0] == boxes[1]
    signs = drawn("no-such-font.ttf", str(symbols))
    assert signs[0] != signs[1]
    # It has no letters.
    assert signs[2:] == boxes[2:]


def test_render_names_what_fails(tmp_path: Path) -> None:
    """A damaged file is named and the others are rendered; alone, the command fails."""
    (tmp_path / "bad.glb").write_bytes(b"glTF nothing")
    words = ("--views", "1", "--size", "32", "--out", tmp_path / "p")
    both = shapesim("render", CHAIR, tmp_path / "bad.glb", *words)
    assert both.returncode == 0
    assert "bad.glb" in both.stderr
    alone = shapesim("render", tmp_path / "bad.glb", *words)
    assert alone.returncode == 1
    assert "Traceback" not in alone.stderr
    own = shapesim("render", CHAIR, *words, "--sheet", tmp_path / "p" / "chair.png")
    assert own.returncode == 1
    assert "is one of the pictures to render" in own.stderr
    (tmp_path / "mixed").mkdir()
    shutil.copy(CHAIR, tmp_path / "mixed")
    (tmp_path / "mixed" / "pack.zip").write_bytes(b"PK nothing")
    mixed = shapesim("render", tmp_path / "mixed", *words)
    assert mixed.returncode == 0
    assert "failed:" in mixed.stderr and "pack.zip" in mixed.stderr
    texture = tmp_path / "textured" / "wood.png"
    texture.parent.mkdir()
    texture.write_bytes(b"\x89PNG nothing")
    box = "mtllib m.mtl\nusemtl m\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nf 1/1 2/1 3/1\n"
    (texture.parent / "tri.obj").write_text(box)
    (texture.parent / "m.mtl").write_text("newmtl m\nmap_Kd wood.png\n")
    lost = shapesim("render", texture.parent / "tri.obj", *words)
    assert lost.returncode == 0
    assert "warning:" in lost.stderr and "texture wood.png is no picture" in lost.stderr


def test_sheets_fit_into_their_format(tmp_path: Path) -> None:
    """However many rows they have; what was drawn is drawn over, however large it is."""
    tall = Image.new("RGB", (4, 70_000), "red")
    for name, most in (("a.webp", 16_383), ("a.jpg", 65_500), ("a.png", 70_000)):
        write_picture(tall, tmp_path / name)
        assert max(picture_size(tmp_path / name)) == most
    write_picture(Image.new("L", (2_000, 100_000)), tmp_path / "large.png")
    assert is_drawn(tmp_path / "large.png")
    assert Image.MAX_IMAGE_PIXELS


def test_search_finds_what_a_picture_shows(work: Path) -> None:
    """A picture of a chair finds that chair, and from where it shows it; lines are as swap's."""
    chair = SAMPLES / "store" / "meadow-pack" / "furniture" / "chair-slats.fbx"
    picture, _ = new_picture(load_mesh(chair), np.random.default_rng(3))
    Image.fromarray(picture).save(work / "shot.jfif", "JPEG")
    (work / "broken.png").write_bytes(b"\x89PNG")
    result = shapesim(
        "search", "shot.jfif", "broken.png", "-k", "3", "--json", "--sheet", "found.png", cwd=work
    )
    assert result.returncode == 0, result.stderr
    assert "broken.png" in result.stderr
    (line,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert "jfif" not in result.stderr
    assert line["query"] == "shot.jfif"
    assert [match["rank"] for match in line["matches"]] == [1, 2, 3]
    assert all(match["camera"] for match in line["matches"])  # all that are shown are compared
    first = line["matches"][0]
    assert first["path"].endswith("chair-slats.fbx")
    taken = np.random.default_rng(3)
    azimuth, elevation = taken.uniform(0, 360), taken.uniform(-10, 60)
    assert abs((first["camera"][0] - azimuth + 180) % 360 - 180) < 12
    assert abs(first["camera"][1] - elevation) < 12
    assert picture_size(work / "found.png")[0] > 4 * 224
    few = shapesim("search", "shot.jfif", "--max-triangles", "200", "--json", cwd=work)
    found = json.loads(few.stdout)["matches"]
    assert found and all(match["triangles"] <= 200 for match in found)


@pytest.mark.parametrize("by", ["shape", "look", "both"])
def test_swap_by_each_space(work: Path, by: str) -> None:
    """A copy of an asset comes first in every space, with a score of nearly one."""
    asset = SAMPLES / "store" / "meadow-pack" / "furniture" / "chair-windsor.glb"
    result = shapesim("swap", asset, "-k", "2", "--by", by, "--json", cwd=work)
    assert result.returncode == 0, result.stderr
    first = json.loads(result.stdout)["matches"][0]
    assert first["copy"]
    assert first["score"] > 0.99


def test_index_by_shape_alone_says_what_look_needs(tmp_path: Path) -> None:
    """A gallery without look vectors answers by shape, and says how to get the others."""
    store = SAMPLES / "store" / "harbour-pack" / "tavern"
    assert shapesim("index", store, "--by", "shape", cwd=tmp_path).returncode == 0
    assert shapesim("swap", CHAIR, "--by", "shape", "-k", "1", cwd=tmp_path).returncode == 0
    missing = shapesim("swap", CHAIR, "--by", "look", cwd=tmp_path)
    assert missing.returncode == 1
    assert "run 'shapesim index --by look'" in missing.stderr
    assert shapesim("index", "--by", "both", cwd=tmp_path).returncode == 0
    for by in ("look", "both"):
        assert shapesim("swap", CHAIR, "--by", by, "-k", "1", cwd=tmp_path).returncode == 0


def test_embed_look_and_both(tmp_path: Path) -> None:
    """Pictures and meshes in one space; a picture has no place in the others."""
    Image.new("RGB", (30, 20), "red").save(tmp_path / "a.png")
    out = tmp_path / "v.npz"
    assert (
        shapesim("embed", tmp_path / "a.png", CHAIR, "--space", "look", "--out", out).returncode
        == 0
    )
    with np.load(out) as arrays:
        assert arrays["paths"].tolist() == [str(tmp_path / "a.png"), str(CHAIR)]
        assert np.abs(np.linalg.norm(arrays["vectors"], axis=1) - 1).max() < 1e-5
    assert shapesim("embed", CHAIR, "--space", "both", "--out", out).returncode == 0
    wrong = shapesim("embed", tmp_path / "a.png", "--space", "both", "--out", out)
    assert wrong.returncode == 2


def test_tags_from_training_to_filter(work: Path) -> None:
    """Train on pictures, tag files, tag the gallery, and ask swap for a tag."""
    rng = np.random.default_rng(0)
    for label, colour in (("red", (200, 30, 30)), ("blue", (30, 30, 200))):
        folder = work / "pictures" / label
        folder.mkdir(parents=True)
        for number in range(8):
            pixels = np.clip(rng.normal(colour, 25, (40, 60, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    (work / "pictures" / "red" / "cut.png").write_bytes(b"\x89PNG")
    trained = shapesim("tags", "train", "pictures", "--out", "t.tagger", "--json", cwd=work)
    assert trained.returncode == 0, trained.stderr
    assert "cut.png" in trained.stderr
    report = json.loads(trained.stdout)
    assert report["files"] == 16
    assert report["accuracy"] > 0.9
    assert picture_size(work / report["confusion"])[0] > 50
    tagged = shapesim("tag", "pictures/blue/0.png", "--tagger", "t.tagger", "--json", cwd=work)
    line = json.loads(tagged.stdout)
    assert line["path"] == "pictures/blue/0.png"
    assert line["tags"][0]["label"] == "blue"
    assert sum(entry["probability"] for entry in line["tags"]) == pytest.approx(1, abs=1e-3)
    assert shapesim("swap", CHAIR, "--tag", "red", cwd=work).returncode == 1
    applied = shapesim("tags", "apply", "--tagger", "t.tagger", "--least", "0", cwd=work)
    assert applied.returncode == 0, applied.stderr
    found = shapesim("swap", CHAIR, "--tag", "red", "--json", cwd=work)
    matches = json.loads(found.stdout)["matches"]
    assert matches and all("red" in match["tags"] for match in matches)
    unknown = shapesim("swap", CHAIR, "--tag", "green", cwd=work)
    assert unknown.returncode == 1
    assert "tags are blue, red" in unknown.stderr


def test_tags_of_what_is_not_there_stay(tmp_path: Path) -> None:
    """Of a store that is not mounted, also where there is no other."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        shutil.copy(CHAIR, tmp_path / name / f"{name}.fbx")
    assert shapesim("index", "one", "two", "--by", "shape", cwd=tmp_path).returncode == 0

    def tagged() -> dict[str, int]:
        with Gallery(tmp_path / ".shapesim") as gallery:
            return {asset.path.stem: len(asset.tags) for asset in gallery.assets.values()}

    assert shapesim("tags", "apply", "--least", "0", cwd=tmp_path).returncode == 0
    first = tagged()
    (tmp_path / "one").rename(tmp_path / "away")
    assert shapesim("tags", "apply", "--least", "1", cwd=tmp_path).returncode == 0
    assert tagged() == {"one": first["one"], "two": 0}
    (tmp_path / "two").rename(tmp_path / "gone")
    away = shapesim("tags", "apply", cwd=tmp_path)
    assert away.returncode == 1
    assert "their tags stay" in away.stderr
    assert tagged() == {"one": first["one"], "two": 0}


def test_tags_train_says_what_is_wrong(tmp_path: Path) -> None:
    """One folder, one picture in a folder, a table of missing files: one line, and no tagger."""
    (tmp_path / "p" / "only").mkdir(parents=True)
    for number in range(2):
        Image.new("RGB", (8, 8)).save(tmp_path / "p" / "only" / f"{number}.png")
    with (tmp_path / "l.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "label"), ("gone.png", "a"), ("lost.png", "b")])
    one = shapesim("tags", "train", tmp_path / "p", "--out", tmp_path / "t.tagger")
    (tmp_path / "p" / "other").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "p" / "other" / "0.png")
    single = shapesim("tags", "train", tmp_path / "p", "--out", tmp_path / "t.tagger")
    table = shapesim(
        "tags", "train", tmp_path / "p", "--labels", tmp_path / "l.csv",
        "--out", tmp_path / "t.tagger",
    )  # fmt: skip
    for result, reason in (
        (one, "two labels or more"),
        (single, "other (1)"),
        (table, "none of its"),
    ):
        assert result.returncode == 1
        assert reason in result.stderr
        assert "Traceback" not in result.stderr
    assert not list(tmp_path.glob("t.tagger*"))
    over = shapesim("tags", "train", tmp_path / "p", "--out", tmp_path / "l.csv")
    assert over.returncode == 1
    assert "is no tagger" in over.stderr
    assert (tmp_path / "l.csv").read_text().startswith("path,label")


def test_the_default_tagger_knows_game_assets() -> None:
    """A chair of the sample game is a chair, as a mesh; the same beside a picture."""
    result = shapesim("tag", CHAIR, "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["tags"][0]["label"] == "chair"
    picture = SAMPLES.parent / "docs" / "swap.png"
    both = shapesim("tag", CHAIR, picture, "--json").stdout.splitlines()
    assert both[0] == result.stdout.strip()
    assert json.loads(both[1])["path"] == str(picture)
