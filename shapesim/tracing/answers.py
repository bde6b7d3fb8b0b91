"""What is said of a found picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shapesim.types import Box

FOUND_FROM = 0.5  # confidence from which a picture counts as found


@dataclass(frozen=True, slots=True)
class Original:
    """What a found picture was made of.

    Attributes:
        path: of the picture, or of the mesh that it shows.
        confidence: probability that it is the original, 0 to 1.
        box: x, y, width and height of what is left of it, in pixels of the found picture; the
            whole picture where no such place could be made out.
        view: number of the mesh's view; None of a picture.
        stored: JPEG of the picture or the view, as it was when it was indexed.
    """

    path: Path
    confidence: float
    box: Box
    view: int | None
    stored: bytes = field(compare=False, repr=False)

    def to_json(self) -> dict[str, Any]:
        """One entry of ``trace --json``."""
        return {
            "path": str(self.path),
            "confidence": round(self.confidence, 4),
            "box": list(self.box),
            "view": None if self.view is None else self.view + 1,
        }


@dataclass(frozen=True, slots=True)
class Trace:
    """A found picture, and the originals that it may come from, best first.

    Attributes:
        query: the found picture.
        matches: the likely ones; several where originals are the same picture.
        confidence: probability that the first is the original.
    """

    query: Path
    matches: tuple[Original, ...]
    confidence: float

    @property
    def found(self) -> bool:
        """Whether it comes from this store at all."""
        return self.confidence >= FOUND_FROM

    def to_json(self) -> dict[str, Any]:
        """A line of ``trace --json``; of what is not from this store, with the likeliest original.

        Scripts may draw the line elsewhere: higher, or lower.
        """
        return {
            "query": str(self.query),
            "found": self.found,
            "confidence": round(self.confidence, 4),
            "matches": [match.to_json() for match in self.matches[: None if self.found else 1]],
        }
