"""Trains what stands behind the ImageNet network of the copy embedder.

    python -m training.copy_embedder MESHES... --out lite0.mine.safetensors

Learnt from pictures rendered of the meshes and from what ``training.manipulation`` makes of them: a
projection by which copies come back to their originals and nothing else does, other views of one
asset included (after E. Pizzi et al., "A Self-Supervised Descriptor for Image Copy Detection", CVPR
2022), and how sure one can be of an answer. Takes an hour on two cores for 2,600 meshes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shapesim.embedders import CopyEmbedder, LookEmbedder, lite0
from shapesim.embedders.base import check_weights_file, write_weights
from shapesim.embedders.look import CAMERAS
from shapesim.errors import AssetError, ShapesimError
from shapesim.gallery import Gallery
from shapesim.indexing import index_stores
from shapesim.meshes import find_assets, load_mesh
from shapesim.meshes.finding import find_pictures
from shapesim.rendering.augmentation import background
from shapesim.rendering.views import on_background, render
from shapesim.tracing import Tracer
from shapesim.tracing.verification import NOTHING
from shapesim.types import Material, Mesh, Raster
from shapesim.workers import map_isolated
from training.manipulation import manipulate
from training.painting import painted, shells

_VIEWS = CAMERAS[::3] + CAMERAS[1:2]
_SIZE = 256
_COPIES = 6  # of each original
_GROUNDS = 400  # pictures that originals are pasted on
_DIM, _HIDDEN = 256, 1024
_BATCH = 512
_SPREAD = 0.1  # weight of what keeps originals apart
_UNRELATED = 512
_PENALTY = 10.0  # for weights of the confidence: what few pictures tell is not trusted far
_PIECES = 0.02, 0.6  # share of the surface of what a sibling differs in
_CHANGED = 24, 0.01  # levels by which a pixel shows it, and share of the pixels that have to
_HELD_OUT = 10  # every so manieth asset is asked for, to know how sure one can be


@dataclass(frozen=True, slots=True)
class _Asset:
    """A mesh file to render, and where its pictures go; or those of a sibling made of it."""

    path: Path
    folder: Path
    number: int
    is_sibling: bool = False


@dataclass(frozen=True, slots=True)
class _Copies:
    """A picture file, whose copies to make, and what they may be pasted on."""

    path: Path
    seed: int
    grounds: tuple[Path, ...]


def write_originals(task: _Asset) -> None:
    """Renders one asset into a folder, before something or nothing; runs in a worker.

    Of siblings, only the views that show what they differ in.
    """
    mesh = painted(load_mesh(task.path), np.random.default_rng([task.number, 2]))
    views = itself = render(mesh, list(_VIEWS), _SIZE)
    if task.is_sibling:
        other = sibling(mesh, np.random.default_rng([task.number, 1]))
        views = render(other, list(_VIEWS), _SIZE)
    rng = np.random.default_rng(task.number)
    for view, picture in enumerate(views):
        shown = Image.fromarray(on_background(picture))
        if rng.random() < 0.3:
            shown = Image.fromarray(background(_SIZE, rng))
            shown.paste(Image.fromarray(picture), mask=Image.fromarray(picture[..., 3]))
        if task.is_sibling:
            pair = [on_background(picture), on_background(itself[view])]
            if (np.ptp(pair, axis=0).max(axis=2) > _CHANGED[0]).mean() < _CHANGED[1]:
                continue
        shown.save(task.folder / f"{task.number:06}-{view}.png", compress_level=1)


def sibling(mesh: Mesh, rng: np.random.Generator) -> Mesh:
    """What may stand beside a mesh in its kit: with a piece in another colour, or without it.

    Where it is all of one piece, it is longer in one direction.
    """
    areas = mesh.areas
    total = max(float(areas.sum()), 1e-12)
    pieces = [
        faces
        for numbers in (mesh.face_materials, shells(mesh))
        for faces in [numbers == number for number in np.unique(numbers)]
        if _PIECES[0] < areas[faces].sum() / total < _PIECES[1]
    ]
    if not pieces:
        longer = np.ones(3)
        longer[rng.integers(3)] = rng.uniform(1.15, 1.5)
        return replace(mesh, vertices=mesh.vertices * longer, normals=None)
    piece = pieces[int(rng.integers(len(pieces)))]
    if rng.random() < 0.5:
        kept = ~piece
        return replace(mesh, faces=mesh.faces[kept], face_materials=mesh.face_materials[kept])
    red, green, blue = rng.uniform(0, 1, 3).tolist()
    paint = Material(colour=(red, green, blue, 1.0))
    which = np.where(piece, len(mesh.materials), mesh.face_materials)
    return replace(mesh, materials=(*mesh.materials, paint), face_materials=which)


def make_copies(task: _Copies) -> Raster:
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


def _squared(picture: Image.Image) -> Raster:
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

    from training.minimising import minimise

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    mean = features[:, 0].astype(np.float32).mean(axis=0)
    deviation = features[:, 0].astype(np.float32).std(axis=0) + 1e-2
    x = torch.from_numpy((features - mean.astype(np.float16)) / deviation.astype(np.float16))
    first, second = nn.Linear(x.shape[-1], _HIDDEN), nn.Linear(_HIDDEN, _DIM)
    net = nn.Sequential(nn.Dropout(0.2), first, nn.ReLU(), nn.Dropout(0.1), second)
    logit_scale = nn.Parameter(torch.tensor(3.0))
    size = min(_BATCH, len(x))
    batches = _batches(len(x), size, rng)

    def loss_of(_: int) -> torch.Tensor:
        rows = next(batches)
        copy = torch.randint(1, x.shape[1], (size,))
        originals = nn.functional.normalize(net(x[rows, 0].float()), dim=1)
        copies = nn.functional.normalize(net(x[rows, copy].float()), dim=1)
        target, itself = torch.arange(size), torch.eye(size, dtype=torch.bool)
        to_originals = copies @ originals.T * logit_scale.exp()
        to_copies = (copies @ copies.T * logit_scale.exp()).masked_fill(itself, -1e4)
        loss = nn.functional.cross_entropy(torch.cat([to_originals, to_copies], 1), target)
        loss = loss + nn.functional.cross_entropy(to_originals.T, target)
        with torch.no_grad():
            near = (originals @ originals.T - 2 * torch.eye(size)).argmax(1)
        gaps = (originals - originals[near]).norm(dim=1)
        return loss - _SPREAD * torch.log(gaps + 1e-6).mean()

    steps, learnt = epochs * max(1, len(x) // size), [*net.parameters(), logit_scale]
    minimise("projection", loss_of, learnt, steps, 1.5e-3, decay=0.02)
    net.eval()
    with torch.no_grad():
        some = torch.from_numpy(rng.permutation(len(x))[:_UNRELATED])
        unrelated = nn.functional.normalize(net(x[some, 0].float()), dim=1).numpy()
    tensors = {"mean": mean, "deviation": deviation, "unrelated": unrelated.astype(np.float16)}
    for number, layer in enumerate((first, second)):
        tensors[f"project.{number}.weight"] = layer.weight.detach().numpy().astype(np.float16)
        tensors[f"project.{number}.bias"] = layer.bias.detach().numpy()
    return tensors


def _batches(count: int, size: int, rng: np.random.Generator) -> Iterator[Any]:
    """Rows, of which those of one asset mostly come together: its views have to be told apart."""
    views = len(_VIEWS)
    while True:
        groups = rng.permutation(-(-count // views))
        rows = (groups[:, None] * views + np.arange(views)).ravel()
        rows = rows[rows < count]
        for start in range(0, len(rows) - size + 1, size):
            yield rows[start : start + size]


def learn_confidence(
    tracer: Tracer, files: Sequence[Path], known: int, with_sibling: set[Path], seed: int
) -> NDArray[np.float32]:
    """(E,) weights of the measures of evidence.

    A logistic regression over all that was looked at, scaled so that the likeliest answers are as
    often right as they seem (J. Platt, "Probabilistic Outputs for Support Vector Machines", 1999):
    where no sibling was planted, for stores have fewer.

    Args:
        tracer: of a gallery that holds the first files, and not the others.
        files: pictures to manipulate.
        known: how many of them the gallery holds.
        with_sibling: those that were given one in the gallery.
        seed: of the manipulations.
    """
    rng = np.random.default_rng(seed)
    grounds = [_opened(files[int(row)]) for row in rng.integers(0, len(files), 32)]
    gathered: list[NDArray[np.float64]] = []
    right: list[NDArray[np.bool_]] = []
    for number, path in enumerate(files):
        picture = manipulate(_opened(path), grounds, rng, int(rng.choice([1, 1, 2, 3])))
        evidence = tracer.gather(np.asarray(picture.convert("RGB")))
        places = [one.near.source.path.resolve() for one in evidence]
        gathered.append(np.stack([one.measures for one in evidence]))
        right.append(np.array([number < known and place == path.resolve() for place in places]))
        if number % 100 == 99:
            print(f"confidence: {number + 1} of {len(files)} pictures", flush=True)
    weights = _regressed(np.concatenate(gathered), np.concatenate(right), _PENALTY)
    best = [int(np.argmax(measures @ weights)) for measures in gathered]
    scores = np.array([(m @ weights)[row] for m, row in zip(gathered, best, strict=True)])
    hits = np.array([one[row] for one, row in zip(right, best, strict=True)])
    usual = np.array([path not in with_sibling for path in files])
    answers = np.stack([np.ones(len(scores)), scores], axis=1)
    shift, scale = _regressed(answers[usual], hits[usual], 1e-4)
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


def train(
    files: Sequence[Path], folder: Path, out: Path, epochs: int, seed: int, earlier: Path | None
) -> None:
    """Learns all parts and writes them.

    Args:
        files: meshes.
        folder: for what is made on the way.
        out: the weights.
        epochs: over all originals.
        seed: of everything random.
        earlier: weights, of which only the confidence is learnt anew.
    """
    from safetensors.numpy import load_file

    originals, held_out, siblings = folders = [
        folder / name for name in ("originals", "held-out", "siblings")
    ]
    for made in folders:
        made.mkdir()
    tasks = [
        _Asset(path, originals if number % _HELD_OUT else held_out, number)
        for number, path in enumerate(files)
    ]
    tasks += [replace(one, folder=siblings, is_sibling=True) for one in tasks[::_HELD_OUT]]
    for task, result in map_isolated(write_originals, tasks, lambda task: task.path):
        if isinstance(result, AssetError):
            print(f"left out: {task.path}: {result.reason}", flush=True)
    if earlier:
        tensors = load_file(earlier)
    else:
        ranges: Any = LookEmbedder().ranges
        features = features_of(find_pictures(originals).files, ranges, seed)
        tensors = learn_projection(features, epochs, seed)
        tensors["ranges"] = np.frombuffer(json.dumps(ranges).encode(), np.uint8)
    tensors["calibration"] = np.zeros(2 + len(NOTHING), np.float32)
    write_weights(tensors, out)
    tensors["calibration"] = calibrate(folder, out, seed)
    write_weights(tensors, out)


def calibrate(folder: Path, weights: Path, seed: int) -> NDArray[np.float32]:
    """(E,) weights of the confidence, by pictures of assets that were not trained on.

    One of four is asked for. Half of those become originals; and of every other, in both halves,
    a sibling is among the originals if it can be told apart, as in stores full of kits.

    Args:
        folder: with the pictures, in ``originals``, ``held-out`` and ``siblings``.
        weights: of the embedder.
        seed: of the manipulations.
    """
    originals = folder / "originals"
    asked = find_pictures(folder / "held-out").files[:: len(_VIEWS) - 1]
    known = len(asked) // 2
    for path in asked[::2]:
        if (twin := folder / "siblings" / path.name).exists():
            twin.rename(originals / f"sibling-{path.name}")
    files = [path.rename(originals / path.name) for path in asked[:known]] + asked[known:]
    embedder = CopyEmbedder(weights)
    with Gallery(folder / "gallery", create=True) as gallery:
        index_stores(gallery, [originals], embedder)
        tracer = Tracer(gallery, embedder)
        return learn_confidence(tracer, files, known, set(files[::2]), seed)


def main() -> None:
    """Parses the arguments and trains."""
    parser = argparse.ArgumentParser(description="Train the copy embedder's own weights.")
    parser.add_argument("meshes", nargs="+", type=Path, help="folders of mesh files")
    parser.add_argument("--out", required=True, type=Path, help="the .safetensors file to write")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--earlier", type=Path, help="weights, to learn only their confidence anew")
    parser.add_argument("--every", type=int, default=1, help="take every n-th file")
    given = parser.parse_args()
    began = time.perf_counter()
    files = [path for root in given.meshes for path in find_assets(root).files[:: given.every]]
    try:
        check_weights_file(given.out)
        if len(files) < _HELD_OUT:
            raise ShapesimError("too few meshes to train on")
        with tempfile.TemporaryDirectory() as folder:
            train(files, Path(folder), given.out, given.epochs, given.seed, given.earlier)
    except (ShapesimError, OSError) as error:
        parser.exit(1, f"{error}\n")
    print(f"{given.out}: {len(files)} meshes, {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
