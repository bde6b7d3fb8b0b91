"""Tags of meshes: each pack is tagged by a tagger that was trained on all the others.

    python -m benchmarks.mesh_tags STORE LABELS.csv

Packs are left out in turn of which the networks have seen neither shape nor label: the header of
the weights says which. Macro F1 over the labels, and expected calibration error; beside it, the
label of the nearest neighbour among the other packs in either space. Copies of what is tagged (the
same geometry) are left out of what is learnt from.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from benchmarks.reporting import print_table
from shapesim.tagging.taggers import score
from training.game_tagger import LOOK, SHAPE, scaled_by_others, see_unseen


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("store", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--weights", default=SHAPE)
    parser.add_argument("--look", default=LOOK)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table there, too")
    options = parser.parse_args()
    unseen = see_unseen(options.store, options.labels, options.weights, options.look)
    told = unseen.told
    guesses = {}
    for space, unit in zip(("shape", "look"), unseen.features.both, strict=True):
        table = guesses[f"nearest neighbour by {space}"] = np.zeros_like(unseen.truth)
        for held in unseen.by_pack():
            rest = unseen.rest(held)
            table[held] = unseen.truth[rest[(unit[held] @ unit[rest].T).argmax(axis=1)]]
    given = unseen.tagged(unseen.features)
    guesses["tagger"] = given
    guesses["tagger, as sure as on other packs"] = scaled_by_others(unseen, given)
    rows = []
    for name, table in guesses.items():
        result = score(table[told], unseen.truth[told], unseen.labels)
        # Of labels that none of the packs has, nothing can be said.
        macro = np.mean([f1 for _, count, _, _, f1 in result.per_label if count])
        rows.append((name, f"{result.accuracy:.3f}", f"{macro:.3f}", f"{result.error:.3f}"))
    title = (
        f"{told.sum()} assets of {len(unseen.asked)} packs, {len(told)} of"
        f" {len(np.unique(unseen.packs))} in all"
    )
    columns = ("method", "accuracy", "macro F1", "calibration error")
    print_table(title, columns, rows, options.json)


if __name__ == "__main__":
    main()
