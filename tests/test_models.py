"""Networks, their weights, and training."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from shapesim.embedders import ShapeEmbedder
from shapesim.errors import WeightsError as EmbedderWeightsError
from tests.conftest import as_mesh, lopsided, yawed
from tests.test_gallery import unit_rows
from voxel_models import WeightsError, create_model, list_models, weights_info
from voxel_models.data import read_grids, sampling_weights
from voxel_models.inference import fold_norms
from voxel_models.registry import ARCHITECTURES, weights_path
from voxel_models.train import Recipe, save_weights, train


@pytest.mark.parametrize("name", sorted(set(ARCHITECTURES) - {"completer3d"}))
@pytest.mark.parametrize("resolution", [24, 32])
def test_a_network_gives_unit_vectors(name: str, resolution: int) -> None:
    """Of the dimension it names, for each resolution."""
    model = create_model(name, resolution=resolution, dim=20).eval()
    grids = (torch.rand(3, *(resolution,) * 3) > 0.7).float()
    with torch.inference_mode():
        vectors = model(grids)
    assert vectors.shape == (3, 20)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(3))


def test_the_default_weights_ship() -> None:
    """Those that the embedder takes without being told."""
    assert ShapeEmbedder().name in list_models()


@pytest.mark.parametrize("name", list_models())
def test_shipped_weights_load_and_describe_themselves(name: str) -> None:
    """Header and network agree, and a model card lies beside."""
    info = weights_info(name)
    model = create_model(name, pretrained=True)
    assert info["resolution"] == model.resolution
    assert info.get("dim") == getattr(model, "dim", None)
    assert "unknown" not in info["licence"]
    assert weights_path(name).with_suffix(".md").is_file()


def test_folding_norms_changes_nothing(embedder: ShapeEmbedder) -> None:
    """The faster network answers as the one that was trained."""
    grids = (torch.rand(4, *(embedder.resolution,) * 3) > 0.8).float()
    model = create_model(embedder.name, pretrained=True)
    with torch.inference_mode():
        expected = model(grids)
        torch.testing.assert_close(fold_norms(model)(grids), expected, rtol=1e-3, atol=1e-4)
    assert not any(isinstance(module, torch.nn.BatchNorm3d) for module in model.modules())


def test_quarter_turns_embed_alike(embedder: ShapeEmbedder) -> None:
    """The mean over the four quarter turns is the same for each of them."""
    shape = lopsided()
    meshes = [as_mesh(shape.copy().apply_transform(yawed(turn * np.pi / 2))) for turn in range(4)]
    vectors = embedder.embed(meshes)
    np.testing.assert_allclose(vectors @ vectors.T, 1, atol=1e-3)


def test_batches_make_no_difference(embedder: ShapeEmbedder) -> None:
    """One at a time or many: the same vectors, and none for no items."""
    meshes = [as_mesh(lopsided().apply_transform(np.diag([1, 1 + i / 9, 1, 1]))) for i in range(5)]
    one_by_one = np.concatenate([embedder.embed([mesh]) for mesh in meshes])
    np.testing.assert_allclose(embedder.embed(meshes), one_by_one, atol=2e-2)
    assert ((embedder.embed(meshes) * one_by_one).sum(axis=1) > 0.9995).all()
    assert embedder.embed([]).shape == (0, embedder.dim)


def bad_weights(kind: str, folder: Path) -> Path:
    """A damaged weights file."""
    path = folder / "resnet3d.bad.safetensors"
    good = weights_path("resnet3d.game").read_bytes()
    if kind == "truncated":
        path.write_bytes(good[:-1000])
    elif kind == "pickle":
        path.write_bytes(pickle.dumps({"head.weight": [1.0]}))
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "silent":  # about its grid
        info = {k: v for k, v in weights_info("resnet3d.game").items() if k != "resolution"}
        save_weights(create_model("resnet3d"), path, info)
    else:  # of another architecture
        info = weights_info("resnet3d.game") | {"dim": 7}
        save_weights(create_model("resnet3d"), path, info)
    return path


@pytest.mark.parametrize("kind", ["truncated", "pickle", "empty", "silent", "other"])
def test_bad_weights_are_refused_with_a_reason(kind: str, tmp_path: Path) -> None:
    """By the networks' own error, and by the embedder in the exception tree of shapesim."""
    path = bad_weights(kind, tmp_path)
    with pytest.raises(WeightsError, match=r"resnet3d\.bad"):
        create_model(str(path), pretrained=True)
    with pytest.raises(EmbedderWeightsError, match=r"resnet3d\.bad"):
        ShapeEmbedder(str(path)).embed([as_mesh(lopsided())])


def test_unknown_names_list_the_known() -> None:
    """Both for architectures and for weights."""
    with pytest.raises(WeightsError, match="resnet3d"):
        create_model("transformer")
    with pytest.raises(WeightsError, match=r"resnet3d\.game"):
        create_model("nothing", pretrained=True)
    with pytest.raises(WeightsError, match=r"is no \.safetensors file"):
        create_model(__file__, pretrained=True)


def write_grids(path: Path) -> None:
    """Eight random blobs at 16³ in two classes, one of a class of its own, and an empty grid."""
    rng = np.random.default_rng(0)
    grids = np.zeros((10, 2, 16, 16, 16), dtype=bool)
    for row in range(9):
        low, high = np.sort(rng.integers(1, 15, (2, 3)), axis=0)
        grids[row, :, low[0] : high[0] + 1, low[1] : high[1] + 1, low[2] : high[2] + 1] = True
    np.savez_compressed(
        path,
        grids=np.packbits(grids.reshape(10, 2, -1), axis=2),
        paths=np.array([f"{'ab'[row % 2]}/{row}" for row in range(10)]),
        labels=np.array(["x", "y"] * 4 + ["alone", "x"]),
        resolution=np.array(16),
    )


def test_training_data_is_cleaned_and_levelled(tmp_path: Path) -> None:
    """Empty grids go, a class of one counts as unlabelled, a prefix can be left out."""
    write_grids(tmp_path / "grids.npz")
    data = read_grids([tmp_path / "grids.npz"])
    assert len(data.labels) == 9
    assert data.classes == ("x", "y")
    assert (data.labels == -1).sum() == 1
    assert sampling_weights(data.labels, data.sources).sum() == pytest.approx(1)
    assert len(read_grids([tmp_path / "grids.npz"], exclude=["a/"]).labels) == 4


def test_vectors_of_a_teacher_are_read_with_the_grids(tmp_path: Path) -> None:
    """Grids without are left to learn by themselves; two kinds of teachers do not mix."""
    write_grids(tmp_path / "plain.npz")
    with np.load(tmp_path / "plain.npz") as plain:
        arrays = dict(plain)
    rows = unit_rows(10, 7, 0)
    np.savez(tmp_path / "taught.npz", **arrays, teacher=rows)
    np.savez(tmp_path / "other.npz", **arrays, teacher=rows[:, :5])
    assert read_grids([tmp_path / "plain.npz"]).teacher is None
    both = read_grids([tmp_path / "taught.npz", tmp_path / "plain.npz"])
    assert both.teacher is not None
    np.testing.assert_array_equal(both.teacher[:9], rows[:9])
    assert not both.teacher[9:].any()
    with pytest.raises(ValueError, match="different teachers"):
        read_grids([tmp_path / "taught.npz", tmp_path / "other.npz"])
    model = train(both, Recipe(steps=2, batch=4), tmp_path / "checkpoint")
    assert all(torch.isfinite(tensor).all() for tensor in model.state_dict().values())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"labels": np.array(["a"])}, "has 10 grids, but"),
        ({"grids": np.zeros((10, 1, 64), np.float32)}, "float32, not"),
        ({"grids": np.ones((10, 1, 64), np.uint8)}, "not .N, turns, 512. uint8"),
        ({"teacher": np.full((10, 4), np.nan, np.float32)}, "what is no number"),
    ],
)
def test_grids_that_do_not_belong_together_are_refused(
    tmp_path: Path, change: dict[str, NDArray[Any]], reason: str
) -> None:
    """With what is wrong with them."""
    write_grids(tmp_path / "grids.npz")
    with np.load(tmp_path / "grids.npz") as plain:
        arrays = dict(plain) | change
    np.savez(tmp_path / "changed.npz", **arrays)
    with pytest.raises(ValueError, match=reason):
        read_grids([tmp_path / "changed.npz"])


def test_training_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run stopped after a checkpoint ends with the weights of an unbroken run."""
    monkeypatch.setattr("voxel_models.loop._CHECKPOINT_STEPS", 2)
    write_grids(tmp_path / "grids.npz")
    data = read_grids([tmp_path / "grids.npz"])
    recipe = Recipe(steps=4, batch=4)
    unbroken = train(data, recipe, tmp_path / "unbroken")

    class StoppedError(Exception):
        pass

    def stop(*_: object) -> None:
        raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr("voxel_models.loop._report", stop)
        with pytest.raises(StoppedError):
            train(data, recipe, tmp_path / "broken")
    # The report comes before the checkpoint: nothing was written, so the run starts anew; then
    # it stops behind its first checkpoint and goes on from there.
    assert not (tmp_path / "broken").exists()
    (tmp_path / "damaged").write_bytes(b"not a checkpoint")
    with pytest.raises(WeightsError, match="delete it"):
        train(data, recipe, tmp_path / "damaged")
    reports: list[int] = []

    def stop_later(step: int, *_: object) -> None:
        reports.append(step)
        if step == 4:
            raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr("voxel_models.loop._report", stop_later)
        with pytest.raises(StoppedError):
            train(data, recipe, tmp_path / "broken")
    with pytest.raises(WeightsError, match="other data or options"):
        train(data, replace(recipe, rate=1e-5), tmp_path / "broken")
    resumed = train(data, recipe, tmp_path / "broken")
    assert reports == [2, 4]
    with Image.open(tmp_path / "broken.curves.png") as curves:
        assert len(set(curves.convert("P").tobytes())) > 3  # lines, not only a frame
    for key, value in unbroken.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[key], value, rtol=1e-3, atol=1e-4)


def test_training_from_the_command_line(tmp_path: Path) -> None:
    """It writes weights that load and say where they come from."""
    write_grids(tmp_path / "grids.npz")
    out = tmp_path / "resnet3d.mine.safetensors"
    words = [str(tmp_path / "grids.npz"), "--out", str(out), "--steps", "2", "--batch", "4"]
    command = [sys.executable, "-m", "voxel_models.train", *words, "--licence", "CC0-1.0"]
    subprocess.run(command, check=True, capture_output=True)
    assert weights_info(str(out))["licence"] == "CC0-1.0"
    assert create_model(str(out), pretrained=True).resolution == 16
    assert json.dumps(weights_info(str(out)))
    wrong = subprocess.run(
        [*command[:3], str(tmp_path / "gone.npz"), "--out", str(out)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert wrong.returncode == 1
    assert "gone.npz" in wrong.stderr
    assert "Traceback" not in wrong.stderr


def test_weights_have_their_own_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others are refused; a relative file stays the one that was named."""
    with pytest.raises(WeightsError, match="dim"):
        create_model("resnet3d.game", pretrained=True, dim=64)
    shutil.copy(weights_path("resnet3d.game"), tmp_path / "own.safetensors")
    monkeypatch.chdir(tmp_path)
    own = ShapeEmbedder(Path("own.safetensors"))
    monkeypatch.chdir("/")
    assert own.embed([as_mesh(lopsided())]).shape == (1, own.dim)
    assert own.option == f"shape:{tmp_path / 'own.safetensors'}"
