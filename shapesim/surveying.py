"""Compares what is in stores with what a gallery knows of them; writes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path, PurePosixPath
from unicodedata import normalize

from shapesim.embedders import EMBEDDERS, Embedder
from shapesim.errors import AssetError, UnreachableFileError
from shapesim.gallery.records import FileState
from shapesim.listings import Listing, read_listings
from shapesim.meshes import find_originals
from shapesim.meshes.finding import FoundAssets, find_pictures
from shapesim.meshes.packs import KITS, PACK_SUFFIXES, inside, is_there, object_of
from shapesim.reading import READER, ReadTask, digest_of, is_picture, stamp
from shapesim.types import NO_COMPANIONS, Companions, UpAxis

_PER_MESH = 10  # pictures, from which they are hardly the textures of meshes


@dataclass(frozen=True, slots=True)
class Store:
    """A folder that a gallery knows.

    Attributes:
        root: the folder.
        id: of the store in the gallery.
        up: the up axis of all its files; None for what each says.
    """

    root: Path
    id: int
    up: UpAxis | None


@dataclass(frozen=True, slots=True)
class Pending:
    """A file to read: it is new, or may have changed.

    Attributes:
        store: whose it is.
        name: its path in the store.
        size: in bytes, of all that belongs to it.
        mtime: in nanoseconds; of a file with others that it needs, a digest of all times and sizes.
        first_seen: when it came, as far as its store does not say otherwise.
        before: what is known of it; None of a new one.
        embedder: makes its vectors.
    """

    store: Store
    name: str
    size: int
    mtime: int
    first_seen: str
    before: FileState | None
    embedder: Embedder

    @property
    def reader(self) -> str:
        """What reads the file, and how."""
        return _reader(self.store)

    @property
    def companions(self) -> Companions:
        """What the file was known to need when its size and time were taken."""
        return self.before.companions if self.before else NO_COMPANIONS

    def task(self, path: Path) -> ReadTask:
        """To read it, unless its digest tells that nothing has changed."""
        before, trusted = self.before, ""
        if before and _has_all(before, self.embedder) and before.reader == self.reader:
            trusted = before.sha256
        return ReadTask(path, self.embedder, self.store.up, self.companions, trusted)


@dataclass(slots=True)
class Survey:
    """What is new, changed or gone in stores.

    Attributes:
        pending: files to read, by where they are.
        unchanged: files that are as they were.
        removed: files that are gone.
        reassigned: ids of files, the store whose they are now, and their path in it.
        listings: what stores say of their assets, by the id of the store and the path in it.
        said: the same as it is written, also of what may be found only when a file is read.
        unreachable: ids of files that lack vectors, and can neither be read now nor called gone.
        failures: files that cannot be used, as far as that is known.
        warnings: what is odd.
        repeats: paths that lead to a file already found.
    """

    pending: dict[Path, Pending] = field(default_factory=dict)
    unchanged: int = 0
    removed: dict[Path, FileState] = field(default_factory=dict)
    reassigned: list[tuple[int, int, str]] = field(default_factory=list)
    listings: dict[int, dict[str, Listing]] = field(default_factory=dict)
    unreachable: list[int] = field(default_factory=list)
    failures: list[AssetError] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    repeats: int = 0
    said: dict[int, dict[str, Listing]] = field(default_factory=dict)

    def list_object(self, store: Store, name: str) -> None:
        """Has what a store says of an object, or of the file that holds it, count for it."""
        own = _listing_of(name, self.said.get(store.id, {}))
        kit = self.listings.get(store.id, {}).get(_folders(name)[0])
        listing = own or (replace(kit, name=None) if kit else None)
        if listing and store.id in self.listings:
            self.listings[store.id][name] = listing


def survey_stores(
    chosen: Sequence[Path],
    stores: Sequence[Store],
    known: Mapping[Path, FileState],
    embedder: Embedder,
) -> Survey:
    """Looks through stores.

    Args:
        chosen: roots of those to look through.
        stores: all that the gallery knows.
        known: all its files, by where they are.
        embedder: makes the vectors of meshes; those of pictures are for tracing.
    """
    # A store within another first: its files are its own.
    order = [store for store in _deepest_first(stores) if store.root in set(chosen)]
    surveyor = _Surveyor(stores, known, embedder)
    listed = {store: surveyor.look(store) for store in order}
    surveyor.follow_moves()
    survey = surveyor.survey
    survey.listings = _by_owner(listed)
    return survey


def _deepest_first(stores: Sequence[Store]) -> list[Store]:
    return sorted(stores, key=lambda store: -len(store.root.parts))


class _Surveyor:
    """Sorts the files of one store after the other."""

    def __init__(
        self, stores: Sequence[Store], known: Mapping[Path, FileState], embedder: Embedder
    ) -> None:
        self._stores, self._known, self._embedder = stores, known, embedder
        self._seen: set[Path] = set()
        roots = {store.id: store.root for store in stores}
        # As they were spelt: where case makes no difference, a file may have got another name.
        self._names = {
            path: path.relative_to(roots[state.store]).as_posix() for path, state in known.items()
        }
        self._now = datetime.now(UTC).isoformat(timespec="seconds")
        self.survey = Survey()

    def look(self, store: Store) -> dict[str, Listing] | None:
        """What a store says of its assets, by path; None if that cannot be read now."""
        survey, root = self.survey, store.root
        held = [path for path, state in self._known.items() if state.store == store.id]
        had_meshes = any(not is_picture(path) for path in held)
        found = self._find(root, bool(held) and not had_meshes)
        found.files += self._objects_in(found.files)
        if not held and found.files and not is_picture(found.files[0]):
            self._note_pictures(root, len(found.files))
        survey.repeats += len(found.repeats)
        survey.failures += found.failures
        survey.warnings += [f"{path}: {reason}" for path, reason in found.left_out]
        listings, problems = read_listings(root)
        survey.warnings += problems
        is_readable, listings = listings is not None, listings or {}
        names = {path.relative_to(root).as_posix() for path in found.files}
        above = {part for name in names for part in _folders(name)}
        spelt = {_spelling(name): name for name in names | above}
        listings = {
            key if key in names else spelt.get(_spelling(_as_found(key)), key): listing
            for key, listing in listings.items()
        }
        survey.warnings += [
            f"{root}: its catalogue lists {path}, which is"
            + (" no asset" if os.access(root / path, os.F_OK) else " not there")
            for path in listings
            if path not in names | above and object_of(Path(path))[0].as_posix() not in names
        ]
        survey.said[store.id] = listings
        listings = {
            name: listing for name in names if (listing := _listing_of(name, listings)) is not None
        }
        if held and (not found.files or (had_meshes and is_picture(found.files[0]))):
            # More likely a drive or a pack that cannot be read now than a store that was emptied.
            survey.warnings.append(
                f"{root}: holds no asset now; its assets stay until 'shapesim forget {root}'"
            )
            self._note_unreachable(held)
            return None
        inner = self._stores_within(store)
        for path in found.files:
            if path not in self._seen:
                self._seen.add(path)
                owner = next((one for one in inner if path.is_relative_to(one.root)), store)
                self._sort(path, owner)
        survey.removed.update(self._gone(store, found))
        self._note_unreachable(set(held).difference(found.files, survey.removed))
        return listings if is_readable else None

    def _objects_in(self, files: Sequence[Path]) -> list[Path]:
        """Those that files are known to hold; whether they still do is seen when one is read."""
        kits = set(files)
        return [path for path in self._known if (kit := object_of(path)[0]) != path and kit in kits]

    def follow_moves(self) -> None:
        """Hands what is known of files that are gone to their like that are new, elsewhere."""
        survey = self.survey
        gone: dict[str, list[Path]] = {}
        held: dict[Path, list[Path]] = {}
        for path in survey.removed:
            kit = object_of(path)[0]
            if kit == path:
                gone.setdefault(path.name, []).append(path)
            else:
                held.setdefault(kit, []).append(path)
        for path, entry in list(survey.pending.items()):
            others = [] if entry.before else gone.get(path.name, [])
            # Of many files called alike, those whose folder is called so, too, are the likeliest.
            folder = path.parent.name
            likely = [one for one in others if one.parent.name == folder]
            likely += [one for one in others if one.parent.name != folder]
            source = next((one for one in likely if self._is_moved(one, path, entry)), None)
            if source:
                self._take_over(path, source, held)
        for path, others in self._renamed().items():
            entry = survey.pending[path]
            source = next((one for one in others if self._is_moved(one, path, entry)), None)
            if source:
                self._take_over(path, source, held)

    def _take_over(self, path: Path, source: Path, held: Mapping[Path, Sequence[Path]]) -> None:
        """Has a new file be what one that is gone was, with all that it holds."""
        survey = self.survey
        entry = survey.pending.pop(path)
        for old in (source, *held.get(source, ())):
            name = entry.name if old == source else inside(Path(entry.name), old.name).as_posix()
            state = survey.removed.pop(old)
            survey.reassigned.append((state.id, entry.store.id, name))
            survey.unchanged += old == source

    def _renamed(self) -> dict[Path, list[Path]]:
        """New files that have the content of what is gone, if no other new one has it, too."""
        survey = self.survey
        gone: dict[tuple[str, str], list[Path]] = {}
        sizes: set[int] = set()
        for path, state in survey.removed.items():
            if not state.companions.files:  # of which others may have the names now
                gone.setdefault((path.suffix.lower(), state.sha256), []).append(path)
                sizes.add(state.size)
        new: dict[tuple[str, str], list[Path]] = {}
        for path, entry in survey.pending.items():
            with suppress(OSError, AssetError):  # is read, and told then
                if entry.before is None and stamp(path)[0] in sizes:
                    new.setdefault((path.suffix.lower(), digest_of(path)), []).append(path)
        return {paths[0]: gone.get(key, []) for key, paths in new.items() if len(paths) == 1}

    def _is_moved(self, gone: Path, path: Path, entry: Pending) -> bool:
        """Whether a new file is one that is gone, of which all is known that could be learnt."""
        state = self.survey.removed.get(gone)
        if state is None:  # another has taken it over
            return False
        try:
            size, mtime = stamp(path, state.companions)
            found = replace(entry, size=size, mtime=mtime)
            same = replace(state, mtime=mtime)  # copies may be dated otherwise
            is_known = state.reason is None and _is_current(same, found)
            return is_known and digest_of(path, state.companions) == state.sha256
        except (OSError, AssetError):  # is read, and told then
            return False

    def _note_pictures(self, root: Path, meshes: int) -> None:
        """Of a folder of pictures, into which some mesh has got, it is told what is made of it."""
        pictures = len(find_pictures(root).files)
        if pictures > _PER_MESH * meshes:
            self.survey.warnings.append(
                f"{root}: its {pictures} pictures are taken for textures, since it holds meshes;"
                " to trace pictures, index a folder of them alone"
            )

    def _embedder_of(self, path: Path) -> Embedder:
        return self._for_pictures if is_picture(path) else self._embedder

    @cached_property
    def _for_pictures(self) -> Embedder:
        """Pictures are traced, whatever is done to meshes."""
        return self._embedder if self._embedder.space == "copy" else EMBEDDERS["copy"]()

    def _find(self, root: Path, of_pictures: bool) -> FoundAssets:
        """The originals in a store; of one that was known to hold pictures, these."""
        found = find_originals(root)
        if not (of_pictures and found.files) or is_picture(found.files[0]):
            return found
        self.survey.warnings.append(
            f"{root}: holds pictures, and now a mesh as well, {found.files[0].name}; move it to a"
            f" store of its own, or run 'shapesim forget {root}' to have meshes only"
        )
        return find_pictures(root)

    def _stores_within(self, store: Store) -> list[Store]:
        """Other stores of meshes below a store, whose files are theirs, the deepest first."""
        of_pictures = {state.store for path, state in self._known.items() if is_picture(path)}
        inner = [
            one
            for one in self._stores
            if store.root in one.root.parents and one.id not in of_pictures
        ]
        return _deepest_first(inner)

    def _sort(self, path: Path, owner: Store) -> None:
        """Whether a file has to be read."""
        survey, before = self.survey, self._known.get(path)
        try:
            size, mtime = stamp(path, before.companions if before else NO_COMPANIONS)
        except (OSError, AssetError) as error:  # the latter of its pack
            reason = error.reason if isinstance(error, AssetError) else error.strerror
            survey.failures.append(UnreachableFileError(path, reason or "cannot be read"))
            self._note_unreachable([path] if before else [])
            return
        # What was damaged and has changed since, such as half a copy, arrives only now.
        mended = before and before.reason and (before.size, before.mtime) != (size, mtime)
        first_seen = before.first_seen if before and not mended else self._now
        name = path.relative_to(owner.root).as_posix()
        if before and (before.store != owner.id or name != self._names[path]):
            survey.reassigned.append((before.id, owner.id, name))
        entry = Pending(owner, name, size, mtime, first_seen, before, self._embedder_of(path))
        if not before or not _is_current(before, entry):
            survey.pending[path] = entry
        elif before.reason:
            survey.failures.append(AssetError(path, before.reason))
        else:
            survey.unchanged += not object_of(path)[1]

    def _note_unreachable(self, paths: Iterable[Path]) -> None:
        """Those that would have to be read, that is: the others are as they were."""
        states = [(self._known[path], self._embedder_of(path)) for path in paths]
        self.survey.unreachable += [
            state.id
            for state, embedder in states
            if not (state.reason or _has_all(state, embedder))
        ]

    def _gone(self, store: Store, found: FoundAssets) -> Iterator[tuple[Path, FileState]]:
        """What is known of a store and was not found in it."""
        # Files below a folder that could not be listed may still be there.
        blind = {
            place
            for path, _ in found.unreadable
            for place in (path, path.with_name(f"{path.name}!"))  # what a pack holds
        }
        present = set(found.files)
        # Stores that cannot be reached keep what they have.
        away = {one.id for one in self._stores if not one.root.is_dir()}
        for path, state in self._known.items():
            if path in present or not path.is_relative_to(store.root) or state.store in away:
                continue
            # A file of another store inside this one may be hidden from this one's walk.
            is_gone = state.store == store.id or not is_there(path)
            if is_gone and blind.isdisjoint((path, *path.parents)):
                yield path, state


def _spelling(name: str) -> str:
    """What a name and what a catalogue calls it have in common.

    An umlaut has two spellings, of which macOS and editors choose differently; and where case makes
    no difference, none is made.
    """
    return normalize("NFC", name).casefold()


def _folders(name: str) -> list[str]:
    """The folders, packs and kits that an asset is in, the innermost first, by their paths."""
    return [_as_found(str(part)) for part in PurePosixPath(name).parents][:-1]


def _as_found(path: str) -> str:
    """A path as files are found: a pack has a ``!`` where something in it is named, only there."""
    *outer, last = path.split("/")
    plain = last.removesuffix("!")
    is_pack = plain.lower().endswith((*PACK_SUFFIXES, *KITS))
    inside = [f"{part}!" if part.lower().endswith(PACK_SUFFIXES) else part for part in outer]
    return "/".join([*inside, plain if is_pack else last])


def _listing_of(name: str, listings: Mapping[str, Listing]) -> Listing | None:
    """What is said of an asset, and, where nothing is, of the pack or folder that it is in."""
    said = [listings[part] for part in (name, *_folders(name)) if part in listings]
    if not said:
        return None
    first = said[0] if name in listings else replace(said[0], name=None)
    for outer in said[1:]:
        first = replace(
            first,
            tags=first.tags or outer.tags,
            licence=first.licence or outer.licence,
            price=outer.price if first.price is None else first.price,
            url=first.url or outer.url,
            arrived_at=first.arrived_at or outer.arrived_at,
        )
    return first


def _by_owner(
    listed: Mapping[Store, dict[str, Listing] | None],
) -> dict[int, dict[str, Listing]]:
    """What stores, the innermost first, say of their assets, and of those of stores within them."""
    said: dict[int, dict[str, Listing]] = {}
    for store, listings in listed.items():
        # What another store says of it cannot be read now.
        outside = (one for one in listed if one.root in store.root.parents)
        if listings is None or any(listed[one] is None for one in outside):
            continue
        said[store.id] = {}
        inside = [one for one in listed if one != store and store.root in one.root.parents]
        for name, listing in listings.items():
            path = store.root / name
            owners = (one for one in inside if path.is_relative_to(one.root) and one.id in said)
            owner = next(owners, store)
            said[owner.id].setdefault(path.relative_to(owner.root).as_posix(), listing)
    return said


def _reader(store: Store) -> str:
    """What reads a store's files: what another reader found is not trusted."""
    return f"reader {READER} {store.up or 'auto'}"


def _is_current(before: FileState, entry: Pending) -> bool:
    """Whether what is known of a file is all that would be learnt by reading it."""
    if (before.size, before.mtime, before.reader) != (entry.size, entry.mtime, entry.reader):
        return False
    return before.reason is not None or _has_all(before, entry.embedder)


def _has_all(state: FileState, embedder: Embedder) -> bool:
    return {part.fingerprint for part, _ in embedder.parts} <= state.fingerprints
