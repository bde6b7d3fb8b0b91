"""Trains what stands behind the ImageNet network of the copy embedder.

    python -m shapesim.copy_training MESHES... --out lite0.mine.safetensors

Learnt from pictures rendered of the meshes and from what ``shapesim.manipulation`` makes of them: a
projection by which copies come back to their originals and nothing else does, other views of one
asset included (after E. Pizzi et al., "A Self-Supervised Descriptor for Image Copy Detection", CVPR
2022), and how sure one can be of an answer. Takes half an hour on two cores for 2,600
meshes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shapesim.augmentation import background
from shapesim.embedders import CopyEmbedder, LookEmbedder, lite0
from shapesim.embedders.look import CAMERAS
from shapesim.errors import AssetError, ShapesimError
from shapesim.gallery import Gallery
from shapesim.indexing import index_stores
from shapesim.manipulation import manipulate
from shapesim.meshes import find_assets, load_mesh
from shapesim.meshes.finding import find_pictures
from shapesim.rendering import on_background, render
from shapesim.tracing import Tracer
from shapesim.types import Image as Picture
from shapesim.verification import NOTHING
from shapesim.workers import map_isolated

_VIEWS = CAMERAS[::3] + CAMERAS[1:2]
_SIZE = 256
_COPIES = 6  # of each original
_GROUNDS = 400  # pictures that originals are pasted on
_DIM, _HIDDEN = 256, 1024
_BATCH = 512
_SPREAD = 0.1  # weight of what keeps originals apart
_UNRELATED = 512
_HELD_OUT = 10  # every so manieth asset is asked for, to know how sure one can be


@dataclass(frozen=True, slots=True)
class _Copies:
    """A picture file, whose copies to make, and what they may be pasted on."""

    path: Path
    seed: int
    grounds: tuple[Path, ...]


def write_originals(task: tuple[Path, Path, int]) -> None:
    """Renders one asset into a folder, before something or nothing; runs in a worker."""
    path, folder, number = task
    rng = np.random.default_rng(number)
    views = render(load_mesh(path), list(_VIEWS), _SIZE)
    for view, picture in enumerate(views):
        shown = Image.fromarray(on_background(picture))
        if rng.random() < 0.3:
            shown = Image.fromarray(background(_SIZE, rng))
            shown.paste(Image.fromarray(picture), mask=Image.fromarray(picture[..., 3]))
        shown.save(folder / f"{number:06}-{view}.png", compress_level=1)


def make_copies(task: _Copies) -> Picture:
    """(1 + C, 224, 224, 3) an original and copies of it; runs in a worker."""
    rng = np.random.default_rng(task.seed)
    picture = _opened(task.path)
    few = [task.grounds[int(row)] for row in rng.integers(0, len(task.grounds), 4)]
    grounds = [_opened(path) for path in few]
    copies = [
        manipulate(picture, grounds, rng, int(rng.choice([1, 2, 3], p=[0.3, 0.3, 0.4])))
        for _ in range(_COPIES)
    ]
    return np.stack([_squared(one) for one in (picture, *copies)])


def _opened(path: Path) -> Image.Image:
    return Image.open(path).convert("RGB")


def _squared(picture: Image.Image) -> Picture:
    size = lite0.SIZE, lite0.SIZE
    return np.asarray(picture.resize(size, Image.Resampling.BICUBIC).convert("RGB"))


def features_of(originals: Sequence[Path], ranges: lite0.Ranges, seed: int) -> NDArray[np.float16]:
    """(N, 1 + C, F) features of originals and of their copies."""
    rng = np.random.default_rng(seed)
    grounds = tuple(originals[int(row)] for row in rng.integers(0, len(originals), _GROUNDS))
    tasks = [_Copies(path, seed + number, grounds) for number, path in enumerate(originals)]
    session = lite0.session(lite0.build(lite0.imagenet_weights(), ranges))
    rows: NDArray[np.float16] = np.zeros((len(tasks), 1 + _COPIES, lite0.DIM), np.float16)
    numbers = {task.path: number for number, task in enumerate(tasks)}
    for done, (task, result) in enumerate(map_isolated(make_copies, tasks, lambda t: t.path), 1):
        if isinstance(result, AssetError):
            raise result
        rows[numbers[task.path]] = session.run(["features"], {"pictures": result})[0]
        if done % 1000 == 0:
            print(f"features: {done} of {len(tasks)}", flush=True)
    return rows


def learn_projection(
    features: NDArray[np.float16], epochs: int, seed: int
) -> dict[str, NDArray[Any]]:
    """Two layers by which copies agree with their original, and with nothing else.

    Args:
        features: (N, 1 + C, F), views of one asset in rows that follow each other.
        epochs: over all originals.
        seed: of everything random.
    """
    import torch
    from torch import nn

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    mean = features[:, 0].astype(np.float32).mean(axis=0)
    deviation = features[:, 0].astype(np.float32).std(axis=0) + 1e-2
    x = torch.from_numpy((features - mean.astype(np.float16)) / deviation.astype(np.float16))
    first, second = nn.Linear(x.shape[-1], _HIDDEN), nn.Linear(_HIDDEN, _DIM)
    net = nn.Sequential(nn.Dropout(0.2), first, nn.ReLU(), nn.Dropout(0.1), second)
    warmth = nn.Parameter(torch.tensor(3.0))
    optimizer = torch.optim.AdamW([*net.parameters(), warmth], 1e-3, weight_decay=0.02)
    size = min(_BATCH, len(x))
    steps = epochs * max(1, len(x) // size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.5e-3, total_steps=steps)
    for step, rows in enumerate(_batches(len(x), size, steps, rng)):
        copy = torch.randint(1, x.shape[1], (size,))
        originals = nn.functional.normalize(net(x[rows, 0].float()), dim=1)
        copies = nn.functional.normalize(net(x[rows, copy].float()), dim=1)
        target, itself = torch.arange(size), torch.eye(size, dtype=torch.bool)
        to_originals = copies @ originals.T * warmth.exp()
        to_copies = (copies @ copies.T * warmth.exp()).masked_fill(itself, -1e4)
        loss = nn.functional.cross_entropy(torch.cat([to_originals, to_copies], 1), target)
        loss = loss + nn.functional.cross_entropy(to_originals.T, target)
        with torch.no_grad():
            near = (originals @ originals.T - 2 * torch.eye(size)).argmax(1)
        gaps = (originals - originals[near]).norm(dim=1)
        loss = loss - _SPREAD * torch.log(gaps + 1e-6).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            print(f"projection: step {step} of {steps}, loss {loss.item():.3f}", flush=True)
    net.eval()
    with torch.no_grad():
        some = torch.from_numpy(rng.permutation(len(x))[:_UNRELATED])
        unrelated = nn.functional.normalize(net(x[some, 0].float()), dim=1).numpy()
    tensors = {"mean": mean, "deviation": deviation, "unrelated": unrelated.astype(np.float16)}
    for number, layer in enumerate((first, second)):
        tensors[f"project.{number}.weight"] = layer.weight.detach().numpy().astype(np.float16)
        tensors[f"project.{number}.bias"] = layer.bias.detach().numpy()
    return tensors


def _batches(count: int, size: int, steps: int, rng: np.random.Generator) -> Iterator[Any]:
    """Rows, of which those of one asset mostly come together: its views have to be told apart."""
    views = len(_VIEWS)
    while True:
        groups = rng.permutation(-(-count // views))
        rows = (groups[:, None] * views + np.arange(views)).ravel()
        rows = rows[rows < count]
        for start in range(0, len(rows) - size + 1, size):
            if steps == 0:
                return
            steps -= 1
            yield rows[start : start + size]


def learn_confidence(
    tracer: Tracer, files: Sequence[Path], known: int, seed: int
) -> NDArray[np.float32]:
    """(E,) weights of the measures of evidence.

    A logistic regression over all that was looked at, scaled so that the likeliest answers are as
    often right as they seem (J. Platt, "Probabilistic Outputs for Support Vector Machines", 1999).

    Args:
        tracer: of a gallery that holds the first files, and not the others.
        files: pictures to manipulate.
        known: how many of them the gallery holds.
        seed: of the manipulations.
    """
    rng = np.random.default_rng(seed)
    grounds = [_opened(files[int(row)]) for row in rng.integers(0, len(files), 32)]
    gathered: list[NDArray[np.float64]] = []
    right: list[NDArray[np.bool_]] = []
    for number, path in enumerate(files):
        picture = manipulate(_opened(path), grounds, rng, int(rng.choice([1, 1, 2, 3])))
        evidence = tracer.gather(np.asarray(picture.convert("RGB")))
        places = [tracer.place(one.row)[0].resolve() for one in evidence]
        gathered.append(np.stack([one.measures for one in evidence]))
        right.append(np.array([number < known and place == path.resolve() for place in places]))
        if number % 100 == 99:
            print(f"confidence: {number + 1} of {len(files)} pictures", flush=True)
    weights = _regressed(np.concatenate(gathered), np.concatenate(right), 1e-2)
    best = [int(np.argmax(measures @ weights)) for measures in gathered]
    scores = np.array([(m @ weights)[row] for m, row in zip(gathered, best, strict=True)])
    hits = np.array([one[row] for one, row in zip(right, best, strict=True)])
    shift, scale = _regressed(np.stack([np.ones(len(scores)), scores], axis=1), hits, 1e-4)
    weights = weights * scale
    weights[0] += shift
    return np.asarray(weights, dtype=np.float32)


def _regressed(
    measures: NDArray[np.float64], hits: NDArray[np.bool_], penalty: float
) -> NDArray[np.float64]:
    from scipy.optimize import minimize

    def loss(weights: NDArray[np.float64]) -> float:
        scores = measures @ weights
        return float(np.logaddexp(0, np.where(hits, -scores, scores)).mean()) + penalty / len(
            hits
        ) * float((weights[1:] ** 2).sum())

    found: NDArray[np.float64] = minimize(loss, np.zeros(measures.shape[1])).x
    return found


def train(files: Sequence[Path], folder: Path, out: Path, epochs: int, seed: int) -> None:
    """Learns all parts and writes them.

    Args:
        files: meshes.
        folder: for what is made on the way.
        out: the weights.
        epochs: over all originals.
        seed: of everything random.
    """
    from safetensors.numpy import save_file

    originals = folder / "originals"
    originals.mkdir()
    held_out = folder / "held-out"
    held_out.mkdir()
    tasks = [
        (path, originals if number % _HELD_OUT else held_out, number)
        for number, path in enumerate(files)
    ]
    for task, result in map_isolated(write_originals, tasks, lambda task: task[0]):
        if isinstance(result, AssetError):
            print(f"left out: {task[0]}: {result.reason}", flush=True)
    pictures = find_pictures(originals).files
    ranges: Any = LookEmbedder().ranges
    tensors = learn_projection(features_of(pictures, ranges, seed), epochs, seed)
    tensors["ranges"] = np.frombuffer(json.dumps(ranges).encode(), np.uint8)
    tensors["calibration"] = np.zeros(2 + len(NOTHING), np.float32)
    save_file(tensors, out)
    tensors["calibration"] = calibrate(originals, held_out, folder / "gallery", out, seed)
    save_file(tensors, out)


def calibrate(
    originals: Path, held_out: Path, folder: Path, weights: Path, seed: int
) -> NDArray[np.float32]:
    """(E,) weights of the confidence, by pictures of assets that were not trained on.

    Args:
        originals: pictures to index; half of those held out are moved there.
        held_out: pictures to ask for.
        folder: of the gallery.
        weights: of the embedder.
        seed: of the manipulations.
    """
    asked = find_pictures(held_out).files[:: len(_VIEWS) - 1]
    known = len(asked) // 2
    moved = [path.rename(originals / path.name) for path in asked[:known]]
    embedder = CopyEmbedder(weights)
    with Gallery(folder, create=True) as gallery:
        index_stores(gallery, [originals], embedder)
        tracer = Tracer(gallery, embedder)
        return learn_confidence(tracer, [*moved, *asked[known:]], known, seed)


def main() -> None:
    """Parses the arguments and trains."""
    parser = argparse.ArgumentParser(description="Train the copy embedder's own weights.")
    parser.add_argument("meshes", nargs="+", type=Path, help="folders of mesh files")
    parser.add_argument("--out", required=True, type=Path, help="the .safetensors file to write")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=int, default=1, help="take every n-th file")
    given = parser.parse_args()
    began = time.perf_counter()
    files = [path for root in given.meshes for path in find_assets(root).files[:: given.every]]
    if len(files) < _HELD_OUT:
        raise ShapesimError("too few meshes to train on")
    with tempfile.TemporaryDirectory() as folder:
        train(files, Path(folder), given.out, given.epochs, given.seed)
    print(f"{given.out}: {len(files)} meshes, {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
