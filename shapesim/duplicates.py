"""Assets that are one and the same, or almost: found by vectors, verified by geometry."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import networkx  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from shapesim.embedders import Embedder
from shapesim.errors import AssetError
from shapesim.fitting.copies import simplification_doubt
from shapesim.gallery import Gallery
from shapesim.gallery.records import FileState
from shapesim.geometry import REMESHED, moments
from shapesim.meshes import load_mesh
from shapesim.meshes.packs import format_of
from shapesim.reading import stamp
from shapesim.types import Asset, Material, Mesh
from shapesim.workers import map_isolated

Tier = Literal["exact", "variants", "transformed", "remeshed"]
TIERS: tuple[Tier, ...] = ("exact", "variants", "transformed", "remeshed")

_EXACTLY = 5e-4  # of moments, if there are as many triangles: copies are a hundred times nearer
_SAME = 2e-3  # of moments otherwise, and of areas
_NEAR = 0.3  # of moments: simplified, perhaps
_ALIKE = 0.8  # cosine of what may be a simplified copy
_NEIGHBOURS = 6  # geometries that each is compared with
_SEARCHED = 40  # assets that are looked through for them
_CLOSE = 1e-4  # of the size: rounding of another format or exporter
_FEWER = 0.85  # times as many triangles at most: what has as many is another shape of a kit
_LEAST = 8  # triangles: of fewer, anything may be a simplification
_DOUBT_BESIDE = 0.0  # at most, where two lie in one folder under other names
_RIVAL = 0.1  # more doubt than of the likeliest copy
_LEVEL = re.compile(r"[\W_]*lod[\W_]*\d+", re.IGNORECASE)
_RECOLOURED = 0.03  # share of the surface that has another colour


@dataclass(frozen=True, slots=True)
class Group:
    """Assets of which one would do.

    Attributes:
        tier: ``exact``: same bytes, or same geometry and colours in one format; ``variants``: same
            geometry in other colours; ``transformed``: turned, scaled, mirrored or moved;
            ``remeshed``: the same shape of other triangles, or in another format.
        paths: of the files, sorted.
    """

    tier: Tier
    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class _Described:
    """What pairs are compared by, but for the meshes themselves."""

    moments: NDArray[np.float64]
    areas: NDArray[np.float64]  # of the triangles, sorted, of sum 1
    bounds: NDArray[np.float64]
    colours: dict[tuple[float, ...], float]  # with the shares of the surface that have them


@dataclass(frozen=True, slots=True)
class _Pair:
    """Assets of two geometries, of which one may be a simplification of the other."""

    one: Asset
    other: Asset
    beside: bool


def find_duplicates(
    gallery: Gallery,
    embedder: Embedder,
    progress: Callable[[str, int, int], None] = lambda step, done, total: None,
) -> tuple[list[Group], list[AssetError]]:
    """Groups of assets that are the same or almost.

    Of an asset in several tiers, each tier's group names it. Nothing is changed or deleted.

    Args:
        gallery: whose assets are compared.
        embedder: whose vectors find what may be alike.
        progress: called with the step's name, how much of it is done, and how much there is.

    Returns:
        The groups by tier, and the files that are of no use now.
    """
    ids, _ = gallery.vectors(embedder)
    assets = [gallery.assets[id] for id in ids.tolist()]
    described: dict[int, _Described] = {}
    failures: list[AssetError] = []
    rows = {asset.path: row for row, asset in enumerate(assets)}
    known = gallery.catalogue.files()
    results = map_isolated(_describe, assets, lambda asset: asset.path)
    for done, (asset, result) in enumerate(results, 1):
        if isinstance(result, AssetError):
            failures.append(result)
        elif _has_changed(asset.path, known.get(asset.path)):
            failures.append(AssetError(asset.path, "has changed; run 'shapesim index' again"))
        else:
            described[rows[asset.path]] = result
        progress("reading", done, len(assets))
    bytes_of = {row: known[assets[row].path].sha256 for row in described}
    pairs: dict[Tier, list[tuple[int, int]]] = {tier: [] for tier in TIERS}
    first: dict[str, int] = {}  # of the same bytes; the others go along
    for row in sorted(described):
        if first.setdefault(bytes_of[row], row) != row:
            pairs["exact"].append((first[bytes_of[row]], row))
    places = _Places(assets)
    for a, b in _equal_moments({row: described[row] for row in first.values()}, assets):
        try:
            pairs[_tier(a, b, places, described[a], described[b])].append((a, b))
        except AssetError as error:  # gone since it was read
            failures.append(error)
    geometry = _components([pair for found in pairs.values() for pair in found], len(assets))
    tasks = _candidates(gallery, embedder, assets, described, geometry)
    near: dict[tuple[int, int], float] = {}
    verified = map_isolated(_doubt, tasks, lambda pair: pair.other.path)
    for done, (pair, doubt) in enumerate(verified, 1):
        if isinstance(doubt, AssetError):
            failures.append(doubt)
        elif np.isfinite(doubt):
            one, other = (int(geometry[rows[asset.path]]) for asset in (pair.one, pair.other))
            near[one, other] = doubt
        progress("comparing", done, len(tasks))
    return _grouped(assets, pairs, geometry, near), failures


def _has_changed(path: Path, known: FileState | None) -> bool:
    """Whether a file is no longer what was indexed: what is recorded of it is of another."""
    try:
        return known is None or stamp(path, known.companions) != (known.size, known.mtime)
    except (OSError, AssetError):  # gone since it was read
        return True


def _describe(asset: Asset) -> _Described:
    mesh = load_mesh(asset.path, asset.up)
    areas = np.sort(mesh.areas)
    corners = mesh.corners
    return _Described(
        moments(mesh),
        areas / areas.sum(),
        np.stack([corners.min(axis=0), corners.max(axis=0)]),
        _colours(mesh),
    )


def _colours(mesh: Mesh) -> dict[tuple[float, ...], float]:
    """Colours, or a number of a texture's content, with the shares of the surface they cover."""
    areas = mesh.areas
    shares = np.bincount(mesh.face_materials, areas / areas.sum(), len(mesh.materials))
    tint: tuple[float, ...] = ()
    if mesh.colours is not None:
        tint = tuple((mesh.colours[mesh.faces].mean(axis=(0, 1)) / 32).round().tolist())
    seen: dict[tuple[float, ...], float] = {}
    for material, share in zip(mesh.materials, shares.tolist(), strict=True):
        key = (*np.round(material.colour, 1).tolist(), _texture(material), *tint)
        seen[key] = seen.get(key, 0.0) + share
    return seen


def _texture(material: Material) -> int:
    """A number of its content, 0 without one."""
    if material.texture is None:
        return 0
    if isinstance(material.texture, Path):
        return zlib.crc32(material.texture.read_bytes())
    return zlib.crc32(material.texture.tobytes())


def _equal_moments(
    described: Mapping[int, _Described], assets: Sequence[Asset]
) -> list[tuple[int, int]]:
    """Pairs of one geometry, however it stands and is cut into triangles.

    A handle more on a door changes moments little, too; but only in one kit are there both.
    """
    rows = np.array(sorted(described))
    if len(rows) < 2:
        return []
    values = np.stack([described[row].moments for row in rows.tolist()])
    counts = np.array([len(described[row].areas) for row in rows.tolist()])
    found = KDTree(values).query_pairs(_SAME, p=np.inf, output_type="ndarray").reshape(-1, 2)
    first, second = found.T
    gaps = np.abs(values[first] - values[second]).max(axis=1)
    as_many = counts[first] == counts[second]
    likely = ~as_many | (gaps <= _EXACTLY)
    sure = as_many | (gaps <= REMESHED)
    return [
        (a, b)
        for (a, b), is_sure in zip(
            np.sort(rows[found], axis=1)[likely].tolist(), sure[likely].tolist(), strict=True
        )
        if is_sure or not _are_beside([assets[a]], [assets[b]])
    ]


def _candidates(
    gallery: Gallery,
    embedder: Embedder,
    assets: Sequence[Asset],
    described: Mapping[int, _Described],
    geometry: NDArray[np.int64],
) -> list[_Pair]:
    """Pairs of different geometries that may be one shape, and the same in colours."""
    members: dict[int, list[int]] = {}
    for row in described:
        members.setdefault(int(geometry[row]), []).append(row)
    pairs = []
    for a, b in _near(gallery, embedder, described, geometry):
        some, others = members[int(geometry[a])], members[int(geometry[b])]
        if _may_agree([described[row] for row in some], [described[row] for row in others]):
            beside = _are_beside([assets[row] for row in some], [assets[row] for row in others])
            pairs.append(_Pair(assets[a], assets[b], beside))
    return pairs


def _near(
    gallery: Gallery,
    embedder: Embedder,
    described: Mapping[int, _Described],
    geometry: NDArray[np.int64],
) -> list[tuple[int, int]]:
    """Rows of assets of different geometries: one for each, and its nearest few."""
    first = np.unique(geometry, return_index=True)[1]
    rows = [row for row in first.tolist() if row in described]
    if not rows:
        return []
    ids, vectors = gallery.vectors(embedder)
    order = {id: row for row, id in enumerate(ids.tolist())}
    found, far = gallery.search(embedder, vectors[rows], _SEARCHED)
    pairs: dict[tuple[int, int], tuple[int, int]] = {}
    for row, others, gaps in zip(rows, found.tolist(), far.tolist(), strict=True):
        met = {int(geometry[row])}
        for id, gap in zip(others, gaps, strict=True):
            other = order[id]
            kind = int(geometry[other])
            if gap > 1 - _ALIKE or len(met) > _NEIGHBOURS:
                break
            if kind in met or other not in described:
                continue
            met.add(kind)
            change = np.abs(described[row].moments - described[other].moments).max()
            fewer, more = sorted(len(described[end].areas) for end in (row, other))
            if change <= _NEAR and _LEAST <= fewer <= _FEWER * more:
                pairs.setdefault((min(geometry[row], kind), max(geometry[row], kind)), (row, other))
    return list(pairs.values())


class _Places:
    """Which of many assets of one geometry and equal bounds lie where others do."""

    def __init__(self, assets: Sequence[Asset]) -> None:
        self.assets = assets
        self._like: dict[int, int] = {}  # another row that lies where this one does
        self._turned: dict[tuple[int, int], bool] = {}

    def turned(self, a: int, b: int) -> bool:
        """Whether two rows do not coincide; of many that do, each is compared but once."""
        a, b = self._leader(a), self._leader(b)
        if a == b:
            return False
        if (a, b) not in self._turned:
            self._turned[a, b] = _turned(self.assets[a], self.assets[b])
        if not self._turned[a, b]:
            self._like[b] = a
        return self._turned[a, b]

    def _leader(self, row: int) -> int:
        while row in self._like:
            row = self._like[row]
        return row


def _tier(a: int, b: int, places: _Places, one: _Described, other: _Described) -> Tier:
    """What two files of one geometry are to each other."""
    asset, another = places.assets[a], places.assets[b]
    if len(one.areas) != len(other.areas) or np.abs(one.areas - other.areas).max() > _SAME:
        return "remeshed"
    first, second = one.bounds, other.bounds
    if asset.unit and another.unit:
        first, second = first * asset.unit, second * another.unit
    size = float(np.ptp(first, axis=0).max())
    if np.abs(first - second).max() > _CLOSE * size or places.turned(a, b):
        return "transformed"
    if format_of(asset.path) != format_of(another.path):
        return "remeshed"
    return "variants" if _recoloured(one, other) else "exact"


def _recoloured(one: _Described, other: _Described) -> bool:
    """Whether a good part of the surface has other colours."""
    everything = set(one.colours) | set(other.colours)
    differences = [abs(one.colours.get(key, 0) - other.colours.get(key, 0)) for key in everything]
    return sum(differences) / 2 > _RECOLOURED


def _may_agree(some: Sequence[_Described], others: Sequence[_Described]) -> bool:
    """Whether assets of two geometries may be one in colours.

    What is all grey may have lost them: tools for meshes often do that.
    """
    known = [[one for one in kind if not _is_plain(one.colours)] for kind in (some, others)]
    return not all(known) or any(
        not _recoloured(one, other) for one in known[0] for other in known[1]
    )


def _is_plain(colours: dict[tuple[float, ...], float]) -> bool:
    """Whether all is one grey, without a texture."""
    red, green, blue, _, texture = next(iter(colours))[:5]
    return len(colours) == 1 and red == green == blue and not texture


def _turned(one: Asset, other: Asset) -> bool:
    """Whether meshes of equal bounds do not coincide: a half turn, or a mirror image."""
    first, second = (
        load_mesh(asset.path, asset.up).triangles.mean(axis=1) for asset in (one, other)
    )
    if one.unit and other.unit:
        first, second = first * one.unit, second * other.unit
    size = float(np.ptp(first, axis=0).max())
    gaps = np.asarray(KDTree(first).query(second)[0])
    return bool(gaps.max() > _CLOSE * size)


def _doubt(pair: _Pair) -> float:
    """See ``simplification_doubt``; infinite where the two lie side by side and are unsure."""
    one, other = (load_mesh(asset.path, asset.up) for asset in (pair.one, pair.other))
    doubt = simplification_doubt(one, other)
    return np.inf if pair.beside and doubt > _DOUBT_BESIDE else doubt


def _are_beside(some: Sequence[Asset], others: Sequence[Asset]) -> bool:
    """Whether assets of both lie in one folder, under other names: as a kit's like shapes do."""
    places = [{(a.path.parent, _LEVEL.sub("", a.path.stem)) for a in s} for s in (some, others)]
    return any(
        folder == there and name != other
        for folder, name in places[0]
        for there, other in places[1]
    )


def _components(pairs: Sequence[tuple[int, int]], count: int) -> NDArray[np.int64]:
    """(N,) numbers, equal for all that pairs join."""
    ends = np.array(pairs, np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(count, count))
    numbers: NDArray[np.int64] = connected_components(graph, directed=False)[1].astype(np.int64)
    return numbers


def _grouped(
    assets: Sequence[Asset],
    pairs: Mapping[Tier, Sequence[tuple[int, int]]],
    geometry: NDArray[np.int64],
    near: Mapping[tuple[int, int], float],
) -> list[Group]:
    """Of one geometry, what pairs join; of different ones, what is near each other throughout."""
    groups = []
    for tier in TIERS:
        # What is exactly the same goes along.
        joined = _components([*pairs["exact"], *pairs[tier]], len(assets))
        touched = {int(joined[a]) for a, _ in pairs[tier]}
        groups += [Group(tier, _paths(assets, joined == number)) for number in sorted(touched)]
    best: dict[int, float] = {}
    for ends, doubt in near.items():
        for end in ends:
            best[end] = min(best.get(end, np.inf), doubt)
    graph = networkx.Graph()
    for ends, doubt in near.items():
        # Of a kit's many like shapes, a simplified copy belongs to the likeliest one.
        if doubt <= min(best[end] for end in ends) + _RIVAL:
            graph.add_edge(*ends)
    for clique in networkx.find_cliques(graph):
        groups.append(Group("remeshed", _paths(assets, np.isin(geometry, clique))))
    return groups


def _paths(assets: Sequence[Asset], chosen: NDArray[np.bool_]) -> tuple[Path, ...]:
    return tuple(sorted(assets[row].path for row in np.flatnonzero(chosen).tolist()))
