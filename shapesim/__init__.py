"""Finds replacements for 3D assets by shape and look.

    from shapesim import Gallery, ShapeEmbedder, load_mesh

Importing this package loads none of its parts; each comes with the first use of its name.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shapesim.embedders import BothEmbedder, LookEmbedder, ShapeEmbedder
    from shapesim.errors import ShapesimError
    from shapesim.gallery import Gallery
    from shapesim.indexing import index_stores
    from shapesim.meshes import find_assets, load_mesh
    from shapesim.pictures.images import load_image
    from shapesim.rendering.views import render
    from shapesim.swap import Filters, Query, Replaced, recommend
    from shapesim.types import Asset, Match, Mesh
    from shapesim.voxels import voxel_grid, voxelise

# ONNX Runtime would tell its maker of this machine; it asks for this when it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_MODULES = {
    "Asset": "shapesim.types",
    "BothEmbedder": "shapesim.embedders",
    "Filters": "shapesim.swap",
    "Gallery": "shapesim.gallery",
    "LookEmbedder": "shapesim.embedders",
    "Match": "shapesim.types",
    "Mesh": "shapesim.types",
    "Query": "shapesim.swap",
    "Replaced": "shapesim.swap",
    "ShapeEmbedder": "shapesim.embedders",
    "ShapesimError": "shapesim.errors",
    "find_assets": "shapesim.meshes",
    "index_stores": "shapesim.indexing",
    "load_image": "shapesim.pictures.images",
    "load_mesh": "shapesim.meshes",
    "recommend": "shapesim.swap",
    "render": "shapesim.rendering.views",
    "voxel_grid": "shapesim.voxels",
    "voxelise": "shapesim.voxels",
}

__all__ = [
    "Asset",
    "BothEmbedder",
    "Filters",
    "Gallery",
    "LookEmbedder",
    "Match",
    "Mesh",
    "Query",
    "Replaced",
    "ShapeEmbedder",
    "ShapesimError",
    "find_assets",
    "index_stores",
    "load_image",
    "load_mesh",
    "recommend",
    "render",
    "voxel_grid",
    "voxelise",
]


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'shapesim' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
