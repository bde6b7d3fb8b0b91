"""Brings a gallery up to date with its stores."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import current_thread, main_thread

from shapesim.embedders import Embedder
from shapesim.errors import (
    AssetError,
    EmbedderMismatchError,
    ShapesimError,
    UnreachableFileError,
)
from shapesim.gallery import Gallery
from shapesim.gallery.catalogue import Catalogue
from shapesim.gallery.records import FileRecord, FileState, VectorRecord
from shapesim.meshes.finding import is_text
from shapesim.meshes.packs import drop, inside, is_there, object_of, pack_of
from shapesim.reading import ReadAsset, digest_of, read_asset
from shapesim.surveying import Pending, Store, Survey, survey_stores
from shapesim.tagging.labelling import tag_as_before
from shapesim.types import Companions, UpAxis
from shapesim.workers import map_isolated

_BATCH = 64
_MOST = 0.9  # share of a store's files, from which a new folder is that store, moved
_COMPARED = 20  # of them, whose content is compared
_ARRIVING = timedelta(minutes=10)  # for which a file that changes has not arrived yet
_SECONDS = 10.0  # after which what was read is written, if there is no batch yet


@dataclass(slots=True)
class IndexReport:
    """What a run did.

    Attributes:
        added: new assets.
        updated: assets whose file or embedder has changed.
        unchanged: assets skipped.
        removed: files that are gone.
        failures: files that could not be used, new and known ones.
        warnings: what a file names but does not have, and what could not be read.
        repeats: paths that lead to a file already found.
        arrived: files that are new in the gallery, could be used for the first time, or have come
            a few minutes ago and changed since.
        total: assets and pictures in the gallery now.
        answers: what answers a search.
        seconds: by step; reading steps are summed over the worker processes.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    failures: list[AssetError] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    repeats: int = 0
    arrived: set[Path] = field(default_factory=set)
    total: int = 0
    answers: str = ""
    seconds: dict[str, float] = field(default_factory=dict)


def index_stores(
    gallery: Gallery,
    stores: Iterable[Path | str],
    embedder: Embedder,
    up: UpAxis | None = None,
    progress: Callable[[int, int, int], None] = lambda done, total, failed: None,
) -> IndexReport:
    """Adds what is new below the stores, redoes what changed, and forgets what is gone.

    Args:
        gallery: is locked for other writers meanwhile.
        stores: folders; none for all stores that the gallery knows.
        embedder: makes the vectors.
        up: the up axis of all files; None for what each file says.
        progress: called with the number of files read, to read, and failed.

    Raises:
        GalleryBusyError: another process is indexing.
        ShapesimError: a store is no folder, or there is none.
    """
    chosen = [Path(store) for store in stores]
    check_stores(chosen)
    missing: list[Path] = []
    if not chosen:
        known = list(gallery.catalogue.stores().values())
        chosen = [store for store in known if store.is_dir()]
        missing = [store for store in known if store not in chosen]
    if missing and not chosen:
        raise ShapesimError(
            f"{', '.join(map(str, missing))}: cannot be reached, so its assets stay; if it has"
            " moved, run 'shapesim index' for its new folder, else 'shapesim forget' for this one"
        )
    if not chosen:
        raise ShapesimError("no store to index; name a folder of mesh files")
    with gallery.writing():
        gallery.remember(embedder)
        report = _update(gallery, list(dict.fromkeys(chosen)), embedder, up, progress)
        report.warnings += [
            f"{store}: the folder is gone; its assets stay until 'shapesim forget {store}'"
            for store in missing
        ]
        report.warnings += tag_as_before(gallery)
        gallery.refresh()
        began = time.perf_counter()
        report.total = gallery.catalogue.count()
        try:
            report.answers = gallery.update_graph(embedder)
        except EmbedderMismatchError as error:  # by what another store is not embedded
            report.warnings.append(str(error))
        report.seconds["index"] = time.perf_counter() - began
    return report


def forget_stores(gallery: Gallery, stores: Iterable[Path | str]) -> int:
    """Takes stores out of the gallery; returns how many assets and pictures went with them.

    Args:
        gallery: is locked for other writers meanwhile.
        stores: folders, which may be gone.

    Raises:
        GalleryBusyError: another process is indexing.
        ShapesimError: one is no store of the gallery; then none is forgotten.
    """
    with gallery.writing():
        ids = {root: id for id, root in gallery.catalogue.stores().items()}
        roots = {}
        for store in map(Path, stores):
            # As it is named, first: what once was a store may be a link to another by now.
            given = Path(os.path.normpath(Path.cwd() / store))
            roots[store] = given if given in ids else gallery.catalogue.root_of(store)
        for store, root in roots.items():
            if root not in ids:
                known = ", ".join(map(str, ids)) or "none"
                raise ShapesimError(f"{store}: no store of this gallery; its stores are {known}")
        chosen = {ids[root] for root in roots.values()}
        held = [path for path, state in gallery.catalogue.files().items() if state.store in chosen]
        count = gallery.catalogue.remove_stores(chosen)
    for archive in {pack for path in held if (pack := pack_of(path))}:
        drop(archive)
    return count


def check_stores(stores: Sequence[Path]) -> None:
    """Whether every store is a folder that can be named.

    Raises:
        ShapesimError: one is not.
    """
    for store in stores:
        if store.is_file():
            raise ShapesimError(
                f"{store}: a file; name the folder that it lies in (zip packs are read as well)"
            )
        if not store.is_dir():
            raise ShapesimError(f"{store}: no such folder; name the folder of a store")
        if not is_text(store.resolve()):
            raise ShapesimError(f"{str(store)!a}: its path is no valid text; rename it")


def _update(
    gallery: Gallery,
    stores: Sequence[Path],
    embedder: Embedder,
    up: UpAxis | None,
    progress: Callable[[int, int, int], None],
) -> IndexReport:
    catalogue = gallery.catalogue
    told = _follow_moves(catalogue, stores)
    for root in stores:
        catalogue.add_store(root, up)
    axes = catalogue.up_axes()
    known = [Store(root, id, axes[id]) for id, root in catalogue.stores().items()]
    chosen = [catalogue.root_of(root) for root in stores]
    survey = survey_stores(chosen, known, catalogue.files(), embedder)
    catalogue.reassign(survey.reassigned)
    catalogue.set_unreachable(survey.unreachable)
    report = IndexReport(
        unchanged=survey.unchanged,
        failures=survey.failures,
        warnings=[*told, *survey.warnings],
        repeats=survey.repeats,
    )
    traced = catalogue.stores_of_meshes("copy")
    reading = _Reading(gallery, survey, report, progress)
    try:
        # What a kit that has to be read holds is known only then.
        kits = {path: object_of(path)[0] for path in survey.pending}
        held = [path for path, kit in kits.items() if path != kit and kit in kits]
        reading.read([path for path in kits if path not in set(held)])
        reading.read(_held_now(reading, held, catalogue.files()))
    finally:  # what was read is kept, also when the user has had enough
        reading.write()
        for id, listings in survey.listings.items():
            catalogue.set_listings(id, listings)
    report.removed = len(survey.removed)
    catalogue.remove(state.id for state in survey.removed.values())
    roots = catalogue.stores()
    report.warnings += [
        f"{roots[id]}: its meshes were read anew, and are not known to trace any more; run"
        f" 'shapesim index {roots[id]} --by copy'"
        for id in sorted(traced - catalogue.stores_of_meshes("copy"))
        if any(entry.store.id == id for entry in survey.pending.values())
    ]
    report.failures.sort(key=lambda failure: failure.path)
    return report


class _Reading:
    """Reads files, and writes what comes of them batch by batch.

    Args:
        gallery: to write to.
        survey: of what is to be read.
        report: of what was done.
        progress: as of ``index_stores``.

    Attributes:
        survey, report: as given.
        kits: of each file that was read anew, its digest and the names of the objects in it.
        known: objects of files that were there before, and were not taken apart then.
    """

    def __init__(
        self,
        gallery: Gallery,
        survey: Survey,
        report: IndexReport,
        progress: Callable[[int, int, int], None],
    ) -> None:
        self.survey, self.report = survey, report
        self.kits: dict[Path, tuple[str, tuple[str, ...]]] = {}
        self.known: set[Path] = set()
        self._gallery, self._progress = gallery, progress
        # A file that moved arrived when it first came, and keeps its tags.
        self._moved = {state.sha256: state for state in survey.removed.values()}
        self._batch: list[tuple[Pending, ReadAsset | AssetError]] = []
        self._done = 0

    def read(self, paths: Sequence[Path]) -> None:
        """Reads some of what is pending."""
        tasks = [self.survey.pending[path].task(path) for path in paths]
        total, written = self._done + len(tasks), time.monotonic()
        for task, result in map_isolated(read_asset, tasks, lambda task: task.path):
            entry = self.survey.pending[task.path]
            self._batch.append((entry, result))
            _count(self.report, entry, result)
            if isinstance(result, ReadAsset):
                if task.path not in self.known and _arrives(entry, result, self._moved):
                    self.report.arrived.add(task.path)
                if result.prepared is not None:
                    self.kits[task.path] = (result.sha256, result.objects)
            elif not isinstance(result, UnreachableFileError):
                self.kits[task.path] = ("", ())
            if len(self._batch) == _BATCH or time.monotonic() > written + _SECONDS:
                self.write()
                written = time.monotonic()
            self._done += 1
            self._progress(self._done, total, len(self.report.failures))

    def write(self) -> None:
        """Writes what was read since the last time."""
        _write(self._gallery, self._batch, self._moved, self.report)


def _held_now(
    reading: _Reading, held: Sequence[Path], known: Mapping[Path, FileState]
) -> list[Path]:
    """Objects of the kits that were read, to be read as well; those that are gone are removed.

    Args:
        reading: that read the kits.
        held: pending objects, that some kits held before.
        known: all that the gallery knew.
    """
    survey, now = reading.survey, datetime.now(UTC).isoformat(timespec="seconds")
    paths = []
    for path in held:
        kit, name = object_of(path)
        _, names = reading.kits.get(kit, ("", (name,)))
        if name in names:
            paths.append(path)
        elif before := survey.pending.pop(path).before:
            survey.removed[path] = before
    for kit, (digest, names) in reading.kits.items():
        entry = survey.pending[kit]
        is_as_before = entry.before is not None and entry.before.sha256 == digest
        listings = survey.listings.get(entry.store.id, {})
        new = [path for name in names if (path := inside(kit, name)) not in known]
        for path in new:
            name = f"{entry.name}!/{path.name}"
            first_seen = now if entry.before and not is_as_before else entry.first_seen
            survey.pending[path] = replace(entry, name=name, before=None, first_seen=first_seen)
            if entry.name in listings:
                listings[name] = replace(listings[entry.name], name=None)
        reading.known |= set(new) if is_as_before else set()
        if new:
            reading.report.warnings.append(
                f"{entry.name}: holds {len(names)} objects side by side; each is an asset, too"
            )
        paths += new
    return paths


def _follow_moves(catalogue: Catalogue, roots: Sequence[Path]) -> list[str]:
    """Gives stores that are gone the new roots at which all that they held is found.

    A store below one that moved goes along.

    Returns:
        A line for each.
    """
    stores = catalogue.stores()
    away = {id: root for id, root in stores.items() if not root.is_dir()}
    new = [root for root in map(catalogue.root_of, roots) if root not in stores.values()]
    if not (away and new):
        return []
    held: dict[int, dict[str, FileState]] = {id: {} for id in away}
    for path, state in catalogue.files().items():
        if state.store in away and state.reason is None:
            held[state.store][path.relative_to(away[state.store]).as_posix()] = state
    moves: dict[int, Path] = {}
    for root in new:
        for id in away.keys() - moves.keys():
            if held[id] and _holds(root, held[id]):
                moves[id] = root
                break
    for id, old in away.items():
        outer = next((one for one in moves if away[one] in old.parents), None)
        if id not in moves and outer is not None:
            place = moves[outer] / old.relative_to(away[outer])
            if place.is_dir() and place not in stores.values():
                moves[id] = place
    for id, root in moves.items():
        catalogue.move_store(id, root)
    return [f"{away[id]}: has moved to {root}" for id, root in moves.items()]


def _holds(root: Path, held: Mapping[str, FileState]) -> bool:
    """Whether a folder holds what a store held: nearly all files, and some compared in full."""
    names = [name for name in held if is_there(root / name)]
    if len(names) < _MOST * len(held):
        return False
    some = names[:: max(1, len(names) // _COMPARED)]
    try:
        return all(digest_of(root / one, held[one].companions) == held[one].sha256 for one in some)
    except (OSError, AssetError):
        return False


def _arrives(entry: Pending, asset: ReadAsset, moved: Mapping[str, FileState]) -> bool:
    before = entry.before
    if before is None or before.reason is not None:
        return asset.sha256 not in moved
    # What has just come and changed may have been read while half of it was there.
    age = datetime.now(UTC) - datetime.fromisoformat(before.first_seen)
    return asset.sha256 not in ("", before.sha256) and timedelta(0) <= age < _ARRIVING


def _count(report: IndexReport, entry: Pending, result: ReadAsset | AssetError) -> None:
    if isinstance(result, AssetError):
        report.failures.append(result)
    elif result.prepared is None:
        report.unchanged += 1
    elif entry.before is None or entry.before.reason is not None:
        report.added += 1
    else:
        report.updated += 1


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Has Ctrl-C wait: a library that was not loaded to its end can never be loaded again."""
    if current_thread() is not main_thread():  # which alone hears of it
        yield
        return
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before or signal.SIG_DFL)
        if heard:
            signal.raise_signal(signal.SIGINT)


@_uninterrupted()
def _write(
    gallery: Gallery,
    batch: list[tuple[Pending, ReadAsset | AssetError]],
    moved: Mapping[str, FileState],
    report: IndexReport,
) -> None:
    """Embeds a batch, writes it in one transaction, and empties it."""
    began = time.perf_counter()
    read = [result for _, result in batch if isinstance(result, ReadAsset)]
    vectors = _embedded(batch)
    embedded = time.perf_counter()
    records: list[tuple[FileRecord, list[VectorRecord]]] = []
    touched: list[tuple[int, int, int]] = []
    unreachable: list[int] = []
    for entry, result in batch:
        if isinstance(result, UnreachableFileError):
            unreachable += [entry.before.id] if entry.before else []
            continue
        if isinstance(result, AssetError):
            records.append((_record(entry, error=result), []))
        elif id(result) in vectors:
            records.append((_record(entry, result, moved), vectors[id(result)]))
            report.warnings += [f"{entry.name}: {warning}" for warning in result.warnings]
        elif entry.before:
            touched.append((entry.before.id, entry.size, entry.mtime))
    gallery.catalogue.write(records)
    batch.clear()  # at once: whoever is interrupted later writes nothing twice
    gallery.catalogue.touch(touched)
    gallery.catalogue.set_unreachable(unreachable)
    for step, seconds in {
        "load": sum(asset.seconds[0] for asset in read),
        "prepare": sum(asset.seconds[1] for asset in read),
        "embed": embedded - began,
        "write": time.perf_counter() - embedded,
    }.items():
        report.seconds[step] = report.seconds.get(step, 0.0) + seconds


def _embedded(
    batch: list[tuple[Pending, ReadAsset | AssetError]],
) -> dict[int, list[VectorRecord]]:
    """Vectors of what was read anew, by the id of the result."""
    changed: dict[Embedder, list[ReadAsset]] = {}
    for entry, result in batch:
        if isinstance(result, ReadAsset) and result.prepared is not None:
            changed.setdefault(entry.embedder, []).append(result)
    vectors: dict[int, list[VectorRecord]] = {}
    for embedder, assets in changed.items():
        parts = embedder.embed_parts([asset.prepared for asset in assets])
        for row, asset in enumerate(assets):
            vectors[id(asset)] = [
                VectorRecord(
                    part.space,
                    part.fingerprint,
                    made.vectors[row],
                    made.views[row] if made.views else None,
                )
                for (part, _), made in zip(embedder.parts, parts, strict=True)
            ]
    return vectors


def _record(
    entry: Pending,
    asset: ReadAsset | None = None,
    moved: Mapping[str, FileState] | None = None,
    error: AssetError | None = None,
) -> FileRecord:
    before, known = entry.before, entry.companions
    if error:  # also what it was found to lack
        known = Companions(known.files, tuple(sorted({*known.missing, *error.missing})))
    source = (moved or {}).get(asset.sha256) if asset and not before else None
    # Of copies of what is gone, the first takes over what was recorded of it.
    replaced = before or source
    return FileRecord(
        store=entry.store.id,
        path=entry.name,
        size=asset.stamp[0] if asset else entry.size,
        mtime=asset.stamp[1] if asset else entry.mtime,
        sha256=asset.sha256 if asset else "",
        companions=asset.companions if asset else known,
        # Its new name may not be listed yet.
        first_seen=source.arrived_at if source else entry.first_seen,
        reader=entry.reader,
        replaces=replaced.id if replaced else None,
        reason=error.reason if error else None,
        triangles=asset.triangles if asset else None,
        extents=asset.extents if asset else None,
        unit=asset.unit if asset else None,
        signature=asset.signature if asset else None,
        thumbnail=asset.thumbnail if asset else None,
        pictures=asset.pictures if asset else (),
        traits=asset.traits if asset else None,
    )
