"""Looks for originals in found pictures, closer and closer, and judges what it sees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shapesim.blas import one_thread
from shapesim.embedders import CopyEmbedder
from shapesim.errors import AssetError, GalleryError, WeightsError
from shapesim.gallery import Gallery
from shapesim.pictures.images import image_size, load_image
from shapesim.pictures.keypoints import FOUND_CONTRAST, Features, Small
from shapesim.reading import digest_of
from shapesim.rendering.views import on_background
from shapesim.tracing.affine import corners
from shapesim.tracing.answers import FOUND_FROM, Original, Trace
from shapesim.tracing.correlation import Hint, sweep
from shapesim.tracing.originals import Near, Originals, Source
from shapesim.tracing.regions import Region, squared
from shapesim.tracing.verification import (
    NOTHING,
    Place,
    Verified,
    box_of,
    compare,
    hinted,
    locate,
    strongest,
)
from shapesim.types import Box, Embeddings, Raster
from shapesim.workers import cores

_LARGEST = 640  # pixels of a found picture's side: more tells nothing more
_STEPS = (8, 24, 48)  # originals that are looked for by local features, the nearest first
_SWEPT = 96  # that are looked for by what is bright and dark, where none of those is clear
_HINTED = 32  # of these, the likeliest, that are looked at closely
_JUDGED = 16  # that are compared in all respects
_UNTURNED = 0.03  # by which a mirrored place has to be better
_FRAMES = 3  # pictures within it
_WITHIN = 2  # within each of those
_LESS_ALIKE = 0.15  # may what reaches beyond a frame be, than what is within
_SAME = 0.995  # cosine from which originals are one and the same picture


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for an original.

    Attributes:
        near: the original, and how near it is.
        verified: where it was found in the picture; None if nowhere.
    """

    near: Near
    verified: Verified | None

    @property
    def measures(self) -> NDArray[np.float64]:
        """(11,) numbers from which the confidence is calculated."""
        return np.array([1.0, self.near.similarity, *(getattr(self.verified, "measures", NOTHING))])


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An original, and the region of the found picture in which to look for it."""

    near: Near
    region: Region


@dataclass(frozen=True, slots=True)
class _Sighting:
    """Where an original was seen, at first sight.

    Attributes:
        candidate: what was looked for.
        place: in the region, or in its mirror image; None if nowhere.
        is_mirrored: which of both.
    """

    candidate: _Candidate
    place: Place | None = None
    is_mirrored: bool = False

    @property
    def strength(self) -> float:
        """By which one original is looked at before another."""
        return self.candidate.near.similarity + (self.place.strength if self.place else -1)


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
                " take the weights that ship, or learn it anew (see training/copy_embedder.py)"
            )
        self._originals = Originals(gallery, embedder)

    def trace(self, path: Path | str) -> Trace:
        """The originals of one picture file.

        Raises:
            AssetError: it cannot be read.
            GalleryError: the gallery was indexed anew meanwhile, and lost what was near.
        """
        path = Path(path)
        picture = on_background(load_image(path, _LARGEST))
        width, height = image_size(path)
        evidence = self.gather(picture)
        confidences = self.confidences(evidence)
        first = int(np.argmax(confidences))
        best = float(confidences[first])
        matches: list[Original] = []
        equals = 0
        for row in np.argsort(-confidences, kind="stable").tolist():
            near, confidence = evidence[row].near, float(confidences[row])
            is_same = self._originals.similarity(near.row, evidence[first].near.row) > _SAME
            equals += is_same
            if confidence >= best / 2 or is_same:
                box = (0, 0, width, height)
                if verified := evidence[row].verified:
                    box = _enlarged(verified.box, picture.shape[1::-1], (width, height))
                of = near.source
                matches.append(Original(of.path, confidence, box, of.view, of.kept.picture))
        if best < FOUND_FROM and (same := self._originals.same_file(digest_of(path))):
            # Of what shows next to nothing, the content alone tells.
            box = (0, 0, width, height)
            of_it = [Original(one.path, 1.0, box, one.view, one.kept.picture) for one in same]
            return Trace(path, tuple(of_it), 1.0)
        if equals == len(evidence):  # there may be more of them than were looked at
            named, box = {match.path for match in matches}, matches[0].box
            matches += [
                Original(one.path, best, box, one.view, one.kept.picture)
                for one in self._originals.equal(evidence[first].near.row, _SAME)
                if one.path not in named
            ]
        return Trace(path, tuple(matches), best)

    def gather(self, picture: Raster) -> list[Evidence]:
        """What speaks for the likeliest originals of a (H, W, 3) picture, one for each file.

        Raises:
            GalleryError: the gallery was indexed anew meanwhile, and lost what was near.
        """
        # OpenCV works outside of Python's lock.
        with one_thread(), ThreadPoolExecutor(cores()) as pool:
            search = _Search(picture, self._originals, self._embedder, pool)
            seen = search.first_look()
            if not _is_clear(seen):
                seen = search.wider_look()
            return list(pool.map(search.judged, _strongest(seen)))

    def confidences(self, evidence: Sequence[Evidence]) -> NDArray[np.float64]:
        """(E,) probability of each to be the original: a logistic regression."""
        measures = np.stack([one.measures for one in evidence])
        return 1 / (1 + np.exp(-(measures @ self._embedder.calibration.astype(np.float64))))


def trace_files(tracer: Tracer, paths: Sequence[Path]) -> Iterator[tuple[Path, Trace | AssetError]]:
    """Traces picture files, in their order."""
    for path in paths:
        try:
            yield path, tracer.trace(path)
        except AssetError as error:
            yield path, error


class _Search:
    """All that is known of one found picture.

    Args:
        picture: (H, W, 3) uint8.
        originals: that may be in it.
        embedder: that made their vectors.
        pool: in which to work.
    """

    def __init__(
        self,
        picture: Raster,
        originals: Originals,
        embedder: CopyEmbedder,
        pool: ThreadPoolExecutor,
    ) -> None:
        self._originals, self._embedder, self._pool = originals, embedder, pool
        self._whole = Region.whole(picture)
        self._regions: list[Region] = []
        # Of each vector, where to look for what is near to it.
        self._vectors: Embeddings = np.zeros((0, embedder.dim), np.float32)
        self._shown_in: list[Region] = []
        self._features: dict[Region, tuple[Features, Features]] = {}
        self._sightings: dict[tuple[Source, Region], _Sighting] = {}

    def first_look(self) -> list[_Sighting]:
        """At the nearest originals of the picture, and of those within it."""
        self._regions = [self._whole, *self._whole.within(_FRAMES)]
        self._embed(squared(self._regions), self._regions)
        return self._looked_for(self._candidates(_STEPS[0]))

    def wider_look(self) -> list[_Sighting]:
        """At more originals, also of parts of the picture, and of pictures in pictures within."""
        inner = [part for one in self._regions[1:] for part in one.within(_WITHIN)]
        parts = self._whole.parts()
        self._embed([*squared(inner), *parts], [*inner, *[self._whole] * len(parts)])
        likely = self._candidates(_SWEPT)
        seen: list[_Sighting] = []
        for start, end in pairwise((0, *_STEPS)):
            seen += self._looked_for(likely[start:end])
            if _is_clear(seen):  # what is as alike is as near
                return seen
        hints = self._swept(likely)
        order = sorted(hints, key=lambda one: -one.near.similarity - hints[one][0].score)
        known = {one.candidate for one in seen}
        seen += self._looked_for([one for one in order[:_HINTED] if one not in known])
        places = [hints.get(one.candidate, []) for one in seen]
        return list(self._pool.map(self._closer, seen, places))

    def judged(self, sighting: _Sighting) -> Evidence:
        """An original compared with what is seen in its place."""
        one = sighting.candidate
        original, seen = self._originals.picture(one.near.source), None
        if sighting.place:
            seen = compare(one.region.small[sighting.is_mirrored], original, sighting.place)
        if seen:
            seen = replace(seen, box=self._box(seen, original, one.region, sighting.is_mirrored))
        return Evidence(one.near, seen)

    def _box(self, seen: Verified, original: Small, region: Region, is_mirrored: bool) -> Box:
        """In the found picture; what edges frame may be but a part of what is seen there."""
        if region is not self._whole:
            all_of_it = Place(region.matrix_in_found(seen.place.matrix, is_mirrored))
            whole = self._whole.small[is_mirrored]
            wider = strongest(whole, original, [all_of_it])
            if wider and wider.likeness > seen.place.likeness - _LESS_ALIKE:
                region, seen = self._whole, replace(seen, box=box_of(wider.matrix, original, whole))
        return region.box_in_found(seen.box, is_mirrored)

    def _embed(self, squares: Sequence[NDArray[np.uint8]], shown_in: Sequence[Region]) -> None:
        vectors = self._embedder.embed_pictures(np.stack(squares))
        self._vectors = np.concatenate([self._vectors, vectors])
        self._shown_in += shown_in

    def _candidates(self, count: int) -> list[_Candidate]:
        near = self._originals.nearest(self._vectors, count, self._pool.map)
        if not near:
            raise GalleryError("the gallery was indexed anew meanwhile; run 'shapesim trace' again")
        return [_Candidate(one, self._shown_in[one.part]) for one in near]

    def _looked_for(self, candidates: Sequence[_Candidate]) -> list[_Sighting]:
        """Each where local features say that it is, or all over its region."""
        regions = {one.region for one in candidates} - self._features.keys()
        self._features |= zip(regions, self._pool.map(_features, regions), strict=True)
        seen = list(self._pool.map(self._sighting, candidates))
        self._sightings |= {(one.candidate.near.source, one.candidate.region): one for one in seen}
        return seen

    def _sighting(self, candidate: _Candidate) -> _Sighting:
        source, region = candidate.near.source, candidate.region
        if known := self._sightings.get((source, region)):
            return replace(known, candidate=candidate)
        original = self._originals.features(source)
        straight, mirrored = self._features[region]
        place = locate(straight, original)
        if place and place.is_clear:
            return _Sighting(candidate, place)
        turned = locate(mirrored, original)
        if turned and (not place or turned.strength > place.strength + _UNTURNED):
            return _Sighting(candidate, turned, is_mirrored=True)
        return _Sighting(candidate, place)

    def _swept(self, likely: Sequence[_Candidate]) -> dict[_Candidate, list[Hint]]:
        """Where the nearest originals may be, by what is bright and dark; at least one place."""
        originals = self._pool.map(self._originals.picture, [one.near.source for one in likely])
        known = list(zip(likely, originals, strict=True))
        hints: dict[_Candidate, list[Hint]] = {}
        for region in dict.fromkeys(self._shown_in):
            sought = {one: small.pixels for one, small in known if one.region is region}
            if sought:
                found = sweep(region.small[0].pixels, list(sought.values()), self._pool.map)
                hints |= {one: places for one, places in zip(sought, found, strict=True) if places}
        return hints

    def _closer(self, sighting: _Sighting, hints: Sequence[Hint]) -> _Sighting:
        """A sighting, or what is at a hint if that is more like the original."""
        one, best = sighting.candidate, sighting
        original = self._originals.picture(one.near.source)
        for hint in hints:
            found = one.region.small[hint.is_mirrored]
            place = strongest(found, original, [hinted(found, original, hint.matrix)])
            least = best.place.strength if best.place else -np.inf
            if hint.is_mirrored and not best.is_mirrored:
                least += _UNTURNED
            if place and place.strength > least:
                best = _Sighting(one, place, hint.is_mirrored)
        return best


def _features(region: Region) -> tuple[Features, Features]:
    """Of a region, and of its mirror image."""
    straight = Features.of(region.small[0], FOUND_CONTRAST)
    return straight, straight.mirrored()


def _enlarged(box: Box, size: tuple[int, int], full: tuple[int, int]) -> Box:
    """A box in a reduced picture as one in the full one."""
    scale = np.array(full) / size
    ends = np.rint(corners(*box)[[0, 2]] * scale).astype(int)
    (x, y), (right, bottom) = ends.clip(0, full).tolist()
    return x, y, max(right - x, 1), max(bottom - y, 1)
