"""A gallery: opening it, and searching it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from shapesim.embedders import Embedder, fuse
from shapesim.errors import (
    EmbedderMismatchError,
    GalleryBusyError,
    GalleryError,
    GalleryNotFoundError,
)
from shapesim.gallery.catalogue import Catalogue
from shapesim.gallery.graph import GraphFile
from shapesim.indexes import ExactIndex
from shapesim.types import Asset, Embeddings

CATALOGUE = "gallery.sqlite"
FOLDER = ".shapesim"
GRAPH_FROM = 200_000
"""Number of assets from which a graph is built. Below, exact search answers a query within some
20 ms (``benchmarks/graph.py``), and a command would take longer to load the graph."""


_OVERLAP = 0.9  # a graph that shares less with the assets is built anew


class Gallery:
    """Embedded assets on disk.

    Any thread may search it while none changes it.

    Args:
        folder: the gallery's own folder.
        create: whether to make it where there is none.
        graph_from: number of assets from which a graph answers instead of exact search.

    Raises:
        GalleryNotFoundError: there is none.
        GalleryError: it cannot be opened.
    """

    def __init__(
        self, folder: Path | str, create: bool = False, graph_from: int = GRAPH_FROM
    ) -> None:
        self.folder = folder = Path(folder).absolute()  # whatever the working folder is later
        self.graph_from = graph_from
        file = folder / CATALOGUE
        if create:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise GalleryError(f"{folder}: cannot be made ({error.strerror})") from error
        elif not file.is_file():
            raise GalleryNotFoundError(f"{folder}: no gallery; make one by 'shapesim index STORE'")
        self.catalogue = Catalogue(file, create)

    @staticmethod
    def locate(start: Path | str | None = None) -> Path | None:
        """The folder of the gallery in ``start`` (the working folder) or its nearest parent."""
        start = Path(start or Path.cwd()).resolve()
        for parent in (start, *start.parents):
            if (parent / FOLDER / CATALOGUE).is_file():
                return parent / FOLDER
        return None

    def __enter__(self) -> Gallery:
        return self

    def __exit__(self, *_: object) -> None:
        self.catalogue.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keeps other writers out; the system lets go of the lock when a process dies.

        Raises:
            GalleryBusyError: another process holds it.
        """
        lock = FileLock(self.folder / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise GalleryBusyError(
                f"{self.folder}: another 'shapesim index' or 'watch' is at work; run this again"
                " after it"
            ) from None
        except OSError as error:
            raise GalleryError(f"{self.folder}: cannot be written ({error.strerror})") from error
        try:
            yield
        finally:
            lock.release()
            self.refresh()

    def check_holds_assets(self) -> None:
        """Whether there is anything to be recommended.

        Raises:
            GalleryError: there is not, or not yet.
        """
        if self.assets:
            return
        try:
            with self.writing():
                pass
        except GalleryBusyError as error:
            reason = "holds no assets yet, and is being written; try again in a minute"
            raise GalleryBusyError(f"{self.folder}: {reason}") from error
        if self.catalogue.count():
            reason = "holds pictures, and no meshes; index a store of these"
            raise GalleryError(f"{self.folder}: {reason}")
        raise GalleryError(f"{self.folder}: holds no assets; run 'shapesim index STORE'")

    def refresh(self) -> None:
        """Reads anew what another gallery object or process has written."""
        for name in ("assets", "_vectors", "_graphs"):
            self.__dict__.pop(name, None)

    @cached_property
    def assets(self) -> dict[int, Asset]:
        """All assets by id."""
        return self.catalogue.assets()

    @cached_property
    def _graphs(self) -> dict[str, GraphFile]:
        return {}

    @cached_property
    def _vectors(self) -> dict[str, tuple[NDArray[np.int64], Embeddings]]:
        return {}

    def vectors(self, embedder: Embedder) -> tuple[NDArray[np.int64], Embeddings]:
        """Ids (N,) and vectors (N, D) of all assets in the embedder's space.

        Raises:
            EmbedderMismatchError: some were made by other weights or preprocessing. Those of a
                store that is gone are left out instead: they cannot be made anew.
        """
        made_by = embedder.fingerprint
        known = self._vectors
        if made_by not in known:
            parts = [self._vectors_of(part) for part, _ in embedder.parts]
            ids = parts[0][0]
            for others, _ in parts[1:]:
                ids = ids[np.isin(ids, others)]
            # Both are ordered alike, by store and path.
            rows = [vectors[np.isin(of, ids)] for of, vectors in parts]
            known[made_by] = ids, fuse(rows, embedder)
        return known[made_by]

    def _vectors_of(self, embedder: Embedder) -> tuple[NDArray[np.int64], Embeddings]:
        roots = self.catalogue.stores()
        stale = self.catalogue.lacking(embedder.space, embedder.fingerprint)
        if any(roots[store].is_dir() for store in stale):
            used = self.catalogue.embedded_by() or ""
            is_other = (
                used
                and embedder.space == "shape"
                and used.partition(":")[2] != embedder.option.partition(":")[2]
            )
            instead = f"it is by {used}: leave out --by, or " if is_other else ""
            raise EmbedderMismatchError(
                f"{self.folder}: not, or by other weights, embedded by {embedder.space}"
                f" ({embedder.name}); {instead}run 'shapesim index --by {embedder.option}' to embed"
                " its stores anew"
            )
        ids, vectors = self.catalogue.vectors(embedder.space, embedder.fingerprint)
        # What another process has written since the assets were read is not theirs.
        known = np.isin(ids, list(self.assets))
        return ids[known], vectors.reshape(len(ids), embedder.dim)[known]

    def remember(self, embedder: Embedder) -> None:
        """Sets by what meshes are compared from now on; copies are not compared.

        Shape after look, or look after shape, makes both.
        """
        options = {part.space: part.option for part, _ in embedder.parts}
        spaces = options.keys() & {"shape", "look"}
        if not spaces:
            return
        before, _, weights = (self.catalogue.embedded_by() or "").partition(":")
        spaces |= {before} & {"shape", "look"}
        if "shape" in options:
            weights = options["shape"].partition(":")[2]
        space = "both" if len(spaces) > 1 else spaces.pop()
        own = f":{weights}" if weights and space != "look" else ""
        self.catalogue.remember_embedder(space + own)

    def compared_by(self) -> str:
        """By what its meshes are compared unless something else is asked for, as ``--by`` has it.

        That is what they were last indexed by.
        """
        return self.catalogue.embedded_by() or "both"

    def graph(self, embedder: Embedder) -> GraphFile:
        """The graph file of the embedder's space."""
        if embedder.fingerprint not in self._graphs:  # to read one takes longer than to ask it
            owner = f"{self.catalogue.id()} {embedder.fingerprint}"
            file = self.folder / f"graph-{embedder.space}"
            self._graphs[embedder.fingerprint] = GraphFile(file, owner)
        return self._graphs[embedder.fingerprint]

    def update_graph(self, embedder: Embedder) -> str:
        """Builds the graph where it pays and too much is new; returns what answers: one line."""
        ids, vectors = self.vectors(embedder)
        graph = self.graph(embedder)
        if len(ids) < self.graph_from:
            graph.delete()
            return f"exact search (a graph from {self.graph_from:,} assets on)"
        if graph.overlap(ids) < _OVERLAP:
            graph.build(ids, vectors)
            return f"PyNNDescent graph, built over {len(ids)} assets"
        return f"PyNNDescent graph ({len(ids)} assets, the newest by exact search)"

    def search(
        self,
        embedder: Embedder,
        vectors: Embeddings,
        k: int,
        among: NDArray[np.bool_] | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The nearest assets of every vector.

        Args:
            embedder: whose space is searched.
            vectors: (Q, D) unit rows.
            k: at least 1.
            among: (N,) which of ``vectors(embedder)`` may be found; None for all.

        Returns:
            (Q, min(k, N)) ids and cosine distances, ascending.
        """
        ids, stored = self.vectors(embedder)
        if among is not None:
            ids, stored = ids[among], stored[among]
        elif len(ids) >= self.graph_from:
            found = self.graph(embedder).query(ids, stored, vectors, k)
            if found is not None:
                return found
        rows, distances = ExactIndex(stored).query(vectors, k)
        return ids[rows], distances

    def originals(
        self, embedder: Embedder
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], Embeddings]:
        """Every picture, and every view of a mesh, that the embedder has embedded.

        Returns:
            (N,) ids of the files, (N,) numbers of the views, and (N, D) float32 unit rows.
        """
        ids, numbers, views = self.catalogue.all_views(embedder.space, embedder.fingerprint)
        return ids, numbers, views.astype(np.float32)

    def lacking(self, embedder: Embedder) -> dict[Path, int]:
        """How many assets the embedder has not embedded, by their store, where it has others."""
        roots = self.catalogue.stores()
        known = self.catalogue.stores_of_meshes(embedder.space)
        found = self.catalogue.lacking(embedder.space, embedder.fingerprint)
        return {roots[store]: count for store, count in found.items() if store in known}

    def nearest_views(
        self, embedder: Embedder, ids: NDArray[np.int64], vector: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """How near each asset's nearest single view is to a picture.

        Args:
            embedder: that made the views' vectors.
            ids: (M,) of the assets.
            vector: (I,) unit length.

        Returns:
            (M,) cosines, NaN of assets without views.
        """
        found = {
            id: (views.reshape(-1, len(vector)).astype(np.float32) @ vector).max()
            for id, views in self.catalogue.views(
                ids.tolist(), embedder.space, embedder.fingerprint
            )
        }
        return np.array([found.get(id, np.nan) for id in ids.tolist()], np.float32)


def default_folder() -> Path | None:
    """The gallery that the environment names, or else the one located from the working folder."""
    named = os.environ.get("SHAPESIM_GALLERY")
    return Path(named) if named else Gallery.locate()
