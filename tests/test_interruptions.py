"""Indexing that is killed, stopped, doubled or out of space."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import trimesh
from filelock import FileLock

from shapesim.embedders import ShapeEmbedder
from shapesim.errors import GalleryBusyError, GalleryError
from shapesim.gallery import Gallery
from shapesim.indexing import index_stores
from tests.conftest import SAMPLES
from tests.stores import counts, run

INDEX_BY_SHAPE = [sys.executable, "-m", "shapesim", "index", "--by", "shape"]


def recorded(gallery: Path) -> int:
    """Files that the catalogue holds at this moment."""
    if not (gallery / "gallery.sqlite").is_file():
        return 0
    with closing(sqlite3.connect(gallery / "gallery.sqlite")) as db:
        try:
            return int(db.execute("SELECT count(*) FROM files").fetchone()[0])
        except sqlite3.OperationalError:  # killed before its tables were there
            return 0


def test_two_writers_do_not_meet(store: Path, gallery: Path, embedder: ShapeEmbedder) -> None:
    """A second index on one gallery is refused while the first holds the lock."""
    gallery.mkdir()
    with FileLock(gallery / "lock"), pytest.raises(GalleryBusyError, match="another"):
        run(store, embedder, gallery)


def test_a_damaged_catalogue_is_named(store: Path, gallery: Path, embedder: ShapeEmbedder) -> None:
    """A file that is no database gives one line that says what to do."""
    gallery.mkdir()
    (gallery / "gallery.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(GalleryError, match="delete the gallery"):
        run(store, embedder, gallery)


def test_a_full_disk_loses_nothing_written(
    store: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """SQLite refuses to grow: the error says so, and what was there is there."""
    run(store, embedder, gallery)
    for number in range(40):
        trimesh.creation.box((1, 2 + number, 1)).export(store / f"more{number}.stl")
    with Gallery(gallery) as opened:
        opened.catalogue._db.execute("PRAGMA max_page_count = 1")
        with pytest.raises(GalleryError, match="free some space"):
            index_stores(opened, [store], embedder)
    with Gallery(gallery) as opened:
        assert len(opened.assets) == 3
        assert counts(index_stores(opened, [store], embedder)) == (40, 0, 3, 0, 1)


def test_killed_at_any_moment_the_next_run_ends_alike(tmp_path: Path) -> None:
    """Kill -9 while starting and between two batches; then the gallery equals a clean one."""
    command = [*INDEX_BY_SHAPE, str(SAMPLES / "store"), "--gallery"]
    killed_in = tmp_path / "killed"
    for rows in (0, 1):
        process = subprocess.Popen(
            [*command, str(killed_in)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(0.5)
        while recorded(killed_in) < rows:
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert recorded(killed_in) < 69
    for name in ("killed", "clean"):
        subprocess.run([*command, str(tmp_path / name)], check=True, capture_output=True)
    embedder = ShapeEmbedder()
    with Gallery(killed_in) as killed, Gallery(tmp_path / "clean") as clean:
        assert [a.id for a in killed.assets.values()] == [a.id for a in clean.assets.values()]
        assert len(killed.assets) == 69
        cosines = (killed.vectors(embedder)[1] * clean.vectors(embedder)[1]).sum(axis=1)
        assert (cosines > 0.9995).all()


def test_two_first_runs_at_once_do_not_harm_each_other(tmp_path: Path) -> None:
    """One of them indexes everything; the other does so too, or says that the first is at work."""
    command = [*INDEX_BY_SHAPE, str(SAMPLES / "store"), "--gallery"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    runs = [subprocess.Popen([*command, str(tmp_path / "g")], text=True, **pipes) for _ in "ab"]  # type: ignore[call-overload]
    messages = [run.communicate()[1] for run in runs]
    codes = sorted(run.returncode for run in runs)
    assert codes in ([0, 0], [0, 1])
    if codes == [0, 1]:
        assert any(
            "another 'shapesim index' or 'watch' is at work" in message for message in messages
        )
    assert recorded(tmp_path / "g") == 69


def test_what_was_read_before_an_interruption_is_kept(
    store: Path, gallery: Path, embedder: ShapeEmbedder
) -> None:
    """Though there was no batch yet."""

    def lose_patience(done: int, total: int, failed: int) -> None:
        if done - failed == 2:
            raise KeyboardInterrupt

    with Gallery(gallery, create=True) as opened:
        with pytest.raises(KeyboardInterrupt):
            index_stores(opened, [store], embedder, progress=lose_patience)
        assert opened.catalogue.count() == 2
    assert run(store, embedder, gallery).added == 1


def test_what_is_embedded_when_the_user_has_had_enough_is_kept(
    store: Path, gallery: Path, embedder: ShapeEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C within a batch: it is embedded to its end, and written."""
    embed, calls = ShapeEmbedder.embed_batch, []

    def lose_patience(self: ShapeEmbedder, prepared: Any) -> Any:
        calls.append(len(prepared))
        if len(calls) == 1:
            signal.raise_signal(signal.SIGINT)
        return embed(self, prepared)

    monkeypatch.setattr("shapesim.recording._BATCH", 2)
    monkeypatch.setattr(ShapeEmbedder, "embed_batch", lose_patience)
    # What runs in a shell's background does not hear of Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with Gallery(gallery, create=True) as opened:
        with pytest.raises(KeyboardInterrupt):
            index_stores(opened, [store], embedder)
        signal.signal(signal.SIGINT, before)
        assert opened.catalogue.count() == sum(calls) > 0
    monkeypatch.undo()
    assert run(store, embedder, gallery).unchanged == sum(calls)


def test_what_is_written_when_the_user_has_had_enough_is_written_once(
    store: Path, gallery: Path, embedder: ShapeEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C between the end of a batch and the start of the next."""

    def lose_patience(*_: object) -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr("shapesim.gallery.catalogue.Catalogue.touch", lose_patience)
    with Gallery(gallery, create=True) as opened, pytest.raises(KeyboardInterrupt):
        index_stores(opened, [store], embedder)
    again = run(store, embedder, gallery)
    assert (again.added, again.unchanged) == (0, 3)
