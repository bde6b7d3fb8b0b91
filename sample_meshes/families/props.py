"""Containers, tableware and other small things: metres, y up, front to +z."""

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
    circle,
    extrude,
    lathe,
    legs,
    mirror,
    paint,
    pick,
    place,
    ring,
    rod,
    side,
)


def barrel(rng: Rng) -> list[Part]:
    """Make a bulged wooden barrel, a steel drum or an open tub, standing or lying."""
    u, sides = rng.uniform, int(rng.integers(8, 17))
    r = u(0.28, 0.42)
    h = r * u(2.1, 3.1)
    style = pick(rng, "wood", "wood", "drum", "tub")
    if style == "drum":
        colour = pick(rng, "red", "blue", "green", "yellow", "orange", "iron")
        shell = lathe([(r, 0), (r, h)], sides)
        hoops = [
            ring(r, 0.02, (0, h * k, 0), sides=sides, section=4) for k in (0.02, 0.35, 0.67, 0.98)
        ]
        lid = rod((r * 0.5, h, 0), (r * 0.5, h + 0.04, 0), 0.05)
        meshes = [[shell], [*hoops, lid]]
        colours = [colour, pick(rng, colour, "steel")]
    else:
        open_top = style == "tub"
        h *= 0.6 if open_top else 1.0
        bulge, wall = u(1.08, 1.25), r * 0.85
        profile = [
            (r, 0),
            (r * (1 + bulge) / 2, h * 0.2),
            (r * bulge, h * 0.5),
            (r * (1 + bulge) / 2, h * 0.8),
            (r, h),
        ]
        inside = [(wall, h), (wall, h * (0.25 if open_top else 0.94))]
        shell = lathe([*profile, *inside], sides)
        spots = pick(rng, (0.12, 0.88), (0.12, 0.35, 0.65, 0.88))
        heights, radii = np.array(profile).T[::-1]
        hoops = []
        for k in spots:
            a, b = (float(np.interp(h * (k + i), heights, radii)) + 0.012 for i in (-0.04, 0.04))
            hoops += [lathe([(a, h * (k - 0.04)), (b, h * (k + 0.04))], sides)]
        meshes = [[shell], hoops]
        colours = [pick(rng, "wood", "lightwood", "red"), pick(rng, "iron", "darkwood", "steel")]
    if rng.random() < 0.15:
        meshes = [[place(mesh, turn=(90, 0, 0)) for mesh in group] for group in meshes]
    return [paint(c, *group) for c, group in zip(colours, meshes, strict=True)]


def crate(rng: Rng) -> list[Part]:
    """Make a planked crate with framed edges, closed or open, or a slatted fruit box."""
    u, wood = rng.uniform, pick(rng, *WOODS)
    w, h, d, t = u(0.5, 1.1), u(0.3, 1.0), u(0.5, 1.0), u(0.04, 0.1)
    style = pick(rng, "framed", "framed", "open", "fruit")
    if style == "fruit":
        n, h = int(rng.integers(2, 5)), h * 0.6
        slats = [
            box(w, h / n * 0.75, 0.02, (0, h * k / n, i * d / 2)) for k in range(n) for i in (-1, 1)
        ]
        slats += mirror(*(box(0.02, h / n * 0.75, d, (w / 2, h * k / n, 0)) for k in range(n)))
        posts = legs(w - 0.02, d - 0.02, h, 0.03)
        parts = [paint(wood, *slats, box(w, 0.02, d)), paint("darkwood", *posts)]
        if rng.random() < 0.5:
            spots = [(u(-0.4, 0.4) * w, h * 0.8, u(-0.4, 0.4) * d) for _ in range(9)]
            fruit = [ball(0.08, spot, 1) for spot in spots]
            parts += [paint(pick(rng, "red", "green", "orange"), *fruit)]
        return parts

    def rim(width: float, height: float) -> list[Trimesh]:
        bars = [rod((-width / 2, y, 0), (width / 2, y, 0), t / 2, sides=4) for y in (0, height)]
        bars += [rod((x, 0, 0), (x, height, 0), t / 2, sides=4) for x in (-width / 2, width / 2)]
        if braced:
            bars += [rod((-width / 2, 0, 0), (width / 2, height, 0), t / 2.4, sides=4)]
        return bars

    braced = rng.random() < 0.5
    faces = [(w, d / 2, 0), (w, d / 2, 180), (d, w / 2, 90), (d, w / 2, 270)]
    frame = [place(place(bar, (0, 0, z)), turn=(0, a, 0)) for x, z, a in faces for bar in rim(x, h)]
    if style == "open":
        inner = [box(w, h, 0.03, (0, 0, i * d / 2)) for i in (-1, 1)]
        inner += [*mirror(box(0.03, h, d, (w / 2, 0, 0))), box(w, 0.03, d)]
    else:
        inner = [box(w, h, d)]
        if rng.random() < 0.6:
            n = int(rng.integers(2, 5))
            frame += [
                box(w * 0.85 / n, 0.02, d, ((k + 0.5) * w / n - w / 2, h, 0)) for k in range(n)
            ]
    return [paint(wood, *inner), paint(pick(rng, *WOODS), *frame)]


def chest(rng: Rng) -> list[Part]:
    """Make a treasure chest with a rounded or flat lid, closed or open and full of gold."""
    u, wood, metal = rng.uniform, pick(rng, *WOODS), pick(rng, "gold", "iron", "steel")
    w, h, d = u(0.7, 1.2), u(0.3, 0.5), u(0.45, 0.7)
    opened, dome, t = rng.random() < 0.4, pick(rng, 0.0, 0.25, 0.5), 0.04
    a = np.linspace(0, np.pi, 7)
    lip = 0.1 if dome < 0.5 else 0.02
    cover = (
        np.c_[np.cos(a) * d / 2, lip + dome * d * np.sin(a)]
        if dome
        else np.array([(d / 2, 0.15), (-d / 2, 0.15)])
    )
    outline = np.vstack([[(d / 2, 0)], cover, [(-d / 2, 0)]])
    lid, bands = side(outline, w), mirror(side(outline * 1.06, 0.07, (w * 0.36, 0.004, 0)))
    tilt = -u(60, 110) if opened else 0.0
    hinged = [place(place(m, (0, 0, d / 2)), (0, h, -d / 2), (tilt, 0, 0)) for m in (lid, *bands)]
    walls = [box(w, h, t, (0, 0, i * (d - t) / 2)) for i in (-1, 1)]
    walls += [*mirror(box(t, h, d, ((w - t) / 2, 0, 0))), box(w, t, d)]
    straps = mirror(box(0.07, h, d * 1.05, (w * 0.36, 0, 0)))
    straps = (
        straps
        if not opened
        else mirror(*(box(0.07, h, 0.03, (w * 0.36, 0, i * d / 2)) for i in (-1, 1)))
    )
    lock = box(0.12, 0.16, 0.05, (0, h - 0.1, d / 2), 0.01)
    parts = [paint(wood, *walls, hinged[0]), paint(metal, *straps, *hinged[1:], lock)]
    if opened:
        heap = ball((w * 0.44, h * 0.5, d * 0.42), (0, h * 0.7, 0), 2, rng, 0.1)
        coins = [
            lathe([(0.05, 0), (0.05, 0.015)], 8, (u(-0.3, 0.3) * w, h * 1.15, u(-0.2, 0.2) * d))
            for _ in range(6)
        ]
        parts += [paint("gold", heap, *coins)]
    return parts


def key(rng: Rng) -> list[Part]:
    """Make a key standing upright, bow on top, with a ring, clover or square bow."""
    u, metal = rng.uniform, pick(rng, *METALS)
    h, t, r = u(0.06, 0.1), u(0.003, 0.006), u(0.014, 0.024)
    shaft = rod((0, 0, 0), (0, h, 0), t, sides=pick(rng, 4, 8))
    n, wide = int(rng.integers(1, 4)), u(0.012, 0.022)
    bits = [
        box(wide * u(0.6, 1.0), t * 2, t * 1.2, (wide / 2, 0.004 + k * t * 3, 0)) for k in range(n)
    ]
    style = pick(rng, "ring", "clover", "square")
    if style == "ring":
        head = [ring(r, t * 1.2, (0, h + r, 0), (90, 0, 0), pick(rng, 6, 10, 16), 4)]
    elif style == "clover":
        spots = [(-r * 0.8, 0.0), (r * 0.8, 0.0), (0.0, r * 1.1)]
        head = [ring(r * 0.6, t, (x, h + r * 0.5 + y, 0), (90, 0, 0), 10, 4) for x, y in spots]
    else:
        head = [ring(r, t * 1.3, (0, h + r, 0), (90, 0, 0), 4, 4)]
    collar = ring(t, t * 0.8, (0, h * 0.92, 0), sides=8, section=4)
    return [paint(metal, shaft, *bits), paint(pick(rng, metal, "gold"), *head, collar)]


def coin(rng: Rng) -> list[Part]:
    """Make one standing coin with an emblem, or a stack of coins."""
    u, metal, sides = (
        rng.uniform,
        pick(rng, "gold", "gold", "steel", "autumn"),
        pick(rng, 8, 12, 16, 24),
    )
    r, t = u(0.02, 0.035), u(0.004, 0.008)
    disc = lathe(
        [(r * 0.82, t * 0.2), (r * 0.82, 0), (r, 0), (r, t), (r * 0.82, t), (r * 0.82, t * 0.8)],
        sides,
    )
    if rng.random() < 0.35:
        discs = [
            place(disc, (u(-0.1, 0.1) * r, k * t, u(-0.1, 0.1) * r))
            for k in range(int(rng.integers(3, 12)))
        ]
        if rng.random() < 0.5:
            discs += [
                place(disc, (r * 2.1, k * t, r * 0.6)) for k in range(int(rng.integers(1, 5)))
            ]
        return [paint(metal, *discs)]
    a = np.linspace(0, 2 * np.pi, 11)[:-1] + np.pi / 2
    size = np.where(np.arange(10) % 2, 0.25, 0.6) * r
    star = np.c_[np.cos(a) * size, np.sin(a) * size]
    emblem = pick(
        rng, extrude(star, t), extrude(circle(4, r * 0.35), t), box(r * 0.3, r, t, (0, -r / 2, 0))
    )
    upright = place(disc, (0, 0, -t / 2), (90, 0, 0))
    return [paint(metal, upright), paint(pick(rng, metal, "autumn"), emblem)]


def book(rng: Rng) -> list[Part]:
    """Make a closed book, an open book or a pile of books, lying flat."""
    u, style = rng.uniform, pick(rng, "closed", "closed", "open", "pile")
    w, d, t = u(0.12, 0.2), u(0.18, 0.28), u(0.02, 0.07)
    if style == "open":
        cover = box(2 * w, 0.006, d)
        bend = u(0.015, 0.04)
        outline = [
            (0, 0.006),
            (w * 0.95, 0.006),
            (w * 0.95, 0.016),
            (w * 0.5, 0.016 + bend),
            (w * 0.15, 0.014 + bend),
            (0, 0.012),
        ]
        pages = mirror(extrude(outline, d * 0.95))
        return [paint(pick(rng, *BRIGHT), cover), paint("white", *pages)]
    parts, y = list[Part](), 0.0
    for _ in range(1 if style == "closed" else int(rng.integers(2, 5))):
        turn = (0.0, 0.0 if style == "closed" else u(-25, 25), 0.0)
        boards = [box(w, 0.006, d), box(w, 0.006, d, (0, t - 0.006, 0))]
        boards += [box(0.006, t, d, (-w / 2, 0, 0))]
        leaves = box(w * 0.95, t - 0.012, d * 0.95, (0, 0.006, 0))
        parts += [
            paint(pick(rng, *BRIGHT, "darkwood"), *(place(m, (0, y, 0), turn) for m in boards)),
            paint("plaster", place(leaves, (0, y, 0), turn)),
        ]
        if style == "closed" and rng.random() < 0.5:
            clasp = box(0.02, t * 0.5, 0.03, (w / 2, t * 0.25, 0))
            emblem = box(w * 0.4, 0.006, w * 0.4, (0, t, 0))
            parts += [paint("gold", clasp, emblem)]
        y, t = y + t, u(0.02, 0.06)
    return parts


FAMILIES: dict[str, Family] = {
    "barrel": barrel,
    "crate": crate,
    "chest": chest,
    "key": key,
    "coin": coin,
    "book": book,
}
