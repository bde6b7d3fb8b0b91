"""Brings a gallery up to date with its stores."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from shapesim.embedders import EMBEDDERS, Embedder
from shapesim.errors import (
    AssetError,
    EmbedderMismatchError,
    ShapesimError,
    UnreachableFileError,
)
from shapesim.gallery import Gallery
from shapesim.gallery.catalogue import FileRecord, FileState, VectorRecord
from shapesim.listings import Listing, read_listings
from shapesim.meshes import find_originals
from shapesim.meshes.finding import FoundAssets, find_pictures, is_text
from shapesim.meshes.loading import UpAxis
from shapesim.meshes.packs import drop, is_there, pack_of
from shapesim.reading import READER, ReadAsset, ReadTask, is_picture, read_asset, stamp
from shapesim.types import NO_COMPANIONS, Companions
from shapesim.workers import map_isolated

_BATCH = 64
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
        arrived: files that are new in the gallery, or could be used for the first time.
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


@dataclass(frozen=True, slots=True)
class _Store:
    """A folder that is known, and the up axis of all its files; None for what each says."""

    root: Path
    id: int
    axis: UpAxis | None


@dataclass(frozen=True, slots=True)
class _Pending:
    """A file whose content may have changed."""

    store: int
    name: str
    size: int
    mtime: int
    arrived_at: str
    is_dated: bool
    before: FileState | None
    up: UpAxis | None
    embedder: Embedder


def index_stores(
    gallery: Gallery,
    stores: Sequence[Path],
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
    check_stores(stores)
    missing: list[Path] = []
    if not stores:
        known = list(gallery.catalogue.stores().values())
        stores = [store for store in known if store.is_dir()]
        missing = [store for store in known if store not in stores]
    if missing and not stores:
        raise ShapesimError(
            f"{', '.join(map(str, missing))}: cannot be reached, so its assets stay; if it has"
            " moved, run 'shapesim index' for its new folder, and 'shapesim forget' for this one"
        )
    if not stores:
        raise ShapesimError("no store to index; name a folder of mesh files")
    with gallery.writing():
        report = _update(gallery, list(dict.fromkeys(stores)), embedder, up, progress)
        report.warnings += [
            f"{store}: the folder is gone; its assets stay until 'shapesim forget {store}'"
            for store in missing
        ]
        gallery.refresh()
        began = time.perf_counter()
        report.total = gallery.catalogue.count()
        try:
            report.answers = gallery.update_graph(embedder)
        except EmbedderMismatchError as error:  # by what another store is not embedded
            report.warnings.append(str(error))
        report.seconds["index"] = time.perf_counter() - began
    return report


def forget_stores(gallery: Gallery, stores: Sequence[Path]) -> int:
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
        for store in stores:
            if store.resolve() not in ids:
                known = ", ".join(map(str, ids)) or "none"
                raise ShapesimError(f"{store}: no store of this gallery; its stores are {known}")
        chosen = {ids[store.resolve()] for store in stores}
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
    report = IndexReport()
    for store in stores:
        gallery.catalogue.add_store(store, up)
    known = gallery.catalogue.files()
    pending: dict[Path, _Pending] = {}
    removed: dict[Path, FileState] = {}
    # A store within another first: its files are its own.
    order = sorted((store.resolve() for store in stores), key=lambda store: -len(store.parts))
    seen: set[Path] = set()
    surveys = [
        _survey(gallery, store, embedder, known, seen, pending, removed, report) for store in order
    ]
    # A file that moved within its store arrived when it first came.
    arrivals = {state.sha256: state.arrived_at for state in removed.values()}
    tasks = [
        ReadTask(path, entry.embedder, entry.up, _companions(entry), _sha256_to_trust(entry))
        for path, entry in pending.items()
    ]
    batch: list[tuple[_Pending, ReadAsset | AssetError]] = []
    written = time.monotonic()
    try:
        for count, (task, result) in enumerate(map_isolated(read_asset, tasks, lambda t: t.path)):
            batch.append((pending[task.path], result))
            _count(report, pending[task.path], result)
            if isinstance(result, ReadAsset) and _arrives(pending[task.path], result, arrivals):
                report.arrived.add(task.path)
            if len(batch) == _BATCH or time.monotonic() > written + _SECONDS:
                full, batch, written = batch, [], time.monotonic()
                _write(gallery, full, arrivals, report)
            progress(count + 1, len(tasks), len(report.failures))
    finally:  # what was read is kept, also when the user has had enough
        _write(gallery, batch, arrivals, report)
    gallery.catalogue.remove(state.id for state in removed.values())
    _write_listings(gallery, dict(zip(order, surveys, strict=True)))
    report.removed = len(removed)
    report.failures.sort(key=lambda failure: failure.path)
    return report


def _write_listings(
    gallery: Gallery, surveys: Mapping[Path, tuple[int, dict[str, Listing] | None]]
) -> None:
    """Writes what stores say of their assets, and of those of stores within them."""
    said: dict[int, dict[str, Listing]] = {}
    for store, (id, listings) in surveys.items():  # the innermost come first
        if listings is None:
            continue
        said[id] = {}
        for name, listing in listings.items():
            path = store / name
            inside = [one for one in surveys if path.is_relative_to(one) and one != store]
            owner = next((one for one in inside if surveys[one][0] in said), store)
            own = path.relative_to(owner).as_posix()
            said[surveys[owner][0]].setdefault(own, listing)
    for id, listings in said.items():
        gallery.catalogue.set_listings(id, listings)


def _survey(
    gallery: Gallery,
    store: Path,
    embedder: Embedder,
    known: dict[Path, FileState],
    seen: set[Path],
    pending: dict[Path, _Pending],
    removed: dict[Path, FileState],
    report: IndexReport,
) -> tuple[int, dict[str, Listing] | None]:
    """Sorts the files of a store into those to read, those to forget, and the others.

    Returns:
        The store's id, and what it says of its assets, by path; None if it cannot be asked now.
    """
    id, axis = gallery.catalogue.add_store(store)
    held = [path for path, state in known.items() if state.store == id]
    had_meshes = any(not is_picture(path) for path in held)
    found = _find(store, bool(held) and not had_meshes, report)
    if found.files and is_picture(found.files[0]) and embedder.space != "copy":
        embedder = EMBEDDERS["copy"]()  # by which pictures are traced, whatever is done to meshes
    report.repeats += len(found.repeats)
    report.warnings += [f"{path}: {reason}" for path, reason in found.unreadable]
    listings, problems = read_listings(store)
    report.warnings += problems
    names = {path.relative_to(store).as_posix() for path in found.files}
    report.warnings += [
        f"{store}: its catalogue lists {path}, which is not there"
        for path in listings
        if path not in names
    ]
    own, now = _Store(store, id, axis), datetime.now(UTC).isoformat(timespec="seconds")
    if held and (not found.files or (had_meshes and is_picture(found.files[0]))):
        # More likely a drive or a pack that cannot be read now than a store that was emptied.
        report.warnings.append(
            f"{store}: holds no asset now; its assets stay until 'shapesim forget {store}'"
        )
        return id, None
    inner = _stores_within(gallery, store, known)
    redated: list[tuple[int, str]] = []
    reassigned: list[tuple[int, int, str]] = []
    for path in found.files:
        if path in seen:
            continue
        seen.add(path)
        name = path.relative_to(store).as_posix()
        before = known.get(path)
        try:
            size, mtime = stamp(path, before.companions if before else NO_COMPANIONS)
        except OSError as error:
            report.failures.append(UnreachableFileError(path, error.strerror or "cannot be read"))
            continue
        listing = listings.get(name)
        # What was damaged and has changed since, such as half a copy, arrives only now.
        mended = before and before.reason and (before.size, before.mtime) != (size, mtime)
        first = before.arrived_at if before and not mended else ""
        date = (listing and listing.arrived_at) or first
        if before and date and date != before.arrived_at:
            redated.append((before.id, date))
        owner = next((one for one in inner if path.is_relative_to(one.root)), own)
        place = path.relative_to(owner.root).as_posix()
        if before and before.store != owner.id:
            reassigned.append((before.id, owner.id, place))
        if before and _is_current(before, size, mtime, embedder, _reader(owner.axis)):
            if before.reason:
                report.failures.append(AssetError(path, before.reason))
            else:
                report.unchanged += 1
        else:
            pending[path] = _Pending(
                owner.id, place, size, mtime, date or now, bool(date), before, owner.axis, embedder
            )
    gallery.catalogue.set_arrivals(redated)
    gallery.catalogue.reassign(reassigned)
    removed.update(_gone(gallery, store, id, found, known))
    return id, listings


def _find(store: Path, of_pictures: bool, report: IndexReport) -> FoundAssets:
    """The originals in a store; of one that was known to hold pictures, these."""
    found = find_originals(store)
    if not (of_pictures and found.files) or is_picture(found.files[0]):
        return found
    report.warnings.append(
        f"{store}: holds pictures, and now a mesh as well, {found.files[0].name}; move it to a"
        f" store of its own, or run 'shapesim forget {store}' to have meshes only"
    )
    return find_pictures(store)


def _gone(
    gallery: Gallery, store: Path, id: int, found: FoundAssets, known: dict[Path, FileState]
) -> Iterator[tuple[Path, FileState]]:
    """What is known of a store and was not found in it."""
    # Files below a folder that could not be listed may still be there.
    blind = {
        place
        for path, _ in found.unreadable
        for place in (path, path.with_name(f"{path.name}!"))  # what a pack holds
    }
    present = set(found.files)
    # Stores that cannot be reached keep what they have.
    away = {id for id, root in gallery.catalogue.stores().items() if not root.is_dir()}
    for path, state in known.items():
        if path in present or not path.is_relative_to(store) or state.store in away:
            continue
        # A file of another store inside this one may be hidden from this one's walk.
        is_gone = state.store == id or not is_there(path)
        if is_gone and blind.isdisjoint((path, *path.parents)):
            yield path, state


def _stores_within(gallery: Gallery, store: Path, known: dict[Path, FileState]) -> list[_Store]:
    """Other stores of meshes below a store, whose files are theirs, the deepest first."""
    of_pictures = {state.store for path, state in known.items() if is_picture(path)}
    roots = [
        root
        for id, root in gallery.catalogue.stores().items()
        if store in root.parents and id not in of_pictures
    ]
    roots.sort(key=lambda root: -len(root.parts))
    return [_Store(root, *gallery.catalogue.add_store(root)) for root in roots]


def _reader(up: UpAxis | None) -> str:
    """What reads a file, and how: what another reader found is not trusted."""
    return f"reader {READER} {up or 'auto'}"


def _is_current(state: FileState, size: int, mtime: int, embedder: Embedder, reader: str) -> bool:
    if (state.size, state.mtime, state.reader) != (size, mtime, reader):
        return False
    return state.reason is not None or _has_all(state, embedder)


def _has_all(state: FileState, embedder: Embedder) -> bool:
    return {part.fingerprint for part, _ in embedder.parts} <= state.fingerprints


def _companions(entry: _Pending) -> Companions:
    """What the file was known to need when its size and time were taken."""
    return entry.before.companions if entry.before else NO_COMPANIONS


def _still_needed(entry: _Pending, error: AssetError | None) -> Companions:
    """What the file was known to need, and what it was found to lack."""
    known, missing = _companions(entry), error.missing if error else ()
    return Companions(known.files, tuple(sorted({*known.missing, *missing})))


def _sha256_to_trust(entry: _Pending) -> str:
    """The digest with which the file need not be read again."""
    before = entry.before
    if before is None or not _has_all(before, entry.embedder):
        return ""
    if before.reader != _reader(entry.up):
        return ""
    return before.sha256


def _arrives(entry: _Pending, asset: ReadAsset, moved: Mapping[str, str]) -> bool:
    new = entry.before is None or entry.before.reason is not None
    return new and asset.sha256 not in moved


def _count(report: IndexReport, entry: _Pending, result: ReadAsset | AssetError) -> None:
    if isinstance(result, AssetError):
        report.failures.append(result)
    elif result.prepared is None:
        report.unchanged += 1
    elif entry.before is None:
        report.added += 1
    else:
        report.updated += 1


def _write(
    gallery: Gallery,
    batch: list[tuple[_Pending, ReadAsset | AssetError]],
    arrivals: dict[str, str],
    report: IndexReport,
) -> None:
    """Embeds a batch and writes it in one transaction."""
    began = time.perf_counter()
    read = [result for _, result in batch if isinstance(result, ReadAsset)]
    vectors = _embedded(batch)
    embedded = time.perf_counter()
    records: list[tuple[FileRecord, list[VectorRecord]]] = []
    touched: list[tuple[int, int, int]] = []
    for entry, result in batch:
        if isinstance(result, UnreachableFileError):
            continue
        if isinstance(result, AssetError):
            records.append((_record(entry, error=result), []))
        elif id(result) in vectors:
            records.append((_record(entry, result, arrivals), vectors[id(result)]))
            report.warnings += [f"{entry.name}: {warning}" for warning in result.warnings]
        elif entry.before:
            touched.append((entry.before.id, entry.size, entry.mtime))
    gallery.catalogue.write(records)
    gallery.catalogue.touch(touched)
    for step, seconds in {
        "load": sum(asset.seconds[0] for asset in read),
        "prepare": sum(asset.seconds[1] for asset in read),
        "embed": embedded - began,
        "write": time.perf_counter() - embedded,
    }.items():
        report.seconds[step] = report.seconds.get(step, 0.0) + seconds


def _embedded(
    batch: list[tuple[_Pending, ReadAsset | AssetError]],
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
    entry: _Pending,
    asset: ReadAsset | None = None,
    arrivals: dict[str, str] | None = None,
    error: AssetError | None = None,
) -> FileRecord:
    before = entry.before
    is_moved = asset and not before and not entry.is_dated
    moved = (arrivals or {}).get(asset.sha256) if asset and is_moved else None
    return FileRecord(
        store=entry.store,
        path=entry.name,
        size=asset.stamp[0] if asset else entry.size,
        mtime=asset.stamp[1] if asset else entry.mtime,
        sha256=asset.sha256 if asset else "",
        companions=asset.companions if asset else _still_needed(entry, error),
        arrived_at=moved or entry.arrived_at,
        reader=_reader(entry.up),
        replaces=before.id if before else None,
        reason=error.reason if error else None,
        triangles=asset.triangles if asset else None,
        extents=asset.extents if asset else None,
        unit=asset.unit if asset else None,
        signature=asset.signature if asset else None,
        thumbnail=asset.thumbnail if asset else None,
        traits=asset.traits if asset else None,
    )
