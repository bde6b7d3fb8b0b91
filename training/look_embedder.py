"""Trains what stands behind the ImageNet network of the look embedder.

    python -m training.look_embedder MESHES... --out lite0.mine.safetensors

Four things are learnt from pictures rendered of the meshes: the range of every tensor, for 8 bit;
a small head that tells the foreground; the directions by which things differ; and the
projection, by which pictures of one asset agree
and those of different ones do not (A. van den Oord, Y. Li and O. Vinyals, "Representation Learning
with Contrastive Predictive Coding", 2018). Takes half an hour on two cores for 2,000 meshes. The
fifth, what kinds have names, is learnt by ``training.look_kinds``, which completes the weights.
"""

from __future__ import annotations

import argparse
import io
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shapesim.embedders import lite0
from shapesim.embedders.base import check_weights_file, write_weights
from shapesim.errors import AssetError, ShapesimError
from shapesim.geometry import same_geometry, signature
from shapesim.meshes import find_assets, load_mesh
from shapesim.pictures.images import encoded
from shapesim.rendering.augmentation import new_picture
from shapesim.rendering.views import on_background, render, ring
from shapesim.types import Raster
from shapesim.workers import map_isolated

_SHOTS = 4  # new pictures of each asset
_DIM = 256
_HIDDEN = 768
_TAPS = ("_blocks.10.out", "_blocks.15._project_conv.out")  # what the foreground is told from


@dataclass(frozen=True, slots=True)
class AssetPictures:
    """Pictures of one asset, as PNG: small enough to hold those of thousands.

    Attributes:
        path: of the mesh.
        views: from all around, with alpha.
        shots: new pictures, and how much of each of their pixels is the asset.
        signature: of its geometry.
    """

    path: Path
    views: list[bytes]
    shots: list[tuple[bytes, bytes]]
    signature: NDArray[np.float32]


def take_pictures(task: tuple[int, Path, int]) -> AssetPictures:
    """Renders one asset; ``task`` is a seed, its file, and the number of new pictures."""
    seed, path, shots = task
    mesh = load_mesh(path)
    rng = np.random.default_rng(seed)
    taken = [new_picture(mesh, rng, kept=float(rng.uniform(0.6, 0.98))) for _ in range(shots)]
    return AssetPictures(
        path,
        [_png(view) for view in render(mesh, ring(8))],
        [(_png(picture), _png(alpha)) for picture, alpha in taken],
        signature(mesh),
    )


def _png(picture: NDArray[np.uint8]) -> bytes:
    return encoded(picture, "PNG", compress_level=1)


def _decode(png: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(png)))


def _view(png: bytes) -> Raster:
    return on_background(_decode(png))


def _batches(items: Sequence[Any], decode: Callable[[Any], Raster], size: int = 32) -> Any:
    for start in range(0, len(items), size):
        yield np.stack([decode(item) for item in items[start : start + size]])


def learn_foreground(
    assets: Sequence[AssetPictures], ranges: lite0.Ranges, seed: int
) -> dict[str, NDArray[np.float32]]:
    """Two small convolutions that tell the asset from what is behind it."""
    import torch
    from torch import nn

    from training.minimising import minimise

    session = lite0.session(lite0.build(lite0.imagenet_weights(), ranges, _TAPS))
    pictures: list[tuple[bytes, bytes | None]] = [shot for asset in assets for shot in asset.shots]
    pictures += [(asset.views[n % len(asset.views)], None) for n, asset in enumerate(assets)]
    seen, masks = [], []
    for batch in _batches(
        pictures, lambda pair: _view(pair[0]) if pair[1] is None else _decode(pair[0])
    ):
        middle, last = session.run(list(_TAPS), {"pictures": batch})
        upper = last.repeat(2, axis=2).repeat(2, axis=3)
        seen.append(np.concatenate([middle, upper], axis=1).astype(np.float16))
    for picture, alpha in pictures:
        plane = _decode(picture)[..., 3] if alpha is None else _decode(alpha)
        small = Image.fromarray(plane).resize((14, 14), Image.Resampling.BOX)
        masks.append(np.asarray(small, np.float32) / 255)
    x, y = torch.from_numpy(np.concatenate(seen)), torch.from_numpy(np.stack(masks))[:, None]
    torch.manual_seed(seed)
    head = nn.Sequential(nn.Conv2d(x.shape[1], 48, 1), nn.ReLU(), nn.Conv2d(48, 1, 3, padding=1))

    def loss_of(_: int) -> torch.Tensor:
        rows = torch.randint(len(x), (64,))
        return nn.functional.binary_cross_entropy_with_logits(head(x[rows].float()), y[rows])

    steps = 8 * (len(x) // 64)
    minimise("foreground", loss_of, head.parameters(), steps, 4e-3, decay=1e-3)
    state = head.state_dict()
    return {
        f"foreground.{number}.{part}": state[f"{2 * number}.{part}"].numpy()
        for number in (0, 1)
        for part in ("weight", "bias")
    }


def learn_directions(views: NDArray[np.float16]) -> dict[str, NDArray[np.float32]]:
    """Main directions of the last layer over (N, V, F) views, half whitened.

    Whitening brings out what tells kinds apart (H. Jégou and O. Chum, "Negative evidences and
    co-occurences in image retrieval", ECCV 2012); half of it leaves less noise than all.
    """
    roots = np.sqrt(views[..., lite0.LAST].astype(np.float32)).mean(axis=1)
    mean = roots.mean(axis=0)
    _, spread, directions = np.linalg.svd(roots - mean, full_matrices=False)
    weight = directions[:_DIM] / np.sqrt(spread[:_DIM, None] / spread[0])
    return {"kind.mean": mean, "kind.weight": weight}


def learn_projection(
    views: NDArray[np.float16],
    shots: NDArray[np.float16],
    signatures: NDArray[np.float32],
    epochs: int,
    seed: int,
) -> dict[str, NDArray[np.float32]]:
    """A network of two layers by which pictures of one asset agree.

    Args:
        views: (N, V, F) features of each asset's views.
        shots: (N, S, F) features of its new pictures.
        signatures: (N, 13): assets of one geometry are not told apart.
        epochs: over all assets.
        seed: of everything random.
    """
    import torch
    from torch import nn

    from training.minimising import minimise

    torch.manual_seed(seed)
    flat = views.reshape(-1, views.shape[-1])[:20000].astype(np.float32)
    mean, deviation = flat.mean(axis=0), flat.std(axis=0) + 1e-2
    v = torch.from_numpy((views - mean.astype(np.float16)) / deviation.astype(np.float16))
    s = torch.from_numpy((shots - mean.astype(np.float16)) / deviation.astype(np.float16))
    first, second = nn.Linear(v.shape[-1], _HIDDEN), nn.Linear(_HIDDEN, _DIM)
    net = nn.Sequential(nn.Dropout(0.3), first, nn.ReLU(), nn.Dropout(0.1), second)
    logit_scale = nn.Parameter(torch.tensor(2.5))
    size = min(256, len(v))
    unit = partial(nn.functional.normalize, dim=-1)

    def loss_of(_: int) -> torch.Tensor:
        rows = torch.randperm(len(v))[:size]
        assets = unit(unit(net(v[rows].float())).mean(dim=1))
        picture = torch.randint(s.shape[1], (size,))
        taken = unit(net(s[rows, picture].float()))
        single = unit(net(v[rows, torch.randint(v.shape[1], (size,))].float()))
        same = torch.from_numpy(same_geometry(signatures[rows][:, None], signatures[rows][None]))
        ignored = torch.where(same & ~torch.eye(size, dtype=torch.bool), -1e4, 0.0)
        target = torch.arange(size)
        loss = torch.tensor(0.0)
        for queries in (taken, single):
            logits = queries @ assets.T * logit_scale.exp() + ignored
            loss = loss + nn.functional.cross_entropy(logits, target)
            loss = loss + nn.functional.cross_entropy(logits.T, target)
        return loss

    steps, learnt = epochs * (len(v) // size), [*net.parameters(), logit_scale]
    minimise("projection", loss_of, learnt, steps, 1.5e-3, decay=0.02)
    tensors = {"mean": mean, "deviation": deviation}
    for number, layer in enumerate((first, second)):
        tensors[f"project.{number}.weight"] = layer.weight.detach().numpy()
        tensors[f"project.{number}.bias"] = layer.bias.detach().numpy()
    return tensors


def train(assets: Sequence[AssetPictures], out: Path, epochs: int, seed: int) -> None:
    """Learns all parts and writes them, the large ones in half precision."""
    rng = np.random.default_rng(seed)
    some = [assets[n].views[0] for n in rng.permutation(len(assets))[:256]]
    ranges = lite0.measure_ranges(lite0.imagenet_weights(), _batches(some, _view, 16))
    tensors = learn_foreground(assets, ranges, seed)
    session = lite0.session(lite0.build({**lite0.imagenet_weights(), **tensors}, ranges))

    def features(pictures: Sequence[bytes], decode: Callable[[bytes], Raster]) -> Any:
        rows = [
            session.run(["features"], {"pictures": batch})[0].astype(np.float16)
            for batch in _batches(pictures, decode)
        ]
        return np.concatenate(rows).reshape(len(assets), -1, lite0.DIM)

    views = features([view for asset in assets for view in asset.views], _view)
    shots = features([shot for asset in assets for shot, _ in asset.shots], _decode)
    signatures = np.stack([asset.signature for asset in assets])
    tensors |= learn_directions(views)
    tensors |= learn_projection(views, shots, signatures, epochs, seed)
    stored: dict[str, NDArray[Any]] = {
        name: value.astype(np.float16 if value.size > 100_000 else np.float32)
        for name, value in tensors.items()
    }
    stored["ranges"] = np.frombuffer(json.dumps(ranges).encode(), np.uint8)
    write_weights(stored, out)


def main() -> None:
    """Parses the arguments, renders and trains."""
    parser = argparse.ArgumentParser(description="Train the look embedder's own weights.")
    parser.add_argument("meshes", nargs="+", type=Path, help="folders of mesh files")
    parser.add_argument("--out", required=True, type=Path, help="the .safetensors file to write")
    parser.add_argument("--epochs", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=int, default=1, help="take every n-th file")
    given = parser.parse_args()
    began = time.perf_counter()
    try:
        check_weights_file(given.out)
    except ShapesimError as error:
        parser.exit(1, f"{error}\n")
    files = [path for root in given.meshes for path in find_assets(root).files[:: given.every]]
    assets = []
    tasks = [(given.seed + number, path, _SHOTS) for number, path in enumerate(files)]
    for task, result in map_isolated(take_pictures, tasks, lambda task: task[1]):
        if isinstance(result, AssetError):
            print(f"left out: {result}")
            continue
        assets.append(result)
        if len(assets) % 100 == 0:
            print(f"rendered {len(assets)} of {len(tasks)} ({task[1].name})", flush=True)
    if not assets:
        parser.exit(1, "none of the files could be rendered\n")
    assets.sort(key=lambda asset: asset.path)  # not the order of completion
    train(assets, given.out, given.epochs, given.seed)
    print(f"{len(assets)} assets, {time.perf_counter() - began:.0f} s: {given.out}")


if __name__ == "__main__":
    main()
