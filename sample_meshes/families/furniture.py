"""Furniture and lights: metres, y up, front to +z."""

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
    around,
    ball,
    box,
    lathe,
    legs,
    mirror,
    paint,
    pick,
    place,
    ring,
    rod,
    sweep,
)


def chair(rng: Rng) -> list[Part]:
    """Make a plain, windsor, arm or office chair, or a stool."""
    u, wood, cloth = rng.uniform, pick(rng, *WOODS, "white"), pick(rng, *BRIGHT)
    style = pick(rng, "plain", "slats", "windsor", "armchair", "office", "stool")
    w, d, h, back = u(0.4, 0.6), u(0.4, 0.55), u(0.4, 0.52), u(0.35, 0.75)
    if style == "armchair":
        arm, bevel = u(0.1, 0.18), u(0, 0.06)
        seat = box(w, 0.18, d, (0, h, 0.03), bevel)
        frame = box(w + 2 * arm, h, d + 0.1, (0, 0.06, 0), bevel)
        rest = box(w + 2 * arm, back + h, 0.16, (0, 0.06, -d / 2 - 0.05), bevel, shift=-u(0, 0.15))
        arms = mirror(box(arm, h + u(0.1, 0.25), d + 0.1, (w / 2 + arm / 2, 0.06, 0), bevel))
        return [
            paint(cloth, frame, rest, *arms),
            paint("white", seat),
            paint(wood, *legs(w, d, 0.08, 0.03)),
        ]
    if style == "office":
        count, reach = int(rng.integers(4, 7)), u(0.25, 0.34)
        star = around(rod((0, 0.1, 0), (0, 0.05, reach), 0.03, 0.02, 4), count)
        castors = around(ball(0.04, (0, 0.04, reach), 1), count)
        padding = [box(w, 0.08, d, (0, h, 0), 0.03)]
        padding += [box(w * 0.9, back, 0.07, (0, h + 0.15, -d / 2), 0.03, shift=-0.06)]
        post = rod((0, h, -d / 2 + 0.05), (0, h + 0.3, -d / 2), 0.03)
        metal = [rod((0, 0.08, 0), (0, h, 0), 0.03), post, *star]
        if rng.random() < 0.5:
            bend = [(w / 2, h, 0), (w / 2 + 0.04, h + 0.2, 0), (w / 2 + 0.04, h + 0.2, 0.15)]
            metal += mirror(sweep(bend, 0.02, 4))
        return [paint(cloth, *padding), paint("iron", *metal), paint("black", *castors)]
    if style == "stool":
        height, r = u(0.4, 0.8), u(0.16, 0.24)
        leg = rod((r * u(1.0, 1.4), 0, 0), (r * 0.7, height, 0), 0.025, sides=pick(rng, 4, 6))
        parts = [paint(wood, *around(leg, int(rng.integers(3, 5)), 45))]
        if rng.random() < 0.5:
            parts += [paint("iron", ring(r, 0.015, (0, height * 0.4, 0)))]
        return [*parts, paint(cloth, lathe([(r, height), (r, height + 0.06)], pick(rng, 4, 8, 14)))]
    round_ = style == "windsor"
    thick, t = u(0.03, 0.07), u(0.018, 0.032)
    sides = 6 if round_ else 4
    wooden = legs(w * 0.9, d * 0.9, h, t, u(0.03, 0.08) if round_ else 0.0, sides)
    seat = box(w, thick, d, (0, h, 0), u(0, 0.03))
    top, lean, n = h + back, u(0.02, 0.15), int(rng.integers(2, 7))
    z = -d / 2 + t
    xs = np.linspace(-w / 2 + t, w / 2 - t, 2 + n)
    if style == "plain":
        wooden += [rod((x, h, z), (x, top, z - lean), t, sides=4) for x in (xs[0], xs[-1])]
        panel = back * u(0.4, 0.95)
        wooden += [box(w * 0.9, panel, t, (0, top - panel, z - lean * 0.5), shift=-lean * 0.4)]
    elif style == "slats" and rng.random() < 0.5:
        wooden += [rod((x, h, z), (x, top, z - lean), t, sides=4) for x in (xs[0], xs[-1])]
        for k in np.linspace(0.35, 0.95, max(2, n // 2 + 1)):
            y, back_z = h + back * k, z - lean * k
            wooden += [rod((xs[0], y, back_z), (xs[-1], y, back_z), t * 0.8, sides=4)]
    else:
        bow = back * (0.25 if round_ else 0.0)
        rise = top - bow * (2 * np.abs(xs) / w) ** 2
        wooden += [
            rod((x, h, z), (x * 1.1, y, z - lean), t * 0.6, sides=sides)
            for x, y in zip(xs, rise, strict=True)
        ]
        rail = np.c_[xs * 1.1, rise, np.full(len(xs), z - lean)]
        wooden += [sweep(rail, t * 1.3, sides)]
    if rng.random() < 0.3:
        arm_rest = sweep([(w / 2, h + 0.2, z), (w / 2, h + 0.2, d / 2), (w / 2, h, d / 2)], t, 4)
        wooden += mirror(arm_rest)
    parts = [paint(wood, *wooden, seat)]
    if rng.random() < 0.4:
        parts += [paint(cloth, box(w * 0.85, 0.05, d * 0.85, (0, h + thick, 0), 0.02))]
    return parts


def table(rng: Rng) -> list[Part]:
    """Make a four-legged, round, trestle or drawer table."""
    u, wood = rng.uniform, pick(rng, *WOODS, "white")
    style = pick(rng, "legs", "legs", "round", "trestle", "desk")
    w, d, h, thick = u(0.8, 2.2), u(0.6, 1.1), u(0.35, 0.95), u(0.03, 0.09)
    if style == "round":
        r, sides = u(0.35, 0.8), int(rng.integers(6, 17))
        top = lathe([(r, h), (r, h + thick)], sides)
        if rng.random() < 0.6:
            stem, foot = u(0.04, 0.08), r * u(0.4, 0.7)
            base = [lathe([(foot, 0), (foot, 0.04), (stem, 0.1), (stem, h)], 10)]
        else:
            leg = rod((r * 0.8, 0, 0), (r * 0.6, h, 0), 0.035, sides=6)
            base = around(leg, int(rng.integers(3, 5)))
        return [paint(wood, top), paint(pick(rng, wood, "iron"), *base)]
    top = box(w, thick, d, (0, h, 0), u(0, 0.03))
    if style == "trestle":
        cross = [
            rod((w * 0.38, 0, i * d * 0.4), (w * 0.38, h, -i * d * 0.4), 0.035, sides=4)
            for i in (-1, 1)
        ]
        beam = rod((-w * 0.38, h / 2, 0), (w * 0.38, h / 2, 0), 0.03, sides=4)
        return [paint(wood, top), paint("darkwood", *mirror(*cross), beam)]
    if style == "desk":
        chest, n = w * u(0.22, 0.32), int(rng.integers(2, 5))
        x, gap = w / 2 - chest / 2, h / n
        body = [box(chest, h, d * 0.95, (x, 0, 0))]
        fronts = [box(chest * 0.86, gap * 0.8, 0.03, (x, (k + 0.1) * gap, d / 2)) for k in range(n)]
        knobs = [ball(0.025, (x, (k + 0.5) * gap, d / 2 + 0.03), 0) for k in range(n)]
        if rng.random() < 0.5:
            body, fronts, knobs = mirror(*body), mirror(*fronts), mirror(*knobs)
        else:
            body += [box(0.05, h, d * 0.95, (-w / 2 + 0.05, 0, 0))]
        return [paint(wood, top, *body), paint("lightwood", *fronts), paint("iron", *knobs)]
    t = u(0.025, 0.06)
    wooden = legs(w * 0.95, d * 0.92, h, t, pick(rng, 0.0, 0.06), pick(rng, 4, 6))
    if rng.random() < 0.5:
        wooden += [box(w * 0.85, 0.08, d * 0.8, (0, h - 0.08, 0))]
    if rng.random() < 0.25:
        wooden += [box(w * 0.85, 0.03, d * 0.8, (0, h * 0.3, 0))]
    return [paint(wood, top), paint(pick(rng, *WOODS, "iron"), *wooden)]


def sofa(rng: Rng) -> list[Part]:
    """Make a sofa of two to four seats, sometimes with a corner seat."""
    u, cloth, n = rng.uniform, pick(rng, *BRIGHT), int(rng.integers(2, 5))
    seat, d, h, bevel = u(0.5, 0.7), u(0.7, 0.9), u(0.28, 0.42), pick(rng, 0.0, 0.03, 0.08)
    arm, back, foot = u(0.1, 0.25), u(0.3, 0.55), pick(rng, 0.0, 0.06, 0.14)
    w = n * seat
    frame = [box(w + 2 * arm, h, d, (0, foot, 0), bevel)]
    frame += [box(w + 2 * arm, h + back, 0.2, (0, foot, -d / 2), bevel, shift=-u(0, 0.12))]
    if rng.random() < 0.85:
        frame += mirror(box(arm, h + back * u(0.3, 0.8), d, (w / 2 + arm / 2, foot, 0), bevel))
    xs = (np.arange(n) + 0.5) * seat - w / 2
    cushions = [box(seat * 0.97, 0.14, d * 0.82, (x, foot + h, 0.07), bevel) for x in xs]
    if rng.random() < 0.6:
        cushions += [
            box(seat * 0.94, back * 0.8, 0.14, (x, foot + h + 0.13, -d * 0.3), bevel, shift=-0.08)
            for x in xs
        ]
    if n > 2 and rng.random() < 0.35:
        x = pick(rng, xs[0], xs[-1])
        frame += [box(seat, h, d * 0.8, (x, foot, d * 0.85), bevel)]
        cushions += [box(seat * 0.97, 0.14, d * 0.85, (x, foot + h, d * 0.85), bevel)]
    parts = [paint(cloth, *frame), paint(pick(rng, cloth, "white", "teal"), *cushions)]
    if foot:
        parts += [paint("darkwood", *legs(w + arm, d, foot + 0.02, 0.03))]
    return parts


def bed(rng: Rng) -> list[Part]:
    """Make a single or double bed, a bunk bed or a four-poster."""
    u, wood, cloth = rng.uniform, pick(rng, *WOODS, "white"), pick(rng, *BRIGHT)
    style = pick(rng, "plain", "plain", "bunk", "poster")
    wide = style != "bunk" and rng.random() < 0.5
    w, d, h = (u(1.4, 1.9) if wide else u(0.85, 1.1)), u(1.9, 2.3), u(0.2, 0.45)
    levels = [h] if style != "bunk" else [h, h + u(0.9, 1.1)]
    head, foot, bevel = h + u(0.35, 0.9), h + u(0.05, 0.35), u(0.01, 0.06)
    wooden: list[Trimesh] = []
    bedding: list[Trimesh] = []
    covers: list[Trimesh] = []
    for y in levels:
        wooden += [box(w, 0.14, d, (0, y - 0.12, 0))]
        bedding += [box(w * 0.96, 0.18, d * 0.97, (0, y + 0.02, 0), bevel)]
        pillow = box(w * (0.4 if wide else 0.7), 0.1, 0.3, (0, y + 0.19, -d / 2 + 0.26), 0.04)
        bedding += mirror(place(pillow, (w * 0.23, 0, 0))) if wide else [pillow]
        length = d * u(0.45, 0.7)
        covers += [box(w, 0.2, length, (0, y + 0.03, d / 2 - length / 2), bevel)]
    if style == "plain":
        wooden += [box(w + 0.06, head, 0.08, (0, 0, -d / 2), u(0, 0.03))]
        wooden += [box(w + 0.06, foot, 0.08, (0, 0, d / 2))] if rng.random() < 0.7 else []
        wooden += legs(w, d, h, 0.04)
    else:
        top = levels[-1] + (u(0.3, 0.45) if style == "bunk" else u(1.3, 1.7))
        wooden += legs(w + 0.1, d + 0.1, top, 0.045)
        if style == "bunk":
            rung = np.arange(0.25, top, 0.28)
            x, z = w / 2 + 0.05, d * 0.25
            wooden += [rod((x, y, z - 0.2), (x, y, z + 0.2), 0.02, sides=4) for y in rung]
            wooden += [rod((x, 0, z + k), (x, top, z + k), 0.025, sides=4) for k in (-0.2, 0.2)]
            wooden += mirror(rod((x, top, -d / 2), (x, top, d / 2), 0.03, sides=4))
        else:
            wooden += [box(w, h + 0.6, 0.05, (0, 0, -d / 2))]
            covers += [box(w + 0.16, 0.1, d + 0.16, (0, top, 0))]
    return [paint(wood, *wooden), paint("white", *bedding), paint(cloth, *covers)]


def shelf(rng: Rng) -> list[Part]:
    """Make a bookcase or an open rack, empty or filled with books and jars."""
    u, wood, n = rng.uniform, pick(rng, *WOODS, "white"), int(rng.integers(2, 7))
    w, h, d, t = u(0.6, 1.6), n * u(0.3, 0.42), u(0.22, 0.45), u(0.02, 0.05)
    ys = np.linspace(u(0.0, 0.12), h - t, n + 1)
    wooden = [box(w, t, d, (0, y, 0)) for y in ys]
    if rng.random() < 0.6:
        wooden += mirror(box(t, h, d, (w / 2, 0, 0)))
        wooden += [box(w, h, 0.015, (0, 0, -d / 2))] if rng.random() < 0.7 else []
    else:
        wooden += legs(w, d, h + u(0, 0.15), t * 0.7)
    groups: dict[str, list[Trimesh]] = {}
    if rng.random() < 0.6:
        for y in ys[:-1]:
            x = -w / 2 + t
            while x < w / 2 - t - 0.08:
                size, colour = u(0.04, 0.09), pick(rng, "red", "blue", "green", "white")
                book = box(size * 0.9, u(0.18, 0.26), d * 0.6, (x + size / 2, y + t, 0))
                groups.setdefault(colour, []).append(book)
                x += size + (u(0.1, 0.4) if rng.random() < 0.15 else 0)
    return [paint(wood, *wooden), *(paint(c, *groups[c]) for c in sorted(groups))]


def cabinet(rng: Rng) -> list[Part]:
    """Make a wardrobe, a cupboard, a chest of drawers or a dresser with a mirror."""
    u, wood = rng.uniform, pick(rng, *WOODS, "white", "teal")
    style = pick(rng, "wardrobe", "cupboard", "drawers", "dresser")
    tall = style == "wardrobe"
    w, d = u(0.7, 1.5), u(0.4, 0.6)
    h, foot = u(1.6, 2.2) if tall else u(0.7, 1.1), u(0.0, 0.16)
    body = [box(w, h, d, (0, foot, 0), pick(rng, 0.0, 0.02))]
    if rng.random() < 0.6:
        body += [box(w + 0.08, 0.05, d + 0.06, (0, foot + h, 0), u(0, 0.02))]
    across, rows = int(rng.integers(1, 3)) if tall else int(rng.integers(1, 4)), 1
    if style in ("drawers", "dresser") or rng.random() < 0.3:
        rows = int(rng.integers(2, 5))
    fw, fh = w / across, h / rows
    fronts, knobs = [], []
    for i in range(across):
        for k in range(rows):
            x, y = (i + 0.5) * fw - w / 2, foot + (k + 0.5) * fh
            fronts += [box(fw * 0.88, fh * 0.86, 0.03, (x, y - fh * 0.43, d / 2))]
            hand = x if rows > 1 else x + fw * 0.33 * (1 if i % 2 == 0 else -1)
            knobs += [ball(0.03, (hand, y, d / 2 + 0.04), 1)]
    trim = legs(w, d, foot + 0.01, 0.035) if foot > 0.04 else []
    parts = [paint(wood, *body, *trim)]
    parts += [paint(pick(rng, *WOODS), *fronts), paint(pick(rng, *METALS), *knobs)]
    if foot <= 0.04:
        parts += [paint("darkwood", box(w * 0.95, foot + 0.02, d * 0.95))]
    if style == "dresser":
        frame = box(w * 0.7, u(0.5, 0.9), 0.05, (0, foot + h, -d / 2 + 0.05), 0.02)
        size = frame.extents
        glass = box(size[0] * 0.86, size[1] * 0.86, 0.02, (0, foot + h + 0.06, -d / 2 + 0.08))
        parts += [paint(wood, frame), paint("glass", glass)]
    return parts


def lantern(rng: Rng) -> list[Part]:
    """Make a hand lantern, a floor or table lamp, a street lamp or a paper lantern."""
    u, metal = rng.uniform, pick(rng, "iron", "gold", "black", "darkwood")
    style = pick(rng, "hand", "hand", "floor", "street", "paper")
    if style == "hand":
        r, h, sides = u(0.08, 0.14), u(0.16, 0.32), pick(rng, 4, 6, 8)
        foot = lathe([(r * 1.2, 0), (r * 1.2, 0.03), (r, 0.05)], sides)
        roof = lathe([(r * u(1.1, 1.5), 0), (r * 0.3, u(0.05, 0.14))], sides, (0, h + 0.05, 0))
        bars = around(rod((r * 0.95, 0.04, 0), (r * 0.95, h + 0.06, 0), 0.012, sides=4), sides)
        top = float(roof.bounds[1][1])
        handle = ring(r * 0.6, 0.01, (0, top + r * 0.4, 0), (90, 0, 0), 10, 4)
        glass = lathe([(r * 0.85, 0.05), (r * 0.85, h + 0.05)], sides)
        return [paint(metal, foot, roof, handle, *bars), paint("glow", glass)]
    if style == "paper":
        r, h = u(0.12, 0.25), u(0.2, 0.5)
        ts = np.linspace(0.0, 1.0, 7)
        profile = [(r * (0.45 + 0.55 * np.sin(np.pi * t)), h * t) for t in ts]
        caps = [lathe([(r * 0.5, y - 0.02), (r * 0.5, y + 0.02)], 10) for y in (0.0, h)]
        hang = rod((0, h, 0), (0, h + u(0.1, 0.4), 0), 0.008, sides=4)
        return [
            paint(pick(rng, "red", "orange", "white"), lathe(profile, 12)),
            paint("black", *caps, hang),
        ]
    if style == "floor":
        h, r, shade = u(0.3, 1.7), u(0.12, 0.2), u(0.18, 0.3)
        sides = pick(rng, 4, 8, 12)
        base = lathe([(r, 0), (r, 0.03), (0.02, 0.05), (0.02, h)], sides)
        hood = lathe(
            [(shade * 0.8, h - 0.05), (shade * u(0.3, 0.75), h + shade)], sides, ends=False
        )
        bulb = ball(0.06, (0, h + 0.04, 0))
        return [paint(metal, base), paint(pick(rng, *BRIGHT), hood), paint("glow", bulb)]
    h, reach, arms = u(2.5, 4.5), u(0.35, 0.8), int(rng.integers(0, 4))
    post = [lathe([(0.16, 0), (0.16, 0.2), (0.06, 0.35), (0.05, h)], 8)]
    if arms == 0:
        post += [
            lathe([(0.25, h + 0.4), (0.05, h + 0.55)], 4),
            lathe([(0.1, h), (0.1, h + 0.04)], 4),
        ]
        return [paint(metal, *post), paint("glow", lathe([(0.1, h), (0.19, h + 0.4)], 4))]
    bend = [(0, h - 0.1, 0), (0, h + 0.15, reach * 0.4), (0, h + 0.15, reach)]
    hood = lathe([(0.2, h), (0.06, h + 0.15)], 8, (0, 0, reach))
    metals = [sweep(bend, 0.035, 4), hood]
    bulb = ball(0.1, (0, h, reach))
    turned = [copy for mesh in metals for copy in around(mesh, arms)]
    return [paint(metal, *post, *turned), paint("glow", *around(bulb, arms))]


def bench(rng: Rng) -> list[Part]:
    """Make a slatted park bench, a stone bench or a half-log bench."""
    u, wood = rng.uniform, pick(rng, *WOODS)
    style = pick(rng, "park", "park", "stone", "log")
    w, d, h = u(1.2, 2.2), u(0.35, 0.5), u(0.38, 0.5)
    x = w * u(0.32, 0.44)
    if style == "stone":
        seat = box(w, u(0.08, 0.14), d, (0, h, 0), 0.02)
        foot = box(u(0.12, 0.25), h, d * 0.8, (x, 0, 0), taper=(u(0.6, 1), 1))
        return [paint("stone", seat), paint("darkstone", *mirror(foot))]
    if style == "log":
        half = place(rod((-w / 2, 0, 0), (w / 2, 0, 0), 0.2, sides=8), (0, h, 0), scale=(1, 0.6, 1))
        return [paint(wood, half), paint("darkwood", *mirror(rod((x, 0, 0), (x, h, 0), 0.13)))]
    n, t = int(rng.integers(3, 6)), u(0.02, 0.04)
    gap = d / n
    slats = [box(w, t, gap * 0.8, (0, h, (k + 0.5) * gap - d / 2)) for k in range(n)]
    frame = mirror(
        rod((x, 0, d / 2 - t), (x, h, d / 2 - t), t, sides=4),
        rod((x, 0, t - d / 2), (x, h, t - d / 2), t, sides=4),
    )
    if rng.random() < 0.7:
        rise, rows = u(0.35, 0.5), int(rng.integers(2, 4))
        frame += mirror(rod((x, h, t - d / 2), (x, h + rise, -d / 2 - 0.12), t, sides=4))
        for k in range(rows):
            y = rise * (k + 0.7) / rows
            slats += [box(w, gap * 0.8, t, (0, h + y - 0.05, -d / 2 - 0.12 * y / rise + t))]
        if rng.random() < 0.6:
            arm = [(x, h + 0.22, -d / 2), (x, h + 0.22, d / 2), (x, h, d / 2)]
            frame += mirror(sweep(arm, t, 4))
    return [paint(wood, *slats), paint(pick(rng, "iron", "stone", "darkwood"), *frame)]


FAMILIES: dict[str, Family] = {
    "chair": chair,
    "table": table,
    "sofa": sofa,
    "bed": bed,
    "shelf": shelf,
    "cabinet": cabinet,
    "lantern": lantern,
    "bench": bench,
}
