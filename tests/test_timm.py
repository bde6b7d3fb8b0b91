"""A network of timm, small and with random weights, in the place of those that ship."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from shapesim.embedders import LookEmbedder, TimmEmbedder, make_embedder
from shapesim.errors import WeightsError
from shapesim.meshes import load_mesh
from shapesim.pictures.images import load_image
from tests.conftest import SAMPLES

try:
    import torchvision  # type: ignore[import-untyped]  # noqa: F401
except RuntimeError:
    # A torchvision built for another kind of torch, such as with CUDA: what it lacks are operators
    # for detection, which no network here uses.
    operators = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

MODEL = "resnet10t"
CHAIR = SAMPLES / "game" / "props" / "chair.fbx"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random ones, with the classes that files of timm have."""
    import timm

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("timm") / f"{MODEL}.safetensors"
    save_file(timm.create_model(MODEL, num_classes=5).state_dict(), path)
    return path


def test_vectors_are_what_the_network_gives(weights: Path, tmp_path: Path) -> None:
    """Of a picture, the same as timm's own features and preparation; of a mesh, the views' mean."""
    import timm
    from timm.data.config import resolve_data_config
    from timm.data.transforms_factory import create_transform

    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    embedder = make_embedder(f"timm:{MODEL}={weights}")
    network = timm.create_model(MODEL, checkpoint_path=str(weights), num_classes=5).eval()
    network.reset_classifier(0)  # type: ignore[operator]
    config = resolve_data_config(model=network) | {"crop_pct": 1.0, "interpolation": "bicubic"}
    transform: Any = create_transform(**config)
    prepared = transform(Image.open(tmp_path / "noise.png"))
    with torch.inference_mode():
        true = network(prepared[None])[0].numpy()
    (ours,) = embedder.embed([load_image(tmp_path / "noise.png")])
    assert ours @ true / np.linalg.norm(true) > 0.999

    mesh = embedder.prepare(load_mesh(CHAIR))
    views = np.concatenate([embedder.embed_batch([view[None]]) for view in mesh])
    mean = views.mean(axis=0)
    assert embedder.embed_batch([mesh])[0] @ mean / np.linalg.norm(mean) > 0.9999


def test_a_network_with_a_layer_of_its_own_before_the_classes(tmp_path: Path) -> None:
    """Its features are those of that layer, which are more than the planes before."""
    import timm

    name = "mobilenetv3_small_050"
    network = timm.create_model(name)
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    embedder = make_embedder(f"timm:{name}={tmp_path / 'w.safetensors'}")
    grey = np.full((64, 64, 3), 128, np.uint8)
    assert embedder.embed([grey]).shape == (1, embedder.dim)
    assert embedder.dim > int(network.num_features)  # type: ignore[arg-type]


def test_a_pickle_of_tensors_is_the_same_as_safetensors(weights: Path, tmp_path: Path) -> None:
    """Both kinds of files, and a file that runs code."""
    from safetensors.torch import load_file

    torch.save({"state_dict": load_file(weights)}, tmp_path / "same.pth")
    one, other = TimmEmbedder(MODEL, weights), TimmEmbedder(MODEL, tmp_path / "same.pth")
    picture = np.full((64, 64, 3), 90, np.uint8)
    np.testing.assert_array_equal(one.embed([picture]), other.embed([picture]))
    assert one.fingerprint != other.fingerprint
    torch.save({"state_dict": Path}, tmp_path / "code.pth")
    with pytest.raises(WeightsError, match="no weights of this network"):
        TimmEmbedder(MODEL, tmp_path / "code.pth")


def test_only_what_can_be_trained_takes_a_file(weights: Path) -> None:
    """A space that knows no weights of the user's is none by them."""
    for space in ("look", "copy", "taste"):
        with pytest.raises(WeightsError, match="no space"):
            make_embedder(f"{space}:{weights}")


def test_a_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    """Of nothing, and of one byte."""
    for content in (b"", b"P"):
        (tmp_path / "cut.pth").write_bytes(content)
        with pytest.raises(WeightsError, match="no weights of this network"):
            make_embedder(f"timm:{MODEL}={tmp_path / 'cut.pth'}")


def test_what_does_not_fit_is_refused(weights: Path, tmp_path: Path) -> None:
    """An unknown network, another network's weights, a missing and a truncated file."""
    with pytest.raises(WeightsError, match="no network 'resnet0'"):
        TimmEmbedder("resnet0", weights)
    with pytest.raises(WeightsError, match="size mismatch"):
        TimmEmbedder("resnet14t", weights)
    save_file({"fc.weight": torch.zeros(5, 512)}, tmp_path / "head.safetensors")
    with pytest.raises(WeightsError, match="it lacks"):
        TimmEmbedder(MODEL, tmp_path / "head.safetensors")
    with pytest.raises(WeightsError, match="cannot be read"):
        TimmEmbedder(MODEL, tmp_path / "none.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(WeightsError, match="no weights"):
        TimmEmbedder(MODEL, tmp_path / "cut.safetensors")


def test_a_gallery_by_it_is_searched_by_it(weights: Path, tmp_path: Path) -> None:
    """A store is indexed, and an asset's own copy is its best match; look is not asked for."""
    from typer.testing import CliRunner

    from shapesim.cli.app import app

    space = f"timm:{MODEL}={weights}"
    home = ["--gallery", str(tmp_path / "gallery")]
    run = CliRunner().invoke
    result = run(app, ["index", str(CHAIR.parent), "--by", space, *home])
    assert result.exit_code == 0, result.output
    result = run(app, ["swap", str(CHAIR), "--by", space, "--no-fit", "--json", *home])
    assert result.exit_code == 0, result.output
    matches = json.loads(result.stdout.splitlines()[-1])["matches"]
    assert matches[0]["path"] == str(CHAIR)
    assert matches[0]["score"] > 0.999
    assert run(app, ["swap", str(CHAIR), "--by", "look", *home]).exit_code == 1
    assert LookEmbedder().space != make_embedder(space).space
