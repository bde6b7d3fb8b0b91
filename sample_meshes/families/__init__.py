"""All families of sample assets, and `make`, which builds one asset as a scene."""

from __future__ import annotations

from zlib import crc32

import numpy as np
import trimesh

from sample_meshes.families import (
    barriers,
    big_vehicles,
    buildings,
    craft,
    furniture,
    garden,
    nature,
    props,
    ranged,
    structures,
    things,
    vehicles,
    vessels,
    weapons,
)
from sample_meshes.families.parts import PALETTE, Family, Part, to_scene

__all__ = ["FAMILIES", "PALETTE", "Family", "Part", "make", "parts_of"]

FAMILIES: dict[str, Family] = {
    **furniture.FAMILIES,
    **nature.FAMILIES,
    **garden.FAMILIES,
    **buildings.FAMILIES,
    **structures.FAMILIES,
    **barriers.FAMILIES,
    **props.FAMILIES,
    **vessels.FAMILIES,
    **things.FAMILIES,
    **weapons.FAMILIES,
    **ranged.FAMILIES,
    **vehicles.FAMILIES,
    **big_vehicles.FAMILIES,
    **craft.FAMILIES,
}


def parts_of(family: str, seed: int) -> list[Part]:
    """Build the parts of one asset; the same family and seed always give the same parts."""
    return FAMILIES[family](np.random.default_rng([crc32(family.encode()), seed]))


def make(family: str, seed: int) -> trimesh.Scene:
    """Build one asset as a scene: metres, y up, front to +z, standing on y = 0."""
    return to_scene(parts_of(family, seed))
