"""Objects of one file, such as those of a kit or a level, each named ``kit.fbx!/Chair``."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shapesim.meshes.parts import Part

_SEPARATORS = re.compile(r"[\\/:]+")  # of paths and, on Windows, of drives
_KINDS = 3  # of things in a kit, at least
_MOST = 1000  # objects: of more, hardly any is a thing of its own
_DIGITS = 3
_GAP = 0.01  # of the whole's size: what is nearer may belong together
_GROUND, _FLAT = 0.5, 0.05  # of the whole: what covers more and is flat is what others stand on
_APART = 0.5  # of a group's members: if more stand apart, it is no more than a group

_Bounds = NDArray[np.float64]


class Titles:
    """Gives each object of a file a name of its own, which can be asked for."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._numbers: dict[str, int] = {}

    def new(self, name: str) -> str:
        """The name, with a number behind it where others have it, too."""
        plain = _SEPARATORS.sub("_", name).strip().strip(".") or "object"
        title = plain
        while title.casefold() in self._taken:
            self._numbers[plain] = self._numbers.get(plain, 1) + 1
            title = f"{plain} {self._numbers[plain]}"
        self._taken.add(title.casefold())
        return title


def parts_of(parts: Sequence[Part], name: str) -> list[Part]:
    """Those of an object, on whatever level it stands."""
    return [part for part in parts if name in part.within]


def objects_in(parts: Sequence[Part]) -> list[str]:
    """Names of the objects that a file holds side by side; none if it is but one.

    These are what hangs on the innermost node that holds all. What is no more than a group of
    things that stand apart is taken for those.
    """
    found = _members([part for part in parts if len(part.faces)], 0)
    return sorted(found, key=_as_listed) if len(found) > 1 else []


def is_kit(parts: Sequence[Part]) -> bool:
    """Whether a file holds things of several kinds with room about each, and no single thing."""
    groups = [parts_of(parts, name) for name in objects_in(parts)]
    if not _KINDS <= len(groups) <= _MOST:
        return False
    bounds = [_bounds(group) for group in groups]
    # The bars of a fence stand apart as well, and are all alike.
    kinds = {
        (sum(len(part.faces) for part in group), *np.sort(high - low).round(_DIGITS).tolist())
        for group, (low, high), apart in zip(groups, bounds, _apart(bounds), strict=True)
        if apart
    }
    return len(kinds) >= _KINDS


def _members(parts: Sequence[Part], depth: int) -> dict[str, list[Part]]:
    """The objects that parts belong to, which are all below one at a depth; none if any is not."""
    while parts and all(len(part.within) > depth + 1 for part in parts):
        if len({part.within[depth] for part in parts}) > 1:
            break
        depth += 1
    members: dict[str, list[Part]] = {}
    for part in parts:
        if len(part.within) <= depth:
            return {}
        members.setdefault(part.within[depth], []).append(part)
    found: dict[str, list[Part]] = {}
    for name, group in members.items():
        below = _members(group, depth + 1)
        bounds = [_bounds(one) for one in below.values()]
        is_group = len(below) > 1 and sum(_apart(bounds)) > _APART * len(below)
        found |= below if is_group else {name: group}
    return found


def _as_listed(name: str) -> list[tuple[int, str]]:
    """Numbers count: Chair 2 comes before Chair 10."""
    pieces = re.split(r"(\d+)", name.casefold())
    return [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in pieces]


def _bounds(parts: Sequence[Part]) -> _Bounds:
    """(2, 3) lowest and highest corner."""
    used = np.concatenate([part.vertices[np.unique(part.faces)] for part in parts])
    return np.stack([used.min(axis=0), used.max(axis=0)]).astype(np.float64)


def _apart(bounds: Sequence[_Bounds]) -> list[bool]:
    """Which of some boxes touch no other, but for one that nearly all stand on."""
    if not bounds:
        return []
    low, high = np.stack(bounds).transpose(1, 0, 2)
    sizes, whole = high - low, (high.max(axis=0) - low.min(axis=0))
    gap = _GAP * float(whole.max())
    # Whichever axis is up, the ground is large along the two others.
    is_wide = (sizes > _GROUND * np.maximum(whole, gap)).sum(axis=1) >= 2
    is_ground = is_wide & (sizes.min(axis=1) < _FLAT * whole.max())
    touching = ((low[:, None] < high + gap) & (high[:, None] + gap > low)).all(axis=2)
    touching[:, is_ground] = False
    np.fill_diagonal(touching, False)
    apart: list[bool] = (~touching.any(axis=1) & ~is_ground).tolist()
    return apart
