"""What the sample store and the sample game hold: path, family, seed and repainted parts.

The seeds are picked by eye so that each file looks like its name.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Asset:
    """One file to write; `repaint` maps colours of the family's asset to other colours."""

    path: str
    family: str
    seed: int
    repaint: dict[str, str] = field(default_factory=dict)


HARBOUR = [
    Asset("props/barrel-wood.glb", "barrel", 2),
    Asset("props/barrel-banded.fbx", "barrel", 24),
    Asset("props/barrel-slim.dae", "barrel", 11),
    Asset("props/barrel-tub.obj", "barrel", 16),
    Asset("props/barrel-yellow.glb", "barrel", 1),
    Asset("props/barrel-red.glb", "barrel", 1, {"yellow": "red"}),
    Asset("props/barrel-blue.glb", "barrel", 1, {"yellow": "blue"}),
    Asset("props/crate-closed.gltf", "crate", 4),
    Asset("props/crate-braced.glb", "crate", 16),
    Asset("props/crate-open.stl", "crate", 11),
    Asset("props/crate-oranges.glb", "crate", 10),
    Asset("props/chest-treasure.fbx", "chest", 9),
    Asset("props/chest-round.glb", "chest", 1),
    Asset("props/chest-flat.obj", "chest", 2),
    Asset("props/ladder-long.off", "ladder", 4),
    Asset("props/pipe-elbow.3mf", "pipe", 4),
    Asset("props/pipe-tee.stl", "pipe", 0),
    Asset("props/wheel-helm.gltf", "wheel", 5),
    Asset("props/sign-hanging.glb", "sign", 6),
    Asset("tavern/table-round.glb", "table", 7),
    Asset("tavern/table-trestle.fbx", "table", 5),
    Asset("tavern/stool-round.ply", "chair", 11),
    Asset("tavern/stool-square.glb", "chair", 27),
    Asset("tavern/bench-log.off", "bench", 5),
    Asset("tavern/mug-handle.glb", "cup", 4),
    Asset("tavern/goblet-gold.3mf", "cup", 5),
    Asset("tavern/bottle-wine.glb", "bottle", 10),
    Asset("tavern/lantern-hand.glb", "lantern", 4),
    Asset("boats/boat-rowing.dae", "ship", 3),
    Asset("boats/boat-motor.glb", "ship", 6),
    Asset("boats/ship-cargo.glb", "ship", 2),
    Asset("boats/ship-sail.gltf", "ship", 1),
    Asset("buildings/tower-stone.ply", "tower", 0),
    Asset("buildings/watchtower-wood.glb", "tower", 3),
]

MEADOW = [
    Asset("nature/pine-broad.glb", "tree", 20),
    Asset("nature/pine-tall.fbx", "tree", 6),
    Asset("nature/pine-young.glb", "tree", 8),
    Asset("nature/tree-round.glb", "tree", 9),
    Asset("nature/tree-autumn.obj", "tree", 29),
    Asset("nature/tree-bare.ply", "tree", 24),
    Asset("nature/palm-curved.glb", "tree", 7),
    Asset("nature/rock-boulder.stl", "rock", 0),
    Asset("nature/rock-standing.off", "rock", 14),
    Asset("nature/bush-round.glb", "bush", 9),
    Asset("nature/grass-clump.gltf", "grass", 2),
    Asset("nature/flower-sunflower.glb", "flower", 10),
    Asset("nature/mushroom-brown.3mf", "mushroom", 4),
    Asset("nature/cactus-saguaro.glb", "cactus", 3),
    Asset("nature/pumpkin-carved.glb", "pumpkin", 3),
    Asset("furniture/chair-windsor.glb", "chair", 1),
    Asset("furniture/chair-slats.fbx", "chair", 22),
    Asset("furniture/chair-office.glb", "chair", 3),
    Asset("furniture/chair-armchair.dae", "chair", 15),
    Asset("furniture/sofa-green.glb", "sofa", 8),
    Asset("furniture/bed-single.glb", "bed", 1),
    Asset("weapons/sword-straight.glb", "sword", 1),
    Asset("weapons/sword-leaf.fbx", "sword", 2),
    Asset("weapons/sword-curved.glb", "sword", 9),
    Asset("weapons/axe-double.glb", "axe", 6),
    Asset("weapons/shield-heater.obj", "shield", 7),
    Asset("weapons/bow-long.glb", "bow", 5),
    Asset("vehicles/car-sedan.glb", "car", 10),
    Asset("vehicles/car-hatchback.fbx", "car", 16),
    Asset("vehicles/car-pickup.glb", "car", 12),
    Asset("vehicles/truck-box.gltf", "truck", 4),
    Asset("buildings/house-cottage.glb", "house", 10),
    Asset("buildings/windmill-brick.dae", "windmill", 9),
    Asset("buildings/fence-picket.glb", "fence", 9),
    Asset("buildings/well-roofed.glb", "well", 0),
]

PACKS = {
    "harbour-pack": ("2026-09-14", HARBOUR),
    "meadow-pack": ("2026-11-16", MEADOW),
}

GAME = [
    Asset("props/chair.fbx", "chair", 19),
    Asset("props/barrel.fbx", "barrel", 25),
    Asset("props/crate.obj", "crate", 16),  # the store's crate-braced in another format
    Asset("nature/pine.fbx", "tree", 30),
    Asset("weapons/sword.fbx", "sword", 21),
    Asset("vehicles/car.glb", "car", 29),
]

# Artists' tools disagree on the up axis and the unit of FBX; the files not named here are y up
# in metres.
FBX_SETTINGS = {
    "barrel-banded": ("y", "cm"),
    "chest-treasure": ("z", "cm"),
    "table-trestle": ("z", "m"),
    "chair-slats": ("z", "cm"),
    "car-hatchback": ("y", "cm"),
    "chair": ("y", "cm"),
    "pine": ("z", "m"),
    "sword": ("z", "cm"),
}
