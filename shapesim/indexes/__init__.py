"""Nearest neighbours over the vectors of one space."""

from shapesim.indexes.base import Index
from shapesim.indexes.exact import ExactIndex

__all__ = ["ExactIndex", "Index"]
