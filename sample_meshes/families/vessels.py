"""Bottles, pots, plates and cups: metres, y up, front to +z."""

from __future__ import annotations

import numpy as np

from sample_meshes.families.parts import (
    BRIGHT,
    METALS,
    Family,
    Part,
    Rng,
    around,
    ball,
    circle,
    disc,
    lathe,
    mirror,
    paint,
    pick,
    place,
    ring,
    rod,
    slab,
    sweep,
)


def bottle(rng: Rng) -> list[Part]:
    """Make a wine bottle, flask, jar or round potion bottle, mostly with a cork."""
    u, sides = rng.uniform, pick(rng, 6, 8, 12)
    style, h, r = pick(rng, "wine", "potion", "cone", "jar", "square"), u(0.22, 0.38), u(0.04, 0.06)
    neck = r * u(0.3, 0.45)
    if style == "wine":
        profile = [(r, 0), (r, h * 0.55), (neck, h * 0.75), (neck, h * 0.95), (neck * 1.3, h)]
    elif style == "potion":
        a = np.linspace(0.1, 0.85, 6) * np.pi
        r *= u(1.3, 1.8)
        h = 2.2 * r + u(0.04, 0.1)
        profile = [(r * float(np.sin(b)), r * (0.95 - float(np.cos(b)))) for b in a]
        profile += [(neck, r * 1.9), (neck, h), (neck * 1.5, h)]
    elif style == "cone":
        h *= 0.7
        profile = [(r * 1.6, 0), (r * 1.5, h * 0.1), (neck, h * 0.7), (neck, h), (neck * 1.5, h)]
    elif style == "jar":
        h, neck = h * 0.6, r * 0.85
        profile = [
            (r * 1.2, 0),
            (r * 1.3, h * 0.4),
            (r * 1.2, h * 0.75),
            (neck, h * 0.85),
            (neck, h),
        ]
    else:
        sides = 4
        profile = [(r, 0), (r, h * 0.6), (neck, h * 0.68), (neck, h * 0.9), (neck * 1.3, h * 0.93)]
        h *= 0.93
    colour = pick(rng, "green", "glass", "purple", "red", "teal", "brick", "blue")
    parts = [paint(colour, lathe(profile, sides))]
    if rng.random() < 0.7:
        cork = lathe([(neck * 0.9, h - 0.01), (neck * 1.05, h + 0.03)], 8)
        parts += [paint("lightwood", cork)]
    if style in ("wine", "jar", "square") and rng.random() < 0.5:
        edge = profile[0][0] * (1.08 if style == "jar" else 1.02)
        parts += [paint("white", lathe([(edge, h * 0.15), (edge, h * 0.42)], sides))]
    return parts


def pot(rng: Rng) -> list[Part]:
    """Make a flower pot, an urn with handles, or a cooking pot or cauldron; open at the top."""
    u, style = rng.uniform, pick(rng, "flower", "urn", "urn", "cook", "cauldron")
    r, h, sides, t = u(0.14, 0.3), u(0.2, 0.5), pick(rng, 6, 8, 12, 16), 0.02
    if style == "flower":
        profile = [
            (r * u(0.55, 0.8), 0),
            (r, h * 0.8),
            (r * 1.12, h * 0.8),
            (r * 1.12, h),
            (r, h),
            (r * 0.9, h * 0.85),
        ]
        parts = [paint(pick(rng, "brick", "white", "teal"), lathe(profile, sides))]
        if rng.random() < 0.5:
            leaves = [ball((r * 0.7, r * u(0.7, 1.5), r * 0.7), (0, h + r * 0.6, 0), 1, rng, 0.2)]
            parts += [paint("leaf", *leaves)]
        return parts
    if style == "urn":
        h, neck, belly = h * u(1.2, 2.0), r * u(0.4, 0.7), u(0.35, 0.65)
        profile = [
            (r * 0.5, 0),
            (r * 0.85, h * belly * 0.5),
            (r, h * belly),
            (r * 0.75, h * (belly + 0.18)),
            (neck, h * 0.88),
            (neck * 1.4, h),
            (neck * 1.2, h),
            (neck * 0.8, h * 0.88),
        ]
        body = [lathe(profile, sides)]
        if rng.random() < 0.6:
            bend = [(neck * 1.1, h * 0.93, 0), (r * 1.05, h * 0.95, 0), (r * 0.85, h * belly, 0)]
            body += mirror(sweep(bend, 0.02, 5))
        band = lathe([(r * 1.01, h * belly - 0.02), (r * 1.01, h * belly + 0.02)], sides)
        colours = ("brick", "sand", "blue", "white", "teal")
        return [paint(pick(rng, *colours), *body), paint(pick(rng, *BRIGHT), band)]
    if style == "cook":
        h = r * u(0.6, 1.3)
        pan = [lathe([(r * 0.95, 0), (r, h), (r - t, h), (r * 0.95 - t, t)], sides)]
        lid = [lathe([(r * 1.03, h), (r * 0.6, h + 0.05), (0, h + 0.07)], sides)]
        lid += [ball(0.03, (0, h + 0.09, 0), 1)]
        grip = mirror(ring(0.05, 0.012, (r + 0.03, h * 0.75, 0), sides=8, section=4))
        long = [rod((r, h * 0.8, 0), (r + 0.3, h * 0.9, 0), 0.02, sides=6)]
        handles = pick(rng, grip, long)
        parts = [paint(pick(rng, "steel", "iron", "red"), *pan), paint("black", *handles)]
        return [*parts, paint("steel", *lid)] if rng.random() < 0.5 else parts
    a = np.linspace(0.15, 0.8, 6) * np.pi
    bowl = [(r * 1.2 * float(np.sin(b)), 0.1 + r * 1.2 * (1 - float(np.cos(b)))) for b in a]
    edge, top = bowl[-1]
    profile = [*bowl, (edge * 1.25, top + 0.04), (edge * 1.1, top + 0.04), (edge * 0.9, top - 0.02)]
    feet = around(rod((r * 0.9, 0, 0), (r * 0.7, 0.16, 0), 0.03, sides=5), 3)
    soup = disc(edge * 1.05, top - 0.02, sides)
    parts = [paint("iron", lathe(profile, sides), *feet), paint(pick(rng, "green", "purple"), soup)]
    if rng.random() < 0.5:
        bail = np.linspace(0, np.pi, 7)
        arc = np.c_[np.cos(bail) * edge * 1.2, top + np.sin(bail) * r, 0 * bail]
        parts += [paint("steel", sweep(arc, 0.012, 4))]
    return parts


def plate(rng: Rng) -> list[Part]:
    """Make a round, oval or square plate or a shallow bowl, bare or with food."""
    u, r = rng.uniform, rng.uniform(0.1, 0.18)
    deep, sides = pick(rng, 0.02, 0.03, 0.06), pick(rng, 4, 8, 12, 16, 20)
    well_r = r * u(0.5, 0.7)
    profile = [(well_r, 0), (r, deep), (r, deep + 0.006), (well_r, 0.008), (0, 0.008)]
    oval = (u(1.0, 1.4), 1.0, 1.0) if rng.random() < 0.3 else (1.0, 1.0, 1.0)
    dish = place(lathe(profile, sides), scale=oval)
    parts = [paint(pick(rng, "white", "teal", "plaster", "blue", "steel", "wood"), dish)]
    if rng.random() < 0.4:
        band = lathe(
            [(r * 0.99, deep - 0.002), (r * 1.02, deep + 0.008), (r * 0.9, deep + 0.008)],
            sides,
            ends=False,
        )
        parts += [paint(pick(rng, *BRIGHT), place(band, scale=oval))]
    food = pick(rng, "none", "none", "balls", "steak", "cake")
    if food == "balls":
        spots = circle(int(rng.integers(3, 6)), well_r * 0.45)
        fruits = [ball(well_r * 0.3, (x, well_r * 0.3, z), 1) for x, z in spots]
        parts += [paint(pick(rng, "red", "orange", "green"), *fruits)]
    elif food == "steak":
        meat = slab(circle(7) * u(0.6, 0.9, (7, 1)) * well_r, 0.025, (0, 0.01, 0), 0.85)
        parts += [paint("brick", meat)]
    elif food == "cake":
        wedge = [(-0.3, -0.5), (0.3, -0.5), (0, 0.7)]
        piece = slab(np.array(wedge) * well_r * 1.6, well_r * 0.8, (0, 0.01, 0))
        parts += [paint("pink", piece), paint("red", ball(0.015, (0, well_r * 0.8 + 0.02, 0), 1))]
    return parts


def cup(rng: Rng) -> list[Part]:
    """Make a mug, a tea cup on a saucer, a goblet or a beaker; open at the top."""
    u, style = rng.uniform, pick(rng, "mug", "mug", "tea", "goblet", "beaker")
    r, h, sides, t = u(0.035, 0.055), u(0.08, 0.13), pick(rng, 8, 10, 14), 0.005
    colour = pick(rng, *BRIGHT, "wood", "steel")
    if style == "goblet":
        stem, foot = h * u(0.6, 1.1), r * u(0.8, 1.1)
        profile = [
            (foot, 0),
            (foot, 0.006),
            (0.008, 0.02),
            (0.008, stem),
            (r * 0.8, stem + 0.02),
            (r, stem + h * 0.5),
            (r * u(0.8, 1.05), stem + h),
            (r * 0.75, stem + h),
            (r * 0.85, stem + h * 0.5),
            (0, stem + 0.03),
        ]
        return [paint(pick(rng, *METALS, "glass"), lathe(profile, sides))]
    wide, low = (u(1.2, 1.5), 0.65) if style == "tea" else (u(0.95, 1.25), 1.0)
    h *= low
    profile = [
        (r * 0.8, 0),
        (r * (0.9 + wide) / 2, h * 0.4),
        (r * wide, h),
        (r * wide - t, h),
        (r * 0.8, 0.01),
        (0, 0.01),
    ]
    lift = 0.012 if style == "tea" else 0.0
    meshes = [lathe(profile, sides, (0, lift, 0))]
    if style != "beaker":
        grip = ring(
            h * u(0.22, 0.32),
            h * 0.07,
            (r * (wide + 0.75) / 2 + h * 0.2, lift + h * 0.5, 0),
            (90, 0, 0),
            10,
            4,
        )
        meshes += [grip]
    parts = [paint(colour, *meshes)]
    if style == "tea":
        saucer = lathe([(r, 0), (r * 2, 0.015), (r * 2, 0.019), (r, 0.012), (0, 0.012)], sides)
        parts += [paint(pick(rng, colour, "white"), saucer)]
    if rng.random() < 0.5:
        drink = disc(r * wide * 0.93, lift + h * 0.85, sides)
        parts += [paint(pick(rng, "darkwood", "orange", "leaf"), drink)]
    return parts


FAMILIES: dict[str, Family] = {
    "bottle": bottle,
    "pot": pot,
    "plate": plate,
    "cup": cup,
}
