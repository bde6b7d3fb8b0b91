"""Mesh files: which there are in a store, and one way to load them all."""

from shapesim.meshes.finding import FoundAssets, find_assets, find_originals
from shapesim.meshes.loading import MESH_SUFFIXES, load_mesh, objects_of
from shapesim.meshes.saving import save_mesh

__all__ = ["MESH_SUFFIXES", "FoundAssets", "find_assets", "find_originals", "load_mesh",
           "objects_of", "save_mesh"]  # fmt: skip
