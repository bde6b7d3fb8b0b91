"""Traces a picture found in the wild back to the original that it was made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapesim.correlation import Hint, sweep
from shapesim.embedders import CopyEmbedder, lite0
from shapesim.embedders.look import CAMERAS
from shapesim.errors import AssetError, GalleryError, WeightsError
from shapesim.framing import Matrix23, frames, skew, turned_back
from shapesim.gallery import Gallery
from shapesim.images import framed, load_image
from shapesim.meshes import load_mesh
from shapesim.meshes.loading import UpAxis
from shapesim.rendering import on_background, render
from shapesim.types import Box, Embeddings, Image
from shapesim.verification import (
    FOUND,
    NOTHING,
    ORIGINAL,
    Features,
    Place,
    Verified,
    compare,
    features,
    hinted,
    locate,
    shrunk,
    strongest,
    with_points,
)

_LARGEST = 640  # pixels of a found picture's side: more tells nothing more
_AXES = 64  # in which all originals are compared, to find those that may be near
_MAYBE = 4096  # of them, that are compared in full
_STEPS = (8, 24, 48)  # that are looked for by local features, the nearest first
_SWEPT = 96  # that are looked for by what is bright and dark, where none of those is clear
_HINTED = 32  # of these, the likeliest, that are looked at closely
_JUDGED = 32  # that are compared in all respects
_UNTURNED = 0.03  # by which a mirrored place has to be better
# Of the parts of a found picture that are compared beside the whole: size, and number along a side.
_PARTS = ((0.72, 2), (0.5, 3))
_FRAMES = 3  # pictures within it
_WITHIN = 2  # within each of those
_LEAST_FRAME = 24  # pixels of their sides
_NEAREST = 3  # unrelated pictures, whose nearness is what nearness is worth nothing
_SAME = 0.995  # cosine from which originals are one and the same picture
_FOUND = 0.5  # confidence from which a picture counts as found


@dataclass(frozen=True, slots=True)
class Original:
    """What a found picture was made of.

    Attributes:
        path: of the picture, or of the mesh that it shows.
        confidence: probability that it is the original, 0 to 1.
        box: x, y, width and height of what is left of it, in pixels of the found picture; the
            whole picture where no such place could be made out.
        view: number of the mesh's view; None of a picture.
        up: which axis of the mesh its store says is up; None where the file tells.
    """

    path: Path
    confidence: float
    box: Box
    view: int | None = None
    up: UpAxis | None = None

    def to_json(self) -> dict[str, Any]:
        """One entry of ``trace --json``."""
        return {
            "path": str(self.path),
            "confidence": round(self.confidence, 4),
            "box": list(self.box),
        }


@dataclass(frozen=True, slots=True)
class Trace:
    """A found picture, and the originals that it may come from, best first.

    Attributes:
        query: the found picture.
        matches: the likely ones; several where originals are the same picture.
        confidence: probability that the first is the original.
    """

    query: Path
    matches: tuple[Original, ...]
    confidence: float

    @property
    def found(self) -> bool:
        """Whether it comes from this store at all."""
        return self.confidence >= _FOUND

    def to_json(self) -> dict[str, Any]:
        """A line of ``trace --json``."""
        return {
            "query": str(self.query),
            "found": self.found,
            "confidence": round(self.confidence, 4),
            "matches": [match.to_json() for match in self.matches] if self.found else [],
        }


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for an original.

    Attributes:
        row: of the originals.
        similarity: cosine of the nearest parts, less what unrelated pictures reach.
        verified: where it was found in the picture; None if nowhere.
    """

    row: int
    similarity: float
    verified: Verified | None

    @property
    def measures(self) -> NDArray[np.float64]:
        """(11,) numbers from which the confidence is calculated."""
        return np.array([1.0, self.similarity, *(getattr(self.verified, "measures", NOTHING))])


class _Region:
    """A part of a found picture, or all of it, in which originals are looked for.

    Args:
        picture: the part.
        found: width and height of what was found.
        matrix: where the part's points lie in that.
    """

    def __init__(self, picture: Image, found: tuple[int, int], matrix: Matrix23) -> None:
        self.picture = picture
        self._found, self._matrix = found, matrix

    def placed(self, box: Box, is_mirrored: bool) -> Box:
        """A box in the part, or in its mirror image, as a box in what was found."""
        x, y, width, height = box
        if is_mirrored:
            x = self.picture.shape[1] - x - width
        corners = np.array([[x, y], [x + width, y], [x, y + height], [x + width, y + height]])
        moved = corners @ self._matrix[:, :2].T + self._matrix[:, 2]
        # Turned back, a picture is larger than what was found: it has corners beyond.
        last = np.array(self._found) - 1
        low = np.floor(moved.min(axis=0)).clip(0, last).astype(int).tolist()
        high = np.ceil(moved.max(axis=0)).clip(0, self._found).astype(int).tolist()
        return low[0], low[1], max(high[0] - low[0], 1), max(high[1] - low[1], 1)

    def within(self, count: int) -> list[_Region]:
        """The likeliest pictures within it, also if it stands askew."""
        seen = [self]
        if angle := skew(self.picture):
            upright, matrix = turned_back(self.picture, angle)
            seen.append(_Region(upright, self._found, self._moved(matrix)))
        return [
            _Region(
                one.picture[y : y + height, x : x + width],
                self._found,
                one._moved(np.array([[1.0, 0, x], [0, 1, y]])),
            )
            for one in seen
            for x, y, width, height in frames(one.picture, count)
            if min(width, height) >= _LEAST_FRAME
        ]

    def _moved(self, matrix: Matrix23) -> Matrix23:
        """Where the points of a part of it lie in what was found, by where they lie in it."""
        moved: Matrix23 = self._matrix @ np.vstack([matrix, [0, 0, 1]])
        return moved

    @cached_property
    def features(self) -> tuple[Features, Features]:
        """Of the part, and of its mirror image."""
        straight = features(self.picture, FOUND)
        return straight, straight.mirrored()


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An original that may be in a found picture.

    Attributes:
        row: of the originals.
        similarity: as of the evidence.
        region: of the found picture, in which to look for it.
    """

    row: int
    similarity: float
    region: _Region


@dataclass(frozen=True, slots=True)
class _Sighting:
    """Where an original was seen, at first sight.

    Attributes:
        candidate: what was looked for.
        place: in the region, or in its mirror image; None if nowhere.
        is_mirrored: which of both.
    """

    candidate: _Candidate
    place: Place | None
    is_mirrored: bool

    @property
    def strength(self) -> float:
        """By which one original is looked at before another."""
        return self.candidate.similarity + (self.place.strength if self.place else -1)


def _strongest(seen: Sequence[_Sighting]) -> list[_Sighting]:
    return sorted(seen, key=lambda one: -one.strength)[:_JUDGED]


def _is_clear(seen: Sequence[_Sighting]) -> bool:
    place = _strongest(seen)[0].place
    return bool(place and place.is_clear)


class Tracer:
    """Looks for the originals of pictures among all that a gallery holds.

    Args:
        gallery: with stores of pictures, or of meshes that were indexed ``--by copy``.
        embedder: that made its vectors.

    Raises:
        GalleryError: it holds nothing of the kind.
        WeightsError: the embedder's confidence is of another version.
    """

    def __init__(self, gallery: Gallery, embedder: CopyEmbedder) -> None:
        self._embedder = embedder
        if embedder.calibration.shape != (2 + len(NOTHING),):
            raise WeightsError(
                f"{embedder.name}: its confidence was learnt by another version of shapesim;"
                " learn it anew, with --earlier of 'python -m shapesim.copy_training'"
            )
        self._ids, self._views, self._vectors = gallery.originals(embedder)
        if not len(self._ids):
            raise GalleryError(
                f"{gallery.folder}: holds no originals; run 'shapesim index PICTURES',"
                " or 'shapesim index STORE --by copy' to trace pictures of meshes"
            )
        # Most of what vectors differ by lies along few axes: of two million, that finds the same.
        some = self._vectors[:: max(1, len(self._vectors) // 20_000)]
        self._axes = np.linalg.eigh(some.T @ some)[1][:, -_AXES:]
        self._rough = self._vectors @ self._axes
        self._catalogue = gallery.catalogue
        self._known: dict[int, tuple[Path, bool, UpAxis | None]] = {}
        self._picture = lru_cache(4096)(self._read)
        self._features = lru_cache(4096)(lambda row: with_points(self._picture(row)))

    def trace(self, path: Path) -> Trace:
        """The originals of one picture file.

        Raises:
            AssetError: it cannot be read.
        """
        picture = on_background(load_image(path, _LARGEST))
        original = load_image(path).shape[:2]
        scale = max(original) / max(picture.shape[:2])
        evidence = self.gather(picture)
        confidences = self.confidences(evidence)
        whole = (0, 0, original[1], original[0])
        matches = []
        for one, confidence in zip(evidence, confidences.tolist(), strict=True):
            known, view, up = self.place(one.row)
            x, y, width, height = (
                (round(side * scale) for side in one.verified.box) if one.verified else whole
            )
            matches.append(Original(known, confidence, (x, y, width, height), view, up))
        order = sorted(matches, key=lambda match: -match.confidence)
        best = order[0].confidence
        first = self._vectors[evidence[int(np.argmax(confidences))].row]
        rows = {match.path: one.row for match, one in zip(matches, evidence, strict=True)}
        kept = [
            match
            for match in order
            if match.confidence >= best / 2 or self._vectors[rows[match.path]] @ first > _SAME
        ]
        return Trace(path, tuple(kept), best)

    def gather(self, picture: Image) -> list[Evidence]:
        """What speaks for the likeliest originals of a (H, W, 3) picture, one for each file."""
        whole = _Region(picture, (picture.shape[1], picture.shape[0]), np.eye(2, 3))
        regions = [whole, *whole.within(_FRAMES)]
        vectors = self._embedder.embed_pictures(_squared(regions))

        @cache
        def find(row: int, region: _Region) -> tuple[Place | None, bool]:
            if not self._seen(row):
                return None, False
            original = self._features(row)
            straight, mirrored = region.features
            place = locate(straight, original)
            if place and place.is_clear:
                return place, False
            turned = locate(mirrored, original)
            if turned and (not place or turned.strength > place.strength + _UNTURNED):
                return turned, True
            return place, False

        def look(one: _Candidate) -> _Sighting:
            return _Sighting(one, *find(one.row, one.region))

        # OpenCV works outside of Python's lock.
        with ThreadPoolExecutor() as pool:
            seen = list(pool.map(look, self._candidates(vectors, regions)[: _STEPS[0]]))
            if not _is_clear(seen):  # where the whole does not tell, some part of it may
                regions += [part for one in regions[1:] for part in one.within(_WITHIN)]
                squares = [_squared(regions[len(vectors) :]), np.stack(parts_of(picture))]
                more = self._embedder.embed_pictures(np.concatenate(squares))
                likely = self._candidates(np.concatenate([vectors, more]), regions)
                seen = []
                for start, end in pairwise((0, *_STEPS)):
                    seen += pool.map(look, likely[start:end])
                    if _is_clear(seen):  # what is as alike is as near
                        break
                else:
                    hints = self._swept(likely, regions, pool)
                    order = sorted(hints, key=lambda one: -one.similarity - hints[one][0].score)
                    known = {one.candidate for one in seen}
                    seen += pool.map(look, [one for one in order[:_HINTED] if one not in known])
                    places = [hints.get(one.candidate, []) for one in seen]
                    seen = list(pool.map(self._closer, seen, places))
            return list(pool.map(self._judged, _strongest(seen)))

    def _seen(self, row: int) -> Features | None:
        """None of what is gone since it was indexed: its vector still speaks for it."""
        try:
            return self._picture(row)
        except AssetError:
            return None

    def _swept(
        self, likely: Sequence[_Candidate], regions: Sequence[_Region], pool: ThreadPoolExecutor
    ) -> dict[_Candidate, list[Hint]]:
        """Where the nearest originals may be, by what is bright and dark."""
        originals = list(pool.map(self._seen, [one.row for one in likely]))
        hints: dict[_Candidate, list[Hint]] = {}
        for region in regions:
            sought = {
                one: original.small
                for one, original in zip(likely, originals, strict=True)
                if one.region is region and original
            }
            if sought:
                found = sweep(region.features[0].small, list(sought.values()))
                hints |= zip(sought, found, strict=True)
        return hints

    def _closer(self, sighting: _Sighting, hints: Sequence[Hint]) -> _Sighting:
        """A sighting, or what is at a hint if that is more like the original."""
        one, best = sighting.candidate, sighting
        for hint in hints:
            found, original = one.region.features[hint.is_mirrored], self._picture(one.row)
            place = strongest(found, original, [hinted(found, original, hint.matrix)])
            least = best.place.strength if best.place else -np.inf
            if hint.is_mirrored and not best.is_mirrored:
                least += _UNTURNED
            if place and place.strength > least:
                best = _Sighting(one, place, hint.is_mirrored)
        return best

    def _candidates(self, vectors: Embeddings, regions: Sequence[_Region]) -> list[_Candidate]:
        """The nearest originals, nearest first.

        Args:
            vectors: of the regions, and of further parts of the first, which is the whole.
            regions: of the found picture.
        """
        nearness = self._likeliest(vectors)
        ground = np.sort(_nearest(self._embedder.unrelated, vectors))[-_NEAREST:].mean()
        rows = list(nearness)
        self._known |= self._catalogue.places(self._ids[rows].tolist())
        nearest = (self._vectors[rows] @ vectors.T).argmax(axis=1).tolist()
        return [
            _Candidate(row, nearness[row] - ground, regions[part if part < len(regions) else 0])
            for row, part in zip(rows, nearest, strict=True)
        ]

    def _judged(self, sighting: _Sighting) -> Evidence:
        """An original compared with what is seen in its place."""
        one = sighting.candidate
        seen = None
        if sighting.place:
            found = one.region.features[sighting.is_mirrored]
            seen = compare(found, self._picture(one.row), sighting.place)
        if seen:
            seen = replace(seen, box=one.region.placed(seen.box, sighting.is_mirrored))
        return Evidence(one.row, one.similarity, seen)

    def confidences(self, evidence: Sequence[Evidence]) -> NDArray[np.float64]:
        """(E,) probability of each to be the original."""
        return confidences(np.stack([one.measures for one in evidence]), self._embedder.calibration)

    def _likeliest(self, vectors: Embeddings) -> dict[int, float]:
        """The nearest row of each of the nearest files, nearest first, and how near it is."""
        rough = _nearest(self._rough, vectors @ self._axes)
        count = min(len(rough), _MAYBE)
        rows = np.argpartition(-rough, count - 1)[:count]
        nearness = _nearest(self._vectors[rows], vectors)
        order = np.argsort(-nearness, kind="stable")
        _, first = np.unique(self._ids[rows[order]], return_index=True)
        chosen = order[np.sort(first)[:_SWEPT]]
        return dict(zip(rows[chosen].tolist(), nearness[chosen].tolist(), strict=True))

    def place(self, row: int) -> tuple[Path, int | None, UpAxis | None]:
        """The file of a row of the originals, the number of a mesh's view, and what is up in it."""
        id = int(self._ids[row])
        if id not in self._known:
            self._known |= self._catalogue.places([id])
        path, is_mesh, up = self._known[id]
        return path, int(self._views[row]) % len(CAMERAS) if is_mesh else None, up

    def _read(self, row: int) -> Features:
        path, is_mesh, up = self._known[int(self._ids[row])]
        if not is_mesh:
            return shrunk(on_background(load_image(path, 2 * ORIGINAL)), ORIGINAL)
        camera = CAMERAS[int(self._views[row]) % len(CAMERAS)]  # of a view, or of its middle
        view = on_background(render(load_mesh(path, up), [camera], ORIGINAL))[0]
        return shrunk(view, ORIGINAL)


def confidences(measures: NDArray[np.float64], weights: NDArray[np.float32]) -> NDArray[np.float64]:
    """(E, 11) ``Evidence.measures`` to probabilities: a logistic regression."""
    return 1 / (1 + np.exp(-(measures @ weights.astype(np.float64))))


def parts_of(picture: Image) -> list[Image]:
    """Parts of a picture, squared: an original may be anywhere in it."""
    height, width = picture.shape[:2]
    parts = []
    for share, count in _PARTS:
        steps = np.linspace(0, 1 - share, count)
        for top in steps:
            for left in steps:
                y, x = round(top * height), round(left * width)
                part = picture[y : y + max(1, round(share * height)),
                               x : x + max(1, round(share * width))]  # fmt: skip
                parts.append(framed(part, lite0.SIZE))
    return parts


def trace_files(tracer: Tracer, paths: Sequence[Path]) -> Iterator[tuple[Path, Trace | AssetError]]:
    """Traces picture files, in their order."""
    for path in paths:
        try:
            yield path, tracer.trace(path)
        except AssetError as error:
            yield path, error


def _nearest(stored: Embeddings, vectors: Embeddings) -> NDArray[np.float32]:
    """(N,) the cosine of each stored row to the nearest of the vectors."""
    nearest = np.empty(len(stored), np.float32)
    for start in range(0, len(stored), 65536):  # bounds memory
        rows = stored[start : start + 65536]
        (vectors @ rows.T).max(axis=0, out=nearest[start : start + len(rows)])
    return nearest


def _squared(regions: Sequence[_Region]) -> NDArray[np.uint8]:
    squares = [framed(region.picture, lite0.SIZE) for region in regions]
    return np.array(squares, np.uint8).reshape(-1, lite0.SIZE, lite0.SIZE, 3)
