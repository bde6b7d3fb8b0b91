"""Stairs, bridges and pillars: metres, y up, front to +z."""

from __future__ import annotations

import numpy as np

from sample_meshes.families.parts import (
    STONES,
    WOODS,
    Family,
    Part,
    Rng,
    ball,
    box,
    extrude,
    lathe,
    mirror,
    paint,
    pick,
    place,
    ring,
    rod,
    side,
    sweep,
)


def stairs(rng: Rng) -> list[Part]:
    """Make a straight flight, solid or open, or a spiral staircase."""
    u, n = rng.uniform, int(rng.integers(4, 13))
    w, rise, run = u(0.8, 2.0), u(0.15, 0.22), u(0.22, 0.35)
    material = pick(rng, *STONES, *WOODS)
    style = pick(rng, "solid", "solid", "open", "spiral")
    h, long = n * rise, n * run
    if style == "spiral":
        turn, tread = u(18, 32), box(w, rise * 0.4, run * 1.4, (w / 2, 0, 0))
        steps = [place(tread, (0, (k + 0.6) * rise, 0), (0, turn * k, 0)) for k in range(n)]
        pole = rod((0, 0, 0), (0, h + 0.9, 0), 0.07)
        rails = [
            rod((w * 0.95, k * rise, 0), (w * 0.95, k * rise + 0.9, 0), 0.02, sides=4)
            for k in range(1, n + 1)
        ]
        turned = [place(mesh, turn=(0, turn * k, 0)) for k, mesh in enumerate(rails)]
        return [paint(material, *steps), paint("iron", pole, *turned)]
    tops = [(-k * run, (k + i) * rise) for k in range(n) for i in (0, 1)]
    if style == "solid":
        outline = [*tops, (-long, h), (-long, 0)]
        parts = [paint(material, side(outline, w))]
    else:
        steps = [box(w, 0.05, run, (0, (k + 1) * rise - 0.05, -(k + 0.5) * run)) for k in range(n)]
        beam = side(
            [(0, 0), (0, 0.12), (-long, h), (-long, h - 0.25), (-0.2, 0)], 0.07, (w / 2, 0, 0)
        )
        parts = [paint(material, *steps), paint("darkwood", *mirror(beam))]
    if rng.random() < 0.5:
        both = rng.random() < 0.5
        x = w / 2 - 0.05
        posts = [
            rod(
                (x, (k + 1) * rise, -(k + 0.5) * run),
                (x, (k + 1) * rise + 0.9, -(k + 0.5) * run),
                0.025,
                sides=4,
            )
            for k in range(0, n, pick(rng, 1, 2))
        ]
        rail = rod((x, rise + 0.9, -run / 2), (x, h + 0.9, -long + run / 2), 0.04, sides=4)
        railing = [*posts, rail]
        parts += [paint(pick(rng, "wood", "iron"), *(mirror(*railing) if both else railing))]
    return parts


def bridge(rng: Rng) -> list[Part]:
    """Make a stone arch bridge, a curved plank bridge or a flat beam bridge along x."""
    u, style = rng.uniform, pick(rng, "arch", "planks", "planks", "beam")
    long, w, rise = u(4, 9), u(1.3, 2.6), u(0.3, 1.0)
    if style == "arch":
        spans, h = int(rng.integers(1, 4)), u(1.2, 2.4)
        span = long / spans
        a = np.linspace(0, np.pi, 9)
        low = [
            ((k + 0.5 - 0.42 * np.cos(b)) * span - long / 2, h * 0.75 * np.sin(b))
            for k in range(spans)
            for b in a
        ]
        xs = np.linspace(long / 2, -long / 2, 9)
        top = np.c_[xs, h + rise * (1 - (2 * xs / long) ** 2)]
        outline = [(-long / 2, 0), *low, (long / 2, 0), *top.tolist()]
        parapet = [*top.tolist(), *(top[::-1] + (0, u(0.3, 0.6))).tolist()]
        stone = pick(rng, *STONES, "brick")
        sides = [extrude(parapet, 0.2, (0, 0, i * (w / 2 - 0.1))) for i in (-1, 1)]
        return [paint(stone, extrude(outline, w)), paint(pick(rng, *STONES), *sides)]
    rise = rise if style == "planks" else 0.0
    n = int(long / u(0.25, 0.5))
    xs = (np.arange(n) + 0.5) * long / n - long / 2
    ys = 0.5 + rise * (1 - (2 * xs / long) ** 2)
    slope = -np.degrees(np.arctan(8 * rise * xs / long**2))
    planks = [
        place(box(long / n * 0.88, 0.08, w), (x, y, 0), (0, 0, s))
        for x, y, s in zip(xs, ys, slope, strict=True)
    ]
    path = np.c_[xs, ys, np.full(n, w / 2 - 0.1)]
    hand = path + (0, u(0.6, 0.9), 0)
    every = max(1, n // int(rng.integers(3, 6)))
    posts = [
        rod(a - (0, 0.3, 0), b + (0, 0.1, 0), 0.06, sides=4)
        for a, b in zip(path[::every], hand[::every], strict=True)
    ]
    frame = [sweep(path, 0.07, 4), sweep(hand, 0.035, 4), *posts]
    if style == "beam":
        frame += [rod((x, 0, w * 0.4), (x, 0.5, w * 0.4), 0.12, sides=6) for x in xs[1::every]]
    frame += [place(mesh, scale=(1, 1, -1)) for mesh in frame]
    for mesh in frame[len(frame) // 2 :]:
        mesh.invert()
    return [paint(pick(rng, *WOODS), *planks), paint(pick(rng, "darkwood", "iron"), *frame)]


def pillar(rng: Rng) -> list[Part]:
    """Make a column, round or square, whole or broken, or an obelisk."""
    u, stone, sides = rng.uniform, pick(rng, *STONES, "white"), pick(rng, 4, 8, 12, 16)
    style = pick(rng, "column", "column", "broken", "obelisk")
    h, r = u(2, 5), u(0.18, 0.4)
    base, plate = r * u(1.3, 1.7), u(0.1, 0.25)
    if style == "obelisk":
        needle = lathe([(r, 0.3), (r * 0.6, h), (0, h + r)], 4)
        return [paint(stone, needle), paint("darkstone", box(2.4 * r, 0.3, 2.4 * r, bevel=0.04))]
    foot = [box(2 * base, plate, 2 * base), lathe([(base * 0.95, plate), (r, plate * 2)], sides)]
    if style == "broken":
        h *= u(0.35, 0.7)
        flat = lathe([(r, plate), (r * 0.95, h)], sides)
        points = np.array(flat.vertices)
        points[points[:, 1] > plate + 1e-6, 1] += u(
            -0.25, 0.25, int((points[:, 1] > plate + 1e-6).sum())
        )
        flat.vertices = points
        chunks = [
            ball(r * u(0.25, 0.5), (u(-1, 1), r * 0.2, u(0.5, 1)), 0, rng, 0.2) for _ in range(3)
        ]
        return [paint(stone, flat, *foot, *chunks)]
    top = [lathe([(r * 0.85, h), (base * 0.95, h + plate)], sides)]
    top += [box(2 * base, plate, 2 * base, (0, h + plate, 0))]
    shaft = [lathe([(r, plate), (r * u(0.95, 1.1), h * 0.4), (r * 0.85, h)], sides)]
    if rng.random() < 0.35:
        shaft += [ring(r, 0.06, (0, h * k, 0), sides=12, section=4) for k in (0.3, 0.7)]
    return [paint(stone, *shaft), paint(pick(rng, stone, "darkstone", "gold"), *foot, *top)]


FAMILIES: dict[str, Family] = {
    "stairs": stairs,
    "bridge": bridge,
    "pillar": pillar,
}
