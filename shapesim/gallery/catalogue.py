"""The SQLite file that holds everything a gallery knows.

A batch of files is one transaction: a process killed at any moment loses at most that batch.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, astuple
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shapesim.errors import GalleryError
from shapesim.gallery import schema
from shapesim.gallery.records import FileRecord, FileState, TaggedBy, VectorRecord
from shapesim.listings import Listing
from shapesim.meshes.packs import KITS
from shapesim.pictures.keypoints import Kept
from shapesim.types import Asset, Companions, Embeddings, Traits, UpAxis

_UNKNOWN = -1  # time of the last change of what could not be read


class Catalogue:
    """Reads and writes the file.

    Args:
        path: the SQLite file.
        create: whether to make it where there is none.

    Raises:
        GalleryError: it cannot be opened, is no catalogue, or was made by a newer version.
    """

    def __init__(self, path: Path, create: bool) -> None:
        self._base = path.resolve().parent.parent  # the folder that holds the gallery
        self._path = path
        with self._explained():
            # Autocommit: transactions are begun by hand, where a batch begins.
            self._db = sqlite3.connect(
                path,
                isolation_level=None,
                timeout=30,
                check_same_thread=sqlite3.threadsafety < 3,  # SQLite itself sees to it
            )
            try:
                self._open(create)
            except BaseException:
                self._db.close()  # Windows deletes no file that is open
                raise

    def _open(self, create: bool) -> None:
        self._db.execute("PRAGMA foreign_keys = ON")
        if create:
            schema.make(self._db)
        schema.check(self._db, self._path)

    def close(self) -> None:
        """Closes the file."""
        with self._explained():
            self._db.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            reason = str(error)
            if "full" in reason or "I/O" in reason:
                reason += "; free some space and run the command again, nothing written is lost"
            elif "malformed" in reason or "not a database" in reason:
                reason += "; delete the gallery's folder and index again"
            raise GalleryError(f"{self._path}: {reason}") from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._explained():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        with self._explained():
            return self._db.execute(sql, values).fetchall()

    def id(self) -> str:
        """Random, made with the file."""
        return str(self._rows("SELECT id FROM gallery")[0][0])

    def embedded_by(self) -> str | None:
        """What its meshes are compared by, as ``--by`` has it; None before any were to be."""
        found = self._rows("SELECT embedded_by FROM gallery")[0][0]
        return None if found is None else str(found)

    def remember_embedder(self, option: str) -> None:
        """Sets what its meshes are compared by."""
        with self._transaction() as db:
            db.execute("UPDATE gallery SET embedded_by = ?", (option,))

    def tagged_by(self) -> TaggedBy | None:
        """By what assets were tagged; None if they were not."""
        found = self._rows("SELECT tagged_by FROM gallery")[0][0]
        return None if found is None else TaggedBy(*json.loads(str(found)))

    def remember_tagger(self, tagger: str | None, least: float) -> None:
        """Sets what ``tagged_by`` tells, of all assets that there are."""
        with self._transaction() as db:
            (newest,) = db.execute("SELECT coalesce(max(id), 0) FROM files").fetchone()
            told = json.dumps([tagger, least, newest])
            db.execute("UPDATE gallery SET tagged_by = ?", (told,))

    def meshes_since(self, newest: int) -> list[int]:
        """Ids of assets that are higher: of those that came or changed since."""
        sql = "SELECT id FROM files WHERE triangles IS NOT NULL AND id > ?"
        return [int(str(id)) for (id,) in self._rows(sql, (newest,))]

    def pictures_of(self, sha256: str) -> list[int]:
        """Ids of pictures of such content."""
        sql = "SELECT id FROM files WHERE sha256 = ? AND triangles IS NULL AND reason IS NULL"
        return [int(str(id)) for (id,) in self._rows(sql, (sha256,))]

    def stores(self) -> dict[int, Path]:
        """Roots of the stores by id."""
        rows = self._rows("SELECT id, root FROM stores ORDER BY id")
        return {int(str(id)): Path(os.path.normpath(self._base / str(root))) for id, root in rows}

    def root_of(self, folder: Path) -> Path:
        """A folder as the catalogue knows it if it is a store, else resolved.

        Where letters' case does not matter, one folder has many names.
        """
        resolved, roots = folder.resolve(), set(self.stores().values())
        if resolved in roots:
            return resolved
        for root in roots:
            with suppress(OSError):
                if root.stat().st_ino and root.samefile(resolved):  # some systems number no files
                    return root
        return resolved

    def up_axes(self) -> dict[int, UpAxis | None]:
        """Up axes of the stores by id, None where each file says."""
        return dict(self._rows("SELECT id, up FROM stores"))  # type: ignore[arg-type]

    def add_store(self, root: Path, up: UpAxis | None = None) -> tuple[int, UpAxis | None]:
        """The id and the up axis of a store, which is added where it is new.

        A root below the folder that holds the gallery is kept relative to it, so that both can
        move together. An axis that is given replaces the one remembered.
        """
        name = self._named(self.root_of(root))
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO stores (root) VALUES (?)", (name,))
            db.execute("UPDATE stores SET up = coalesce(?, up) WHERE root = ?", (up, name))
            ((id, axis),) = db.execute("SELECT id, up FROM stores WHERE root = ?", (name,))
        return int(id), axis

    def move_store(self, id: int, root: Path) -> None:
        """Gives a store another root, at which its files have the same paths."""
        with self._transaction() as db:
            db.execute("UPDATE stores SET root = ? WHERE id = ?", (self._named(root), id))

    def _named(self, root: Path) -> str:
        inside = root.is_relative_to(self._base)
        return root.relative_to(self._base).as_posix() if inside else str(root)

    def remove_stores(self, ids: Iterable[int]) -> int:
        """Forgets stores with all their files; returns how many assets and pictures went."""
        before = self.count()
        with self._transaction() as db:
            rows = [(id,) for id in ids]
            db.executemany("DELETE FROM files WHERE store = ?", rows)
            db.executemany("DELETE FROM stores WHERE id = ?", rows)
        return before - self.count()

    def files(self) -> dict[Path, FileState]:
        """Every file recorded, by where it is."""
        roots = self.stores()
        rows = self._rows(
            "SELECT store, path, id, size, mtime, sha256, first_seen,"
            " coalesce(json_extract(listing, '$.arrived_at'), first_seen),"
            " reason, reader, companions,"
            " (SELECT group_concat(fingerprint) FROM vectors WHERE file = id) FROM files"
        )
        found = {}
        for store, path, *state, needs, fingerprints in rows:
            companions = Companions(*map(tuple, json.loads(str(needs or "[]"))))
            known = frozenset(str(fingerprints or "").split(","))
            found[roots[store] / str(path)] = FileState(store, *state, companions, known)  # type: ignore
        return found

    def write(self, records: Iterable[tuple[FileRecord, list[VectorRecord]]]) -> None:
        """Writes files with their vectors, all or none.

        Vectors of other spaces, tags and pictures stay with a file whose content has not changed,
        whatever it is called now.
        """
        with self._transaction() as db:
            for record, vectors in records:
                signature = None if record.signature is None else record.signature.tobytes()
                # Out of the way of the new row, which is to have an id of its own.
                db.execute("UPDATE files SET path = '/' || path WHERE id = ?", (record.replaces,))
                cursor = db.execute(
                    "INSERT INTO files (store, path, size, mtime, sha256, first_seen, reason,"
                    " reader, triangles, x, y, z, unit, signature, traits, companions)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        record.store, record.path, record.size, record.mtime, record.sha256,
                        record.first_seen, record.reason, record.reader, record.triangles,
                        *(record.extents or (None, None, None)), record.unit, signature,
                        json.dumps(asdict(record.traits)) if record.traits else None,
                        json.dumps(astuple(record.companions)),
                    ),
                )  # fmt: skip
                new = cursor.lastrowid
                # What its store says of it stays until it can be asked again.
                db.execute(
                    "UPDATE files SET listing = (SELECT listing FROM files WHERE id = ?2)"
                    " WHERE id = ?1",
                    (new, record.replaces),
                )
                for table in ("vectors", "tags", "thumbnails", "pictures"):
                    # The same content is the same thing; how it looks depends on its reader, too.
                    reader = record.reader if table != "tags" else None
                    db.execute(
                        f"UPDATE {table} SET file = ?1 WHERE file = (SELECT id FROM files"
                        " WHERE id = ?2 AND sha256 = ?3 AND reader = coalesce(?4, reader))",
                        (new, record.replaces, record.sha256, reader),
                    )
                db.execute("DELETE FROM files WHERE id = ?", (record.replaces,))
                db.executemany(
                    "REPLACE INTO vectors (file, space, fingerprint, vector, views)"
                    " VALUES (?, ?, ?, ?, ?)",
                    [
                        (
                            new,
                            v.space,
                            v.fingerprint,
                            v.vector.tobytes(),
                            None if v.views is None else v.views.tobytes(),
                        )
                        for v in vectors
                    ],
                )
                if record.thumbnail:
                    db.execute("REPLACE INTO thumbnails VALUES (?, ?)", (new, record.thumbnail))
                db.executemany(
                    "REPLACE INTO pictures (file, view, picture, features) VALUES (?, ?, ?, ?)",
                    [
                        (new, view, kept.picture, kept.features)
                        for view, kept in enumerate(record.pictures)
                    ],
                )

    def touch(self, files: Iterable[tuple[int, int, int]]) -> None:
        """Records a new (id, size, mtime) of files whose content has not changed."""
        with self._transaction() as db:
            db.executemany("UPDATE files SET size = ?2, mtime = ?3 WHERE id = ?1", list(files))

    def set_unreachable(self, ids: Iterable[int]) -> None:
        """Marks files that could not be read now: no one waits for their vectors until they are."""
        with self._transaction() as db:
            rows = [(_UNKNOWN, id) for id in ids]
            db.executemany("UPDATE files SET mtime = ? WHERE id = ?", rows)

    def set_listings(self, store: int, listings: Mapping[str, Listing]) -> None:
        """Replaces what a store says of its assets, by path."""
        rows = [(json.dumps(listing.to_json()), store, path) for path, listing in listings.items()]
        with self._transaction() as db:
            db.execute("UPDATE files SET listing = NULL WHERE store = ?", (store,))
            db.executemany("UPDATE files SET listing = ? WHERE store = ? AND path = ?", rows)

    def reassign(self, files: Iterable[tuple[int, int, str]]) -> None:
        """Hands files, by id, to another store, by its id, where each has another path.

        They arrived when they did, though that store may not list them.
        """
        with self._transaction() as db:
            db.executemany(
                "UPDATE files SET store = ?2, path = ?3, first_seen ="
                " coalesce(json_extract(listing, '$.arrived_at'), first_seen) WHERE id = ?1",
                list(files),
            )

    def remove(self, ids: Iterable[int]) -> None:
        """Forgets files and their vectors."""
        with self._transaction() as db:
            db.executemany("DELETE FROM files WHERE id = ?", [(id,) for id in ids])

    def thumbnail(self, id: int) -> bytes | None:
        """A picture of an asset as WebP, where one was taken."""
        rows = self._rows("SELECT picture FROM thumbnails WHERE file = ?", (id,))
        return bytes(rows[0][0]) if rows else None  # type: ignore[call-overload]

    def thumbnails(self) -> dict[int, bytes]:
        """The pictures of all assets that have one, as WebP."""
        rows = self._rows("SELECT file, picture FROM thumbnails")
        return {int(str(id)): bytes(picture) for id, picture in rows}  # type: ignore[call-overload]

    def kept(self, id: int, view: int) -> Kept | None:
        """What is kept of a view of a mesh, or of a picture, which has one; None if nothing."""
        rows = self._rows(
            "SELECT picture, features FROM pictures WHERE file = ? AND view = ?", (id, view)
        )
        return Kept(*map(bytes, rows[0])) if rows else None  # type: ignore[arg-type]

    def set_tags(self, ids: Iterable[int], tags: Iterable[tuple[int, str, float]]) -> None:
        """Replaces the tags of some assets, by their ids, by (asset's id, label, probability)."""
        with self._transaction() as db:
            db.executemany("DELETE FROM tags WHERE file = ?", [(id,) for id in ids])
            db.executemany("INSERT INTO tags VALUES (?, ?, ?)", list(tags))

    def tags(self) -> dict[int, dict[str, float]]:
        """Labels with their probabilities, best first, by asset."""
        found: dict[int, dict[str, float]] = {}
        for row in self._rows(
            "SELECT file, label, probability FROM tags ORDER BY probability DESC"
        ):
            found.setdefault(int(str(row[0])), {})[str(row[1])] = float(str(row[2]))
        return found

    def assets(self) -> dict[int, Asset]:
        """All assets by id, ordered by store and path; pictures are none."""
        roots = self.stores()
        prefixes = _prefixes(roots)
        rows = self._rows(
            "SELECT files.id, store, path, triangles, x, y, z, unit, first_seen, signature,"
            " traits, listing, up FROM files JOIN stores ON store = stores.id"
            " WHERE triangles IS NOT NULL ORDER BY store, path"
        )
        tags = self.tags()
        listings = [Listing.from_json(json.loads(str(row[11] or "{}"))) for row in rows]
        return {
            int(str(row[0])): Asset(
                path=roots[int(str(row[1]))] / str(row[2]),
                id=str(row[2]),
                shown_as=prefixes[int(str(row[1]))] + str(row[2]),
                triangles=int(str(row[3])),
                extents=(float(str(row[4])), float(str(row[5])), float(str(row[6]))),
                unit=None if row[7] is None else float(str(row[7])),
                arrived_at=listing.arrived_at or str(row[8]),
                signature=np.frombuffer(row[9], np.float32),  # type: ignore[call-overload]
                tags={**dict.fromkeys(listing.tags, 1.0), **tags.get(int(str(row[0])), {})}
                | dict.fromkeys(listing.tags, 1.0),
                traits=_traits(row[10]),
                up=row[12],  # type: ignore[arg-type]
                listing=listing,
            )
            for row, listing in zip(rows, listings, strict=True)
        }

    def vectors(self, space: str, fingerprint: str) -> tuple[NDArray[np.int64], Embeddings]:
        """Ids (N,) and vectors (N, D) of one fingerprint, by store and path."""
        rows = self._rows(
            "SELECT file, vector FROM vectors JOIN files ON file = id"
            " WHERE space = ? AND fingerprint = ? ORDER BY store, path",
            (space, fingerprint),
        )
        ids = np.array([row[0] for row in rows], dtype=np.int64)
        stacked = np.frombuffer(b"".join(bytes(row[1]) for row in rows), np.float32)  # type: ignore
        return ids, stacked.reshape(len(rows), -1 if rows else 0)

    def views(
        self, ids: Sequence[int], space: str, fingerprint: str
    ) -> Iterator[tuple[int, NDArray[np.float16]]]:
        """The (V * I,) numbers of single views of those of the assets that have them."""
        for id in ids:
            rows = self._rows(
                "SELECT views FROM vectors WHERE file = ? AND space = ? AND fingerprint = ?"
                " AND views IS NOT NULL",
                (id, space, fingerprint),
            )
            for (views,) in rows:
                yield id, np.frombuffer(views, np.float16)  # type: ignore[call-overload]

    def stores_of_meshes(self, space: str) -> set[int]:
        """Ids of the stores of which meshes have vectors of a space."""
        rows = self._rows(
            "SELECT DISTINCT store FROM files JOIN vectors ON file = id"
            " WHERE space = ? AND triangles IS NOT NULL",
            (space,),
        )
        return {int(str(row[0])) for row in rows}

    def lacking(self, space: str, fingerprint: str) -> dict[int, int]:
        """How many assets have no vector of this fingerprint, but might, by their store's id."""
        rows = self._rows(
            f"SELECT store, COUNT(*) FROM files WHERE triangles IS NOT NULL AND mtime != {_UNKNOWN}"
            " AND NOT EXISTS"
            " (SELECT 1 FROM vectors WHERE file = id AND space = ? AND fingerprint = ?)"
            " GROUP BY store",
            (space, fingerprint),
        )
        return {int(str(store)): int(str(count)) for store, count in rows}

    def count(self) -> int:
        """Of files that could be read."""
        return int(str(self._rows("SELECT COUNT(*) FROM files WHERE reason IS NULL")[0][0]))

    def count_objects(self) -> int:
        """Of those, the objects that others hold."""
        held = " OR ".join(f"path LIKE '%{suffix}!/%'" for suffix in KITS)
        rows = self._rows(f"SELECT COUNT(*) FROM files WHERE reason IS NULL AND ({held})")
        return int(str(rows[0][0]))

    def places(self, ids: Sequence[int]) -> dict[int, tuple[Path, bool]]:
        """Of files by their ids: where each is, and whether it is a mesh."""
        roots = self.stores()
        rows = self._rows(
            "SELECT id, store, path, triangles FROM files"
            " WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(ids)),),
        )
        return {
            int(str(id)): (roots[int(str(store))] / str(path), triangles is not None)
            for id, store, path, triangles in rows
        }

    def all_views(
        self, space: str, fingerprint: str
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float16]]:
        """Of every view of every file: the file's id, the view's number, its (I,) vector."""
        rows = self._rows(
            "SELECT file, views, length(vector) / 4 FROM vectors WHERE space = ?"
            " AND fingerprint = ? AND views IS NOT NULL ORDER BY file",
            (space, fingerprint),
        )
        if not rows:
            none = np.zeros(0, np.int64)
            return none, none, np.zeros((0, 0), np.float16)
        dim = int(str(rows[0][2]))
        counts = np.array([len(row[1]) // (2 * dim) for row in rows])  # type: ignore[arg-type]
        ids = np.repeat(np.array([row[0] for row in rows], np.int64), counts)
        numbers = np.arange(len(ids)) - np.repeat(np.cumsum(counts) - counts, counts)
        views = np.frombuffer(b"".join(bytes(row[1]) for row in rows), np.float16)  # type: ignore
        return ids, numbers, views.reshape(-1, dim)


def _prefixes(roots: Mapping[int, Path]) -> dict[int, str]:
    """What stands before an asset's id, to tell it from those of other stores, by the store's."""
    if len(roots) == 1:
        return dict.fromkeys(roots, "")
    names = Counter(root.name for root in roots.values())
    return {
        id: f"{root.name if names[root.name] == 1 else root.as_posix()}/"
        for id, root in roots.items()
    }


def _traits(text: object) -> Traits | None:
    if text is None:
        return None
    given = json.loads(str(text))
    return Traits(**(given | {"animations": tuple(given["animations"])}))
