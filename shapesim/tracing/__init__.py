"""Traces a picture found in the wild back to the original that it was made of.

``tracer`` looks for a picture's ``regions`` among the ``originals``: the nearest ones by local
features (``verification``), or by what is bright and dark (``correlation``).
"""

from shapesim.tracing.answers import Original, Trace
from shapesim.tracing.tracer import Evidence, Tracer, trace_files

__all__ = ["Evidence", "Original", "Trace", "Tracer", "trace_files"]
