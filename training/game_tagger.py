"""Trains the tagger that ships.

    python -m training.game_tagger STORE LABELS.csv --out game.tagger

Its heads know the features of the networks that ship, which have seen these very assets and most of
their labels: what is left out one by one looks easier to them than what is new. So how sure the
heads may be is learnt from an artist of whom other networks have seen nothing. Each of his packs is
tagged by heads that know all other packs, and these say how often what seems sure is right.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from shapesim.embedders import BothEmbedder, LookEmbedder, ShapeEmbedder
from shapesim.errors import ShapesimError
from shapesim.tagging.featuring import fingerprints, see
from shapesim.tagging.heads import temperature
from shapesim.tagging.taggers import (
    Examples,
    Features,
    cross_validate,
    fit,
    learnable,
    read_examples,
    score,
    targets,
)
from voxel_models import weights_info

SHAPE, LOOK = "resnet3d.no-kenney", "lite0.no-kenney"
"""Weights that have seen nothing of one artist."""

_LEAST = 4  # files of a label, below which nothing can be said of it


@dataclass(frozen=True, slots=True)
class Unseen:
    """Assets in packs, of some of which the networks have seen neither shapes nor labels.

    Attributes:
        features: of N items.
        truth: (N, C) 0 or 1; each item has one label, and each label occurs in two packs or more.
        labels: (C,) names.
        packs: (N,) names.
        groups: (N,) copies of one geometry have one number.
        asked: the packs that are new to the networks.
    """

    features: Features
    truth: NDArray[np.float32]
    labels: list[str]
    packs: NDArray[np.str_]
    groups: NDArray[np.int64]
    asked: list[str]

    @property
    def told(self) -> NDArray[np.bool_]:
        """(N,) which items are in one of the packs that are asked for."""
        return np.isin(self.packs, self.asked)

    def by_pack(self) -> list[NDArray[np.int64]]:
        """Rows of each pack that is asked for."""
        return [np.flatnonzero(self.packs == pack) for pack in self.asked]

    def rest(self, held: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of all that is in no pack of these rows, nor a copy of one of them."""
        others = ~np.isin(self.packs, self.packs[held]) & ~np.isin(self.groups, self.groups[held])
        return np.flatnonzero(others)

    def tagged(self, features: Features) -> NDArray[np.float32]:
        """(N, C) probabilities of what is asked for, each pack by heads that know all others."""
        names = [str(number) for number in range(len(self.labels))]
        given = np.zeros_like(self.truth)
        for held in self.by_pack():
            rest = self.rest(held)
            tagger = fit(features[rest], self.truth[rest], names, {})
            given[held] = tagger.probabilities(features[held])
        return given


def see_unseen(
    store: Path,
    labels: Path,
    shape: str = SHAPE,
    look: str = LOOK,
    progress: Progress | None = None,
) -> Unseen:
    """Features of a store's labelled assets by networks that have not seen all of them.

    Args:
        store: a folder of artists' folders of packs.
        labels: CSV of path and label.
        shape: weights, whose header names the folders that their training left out.
        look: weights that have left out the same.
        progress: to show a bar in.

    Raises:
        ShapesimError: the networks have seen all packs.
    """
    examples = {e.path: e for e in read_examples(labels, store).examples}
    bar = progress.add_task("unseen", total=None) if progress else None

    def shown(done: int, total: int) -> None:
        if progress and bar is not None:
            progress.update(bar, completed=done, total=total)

    embedder = BothEmbedder(ShapeEmbedder(shape), LookEmbedder(look))
    seen = see(list(examples), progress=shown, embedder=embedder)
    names = ["/".join(path.relative_to(store).parts[:-1][:2]) for path in seen.paths]
    given = [examples[path].labels[0] for path in seen.paths]
    counts = Counter(given)
    # A label of a single pack cannot be learnt from the others.
    spread = Counter(label for label, _ in {*zip(given, names, strict=True)})
    kept = np.array(
        [n for n, label in enumerate(given) if counts[label] >= _LEAST and spread[label] > 1],
        np.int64,
    )
    chosen = [replace(examples[seen.paths[row]], labels=(given[row],)) for row in kept]
    found = sorted({example.labels[0] for example in chosen})
    packs = np.array(names)[kept]
    left_out = tuple(weights_info(shape)["excluded"])
    asked = [str(pack) for pack in np.unique(packs) if f"{pack}/".startswith(left_out)]
    if not left_out or not asked:
        raise ShapesimError(f"{store}: {shape} has seen all of its packs")
    truth = targets(chosen, found)
    return Unseen(seen.features[kept], truth, found, packs, seen.groups[kept], asked)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("store", type=Path, help="a folder of artists' folders of packs")
    parser.add_argument("labels", type=Path, help="CSV of path and label")
    parser.add_argument("--out", type=Path, required=True, help="the .tagger file to write")
    given = parser.parse_args()
    if not given.out.resolve().parent.is_dir():
        parser.error(f"{given.out}: its folder is not there")
    try:
        with Progress() as progress:
            train(given.store, given.labels, given.out, progress)
    except (ShapesimError, OSError) as error:
        parser.exit(1, f"{error}\n")


def train(store: Path, labels: Path, out: Path, progress: Progress) -> None:
    """Fits, calibrates, prints how well, and writes."""
    found = read_examples(labels, store)
    of = {example.path: example for example in found.examples}
    bar = progress.add_task("embedding", total=len(of))
    seen = see(list(of), progress=lambda done, total: progress.update(bar, completed=done))
    for failure in seen.failures:
        progress.print(f"left out: {failure}")
    examples, _ = learnable([of[path] for path in seen.paths])
    seen = seen.of({example.path for example in examples})
    names = Examples(examples).labels
    truth = targets(examples, names)
    tagger = fit(seen.features, truth, names, fingerprints())
    known = score(cross_validate(seen.features, truth, seen.groups), truth, names)

    unseen = see_unseen(store, labels, progress=progress)
    told, rows = unseen.told, unseen.truth[unseen.told]
    heads, errors = {}, {}
    for space, head in tagger.heads.items():
        features = unseen.features if space == "both" else Features(unseen.features.look)
        raw = unseen.tagged(features)
        heads[space] = head.at_temperature(temperature(raw[told], rows))
        tables = raw, scaled_by_others(unseen, raw)
        errors[space] = [score(table[told], rows, unseen.labels) for table in tables]
    info = {
        "files": len(examples),
        "folds": 10,
        "accuracy": round(known.accuracy, 4),
        "unseen": {space: round(before.accuracy, 4) for space, (before, _) in errors.items()},
    }
    replace(tagger, heads=heads, info=info).save(out)
    right = f"{known.accuracy:.3f} right in 10-fold cross-validation by networks that know them"
    progress.print(f"{len(examples)} files, {len(names)} labels: {right}")
    for space, (before, after) in errors.items():
        right = f"{before.accuracy:.3f} of {len(rows)} files of {len(unseen.asked)} unseen packs"
        progress.print(
            f"by {space}: {right} right; calibration error {before.error:.3f},"
            f" {after.error:.3f} when scaled by other packs"
        )
    progress.print(f"wrote {out}")


def scaled_by_others(unseen: Unseen, given: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, C) probabilities, made as sure as those of the other half of the packs are right."""
    scaled = np.zeros_like(given)
    halves = [np.isin(unseen.packs, unseen.asked[start::2]) for start in (0, 1)]
    for half, other in (halves, halves[::-1]):
        powers = given[half] ** (1 / temperature(given[other], unseen.truth[other]))
        scaled[half] = powers / powers.sum(axis=1, keepdims=True)
    return scaled


if __name__ == "__main__":
    main()
