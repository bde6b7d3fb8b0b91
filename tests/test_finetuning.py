"""The network in PyTorch, and taggers that have trained it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from shapesim.embedders import lite0
from shapesim.embedders.lite0_torch import FROZEN, Trunk
from shapesim.tagging.featuring import see
from shapesim.tagging.finetuning import Shown, fit_finetuned
from shapesim.tagging.taggers import Tagger
from tests.commands import shapesim


def stripes(kind: int, seed: int) -> np.ndarray:
    """(224, 224, 3) stripes that lie or stand, of random widths and colours."""
    rng = np.random.default_rng((kind, seed))
    wave = np.sin(np.arange(224) / rng.uniform(2, 8))[:, None] > 0
    colours = rng.integers(0, 256, (2, 3))
    picture = np.broadcast_to(np.where(wave[..., None], *colours), (224, 224, 3))
    return np.ascontiguousarray(picture if kind else picture.swapaxes(0, 1)).astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pictures of each of two labels."""
    folder = tmp_path_factory.mktemp("stripes")
    for kind, label in enumerate(("lying", "standing")):
        (folder / label).mkdir()
        for seed in range(8):
            Image.fromarray(stripes(kind, seed)).save(folder / label / f"{seed}.png")
    return folder


def test_the_network_is_that_of_the_graph() -> None:
    """The same features of the same weights, by PyTorch and by ONNX Runtime."""
    state = lite0.imagenet_weights()
    pictures = np.stack([stripes(kind, seed) for kind in range(2) for seed in range(2)])
    graph = lite0.session(lite0.build(state, None))
    true = graph.run(["features"], {"pictures": pictures})[0]
    net = Trunk(state)
    with torch.no_grad():
        ours = net(net.planes(pictures)).numpy()
    # Where nothing varies, the roots of next to nothing differ.
    assert np.abs(ours - true).max() < 2e-3
    assert {name: value.shape for name, value in net.state().items()} == {
        name: value.shape for name, value in state.items()
    }


def test_training_changes_what_it_may_and_learns(folder: Path, tmp_path: Path) -> None:
    """The first blocks and the depthwise kernels stay; what was not learnt from is told right."""
    calls: list[tuple[int, int]] = []
    with Shown() as shown:
        seen = see(sorted(folder.rglob("*.png")), shown=shown)
        kinds = np.array([path.parent.name == "standing" for path in seen.paths]).astype(int)
        truth = np.eye(2, dtype=np.float32)[kinds]
        tagger, given = fit_finetuned(
            shown, seen.paths, truth, ["lying", "standing"], seen.groups, 2,
            lambda done, total: calls.append((done, total)),
        )  # fmt: skip
    assert calls == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert (given.argmax(axis=1) == kinds).mean() > 0.9
    assert tagger.trunk
    for name, value in lite0.imagenet_weights().items():
        block = int(name.split(".")[1]) if name.startswith("_blocks") else -1
        stays = "stem" in name or "depthwise" in name or 0 <= block < FROZEN
        same = np.abs(tagger.trunk[name].astype(np.float32) - value).max()
        assert same <= 2e-3 * np.abs(value).max() if stays else same > 0, name
    tagger.save(tmp_path / "t.tagger")
    again = Tagger.load(tmp_path / "t.tagger").trunk
    assert again
    for name, value in tagger.trunk.items():
        np.testing.assert_array_equal(again[name], value)


def test_the_command_writes_a_tagger_that_tags(folder: Path, tmp_path: Path) -> None:
    """Trained, saved with its network, and asked."""
    trained = shapesim(
        "tags", "train", folder, "--finetune", "--folds", "2", "--out", "t.tagger", "--json",
        cwd=tmp_path,
    )  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    assert json.loads(trained.stdout)["accuracy"] > 0.9
    assert " without" in trained.stderr
    Image.fromarray(stripes(1, 99)).save(tmp_path / "new.png")
    tagged = shapesim("tag", "new.png", "--tagger", "t.tagger", "--json", cwd=tmp_path)
    (first, *_) = json.loads(tagged.stdout)["tags"]
    assert first["label"] == "standing"
    kept = Tagger.load(tmp_path / "t.tagger").trunk
    assert bool(kept) != ("stays as it is" in trained.stderr)
