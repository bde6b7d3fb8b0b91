"""Objects of one file, such as those of a kit or a level, each named ``kit.fbx!/Chair``."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shapesim.meshes.parts import Part

_ODD = re.compile(r"[\\/:\x00-\x1f]+")  # what separates folders and, on Windows, drives
_LONGEST = 100  # letters of a name: it may become that of a file
_DIGITS = re.compile(r"(\d{1,9})")
_MOST = 1000  # objects: of more, hardly any is a thing of its own
_DEEPEST = 16  # groups within groups
_GAP = 0.02  # of the larger of two things: what is nearer may belong together
_FLAT = 0.1  # as high as it is long: what others may stand on
_APART = 0.5  # of a group's members: if more stand apart, it is no more than a group

Objects = dict[str, list[Part]]
"""By their names."""


class Titles:
    """Gives each object of a file a name of its own, which can be asked for."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._numbers: dict[str, int] = {}

    def new(self, name: str) -> str:
        """The name, with a number behind it where others have it, too."""
        plain = _ODD.sub("_", name)[:_LONGEST].strip(" .") or "object"
        title = plain
        while title.casefold() in self._taken:
            self._numbers[plain] = self._numbers.get(plain, 1) + 1
            title = f"{plain} {self._numbers[plain]}"
        self._taken.add(title.casefold())
        return title


def parts_of(parts: Sequence[Part], name: str) -> list[Part]:
    """Those of an object, on whatever level it stands."""
    return [part for part in parts if name in part.within]


def objects_in(parts: Sequence[Part], up: int) -> Objects:
    """The objects that a file holds side by side; none if it is but one.

    These are what hangs on the innermost node that holds all. What is no more than a group of
    things that stand apart is taken for those.

    Args:
        parts: all of the file.
        up: the coordinate that is height.
    """
    found = _members([part for part in parts if len(part.faces)], 0, up)
    ordered = sorted(found.items(), key=lambda one: _as_listed(one[0]))
    return dict(ordered) if len(found) > 1 else {}


def standing_apart(objects: Objects, up: int) -> list[str]:
    """Names of those with room about them, but for what stands on something flat."""
    if not 1 < len(objects) <= _MOST:
        return []
    low, high = np.stack([_bounds(parts) for parts in objects.values()]).transpose(1, 0, 2)
    sizes = high - low
    longest = sizes.max(axis=1)
    gap = _GAP * np.maximum(longest[:, None], longest)[..., None]
    touching = ((low[:, None] < high + gap) & (high[:, None] + gap > low)).all(axis=2)
    is_low = low[:, up] - low[:, up].min() < _FLAT * longest
    is_ground = (sizes[:, up] < _FLAT * longest) & is_low
    touching &= is_ground[:, None] == is_ground
    np.fill_diagonal(touching, False)
    apart = ~touching.any(axis=1)
    return [name for name, one in zip(objects, apart, strict=True) if one]


def _members(parts: Sequence[Part], depth: int, up: int) -> Objects:
    """The objects that parts belong to, which are all below one at a depth; none if any is not."""
    while parts and all(len(part.within) > depth + 1 for part in parts):
        if len({part.within[depth] for part in parts}) > 1:
            break
        depth += 1
    members: Objects = {}
    for part in parts:
        if len(part.within) <= depth:
            return {}
        members.setdefault(part.within[depth], []).append(part)
    if depth >= _DEEPEST:
        return members
    found: Objects = {}
    for name, group in members.items():
        below = _members(group, depth + 1, up)
        is_group = len(standing_apart(below, up)) > _APART * len(below)
        found |= below if is_group else {name: group}
    return found


def _as_listed(name: str) -> list[tuple[int, str]]:
    """Numbers count: Chair 2 comes before Chair 10."""
    pieces = _DIGITS.split(name.casefold())
    return [(int(piece), "") if at % 2 else (-1, piece) for at, piece in enumerate(pieces)]


def _bounds(parts: Sequence[Part]) -> NDArray[np.float64]:
    """(2, 3) lowest and highest corner."""
    used = np.concatenate([part.vertices[np.unique(part.faces)] for part in parts])
    return np.stack([used.min(axis=0), used.max(axis=0)]).astype(np.float64)
