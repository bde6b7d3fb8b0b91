"""Vehicles and robots: metres, y up, front to +z."""

from __future__ import annotations

import numpy as np
from trimesh import Trimesh

from sample_meshes.families.parts import (
    BRIGHT,
    Family,
    Part,
    Rng,
    ball,
    box,
    lathe,
    mirror,
    paint,
    pick,
    place,
    rod,
    side,
)


def axles(spots: list[float], track: float, radius: float, width: float) -> list[Part]:
    """Return tyres and hubs for pairs of wheels at the given z, rolling along z."""
    x, tyres, hubs = track / 2, list[Trimesh](), list[Trimesh]()
    for z in spots:
        tyres += [rod((x - width, radius, z), (x, radius, z), radius, sides=12)]
        hubs += [rod((x - width / 2, radius, z), (x + 0.03, radius, z), radius * 0.5, sides=8)]
    return [paint("black", *mirror(*tyres)), paint("steel", *mirror(*hubs))]


def car(rng: Rng) -> list[Part]:
    """Make a sedan, hatchback, van, pickup, jeep or racing car."""
    u, colour = rng.uniform, pick(rng, *BRIGHT, "black")
    style = pick(rng, "sedan", "hatch", "van", "pickup", "jeep", "race")
    long, w, r, bevel = u(3.2, 4.6), u(1.5, 1.9), u(0.28, 0.42), pick(rng, 0.0, 0.06, 0.14)
    low, body_h = r * 0.75, u(0.4, 0.6)
    deck = low + body_h
    if style == "race":
        nose = box(w * 0.45, 0.35, long, (0, low * 0.6, 0), bevel, (0.6, 0.8))
        pods = mirror(box(w * 0.25, 0.35, long * 0.4, (w * 0.28, low * 0.6, -0.2), 0.05))
        wings = [
            box(w, 0.05, 0.4, (0, low * 0.6, long / 2)),
            box(w * 0.9, 0.05, 0.35, (0, 0.85, -long / 2)),
        ]
        wings += mirror(box(0.05, 0.5, 0.4, (w * 0.43, 0.45, -long / 2)))
        head = [ball(0.16, (0, 0.75, -0.1), 1)]
        seat = box(w * 0.28, 0.2, 0.8, (0, 0.55, -0.15))
        return [
            paint(colour, nose, *pods),
            paint(pick(rng, *BRIGHT), *wings),
            paint("white", *head),
            paint("black", seat),
            *axles([-long * 0.33, long * 0.33], w * 1.05, r, 0.35),
        ]
    cab_h = u(0.45, 0.65)
    body = [box(w, body_h, long, (0, low, 0), bevel)]
    top_x = u(0.78, 0.92)
    spans = {
        "sedan": (0.5, -0.04, 0.62),
        "hatch": (0.62, -0.12, 0.7),
        "van": (0.82, -0.07, 0.85),
        "pickup": (0.32, 0.08, 0.75),
        "jeep": (0.55, -0.12, 0.95),
    }
    share, centre, top_z = spans[style]
    cab_h += 0.4 if style == "van" else 0.0
    cab_l, cab_z = long * share, long * centre
    glass = box(w * 0.9, cab_h, cab_l, (0, deck - 0.02, cab_z), 0.0, (top_x, top_z))
    roof = box(
        w * 0.9 * top_x * 1.03,
        0.07,
        cab_l * top_z * 1.03,
        (0, deck + cab_h - 0.04, cab_z),
        bevel * 0.2,
    )
    x0, z0 = w * 0.45, cab_l / 2
    pillars = [
        rod(
            (x0, deck, cab_z + i * z0),
            (x0 * top_x, deck + cab_h - 0.02, cab_z + i * z0 * top_z),
            0.04,
            sides=4,
        )
        for i in (-1, 1)
    ]
    pillars += [rod((x0, deck, cab_z), (x0 * top_x, deck + cab_h, cab_z), 0.04, sides=4)]
    frame = [roof, *mirror(*pillars)]
    parts: list[Part] = []
    if style == "pickup":
        body += mirror(box(0.08, 0.3, long * 0.42, (w / 2 - 0.06, deck - 0.05, -long * 0.28)))
        body += [box(w * 0.95, 0.3, 0.08, (0, deck - 0.05, -long / 2 + 0.06))]
    if style == "jeep":
        spare = place(
            rod((0, 0, 0), (0, 0.2, 0), r * 0.9, sides=12), (0, low + 0.4, -long / 2), (-90, 0, 0)
        )
        parts += [paint("black", spare)]
    if style == "van" and rng.random() < 0.6:
        frame += [box(w * 0.93, cab_h, cab_l * 0.55, (0, deck - 0.02, -long * 0.2), 0, (top_x, 1))]
    lights = mirror(box(0.28, 0.14, 0.06, (w * 0.34, low + body_h * 0.5, long / 2)))
    tail = mirror(box(0.24, 0.12, 0.06, (w * 0.36, low + body_h * 0.5, -long / 2)))
    bumpers = [box(w * 0.96, 0.14, 0.14, (0, low, i * long / 2), 0.03) for i in (-1, 1)]
    if rng.random() < 0.25:
        parts += [paint("yellow", box(0.5, 0.18, 0.25, (0, deck + cab_h, cab_z), 0.03))]
    return [
        paint(colour, *body, *frame),
        paint("glass", glass),
        paint("iron", *bumpers),
        paint("glow", *lights),
        paint("red", *tail),
        *parts,
        *axles([-long * 0.32, long * 0.32], w * 1.03, r, 0.24),
    ]


def truck(rng: Rng) -> list[Part]:
    """Make a box, flatbed, tank, dump or fire truck."""
    u, colour = rng.uniform, pick(rng, *BRIGHT)
    style = pick(rng, "box", "box", "flat", "tank", "dump", "fire")
    w, r, cab_l, cab_h = u(2.0, 2.4), u(0.42, 0.55), u(1.2, 1.7), u(1.6, 2.1)
    bed, low = u(3.2, 6.0), r * 1.3
    long, nose = cab_l + bed, pick(rng, 0.0, u(0.7, 1.2))
    front = long / 2 - cab_l / 2
    cab = [box(w, cab_h, cab_l, (0, low, front), 0.08, (0.95, 0.85), -0.05)]
    if nose:
        cab += [box(w * 0.85, cab_h * 0.5, nose, (0, low, long / 2 + nose / 2), 0.08)]
    z = front + cab_l * 0.43
    glass = [box(w * 0.8, cab_h * 0.35, 0.12, (0, low + cab_h * 0.52, z), shift=-0.06)]
    glass += mirror(
        box(0.08, cab_h * 0.35, cab_l * 0.5, (w * 0.48, low + cab_h * 0.52, front + 0.1))
    )
    middle = -cab_l / 2 - 0.05
    chassis = [box(w * 0.7, 0.2, long + nose, (0, low - 0.18, nose / 2))]
    load_colour = pick(rng, "white", "steel", "sand", colour)
    load, extra = list[Trimesh](), list[Part]()
    if style == "box":
        load = [box(w * 1.05, u(1.8, 2.6), bed - 0.1, (0, low, middle), pick(rng, 0.0, 0.06))]
    elif style == "flat":
        load = [box(w, 0.15, bed, (0, low, middle))]
        logs = [
            rod((x, low + y, middle - bed * 0.45), (x, low + y, middle + bed * 0.45), 0.28)
            for x, y in ((-0.6, 0.43), (0, 0.43), (0.6, 0.43), (-0.3, 0.92), (0.3, 0.92))
        ]
        stakes = mirror(
            *(
                rod(
                    (w * 0.48, low, middle + k * bed),
                    (w * 0.48, low + 0.9, middle + k * bed),
                    0.05,
                    sides=4,
                )
                for k in (-0.45, 0, 0.45)
            )
        )
        load += stakes if rng.random() < 0.5 else []
        extra = [paint("wood", *logs)] if rng.random() < 0.6 else []
    elif style == "tank":
        rad = w * u(0.4, 0.5)
        load = [
            rod(
                (0, low + rad, middle - bed * 0.48),
                (0, low + rad, middle + bed * 0.46),
                rad,
                sides=12,
            )
        ]
        load += [
            rod((0, low + 2 * rad, middle + k), (0, low + 2 * rad + 0.15, middle + k), 0.25)
            for k in (-0.8, 0.8)
        ]
    elif style == "dump":
        sides = [(bed / 2, 0.3), (bed / 2 - 0.2, 1.3), (-bed / 2, 1.3), (-bed / 2 + 0.3, 0.2)]
        tilt = pick(rng, 0.0, -u(15, 35))
        tub = mirror(side(sides, 0.1, (w * 0.48, 0, 0)))
        tub += [box(w, 0.1, bed * 0.95, (0, 0.2, 0)), box(w, 1.1, 0.1, (0, 0.2, bed / 2 - 0.1))]
        load = [
            place(place(m, (0, 0, bed / 2)), (0, low, middle - bed / 2), (tilt, 0, 0)) for m in tub
        ]
    else:
        colour = load_colour = "red"
        load = [box(w, cab_h * 0.9, bed, (0, low, middle), 0.05)]
        rungs = [
            rod(
                (-0.3, low + cab_h + 0.1, middle + k),
                (0.3, low + cab_h + 0.1, middle + k),
                0.03,
                sides=4,
            )
            for k in np.arange(-bed * 0.45, bed * 0.5, 0.4)
        ]
        rails = mirror(
            rod(
                (0.3, low + cab_h + 0.1, middle - bed * 0.5),
                (0.3, low + cab_h + 0.1, middle + bed * 0.5),
                0.05,
                sides=4,
            )
        )
        lamp = box(w * 0.6, 0.18, 0.25, (0, low + cab_h - 0.02, front))
        extra = [paint("white", *rungs, *rails), paint("blue", lamp)]
    spots = [front + nose * 0.6, middle - bed * 0.28]
    spots += [middle - bed * 0.28 + 2.2 * r] if bed > 4.5 or rng.random() < 0.4 else []
    lights = mirror(box(0.3, 0.2, 0.08, (w * 0.3, low + 0.2, long / 2 + nose)))
    return [
        paint(colour, *cab),
        paint("glass", *glass),
        paint("iron", *chassis),
        paint("glow", *lights),
        paint(load_colour, *load),
        *extra,
        *axles(spots, w * 1.02, r, 0.35),
    ]


def tank(rng: Rng) -> list[Part]:
    """Make a tank with tracks, a hull, a turret and one or two barrels."""
    u, colour = rng.uniform, pick(rng, "green", "darkleaf", "sand", "darkstone", "blue")
    long, w, h, track = u(3.5, 5.5), u(2.0, 2.8), u(0.5, 0.8), u(0.4, 0.7)
    r = u(0.35, 0.5)
    a = np.linspace(-np.pi / 2, np.pi / 2, 5)
    half = long / 2 - r
    right = np.c_[half + r * np.cos(a), r + r * np.sin(a)]
    left = np.c_[-half - r * np.cos(a), r - r * np.sin(a)]
    belts = mirror(side(np.vstack([right, left]), track, (w / 2, 0, 0)))
    n = int(rng.integers(3, 7))
    hubs = mirror(
        *(
            rod((w / 2, r, z), (w / 2 + track / 2 + 0.05, r, z), r * 0.7)
            for z in np.linspace(-half, half, n)
        )
    )
    hull = side(
        [
            (-long * 0.48, r),
            (-long * 0.42, r + h),
            (long * 0.25, r + h),
            (long * 0.5, r + h * 0.4),
            (long * 0.4, r * 0.6),
            (-long * 0.42, r * 0.6),
        ],
        w * 0.95,
    )
    top, tr, th = r + h, w * u(0.28, 0.4), u(0.5, 0.9)
    z = -long * u(0.0, 0.12)
    turret = lathe(
        [(tr, top), (tr * u(0.9, 1.1), top + th * 0.5), (tr * u(0.5, 0.8), top + th)],
        pick(rng, 4, 6, 8, 12),
        (0, 0, z),
    )
    reach, calibre = long * u(0.4, 0.7), u(0.08, 0.16)
    xs = pick(rng, [0.0], [0.0], [0.0], [-0.2, 0.2])
    y = top + th * 0.5
    barrels = [rod((x, y, z), (x, y + 0.1, z + tr + reach), calibre) for x in xs]
    barrels += [
        rod((x, y + 0.1, z + tr + reach - 0.3), (x, y + 0.1, z + tr + reach), calibre * 1.4)
        for x in xs
    ]
    hatch = rod((tr * 0.3, top + th - 0.02, z), (tr * 0.3, top + th + 0.08, z), 0.25)
    parts = [paint(colour, hull, turret), paint("black", *belts), paint("iron", *hubs)]
    parts += [paint(pick(rng, colour, "iron"), *barrels, hatch)]
    if rng.random() < 0.4:
        parts += [
            paint("iron", rod((-tr * 0.4, top + th * 0.7, z), (-tr * 0.4, top + th + 0.9, z), 0.02))
        ]
    return parts


FAMILIES: dict[str, Family] = {
    "car": car,
    "truck": truck,
    "tank": tank,
}
