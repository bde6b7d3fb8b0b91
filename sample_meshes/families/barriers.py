"""Walls, fences, gates, doors and windows: metres, y up, front to +z."""

from __future__ import annotations

import numpy as np

from sample_meshes.families.parts import (
    BRIGHT,
    STONES,
    WOODS,
    Family,
    Part,
    Rng,
    ball,
    box,
    extrude,
    lathe,
    loft,
    mirror,
    paint,
    pick,
    place,
    ring,
    rod,
    sheet,
    sweep,
)


def wall(rng: Rng) -> list[Part]:
    """Make a wall segment: plain, battlemented, of bricks, ruined or of logs."""
    u, stone = rng.uniform, pick(rng, *STONES, "brick")
    style = pick(rng, "plain", "battle", "bricks", "ruin", "logs")
    w, h, t = u(2, 4.5), u(1.2, 3), u(0.2, 0.6)
    if style == "logs":
        n = int(w / 0.28)
        logs = [
            lathe([(0.13, 0), (0.13, h * k), (0, h * k + 0.25)], 6, ((i - n / 2) * 0.27, 0, 0))
            for i, k in enumerate(u(0.9, 1.05, n))
        ]
        beam = box(n * 0.27, 0.12, 0.1, (-0.13, h * 0.6, -0.15))
        return [paint("wood", *logs), paint("darkwood", beam)]
    if style == "bricks":
        rows, columns = int(rng.integers(4, 7)), int(rng.integers(4, 8))
        bw, bh = w / columns, h / rows
        stones = []
        for k in range(rows):
            for i in range(columns + k % 2):
                low = max(-w / 2, (i - 0.5 * (k % 2)) * bw - w / 2)
                high = min(w / 2, (i + 1 - 0.5 * (k % 2)) * bw - w / 2)
                size = (high - low - 0.03, bh - 0.03, t * u(0.9, 1.1))
                stones += [box(*size, at=((low + high) / 2, k * bh, 0))]
        return [paint(stone, *stones), paint("darkstone", box(w * 0.97, h * 0.97, t * 0.8))]
    if style == "ruin":
        xs = np.linspace(-w / 2, w / 2, int(rng.integers(4, 8)))
        steps = [
            point
            for a, b, y in zip(xs[:-1], xs[1:], h * u(0.3, 1.0, len(xs)), strict=False)
            for point in ((b, y), (a, y))
        ]
        pairs = [steps[k : k + 2] for k in range(0, len(steps), 2)][::-1]
        outline = [(-w / 2, 0), (w / 2, 0), *(point for pair in pairs for point in pair)]
        rubble = [
            ball(u(0.1, 0.25), (u(-w / 2, w / 2), 0.05, u(0.3, 0.7)), 0, rng, 0.2) for _ in range(4)
        ]
        return [paint(stone, extrude(outline, t), *rubble)]
    body = [box(w, h, t), box(w, 0.25, t * 1.3)]
    if style == "battle":
        n = int(rng.integers(3, 6))
        gap = w / n
        body += [box(gap * 0.55, 0.4, t, ((k + 0.5) * gap - w / 2, h, 0)) for k in range(n)]
        body += [box(w, 0.15, t * 1.25, (0, h - 0.1, 0))]
        return [paint(stone, *body)]
    parts = [paint(stone, *body), paint("darkstone", box(w, 0.12, t * 1.35, (0, h, 0), 0.03))]
    if rng.random() < 0.4:
        parts += [paint(stone, *mirror(box(t * 1.6, h * 1.15, t * 1.6, (w / 2, 0, 0), 0.03)))]
    return parts


def fence(rng: Rng) -> list[Part]:
    """Make a picket, rail, iron or wire fence segment."""
    u, wood = rng.uniform, pick(rng, *WOODS, "white")
    style = pick(rng, "picket", "rail", "iron", "cross")
    w, h, t = u(1.5, 3.5), u(0.7, 1.4), u(0.03, 0.06)
    posts = [box(2.5 * t, h, 2.5 * t, (x, 0, 0), taper=(0.9, 0.9)) for x in (-w / 2, 0, w / 2)]
    if style == "iron":
        n, spike = int(rng.integers(7, 16)), u(0.06, 0.15)
        bars = [
            lathe([(0.02, 0), (0.02, h), (0.045, h), (0, h + spike)], 4, (x, 0, 0))
            for x in np.linspace(-w / 2, w / 2, n)
        ]
        rails = [rod((-w / 2, h * k, 0), (w / 2, h * k, 0), 0.02, sides=4) for k in (0.15, 0.85)]
        return [paint("iron", *bars, *rails)]
    if style == "picket":
        n = int(rng.integers(6, 13))
        wide = w / n * u(0.3, 0.42)
        tip = pick(rng, 0.0, 0.1, 0.18)
        board = [(-wide, 0.06), (wide, 0.06), (wide, h), (0, h + tip + 1e-3), (-wide, h)]
        boards = [
            extrude(board, t * 0.7, ((k + 0.5) * w / n - w / 2, 0, t * 1.4)) for k in range(n)
        ]
        rails = [box(w, t * 2, t, (0, h * k, 0)) for k in (0.25, 0.75)]
        return [paint(wood, *boards), paint(wood, *rails, *(posts if rng.random() < 0.5 else []))]
    n = int(rng.integers(2, 4))
    rails = [box(w * 1.04, 2.5 * t, t, (0, h * (k + 0.6) / n - t, t * 1.2)) for k in range(n)]
    if style == "cross":
        rails = [
            rod((i * w / 2, h * a, t), (0, h * b, t), t * 0.8, sides=4)
            for i in (-1, 1)
            for a, b in ((0.15, 0.85), (0.85, 0.15))
        ]
        rails += [box(w, 2 * t, t * 2, (0, h * 0.92, 0))]
    else:
        rails = [place(mesh, turn=(0, 0, u(-2, 2))) for mesh in rails]
    return [paint(wood, *posts), paint(pick(rng, wood, "lightwood"), *rails)]


def gate(rng: Rng) -> list[Part]:
    """Make a stone arch with doors, a torii, an iron gate or a field gate."""
    u, style = rng.uniform, pick(rng, "arch", "torii", "iron", "field")
    w, h, t = u(1.8, 3.2), u(2.2, 3.5), u(0.25, 0.6)
    if style == "torii":
        posts = mirror(rod((w * 0.55, 0, 0), (w * 0.48, h, 0), 0.14, sides=8))
        xs = np.linspace(-0.8, 0.8, 7) * w
        beam = sweep(np.c_[xs, h + 0.12 + 0.12 * (xs / w) ** 2, 0 * xs], 0.15, 4)
        tie = box(w * 1.25, 0.16, 0.14, (0, h * 0.78, 0))
        return [paint(pick(rng, "red", "orange", "wood"), *posts, tie), paint("black", beam)]
    if style == "arch":
        opening, thick = w / 2, u(0.4, 0.9)
        spring = h - opening * u(0.6, 1.0)
        a = np.linspace(0, np.pi, 9)
        inner = np.c_[opening * np.cos(a), spring + (h - spring) * np.sin(a)]
        out, top = opening + thick, h + thick * u(0.6, 1.2)
        outline = [
            (opening, 0),
            *inner.tolist(),
            (-opening, 0),
            (-out, 0),
            (-out, top),
            (out, top),
            (out, 0),
        ]
        parts = [paint(pick(rng, *STONES, "brick"), extrude(outline, t * 1.6))]
        if rng.random() < 0.6:
            leaf = extrude([(0.02, 0), (opening, 0), *inner[:5].tolist()], 0.12)
            bands = [
                box(opening * 0.95, 0.12, 0.18, (opening / 2, spring * k, 0)) for k in (0.2, 0.8)
            ]
            swing = pick(rng, 0.0, 40.0)
            doors, irons = (
                [place(place(m, (-opening, 0, 0)), (opening, 0, 0), (0, swing, 0)) for m in group]
                for group in ([leaf], bands)
            )
            parts += [paint("wood", *mirror(*doors)), paint("iron", *mirror(*irons))]
        return parts
    posts = mirror(box(t, h * 0.7, t, (w / 2 + t / 2, 0, 0), 0.03))
    tall = h * 0.6
    if style == "iron":
        caps = mirror(ball(t * 0.45, (w / 2 + t / 2, h * 0.7 + t * 0.35, 0), 1))
        n = int(rng.integers(3, 7))
        xs = np.linspace(0.06, w / 2 - 0.04, n)
        rise = tall * (1 + u(-0.25, 0.25) * (xs / w))
        bars = [
            lathe([(0.025, 0.08), (0.025, y), (0, y + 0.12)], 4, (x, 0, 0))
            for x, y in zip(xs, rise, strict=True)
        ]
        bars += [rod((0.05, y, 0), (w / 2, y, 0), 0.03, sides=4) for y in (0.2, tall * 0.8)]
        return [paint(pick(rng, *STONES, "brick"), *posts, *caps), paint("iron", *mirror(*bars))]
    n = int(rng.integers(3, 6))
    boards = [box(w * 0.96, 0.12, 0.05, (0, 0.15 + tall * 0.8 * k / (n - 1), 0)) for k in range(n)]
    brace = rod((-w * 0.46, 0.2, 0.04), (w * 0.46, tall * 0.9, 0.04), 0.05, sides=4)
    ends = mirror(box(0.1, tall, 0.08, (w * 0.46, 0.1, 0)))
    wood = pick(rng, *WOODS, "white")
    return [paint(wood, *boards, brace, *ends), paint("darkwood", *posts)]


def door(rng: Rng) -> list[Part]:
    """Make a door, square or arched, panelled or planked, mostly in a frame."""
    u, wood = rng.uniform, pick(rng, *WOODS, "red", "blue", "green")
    w, h, t = u(0.75, 1.3), u(1.8, 2.3), u(0.05, 0.09)
    rise = pick(rng, 0.0, 0.0, w * u(0.25, 0.5))
    a = np.linspace(0, np.pi, 9)
    top = (
        np.c_[np.cos(a) * w / 2, h + rise * np.sin(a)]
        if rise
        else np.array([(w / 2, h), (-w / 2, h)])
    )
    parts = [paint(wood, extrude([(-w / 2, 0), (w / 2, 0), *top.tolist()], t))]
    if rng.random() < 0.75:
        f = u(0.08, 0.2)
        outer = top * (1 + 2 * f / w, 1) + (0, f)
        frame = [
            (w / 2, 0),
            *top.tolist(),
            (-w / 2, 0),
            (-w / 2 - f, 0),
            *outer[::-1].tolist(),
            (w / 2 + f, 0),
        ]
        parts += [paint(pick(rng, "darkwood", "stone", "white"), extrude(frame, t * 2.4))]
    n, wide = int(rng.integers(1, 4)), w * 0.8
    if rng.random() < 0.5:
        tall = h * 0.9 / n
        panels = [
            box(wide, tall * 0.8, t * 1.5, (0, h * 0.05 + k * tall + tall * 0.1, 0))
            for k in range(n)
        ]
        parts += [paint(pick(rng, "lightwood", "glass", wood), *panels)]
    else:
        bands = [box(w * 0.95, 0.1, t * 1.5, (0, h * k, 0)) for k in np.linspace(0.15, 0.8, n + 1)]
        parts += [paint("iron", *bands)]
    knob = [ball(0.045, (w * 0.38, h * 0.47, i * t * 1.1), 1) for i in (-1, 1)]
    if rng.random() < 0.4:
        knob = [ring(0.07, 0.015, (w * 0.33, h * 0.45, i * t), (90, 0, 0), 10, 4) for i in (-1, 1)]
    return [*parts, paint(pick(rng, "gold", "iron"), *knob)]


def window(rng: Rng) -> list[Part]:
    """Make a barred, arched or round window, sometimes with shutters or a sill."""
    u, wood = rng.uniform, pick(rng, *WOODS, "white")
    w, h, f, t = u(0.6, 1.6), u(0.8, 1.6), u(0.05, 0.12), u(0.08, 0.16)
    style = pick(rng, "square", "square", "arch", "round")
    if style == "round":
        r = w / 2
        frame = place(
            lathe(
                [(r, -t / 2), (r + f, -t / 2), (r + f, t / 2), (r, t / 2), (r, -t / 2)],
                16,
                ends=False,
            ),
            turn=(90, 0, 0),
        )
        bars = [box(2 * r, f * 0.5, t * 0.5), place(box(2 * r, f * 0.5, t * 0.5), turn=(0, 0, 90))]
        glass = place(lathe([(r, -0.01), (r, 0.01)], 16), turn=(90, 0, 0))
        return [paint(wood, frame, *bars), paint("glass", glass)]
    rise = w * u(0.25, 0.5) if style == "arch" else 0.0
    a = np.linspace(0, np.pi, 9)
    inner = np.array([(-w / 2, 0), (w / 2, 0), (w / 2, h), (-w / 2, h)])
    if rise:
        inner = np.vstack([inner[:2], np.c_[np.cos(a) * w / 2, h + rise * np.sin(a)]])
    middle = np.array([0, h / 2])
    grow = (np.array([w, h]) + 2 * f) / (w, h)
    loop = [
        np.c_[s, np.full(len(s), z)]
        for s, z in (
            (inner, -t / 2),
            ((inner - middle) * grow + middle, -t / 2),
            ((inner - middle) * grow + middle, t / 2),
            (inner, t / 2),
            (inner, -t / 2),
        )
    ]
    casing = loft(loop, ends=False)
    across, up = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    bars = [
        box(f * 0.5, h + rise * 0.8, t * 0.5, (x, 0, 0))
        for x in np.linspace(-w / 2, w / 2, across + 1)[1:-1]
    ]
    bars += [box(w, f * 0.5, t * 0.5, (0, y, 0)) for y in np.linspace(0, h, up + 1)[1:-1]]
    pane = sheet(np.c_[inner, np.zeros(len(inner))])
    parts = [paint(wood, casing, *bars), paint("glass", pane)]
    if rng.random() < 0.4:
        flap = box(w / 2, h, t * 0.4, (w * 0.75 + f, 0, t / 2))
        slats = [box(w * 0.4, 0.04, t * 0.7, (w * 0.75 + f, h * k, t / 2)) for k in (0.2, 0.5, 0.8)]
        parts += [paint(pick(rng, *BRIGHT), *mirror(flap, *slats))]
    if rng.random() < 0.5:
        parts += [paint(pick(rng, *STONES, wood), box(w * 1.3, f, t * 2.2, (0, -2 * f, t * 0.4)))]
    return parts


FAMILIES: dict[str, Family] = {
    "wall": wall,
    "fence": fence,
    "gate": gate,
    "door": door,
    "window": window,
}
