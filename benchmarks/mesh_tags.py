"""Tags of meshes: each pack is tagged by a tagger that was trained on all the others.

    python -m benchmarks.mesh_tags STORE LABELS.csv

Packs are left out in turn of which the networks have seen neither shape nor label: the header of
the weights says which. Macro F1 over the labels; beside it, the label of the nearest neighbour
among the other packs in either space. Copies of what is tagged (the same geometry) are left out of
what is learnt from.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.reporting import print_table
from shapesim.embedders import BothEmbedder, LookEmbedder, ShapeEmbedder
from shapesim.featuring import see
from shapesim.tagging import Features, fit, read_examples, score, targets
from voxel_models import weights_info

_LEAST = 4  # files of a label, below which nothing can be said of it


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("store", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--weights", default="resnet3d.no-kenney")
    parser.add_argument("--look", default="lite0.no-kenney")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table there, too")
    options = parser.parse_args()
    examples = {e.path: e for e in read_examples(options.labels, options.store).examples}
    look = LookEmbedder(options.look)
    seen = see(list(examples), embedder=BothEmbedder(ShapeEmbedder(options.weights), look))
    packs = np.array([str(path.relative_to(options.store).parent) for path in seen.paths])
    packs = np.array(["/".join(pack.split("/")[:2]) for pack in packs])
    given = [examples[path].labels[0] for path in seen.paths]
    of_label = {
        label: {pack for pack, other in zip(packs, given, strict=True) if other == label}
        for label in set(given)
    }
    counts = Counter(given)
    # A label of a single pack cannot be learnt from the others.
    kept = [
        n for n, label in enumerate(given) if counts[label] >= _LEAST and len(of_label[label]) > 1
    ]
    features, packs = seen.features[np.array(kept)], packs[kept]
    groups = seen.groups[kept]
    chosen = [examples[seen.paths[row]] for row in kept]
    labels = sorted({example.labels[0] for example in chosen})
    truth = targets(chosen, labels)
    vectors = dict(zip(("shape", "look"), features.both, strict=True))
    unseen = tuple(weights_info(options.weights)["excluded"])
    asked = [pack for pack in np.unique(packs) if f"{pack}/".startswith(unseen)]
    told = np.isin(packs, asked)
    guesses = {f"nearest neighbour by {space}": np.zeros_like(truth) for space in vectors}
    guesses |= {"tagger": np.zeros_like(truth)}
    for pack in asked:
        held = np.flatnonzero(packs == pack)
        rest = np.flatnonzero((packs != pack) & ~np.isin(groups, groups[held]))
        for space, unit in vectors.items():
            nearest = rest[(unit[held] @ unit[rest].T).argmax(axis=1)]
            guesses[f"nearest neighbour by {space}"][held] = truth[nearest]
        guesses["tagger"][held] = tagged(features, truth, rest, held)
    rows = []
    for name, table in guesses.items():
        result = score(table[told], truth[told], labels)
        # Of labels that none of the packs has, nothing can be said.
        macro = np.mean([f1 for _, count, _, _, f1 in result.per_label if count])
        rows.append((name, f"{result.accuracy:.3f}", f"{macro:.3f}"))
    title = (
        f"{told.sum()} assets of {len(asked)} packs, {len(truth)} of {len(np.unique(packs))} in all"
    )
    print_table(title, ("method", "accuracy", "macro F1"), rows, options.json)


def tagged(
    features: Features,
    truth: NDArray[np.float32],
    rest: NDArray[np.int64],
    held: NDArray[np.int64],
) -> NDArray[np.float32]:
    """(H, C) probabilities of what is held back."""
    names = [str(number) for number in range(truth.shape[1])]
    return fit(features[rest], truth[rest], names, {}).probabilities(features[held])


if __name__ == "__main__":
    main()
