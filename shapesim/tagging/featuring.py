"""What taggers see of files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shapesim.embedders import BothEmbedder, LookEmbedder, lite0
from shapesim.errors import AssetError, TaggerError
from shapesim.geometry import first_of_geometry
from shapesim.reading import ReadAsset, is_picture, read_assets, read_pictures
from shapesim.tagging.finetuning import Shown
from shapesim.tagging.taggers import Features, Tagger
from shapesim.types import Embeddings, UpAxis

_FLUSH = 128  # pictures that wait for the network at most


@dataclass(frozen=True, slots=True)
class Seen:
    """Features of files.

    Attributes:
        paths: N files that could be read.
        features: of N items.
        groups: (N,) copies of one thing have one number.
        failures: files that could not be read.
        warnings: what of others could not be, a line each.
    """

    paths: list[Path]
    features: Features
    groups: NDArray[np.int64]
    failures: list[AssetError]
    warnings: list[str]

    def of(self, paths: set[Path]) -> Seen:
        """What was seen of some of the files."""
        rows = np.array([row for row, path in enumerate(self.paths) if path in paths], np.int64)
        kept = [self.paths[row] for row in rows]
        return Seen(kept, self.features[rows], self.groups[rows], self.failures, self.warnings)


def see(
    paths: Sequence[Path],
    up: UpAxis | Mapping[Path, UpAxis | None] | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    trunk: lite0.State | None = None,
    shown: Shown | None = None,
    embedder: BothEmbedder | None = None,
) -> Seen:
    """Features of pictures, or of meshes, or of both.

    A tagger knows meshes by shape and look, but of both together it is asked by look alone, as of
    pictures: where meshes are to be told as well as can be, they are seen by themselves.

    Args:
        paths: of the files.
        up: the up axis of all meshes, or of each; None for what a file says.
        progress: called with the number of files done, and their total.
        trunk: of a tagger with a network of its own.
        shown: to be shown all pictures, too, to train such a network by.
        embedder: whose features they are; None for the default one.
    """
    embedder = embedder or BothEmbedder()
    (shape, _), (look, _) = embedder.parts
    assert isinstance(look, LookEmbedder)
    features = _features_by(trunk) if trunk else look.features
    unique = list(dict.fromkeys(paths))
    pictures = [path for path in unique if is_picture(path)]
    meshes = [path for path in unique if not is_picture(path)]
    waiting: list[tuple[Path, NDArray[np.uint8]]] = []
    seen: dict[Path, NDArray[np.float32]] = {}
    grids: dict[Path, NDArray[np.uint8]] = {}
    read: dict[Path, ReadAsset] = {}
    digests: dict[Path, bytes] = {}
    failures: list[AssetError] = []

    def flush() -> None:
        if waiting:
            views = np.concatenate([prepared for _, prepared in waiting])
            rows = features(views)
            starts = np.cumsum([0, *(len(prepared) for _, prepared in waiting)])
            for (path, _), start, end in zip(waiting, starts, starts[1:], strict=False):
                seen[path] = rows[start:end].mean(axis=0)
        waiting.clear()

    def note(path: Path, result: object, prepared: NDArray[np.uint8] | None) -> None:
        if isinstance(result, AssetError):
            failures.append(result)
        elif prepared is not None:
            waiting.append((path, prepared))
            if shown:
                shown.add(path, prepared[:1] if path in pictures else prepared)
        if sum(len(item) for _, item in waiting) >= _FLUSH:
            flush()
        progress(len(seen) + len(waiting) + len(failures), len(unique))

    for path, result in read_pictures(pictures, look) if pictures else ():
        pair = None
        if not isinstance(result, AssetError):
            digests[path] = hashlib.sha256(result).digest()
            # A thing and its mirror image are the same thing.
            pair = np.concatenate([result, result[:, :, ::-1]])
        note(path, result, pair)
    for path, asset in read_assets(meshes, embedder, up) if meshes else ():
        prepared = None
        if isinstance(asset, ReadAsset):
            grids[path], prepared = asset.prepared
            read[path] = replace(asset, prepared=None)  # it is large
        note(path, asset, prepared)
    flush()
    kept = [path for path in unique if path in seen]
    stacked = np.array([seen[path] for path in kept], np.float32)
    both: tuple[Embeddings, ...] = ()
    if kept and not digests and not trunk:  # all are meshes
        shapes = shape.embed_prepared([grids[path] for path in kept])
        both = (shapes, look.embed_features(stacked))
    warnings = [f"{path}: {one}" for path, asset in read.items() for one in asset.warnings]
    return Seen(kept, Features(stacked, both), _groups(kept, read, digests), failures, warnings)


def _features_by(trunk: lite0.State) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    session = lite0.session(lite0.build(trunk, None))
    return lambda pictures: np.concatenate(
        [
            session.run(["features"], {"pictures": pictures[start : start + _FLUSH]})[0]
            for start in range(0, len(pictures), _FLUSH)
        ]
    )


def fingerprints() -> dict[str, str]:
    """Of the embedders that ``see`` uses, by space."""
    return {part.space: part.fingerprint for part, _ in BothEmbedder().parts}


def check_fits(tagger: Tagger) -> None:
    """Whether a tagger knows the features that ``see`` gives.

    Raises:
        TaggerError: it was trained with other weights.
    """
    if not tagger.trunk and tagger.fingerprints != fingerprints():
        raise TaggerError(
            "the tagger was trained with other weights; train it anew by 'shapesim tags train'"
        )


def _groups(
    paths: Sequence[Path],
    read: Mapping[Path, ReadAsset],
    digests: Mapping[Path, bytes],
) -> NDArray[np.int64]:
    """(N,) the first of those that are the same: by the signature of meshes, or pixel by pixel."""
    groups = np.arange(len(paths))
    first_of: dict[bytes, int] = {}
    for row, path in enumerate(paths):
        if path in digests:
            groups[row] = first_of.setdefault(digests[path], row)
    rows = [row for row, path in enumerate(paths) if path in read]
    signatures = [found for row in rows if (found := read[paths[row]].signature) is not None]
    if not rows:
        return groups
    # Every mesh has one.
    groups[rows] = np.array(rows)[first_of_geometry(np.stack(signatures))]
    return groups
