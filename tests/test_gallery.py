"""Searching a gallery, and the trust in its graph."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from shapesim.embedders import ShapeEmbedder
from shapesim.errors import GalleryNotFoundError
from shapesim.gallery import Gallery
from shapesim.gallery.catalogue import FileRecord
from tests.test_indexes import unit_rows


def fill(
    gallery: Gallery, embedder: ShapeEmbedder, vectors: NDArray[np.float32], first: int
) -> None:
    """Writes assets with given vectors."""
    store, _ = gallery.catalogue.add_store(gallery.folder)
    gallery.catalogue.write(
        (
            FileRecord(
                store=store, path=f"{first + row:05}.obj", size=1, mtime=1, sha256="", reader="",
                arrived_at="2026-01-01T00:00:00+00:00", triangles=1, extents=(1.0, 1.0, 1.0),
                signature=np.zeros(13, np.float32),
            ),
            {embedder.space: (embedder.fingerprint, vector.tobytes())},
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
