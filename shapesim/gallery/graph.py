"""The graph beside a catalogue: a cache, trusted only where this user's key signed it.

PyNNDescent keeps its index as a pickle, and a pickle can run any code. The file therefore carries
a keyed digest (HMAC-SHA256); the key lies in the user's own data folder and never in the gallery.
A graph that came with somebody else's gallery, or was altered, is not read: exact search answers
until the next ``index`` builds another.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import pickle
import secrets
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_data_path

from shapesim.errors import GalleryError, ShapesimError
from shapesim.indexes import ExactIndex
from shapesim.indexes.nndescent import NNDescentIndex
from shapesim.types import Embeddings
from shapesim.writing import replaced

_DIGEST = hashlib.sha256().digest_size


class GraphFile:
    """The graph over the vectors of one space.

    Args:
        path: of the file.
        owner: names the gallery and the embedder; a graph of another owner is no good.
    """

    def __init__(self, path: Path, owner: str) -> None:
        self._path = path
        self._owner = owner
        self._read: tuple[NDArray[np.int64], NNDescentIndex] | None = None

    def delete(self) -> None:
        """Removes the file."""
        self._read = None
        self._path.unlink(missing_ok=True)

    def build(self, ids: NDArray[np.int64], vectors: Embeddings) -> None:
        """Builds the graph over (N,) ids and (N, D) vectors and puts it in place at once."""
        index = NNDescentIndex(vectors)
        content = pickle.dumps((self._owner, ids, index), protocol=5)
        self._read = None
        try:
            with replaced(self._path) as temporary:
                temporary.write_bytes(hmac.digest(_key(), content, "sha256") + content)
        except ShapesimError as error:
            raise GalleryError(str(error)) from error

    def overlap(self, ids: NDArray[np.int64]) -> float:
        """Ids that the graph holds, as a share of both together; 0 without a usable graph."""
        self._read = None  # as it is now
        loaded = self._load()
        if loaded is None:
            return 0.0
        return len(np.intersect1d(ids, loaded[0])) / len(np.union1d(ids, loaded[0]))

    def query(
        self, ids: NDArray[np.int64], stored: Embeddings, vectors: Embeddings, k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]] | None:
        """The nearest ids: those of the graph that still exist, and by exact search the new ones.

        Args:
            ids: (N,) ids that exist now.
            stored: (N, D) their vectors.
            vectors: (Q, D) queries.
            k: at least 1.

        Returns:
            (Q, min(k, N)) ids and cosine distances, ascending; None without a usable graph, or
            where so many of its neighbours are gone that fewer than k remain.
        """
        loaded = self._load()
        if loaded is None:
            return None
        known, index = loaded
        gone = int((~np.isin(known, ids)).sum())
        rows, distances = index.query(vectors, k + min(gone, k))
        found = known[rows]
        distances = np.where(np.isin(found, ids), distances, np.float32(np.inf))
        fresh = np.flatnonzero(~np.isin(ids, known))
        if len(fresh):
            new_rows, new_distances = ExactIndex(stored[fresh]).query(vectors, k)
            found = np.hstack([found, ids[fresh][new_rows]])
            distances = np.hstack([distances, new_distances])
        order = np.argsort(distances, axis=1, kind="stable")[:, : min(k, len(ids))]
        distances = np.take_along_axis(distances, order, 1)
        if not np.isfinite(distances).all():
            return None
        return np.take_along_axis(found, order, 1), distances

    def _load(self) -> tuple[NDArray[np.int64], NNDescentIndex] | None:
        if self._read:
            return self._read
        try:
            content = self._path.read_bytes()
            digest, content = content[:_DIGEST], content[_DIGEST:]
            if not hmac.compare_digest(digest, hmac.digest(_key(), content, "sha256")):
                return None
            owner, ids, index = pickle.loads(content)
        except Exception:  # gone, or written with another version of a library
            return None
        self._read = (ids, index) if owner == self._owner else None
        return self._read


def _key() -> bytes:
    """This user's secret, made at its first use."""
    path = user_data_path("shapesim", appauthor=False) / "graph.key"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_bytes(secrets.token_bytes(32))
        temporary.chmod(0o600)
        os.replace(temporary, path)
    return path.read_bytes()
