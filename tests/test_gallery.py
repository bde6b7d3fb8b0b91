"""Searching a gallery: its indexes against brute force, and the trust in its graph.

In one file, so that one process compiles the graph's code: that takes minutes.
"""

from __future__ import annotations

import pickle
import sqlite3
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from shapesim.embedders import ShapeEmbedder
from shapesim.errors import (
    EmbedderMismatchError,
    GalleryBusyError,
    GalleryError,
    GalleryNotFoundError,
)
from shapesim.gallery import Gallery
from shapesim.gallery.records import FileRecord, VectorRecord
from shapesim.indexes import ExactIndex, Index
from shapesim.indexes.nndescent import NNDescentIndex
from shapesim.swap import Query, recommend


def unit_rows(count: int, dim: int, seed: int) -> NDArray[np.float32]:
    """Random directions."""
    rows = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(scope="module", params=["exact", "graph"])
def index(request: pytest.FixtureRequest) -> Index:
    """Both indexes over the same 300 vectors."""
    vectors = unit_rows(300, 16, 0)
    if request.param == "exact":
        return ExactIndex(vectors)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numba and scipy warn of each other's deprecations
        return NNDescentIndex(vectors)


def test_assets_are_shown_with_their_store_where_there_are_several(tmp_path: Path) -> None:
    """By its name; or by all of its path where two have that name."""
    names = ("a/first", "b/second", "c/second")
    shown = []
    with Gallery(tmp_path / "gallery", create=True) as gallery:
        for name in names:
            (tmp_path / name).mkdir(parents=True)
            store, _ = gallery.catalogue.add_store(tmp_path / name)
            record = FileRecord(
                store=store, path="pack/x.obj", size=1, mtime=1, sha256="", reader="",
                first_seen="2026-01-01T00:00:00+00:00", triangles=1, extents=(1.0, 1.0, 1.0),
                signature=np.zeros(13, np.float32),
            )  # fmt: skip
            gallery.catalogue.write([(record, [])])
            shown.append([asset.shown_as for asset in gallery.catalogue.assets().values()])
    assert shown[0] == ["pack/x.obj"]
    assert shown[1] == ["first/pack/x.obj", "second/pack/x.obj"]
    seconds = [f"{(tmp_path / name).resolve().as_posix()}/pack/x.obj" for name in names[1:]]
    assert shown[2] == ["first/pack/x.obj", *seconds]


@pytest.mark.parametrize("k", [1, 5, 8, 20])
def test_of_equals_the_first_are_taken(k: int) -> None:
    """Whichever would be cut off: as by a stable sort of all."""
    vectors = unit_rows(7, 16, 0)[np.random.default_rng(1).integers(7, size=60)]
    queries = unit_rows(9, 16, 2)
    rows, _ = ExactIndex(vectors).query(queries, k)
    order = np.argsort(1 - queries @ vectors.T, axis=1, kind="stable")
    np.testing.assert_array_equal(rows, order[:, :k])


@pytest.mark.parametrize("k", [1, 10, 300, 1000])
def test_answers_equal_brute_force(index: Index, k: int) -> None:
    """Rows and distances are those of a full sort, also where k exceeds the number of vectors."""
    vectors, queries = unit_rows(300, 16, 0), unit_rows(17, 16, 1)
    rows, distances = index.query(queries, k)
    expected = 1 - queries @ vectors.T
    order = np.argsort(expected, axis=1)[:, : min(k, 300)]
    if k <= 10 or isinstance(index, ExactIndex):  # a graph need not lead to every vector
        np.testing.assert_array_equal(rows, order)
        np.testing.assert_allclose(distances, np.take_along_axis(expected, order, 1), atol=1e-5)
    assert rows.shape == order.shape
    assert (np.diff(distances, axis=1) >= 0).all()
    assert all(len(set(row)) == len(row) for row in rows.tolist())


def fill(
    gallery: Gallery, embedder: ShapeEmbedder, vectors: NDArray[np.float32], first: int
) -> None:
    """Writes assets with given vectors."""
    store, _ = gallery.catalogue.add_store(gallery.folder)
    gallery.catalogue.write(
        (
            FileRecord(
                store=store, path=f"{first + row:05}.obj", size=1, mtime=1, sha256="", reader="",
                first_seen="2026-01-01T00:00:00+00:00", triangles=1, extents=(1.0, 1.0, 1.0),
                signature=np.zeros(13, np.float32),
            ),
            [VectorRecord(embedder.space, embedder.fingerprint, vector)],
        )
        for row, vector in enumerate(vectors)
    )  # fmt: skip
    gallery.refresh()


class Bomb:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.mark,)


def test_graph_and_exact_search_agree_through_changes(
    tmp_path: Path, embedder: ShapeEmbedder
) -> None:
    """Also with assets added and removed since the graph was built, and with a foreign graph."""
    warnings.simplefilter("ignore")  # numba and scipy warn of each other's deprecations
    queries = unit_rows(9, embedder.dim, 5)
    with Gallery(tmp_path, create=True, graph_from=200) as gallery:
        fill(gallery, embedder, unit_rows(250, embedder.dim, 1), 0)
        assert "built over 250" in gallery.update_graph(embedder)
        graph_file = tmp_path / "graph-shape"
        assert graph_file.is_file()

        fill(gallery, embedder, unit_rows(10, embedder.dim, 2), 250)
        ids, _ = gallery.vectors(embedder)
        gallery.catalogue.remove([*ids[:3].tolist(), *ids[-4:].tolist()])
        fill(gallery, embedder, unit_rows(4, embedder.dim, 3), 260)
        gallery.refresh()
        assert "newest by exact" in gallery.update_graph(embedder)
        by_graph = gallery.search(embedder, queries, 10)
        everything = np.ones(len(gallery.assets), dtype=bool)
        exact = gallery.search(embedder, queries, 10, among=everything)
        assert np.isin(by_graph[0], list(gallery.assets)).all()
        np.testing.assert_array_equal(by_graph[0], exact[0])
        np.testing.assert_allclose(by_graph[1], exact[1], atol=1e-5)

        mark = tmp_path / "exploded"
        graph_file.write_bytes(b"\0" * 32 + pickle.dumps(Bomb(mark)))
        np.testing.assert_array_equal(gallery.search(embedder, queries, 10)[0], exact[0])
        assert not mark.exists()
        assert "built over 257" in gallery.update_graph(embedder)

        nearest = gallery.search(embedder, queries[:1], 30)[0][0]
        gallery.catalogue.remove(nearest[:25].tolist())
        gallery.refresh()
        left = gallery.search(embedder, queries[:1], 10)[0][0]
        np.testing.assert_array_equal(left[:5], nearest[25:])


def test_a_small_gallery_has_no_graph(tmp_path: Path, embedder: ShapeEmbedder) -> None:
    """Below the limit the answer says exact search."""
    with Gallery(tmp_path, create=True) as gallery:
        fill(gallery, embedder, unit_rows(5, embedder.dim, 1), 0)
        assert "exact search" in gallery.update_graph(embedder)
        assert not (tmp_path / "graph-shape").exists()


def test_a_gallery_is_found_from_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The nearest parent's gallery counts, as with git."""
    Gallery(tmp_path / ".shapesim", create=True).catalogue.close()
    (tmp_path / "game" / "props").mkdir(parents=True)
    assert Gallery.locate(tmp_path / "game" / "props") == tmp_path / ".shapesim"


def test_no_gallery_says_how_to_make_one(tmp_path: Path) -> None:
    """The message names the command."""
    with pytest.raises(GalleryNotFoundError, match="shapesim index"):
        Gallery(tmp_path)


@pytest.mark.parametrize(("version", "message"), [(9, "index anew"), (1000, "update this one")])
def test_a_gallery_of_another_version_is_left_alone(
    version: int, message: str, tmp_path: Path
) -> None:
    """Nobody deletes what a team shares; what to do is said."""
    with Gallery(tmp_path, create=True):
        pass
    with closing(sqlite3.connect(tmp_path / "gallery.sqlite")) as db, db:
        db.execute(f"PRAGMA user_version = {version}")
    for create in (False, True):
        with pytest.raises(GalleryError, match=message):
            Gallery(tmp_path, create=create)


def test_a_picture_is_compared_with_single_views(tmp_path: Path, embedder: ShapeEmbedder) -> None:
    """Among assets that come near alike, the one of which a view agrees is first."""
    views = unit_rows(12, 8, 3).reshape(4, 3, 8)
    vectors = np.repeat(unit_rows(1, embedder.dim, 1), 4, axis=0)
    with Gallery(tmp_path, create=True) as gallery:
        store, _ = gallery.catalogue.add_store(tmp_path)
        for row in range(4):
            record = FileRecord(
                store=store, path=f"{row}.obj", size=1, mtime=1, sha256="", reader="",
                first_seen="2026-01-01T00:00:00+00:00", triangles=1, extents=(1.0, 1.0, 1.0),
                signature=np.full(13, row, np.float32),
            )  # fmt: skip
            stored = views[row].astype(np.float16)
            vector = VectorRecord(embedder.space, embedder.fingerprint, vectors[row], stored)
            gallery.catalogue.write([(record, [vector])])
        gallery.refresh()
        for row in range(4):
            query = Query(vectors[0], view=views[row, 1])
            (matches,) = recommend(gallery, embedder, [query], k=4)
            assert matches[0].asset.id == f"{row}.obj"
            assert abs(matches[0].score - 1) < 1e-2
            best = (views @ views[row, 1]).max(axis=1)
            expected = [f"{other}.obj" for other in np.argsort(-best)]
            assert [match.asset.id for match in matches] == expected


def test_vectors_of_other_weights_are_never_compared(
    tmp_path: Path, embedder: ShapeEmbedder
) -> None:
    """Also not by a gallery that has compared others before."""
    other = ShapeEmbedder("resnet3d.no-kenney")
    with Gallery(tmp_path, create=True) as gallery:
        rows = unit_rows(5, embedder.dim, 1)
        fill(gallery, embedder, rows, 0)
        gallery.search(embedder, rows, 3)
        with pytest.raises(EmbedderMismatchError):
            gallery.search(other, rows, 3)


def test_a_gallery_stays_where_it_was_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the process goes, it locks the same folder."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with Gallery("here", create=True) as gallery:  # a path as text will do
        monkeypatch.chdir("elsewhere")
        with Gallery("../here") as again, again.writing(), pytest.raises(GalleryBusyError):
            gallery.writing().__enter__()
    assert not any(Path.cwd().iterdir())


def test_any_thread_searches(tmp_path: Path, embedder: ShapeEmbedder) -> None:
    """Several at once, and another one closes."""
    rows = unit_rows(50, embedder.dim, 1)
    gallery = Gallery(tmp_path, create=True)
    fill(gallery, embedder, rows, 0)
    expected = gallery.search(embedder, rows[:1], 5)[0]
    with ThreadPoolExecutor(4) as pool:

        def asked(_: int) -> bool:
            gallery.refresh()
            return np.array_equal(gallery.search(embedder, rows[:1], 5)[0], expected)

        assert all(pool.map(asked, range(40)))
        pool.submit(gallery.__exit__).result()
