"""Taggers: labels with probabilities for pictures and meshes, from heads on the embeddings."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

from shapesim.embedders import lite0
from shapesim.errors import ShapesimError, TaggerError
from shapesim.labels import read_rows
from shapesim.meshes import find_originals
from shapesim.meshes.packs import is_there
from shapesim.pictures.images import PICTURE_SUFFIXES
from shapesim.tagging.heads import Head, fit_head
from shapesim.tagging.novelty import NoveltyDetector
from shapesim.types import Embeddings
from shapesim.writing import replaced

DEFAULT = Path(__file__).parent / "weights" / "game.tagger"
"""The tagger for game assets that ships."""

_FORMAT = "shapesim tagger 1"
_TRUNK = "trunk"
_NOVELTY = "novelty"


@dataclass(frozen=True, slots=True)
class Example:
    """A file to learn from; several labels where it is several things."""

    path: Path
    labels: tuple[str, ...]


@dataclass(slots=True)
class Examples:
    """What there is to learn from, and what could not be taken, a line each."""

    examples: list[Example] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def labels(self) -> list[str]:
        """All labels, sorted."""
        return sorted({label for example in self.examples for label in example.labels})


def find_examples(folder: Path) -> Examples:
    """Meshes, or else pictures, of every folder in a folder, which are named as the labels.

    Packs and links are followed; pictures beside meshes are their textures.
    """
    found = Examples()
    for inner in sorted(folder.iterdir()):
        if inner.is_dir() and not inner.name.startswith("."):
            originals = find_originals(inner)
            if not originals.files:
                found.warnings.append(f"{inner}: holds no picture and no mesh; left out")
            found.examples += [Example(path, (inner.name,)) for path in originals.files]
            found.warnings += originals.notes
    if not found.examples:
        raise ShapesimError(f"{folder}: no pictures or meshes in folders named as labels")
    kinds: dict[bool, set[str]] = {True: set(), False: set()}
    for example in found.examples:
        kinds[example.path.suffix.lower() in PICTURE_SUFFIXES].update(example.labels)
    pictures, meshes = kinds[True] - kinds[False], kinds[False] - kinds[True]
    if pictures and meshes:
        found.warnings.append(
            f"{min(pictures)} has pictures only and {min(meshes)} meshes only; they may be told"
            " apart by that alone"
        )
    return found


def read_examples(table: Path, folder: Path) -> Examples:
    """Files that a CSV names by the columns path and label; several rows for several labels.

    Labels may also stand in one cell, with semicolons between them.

    Args:
        table: the CSV file.
        folder: that its paths start from.
    """
    labels: dict[Path, list[str]] = {}
    for name, cell in read_rows(table):
        labels.setdefault(Path(name), []).extend(part.strip() for part in cell.split(";"))
    found = Examples()
    missing = {name for name in labels if (folder / name).is_dir() or not is_there(folder / name)}
    for path, given in labels.items():
        unique = tuple(sorted({label for label in given if label}))
        if unique and path not in missing:
            found.examples.append(Example(folder / path, unique))
    if missing:
        found.warnings.append(
            f"{table}: {len(missing)} of {len(labels)} files are not below {folder},"
            f" such as {min(missing)}; left out"
        )
    if not found.examples:
        example = f", such as {folder / min(missing)}" if missing else ""
        raise ShapesimError(f"{table}: none of its files with a label is below {folder}{example}")
    return found


@dataclass(frozen=True, slots=True)
class Features:
    """What heads see of items.

    Attributes:
        look: (N, ``lite0.DIM``).
        both: (N, D) embeddings by shape, and by look; none where any of the items is a picture.
    """

    look: NDArray[np.float32]
    both: tuple[Embeddings, ...] = ()

    def __getitem__(self, rows: NDArray[Any]) -> Features:
        return Features(self.look[rows], tuple(part[rows] for part in self.both))


@dataclass(frozen=True, slots=True)
class Tagger:
    """Heads by space, and the labels that they give.

    Attributes:
        labels: (C,) names.
        heads: "look" and, where it was trained on meshes, "both".
        fingerprints: of the embedders whose features the heads know, by space.
        exclusive: whether every item has just one label.
        info: what it was trained on, and how well it did.
        novelty: by the meshes that it was trained on; None where it was pictures, or is unknown.
        trunk: weights of the tagger's own network, which was trained with its head; None where its
            heads know the features of the embedders.
    """

    labels: list[str]
    heads: dict[str, Head]
    fingerprints: dict[str, str]
    exclusive: bool
    info: dict[str, Any] = field(default_factory=dict)
    novelty: NoveltyDetector | None = None
    trunk: lite0.State | None = None

    def probabilities(self, features: Features) -> NDArray[np.float32]:
        """(N, C); rows sum to 1 where labels exclude each other."""
        if features.both and "both" in self.heads:
            return self.heads["both"].probabilities(np.hstack(features.both), self.exclusive)
        return self.heads["look"].probabilities(features.look, self.exclusive)

    def knows(self, features: Features) -> NDArray[np.bool_]:
        """(N,) whether each is like something that the tagger was taught, as far as it can tell."""
        if self.novelty is None or not features.both:
            return np.ones(len(features.look), np.bool_)
        return self.novelty.is_known(features.both)

    def save(self, out: Path) -> None:
        """Writes the tagger, all or nothing.

        Raises:
            ShapesimError: it cannot be written there.
        """
        from safetensors.numpy import save

        tensors = {
            f"{space}.{name}": tensor.astype(np.float16 if tensor.ndim > 1 else np.float32)
            for space, head in self.heads.items()
            for name, tensor in head.tensors().items()
        }
        if self.novelty:
            tensors[_NOVELTY] = self.novelty.examples.astype(np.float16)
        tensors |= {f"{_TRUNK}.{name}": tensor for name, tensor in (self.trunk or {}).items()}
        meta = {
            "format": _FORMAT,
            "labels": json.dumps(self.labels),
            "fingerprints": json.dumps(self.fingerprints),
            "exclusive": json.dumps(self.exclusive),
            "info": json.dumps(self.info),
            "least": json.dumps(self.novelty.least if self.novelty else None),
        }
        with replaced(out) as temporary:
            temporary.write_bytes(save(tensors, meta))

    @classmethod
    def load(cls, path: Path) -> Tagger:
        """Reads a tagger.

        Raises:
            TaggerError: there is none, or it is damaged.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="numpy") as file:
                meta = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            reason = "there is no such tagger" if not path.exists() else "is no tagger, or damaged"
            raise TaggerError(f"{path}: {reason}; make one by 'shapesim tags train'") from error
        if meta.get("format") != _FORMAT:
            raise TaggerError(f"{path}: is no tagger; make one by 'shapesim tags train'")
        own = f"{_TRUNK}."
        trunk = {n.removeprefix(own): tensors.pop(n) for n in list(tensors) if n.startswith(own)}
        rows = tensors.pop(_NOVELTY, None)
        spaces = {name.partition(".")[0] for name in tensors}
        try:
            heads = {
                space: Head.from_tensors(
                    {
                        n.partition(".")[2]: t
                        for n, t in tensors.items()
                        if n.startswith(f"{space}.")
                    }
                )
                for space in spaces
            }
            labels = json.loads(meta["labels"])
            if "look" not in heads or not all(head.gives(len(labels)) for head in heads.values()):
                raise ValueError("its heads give other labels")
            novelty = None
            if rows is not None:
                novelty = NoveltyDetector(rows.astype(np.float32), float(json.loads(meta["least"])))
                if not novelty.fits(len(heads["both"].mean)):
                    raise ValueError("its examples are of other features")
            return cls(
                labels,
                heads,
                json.loads(meta["fingerprints"]),
                json.loads(meta["exclusive"]),
                json.loads(meta["info"]),
                novelty,
                trunk or None,
            )
        except (KeyError, TypeError, ValueError) as error:
            reason = "is damaged; make it anew by 'shapesim tags train'"
            raise TaggerError(f"{path}: {reason}") from error


def doubtful_labels(examples: Sequence[Example], groups: NDArray[np.int64]) -> list[str]:
    """What is odd about labels, a line each.

    Args:
        examples: that are learnt from.
        groups: (N,) copies of one thing have one number.
    """
    doubts = []
    names: dict[str, str] = {}
    for label in Examples(list(examples)).labels:
        like = names.setdefault(normalize("NFC", label).casefold(), label)
        if like != label:
            doubts.append(f"{like} and {label} are two labels; rename one if they are the same")
    several = [example for example in examples if len(example.labels) > 1]
    if several:
        doubts.append(
            f"{len(several)} of {len(examples)} files have several labels, such as"
            f" {several[0].path}; so each label is told by itself"
        )
    first: dict[int, Example] = {}
    unlike = [
        (other, example)
        for example, group in zip(examples, groups.tolist(), strict=True)
        if (other := first.setdefault(group, example)).labels != example.labels
    ]
    if unlike:
        other, example = unlike[0]
        doubts.append(
            f"{len(unlike)} copies have other labels, such as {other.path}"
            f" ({', '.join(other.labels)}) and {example.path} ({', '.join(example.labels)})"
        )
    return doubts


def targets(examples: Sequence[Example], labels: Sequence[str]) -> NDArray[np.float32]:
    """(N, C) which labels each example has: 0 or 1."""
    column = {label: number for number, label in enumerate(labels)}
    table = np.zeros((len(examples), len(labels)), np.float32)
    for row, example in enumerate(examples):
        table[row, [column[label] for label in example.labels]] = 1
    return table


def learnable(examples: Sequence[Example]) -> tuple[list[Example], list[str]]:
    """Leaves out labels with a single file, of which nothing can be learnt, and names them.

    Raises:
        ShapesimError: fewer than two labels are left.
    """
    counts = Counter(label for example in examples for label in example.labels)
    single = sorted(label for label, count in counts.items() if count < 2)
    if len(counts) - len(single) < 2:
        raise ShapesimError(
            "a tagger needs two labels or more, each with two files or more; found "
            + ", ".join(f"{label} ({count})" for label, count in counts.most_common(10))
        )
    kept = [
        replace(example, labels=tuple(label for label in example.labels if counts[label] > 1))
        for example in examples
    ]
    return [example for example in kept if example.labels], single


def fit(
    features: Features, truth: NDArray[np.float32], labels: list[str], fingerprints: dict[str, str]
) -> Tagger:
    """Fits the heads.

    Args:
        features: of N items.
        truth: (N, C) 0 or 1.
        labels: (C,) names.
        fingerprints: of the embedders, by space.
    """
    exclusive = bool((truth.sum(axis=1) == 1).all())
    heads = {"look": fit_head(features.look, lite0.BLOCKS, truth, exclusive)}
    if features.both:
        # Embeddings know what kinds have in common across artists; shape counts as much as look.
        blocks = [part.shape[1] for part in features.both]
        heads["both"] = fit_head(np.hstack(features.both), blocks, truth, exclusive)
    return Tagger(labels, heads, fingerprints, exclusive)


def cross_validate(
    features: Features, truth: NDArray[np.float32], groups: NDArray[np.int64], folds: int = 10
) -> NDArray[np.float32]:
    """(N, C) probabilities of every item by a tagger that has not seen it nor its group.

    Args:
        features: of N items.
        truth: (N, C) 0 or 1.
        groups: (N,) copies of one thing have one number and stay together.
        folds: into which the items are divided, each label evenly.

    Raises:
        ShapesimError: all are one group.
    """
    if (groups == groups[0]).all():
        raise ShapesimError("all examples are copies of one thing; a tagger needs different ones")
    fold = deal(truth, groups, folds)
    labels = [str(number) for number in range(truth.shape[1])]
    given = np.zeros_like(truth)
    for number in range(folds):
        held = np.flatnonzero(fold == number)
        if not len(held):
            continue
        rest = np.flatnonzero(fold != number)
        given[held] = fit(features[rest], truth[rest], labels, {}).probabilities(features[held])
    return given


def deal(truth: NDArray[np.float32], groups: NDArray[np.int64], folds: int) -> NDArray[np.int64]:
    """(N,) fold of each item of (N, C) labels: groups of a label are dealt out in random order."""
    rng = np.random.default_rng(0)
    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    label = truth[first].argmax(axis=1)
    order = np.lexsort([rng.random(len(first)), label])
    dealt = np.empty(len(first), np.int64)
    dealt[order] = np.arange(len(first)) % folds
    folded: NDArray[np.int64] = dealt[group]
    return folded


@dataclass(frozen=True, slots=True)
class Scores:
    """How well probabilities agree with the truth.

    Attributes:
        accuracy: share of items whose likeliest label is one of theirs.
        macro_f1: mean over labels.
        error: expected calibration error of the likeliest label's probability, in 10 bins.
        per_label: label, number of items, precision, recall and F1; of items that have several
            labels, given is the likeliest one and what is likelier than not.
        confusion: (C, C) counts: rows are the true labels, columns the likeliest ones.
    """

    accuracy: float
    macro_f1: float
    error: float
    per_label: list[tuple[str, int, float, float, float]]
    confusion: NDArray[np.int64]


def score(
    probabilities: NDArray[np.float32], truth: NDArray[np.float32], labels: Sequence[str]
) -> Scores:
    """Compares (N, C) probabilities with the (N, C) truth."""
    best = probabilities.argmax(axis=1)
    right = truth[np.arange(len(truth)), best] > 0
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    for row, guess in enumerate(best.tolist()):
        # An item of several labels counts for the one that was found.
        actual = guess if right[row] else int(truth[row].argmax())
        confusion[actual, guess] += 1
    given = np.zeros(truth.shape, bool)
    given[np.arange(len(truth)), best] = True
    if (truth.sum(axis=1) > 1).any():
        given |= probabilities > 0.5
    hits = (given & (truth > 0)).sum(axis=0)
    recalls = hits / np.maximum((truth > 0).sum(axis=0), 1)
    precisions = hits / np.maximum(given.sum(axis=0), 1)
    f1 = 2 * precisions * recalls / np.maximum(precisions + recalls, 1e-12)
    counts = truth.sum(axis=0).astype(int)
    sure = probabilities.max(axis=1)
    bins = np.minimum((sure * 10).astype(int), 9)
    error = sum(
        abs(right[bins == b].mean() - sure[bins == b].mean()) * (bins == b).mean()
        for b in np.unique(bins)
    )
    rows = [
        (label, int(counts[n]), float(precisions[n]), float(recalls[n]), float(f1[n]))
        for n, label in enumerate(labels)
    ]
    return Scores(float(right.mean()), float(f1.mean()), float(error), rows, confusion)
