"""Bows, arrows and guns: metres, y up; bows and arrows upright, barrels to +z."""

from __future__ import annotations

import numpy as np
from trimesh import Trimesh

from sample_meshes.families.parts import (
    BRIGHT,
    METALS,
    WOODS,
    Family,
    Part,
    Rng,
    ball,
    box,
    extrude,
    lathe,
    paint,
    pick,
    place,
    ring,
    rod,
    sheet,
    side,
    sweep,
)


def bow(rng: Rng) -> list[Part]:
    """Make a long bow, a recurve bow or a crossbow."""
    u, wood = rng.uniform, pick(rng, *WOODS)
    if rng.random() < 0.25:
        long, span = u(0.6, 0.9), u(0.5, 0.8)
        stock = side(
            [
                (0.0, 0.0),
                (long * 0.5, 0.0),
                (long, 0.03),
                (long, 0.07),
                (0, 0.08),
                (-0.05, 0.05),
                (-0.3, -0.04),
                (-0.3, -0.12),
                (-0.1, -0.03),
            ],
            0.05,
        )
        xs = np.linspace(-1, 1, 7)
        limb = np.c_[xs * span / 2, 0 * xs + 0.05, long - 0.22 * span * xs**2 - 0.02]
        cord = sweep([limb[0], (0, 0.06, long * 0.3), limb[-1]], 0.005, 4)
        return [
            paint(wood, stock),
            paint("iron", sweep(limb, 0.03 - 0.016 * np.abs(xs), 4)),
            paint("white", cord),
        ]
    h, deep, curl = u(0.9, 1.7), u(0.15, 0.3), pick(rng, 0.0, u(0.05, 0.12))
    ks = np.linspace(-1, 1, 13)
    flick = np.clip(np.abs(ks) - 0.7, 0, 1) / 0.3
    limb = np.c_[deep * (1 - ks**2) + curl * flick**2, h / 2 * ks, 0 * ks]
    stave = sweep(limb, u(0.016, 0.026) * (1.2 - 0.8 * np.abs(ks)), pick(rng, 4, 6))
    nock = 11 if curl else 12
    cord = sweep([limb[12 - nock], limb[nock]], 0.004, 4)
    grip = rod((deep, -0.08, 0), (deep, 0.08, 0), 0.032, sides=6)
    parts = [paint(wood, stave), paint("white", cord), paint(pick(rng, *BRIGHT, "darkwood"), grip)]
    if rng.random() < 0.35:
        tips = [ball(0.025, tuple(limb[k]), 1) for k in (0, -1)]
        parts += [paint("gold", *tips)]
    return parts


def arrow(rng: Rng) -> list[Part]:
    """Make one arrow or a small bundle, point up, with two to four feathers."""
    u, n = rng.uniform, int(rng.integers(2, 5))
    h, r, tip_h, tip_w = u(0.5, 0.9), u(0.006, 0.012), u(0.05, 0.12), u(0.015, 0.04)
    shaft = rod((0, 0, 0), (0, h, 0), r, sides=pick(rng, 4, 6))
    barb = u(0, 0.35) * tip_h
    if rng.random() < 0.5:
        flat = [(0, h), (tip_w, h - barb), (0, h + tip_h), (-tip_w, h - barb)]
        tip = extrude(flat, r)
    else:
        tip = lathe([(0, h), (tip_w * 0.7, h - barb * 0.3), (0, h + tip_h)], 4)
    long, wide = u(0.08, 0.18), u(0.02, 0.045)
    vane = sheet(
        [(r * 0.5, 0.03, 0), (wide, 0.0, 0), (wide, long * 0.75, 0), (r * 0.5, long + 0.02, 0)]
    )
    vanes = [place(vane, turn=(0, 360 * k / n, 0)) for k in range(n)]
    groups = [
        (pick(rng, *WOODS), [shaft]),
        (pick(rng, *METALS), [tip]),
        (pick(rng, *BRIGHT), vanes),
    ]
    if rng.random() < 0.25:
        count = int(rng.integers(3, 6))
        poses = [
            ((u(-0.03, 0.03), 0.0, u(-0.03, 0.03)), (u(-5, 5), u(0, 90), u(-5, 5)))
            for _ in range(count)
        ]
        groups = [
            (c, [place(m, at, turn) for m in meshes for at, turn in poses]) for c, meshes in groups
        ]
    return [paint(c, *meshes) for c, meshes in groups]


def gun(rng: Rng) -> list[Part]:
    """Make a pistol, revolver, rifle, blaster or flintlock, barrel to +z."""
    u, style = rng.uniform, pick(rng, "pistol", "revolver", "rifle", "blaster", "flintlock")
    long, body = u(0.16, 0.26), u(0.035, 0.05)
    dark, grip_c = pick(rng, "iron", "black", "steel"), pick(rng, "black", "darkwood", "wood")
    accent = pick(rng, *BRIGHT)
    slant, grip_h = u(0.02, 0.06), u(0.09, 0.13)
    grip = side(
        [(0.0, 0.0), (0.045, 0.0), (0.04 - slant, -grip_h), (-0.02 - slant, -grip_h)], body * 0.7
    )
    guard = ring(0.025, 0.005, (0, -0.02, 0.075), (0, 0, 90), 8, 4)
    if style == "rifle":
        long = u(0.6, 0.9)
        z = long * 0.25
        stock = side(
            [(0, 0.05), (-0.08, 0.05), (-long * 0.4, 0.03), (-long * 0.4, -0.08), (-0.05, -0.01)],
            0.04,
        )
        frame = box(body, body * 1.6, z * 1.2, (0, 0, z * 0.5))
        barrel = [
            rod((0, 0.05, z), (0, 0.05, long), 0.013),
            box(body * 1.1, 0.05, z * 0.9, (0, 0.0, z * 1.4)),
        ]
        extra: list[Trimesh] = []
        if rng.random() < 0.6:
            extra += [
                side([(z * 0.5, 0), (z * 0.75, 0), (z * 0.85, -0.14), (z * 0.6, -0.15)], 0.025)
            ]
        if rng.random() < 0.6:
            extra += [
                rod((0, 0.12, 0), (0, 0.12, z * 1.1), 0.022),
                box(0.012, 0.05, 0.03, (0, 0.07, z * 0.5)),
            ]
        return [paint(dark, frame, *barrel, *extra, guard), paint(grip_c, grip, stock)]
    if style == "revolver":
        drum = rod((0, 0.025, 0.06), (0, 0.025, 0.12), 0.03, sides=8)
        tube = rod((0, 0.04, 0.1), (0, 0.04, 0.1 + long), 0.014, sides=8)
        frame = box(body * 0.7, 0.07, 0.14, (0, -0.005, 0.055))
        hammer = box(0.01, 0.03, 0.02, (0, 0.06, 0.0), shift=-0.02)
        sight = box(0.006, 0.015, 0.02, (0, 0.05, 0.085 + long))
        return [
            paint("steel", drum, tube, sight),
            paint(dark, frame, hammer, guard),
            paint(grip_c, grip),
        ]
    if style == "flintlock":
        long *= 1.5
        stock = side(
            [
                (0.0, 0.045),
                (-0.06, 0.0),
                (-0.11, -0.09),
                (-0.06, -0.11),
                (0.0, -0.02),
                (0.06, -0.005),
                (long * 0.8, 0.02),
                (long * 0.8, 0.045),
            ],
            0.035,
        )
        tube = rod((0, 0.05, 0), (0, 0.05, long), 0.013, 0.018)
        lock = [
            box(0.012, 0.05, 0.02, (0.02, 0.04, 0.03), shift=-0.02),
            ball(0.03, (0, -0.1, -0.085), 1),
        ]
        return [paint(grip_c, stock), paint("steel", tube), paint("gold", *lock, guard)]
    if style == "blaster":
        fat = u(1.0, 1.8)
        hull = box(
            body * fat, 0.07 * fat, long, (0, -0.005, long * 0.35), u(0.004, 0.02), (0.8, 0.9)
        )
        rings = [
            ring(0.018 + 0.006 * k, 0.006, (0, 0.03, long * (1.05 - 0.1 * k)), (90, 0, 0), 10, 4)
            for k in range(int(rng.integers(2, 5)))
        ]
        muzzle = rod((0, 0.03, long * 0.8), (0, 0.03, long * 1.1), 0.016, 0.01)
        fin = side([(0, 0.06), (long * 0.3, 0.06), (-0.02, 0.06 + u(0.03, 0.08))], 0.012)
        tank = rod((0, 0.085 * fat, 0.03), (0, 0.085 * fat, long * 0.5), 0.018)
        return [
            paint(accent, hull, fin),
            paint("white", *rings),
            paint("iron", muzzle, tank, guard),
            paint("black", grip),
        ]
    slide = box(body * 0.8, 0.045, long, (0, 0.02, long * 0.5 - 0.03), u(0, 0.008))
    frame = box(body * 0.7, 0.03, long * 0.85, (0, -0.005, long * 0.42 - 0.02))
    bore = rod((0, 0.045, long * 0.9), (0, 0.045, long * 0.99), 0.01)
    sights = [box(0.006, 0.012, 0.012, (0, 0.064, z)) for z in (-0.01, long * 0.9)]
    parts = [paint(dark, slide, *sights), paint("steel", bore), paint(grip_c, frame, grip, guard)]
    if rng.random() < 0.3:
        parts += [paint("black", rod((0, 0.045, long * 0.95), (0, 0.045, long * 1.6), 0.02))]
    return parts


FAMILIES: dict[str, Family] = {
    "bow": bow,
    "arrow": arrow,
    "gun": gun,
}
