"""The colour of a mesh at any point of its surface."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shapesim.errors import AssetError
from shapesim.kernels import shading
from shapesim.pictures.colours import to_linear
from shapesim.pictures.images import load_image
from shapesim.types import Mesh

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

_SEEN = 0.05  # alpha from which a part is seen
_LARGEST = 1024  # pixels of a texture's side: more is never seen
_CACHED = 4  # textures
_LINEAR = to_linear(np.arange(256) / 255).astype(np.float32)


class Textures:
    """Base colours, vertex colours and textures of a mesh.

    Args:
        mesh: whose materials count.
        triangles: (F, 3, 3) its corners, in the unit in which footprints are given.
    """

    def __init__(self, mesh: Mesh, triangles: NDArray[np.float64]) -> None:
        self._materials = mesh.face_materials
        colours = np.array([material.colour for material in mesh.materials], np.float32)
        self._colours = np.clip(np.nan_to_num(colours), 0, 1)  # files say anything
        self._vertex_colours = _vertex_colours(mesh)
        known: dict[tuple[Path | int, bool], list[NDArray[np.float32]]] = {}
        self._levels = []
        for material in mesh.materials:
            texture = material.texture
            key = (texture if isinstance(texture, Path) else id(texture), material.is_cut_out)
            if key not in known:  # many materials share a texture
                known[key] = _levels(texture, material.is_cut_out)
            self._levels.append(known[key])
        self._make_seen(mesh)
        self._uvs = None if mesh.uvs is None else mesh.uvs[mesh.faces].astype(np.float32)
        if self._uvs is not None and any(self._levels):
            self._density = _density(self._uvs, triangles)
        else:
            self._levels = []

    def _make_seen(self, mesh: Mesh) -> None:
        """Ignores all alpha where by it nothing at all would be seen."""
        alphas = self._colours[mesh.face_materials, 3]
        if mesh.uvs is not None:
            opaque = [levels[0][..., 3].max() if levels else 1.0 for levels in self._levels]
            alphas = alphas * np.array(opaque, np.float32)[mesh.face_materials]
        if self._vertex_colours is not None:
            alphas = alphas * self._vertex_colours[..., 3].max(axis=1)
        if (alphas > _SEEN).any():
            return
        self._colours[:, 3] = 1
        if self._vertex_colours is not None:
            self._vertex_colours[..., 3] = 1
        for levels in self._levels:
            for level in levels:
                level[..., 3] = 1

    def sample(
        self, faces: NDArray[Any], weights: NDArray[np.float32], footprint: NDArray[Any]
    ) -> NDArray[np.float32]:
        """(N, 4) colours, linear, and alphas at points of the surface.

        Args:
            faces: (N,) rows of the mesh's faces.
            weights: (N, 3) of their corners.
            footprint: (N,) length that one pixel covers there.
        """
        materials = self._materials[faces]
        colours: NDArray[np.float32] = self._colours[materials]
        if self._vertex_colours is not None:
            colours *= shading.interpolate(self._vertex_colours, faces, weights)
        if self._uvs is None or not any(self._levels):
            return colours
        uvs = shading.interpolate(self._uvs, faces, weights)
        known = np.isfinite(uvs).all(axis=1)
        for material, levels in enumerate(self._levels):
            if not levels:
                continue
            rows = np.flatnonzero((materials == material) & known)
            # The coarseness at which one pixel of the picture sees about one of the texture.
            texels = footprint[rows] * self._density[faces[rows]] * len(levels[0])
            level = np.clip(np.log2(np.maximum(texels, 1e-6)), 0, len(levels) - 1).round()
            for number, picture in enumerate(levels):
                shading.tint(colours, rows[level == number], uvs, picture)
        return colours


def lost_textures(mesh: Mesh) -> tuple[str, ...]:
    """Those that cannot be read, a line each: the mesh is seen without them."""
    lost: list[str] = []
    known: set[Path | int] = set()
    for material in mesh.materials:
        texture = material.texture
        key = texture if isinstance(texture, Path) else id(texture)
        if texture is None or key in known:
            continue
        known.add(key)
        found = _picture(texture)
        if isinstance(found, AssetError):
            name = getattr(material.texture, "name", "") or f"of {material.name or 'a material'}"
            lost.append(f"texture {name} {found.reason}")
    return tuple(dict.fromkeys(lost))


def _picture(texture: PilImage | Path) -> NDArray[np.uint8] | AssetError:
    """(H, W, 4) pixels, or why there are none."""
    try:
        if isinstance(texture, Path):
            stat = texture.stat()
            return _read(texture, stat.st_mtime_ns, stat.st_size)
        return load_image(texture, _LARGEST)
    except OSError as error:
        return AssetError(str(texture), error.strerror or "cannot be opened")
    except AssetError as error:
        return error


@lru_cache(_CACHED)
def _read(texture: Path, _changed: int, _size: int) -> NDArray[np.uint8]:
    """Packs have one texture for many meshes."""
    return load_image(texture, _LARGEST)


def _vertex_colours(mesh: Mesh) -> NDArray[np.float32] | None:
    """(F, 3, 4) linear colours at the corners."""
    if mesh.colours is None:
        return None
    colours = _LINEAR[mesh.colours]
    colours[:, 3] = mesh.colours[:, 3] / np.float32(255)
    corners: NDArray[np.float32] = colours[mesh.faces]
    return corners


def _levels(texture: PilImage | Path | None, is_cut_out: bool) -> list[NDArray[np.float32]]:
    """(H, W, 4) linear pictures, each half as large as the one before; none without a texture."""
    from PIL import Image

    picture = None if texture is None else _picture(texture)
    if picture is None or isinstance(picture, AssetError):  # which ``lost_textures`` tells
        return []
    levels = [picture]
    while min(levels[-1].shape[:2]) > 4:
        halves = Image.fromarray(levels[-1]).reduce(2)
        levels.append(np.asarray(halves))
    linear = []
    for level in levels:
        light = _LINEAR[level]
        light[..., 3] = level[..., 3] / np.float32(255) if is_cut_out else 1
        linear.append(light)
    return linear


def _density(uvs: NDArray[np.float32], triangles: NDArray[np.float64]) -> NDArray[np.float32]:
    """(F,) lengths in the texture, of which the whole is 1, for a length on the surface."""
    a, b = uvs[:, 1] - uvs[:, 0], uvs[:, 2] - uvs[:, 0]
    flat = np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
    crosses = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    areas = np.linalg.norm(crosses, axis=1)
    density = np.sqrt(np.nan_to_num(flat) / np.maximum(areas, 1e-12))
    return np.asarray(density, np.float32)
