"""Brings a gallery up to date with its stores."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from shapesim.embedders import Embedder
from shapesim.errors import (
    AssetError,
    EmbedderMismatchError,
    ShapesimError,
)
from shapesim.gallery import Gallery
from shapesim.gallery.catalogue import Catalogue
from shapesim.gallery.records import FileState
from shapesim.meshes.finding import is_text
from shapesim.meshes.packs import drop, is_there, object_of, pack_of
from shapesim.reading import digest_of
from shapesim.recording import IndexReport, Recorder
from shapesim.surveying import Store, survey_stores
from shapesim.tagging.labelling import tag_as_before
from shapesim.types import UpAxis

_MOST = 0.9  # share of a store's files, from which a new folder is that store, moved
_COMPARED = 20  # of them, whose content is compared


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
        report.objects = gallery.catalogue.count_objects()
        report.total = gallery.catalogue.count() - report.objects
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
    files = catalogue.files()
    survey = survey_stores(chosen, known, files, embedder)
    catalogue.reassign(survey.reassigned)
    catalogue.set_unreachable(survey.unreachable)
    report = IndexReport(
        unchanged=survey.unchanged,
        failures=survey.failures,
        warnings=[*told, *survey.warnings],
        repeats=survey.repeats,
    )
    traced = catalogue.stores_of_meshes("copy")
    recorder = Recorder(gallery, survey, report, files, progress)
    try:
        # What a file holds that has to be read is known only then.
        kits = {path: object_of(path)[0] for path in survey.pending}
        held = {path for path, kit in kits.items() if path != kit and kit in kits}
        recorder.read([path for path in kits if path not in held])
        recorder.read([*recorder.still_held(held), *recorder.new_objects()])
    finally:  # what was read is kept, also when the user has had enough
        recorder.write()
        for id, listings in survey.listings.items():
            catalogue.set_listings(id, listings)
    report.removed = sum(not object_of(path)[1] for path in survey.removed)
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
