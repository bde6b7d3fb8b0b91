"""The tables of a catalogue."""

from __future__ import annotations

import secrets
import sqlite3
from pathlib import Path

from shapesim.errors import GalleryError

_VERSION = 10
_SCHEMA = """
CREATE TABLE gallery (
    id TEXT NOT NULL,   -- random: a graph belongs to one gallery
    embedded_by TEXT,   -- what meshes are compared by, as --by has it
    tagged_by TEXT      -- JSON of TaggedBy
);
CREATE TABLE stores (
    id INTEGER PRIMARY KEY,
    root TEXT NOT NULL UNIQUE,
    up TEXT  -- axis of all its files; NULL for what each file says
);
CREATE TABLE files (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used again: a graph may still hold it
    store INTEGER NOT NULL REFERENCES stores(id),
    path TEXT NOT NULL,        -- posix, under the store's root
    size INTEGER NOT NULL,
    mtime INTEGER NOT NULL,    -- nanoseconds; with other files that it needs, a digest
    sha256 TEXT NOT NULL,
    first_seen TEXT NOT NULL,  -- ISO 8601, UTC
    reason TEXT,               -- why it could not be used; NULL for an asset
    reader TEXT NOT NULL,      -- what read it, and how: read again by another
    triangles INTEGER, x REAL, y REAL, z REAL, unit REAL, signature BLOB,
    traits TEXT,               -- JSON of Traits
    listing TEXT,              -- JSON of what its store says of it
    companions TEXT,           -- JSON of Companions
    UNIQUE (store, path)
);
CREATE INDEX files_by_content ON files (sha256);
CREATE TABLE vectors (
    file INTEGER NOT NULL REFERENCES files(id) ON DELETE CASCADE,
    space TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    vector BLOB NOT NULL,
    views BLOB,  -- float16, those of single views
    PRIMARY KEY (file, space)
) WITHOUT ROWID;
CREATE TABLE thumbnails (
    file INTEGER PRIMARY KEY REFERENCES files(id) ON DELETE CASCADE,
    picture BLOB NOT NULL  -- WebP
);
CREATE TABLE tags (
    file INTEGER NOT NULL REFERENCES files(id) ON DELETE CASCADE,
    label TEXT NOT NULL,
    probability REAL NOT NULL,
    PRIMARY KEY (file, label)
) WITHOUT ROWID;
CREATE TABLE pictures (
    file INTEGER NOT NULL REFERENCES files(id) ON DELETE CASCADE,
    view INTEGER NOT NULL,
    picture BLOB NOT NULL,   -- JPEG
    features BLOB NOT NULL,  -- see Features.packed
    PRIMARY KEY (file, view)
);
"""


def make(db: sqlite3.Connection) -> None:
    """Makes the tables, unless this or another process has."""
    db.execute("BEGIN IMMEDIATE")
    if db.execute("PRAGMA user_version").fetchone() == (0,):
        for statement in _SCHEMA.split(";\n"):
            db.execute(statement)
        db.execute("INSERT INTO gallery (id) VALUES (?)", (secrets.token_hex(16),))
        db.execute(f"PRAGMA user_version = {_VERSION}")
    db.execute("COMMIT")


def check(db: sqlite3.Connection, path: Path) -> None:
    """Whether the tables are those of this version.

    Raises:
        GalleryError: they are not; what to do about it.
    """
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version == 0:
        raise GalleryError(f"{path}: holds nothing yet; run 'shapesim index STORE'")
    if version < _VERSION:
        raise GalleryError(f"{path}: made by an older shapesim; delete it and index anew")
    if version > _VERSION:
        raise GalleryError(f"{path}: made by a newer shapesim; update this one")
