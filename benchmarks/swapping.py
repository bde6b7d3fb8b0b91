"""How long a warm swap takes: an asset loaded, embedded, looked for and ten matches fitted.

    python -m benchmarks.swapping GALLERY [--asked 30] [--out FILE]

Assets of a gallery are asked for in one process, in which everything is loaded. The first few are
not counted.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.reporting import print_table
from shapesim.embedders import BothEmbedder
from shapesim.gallery import Gallery
from shapesim.geometry import signature
from shapesim.swap import Query, Replaced, recommend

_MATCHES = 10
_WARMING = 3
_STEPS = ("load", "embed", "search", f"fit {_MATCHES}", "all")


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("gallery", type=Path)
    parser.add_argument("--asked", type=int, default=30)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    embedder = BothEmbedder()
    with Gallery(options.gallery) as gallery:
        paths = [asset.path for asset in gallery.assets.values()]
        chosen = np.random.default_rng(0).permutation(len(paths))[: options.asked + _WARMING]
        times = [_swapped(gallery, embedder, paths[row]) for row in chosen][_WARMING:]
    rows = [
        (step, f"{median * 1e3:.0f}", f"{late * 1e3:.0f}")
        for step, median, late in zip(
            _STEPS, np.median(times, axis=0), np.percentile(times, 95, axis=0), strict=True
        )
    ]
    title = f"Warm swaps of {len(times)} assets among {len(paths):,}"
    print_table(title, ("step", "median ms", "95th percentile"), rows, options.out)


def _swapped(gallery: Gallery, embedder: BothEmbedder, path: Path) -> list[float]:
    """Seconds of each step, and of all of them."""
    ticks = [perf_counter()]
    replaced = Replaced(path)
    ticks.append(perf_counter())
    query = Query(
        embedder.embed([replaced.mesh])[0], signature(replaced.mesh), len(replaced.mesh.faces)
    )
    ticks.append(perf_counter())
    matches = recommend(gallery, embedder, [query], _MATCHES)[0]
    ticks.append(perf_counter())
    replaced.fitted(matches)
    ticks.append(perf_counter())
    return [*np.diff(ticks).tolist(), ticks[-1] - ticks[0]]


if __name__ == "__main__":
    main()
