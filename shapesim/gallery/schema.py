"""The tables of a catalogue, and how those of earlier versions are brought up to date."""

from __future__ import annotations

import secrets
import sqlite3
from pathlib import Path

from shapesim.errors import GalleryError

_SCHEMA = """
CREATE TABLE gallery (
    id TEXT NOT NULL  -- random: a graph belongs to one gallery
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
    arrived_at TEXT NOT NULL,  -- ISO 8601, UTC
    reason TEXT,               -- why it could not be used; NULL for an asset
    reader TEXT NOT NULL,      -- what read it, and how: read again by another
    triangles INTEGER, x REAL, y REAL, z REAL, unit REAL, signature BLOB,
    UNIQUE (store, path)
);
CREATE TABLE vectors (
    file INTEGER NOT NULL REFERENCES files(id) ON DELETE CASCADE,
    space TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (file, space)
) WITHOUT ROWID;
"""
# What later versions added to galleries, which can do without it until they are indexed again.
_ADDED = {
    2: """
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
""",
    3: "ALTER TABLE vectors ADD COLUMN views BLOB",  # float16, those of single views
    # JSON of Traits, and of what the store says of an asset.
    4: "ALTER TABLE files ADD COLUMN traits TEXT;\nALTER TABLE files ADD COLUMN listing TEXT",
    5: "ALTER TABLE files ADD COLUMN companions TEXT",  # JSON of Companions
    6: """
CREATE TABLE pictures (
    file INTEGER NOT NULL REFERENCES files(id) ON DELETE CASCADE,
    view INTEGER NOT NULL,
    picture BLOB NOT NULL,  -- JPEG
    PRIMARY KEY (file, view)
);
""",
    # Those kept before were of no use without.
    7: "DELETE FROM pictures;\nALTER TABLE pictures ADD COLUMN features BLOB NOT NULL DEFAULT x''",
    # What a store says of when an asset came stands in its listing, and was never yet to come.
    8: "ALTER TABLE files RENAME COLUMN arrived_at TO first_seen;\n"
    "UPDATE files SET first_seen = min(first_seen, strftime('%Y-%m-%dT%H:%M:%S+00:00', 'now'))",
    # What embeds by weights of the user's own; NULL for those of the embedders.
    9: "ALTER TABLE gallery ADD COLUMN embedded_by TEXT",
    # JSON of TaggedBy.
    10: "ALTER TABLE gallery ADD COLUMN tagged_by TEXT;\n"
    "CREATE INDEX files_by_content ON files (sha256)",
}
_VERSION = max(_ADDED)


def bring_up_to_date(db: sqlite3.Connection) -> None:
    """Makes the tables, and what later versions added, unless this or another process has."""
    db.execute("BEGIN IMMEDIATE")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version == 0:
        for statement in _SCHEMA.split(";\n"):
            db.execute(statement)
        db.execute("INSERT INTO gallery VALUES (?)", (secrets.token_hex(16),))
    for number, added in _ADDED.items():
        if version < number:
            for statement in added.split(";\n"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {number}")
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
        raise GalleryError(f"{path}: made by an older shapesim; run 'shapesim index'")
    if version > _VERSION:
        raise GalleryError(f"{path}: made by a newer shapesim; update this one")
