"""Tags of a gallery's assets, by the vectors that it has of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shapesim.errors import AssetError, TaggerError
from shapesim.gallery import Gallery
from shapesim.tagging.featuring import see
from shapesim.tagging.taggers import DEFAULT, Features, Tagger
from shapesim.types import Embeddings


def known_probabilities(
    gallery: Gallery, tagger: Tagger, among: Collection[int] | None = None
) -> dict[int, NDArray[np.float32]]:
    """(C,) of each asset of which the gallery has all that the tagger knows meshes by.

    All are 0 where it is like nothing that the tagger was taught.

    Args:
        gallery: whose assets they are.
        tagger: what is asked.
        among: ids of those that are asked for; None for all.
    """
    if tagger.trunk or "both" not in tagger.heads:
        return {}
    found: list[tuple[NDArray[np.int64], Embeddings]] = [
        gallery.catalogue.vectors(space, tagger.fingerprints[space]) for space in ("shape", "look")
    ]
    shared = np.intersect1d(found[0][0], found[1][0])
    if among is not None:
        shared = np.intersect1d(shared, list(among))
    if not len(shared):
        return {}
    both = []
    for ids, vectors in found:
        order = np.argsort(ids)
        both.append(vectors[order[np.searchsorted(ids[order], shared)]])
    # What meshes look like counts by its vector: the features themselves are not kept.
    features = Features(np.zeros((len(shared), 0), np.float32), tuple(both))
    return dict(zip(shared.tolist(), _unless_novel(tagger, features), strict=True))


def _unless_novel(tagger: Tagger, features: Features) -> NDArray[np.float32]:
    """(N, C) probabilities, 0 of all labels for what is like nothing that the tagger was taught."""
    given: NDArray[np.float32] = tagger.probabilities(features) * tagger.knows(features)[:, None]
    return given


def set_tags(
    gallery: Gallery, tagger: Tagger, rows: Mapping[int, NDArray[np.float32]], least: float
) -> list[tuple[int, str, float]]:
    """Gives assets the labels that are likely.

    Args:
        gallery: whose assets they are.
        tagger: that tells the labels' names.
        rows: (C,) probabilities by the assets' ids; the tags of others stay.
        least: probability of a label, from which it is a tag.

    Returns:
        The assets' ids with their tags and the probability of each.
    """
    given = [
        (id, label, float(p))
        for id, row in rows.items()
        for label, p in zip(tagger.labels, row.tolist(), strict=True)
        if 0 < p >= least
    ]
    gallery.catalogue.set_tags(rows, given)
    return given


def tag_all(
    gallery: Gallery,
    tagger: Tagger,
    file: Path | None,
    least: float,
    show: Callable[[int, int], None],
) -> tuple[list[tuple[int, str, float]] | None, list[AssetError]]:
    """Tags all assets of a gallery, which remembers how: what comes later is tagged alike.

    Args:
        gallery: whose assets they are; it has vectors of most, and files are read for the others.
        tagger: what is asked.
        file: it comes from; None for the one that ships.
        least: probability of a label, from which it is a tag.
        show: called with how many files are read, and of how many.

    Returns:
        As of ``set_tags``, and files that cannot be read; None, and all tags stay, where there is
        nothing to go by.
    """
    rows = known_probabilities(gallery, tagger)
    axes = {asset.path: asset.up for id, asset in gallery.assets.items() if id not in rows}
    read: dict[Path, NDArray[np.float32]] = {}
    failures: list[AssetError] = []
    if axes:
        seen = see(list(axes), axes, show, tagger.trunk)
        failures = seen.failures
        if seen.paths:
            read = dict(zip(seen.paths, _unless_novel(tagger, seen.features), strict=True))
    if not rows and not read:
        return None, failures
    with gallery.writing():
        gallery.refresh()  # others may have written meanwhile
        assets = gallery.assets
        rows = {id: row for id, row in rows.items() if id in assets}
        rows |= {id: read[asset.path] for id, asset in assets.items() if asset.path in read}
        given = set_tags(gallery, tagger, rows, least)
        gallery.catalogue.remember_tagger(str(file.resolve()) if file else None, least)
    return given, failures


def tag_as_before(gallery: Gallery) -> list[str]:
    """Tags assets that have come by the tagger that the gallery was tagged by, if it was.

    Args:
        gallery: is locked for other writers.

    Returns:
        What is odd, a line each.
    """
    catalogue = gallery.catalogue
    before = catalogue.tagged_by()
    new = catalogue.meshes_since(before.newest) if before else []
    if not before or not new:
        return []
    by = f" --tagger {before.tagger}" if before.tagger else ""
    reason = f"run 'shapesim tags apply{by}'"
    rows: dict[int, NDArray[np.float32]] = {}
    try:
        tagger = Tagger.load(Path(before.tagger) if before.tagger else DEFAULT)
        rows = known_probabilities(gallery, tagger, new)
        set_tags(gallery, tagger, rows, before.least)
        # What the gallery has not all of that the tagger goes by is told of once.
        catalogue.remember_tagger(before.tagger, before.least)
    except TaggerError as error:  # it may be back the next time
        reason = str(error)
    # What has only moved keeps its tags.
    left = set(new) - rows.keys() - catalogue.tags().keys()
    if not left:
        return []
    return [f"{len(left)} new asset{'s' * (len(left) > 1)} without tags yet; {reason}"]
