"""Weapons: metres, y up; blades and bows stand upright, barrels point to +z."""

from __future__ import annotations

import itertools

import numpy as np

from sample_meshes.families.parts import (
    BRIGHT,
    METALS,
    WOODS,
    Family,
    Floats,
    Part,
    Rng,
    ball,
    box,
    circle,
    lathe,
    loft,
    mirror,
    paint,
    pick,
    place,
    ring,
    rod,
    sweep,
)


def sword(rng: Rng) -> list[Part]:
    """Make a straight, leaf-shaped, curved or thin sword or a dagger, point up."""
    u, style = rng.uniform, pick(rng, "straight", "straight", "leaf", "curved", "rapier", "dagger")
    long, wide, t = u(0.6, 1.1), u(0.025, 0.05), u(0.006, 0.012)
    long, wide = {"rapier": (long, 0.012), "dagger": (long * 0.35, wide * 0.8)}.get(
        style, (long, wide)
    )
    grip, r = u(0.12, 0.3) if style != "dagger" else 0.11, u(0.012, 0.018)
    ks = np.array([0.0, 0.25, 0.55, 0.85, 1.0])
    widths = wide * np.array({"leaf": [0.7, 0.6, 1.3, 0.9, 0.0]}.get(style, [1, 0.95, 0.9, 0.8, 0]))
    if style == "curved":
        widths = wide * np.array([0.7, 0.8, 0.95, 0.8, 0.0])
    bend = u(0.08, 0.2) * long * ks**2 if style == "curved" else 0 * ks
    blade = loft(
        [_diamond(b, grip + long * k, w, t) for k, w, b in zip(ks, widths, bend, strict=True)]
    )
    metal, guard_w = pick(rng, "gold", "iron", "steel"), wide * u(2.2, 4.5)
    if style == "curved" and rng.random() < 0.5:
        guard = [lathe([(wide * 1.6, grip - 0.008), (wide * 1.6, grip + 0.004)], 10)]
    elif style == "rapier":
        hoop = [(0.0, grip, 0.0), (0.06, grip - 0.02, 0), (0.05, grip * 0.4, 0), (0, 0, 0)]
        guard = [lathe([(0.015, grip), (0.06, grip + 0.03)], 10), sweep(hoop, 0.005, 4)]
    else:
        tips = u(-0.05, 0.06)
        xs = np.array([-1, -0.6, 0, 0.6, 1]) * guard_w
        guard = [sweep(np.c_[xs, grip + tips * (xs / guard_w) ** 2, 0 * xs], u(0.01, 0.016), 4)]
    pommel = pick(
        rng,
        ball(r * 1.6, detail=1),
        lathe([(r * 1.6, -0.01), (r * 1.6, 0.02)], 6),
        box(r * 2.6, r * 2.2, r * 2.6, (0, -r, 0), 0.004),
    )
    handle = rod((0, 0, 0), (0, grip, 0), r, sides=6)
    parts = [
        paint(pick(rng, "steel", "steel", "white", "teal"), blade),
        paint(metal, *guard, pommel),
    ]
    return [*parts, paint(pick(rng, *WOODS, "red", "black"), handle)]


def axe(rng: Rng) -> list[Part]:
    """Make a hatchet, a battle axe with one or two blades or a pickaxe."""
    u, style = rng.uniform, pick(rng, "hatchet", "hatchet", "battle", "double", "pick")
    h, r = (u(0.4, 0.6), u(0.015, 0.02)) if style == "hatchet" else (u(0.7, 1.2), u(0.016, 0.025))
    y, reach, tall = (
        h * u(0.84, 0.92),
        u(0.12, 0.2) * (0.7 + h * 0.5),
        u(0.12, 0.3) * (0.5 + h * 0.6),
    )
    shaft = sweep([(0, 0, 0), (u(-0.02, 0.02), h * 0.5, 0), (0, h, 0)], r, pick(rng, 4, 6))
    parts = [paint(pick(rng, *WOODS), shaft)]
    if style == "pick":
        xs = np.linspace(-1, 1, 7)
        bar = np.c_[xs * reach * 2, y - xs**2 * u(0.06, 0.14), 0 * xs]
        sizes = 0.028 * (1.15 - np.abs(xs))
        return [
            *parts,
            paint("iron", sweep(bar, sizes, 4), box(0.07, 0.07, 0.06, (0, y - 0.035, 0))),
        ]
    drop, curve = u(0.2, 0.9), np.linspace(-1, 1, 5)
    edge = np.c_[
        reach * (1 + 0.2 * (1 - curve**2)), tall * 0.5 * curve * np.where(curve < 0, 1 + drop, 1)
    ]
    neck = tall * u(0.2, 0.35)
    outline = [(-0.01, -neck), *edge.tolist(), (-0.01, neck)]
    # Two halves that thin out towards the cutting edge make a wedge.
    flat = np.array(outline)
    thick = np.where(flat[:, 0] > reach * 0.9, 0.003, 0.02)
    head = loft([np.c_[flat[:, 0], flat[:, 1] + y, thick * i] for i in (-1, 1)])
    if style == "double":
        heads = mirror(head)
    else:
        back = [box(u(0.04, 0.08), neck * 1.4, 0.04, (-0.03, y - neck * 0.7, 0))]
        spike = [rod((0, y, 0), (-u(0.08, 0.15), y, 0), 0.02, 0.002, 4)]
        heads = [head, *(back if style == "hatchet" else spike)]
    if rng.random() < 0.4:
        heads += [lathe([(0.02, h), (0, h + u(0.06, 0.15))], 4)]
    parts += [paint(pick(rng, "steel", "steel", "iron", "gold"), *heads)]
    wrap = rod((0, h * 0.08, 0), (0, h * 0.28, 0), r * 1.25, sides=6)
    return [*parts, paint(pick(rng, "red", "black", "blue"), wrap)] if rng.random() < 0.6 else parts


def shield(rng: Rng) -> list[Part]:
    """Make a round, heater, kite, tower or hexagonal shield facing +z."""
    u, style = rng.uniform, pick(rng, "round", "round", "heater", "kite", "tower", "hex")
    w, h, t = u(0.4, 0.6), u(0.6, 0.85), u(0.03, 0.05)
    colour, metal = pick(rng, *BRIGHT, "wood"), pick(rng, *METALS)
    bulge = u(0.02, 0.12)
    if style == "round":
        r, sides = w * u(0.5, 0.7), pick(rng, 8, 12, 20)
        face = lathe([(r, 0), (r * 0.95, t), (r * 0.5, t + bulge * 0.6), (0, t + bulge)], sides)
        band = ring(r, t * 0.6, (0, 0, t / 2), (90, 0, 0), sides, 4)
        outline: Floats = circle(sides, r)
        front = place(face, turn=(90, 0, 0))
    else:
        outline = w * np.array(
            {
                "heater": [
                    (-0.5, 0.5),
                    (-0.5, 0),
                    (-0.4, -0.35),
                    (0, -0.75),
                    (0.4, -0.35),
                    (0.5, 0),
                    (0.5, 0.5),
                    (0, u(0.5, 0.6)),
                ],
                "kite": [
                    (-0.35, 0.55),
                    (-0.5, 0.25),
                    (0, -1.1),
                    (0.5, 0.25),
                    (0.35, 0.55),
                    (0, 0.65),
                ],
                "tower": [(-0.5, h / w), (-0.5, -h / w), (0.5, -h / w), (0.5, h / w)],
                "hex": [
                    (-0.25, 0.9),
                    (-0.5, 0.5),
                    (-0.5, -0.5),
                    (-0.25, -0.9),
                    (0.25, -0.9),
                    (0.5, -0.5),
                    (0.5, 0.5),
                    (0.25, 0.9),
                ],
            }[style]
        )
        centre = outline.mean(axis=0)
        rings = [
            np.c_[outline, np.zeros(len(outline))],
            np.c_[outline * 0.97, np.full(len(outline), t)],
        ]
        rings += [
            np.c_[(outline - centre) * k + centre, np.full(len(outline), t + bulge * (1 - k * k))]
            for k in (0.6, 0.05)
        ]
        front = loft(rings)
        closed = np.vstack([outline, outline[:1]])
        flat = np.c_[closed, np.full(len(closed), t / 2)]
        band_list = [rod(a, b, t * 0.55, sides=4) for a, b in itertools.pairwise(flat)]
        band = paint(metal, *band_list).mesh
    middle = float(outline[:, 1].mean())
    parts = [paint(colour, front), paint(metal, band)]
    z = t + bulge
    emblem = pick(rng, "boss", "cross", "stripe", "none")
    if emblem == "boss":
        parts += [paint(metal, ball((0.09, 0.09, 0.05), (0, middle, z), 1))]
    elif emblem == "cross":
        high = float(np.ptp(outline[:, 1])) * 0.8
        meshes = [
            box(w * 0.12, high, z, (0, middle - high / 2, z * 0.55)),
            box(w * 0.75, w * 0.12, z, (0, middle, z * 0.55)),
        ]
        parts += [paint(pick(rng, "white", "gold"), *meshes)]
    elif emblem == "stripe":
        parts += [
            paint(pick(rng, "white", "black"), box(w * 0.2, w, z, (0, middle - w / 2, z * 0.55)))
        ]
    handle = sweep(
        [(-0.1, middle, 0), (-0.08, middle, -0.06), (0.08, middle, -0.06), (0.1, middle, 0)],
        0.012,
        4,
    )
    return [*parts, paint("darkwood", handle)]


def _diamond(x: float, y: float, half_width: float, half_thickness: float) -> Floats:
    """Return one cross-section of a blade."""
    thick = min(half_thickness, half_width)
    return np.array([(x - half_width, y, 0), (x, y, thick), (x + half_width, y, 0), (x, y, -thick)])


FAMILIES: dict[str, Family] = {
    "sword": sword,
    "axe": axe,
    "shield": shield,
}
