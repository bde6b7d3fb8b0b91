"""Trains the ImageNet network itself, not only a head on it, to tell labels apart."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from shapesim.embedders import lite0
from shapesim.rendering.augmentation import augment
from shapesim.tagging.heads import Head, calibrated, fit_head
from shapesim.tagging.taggers import Tagger, deal

if TYPE_CHECKING:
    import torch

    from shapesim.embedders.lite0_torch import Trunk

_VIEWS = 6  # of an item, that are looked at, at most
_VARIANTS = 12  # of each picture
_SEED = 0
_EPOCHS = 8
_BATCH = 32
_RATE = 4e-5
_HEAD_RATE = 2e-4
_SMOOTHED = 0.1  # share of a label that is spread over all
_CELLS = (40, lite0.SIZE // 8, lite0.SIZE // 8)


class Shown:
    """What the frozen part of the network sees of pictures and of variants of them.

    It stays the same while the rest is trained, over and over for cross-validation, so it is
    calculated once, and kept in a temporary file: it may be more than fits into memory.

    Args:
        seed: of the variants.
    """

    def __init__(self, seed: int = 0) -> None:
        from shapesim.embedders.lite0_torch import Trunk

        self.start = lite0.imagenet_weights()
        self._net = Trunk(self.start)
        self._rng = np.random.default_rng(seed)
        self._file = tempfile.TemporaryFile(prefix="shapesim-")  # noqa: SIM115
        self._rows: dict[Path, list[int]] = {}
        self._count = 0

    def __enter__(self) -> Shown:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, path: Path, views: NDArray[np.uint8]) -> None:
        """(P, 224, 224, 3) pictures of one item."""
        from shapesim.embedders.lite0_torch import half

        rows = self._rows.setdefault(path, [])
        for view in views[:: -(-len(views) // _VIEWS)]:
            variants = [augment(view, self._rng, lite0.SIZE) for _ in range(_VARIANTS)]
            with half():
                seen = self._net.planes(np.stack([view, *variants]))
            self._file.write(seen.float().numpy().astype(np.float16).tobytes())
            rows.append(self._count)
            self._count += 1

    def planes(self, rows: NDArray[np.int64], variants: NDArray[np.int64]) -> torch.Tensor:
        """(N, 40, 28, 28) of so many pictures; variant 0 is the picture itself."""
        import torch

        self._file.flush()
        kept = np.memmap(self._file, np.float16, "r", shape=(self._count, 1 + _VARIANTS, *_CELLS))
        stacked = np.stack([kept[row, way] for row, way in zip(rows, variants, strict=True)])
        return torch.from_numpy(stacked).float().contiguous(memory_format=torch.channels_last)

    def rows(self, paths: list[Path]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(R,) numbers of all pictures of N items, and (R,) the item of each."""
        of = [self._rows[path] for path in paths]
        items = np.repeat(np.arange(len(paths)), [len(rows) for rows in of])
        return np.concatenate([np.zeros(0, np.int64), *map(np.array, of)]).astype(np.int64), items

    def features(self, net: Trunk, paths: list[Path]) -> NDArray[np.float32]:
        """(N, ``lite0.DIM``) of items, each the mean of its pictures'."""
        import torch

        rows, items = self.rows(paths)
        summed = np.zeros((len(paths), lite0.DIM), np.float32)
        with torch.no_grad():
            for start in range(0, len(rows), _BATCH):
                part = rows[start : start + _BATCH]
                found = net(self.planes(part, np.zeros_like(part))).numpy()
                np.add.at(summed, items[start : start + _BATCH], found)
        counts = np.bincount(items, minlength=len(paths)).astype(np.float32)
        return np.asarray(summed / counts[:, None], np.float32)


def fine_tune(
    shown: Shown, paths: list[Path], truth: NDArray[np.float32], exclusive: bool
) -> tuple[Trunk, Head]:
    """Starts with the best head on the network as it is, then trains both.

    A. Kumar et al., "Fine-Tuning can Distort Pretrained Features and Underperform Out-of-
    Distribution", ICLR 2022.

    Args:
        shown: pictures.
        paths: (N,) the items to learn from.
        truth: (N, C) 0 or 1.
        exclusive: whether each item has just one label.
    """
    import torch
    import torch.nn.functional as F

    from shapesim.embedders.lite0_torch import Trunk, half

    torch.manual_seed(_SEED)
    rng = np.random.default_rng(_SEED)
    net = Trunk(shown.start)
    first = fit_head(shown.features(net, paths), lite0.BLOCKS, truth, exclusive)
    # In inputs of about equal size, as the optimiser likes them.
    spread = np.sqrt(np.repeat(lite0.BLOCKS, lite0.BLOCKS) * len(lite0.BLOCKS)).astype(np.float32)
    mean, deviation = torch.from_numpy(first.mean), torch.from_numpy(first.deviation / spread)
    weights = torch.from_numpy(first.weights * first.scale / spread[:, None]).requires_grad_()
    bias = torch.from_numpy(first.bias).requires_grad_()
    trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        [{"params": trained, "lr": _RATE}, {"params": [weights, bias], "lr": _HEAD_RATE}],
        weight_decay=1e-4,
    )
    rows, items = shown.rows(paths)
    aims = torch.from_numpy(truth[items])
    steps = _EPOCHS * max(1, len(rows) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [_RATE, _HEAD_RATE], total_steps=steps, pct_start=0.15
    )
    for _ in range(steps):
        chosen = rng.permutation(len(rows))[:_BATCH]
        planes = shown.planes(rows[chosen], rng.integers(1, 1 + _VARIANTS, len(chosen)))
        with half():
            features = net(planes)
        roots = features / (features.abs() + 1e-6).sqrt()  # as the head takes them
        scores = (roots - mean) / deviation @ weights + bias
        loss = (
            F.cross_entropy(scores, aims[chosen], label_smoothing=_SMOOTHED)
            if exclusive
            else F.binary_cross_entropy_with_logits(scores, aims[chosen])
        )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    head = Head(
        first.mean, first.deviation / spread, weights.detach().numpy(),
        np.ones(truth.shape[1], np.float32), bias.detach().numpy(),
    )  # fmt: skip
    return net, head


def fit_finetuned(
    shown: Shown,
    paths: list[Path],
    truth: NDArray[np.float32],
    labels: list[str],
    groups: NDArray[np.int64],
    folds: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Tagger, NDArray[np.float32]]:
    """A tagger with a network of its own, and how taggers of the other folds tag each item.

    The latter, which no tagger has learnt from, tell how sure the former may be.

    Args:
        shown: pictures.
        paths: (N,) items.
        truth: (N, C) 0 or 1.
        labels: (C,) names.
        groups: (N,) copies of one thing have one number and stay together.
        folds: into which the items are divided, each label evenly.
        progress: called with the trainings done, and their total.

    Returns:
        The tagger, and (N, C) probabilities.
    """
    exclusive = bool((truth.sum(axis=1) == 1).all())
    fold = deal(truth, groups, folds)
    given = np.zeros_like(truth)
    for number in range(folds):
        progress(number, folds + 1)
        held, rest = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        if len(held):
            net, head = fine_tune(shown, [paths[row] for row in rest], truth[rest], exclusive)
            features = shown.features(net, [paths[row] for row in held])
            given[held] = head.probabilities(features, exclusive)
    progress(folds, folds + 1)
    net, head = fine_tune(shown, paths, truth, exclusive)
    progress(folds + 1, folds + 1)
    head = calibrated(head, given, truth, exclusive)
    return Tagger(labels, {"look": head}, {}, exclusive, trunk=net.state()), given
