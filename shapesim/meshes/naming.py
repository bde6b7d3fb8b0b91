"""What game engines take from the names of objects: which of them players never see."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Unreal's prefixes, Godot's suffixes and what is usual in Unity: of shapes for collisions and
# navigation alone. Godot's "-col" is seen as well.
_UNSEEN = re.compile(
    r"(U(CX|BX|SP|CP)|MCDCX)_.*"
    r"|.*[-_.$ ](colonly|convcolonly|navmesh|occonly|noimp|(mesh)?collider|collision)[-_.\d\s]*",
    re.IGNORECASE | re.DOTALL,
)
_LEVEL = re.compile(r"(.*)[-_. ]LOD_?(\d\d?)([-_.]\d+)?$", re.IGNORECASE | re.DOTALL)


def follows_convention(names: Sequence[str]) -> bool:
    """Whether any of the names means something to a game engine."""
    return any(_UNSEEN.fullmatch(name) or _LEVEL.match(name) for name in names)


def drawn(objects: Sequence[Sequence[str]]) -> tuple[list[int], list[str]]:
    """Which objects players see close by; all of them, where it would be none.

    What only collides is left out, and of levels of detail, as Unity names them, all but the first.

    Args:
        objects: names of each, its own first, then those of what it hangs on.

    Returns:
        Their positions, and notes on what was left out.
    """
    every = range(len(objects))
    seen = [at for at in every if not any(_UNSEEN.fullmatch(name) for name in objects[at])]
    notes = []
    if len(seen) < len(objects) and seen:
        notes = ["has shapes for collisions (UCX and the like), which are left out"]
    seen = seen or [*every]
    levels = {at: found for at in seen if (found := _level(objects[at]))}
    wholes = {name.lower() for at in seen if at not in levels for name in objects[at][:1]}
    wholes |= {base for base, level in levels.values() if level == 0}
    return [at for at in seen if at not in levels or _is_first(*levels[at], wholes)], notes


def _level(names: Sequence[str]) -> tuple[str, int] | None:
    """Of what an object is a level of detail, and which."""
    found = next((found for name in names if (found := _LEVEL.match(name))), None)
    return (found[1].lower(), int(found[2])) if found else None


def _is_first(base: str, level: int, wholes: set[str]) -> bool:
    return level == 0 or base not in wholes
