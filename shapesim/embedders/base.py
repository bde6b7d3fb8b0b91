"""What every embedder has, and the batching that they share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapesim.blas import one_thread
from shapesim.errors import ShapesimError, WeightsError
from shapesim.types import Embeddings, Mesh, Raster
from shapesim.writing import replaced


@dataclass(frozen=True, slots=True)
class Embedded:
    """Embedded items of one space.

    Attributes:
        vectors: (N, D) unit rows.
        views: of each item (V, I) unit rows, float16, of its single views; None where the embedder
            does not look from several sides.
    """

    vectors: Embeddings
    views: list[NDArray[np.float16]] | None = None


class Embedder(ABC):
    """Turns items into unit vectors of one space, in two steps.

    ``prepare`` needs no network and runs beside the file reader in a worker process; the network
    runs once for a whole batch, in the main process. An embedder can be pickled, and then reads its
    weights anew where it embeds; it holds no network until it first does.

    Attributes:
        name: ``architecture.data`` of its weights.
        space: of its vectors; vectors of different spaces are never compared.
        dim: D, length of a vector.
        fingerprint: digest of weights and preprocessing. Vectors of different fingerprints are
            never compared.
    """

    name: str
    space: str
    dim: int
    fingerprint: str
    batch_size: int = 64

    @abstractmethod
    def prepare(self, item: Mesh | Raster) -> Any:
        """One item as picklable arrays, of which every item has the same.

        Raises:
            TypeError: the space has no place for such an item.
        """

    @abstractmethod
    def embed_batch(self, prepared: Sequence[Any]) -> Embeddings:
        """At most ``batch_size`` of what ``prepare`` gave, to (B, D) unit rows."""

    def load(self) -> None:  # noqa: B027 - an embedder may have nothing to load
        """Loads the network before it is needed, such as in a thread while files are read."""

    def thumbnail(self, prepared: Any) -> Raster | None:
        """A small picture of a prepared item, where the embedder has looked at one."""
        return None

    def pictures(self, item: Mesh | Raster, prepared: Any) -> Sequence[Raster]:
        """(H, W, 3) views of an item, or itself, where found pictures are compared with them again.

        Args:
            item: a mesh, or a picture.
            prepared: the same, prepared.
        """
        return ()

    @property
    def option(self) -> str:
        """What names it after ``--by``."""
        return self.space

    @property
    def parts(self) -> tuple[tuple[Embedder, float], ...]:
        """The embedders whose vectors a gallery keeps, and the weight of each one's similarity."""
        return ((self, 1.0),)

    def embed_parts(self, prepared: Sequence[Any]) -> list[Embedded]:
        """Any number of prepared items by each of the parts."""
        return [Embedded(self.embed_prepared(prepared))]

    def embed_prepared(self, prepared: Sequence[Any]) -> Embeddings:
        """Any number of prepared items to (N, D) unit rows."""
        batches = [
            self.embed_batch(prepared[start : start + self.batch_size])
            for start in range(0, len(prepared), self.batch_size)
        ]
        return np.concatenate([np.zeros((0, self.dim), np.float32), *batches])

    def embed_stream(
        self, prepared: Iterable[tuple[Path, Any]]
    ) -> Iterator[tuple[Path, NDArray[np.float32]]]:
        """Prepared items with their files, to (D,) unit rows; keeps no more than a batch."""
        items = iter(prepared)
        while batch := list(islice(items, self.batch_size)):
            rows = self.embed_batch([item for _, item in batch])
            yield from zip((path for path, _ in batch), rows, strict=True)

    def embed(self, items: Sequence[Mesh | Raster]) -> Embeddings:
        """Items to (N, D) float32, unit rows."""
        return self.embed_prepared([self.prepare(item) for item in items])

    def __getstate__(self) -> dict[str, Any]:
        """Workers prepare only: networks, which are cached properties, stay behind."""
        return {
            key: value
            for key, value in self.__dict__.items()
            if not isinstance(getattr(type(self), key, None), cached_property)
        }


_WEIGHTS = Path(__file__).parent / "weights"


def weights_file(weights: str | Path) -> Path:
    """The file of weights that ship, by their name, or of others, by their path."""
    path = Path(weights)
    return path if path.suffix == ".safetensors" else _WEIGHTS / f"{weights}.safetensors"


def read_weights(path: Path, needed: Collection[str], kind: str) -> dict[str, NDArray[Any]]:
    """Tensors of a file as float32; ``ranges`` is JSON as bytes.

    Args:
        path: a ``.safetensors`` file.
        needed: names of tensors that it must hold.
        kind: what the weights are for.

    Raises:
        WeightsError: there are no such weights, or they are damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors = load_file(path)
    except FileNotFoundError:
        raise WeightsError(f"no {kind} weights named '{path.stem}'") from None
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path}: cannot be read ({error}); install anew") from error
    if not tensors.keys() >= set(needed):
        raise WeightsError(f"{path}: holds no {kind} weights")
    return {
        name: value if name == "ranges" else value.astype(np.float32)
        for name, value in tensors.items()
    }


def check_weights_file(path: Path) -> None:
    """Whether weights can be written there, asked before long work instead of after it.

    Raises:
        ShapesimError: they cannot.
    """
    if path.suffix != ".safetensors" or not path.parent.is_dir():
        raise ShapesimError(f"{path}: name a .safetensors file in a folder that is there")


def write_weights(tensors: Mapping[str, NDArray[Any]], path: Path) -> None:
    """Writes what ``read_weights`` reads, all or nothing."""
    from safetensors.numpy import save_file

    with replaced(path) as temporary:
        save_file(dict(tensors), temporary)
        temporary.chmod(0o644)  # safetensors writes files that only their owner can read


def projected(
    features: NDArray[np.float32],
    weights: Mapping[str, NDArray[np.float32]],
    name: str = "project",
) -> Embeddings:
    """(N, F) features to (N, D) unit rows, by two layers of a name and what scales their input."""
    with one_thread():
        hidden = (features - weights["mean"]) / weights["deviation"]
        hidden = hidden @ weights[f"{name}.0.weight"].T + weights[f"{name}.0.bias"]
        rows = np.maximum(hidden, 0) @ weights[f"{name}.1.weight"].T + weights[f"{name}.1.bias"]
    return normalised(rows)


def normalised(vectors: NDArray[np.float32]) -> Embeddings:
    """Rows of unit length."""
    unit: Embeddings = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
    return unit
