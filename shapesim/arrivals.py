"""Which newly arrived assets would improve a game."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from shapesim.embedders import Embedder
from shapesim.errors import AssetError, GalleryBusyError, GalleryError, ShapesimError
from shapesim.gallery import Gallery
from shapesim.indexing import index_stores
from shapesim.meshes import find_assets
from shapesim.meshes.finding import FoundAssets
from shapesim.meshes.packs import object_of
from shapesim.swap import (
    Filters,
    FitOptions,
    Query,
    Replaced,
    least_to_outrank,
    rank_score,
    recommend,
)
from shapesim.traits import compare
from shapesim.types import Asset, Match, UpAxis
from shapesim.workers import map_isolated

_NEAR = 6  # matches that are looked at for each asset
_VARIANTS = 10  # of one geometry that are looked at
_LEAST_SCORE = 0.6
_LEAST_IOU = 0.3
_FEW = 4  # assets for which no worker processes are started


@dataclass(frozen=True, slots=True)
class News:
    """A newly arrived asset that would improve a game's.

    Attributes:
        match: the asset, fitted.
        reason: why, in words.
    """

    match: Match
    reason: str

    def to_json(self) -> dict[str, Any]:
        """One entry of ``arrivals --json``."""
        return self.match.to_json() | {"reason": self.reason}


@dataclass(frozen=True, slots=True)
class Game:
    """The assets that a game uses.

    Attributes:
        queries: by their paths below the folder as it was named, those that can be used.
        failures: those that cannot.
        notes: what else is odd, a line each.
    """

    queries: dict[Path, Query]
    failures: list[AssetError]
    notes: list[str]


def find_game(folder: Path) -> FoundAssets:
    """The assets of a game.

    Raises:
        ShapesimError: there is no such folder, or no mesh file in it.
    """
    if not folder.is_dir():
        raise ShapesimError(f"{folder}: no such folder; name the folder of the game's assets")
    found = find_assets(folder)
    if not found.files:
        raise ShapesimError(f"{folder}: holds no mesh file")
    return found


def read_game(
    folder: Path,
    embedder: Embedder,
    up: UpAxis | None = None,
    progress: Callable[[int, int, int], None] = lambda done, total, failed: None,
) -> Game:
    """Reads a game's assets.

    They are remembered in the user's cache: the next time, only what has changed is read.

    Args:
        folder: that holds them.
        embedder: makes their vectors.
        up: the up axis of all files; None for what each says.
        progress: called with the number of files read, to read, and failed.

    Raises:
        ShapesimError: there is no such folder, or no mesh file in it.
    """
    found = find_game(folder)
    notes = list(found.notes)
    digest = hashlib.sha256(os.fsencode(folder.resolve()) + f" {up}".encode()).hexdigest()[:16]
    cache = user_cache_path("shapesim", appauthor=False) / "games" / digest
    with TemporaryDirectory(ignore_cleanup_errors=True) as temporary:

        def indexed(place: Path) -> tuple[dict[Path, Query], list[AssetError]]:
            return _indexed(folder, embedder, up, place, progress)

        try:
            vectors, failed = indexed(cache)
        except GalleryBusyError:  # asked for twice at a time
            vectors, failed = indexed(Path(temporary))
        except GalleryError:  # made by other weights, damaged, or not to be written
            rmtree(cache, ignore_errors=True)
            try:
                vectors, failed = indexed(cache)
            except GalleryError as error:
                notes.append(f"the game is not remembered: {error}")
                vectors, failed = indexed(Path(temporary))
    root = folder.resolve()
    failures = [AssetError(folder / one.path.relative_to(root), one.reason) for one in failed]
    unusable = {one.path for one in failures}
    queries = {folder / path.relative_to(root): query for path, query in vectors.items()}
    # In the place of a level, what it holds.
    held: dict[Path, list[Path]] = {}
    for path in sorted(queries.keys() - unusable):
        held.setdefault(object_of(path)[0], []).append(path)
    usable = []
    for file in found.files:
        whole = held.get(file, [])
        usable += [path for path in whole if path != file] or whole
    return Game({path: queries[path] for path in usable}, failures, notes)


def _indexed(
    folder: Path,
    embedder: Embedder,
    up: UpAxis | None,
    place: Path,
    progress: Callable[[int, int, int], None],
) -> tuple[dict[Path, Query], list[AssetError]]:
    """A game's assets by their resolved paths, kept in a gallery of their own."""
    with Gallery(place, create=True) as opened:
        # What failed may have been the machine's fault: it is tried again.
        known = opened.catalogue.files().values()
        opened.catalogue.remove(state.id for state in known if state.reason)
        report = index_stores(opened, [folder], embedder, up, progress)
        ids, vectors = opened.vectors(embedder)
        assets = [opened.assets[id] for id in ids.tolist()]
    return {
        asset.path: Query(vector, asset.signature, asset.triangles)
        for asset, vector in zip(assets, vectors, strict=True)
    }, report.failures


def find_news(
    gallery: Gallery,
    embedder: Embedder,
    game: Mapping[Path, Query],
    is_new: Callable[[Asset], bool],
    filters: Filters,
    up: UpAxis | None = None,
) -> Iterator[tuple[Path, list[News] | AssetError]]:
    """For each asset of a game, in any order, the arrivals that would improve it, best first.

    One that improves it is alike and fits, has at least one gain, and is not outdone by what was
    there before: no older asset fits better and has the same gains.

    Args:
        gallery: that is searched.
        embedder: that made the queries' vectors.
        game: the assets that the game uses.
        is_new: whether an asset of the gallery counts as newly arrived.
        filters: what an arrival must be like, and what it is compared with.
        up: the up axis of all the game's files; None for what each file says.
    """
    queries = list(game.values())
    new, old = (
        recommend(gallery, embedder, queries, _NEAR, replace(filters, only=only))
        for only in (is_new, lambda asset: not is_new(asset))
    )
    ids, rows = gallery.vectors(embedder)
    vectors = {gallery.assets[id].path: row for id, row in zip(ids.tolist(), rows, strict=True)}
    tasks = []
    for (path, query), arrived, known in zip(game.items(), new, old, strict=True):
        alike = [one for one in _unfolded(arrived, query, vectors) if one.score >= _LEAST_SCORE]
        if alike:
            tasks.append(_Task(path, up, alike, _unfolded(known, query, vectors)))
        else:
            yield path, []
    if len(tasks) > _FEW:
        for task, found in map_isolated(_news, tasks, lambda task: task.path):
            yield task.path, found
        return
    for task in tasks:
        try:
            yield task.path, _news(task)
        except AssetError as error:
            yield task.path, error


@dataclass(frozen=True, slots=True)
class _Task:
    """An asset of a game, what has arrived that is alike, and what was there before."""

    path: Path
    up: UpAxis | None
    arrived: list[Match]
    before: list[Match]


def _news(task: _Task) -> list[News]:
    """Runs in a worker, where there are many."""
    return _improving(Replaced(task.path, task.up), task.arrived, task.before)


def _unfolded(
    matches: Sequence[Match], query: Query, vectors: Mapping[Path, NDArray[np.float32]]
) -> list[Match]:
    """Variants as matches of their own: of one shape, the one with fewer triangles may be news."""
    unfolded = []
    for match in matches:
        # Calculated alike for all: an arrival that is an older asset's copy is no better than that.
        each = [
            replace(
                match, asset=asset, variants=(), score=float(vectors[asset.path] @ query.vector)
            )
            for asset in (match.asset, *match.variants)
        ]
        unfolded += sorted(each, key=lambda one: -one.score)[: 1 + _VARIANTS]
    return unfolded


def _improving(replaced: Replaced, arrived: list[Match], before: list[Match]) -> list[News]:
    # A fit takes longest: only of what has a gain, and of rivals only those that could win.
    gaining = [match for match in arrived if _gains(replaced, match) != set()]
    fitted, _ = replaced.fitted(gaining, FitOptions())
    better = [
        match
        for match in fitted
        if match.swap and match.swap.gains and match.swap.fit.iou >= _LEAST_IOU
    ]
    if not better:
        return []
    least = min(map(least_to_outrank, better))
    needed = [_kinds(match.swap.gains) for match in better if match.swap]
    rivalling = [
        match
        for match in before
        if match.score >= least
        and ((known := _gains(replaced, match)) is None or any(kinds <= known for kinds in needed))
    ]
    older, _ = replaced.fitted(rivalling, FitOptions())
    news = []
    for match in sorted(better, key=rank_score, reverse=True):
        assert match.swap is not None
        gains = _kinds(match.swap.gains)
        rivals = [other for other in older if other.swap and gains <= _kinds(other.swap.gains)]
        rival = max(rivals, key=rank_score, default=None)
        if rival is None or rank_score(rival) < rank_score(match):
            news.append(News(match, _reason(match, rival)))
    return news


def _gains(replaced: Replaced, match: Match) -> set[str] | None:
    """Kinds of gains, as far as the gallery knows without reading the file; None if it does not."""
    if match.asset.traits is None:
        return None
    return _kinds(compare(replaced.traits, match.asset.traits)[0])


def _kinds(gains: Sequence[str]) -> set[str]:
    """Gains without their figures."""
    return {gain.partition(" (")[0] for gain in gains}


def _reason(match: Match, rival: Match | None) -> str:
    assert match.swap is not None
    words = f"fits {match.swap.fit.iou:.0%}, {'; '.join(match.swap.gains)}"
    if match.swap.losses:
        words += f"; but {'; '.join(match.swap.losses)}"
    if rival is not None:
        words += f"; better than {rival.asset.shown_as}, which was there before"
    return words
