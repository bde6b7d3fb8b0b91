"""What a catalogue is given to write, and what it tells of files."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shapesim.pictures.keypoints import Kept
from shapesim.types import NO_COMPANIONS, Companions, Traits


@dataclass(frozen=True, slots=True)
class TaggedBy:
    """What assets were tagged by.

    Attributes:
        tagger: its file; None for the one that ships.
        least: probability from which a label became a tag.
        newest: the highest id that a file had then.
    """

    tagger: str | None
    least: float
    newest: int


@dataclass(frozen=True, slots=True)
class FileState:
    """What is recorded of a file, asset or not, and which embedders it went through."""

    store: int
    id: int
    size: int
    mtime: int
    sha256: str
    first_seen: str
    arrived_at: str  # as its store says, if that is listed
    reason: str | None
    reader: str
    companions: Companions
    fingerprints: frozenset[str]


@dataclass(frozen=True, slots=True)
class FileRecord:
    """What is written of a file.

    Attributes:
        replaces: id of what was recorded of the file before, or under its name before, if anything.
        reason: why it could not be used; what follows is then None.
        thumbnail: WebP.
        pictures: of each of its views, or of itself, where found pictures are compared with them.
    """

    store: int
    path: str
    size: int
    mtime: int
    sha256: str
    first_seen: str
    reader: str
    companions: Companions = NO_COMPANIONS
    replaces: int | None = None
    reason: str | None = None
    triangles: int | None = None
    extents: tuple[float, float, float] | None = None
    unit: float | None = None
    signature: NDArray[np.float32] | None = None
    thumbnail: bytes | None = None
    pictures: tuple[Kept, ...] = ()
    traits: Traits | None = None


@dataclass(frozen=True, slots=True)
class VectorRecord:
    """What is written of an asset's embedding.

    Attributes:
        space: of the embedder.
        fingerprint: of the embedder.
        vector: (D,) float32.
        views: (V, I) float16 of its single views, if the embedder has them.
    """

    space: str
    fingerprint: str
    vector: NDArray[np.float32]
    views: NDArray[np.float16] | None = None
