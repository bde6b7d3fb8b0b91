"""A gallery in three dimensions: what is alike lies together."""

from __future__ import annotations

import io
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from shapesim.embedders import BothEmbedder, Embedder
from shapesim.errors import EmbedderMismatchError, GalleryError
from shapesim.gallery import Gallery
from shapesim.geometry import first_of_geometry
from shapesim.indexes import ExactIndex
from shapesim.pages import page
from shapesim.pictures.images import encoded
from shapesim.types import Asset, Embeddings

Method = Literal["pca", "tsne", "umap"]
METHODS: tuple[Method, ...] = ("umap", "tsne", "pca")
_FEW = 1000  # rows
_TSNE_UP_TO = 20_000  # assets: beyond, it takes longer than anybody waits
_NEIGHBOURS = 6
_TRUSTED = 15  # neighbours that the trustworthiness is about
_ASKED = 4000  # assets that it is measured on
_SHEET = 2048  # pixels of a side of a sheet of thumbnails
_THUMBNAILS = 20_000  # that a page holds
_LEAST_CLUSTER = 5
_CORE = 1.5  # times the median distance from the middle, within which distances stay as they are


@dataclass(frozen=True, slots=True)
class Layout:
    """Where assets lie in one space by one method.

    Attributes:
        space: whose neighbourhoods are kept.
        method: by which.
        points: (N, 3) float32, 98 % of them within a unit sphere about the origin.
        trustworthiness: how far neighbours on the map are neighbours in the space, 0 to 1.
    """

    space: str
    method: Method
    points: NDArray[np.float32]
    trustworthiness: float


def lay_out(vectors: Embeddings, method: Method) -> NDArray[np.float32]:
    """(N, D) unit rows to (N, 3) points, 98 % of them within a unit sphere.

    By principal components; by t-SNE (L. van der Maaten and G. Hinton, 2008); or by UMAP
    (L. McInnes, J. Healy and J. Melville, 2018). Fewer than five rows lie in a circle.
    """
    count = len(vectors)
    if count < 5:
        angles = 2 * np.pi * np.arange(count) / max(count, 1)
        circle = np.stack([np.cos(angles), np.zeros(count), np.sin(angles)], axis=1)
        return (circle * (count > 1)).astype(np.float32)
    found: NDArray[Any]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads that a seed rules out, and of numba's own
        if method == "pca":
            from sklearn.decomposition import PCA

            found = PCA(3, random_state=0).fit_transform(vectors)
        elif method == "tsne":
            from sklearn.manifold import TSNE

            # What scikit-learn takes by itself throws a few hundred rows or fewer about.
            found = TSNE(
                3, perplexity=float(np.clip(count / 6, 1, 30)), init="pca", random_state=0,
                early_exaggeration=4 if count < _FEW else 12, learning_rate=max(10, count / 48),
            ).fit_transform(vectors)  # fmt: skip
        else:
            from umap import UMAP

            near = min(15, count - 1)
            start = "spectral" if count > 50 else "random"
            found = UMAP(
                near, n_components=3, metric="cosine", min_dist=0.15, init=start, random_state=0
            ).fit_transform(vectors)
    points = np.array(found, np.float32)
    points -= np.median(points, axis=0).astype(np.float32)
    if method == "umap":
        points = _drawn_in(points)
    # A few that lie far out do not make all the others small.
    reach = np.quantile(np.linalg.norm(points, axis=1), 0.98) or 1.0
    return np.asarray(points / max(float(reach), 1e-9), np.float32)


def _drawn_in(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """What lies far out nearer to the middle, in its direction and order.

    How far UMAP puts groups apart that nothing connects says nothing, and makes all else small.
    """
    far = np.linalg.norm(points, axis=1, keepdims=True)
    core = _CORE * np.median(far)
    share: NDArray[np.float32] = core / np.maximum(far, max(core, 1e-9))
    return points * share * (2 - share)


def trustworthiness(vectors: Embeddings, points: NDArray[np.float32]) -> float:
    """Of the nearest 15 on the map (J. Venna and S. Kaski, 2001), on at most 4,000 assets."""
    from sklearn.manifold import trustworthiness as measured

    rows = np.random.default_rng(0).permutation(len(vectors))[:_ASKED]
    near = min(_TRUSTED, (len(rows) - 1) // 2)
    if near < 1:
        return 1.0
    return float(measured(vectors[rows], points[rows], n_neighbors=near))


def clusters(points: NDArray[np.float32]) -> NDArray[np.int64]:
    """(N,) numbers of dense places, -1 between them, by HDBSCAN (R. Campello et al., 2013)."""
    least = max(_LEAST_CLUSTER, len(points) // 150)
    if len(points) < 2 * least:
        return np.full(len(points), -1, np.int64)
    from sklearn.cluster import HDBSCAN

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = HDBSCAN(min_cluster_size=least, copy=True).fit_predict(points)
    return np.asarray(found, np.int64)


def make_map(
    gallery: Gallery,
    methods: Sequence[Method] = METHODS,
    embedder: Embedder | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[str, list[Layout]]:
    """The page of a gallery's map, and what it shows.

    Args:
        gallery: with at least one mesh; that it was indexed by shape or by look is enough.
        methods: by which to lay it out; the page starts with the first.
        embedder: whose spaces, or those of its parts, are laid out; None for shape and look.
        progress: called with the layouts that are made, and how many there will be.

    Raises:
        GalleryError: it holds no mesh, or more than the only method can lay out.
    """
    gallery.check_holds_assets()
    spaces = _vectors(gallery, embedder or BothEmbedder())
    ids = sorted(set.intersection(*(set(known.tolist()) for known, _ in spaces.values())))
    assets = [gallery.assets[id] for id in ids]
    geometry = first_of_geometry(np.stack([asset.signature for asset in assets]))
    wanted = [(space, method) for space in spaces for method in methods
              if method != "tsne" or len(ids) <= _TSNE_UP_TO]  # fmt: skip
    if not wanted:
        raise GalleryError(
            f"{gallery.folder}: t-SNE would take hours over more than {_TSNE_UP_TO:,} assets;"
            " lay them out by umap or pca"
        )
    layouts, near, blobs = [], {}, []
    for done, (space, method) in enumerate(wanted):
        progress(done, len(wanted))
        known, stored = spaces[space]
        vectors = stored[np.searchsorted(known, ids)]
        points = lay_out(vectors, method)
        layouts.append(Layout(space, method, points, trustworthiness(vectors, points)))
        if space not in near:
            near[space] = nearest_others(vectors, geometry)
    progress(len(wanted), len(wanted))
    blobs += [layout.points.tobytes() for layout in layouts]
    blobs += [rows.tobytes() for rows in near.values()]
    cell, sheets = _sheets(gallery, ids)
    data = {
        "title": f"{len(ids):,} assets",
        "assets": _columns(assets) | {"geometry": geometry.tolist()},
        "layouts": [
            {
                "space": layout.space,
                "method": layout.method,
                "trust": round(layout.trustworthiness, 3),
                "labels": _labels(layout.points, assets),
            }
            for layout in layouts
        ],
        "neighbours": {space: rows.shape[1] for space, rows in near.items()},
        "cell": cell,
        "sheets": len(sheets),
    }
    return page("map", f"Map of {len(ids):,} assets", data, [*blobs, *sheets]), layouts


def _vectors(
    gallery: Gallery, embedder: Embedder
) -> dict[str, tuple[NDArray[np.int64], Embeddings]]:
    """Ids, ascending, and vectors of the spaces by which all of the gallery was indexed."""
    found: dict[str, tuple[NDArray[np.int64], Embeddings]] = {}
    for part, _ in embedder.parts:
        try:
            ids, vectors = gallery.vectors(part)
        except EmbedderMismatchError:
            continue
        if len(ids):
            order = np.argsort(ids)
            found[part.space] = ids[order], vectors[order]
    if not found:
        raise GalleryError(
            f"{gallery.folder}: is not, or by other weights, embedded by {embedder.name};"
            f" run 'shapesim index --by {embedder.option}', or give the --by that it was indexed by"
        )
    return found


def nearest_others(vectors: Embeddings, geometry: NDArray[np.int64]) -> NDArray[np.uint32]:
    """(N, K) rows of the nearest of other geometries, the first of each.

    Args:
        vectors: (N, D) unit rows.
        geometry: (N,) the first row of each one's geometry.
    """
    firsts = np.unique(geometry)
    k = min(_NEIGHBOURS + 1, len(firsts))
    rows = firsts[ExactIndex(vectors[firsts]).query(vectors, k)[0]]
    own = rows == geometry[:, None]
    own[~own.any(axis=1), -1] = True  # which is not among the nearest
    return np.asarray(rows[~own].reshape(len(rows), k - 1), np.uint32)


def _columns(assets: Sequence[Asset]) -> dict[str, Any]:
    """What the page knows of each asset, a list for each kind of thing."""
    tags = [next(iter(asset.tags.items()), ("", 0.0)) for asset in assets]
    return {
        "name": [asset.listing.name or asset.path.name for asset in assets],
        "path": [asset.shown_as for asset in assets],
        "pack": [one.shown_as.rpartition("/")[0] or one.path.parent.name for one in assets],
        "tag": [label for label, _ in tags],
        "tags": [", ".join(asset.tags) for asset in assets],
        "sure": [round(probability, 3) for _, probability in tags],
        "arrived": [asset.arrived_at[:10] for asset in assets],
        "triangles": [asset.triangles for asset in assets],
    }


def _labels(points: NDArray[np.float32], assets: Sequence[Asset]) -> list[dict[str, Any]]:
    """A word for each dense place: its commonest tag, or else the commonest part of names."""
    numbers = clusters(points)
    found = []
    for number in range(numbers.max(initial=-1) + 1):
        rows = np.flatnonzero(numbers == number).tolist()
        words = Counter(_word(assets[row]) for row in rows)
        middle = np.median(points[rows], axis=0)
        word = words.most_common(1)[0][0]
        found.append({"text": word, "at": [round(float(x), 3) for x in middle], "count": len(rows)})
    return sorted(found, key=lambda label: -label["count"])


def _word(asset: Asset) -> str:
    if asset.tags:
        return next(iter(asset.tags))
    letters = "".join(letter if letter.isalpha() else " " for letter in asset.path.stem)
    first = letters.split()[0] if letters.split() else asset.path.stem
    # treePine and TreePine are trees.
    upper = [place for place, letter in enumerate(first) if place and letter.isupper()]
    return (first[: upper[0]] if upper and upper[0] > 2 else first).lower()


def _sheets(gallery: Gallery, ids: Sequence[int]) -> tuple[int, list[bytes]]:
    """Thumbnails side by side on square sheets, in the order of the ids, and their side."""
    from PIL import Image

    stored: Mapping[int, bytes] = gallery.catalogue.thumbnails()
    if not stored or len(ids) > _THUMBNAILS:
        return 0, []
    cell = 64 if len(ids) <= 4 * (_SHEET // 64) ** 2 else 32
    across = _SHEET // cell
    sheets = []
    for start in range(0, len(ids), across * across):
        part = ids[start : start + across * across]
        sheet = Image.new("RGB", (_SHEET, -(-len(part) // across) * cell), "white")
        for place, id in enumerate(part):
            if id in stored:
                picture = Image.open(io.BytesIO(stored[id])).convert("RGB").resize((cell, cell))
                sheet.paste(picture, (place % across * cell, place // across * cell))
        sheets.append(encoded(sheet, "WEBP", quality=80))
    return cell, sheets
