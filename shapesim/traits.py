"""What an asset brings besides its shape, and what a game gains and loses by another."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shapesim.errors import AssetError
from shapesim.pictures.images import image_size
from shapesim.types import Material, Mesh, Traits

_LIGHTER = 0.8  # times as many triangles that count as fewer


def traits_of(mesh: Mesh, path: Path) -> Traits:
    """What the file ``path`` holds, which is loaded as ``mesh``."""
    return Traits(
        triangles=len(mesh.faces),
        vertices=len(mesh.corners),
        materials=len(mesh.materials),
        texture_pixels=sum(_texture_pixels(mesh.materials)),
        watertight=is_watertight(mesh),
        uvs=mesh.uvs is not None,
        normals=mesh.normals is not None,
        joints=mesh.joints,
        animations=mesh.animations,
        bytes=path.stat().st_size,
    )


def _texture_pixels(materials: tuple[Material, ...]) -> list[int]:
    """Of every base colour texture, each once."""
    textures = {
        texture if isinstance(texture, Path) else id(texture): texture
        for texture in (material.texture for material in materials)
        if texture is not None
    }
    pixels = []
    for texture in textures.values():
        if isinstance(texture, Path):
            with suppress(AssetError):  # which ``lost_textures`` tells
                width, height = image_size(texture)
                pixels.append(width * height)
        else:
            pixels.append(texture.width * texture.height)
    return pixels


def is_watertight(mesh: Mesh) -> bool:
    """Whether every edge belongs to two triangles, vertices at one place being one."""
    size = float(np.ptp(mesh.corners, axis=0).max())
    cells = np.round((mesh.vertices - mesh.corners.min(axis=0)) / (size * 1e-6)).astype(np.int64)
    rows = _distinct(cells)
    faces = rows[mesh.faces]
    proper = (faces != np.roll(faces, 1, axis=1)).all(axis=1)
    edges = np.sort(faces[proper][:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    _, counts = np.unique(edges[:, 0] * (len(rows) + 1) + edges[:, 1], return_counts=True)
    return bool(len(counts) and (counts == 2).all())


def _distinct(cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """(V,) numbers, equal for equal rows."""
    order = np.lexsort(cells.T)
    changes = (np.diff(cells[order], axis=0) != 0).any(axis=1)
    numbers = np.empty(len(cells), np.int64)
    numbers[order] = np.concatenate([[0], np.cumsum(changes)])
    return numbers


def compare(query: Traits, asset: Traits) -> tuple[list[str], list[str]]:
    """What is gained and what is lost where an asset replaces the query, in a few words each."""
    gains: list[str] = []
    losses: list[str] = []
    share = asset.triangles / max(query.triangles, 1)
    if not _LIGHTER <= share <= 1 / _LIGHTER:
        words = f"triangles ({query.triangles:,} → {asset.triangles:,})"
        (gains if share < 1 else losses).append(f"{'fewer' if share < 1 else 'more'} {words}")
    if asset.materials != query.materials:
        fewer = asset.materials < query.materials
        words = f"materials ({query.materials} → {asset.materials})"
        (gains if fewer else losses).append(f"{'fewer' if fewer else 'more'} {words}")
    if asset.texture_pixels != query.texture_pixels:
        larger = asset.texture_pixels > query.texture_pixels
        words = f"textures ({_side(query.texture_pixels)} → {_side(asset.texture_pixels)})"
        (gains if larger else losses).append(f"{'finer' if larger else 'coarser'} {words}")
    for has, had, name in (
        (asset.watertight, query.watertight, "watertight"),
        (asset.uvs, query.uvs, "texture coordinates"),
        (asset.normals, query.normals, "normals"),
        (asset.joints > 0, query.joints > 0, "rig"),
    ):
        if has != had:
            missing = "not watertight" if name == "watertight" else f"no {name}"
            (gains if has else losses).append(name if has else missing)
    new = [name for name in asset.animations if name not in query.animations]
    gone = [name for name in query.animations if name not in asset.animations]
    if new:
        gains.append(f"animations ({_listed(new)})")
    if gone:
        losses.append(f"no animations ({_listed(gone)})")
    return gains, losses


def _side(pixels: int) -> str:
    """Textures as the side of a square of as many pixels."""
    return f"{round(pixels**0.5)} px" if pixels else "none"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
