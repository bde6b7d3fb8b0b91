"""Trains what finds objects in a picture.

    python -m training.object_finder MESHES... --out lite0.mine.safetensors

Scenes are composed of the meshes, so that every box is known. Some are large and crowded, and seen
part by part as well, as the finder sees large pictures; over some lies what games draw. Learnt are
a small head that finds boxes in the planes of an ImageNet network, and a projection from what these
planes hold below a box to the space in which assets are compared by look. Takes three hours on two
cores.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from shapesim.embedders import LookEmbedder, lite0
from shapesim.embedders.base import check_weights_file, write_weights
from shapesim.errors import AssetError, ShapesimError
from shapesim.meshes import find_assets
from shapesim.objects.boxes import CELL
from shapesim.objects.finder import SIDE, closer, roi_pooled
from shapesim.reading import read_assets
from training.detection import LEAST_SEEN, Head, Targets, loss_of, targets_of
from training.minimising import minimise
from training.scenes import composed
from training.shots import shots_of, to_side

_BATCH = 16
_RATE = 2e-3
_PROJECTION_EPOCHS = 8  # with 20, assets that were not learnt are found less often
_INPUTS = ("stage0", "stage2", "stage4")


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is learnt from N shots of scenes (see ``shots_of``).

    Attributes:
        planes: of each of the head's inputs, (N, C, H, W) float16.
        targets: of each shot.
        features: (M, F) float16, of all objects of all shots, as the shot shows them and as closer
            looks do; none where these were left out.
        assets: (M,) which asset each object is, as a row of the names.
        names: of the assets' files.
    """

    planes: list[NDArray[np.float16]]
    targets: list[Targets]
    features: NDArray[np.float16]
    assets: NDArray[np.int64]
    names: list[str]


def lesson_of(
    scenes: Sequence[Path], ranges: lite0.Ranges, seed: int, closely: bool = True
) -> Lesson:
    """Sees scenes through the network.

    Args:
        scenes: NPZ files of ``write_scenes``, beside their pictures.
        ranges: of the network's tensors.
        seed: of how they are cut and blurred.
        closely: whether to see each object from nearer, too, which only the projection learns from.
    """
    rng = np.random.default_rng(seed)
    session = lite0.session(lite0.build_planes(lite0.imagenet_weights(), ranges))
    cells = SIDE // CELL
    planes: list[list[NDArray[np.float16]]] = [[] for _ in _INPUTS]
    inputs = [lite0.STAGES.index(name) for name in _INPUTS]
    targets, features, names = [], [], []
    for number, path in enumerate(scenes):
        stored = np.load(path)
        whole = np.asarray(Image.open(path.with_suffix(".png")))
        for shot, shot_boxes, visible in shots_of(whole, stored["boxes"], stored["visible"], rng):
            picture, boxes = to_side(shot, shot_boxes)
            seen = [plane[0] for plane in session.run(None, {"pictures": picture[None]})]
            for kept, which in zip(planes, inputs, strict=True):
                height, width = seen[which].shape[1:]
                room = (0, width - height), (0, 0)
                kept.append(np.pad(seen[which].astype(np.float16), ((0, 0), *room)))
            targets.append(targets_of(boxes, visible, cells))
            targets[-1].ignored[picture.shape[0] // CELL :] = True
            good = (visible >= LEAST_SEEN) & (boxes[:, 2:].min(axis=1) >= 16)
            if not closely or not good.any():
                continue
            corners = np.hstack([boxes[good, :2], boxes[good, :2] + boxes[good, 2:]])
            # Boxes that people draw, or the head finds, are not exact.
            sides = np.tile(boxes[good, 2:], 2)
            corners = corners + rng.normal(0, 0.04, corners.shape) * sides
            shares = (corners / np.tile(picture.shape[1::-1], 2)).clip(0, 1)
            features.append(roi_pooled(seen, shares).astype(np.float16))
            parts, places = closer(shot, shares * np.tile(shot.shape[1::-1], 2))
            for part, place in zip(parts, places, strict=True):
                near = [plane[0] for plane in session.run(None, {"pictures": part[None]})]
                features.append(roi_pooled(near, place[None]).astype(np.float16))
            shown = stored["names"][good]
            names += [*shown.tolist(), *shown.repeat(len(parts) // len(shown)).tolist()]
        if number % 500 == 0:
            print(f"seen: {number} of {len(scenes)} scenes", flush=True)
    known = sorted(set(names))
    rows = {name: row for row, name in enumerate(known)}
    assets = np.array([rows[name] for name in names], np.int64)
    none = [np.zeros((0, lite0.DIM), np.float16)]
    stacked = [np.stack(planes.pop(0)) for _ in _INPUTS]  # some GB, and not twice as many
    return Lesson(stacked, targets, np.concatenate(features or none), assets, known)


def learn_head(
    lesson: Lesson, epochs: int, seed: int, start: dict[str, NDArray[Any]] | None = None
) -> Head:
    """Trains what finds boxes; ``start`` holds tensors to go on from."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    head = Head()
    if start:
        head.load_tensors(start)
    if not epochs:
        return head.eval()
    count = len(lesson.targets)
    order = np.zeros(0, np.int64)
    boxes = torch.from_numpy(np.stack([target.boxes for target in lesson.targets]))
    here = torch.from_numpy(np.stack([target.here for target in lesson.targets]))
    ignored = torch.from_numpy(np.stack([target.ignored for target in lesson.targets]))

    def step_loss(step: int) -> Tensor:
        nonlocal order
        if step % (count // _BATCH) == 0:
            order = rng.permutation(count)
        at = step % (count // _BATCH) * _BATCH
        rows = np.sort(order[at : at + _BATCH])
        planes = [torch.from_numpy(plane[rows]).float() for plane in lesson.planes]
        of = torch.from_numpy(rows)
        return loss_of(head(planes), boxes[of], here[of], ignored[of])

    steps = epochs * (count // _BATCH)
    minimise("head", step_loss, head.parameters(), steps, _RATE, max_norm=5.0)
    return head.eval()


@dataclass(frozen=True, slots=True)
class Looks:
    """How assets look, each in a row of its own.

    Attributes:
        vectors: (A, D) unit rows.
        views: (A, V, I) unit rows of single views.
    """

    vectors: NDArray[np.float32]
    views: NDArray[np.float32]


def looks_of(names: Sequence[str], embedder: LookEmbedder) -> Looks:
    """Embeds files."""
    vectors = np.zeros((len(names), embedder.dim), np.float32)
    views: list[NDArray[np.float32]] = [np.zeros((0, 0), np.float32)] * len(names)
    rows = {Path(name): row for row, name in enumerate(names)}
    for path, read in read_assets(list(rows), embedder):
        if isinstance(read, AssetError):
            raise read
        embedded = embedder.embed_parts([read.prepared])[0]
        vectors[rows[path]] = embedded.vectors[0]
        views[rows[path]] = (embedded.views or [])[0].astype(np.float32)
    return Looks(vectors, np.stack(views))


class Projection(nn.Module):
    """From what lies below a box to queries in the look space; starts as the look embedder's own.

    Args:
        embedder: whose weights it starts from.
    """

    def __init__(self, embedder: LookEmbedder) -> None:
        super().__init__()
        learnt = {name: torch.from_numpy(value) for name, value in embedder.learnt.items()}
        self.mean = nn.Parameter(learnt["mean"], requires_grad=False)
        self.deviation = nn.Parameter(learnt["deviation"], requires_grad=False)
        self.first, self.second = nn.Linear(lite0.DIM, 768), nn.Linear(768, 256)
        self.typical = nn.Parameter(learnt["kind.mean"], requires_grad=False)
        self.kind = nn.Linear(
            learnt["kind.weight"].shape[1], len(learnt["kind.weight"]), bias=False
        )
        with torch.no_grad():
            for layer, number in ((self.first, 0), (self.second, 1)):
                layer.weight.copy_(learnt[f"project.{number}.weight"])
                layer.bias.copy_(learnt[f"project.{number}.bias"])
            self.kind.weight.copy_(learnt["kind.weight"])

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(B, F) to unit rows: (B, K) what kind it is, (B, I) which one."""
        known = functional.dropout((features - self.mean) / self.deviation, 0.1, self.training)
        hidden = functional.dropout(self.first(known).relu(), 0.1, self.training)
        kind = self.kind(features[:, lite0.LAST].clamp(min=0).sqrt() - self.typical)
        return functional.normalize(kind, dim=1), functional.normalize(self.second(hidden), dim=1)

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Weights as the look embedder names its own, the large ones as float16."""
        made: dict[str, NDArray[Any]] = {
            "mean": self.mean.numpy(),
            "deviation": self.deviation.numpy(),
            "kind.mean": self.typical.numpy(),
            "kind.weight": self.kind.weight.detach().numpy().astype(np.float16),
        }
        for number, layer in enumerate((self.first, self.second)):
            made[f"project.{number}.weight"] = layer.weight.detach().numpy().astype(np.float16)
            made[f"project.{number}.bias"] = layer.bias.detach().numpy()
        return made


def learn_projection(
    lesson: Lesson, looks: Looks, embedder: LookEmbedder, epochs: int, seed: int
) -> Projection:
    """Trains by which an object's own asset is nearest to it of all assets."""
    torch.manual_seed(seed)
    net = Projection(embedder)
    # An object asks by all of an asset's vector but what names tell, which comes first.
    asked = torch.from_numpy(looks.vectors[:, len(embedder.learnt["named.1.bias"]) :])
    views = torch.from_numpy(looks.views)
    assets = torch.from_numpy(lesson.assets)
    logit_scale = nn.Parameter(torch.tensor(3.0))
    trained = [value for value in net.parameters() if value.requires_grad]
    size = min(256, len(assets))
    weights, order = embedder.query_weights, torch.zeros(0, dtype=torch.int64)

    def step_loss(step: int) -> Tensor:
        nonlocal order
        if step % (len(assets) // size) == 0:
            order = torch.randperm(len(assets))
        at = step % (len(assets) // size) * size
        rows = order[at : at + size]
        features = torch.from_numpy(lesson.features[rows.numpy()]).float()
        kind, which = net(features)
        whole = torch.cat([kind * weights[0], which * weights[1]], 1) @ asked.T
        nearest = torch.einsum("bi,avi->bav", which, views).amax(2)
        return functional.cross_entropy((whole + nearest) / 2 * logit_scale.exp(), assets[rows])

    steps = epochs * (len(assets) // size)
    minimise("projection", step_loss, [*trained, logit_scale], steps, 4e-4, decay=0.02)
    return net.eval()


def main() -> None:
    """Parses the arguments and trains."""
    parser = argparse.ArgumentParser(description="Train what finds objects in a picture.")
    parser.add_argument("meshes", nargs="+", type=Path, help="folders of mesh files")
    parser.add_argument("--out", required=True, type=Path, help="the .safetensors file to write")
    parser.add_argument("--scenes", type=int, default=4000, help="to learn from")
    parser.add_argument("--crowded", type=int, default=500, help="and large and crowded ones")
    parser.add_argument(
        "--composed", type=Path, help="a folder of scenes; what it lacks is composed"
    )
    parser.add_argument("--epochs", type=int, default=10, help="of the head; 0 leaves it")
    parser.add_argument("--start-from", type=Path, help="weights to go on from")
    parser.add_argument("--head-only", action="store_true", help="leave the projection as it is")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    began = time.perf_counter()
    files = [path for root in given.meshes for path in find_assets(root).files]
    try:
        check_weights_file(given.out)
        with tempfile.TemporaryDirectory() as made:
            folder = given.composed or Path(made)
            folder.mkdir(parents=True, exist_ok=True)
            scenes = [
                path
                for crowded, count in ((False, given.scenes), (True, given.crowded))
                for path in composed(files, folder, count, given.seed, crowded)
            ]
            train(scenes, given.out, given.epochs, given.seed, given.start_from, given.head_only)
    except (ShapesimError, OSError) as error:
        parser.exit(1, f"{error}\n")
    print(f"{len(scenes)} scenes, {time.perf_counter() - began:.0f} s: {given.out}")


def train(
    scenes: Sequence[Path],
    out: Path,
    epochs: int,
    seed: int,
    start: Path | None = None,
    head_only: bool = False,
) -> None:
    """Learns head and projection, or the former alone, and writes them.

    Args:
        scenes: NPZ files of ``write_scenes``, beside their pictures.
        out: the file to write.
        epochs: of the head; 0 leaves it.
        seed: of everything random.
        start: weights to go on from, which what is not trained is taken from.
        head_only: whether to leave the projection.

    Raises:
        ShapesimError: there are too few scenes, or nothing to take what is not trained from.
    """
    from safetensors.numpy import load_file

    if not start and (head_only or not epochs):
        raise ShapesimError("what is not trained has to come with --start-from")
    if len(scenes) < _BATCH:
        raise ShapesimError(f"too few scenes to learn from: {len(scenes)}, at least {_BATCH}")
    start_from = load_file(start) if start else {}
    if head_only and not any(name.startswith("project.") for name in start_from):
        raise ShapesimError(f"{start}: has no projection that could be left as it is")
    embedder = LookEmbedder()
    lesson = lesson_of(scenes, embedder.ranges, seed, closely=not head_only)
    tensors = learn_head(lesson, epochs, seed, start_from).tensors()
    tensors["ranges"] = np.frombuffer(json.dumps(embedder.ranges).encode(), np.uint8)
    if head_only:
        write_weights(start_from | tensors, out)
        return
    write_weights(tensors, out)  # in case that what follows is interrupted
    lesson.planes.clear()  # some GB
    looks = looks_of(lesson.names, embedder)
    tensors |= learn_projection(lesson, looks, embedder, _PROJECTION_EPOCHS, seed).tensors()
    write_weights(tensors, out)


if __name__ == "__main__":
    main()
