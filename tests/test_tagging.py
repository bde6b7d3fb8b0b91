"""Heads and taggers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image
from safetensors.numpy import save_file

from shapesim.embedders import lite0
from shapesim.errors import ShapesimError, TaggerError
from shapesim.showing import confusion_picture
from shapesim.tagging.heads import fit_head, temperature
from shapesim.tagging.novelty import NoveltyDetector
from shapesim.tagging.taggers import (
    Example,
    Features,
    Tagger,
    cross_validate,
    doubtful_labels,
    find_examples,
    fit,
    learnable,
    read_examples,
    score,
    targets,
)
from training.game_tagger import Unseen, scaled_by_others


def blobs(rows: int, noise: float, seed: int = 0) -> tuple[Features, np.ndarray]:
    """Three clusters in feature space, and their labels."""
    centres = np.random.default_rng(42).normal(size=(3, lite0.DIM))
    rng = np.random.default_rng(seed)
    labels = np.arange(rows) % 3
    look = centres[labels] + noise * rng.normal(size=(rows, lite0.DIM))
    return Features(look.astype(np.float32)), np.eye(3, dtype=np.float32)[labels]


def test_many_items_and_many_features_are_learnt_alike() -> None:
    """Three copies of each feature are as one, be there fewer items than features or more."""
    rng = np.random.default_rng(0)
    truth = np.eye(3, dtype=np.float32)[np.arange(90) % 3]
    few = (truth @ rng.normal(size=(3, 40)) + rng.normal(size=(90, 40))).astype(np.float32)
    by_few = fit_head(few, (40,), truth, exclusive=True).probabilities(few, exclusive=True)
    many = np.tile(few, 3)
    by_many = fit_head(many, (120,), truth, exclusive=True).probabilities(many, exclusive=True)
    np.testing.assert_allclose(by_few, by_many, atol=1e-4)


def test_what_can_be_told_apart_is() -> None:
    """Clear clusters are learnt, also by rows that were held back."""
    features, truth = blobs(60, 2.0)
    given = cross_validate(features, truth, np.arange(60))
    assert score(given, truth, "abc").accuracy == 1


def test_noise_is_not_learnt() -> None:
    """Labels without meaning are right by chance only: nothing of a held-back row leaks."""
    features, truth = blobs(120, 1.0)
    shuffled = truth[np.random.default_rng(1).permutation(120)]
    given = cross_validate(features, shuffled, np.arange(120))
    assert score(given, shuffled, "abc").accuracy < 0.5


def test_copies_stay_together() -> None:
    """Rows of one group are never learnt from while one of them is asked."""
    rng = np.random.default_rng(0)
    look = np.repeat(rng.normal(size=(40, lite0.DIM)), 2, axis=0).astype(np.float32)
    truth = np.eye(2, dtype=np.float32)[np.repeat(rng.integers(0, 2, 40), 2)]
    apart = score(cross_validate(Features(look), truth, np.arange(80)), truth, "ab").accuracy
    groups = np.repeat(np.arange(40), 2)
    together = score(cross_validate(Features(look), truth, groups), truth, "ab").accuracy
    assert apart > 0.9
    assert together < 0.75


def test_copies_of_one_thing_teach_nothing() -> None:
    """Which is said, instead of scores that are no numbers."""
    features, truth = blobs(6, 0.1)
    with pytest.raises(ShapesimError, match="copies of one thing"):
        cross_validate(features, truth, np.zeros(len(truth), np.int64))


def test_probabilities_are_as_sure_as_they_are_right() -> None:
    """Since they are calibrated on what was left out."""
    features, truth = blobs(150, 14.0)
    result = score(cross_validate(features, truth, np.arange(150)), truth, "abc")
    assert 0.5 < result.accuracy < 0.99
    assert result.error < 0.12


def chances(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of three labels, and truth drawn by them."""
    rng = np.random.default_rng(3)
    chance = rng.dirichlet([1.0, 1.0, 1.0], rows).astype(np.float32)
    drawn = (rng.random(rows)[:, None] > chance.cumsum(axis=1)).sum(axis=1).clip(max=2)
    return chance, np.eye(3, dtype=np.float32)[drawn]


def raised(chance: np.ndarray, power: float) -> np.ndarray:
    """Probabilities surer than they should be, or less sure."""
    powers = chance**power
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def test_what_is_too_sure_is_made_less_sure() -> None:
    """By the temperature that undoes it, at which a head can be taken."""
    chance, truth = chances(6000)
    for power in (0.5, 1.0, 2.5):
        assert temperature(raised(chance, power), truth) == pytest.approx(power, rel=0.06)
    features, marks = blobs(60, 14.0)
    head = fit_head(features.look, lite0.BLOCKS, marks, exclusive=True)
    milder = head.at_temperature(2.5).probabilities(features.look, exclusive=True)
    given = head.probabilities(features.look, exclusive=True)
    assert np.abs(milder - raised(given, 0.4)).max() < 1e-4


def test_unseen_packs_are_tagged_by_all_others() -> None:
    """Neither their own assets nor copies of these elsewhere are learnt from."""
    chance, truth = chances(400)
    packs = np.array(["a/1", "a/2", "b/1", "b/2"])[np.arange(400) % 4]
    groups = np.arange(400)
    groups[2] = groups[0]  # a copy in another pack
    unseen = Unseen(Features(chance), truth, ["x", "y", "z"], packs, groups, ["a/1", "a/2"])
    assert unseen.told.sum() == 200
    first, second = unseen.by_pack()
    rest = unseen.rest(first)
    assert set(packs[rest]) == {"a/2", "b/1", "b/2"}
    assert len(rest) == 299
    assert 2 not in rest
    given = np.where(unseen.told[:, None], raised(chance, 2.0), 0)
    scaled = scaled_by_others(unseen, given)
    assert not scaled[~unseen.told].any()
    wanted = raised(given[second], 1 / temperature(given[first], truth[first]))
    assert np.abs(scaled[second] - wanted).max() < 1e-6


def test_several_labels_at_once() -> None:
    """Each label has a probability of its own."""
    features, truth = blobs(60, 2.0)
    truth = truth.copy()
    truth[:, 1] = np.maximum(truth[:, 1], truth[:, 0])
    head = fit_head(features.look, lite0.BLOCKS, truth, exclusive=False)
    given = head.probabilities(features.look, exclusive=False)
    assert ((given > 0.5) == (truth > 0)).mean() > 0.97


def test_scores_of_a_known_table() -> None:
    """Accuracy, F1 and confusion by hand."""
    truth = np.eye(2, dtype=np.float32)[[0, 0, 0, 1]]
    given = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6]], np.float32)
    result = score(given, truth, ["a", "b"])
    assert result.accuracy == 0.75
    assert result.confusion.tolist() == [[2, 1], [0, 1]]
    assert result.macro_f1 == pytest.approx((0.8 + 2 / 3) / 2)


def test_odd_labels_are_told() -> None:
    """Those that differ by case alone, files with several, and copies that have others."""
    named = [("a.png", "cars"), ("b.png", "CARS"), ("c.png", "sea"), ("d.png", "sea")]
    examples = [Example(Path(name), (label,)) for name, label in named]
    examples.append(Example(Path("e.png"), ("air", "sea")))
    told = doubtful_labels(examples, np.array([0, 1, 2, 0, 4]))
    assert "CARS and cars are two labels" in told[0]
    assert "1 of 5 files have several labels, such as e.png" in told[1]
    assert "1 copies have other labels, such as a.png (cars) and d.png (sea)" in told[2]
    assert doubtful_labels(examples[2:4], np.array([2, 2])) == []


def test_a_confusion_matrix_of_many_labels_can_be_opened() -> None:
    """It has no names then."""
    few = confusion_picture(np.eye(3, dtype=np.int64), list("abc"))
    many = confusion_picture(np.eye(2000, dtype=np.int64), [f"label {n}" for n in range(2000)])
    assert few.width < 400
    assert 2000 <= many.width < 3000
    assert many.getpixel((many.width - 15, many.height - 15)) == (38, 92, 160)


def test_what_is_like_no_example_is_told(tmp_path: Path) -> None:
    """Of another direction than all clusters; near copies of an example do not make it strict."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 64))

    def about(kinds: list[int], noise: float) -> tuple[np.ndarray, ...]:
        rows = centres[kinds] + noise * rng.normal(size=(len(kinds), 64))
        rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        return rows, rows

    examples = about([0, 1, 2] * 20, 0.5)
    copied = tuple(np.repeat(part, 5, axis=0) for part in examples)
    novelty = NoveltyDetector.of(copied, np.repeat(np.arange(60), 5))
    assert novelty is not None
    assert novelty.is_known(about([0, 1, 2] * 20, 0.5)).mean() > 0.9
    assert not novelty.is_known(about([3] * 60, 0.5)).any()
    assert NoveltyDetector.of(examples, np.zeros(60, np.int64)) is None
    # Of a kind with few examples among many, each is known.
    many = about([*[0] * 3000, 3, 3], 0.5)
    of_many = NoveltyDetector.of(many, np.arange(3002))
    assert of_many is not None
    assert of_many.is_known(tuple(part[-2:] for part in many)).all()
    features, truth = blobs(60, 2.0)
    tagger = fit(replace(features, both=examples), truth, ["a", "b", "c"], {"look": "x"})
    tagger = replace(tagger, novelty=novelty)
    tagger.save(tmp_path / "t.tagger")
    again = Tagger.load(tmp_path / "t.tagger")
    for kind, is_known in ((0, True), (3, False)):
        assert (again.knows(Features(features.look, about([kind] * 60, 0.1))) == is_known).all()
    assert again.knows(features).all()  # of pictures it cannot tell
    for rows in (novelty.examples[:, :100], np.full_like(novelty.examples, np.nan)):
        replace(tagger, novelty=replace(novelty, examples=rows)).save(tmp_path / "d.tagger")
        with pytest.raises(TaggerError, match="is damaged"):
            Tagger.load(tmp_path / "d.tagger")


def test_scores_of_items_with_several_labels() -> None:
    """What is likelier than not is given as well as the likeliest label."""
    truth = np.array([[1, 1, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    perfect = score(np.where(truth > 0, 0.99, 0.01).astype(np.float32), truth, list("abc"))
    assert perfect.accuracy == perfect.macro_f1 == 1
    assert [row[1:4] for row in perfect.per_label] == [(2, 1, 1), (3, 1, 1), (1, 1, 1)]
    given = np.array([[0.9, 0.6, 0], [0.9, 0.4, 0], [0.7, 0.1, 0], [0, 0, 0.3]], np.float32)
    rows = {label: rest for label, *rest in score(given, truth, list("abc")).per_label}
    assert rows["a"][1:3] == pytest.approx([2 / 3, 1])
    assert rows["b"][1:3] == pytest.approx([1, 1 / 3])
    assert rows["c"][1:3] == [1, 1]  # the likeliest, though not likely


def test_a_tagger_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    """Through its file, probabilities stay; a file that is none has a reason."""
    features, truth = blobs(60, 2.0)
    tagger = fit(features, truth, ["a", "b", "c"], {"look": "x"})
    tagger.save(tmp_path / "t.tagger")
    again = Tagger.load(tmp_path / "t.tagger")
    assert again.labels == ["a", "b", "c"]
    head, nothing = tagger.heads["look"], np.full(3, np.nan, np.float32)
    assert np.abs(again.probabilities(features) - tagger.probabilities(features)).max() < 0.01
    with pytest.raises(ShapesimError, match="cannot be written"):
        tagger.save(tmp_path / "missing" / "t.tagger")
    changes: list[dict[str, Any]] = [
        {"labels": ["a", "b"]},
        {"heads": {}},
        {"heads": {"look": replace(head, bias=nothing)}},
    ]
    for number, change in enumerate(changes):
        replace(tagger, **change).save(tmp_path / f"{number}.tagger")
        with pytest.raises(TaggerError, match="is damaged"):
            Tagger.load(tmp_path / f"{number}.tagger")
    (tmp_path / "cut.tagger").write_bytes((tmp_path / "t.tagger").read_bytes()[:1000])
    for name in ("cut.tagger", "nothing.tagger"):
        with pytest.raises(TaggerError):
            Tagger.load(tmp_path / name)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    meta = {"format": "shapesim tagger 1", "labels": "[]"}
    save_file({"look.weight": np.zeros(3)}, tmp_path / "half.tagger", meta)
    with pytest.raises(TaggerError, match="damaged"):
        Tagger.load(tmp_path / "half.tagger")


def test_examples_of_folders_and_tables(tmp_path: Path) -> None:
    """Folders name labels; a table may give several, and what it names in vain is said."""
    for name in ("cat/1.png", "cat/deep/2.png", "dog/1.jpg", "dog/notes.txt", "loose.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / name) if name.endswith("g") else None
    found = find_examples(tmp_path)
    assert [example.labels for example in found.examples] == [("cat",), ("cat",), ("dog",)]
    trimesh.creation.box().export(tmp_path / "dog" / "box.obj")
    (tmp_path / "pug").symlink_to(tmp_path / "dog", target_is_directory=True)
    (tmp_path / "empty").mkdir()
    mixed = find_examples(tmp_path)
    named = [(example.path.name, *example.labels) for example in mixed.examples]
    empty, kinds = mixed.warnings
    assert "holds no picture and no mesh" in empty
    assert "cat has pictures only and dog meshes only" in kinds
    assert not found.warnings
    # Beside meshes, pictures are textures.
    assert named == [("1.png", "cat"), ("2.png", "cat"), ("box.obj", "dog"), ("box.obj", "pug")]
    (tmp_path / "l.csv").write_text(
        "path,label\ncat/1.png,cat;furry\n./cat/1.png,black\ndog/1.jpg,dog\ngone.png,dog\nloose.png,\n"
    )
    table = read_examples(tmp_path / "l.csv", tmp_path)
    assert table.examples[0].labels == ("black", "cat", "furry")
    assert len(table.examples) == 2
    assert "gone.png" in table.warnings[0]
    assert targets(table.examples, table.labels).tolist() == [[1, 1, 0, 1], [0, 0, 1, 0]]


def test_tables_of_windows_name_the_same_files(tmp_path: Path) -> None:
    """Folders stand before a backslash there."""
    (tmp_path / "cars").mkdir()
    (tmp_path / "cars" / "a.png").touch()
    (tmp_path / "labels.csv").write_text("path,label\ncars\\a.png,car\n", encoding="utf-8")
    found = read_examples(tmp_path / "labels.csv", tmp_path)
    assert found.examples == [Example(tmp_path / "cars" / "a.png", ("car",))]


def test_too_little_to_learn_has_a_reason(tmp_path: Path) -> None:
    """One label, or a second one with a single file; a third one of the kind is left out."""
    many = [Example(tmp_path, ("a",))] * 3
    with pytest.raises(ShapesimError, match=r"two labels or more.*a \(3\)"):
        learnable(many)
    with pytest.raises(ShapesimError, match=r"b \(1\)"):
        learnable([*many, Example(tmp_path, ("b",))])
    kept, single = learnable([*many, *[Example(tmp_path, ("b",))] * 2, Example(tmp_path, ("c",))])
    assert len(kept) == 5
    assert single == ["c"]
    with pytest.raises(ShapesimError, match="no pictures or meshes"):
        find_examples(tmp_path)
