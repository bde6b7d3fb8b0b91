"""What the names of mesh files say of their kind, beyond the words that a table of labels has.

Kinds are named as the store's labels name them, where these have the kind. Names that artists give
were read through for this: of what nobody would look for, such as one pack's connectors, no kind is
told.
"""

from __future__ import annotations

import re

_NAMES = {
    "ac": "air conditioner, airconditioner, ac",
    "alien": "alien",
    "armour": "armor, shoulder pads",
    "awning": "awning, overhang",
    "backpack": "bag, bags, backpack, pouch",
    "barrier": "barrier, sack trench",
    "beam": "beam, wood slats, wood planks",
    "bench": "bench",
    "bicycle": "bicycle",
    "bin": "trashcan, trash can, trash container, dumpster, trash",
    "bird": "seagull, chick, pigeon, birb",
    "block": "block, cube, brick",
    "bomb": "bomb, grenade",
    "bone": "bone, bones",
    "bow": "crossbow",
    "bush": "hedge",
    "campfire": "bonfire, campfire, woodfire",
    "can": "soda, can",
    "candle": "candelabrum",
    "car": (
        "ambulance, bus, cab, cop car, firetruck, hatchback, hybrid, race, sedan, suv, taxi, "
        "tractor, truck, van, wagon, delivery"
    ),
    "catapult": "siege catapult, siege ballista, siege trebuchet",
    "cone": "traffic cone, construction cone, pylon, obj cone",
    "container": "container",
    "cow": "cat, dog, bear, elk",
    "crate": "lootbox, package, box target, cardboard boxes",
    "curtain": "curtain, curtains",
    "desk": "desk",
    "detail": "details",
    "dish": "satellite dish",
    "dock": "dock, pier",
    "drill": "cordless drill",
    "fire": "obj fire",
    "fishing rod": "fishing rod",
    "fountain": "fountain",
    "food": "cupcake, icecream, milkshake, apple, orange, coconut, beet",
    "grandstand": "grand stand",
    "gun": (
        "ak, ar, pistol, revolver, launcher, smg, short cannon, shotgun, sniper, item weapon, rifle"
    ),
    "helmet": "helmet",
    "house": (
        "bank, barn, building, house, igloo, office, pantheon, pits garage, salon, "
        "skyscraper, station, store, story, thrift shop, town center, low wide, "
        "farm first age, farm second age"
    ),
    "hydrant": "hydrant",
    "ladder": "ladder",
    "lantern": "chandelier, lamp, light, lights, spotlight, stlight, streetlight",
    "log": "log, logs, trunk",
    "mailbox": "mailbox, postbox",
    "man": "character medium, ninja, wizard, zombie, lady",
    "match": "match",
    "mirror": "mirror",
    "mountain": "mountain",
    "nightstand": "night stand",
    "pallet": "pallet",
    "picture": "portrait",
    "pillar": "column, pedestal",
    "pillow": "pillow",
    "plank": "planks",
    "plant": "plant, houseplant, bamboo, rice, wheat",
    "platform": "platform",
    "playground": "playgrnd",
    "pot": "vase, urn, planter, cauldron, sink, saucepan, washer, dryer, blender, refrigerator",
    "rail": "rail",
    "ramp": "ramp",
    "road": "road, driveway, path, street, sidewalk, curb, crosswalk, tile",
    "rock": "meteor",
    "rover": "rover",
    "rubbish": "rubbish, debris",
    "rug": "rug, carpet",
    "saw": "saw",
    "scope": "scope, sight",
    "shelf": "shoe rack, bookshelf",
    "shovel": "shovel",
    "sign": "billboard, banner tower, flag",
    "skull": "skull",
    "solar panel": "solar panel",
    "spaceship": "space craft, saucer",
    "speaker": "speaker",
    "spikes": "spike, spikes",
    "stairs": "staircase",
    "statue": "statue",
    "stock": "stock, grip",
    "sword": "claymore, katana, knife, laser sabel",
    "tent": "tent",
    "tombstone": "grave",
    "tower": "simpletower, watchtower, water tower, celltower, tower fbx",
    "trap": "bear trap",
    "traffic light": "traffic light, trlight, stop light",
    "tree": "willow, christmas",
    "tv": "television",
    "vent": "vent",
}
"""Words by which a file of each kind is called; the last that a name has counts."""
_FOLDERS = {
    "mmmm/collada/chr_": "man",
    "mmmm/collada/veh_": "car",
    "free-parking/kenney-car-kit/": "car",
    "quaternius-glb/modular-sci-fi-guns-pack/Body_AR": "gun",
    "quaternius-glb/modular-sci-fi-guns-pack/Body_Gr": "gun",
    "quaternius-glb/modular-sci-fi-guns-pack/Grip_": "stock",
    "quaternius-glb/modular-sci-fi-guns-pack/Stock_": "stock",
    "quaternius-glb/modular-sci-fi-guns-pack/Magazine": "stock",
    "free-parking/kenney-city-kit-roads/models/road": "road",
    "free-parking/kenney-racing-kit/models/road": "road",
    "gazebo/pickup/": "car",
    "quaternius/buildings-pack": "house",
    "quaternius/realistic-car": "car",
    "free-parking/kenney-retro-urban-kit/models/truck": "car",
    "kenney/platformer-kit-1-0/block": "block",
    "quaternius-glb/platformer-game-pack/Cube": "block",
}
"""Starts of paths below which all is of a kind, whatever else the names say."""
_OTHERWISE = {
    "quaternius-glb/cute-fish-pack/": "fish",
    "quaternius-glb/fish-pack/": "fish",
    "quaternius/animal-pack-vol-2": "fish",
    "quaternius/animated-fps-guns": "gun",
    "free-parking/toon-shooter-game-kit/guns": "gun",
}
"""Starts of paths below which what is not told by its name is of a kind."""
_MERGED = {
    "lamp": "lantern",
    "sedan": "car",
    "truck": "car",
    "cabinet": "shelf",
    "cup": "glass",
    "wardrobe": "shelf",
    "closet": "shelf",
}
"""Labels that other sources, or the same, give to what the store's labels call otherwise."""
_KINDS = {f" {name} ": kind for kind, names in _NAMES.items() for name in names.split(", ")}


def kind_of(name: str) -> str:
    """The kind of a file, by its path under the root; an empty string if that tells none."""
    for start, kind in _FOLDERS.items():
        if name.startswith(start):
            return kind
    stem = name.rpartition("/")[2].rpartition(".")[0]
    words: list[str] = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", stem)
    spoken = f" {' '.join(words).lower()} "
    found = [(spoken.rfind(key) + len(key), len(key), kind)
             for key, kind in _KINDS.items() if key in spoken]  # fmt: skip
    if found:
        return max(found)[2]
    return next((kind for start, kind in _OTHERWISE.items() if name.startswith(start)), "")


def merged(label: str) -> str:
    """The label by which all sources call this kind."""
    return _MERGED.get(label, label)
