"""Recommends assets that could stand in a query's place."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from functools import cache
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shapesim.blas import one_thread
from shapesim.completing import Completer
from shapesim.embedders import Embedder
from shapesim.errors import AssetError, ShapesimError
from shapesim.fitting.surfaces import Surface
from shapesim.fitting.transforms import fit, laid
from shapesim.gallery import Gallery
from shapesim.geometry import REMESHED, same_geometry, signature
from shapesim.meshes import load_mesh
from shapesim.meshes.packs import format_of, located, object_of
from shapesim.traits import compare, traits_of
from shapesim.types import Asset, Match, Mesh, Swap, Traits, UpAxis
from shapesim.workers import cores

_OTHERWISE_CUT = 0.01  # of the triangles, by which variants may differ
_SHORTLIST = 200  # assets whose single views are compared with a picture
_FIT_WEIGHT = 0.05  # of the IoU after the fit, beside the score (benchmarks/cross_artist.py --fit)
COVER_WEIGHT = 3.0
"""Of how much of a part lies on the asset, beside the score."""
PARTIAL_SHORTLIST = 128
"""Assets that are laid over a part before the best are known, at least."""
_UNEVEN = 1.25  # times as long along one axis as along another: no more the same proportions


@dataclass(frozen=True, slots=True)
class Query:
    """An embedded asset to replace, or a picture of what to find.

    Attributes:
        vector: (D,) unit length.
        signature: what ``shapesim.geometry.signature`` gave; None of a picture.
        triangles: how many a mesh has.
        view: (I,) unit length, to be compared with single views; None of an asset.
    """

    vector: NDArray[np.float32]
    signature: NDArray[np.float32] | None = None
    triangles: int = 0
    view: NDArray[np.float32] | None = None


_NEEDS: dict[str, Callable[[Traits], bool]] = {
    "rig": lambda traits: traits.joints > 0,
    "animations": lambda traits: bool(traits.animations),
    "textures": lambda traits: traits.texture_pixels > 0,
    "uvs": lambda traits: traits.uvs,
    "normals": lambda traits: traits.normals,
    "watertight": lambda traits: traits.watertight,
}


@dataclass(frozen=True, slots=True)
class Filters:
    """What an asset must be like to be recommended.

    Attributes:
        new_since: arrived at this time or later; in UTC where it names no zone.
        tags: has all of these, however written.
        max_triangles: has no more triangles.
        formats: its file's suffix is one of these, however written; empty for any.
        licence: its store's catalogue gives this licence, however written.
        max_price: its store's catalogue gives no higher price.
        store: lies below this folder, or in this pack.
        needs: has all of these: rig, animations, textures, uvs, normals, watertight.
        only: and this holds for it.

    Raises:
        ShapesimError: there is no such need.
    """

    new_since: datetime | None = None
    tags: tuple[str, ...] = ()
    max_triangles: int | None = None
    formats: tuple[str, ...] = ()
    licence: str | None = None
    max_price: float | None = None
    store: Path | None = None
    needs: tuple[str, ...] = ()
    only: Callable[[Asset], bool] | None = None

    def __post_init__(self) -> None:
        unknown = set(self.needs) - _NEEDS.keys()
        if unknown:
            known = ", ".join(_NEEDS)
            raise ShapesimError(f"nobody can need {', '.join(unknown)}; name some of {known}")

    def allow(self, asset: Asset) -> bool:
        """Whether an asset is like that; what is not known of it counts as not."""
        listing = asset.listing
        return (
            (
                self.new_since is None
                or datetime.fromisoformat(asset.arrived_at)
                >= self.new_since.replace(tzinfo=self.new_since.tzinfo or UTC)
            )
            and _folded(self.tags) <= _folded(asset.tags)
            and (self.max_triangles is None or asset.triangles <= self.max_triangles)
            and (not self.formats or format_of(asset.path) in map(_plain, self.formats))
            and (
                self.licence is None
                or (
                    listing.licence is not None
                    and listing.licence.casefold() == self.licence.casefold()
                )
            )
            and (
                self.max_price is None
                or (listing.price is not None and listing.price <= self.max_price)
            )
            and (self.store is None or _is_below(asset.path, self.store))
            and all(asset.traits is not None and _NEEDS[need](asset.traits) for need in self.needs)
            and (self.only is None or self.only(asset))
        )

    def why_none(self, assets: Collection[Asset]) -> str:
        """What leaves none of the assets, and what there is instead."""
        if not assets:
            return ""
        alone = {
            field.name: Filters(**{field.name: getattr(self, field.name)})
            for field in fields(self)
            if getattr(self, field.name) != field.default
        }
        for name, single in alone.items():
            if not any(single.allow(asset) for asset in assets):
                return self._none_of(name, assets)
        return "no asset is like all that is asked for at once" if len(alone) > 1 else ""

    def _none_of(self, name: str, assets: Collection[Asset]) -> str:
        formats = sorted({format_of(asset.path) for asset in assets})
        licences = sorted({asset.listing.licence for asset in assets if asset.listing.licence})
        prices = [asset.listing.price for asset in assets if asset.listing.price is not None]
        cheapest = f"the lowest price is {min(prices):g}" if prices else "no catalogue names prices"
        reasons = {
            "new_since": "nothing has arrived since then",
            "max_triangles": f"the simplest has {min(asset.triangles for asset in assets):,}"
            " triangles",
            "formats": f"there are only {', '.join(formats)}",
            "licence": f"licences are {', '.join(licences) or 'not given by any catalogue'}",
            "max_price": cheapest,
            "store": f"no asset lies below {self.store}",
            "needs": f"no asset has {' and '.join(self.needs)}",
            "tags": f"none is tagged {' and '.join(self.tags)}",
        }
        return reasons.get(name, "")


ANY = Filters()
"""Which all assets pass."""


def _folded(tags: Iterable[str]) -> set[str]:
    return {tag.casefold() for tag in tags}


def _plain(suffix: str) -> str:
    return suffix.strip().lower().lstrip(".")


def _is_below(path: Path, folder: Path) -> bool:
    return any(path.is_relative_to(name) for name in _names_of(Path.cwd() / folder))


@cache
def _names_of(folder: Path) -> list[Path]:
    """A folder, or a pack, by all names that it may have in a gallery: links lead to stores, too.

    Stores are walked through links, whose names are kept.
    """
    given = Path(os.path.normpath(folder))
    names = [folder.resolve(), given]
    names += [above.resolve() / given.relative_to(above) for above in given.parents]
    packs = [name.with_name(f"{name.name}!") for name in names if name.name]
    return list(dict.fromkeys(names + packs))


def recommend(
    gallery: Gallery,
    embedder: Embedder,
    queries: Sequence[Query],
    k: int = 10,
    filters: Filters = ANY,
) -> list[list[Match]]:
    """The best matches of every query, best first, each geometry once.

    Args:
        gallery: that is searched.
        embedder: that made the queries' vectors.
        queries: what to replace.
        k: matches for each query.
        filters: what they must be like.

    Raises:
        GalleryError: the gallery is empty.
        EmbedderMismatchError: it was embedded by other weights.
        ShapesimError: no asset has the tag.
    """
    gallery.check_holds_assets()
    ids, _ = gallery.vectors(embedder)
    assets = [gallery.assets[id] for id in ids.tolist()]
    among = np.array([filters.allow(asset) for asset in assets], dtype=bool)
    allowed = [asset for asset, one in zip(assets, among.tolist(), strict=True) if one]
    known = sorted({label for asset in assets for label in asset.tags})
    for tag in filters.tags:
        if tag.casefold() not in _folded(known):
            raise ShapesimError(
                f"no asset is tagged '{tag}'; tags are {', '.join(known)}"
                if known
                else "no asset is tagged yet; run 'shapesim tags apply'"
            )
    if not allowed or not queries:
        return [[] for _ in queries]
    signatures = np.stack([asset.signature for asset in allowed])
    vectors = np.stack([query.vector for query in queries])
    results: list[list[Match]] = [[] for _ in queries]
    # Variants fold into one match, so more neighbours may be needed than matches are wanted.
    # A picture shows its asset from one side, which has to be found among those that come near.
    least = _SHORTLIST if any(query.view is not None for query in queries) else 0
    reach, open_queries = max(4 * k, least), list(range(len(queries)))
    while open_queries:
        mask = None if among.all() else among
        found, distances = gallery.search(embedder, vectors[open_queries], reach, mask)
        for query, row, far in zip(open_queries, found, distances, strict=True):
            view, scores = queries[query].view, 1 - far
            if view is not None:
                nearest = gallery.nearest_views(embedder, row, view)
                scores = (scores + np.where(np.isnan(nearest), scores, nearest)) / 2
                order = np.argsort(-scores, kind="stable")
                row, scores = row[order], scores[order]  # noqa: PLW2901
            near = [gallery.assets[id] for id in row.tolist()]
            leaders = _distinct(near, k)
            results[query] = [
                _match(queries[query], near[leader], float(scores[leader]), allowed, signatures)
                for leader in leaders
            ]
        if reach >= len(allowed):
            break
        open_queries = [query for query in open_queries if len(results[query]) < k]
        reach *= 4
    return results


def queries_of_laid(mesh: Mesh, embedder: Embedder) -> list[Query]:
    """An asset as it is looked for where assets may lie on their sides, beside as it stands.

    Args:
        mesh: y up.
        embedder: that made the vectors of what is searched.
    """
    meshes = laid(mesh)
    vectors = embedder.embed(meshes)
    return [
        Query(row, signature(one), len(one.faces)) for row, one in zip(vectors, meshes, strict=True)
    ]


def best_of(results: Iterable[Sequence[Match]], k: int) -> list[Match]:
    """The best k of what was found for one asset in several ways, each geometry once."""
    kept: list[Match] = []
    for match in sorted(chain.from_iterable(results), key=lambda one: one.score, reverse=True):
        known = {asset.path for one in kept for asset in (one.asset, *one.variants)}
        if match.asset.path not in known and len(kept) < k:
            kept.append(match)
    return kept


def _distinct(assets: Sequence[Asset], k: int) -> list[int]:
    """The first k rows that are no variant of an earlier one."""
    rows: list[int] = []
    for row, asset in enumerate(assets):
        if len(rows) == k:
            break
        if not any(_is_variant(assets[other], asset) for other in rows):
            rows.append(row)
    return rows


def _is_variant(asset: Asset, other: Asset) -> bool:
    """Whether two assets differ in no more than colours, format or place.

    What has other details on the same faces, such as drawers on a cabinet, has the same signature,
    and hardly ever as many triangles.
    """
    return _are_as_many(asset.triangles, other.triangles) and bool(
        same_geometry(asset.signature, other.signature)
    )


def _are_as_many(triangles: int, others: int) -> bool:
    return abs(triangles - others) <= _OTHERWISE_CUT * max(triangles, others)


def _is_copy(query: Query, asset: Asset) -> bool:
    if query.signature is None or not same_geometry(query.signature, asset.signature):
        return False
    is_remeshed = np.abs(query.signature - asset.signature).max() <= REMESHED
    return bool(is_remeshed) or _are_as_many(query.triangles, asset.triangles)


def _match(
    query: Query,
    asset: Asset,
    score: float,
    others: Sequence[Asset],
    signatures: NDArray[np.float32],
) -> Match:
    """A match with all other assets of its geometry, however far the search went."""
    rows = np.flatnonzero(same_geometry(signatures, asset.signature)).tolist()
    equal = [others[row] for row in rows if _is_variant(asset, others[row])]
    # A file of its own is easier to use than what a level happens to hold, too.
    alone = (one for one in (asset, *equal) if object_of(one.path)[0] == one.path)
    asset = next(alone, asset)
    return Match(
        asset=asset,
        score=score,
        is_copy=_is_copy(query, asset),
        variants=tuple(one for one in equal if one.path != asset.path),
    )


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How an asset may be changed to stand in the query's place.

    Attributes:
        mirror: it may be mirrored.
        stretch: every axis may have a scale of its own.
        any_up: it may be laid on any side.
    """

    mirror: bool = False
    stretch: bool = False
    any_up: bool = False


class Replaced:
    """The asset to replace, loaded to fit others in its place.

    Args:
        path: its file.
        up: its up axis; None for what the file says.
        completer: of what is incomplete.

    Raises:
        AssetError: the file cannot be used.
    """

    def __init__(
        self, path: Path, up: UpAxis | None = None, completer: Completer | None = None
    ) -> None:
        self.mesh = load_mesh(path, up)
        self.surface = Surface(self.mesh)
        self.whole = Surface(completer.complete_mesh(self.mesh)) if completer else None
        self.traits = traits_of(self.mesh, located(path))

    def fitted(
        self, matches: Sequence[Match], options: FitOptions = FitOptions()
    ) -> tuple[list[Match], list[AssetError]]:
        """The matches, fitted and ordered anew, and why some files are of no use now."""
        # Half of a fit runs outside of the interpreter's lock.
        with one_thread(), ThreadPoolExecutor(cores()) as threads:
            found = list(threads.map(lambda match: self._fitted(match, options), matches))
        fitted = [
            replace(match, is_copy=False, lost=swap.reason)
            if isinstance(swap, AssetError)
            else replace(match, swap=swap)
            for match, swap in zip(matches, found, strict=True)
        ]
        return (
            # Of a kit's almost equal shapes, the very same comes first.
            sorted(fitted, key=lambda one: (one.is_copy, rank_score(one)), reverse=True),
            [swap for swap in found if isinstance(swap, AssetError)],
        )

    def _fitted(self, match: Match, options: FitOptions) -> Swap | AssetError:
        asset = match.asset
        try:
            mesh = load_mesh(asset.path, asset.up)
        except AssetError as error:
            return error
        is_known = len(mesh.faces) == asset.triangles
        if not (is_known and np.allclose(mesh.extents, asset.extents, rtol=1e-3)):
            return AssetError(asset.path, "has changed; run 'shapesim index' again")
        found = fit(
            self.surface, Surface(mesh), options.mirror, options.stretch, options.any_up, self.whole
        )
        gains, losses = compare(self.traits, asset.traits or traits_of(mesh, located(asset.path)))
        return Swap(
            fit=found,
            transform=np.linalg.inv(self.mesh.upright) @ found.transform @ mesh.upright,
            gains=tuple(gains),
            losses=tuple(losses),
            # How long a part would be along each axis is but a guess.
            warning="" if self.whole else _uneven(found.proportions),
        )


def least_to_outrank(match: Match) -> float:
    """The score that another match must at least have to come before a fitted one."""
    return rank_score(match) - _FIT_WEIGHT


def rank_score(match: Match) -> float:
    """What matches are ordered by: mostly by how alike they are, a little by how they fit.

    A part is not alike to its whole: there, what counts is whether it lies on the asset.
    """
    if match.swap is None:
        return match.score
    found = match.swap.fit
    bonus = _FIT_WEIGHT * found.iou if found.covered is None else COVER_WEIGHT * found.covered
    return match.score + bonus


def _uneven(proportions: NDArray[np.float64]) -> str:
    """In words, where an asset is longer along one axis and shorter along another."""
    if proportions.max() <= _UNEVEN * proportions.min():
        return ""
    words = []
    for axis, more, less in (
        (0, "wider", "narrower"),
        (1, "taller", "lower"),
        (2, "deeper", "flatter"),
    ):
        ratio = float(proportions[axis])
        if not 1 / 1.1 < ratio < 1.1:
            words.append(f"{more} ×{ratio:.2g}" if ratio > 1 else f"{less} ×{ratio:.2g}")
    return "other proportions: " + ", ".join(words)
