"""What is read of files, written down batch by batch."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import current_thread, main_thread

from shapesim.embedders import Embedder
from shapesim.errors import AssetError, NoSuchObjectError, UnreachableFileError
from shapesim.gallery import Gallery
from shapesim.gallery.records import FileRecord, FileState, VectorRecord
from shapesim.meshes.packs import inside, object_of
from shapesim.reading import ReadAsset, read_asset
from shapesim.surveying import Pending, Survey
from shapesim.types import Companions
from shapesim.workers import map_isolated

_BATCH = 64
_SECONDS = 10.0  # after which what was read is written, if there is no batch yet
_ARRIVING = timedelta(minutes=10)  # for which a file that changes has not arrived yet
_NOT_YET = "is not read yet"


@dataclass(slots=True)
class IndexReport:
    """What a run did.

    Attributes:
        added: files that are new assets.
        updated: those that have changed, or are embedded otherwise.
        unchanged: those that were skipped.
        removed: those that are gone.
        failures: files that could not be used, new and known ones.
        warnings: what a file names but does not have, and what could not be read.
        repeats: paths that lead to a file already found.
        arrived: files that are new in the gallery, could be used for the first time, or have come
            a few minutes ago and changed since.
        total: files in the gallery now, meshes and pictures.
        objects: assets besides, which kits among them hold.
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
    objects: int = 0
    answers: str = ""
    seconds: dict[str, float] = field(default_factory=dict)


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


class Recorder:
    """Reads files, and writes what comes of them batch by batch.

    Args:
        gallery: to write to.
        survey: of what is to be read.
        report: of what was done.
        files: all that the gallery knows, by where it is.
        progress: as of ``index_stores``.
    """

    def __init__(
        self,
        gallery: Gallery,
        survey: Survey,
        report: IndexReport,
        files: Mapping[Path, FileState],
        progress: Callable[[int, int, int], None],
    ) -> None:
        self._gallery, self._survey, self._report = gallery, survey, report
        self._files, self._progress = files, progress
        # A file that moved arrived when it first came, and keeps its tags.
        self._moved = {state.sha256: state for state in survey.removed.values()}
        self._batch: list[tuple[Pending, ReadAsset | AssetError]] = []
        self._done = 0
        self._broken: set[Path] = set()
        self._new: dict[Path, Pending] = {}  # objects that no run has read
        self._known: set[Path] = set()  # those of files that are as they were

    def read(self, paths: Sequence[Path]) -> None:
        """Reads some of what is pending."""
        tasks = [self._survey.pending[path].task(path) for path in paths]
        total, written = self._done + len(tasks), time.monotonic()
        for task, result in map_isolated(read_asset, tasks, lambda task: task.path):
            entry = self._survey.pending[task.path]
            if isinstance(result, NoSuchObjectError) and entry.before:
                self._survey.removed[task.path] = entry.before
            else:
                self._note(task.path, entry, result)
            if len(self._batch) >= _BATCH or time.monotonic() > written + _SECONDS:
                self.write()
                written = time.monotonic()
            self._done += 1
            self._progress(self._done, total, len(self._report.failures))

    def _note(self, path: Path, entry: Pending, result: ReadAsset | AssetError) -> None:
        self._batch.append((entry, result))
        _count(self._report, entry, result)
        if isinstance(result, ReadAsset):
            if path not in self._known and _arrives(entry, result, self._moved):
                self._report.arrived.add(path)
            self._note_objects(path, entry, result)
        elif not isinstance(result, UnreachableFileError):
            self._broken.add(path)

    def _note_objects(self, path: Path, entry: Pending, kit: ReadAsset) -> None:
        """Has the objects of a file written down with it, so that they are read even if not now."""
        before = entry.before
        is_as_before = before is not None and before.sha256 == kit.sha256
        first_seen = entry.first_seen
        if before and not is_as_before:
            first_seen = datetime.now(UTC).isoformat(timespec="seconds")
        new = [one for name in kit.objects if (one := inside(path, name)) not in self._files]
        for one in new:
            held = replace(
                entry,
                name=f"{entry.name}!/{one.name}",
                size=kit.stamp[0],
                mtime=kit.stamp[1],
                first_seen=first_seen,
                before=None,
            )
            self._new[one] = held
            self._batch.append((held, AssetError(one, _NOT_YET)))
            self._survey.list_object(held.store, held.name)
        if is_as_before:
            self._known.update(new)
        if new:
            self._report.warnings.append(
                f"{entry.name}: holds {len(kit.objects)} things side by side; each is an asset, too"
            )

    def still_held(self, held: Collection[Path]) -> list[Path]:
        """Of known objects of files that were read, those to be read; with the others, removed."""
        broken = [path for path in held if object_of(path)[0] in self._broken]
        for path in broken:
            if before := self._survey.pending.pop(path).before:
                self._survey.removed[path] = before
        return [path for path in self._survey.pending if path in held]

    def new_objects(self) -> list[Path]:
        """Objects of files that were read, which are pending from now on."""
        if not self._new:
            return []
        self.write()
        written = self._gallery.catalogue.files()
        for path, entry in self._new.items():
            self._survey.pending[path] = replace(entry, before=written.get(path))
        return list(self._new)

    @_uninterrupted()
    def write(self) -> None:
        """Embeds what was read since the last time, and writes it in one transaction."""
        began = time.perf_counter()
        read = [result for _, result in self._batch if isinstance(result, ReadAsset)]
        vectors = _embedded(self._batch)
        embedded = time.perf_counter()
        records: list[tuple[FileRecord, list[VectorRecord]]] = []
        touched: list[tuple[int, int, int]] = []
        unreachable: list[int] = []
        for entry, result in self._batch:
            if isinstance(result, UnreachableFileError):
                unreachable += [entry.before.id] if entry.before else []
                continue
            if isinstance(result, AssetError):
                record = _record(entry, error=result)
                # By no reader: what is still to be read is so, whenever the next run comes.
                is_read = result.reason != _NOT_YET
                records.append((record if is_read else replace(record, reader=""), []))
            elif id(result) in vectors:
                records.append((_record(entry, result, self._moved), vectors[id(result)]))
                self._warn(entry.name, result.warnings)
            elif entry.before:
                touched.append((entry.before.id, entry.size, entry.mtime))
        self._gallery.catalogue.write(records)
        self._batch.clear()  # at once: whoever is interrupted later writes nothing twice
        self._gallery.catalogue.touch(touched)
        self._gallery.catalogue.set_unreachable(unreachable)
        for step, seconds in {
            "load": sum(asset.seconds[0] for asset in read),
            "prepare": sum(asset.seconds[1] for asset in read),
            "embed": embedded - began,
            "write": time.perf_counter() - embedded,
        }.items():
            self._report.seconds[step] = self._report.seconds.get(step, 0.0) + seconds

    def _warn(self, name: str, warnings: Sequence[str]) -> None:
        """What a kit lacks is told once, not by each of its objects."""
        kit = object_of(Path(name))[0].as_posix()
        told = self._report.warnings
        told += [f"{name}: {line}" for line in warnings if f"{kit}: {line}" not in told]


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
    elif object_of(Path(entry.name))[1]:
        pass
    elif result.prepared is None:
        report.unchanged += 1
    elif entry.before is None or entry.before.reason is not None:
        report.added += 1
    else:
        report.updated += 1


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
    is_new = before is None or before.reason == _NOT_YET
    source = (moved or {}).get(asset.sha256) if asset and is_new else None
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
