"""Plants, rocks and animals: metres, y up."""

from __future__ import annotations

import numpy as np

from sample_meshes.families.garden import ribbed
from sample_meshes.families.parts import (
    Family,
    Part,
    Rng,
    ball,
    lathe,
    paint,
    pick,
    place,
    rod,
    sheet,
    sweep,
)


def tree(rng: Rng) -> list[Part]:
    """Make a conifer, a broadleaf tree, a palm or a bare tree."""
    u, leaf = rng.uniform, pick(rng, "leaf", "leaf", "darkleaf", "autumn")
    style = pick(rng, *["cone", "round"] * 3, "palm", "bare")
    h, r, bark = u(1.5, 5.0), u(0.08, 0.22), pick(rng, "wood", "darkwood")
    if style == "cone":
        tiers, sides = int(rng.integers(1, 6)), int(rng.integers(5, 11))
        wide, start, step = h * u(0.16, 0.36), h * u(0.1, 0.3), 1.0 / tiers
        crown = []
        for k in range(tiers):
            y, size = start + (h - start) * k * step, wide * (1 - 0.75 * k * step)
            tall = (h - start) * step * u(1.2, 1.6) if tiers > 1 else h - start
            cone = lathe([(size * 0.3, y + 0.04), (size, y), (0.0, y + tall)], sides)
            crown += [place(cone, turn=(0, u(0, 60), 0))]
        return [paint(leaf, *crown), paint(bark, rod((0, 0, 0), (0, h * 0.6, 0), r, r * 0.6, 6))]
    if style == "palm":
        lean, n = u(-0.8, 0.8), int(rng.integers(5, 10))
        ts = np.linspace(0, 1, 6)
        path = np.c_[lean * ts**2, h * ts, 0 * ts]
        long, droop, wide = h * u(0.35, 0.55), u(0.3, 0.8), u(0.16, 0.28)
        fronds = []
        for k in range(n):
            out = np.linspace(0, 1, 5)
            spine = np.c_[long * out, long * (0.5 * out - droop * out**2), 0 * out]
            half = (wide * np.sin(np.pi * (0.1 + 0.85 * out)))[:, None] * (0, -0.35, 1)
            left, right = spine + half, spine + half * (1, 1, -1)
            blade = [
                sheet([a, b, d, c][::order])
                for edge, order in ((left, -1), (right, 1))  # both halves face up
                for a, b, c, d in zip(spine[:-1], spine[1:], edge[:-1], edge[1:], strict=True)
            ]
            fronds += [place(mesh, tuple(path[-1]), (0, 360 * k / n, 0)) for mesh in blade]
        trunk = sweep(path, np.linspace(r, r * 0.6, 6), 6)
        nuts = [ball(0.1, (lean + 0.12 * i, h - 0.1, 0.1), 0) for i in (-1, 1)]
        parts = [paint(leaf, *fronds), paint(bark, trunk)]
        return [*parts, paint("darkwood", *nuts)] if rng.random() < 0.5 else parts
    trunk_h = h * u(0.35, 0.6) if style == "round" else h * 0.75
    sway = u(-0.15, 0.15, (5, 2)) * [[0], [0.3], [0.6], [1], [1]]
    path = np.c_[sway[:, 0], np.linspace(0, trunk_h, 5), sway[:, 1]]
    limbs, tips = [sweep(path, np.linspace(r, r * 0.55, 5), 6)], [path[-1]]
    for _ in range(int(rng.integers(4, 9) if style == "bare" else rng.integers(0, 4))):
        start, turn, reach = path[int(rng.integers(2, 5))], u(0, 2 * np.pi), h * u(0.12, 0.25)
        side = np.array([np.cos(turn), 0, np.sin(turn)])
        mid = start + reach * 0.5 * (side + (0, 0.5, 0))
        tip = start + reach * (side * 0.8 + (0, u(0.7, 1.4), 0))
        limbs += [sweep([start, mid, tip], [r * 0.5, r * 0.35, r * 0.1], 5)]
        if style == "bare":
            limbs += [rod(mid, mid + reach * 0.5 * (side[::-1] + (0, 0.6, 0)), r * 0.25, 0.01, 4)]
        tips += [tip]
    if style == "bare":
        limbs += [rod(path[-1], path[-1] + (0, h * 0.2, 0), r * 0.55, 0.01, 5)]
        return [paint(bark, *limbs)]
    size, tall = h * u(0.2, 0.32), pick(rng, 1.0, 0.75, 1.5)
    crowns = [
        ball((size * k, size * tall * k, size * k), tuple(tip + (0, size * 0.4, 0)), 1, rng, 0.1)
        for k, tip in zip([1.0, *u(0.5, 0.8, len(tips) - 1)], tips, strict=True)
    ]
    return [paint(leaf, *crowns), paint(bark, *limbs)]


def rock(rng: Rng) -> list[Part]:
    """Make a boulder, a flat or standing stone, or a cluster of stones."""
    u, style = rng.uniform, pick(rng, "boulder", "boulder", "flat", "tall", "cluster")
    shape = {"flat": (1.0, 0.35, 0.8), "tall": (0.5, 1.4, 0.5)}.get(style, (1.0, 0.75, 0.85))
    count = int(rng.integers(2, 6)) if style == "cluster" else 1
    stones = []
    for k in range(count):
        size = u(0.3, 1.0) * (0.6 ** (k > 0))
        detail, rough = int(rng.integers(1, 3)), u(0.06, 0.22)
        mesh = ball(size * np.array(shape) * u(0.8, 1.2, 3), (0, 0, 0), detail, rng, rough)
        points = np.array(mesh.vertices)
        # A flat underside: everything below a third of the height is pressed onto the ground.
        points[:, 1] = np.maximum(points[:, 1], -size * shape[1] * 0.35) + size * shape[1] * 0.35
        mesh.vertices = points
        spot = (0.0, 0.0, 0.0) if k == 0 else (u(-0.9, 0.9), 0.0, u(-0.9, 0.9))
        stones += [place(mesh, spot, (0, u(0, 360), 0))]
    parts = [paint(pick(rng, "stone", "darkstone", "sand"), *stones)]
    if style != "cluster" and rng.random() < 0.2:
        low, high = stones[0].bounds
        moss = ball((high - low) * (0.42, 0.12, 0.42), (0, high[1] * 0.92, 0), 1, rng, 0.15)
        parts += [paint("leaf", moss)]
    return parts


def bush(rng: Rng) -> list[Part]:
    """Make a bush of leafy balls or of crossed leaves, sometimes with berries."""
    u, leaf = rng.uniform, pick(rng, "leaf", "darkleaf", "green", "autumn")
    size = u(0.3, 0.7)
    if rng.random() < 0.3:
        n, leaves = int(rng.integers(7, 14)), []
        for k in range(n):
            long, wide, tilt = size * u(0.8, 1.3), size * u(0.15, 0.3), u(20, 65)
            blade = sheet([(0, 0, 0), (wide, long * 0.5, 0), (0, long, 0), (-wide, long * 0.5, 0)])
            leaves += [place(place(blade, turn=(tilt, 0, 0)), turn=(0, 360 * k / n * 1.7, 0))]
        return [paint(leaf, *leaves)]
    blobs = [ball((size, size * u(0.7, 1.1), size), (0, size * 0.7, 0), 1, rng, 0.12)]
    for _ in range(int(rng.integers(0, 6))):
        r, a, reach = size * u(0.4, 0.75), u(0, 2 * np.pi), size * u(0.6, 1.0)
        at = (reach * np.cos(a), r * 0.75, reach * np.sin(a))
        blobs += [ball((r, r * u(0.8, 1.0), r), at, 1, rng, 0.12)]
    parts = [paint(leaf, *blobs)]
    if rng.random() < 0.35:
        spots = blobs[0].vertices[rng.integers(0, len(blobs[0].vertices), 10)]
        berries = [ball(0.05, tuple(spot), 0) for spot in spots]
        parts += [paint(pick(rng, "red", "purple", "pink"), *berries)]
    return parts


def grass(rng: Rng) -> list[Part]:
    """Make a tuft of blades or a clump of crossed planes."""
    u, h = rng.uniform, rng.uniform(0.2, 0.7)
    colour = pick(rng, "leaf", "darkleaf", "green", "sand")
    if rng.random() < 0.4:
        w, teeth = h * u(0.8, 1.6), int(rng.integers(3, 7))
        xs = np.linspace(-w / 2, w / 2, 2 * teeth + 1)
        top = [(x, h * (u(0.7, 1.0) if k % 2 else 0.35), 0) for k, x in enumerate(xs)]
        plane = sheet([(-w / 2, 0, 0), (w / 2, 0, 0), *top[::-1]])
        count = int(rng.integers(2, 4))
        turned = [place(plane, turn=(0, 180 * k / count, 0)) for k in range(count)]
        return [paint(colour, *turned)]
    blades = []
    for _ in range(int(rng.integers(6, 22))):
        long, wide, bend = h * u(0.6, 1.0), u(0.02, 0.05), h * u(0.1, 0.6)
        low = [(-wide, 0, 0), (wide, 0, 0), (wide * 0.7, long * 0.6, bend * 0.4)]
        blade = sheet([*low, (-wide * 0.7, long * 0.6, bend * 0.4)])
        tip = sheet([low[2], (0, long, bend), (-wide * 0.7, long * 0.6, bend * 0.4)])
        spot, turn = (u(-0.12, 0.12), 0.0, u(-0.12, 0.12)), u(0, 360)
        blades += [place(mesh, spot, (0, turn, 0)) for mesh in (blade, tip)]
    return [paint(colour, *blades)]


def cactus(rng: Rng) -> list[Part]:
    """Make a saguaro with arms, a ribbed ball cactus or a prickly pear, sometimes potted."""
    u, green, parts = rng.uniform, pick(rng, "green", "darkleaf", "leaf"), list[Part]()
    style = pick(rng, "saguaro", "saguaro", "ball", "pear")
    if style == "saguaro":
        h, r, sides = u(1.2, 2.8), u(0.16, 0.28), int(rng.integers(6, 10))
        body = [lathe([(r * 0.9, 0), (r, h * 0.5), (r * 0.8, h * 0.94), (0, h)], sides)]
        for k in range(int(rng.integers(1, 4))):
            y, reach, rise, a = h * u(0.3, 0.6), r * u(2.0, 3.0), h * u(0.2, 0.4), r * u(0.5, 0.75)
            bend = [(0, y, 0), (reach * 0.8, y, 0), (reach, y + a, 0), (reach, y + rise, 0)]
            tip = ball((a, a * 0.8, a), (reach, y + rise, 0), 1)
            turn = (0.0, 180.0 * k + u(-25, 25), 0.0)
            body += [place(sweep(bend, a, 6), turn=turn), place(tip, turn=turn)]
        top = [(0.0, h, 0.0)]
    elif style == "ball":
        r, ribs = u(0.2, 0.45), int(rng.integers(6, 11))
        body = [ribbed(r, r * u(0.75, 1.4), ribs, 0.82)]
        top = [(0.0, float(body[0].bounds[1][1]), 0.0)]
    else:
        body, top = [], []
        pads = [(0.0, 0.0, 0.0, u(0.25, 0.35))]
        for x, y, tilt, r in pads:
            pad = place(ball((r * 0.75, r, r * 0.22), (0, r * 0.95, 0), 1), turn=(0, 0, -tilt))
            body += [place(pad, (x, y, u(-0.03, 0.03)))]
            lean = np.radians(tilt)
            end = (x + 1.8 * r * np.sin(lean), y + 1.8 * r * np.cos(lean))
            top += [(*end, 0.0)]
            if len(pads) < int(rng.integers(3, 8)):
                pads += [(*end, tilt + i * u(15, 50), r * u(0.65, 0.9)) for i in (-1, 1)]
    if rng.random() < 0.4:
        parts += [paint(pick(rng, "pink", "red", "yellow"), *(ball(0.06, p, 0) for p in top))]
    if style != "saguaro" and rng.random() < 0.4:
        pot = lathe([(0.16, -0.25), (0.24, 0.04), (0.2, 0.04), (0.2, 0.0)], 10)
        parts += [paint("brick", pot)]
    return [paint(green, *body), *parts]


FAMILIES: dict[str, Family] = {
    "tree": tree,
    "rock": rock,
    "bush": bush,
    "grass": grass,
    "cactus": cactus,
}
