"""The searched set on disk: a catalogue and vectors in SQLite, and a graph that can be rebuilt."""

from shapesim.gallery.gallery import GRAPH_FROM, Gallery

__all__ = ["GRAPH_FROM", "Gallery"]
