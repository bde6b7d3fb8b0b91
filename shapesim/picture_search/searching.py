"""Finds the assets of a gallery that a picture shows, or a part of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shapesim.embedders import LookEmbedder
from shapesim.errors import AssetError, ShapesimError
from shapesim.gallery import Gallery
from shapesim.objects.finder import ObjectFinder, check_box, open_scene
from shapesim.picture_search.comparing import IN_SCENE, Pictured
from shapesim.pictures.images import load_image, opaque
from shapesim.reading import LARGEST_PICTURE, read_pictures
from shapesim.swap import ANY, Filters, Query, recommend
from shapesim.types import Box, Match, Raster, Shares

_BLANK = 3  # levels by which a picture of one colour may differ


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked by a picture.

    Attributes:
        query: by which the likeliest assets are found.
        pictured: opens the picture, with which these are compared; many are not held at once.
        box: the part of the picture that is asked for, in pixels; None for all of it.
        cut: what the picture shows there.
    """

    query: Query
    pictured: Callable[[], Pictured]
    box: Box | None = None
    cut: Raster | None = None


def ask_by_pictures(
    paths: Sequence[Path], embedder: LookEmbedder
) -> dict[Path, Asked | AssetError]:
    """What is asked by each picture, or why it asks for nothing."""
    read = dict(read_pictures(paths, embedder))
    for path, item in read.items():
        if not isinstance(item, AssetError) and _is_blank(item):
            read[path] = AssetError(path, "shows nothing: it is of one colour")
    good = {path: item for path, item in read.items() if not isinstance(item, AssetError)}
    asked: dict[Path, Asked | AssetError] = {
        path: item for path, item in read.items() if isinstance(item, AssetError)
    }
    if good:
        shown = embedder.embed_shown(list(good.values()))
        for path, vector, view, boxes in zip(good, *shown, strict=True):

            def pictured(path: Path = path, boxes: Sequence[Shares] = boxes) -> Pictured:
                return Pictured(opaque(load_image(path, LARGEST_PICTURE)), embedder, boxes)

            asked[path] = Asked(Query(vector, view=view), pictured)
    return {path: asked[path] for path in read}


def ask_by_part(path: Path, part: Box | int, embedder: LookEmbedder) -> Asked:
    """What is asked by a part of a picture.

    Args:
        path: of the picture.
        part: x, y, width and height in pixels, or the number of an object, as ``ObjectFinder``
            gives them.
        embedder: of the assets.

    Raises:
        AssetError: the picture cannot be read.
        ShapesimError: the box is outside of it, or there is no such object.
    """
    scene = open_scene(path)
    finder = ObjectFinder()
    seen = finder.see(scene)
    if isinstance(part, int):
        found = {one.id: one.box for one in finder.objects(seen)}
        if part not in found:
            raise ShapesimError(
                f"{path}: no object in it has the number {part};"
                f" 'shapesim objects {path} --sheet numbered.png' shows those that are seen"
            )
        part = found[part]
    x, y, width, height = box = check_box(part, scene)
    vectors, views = finder.embed(seen, [box], embedder)
    tall, wide = scene.shape[:2]
    shares = x / wide, y / tall, width / wide, height / tall
    return Asked(
        Query(vectors[0], view=views[0]),
        lambda: Pictured(scene, embedder, [shares], IN_SCENE),
        box,
        scene[y : y + height, x : x + width],
    )


def answer(
    gallery: Gallery,
    embedder: LookEmbedder,
    asked: Mapping[Path, Asked],
    k: int = 10,
    filters: Filters = ANY,
) -> Iterator[tuple[Path, list[Match], list[AssetError]]]:
    """The assets that each picture shows, the likeliest turned as it shows them.

    Args:
        gallery: that is searched.
        embedder: by which it was asked.
        asked: by picture.
        k: matches of each, at most.
        filters: what assets must be like.

    Returns:
        One by one, a picture, its matches, best first, and what of them could not be compared.

    Raises:
        GalleryError: the gallery is empty.
        EmbedderMismatchError: it was embedded by other weights.
        ShapesimError: no asset has the tag.
    """
    queries = [one.query for one in asked.values()]
    likely = recommend(gallery, embedder, queries, max(k, IN_SCENE.most), filters)

    def compared() -> Iterator[tuple[Path, list[Match], list[AssetError]]]:
        for (path, one), matches in zip(asked.items(), likely, strict=True):
            ordered, failures = one.pictured().compared(matches, k)
            yield path, ordered[:k], failures

    return compared()


def _is_blank(prepared: NDArray[np.uint8]) -> bool:
    """Whether (1, S, S, 3) is of one colour."""
    spread = prepared.max(axis=(0, 1, 2)) - prepared.min(axis=(0, 1, 2))
    return bool(spread.max() <= _BLANK)
