"""Trains and ships: metres, y up, front to +z."""

from __future__ import annotations

import numpy as np
from trimesh import Trimesh

from sample_meshes.families.parts import (
    WOODS,
    Family,
    Floats,
    Part,
    Rng,
    ball,
    box,
    lathe,
    loft,
    mirror,
    paint,
    pick,
    place,
    ring,
    rod,
    sheet,
    slab,
)
from sample_meshes.families.vehicles import axles


def train(rng: Rng) -> list[Part]:
    """Make a steam engine, a diesel engine, a passenger coach, a wagon or a bullet train."""
    u, colour = rng.uniform, pick(rng, "red", "green", "blue", "black", "teal", "orange")
    style = pick(rng, "steam", "steam", "diesel", "coach", "wagon", "bullet")
    long, w, r = u(4.5, 7.5), u(1.8, 2.3), u(0.35, 0.5)
    low, n = 2 * r * 0.9, int(rng.integers(2, 5))
    spots = [float(z) for z in np.linspace(-long * 0.38, long * 0.3, n)]
    frame = [box(w * 0.8, 0.25, long, (0, low - 0.2, 0))]
    if style == "steam":
        rad = w * u(0.33, 0.42)
        y, cab_l = low + rad, long * u(0.22, 0.3)
        boiler = rod((0, y, -long * 0.3), (0, y, long * 0.47), rad, sides=12)
        bands = [
            rod((0, y, long * k), (0, y, long * k + 0.1), rad * 1.05, sides=12)
            for k in (0, 0.2, 0.4)
        ]
        cab_h = rad * 2 + u(0.5, 0.9)
        z = -long / 2 + cab_l / 2
        cab = [
            box(w, cab_h, cab_l, (0, low, z)),
            box(w * 1.15, 0.1, cab_l * 1.3, (0, low + cab_h, z)),
        ]
        chimney = lathe(
            [(0.15, y), (0.15, y + rad + 0.4), (u(0.18, 0.4), y + rad + u(0.6, 0.9))],
            10,
            (0, 0, long * 0.38),
        )
        dome = [ball((0.28, 0.35, 0.28), (0, y + rad, long * k), 1) for k in (0.02, 0.2)]
        catcher = slab(
            [(-w * 0.4, 0), (w * 0.4, 0), (w * 0.05, -0.7), (-w * 0.05, -0.7)],
            low * 0.7,
            (0, 0.1, long * 0.48),
            0.6,
        )
        windows = mirror(box(0.08, 0.5, cab_l * 0.5, (w / 2, low + cab_h - 0.75, z)))
        lamp = rod((0, y + rad * 0.5, long * 0.46), (0, y + rad * 0.5, long * 0.51), 0.2)
        rods = mirror(
            box(0.06, 0.1, spots[-1] - spots[0], (w * 0.46, r * 0.9, (spots[0] + spots[-1]) / 2))
        )
        return [
            paint(colour, boiler, *cab),
            paint("black", chimney, *frame),
            paint("gold", *bands, *dome),
            paint("red", catcher),
            paint("glass", *windows),
            paint("glow", lamp),
            paint("steel", *rods),
            *axles([*spots, long * 0.42], w * 0.85, r, 0.2),
        ]
    h = u(1.7, 2.4)
    windows_y, count = low + h * 0.5, int(rng.integers(3, 7))
    zs = (np.arange(count) + 0.5) * long * 0.86 / count - long * 0.43
    panes = [box(w * 1.02, h * 0.28, long * 0.6 / count, (0, windows_y, z)) for z in zs]
    pairs = [-long * 0.36, -long * 0.22, long * 0.22, long * 0.36]
    if style == "bullet":
        ks = np.array([-0.5, 0.15, 0.3, 0.42, 0.5])
        sizes = np.array([1, 1, 0.9, 0.62, 0.2])
        arch = np.array(
            [(-0.5, 0), (0.5, 0), (0.5, 0.6), (0.36, 0.92), (0, 1), (-0.36, 0.92), (-0.5, 0.6)]
        )
        rings = [
            np.c_[
                arch[:, 0] * w * (0.4 + 0.6 * s),
                low * 0.5 + arch[:, 1] * h * s,
                np.full(7, long * k),
            ]
            for k, s in zip(ks, sizes, strict=True)
        ]
        panes = [mesh for mesh, z in zip(panes, zs, strict=True) if z < long * 0.15]
        screen = box(w * 0.6, h * 0.2, 0.4, (0, low * 0.5 + h * 0.62, long * 0.35), 0.05)
        stripe = box(w * 1.01, 0.15, long * 0.66, (0, low * 0.5 + h * 0.25, -long * 0.17))
        return [
            paint("white", loft(rings)),
            paint("glass", *panes, screen),
            paint(colour, stripe),
            *axles(pairs, w * 0.85, r * 0.8, 0.2),
        ]
    if style == "wagon":
        if rng.random() < 0.5:
            deep = u(0.8, 1.4)
            tub = [box(w, 0.15, long, (0, low, 0)), *mirror(box(0.1, deep, long, (w / 2, low, 0)))]
            tub += [box(w, deep, 0.1, (0, low, i * long / 2)) for i in (-1, 1)]
            heap = ball((w * 0.45, deep * 0.6, long * 0.45), (0, low + deep * 0.8, 0), 2, rng, 0.06)
            load = [paint(pick(rng, "black", "sand", "stone"), heap)] if rng.random() < 0.7 else []
            return [
                paint(colour, *tub),
                paint("iron", *frame),
                *load,
                *axles(pairs, w * 0.85, r, 0.2),
            ]
        tank = rod(
            (0, low + w * 0.42, -long * 0.46), (0, low + w * 0.42, long * 0.46), w * 0.45, sides=12
        )
        hatch = rod((0, low + w * 0.8, 0), (0, low + w, 0), 0.3)
        return [paint(colour, tank, hatch), paint("iron", *frame), *axles(pairs, w * 0.85, r, 0.2)]
    body = [box(w, h, long, (0, low, 0), pick(rng, 0.05, 0.2))]
    if style == "diesel":
        body = [box(w, h, long * 0.4, (0, low, -long * 0.05), 0.08)]
        body += [
            box(w * 0.75, h * 0.62, long * k, (0, low, z), 0.06)
            for k, z in ((0.35, long * 0.32), (0.3, -long * 0.35))
        ]
        panes = [
            box(w * k, h * 0.25, long * (0.43 - 0.08 * (k > 1)), (0, low + h * 0.68, -long * 0.05))
            for k in (0.8, 1.03)
        ]
    roof = box(
        w * 0.9,
        0.15,
        long * (0.42 if style == "diesel" else 1.01),
        (0, low + h, -long * 0.05 * (style == "diesel")),
        0.05,
    )
    stripe = box(w * 1.015, 0.12, long * 0.99, (0, low + h * 0.3, 0))
    trim = [paint(pick(rng, "white", "yellow"), stripe)] if style == "coach" else []
    return [
        paint(colour, *body),
        paint("glass", *panes),
        paint("darkstone", roof),
        paint("iron", *frame),
        *trim,
        *axles(pairs, w * 0.85, r, 0.2),
    ]


def ship(rng: Rng) -> list[Part]:
    """Make a sailing ship, a rowing boat, a motor boat, a tug or a cargo ship."""
    u, style = rng.uniform, pick(rng, "sail", "sail", "row", "motor", "tug", "cargo")
    if style == "row":
        long, beam, deep = u(2.2, 4), u(1.0, 1.4), u(0.4, 0.6)
        wood = pick(rng, *WOODS, "white", "blue", "red")
        benches = [
            box(beam * 0.85, 0.05, 0.25, (0, deep * 0.6, long * k)) for k in (-0.22, 0.02, 0.22)
        ]
        parts = [paint(wood, _hull(long, beam, deep, 0.06)), paint("lightwood", *benches)]
        if rng.random() < 0.7:
            oar = [rod((beam * 0.2, deep + 0.1, 0.2), (beam * 1.3, deep * 0.2, 0.2), 0.03, sides=6)]
            oar += [place(box(0.5, 0.02, 0.16), (beam * 1.35, deep * 0.15, 0.2), (0, 0, -25))]
            parts += [paint("wood", *mirror(*oar))]
        return parts
    long = u(5, 9)
    beam, deep = long * u(0.26, 0.36), long * u(0.14, 0.2)
    if style == "sail":
        wood, masts = pick(rng, *WOODS), int(rng.integers(1, 4))
        hull, tall = _hull(long, beam, deep, 0.0), long * u(0.6, 0.9)
        cabin = box(
            beam * 0.8, deep * 0.5, long * 0.22, (0, deep * 0.95, -long * 0.34), taper=(0.9, 1)
        )
        zs = np.linspace(-long * 0.2, long * 0.24, masts) if masts > 1 else np.array([long * 0.05])
        poles, cloth, square = [], [], rng.random() < 0.6
        for z in zs:
            top = tall * (1 - 0.25 * abs(z) / long)
            poles += [rod((0, deep * 0.8, z), (0, deep + top, z), 0.1, 0.05, 6)]
            if square:
                for k in range(int(rng.integers(1, 4))):
                    y, half = deep + top * (0.92 - 0.3 * k), beam * (0.5 + 0.12 * k)
                    poles += [rod((-half, y, z), (half, y, z), 0.05, sides=4)]
                    cloth += [_sail(half, y, y - top * 0.27, z, long * 0.05)]
            else:
                cloth += [
                    sheet(
                        [
                            (0.02, deep + top * 0.12, z - 0.1),
                            (0.02, deep + top * 0.95, z - 0.1),
                            (0.02, deep + top * 0.12, z - long * 0.3),
                        ]
                    )
                ]
                poles += [
                    rod((0, deep + top * 0.12, z), (0, deep + top * 0.12, z - long * 0.3), 0.05)
                ]
        poles += [rod((0, deep, long * 0.42), (0, deep + long * 0.1, long * 0.62), 0.06, sides=6)]
        rail = [
            box(beam * 0.06, deep * 0.2, long * 0.5, (i * beam * 0.46, deep, -0.1)) for i in (-1, 1)
        ]
        flag = sheet(
            [
                (0, deep + tall, zs[0]),
                (0, deep + tall + 0.4, zs[0]),
                (0, deep + tall + 0.2, zs[0] - 0.7),
            ]
        )
        return [
            paint(wood, hull, cabin),
            paint("darkwood", *poles, *rail),
            paint(pick(rng, "white", "plaster", "red"), *cloth),
            paint("red", flag),
        ]
    colour = pick(rng, "red", "blue", "black", "green", "white", "orange")
    hull = _hull(long, beam, deep, 0.0)
    if style == "motor":
        house = box(
            beam * 0.6, deep * 0.7, long * 0.3, (0, deep * 0.95, 0), 0.05, (0.85, 0.7), -0.1
        )
        screen = box(beam * 0.62, deep * 0.35, long * 0.24, (0, deep * 1.15, 0.03), 0, (0.9, 0.8))
        motor = box(0.35, 0.7, 0.35, (0, deep * 0.6, -long / 2 - 0.1), 0.06)
        return [
            paint(colour, hull),
            paint("white", house),
            paint("glass", screen),
            paint("iron", motor),
        ]
    back = -long * (0.32 if style == "cargo" else 0.05)
    levels = int(rng.integers(1, 4))
    houses = [
        box(
            beam * (0.7 - 0.1 * k),
            deep * 0.6,
            long * (0.2 - 0.03 * k),
            (0, deep * (0.95 + 0.6 * k), back),
        )
        for k in range(levels)
    ]
    top = deep * (0.95 + 0.6 * levels)
    panes = [
        box(
            beam * (0.72 - 0.1 * k),
            deep * 0.2,
            long * (0.21 - 0.03 * k),
            (0, deep * (1.2 + 0.6 * k), back),
        )
        for k in range(levels)
    ]
    funnel = lathe([(0.3, top), (0.26, top + deep)], 10, (0, 0, back - long * 0.05))
    mast = rod((0, top, back + 0.2), (0, top + deep * 1.4, back + 0.2), 0.05, sides=4)
    parts = [
        paint(colour, hull),
        paint("white", *houses, mast),
        paint("glass", *panes),
        paint(pick(rng, "red", "black", "yellow"), funnel),
    ]
    if style == "cargo":
        rows: dict[str, list[Trimesh]] = {}
        for z in np.arange(-long * 0.14, long * 0.34, long * 0.115):
            for level in range(int(rng.integers(1, 4))):
                tint = pick(rng, "red", "blue", "green", "orange", "steel")
                load = box(beam * 0.62, 0.5, long * 0.105, (0, deep * 0.95 + 0.5 * level, z))
                rows.setdefault(tint, []).append(load)
        return parts + [paint(c, *rows[c]) for c in sorted(rows)]
    tyres = mirror(
        *(
            ring(0.28, 0.1, (beam * 0.5, deep * 0.75, long * k), (0, 0, 90), 8, 4)
            for k in (-0.25, -0.05, 0.12)
        )
    )
    return [*parts, paint("black", *tyres)]


def _sail(half: float, top: float, low: float, z: float, belly: float) -> Trimesh:
    """Return a square sail, bulged towards +z."""
    ks = np.linspace(0, 1, 4)
    rows: Floats = np.array(
        [
            [
                (x, top + (low - top) * k, z + belly * np.sin(np.pi * k) + 0.02)
                for x in (-half * 0.95, half * 0.95)
            ]
            for k in ks
        ]
    )
    return paint(
        "white",
        *(
            sheet([a, c, d, b])
            for (a, b), (c, d) in zip(rows[:-1].tolist(), rows[1:].tolist(), strict=True)
        ),
    ).mesh


def _hull(long: float, beam: float, deep: float, wall: float) -> Trimesh:
    """Return a hull with its bow at +z: decked over, or an open shell if wall is positive."""
    ks = np.array([-0.5, -0.3, 0.1, 0.32, 0.44, 0.5])
    wide = beam / 2 * np.array([0.78, 0.95, 1.0, 0.75, 0.38, 0.03])
    keel = deep * np.array([0.12, 0.0, 0.0, 0.08, 0.25, 0.6])
    sheer = deep * np.array([1.15, 1.0, 0.97, 1.06, 1.18, 1.28])
    rings = []
    for k, w, low, top in zip(ks, wide, keel, sheer, strict=True):
        mid = low + (top - low) * 0.35
        outer = [
            (-w, top),
            (-w * 0.85, mid),
            (-w * 0.3, low),
            (w * 0.3, low),
            (w * 0.85, mid),
            (w, top),
        ]
        inner = [(x * (1 - 2 * wall / beam), max(y, low + wall)) for x, y in outer[::-1]]
        if wall <= 0:
            inner = []
        rings.append([(x, y, k * long) for x, y in [*outer, *inner]])
    return loft(rings)


FAMILIES: dict[str, Family] = {
    "train": train,
    "ship": ship,
}
