"""Mesh files: which there are in a store, and one way to load them all."""

from shapesim.meshes.finding import FoundAssets, find_assets
from shapesim.meshes.loading import SUFFIXES, load_mesh
from shapesim.meshes.saving import save_mesh

__all__ = ["SUFFIXES", "FoundAssets", "find_assets", "load_mesh", "save_mesh"]
