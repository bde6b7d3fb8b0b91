"""Small plants and animals: metres, y up."""

from __future__ import annotations

import numpy as np
from trimesh import Trimesh

from sample_meshes.families.parts import (
    Family,
    Part,
    Rng,
    ball,
    circle,
    extrude,
    lathe,
    loft,
    mirror,
    paint,
    pick,
    place,
    rod,
    sheet,
    sweep,
)


def mushroom(rng: Rng) -> list[Part]:
    """Make one to four mushrooms with domed, conical, flat or funnel caps."""
    u, stems, caps, dots = rng.uniform, list[Trimesh](), list[Trimesh](), list[Trimesh]()
    style, spotted = pick(rng, "dome", "dome", "cone", "flat", "funnel"), rng.random() < 0.4
    for k in range(pick(rng, 1, 1, 2, 3, 4)):
        h, r = u(0.15, 0.4) * 0.75**k, u(0.12, 0.26) * 0.75**k
        profile = {
            "dome": [
                (r * 0.3, h),
                (r, h - 0.02),
                (r * 0.9, h + r * 0.4),
                (r * 0.5, h + r * 0.75),
                (0, h + r * 0.85),
            ],
            "cone": [(r * 0.3, h), (r * 0.8, h - 0.03), (r * 0.25, h + r), (0, h + r * 1.25)],
            "flat": [(r * 0.3, h), (r * 1.2, h + 0.02), (r * 1.1, h + 0.06), (0, h + 0.09)],
            "funnel": [(r * 0.2, h - r * 0.3), (r * 1.1, h + r * 0.4), (r, h + r * 0.45), (0, h)],
        }[style]
        spot, turn = ((0.0, 0.0, 0.0) if k == 0 else (u(-0.3, 0.3), 0.0, u(-0.3, 0.3))), u(-12, 12)
        stem = lathe([(r * u(0.3, 0.5), 0), (r * 0.25, h * 0.6), (r * 0.25, h + 0.01)], 8)
        cap = lathe([(float(a), float(b)) for a, b in profile], int(rng.integers(7, 13)))
        stems, caps = (
            [*stems, place(stem, spot, (turn, 0, 0))],
            [*caps, place(cap, spot, (turn, 0, 0))],
        )
        if spotted and style == "dome":
            for a in u(0, 360, 6):
                dot = ball((r * 0.14, r * 0.07, r * 0.14), (r * 0.68, h + r * 0.6, 0), 0)
                dots += [place(place(dot, turn=(0, a, 0)), spot, (turn, 0, 0))]
    parts = [paint("plaster", *stems), paint(pick(rng, "red", "orange", "wood", "purple"), *caps)]
    return [*parts, paint("white", *dots)] if dots else parts


def flower(rng: Rng) -> list[Part]:
    """Make one or a few daisies, tulips or sunflowers, sometimes in a pot."""
    u, style = rng.uniform, pick(rng, "daisy", "tulip", "sunflower", "bell")
    colour = pick(rng, "red", "yellow", "pink", "purple", "white", "orange")
    greens, petals, hearts = list[Trimesh](), list[Trimesh](), list[Trimesh]()
    r, n, count = u(0.06, 0.12), int(rng.integers(5, 11)), pick(rng, 1, 1, 2, 3)
    for k in range(count):
        h, lean = r * 2.5 + u(0.1, 0.5), u(-0.08, 0.08)
        path = [(0, 0, 0), (lean * 0.3, h * 0.5, 0), (lean, h, 0)]
        made = [sweep(path, 0.012, 4)]
        for side in range(int(rng.integers(0, 4))):
            out, y = h * u(0.25, 0.45), h * u(0.05, 0.4)
            blade = sheet(
                [
                    (0, y, 0),
                    (out * 0.5, y + 0.1, 0.04),
                    (out, y + 0.12, 0),
                    (out * 0.5, y + 0.1, -0.04),
                ]
            )
            made += [place(blade, turn=(0, side * 130, 0))]
        if style in ("daisy", "sunflower"):
            long, wide = r * u(1.2, 1.8), 2.2 * r / n + 0.02
            petal = extrude(
                [
                    (-wide * 0.4, r * 0.3),
                    (wide * 0.4, r * 0.3),
                    (wide, long * 0.7),
                    (0, long),
                    (-wide, long * 0.7),
                ],
                0.012,
            )
            face = [place(petal, turn=(0, 0, 360 * i / n)) for i in range(n)]
            heart = ball((r * 0.5, r * 0.5, r * 0.25), detail=1)
            tilt = u(-85, -40) if style == "daisy" else u(-30, 0)
            head = [place(mesh, (lean, h, 0.02), (tilt, 0, 0)) for mesh in [*face, heart]]
        else:
            flip = 1 if style == "tulip" else -1
            cup = [
                (0.2 * r, 0),
                (r * 0.9, flip * r * 0.6),
                (r * 0.7, flip * r * 1.4),
                (r * u(0.75, 1.1), flip * r * 1.8),
            ]
            head = [lathe(cup, max(5, n // 2 * 2), (lean, h, 0), ends=False)]
            head += [rod((lean, h, 0), (lean, h + flip * r, 0), r * 0.2, sides=5)]
        angle, spread = 360 * k / count, 0.12 if count > 1 else 0.0
        at = (spread * np.cos(np.radians(angle)), 0.0, spread * np.sin(np.radians(angle)))
        greens += [place(mesh, at, (0, u(-40, 40), 0)) for mesh in made[1:]] + [place(made[0], at)]
        placed = [place(mesh, at) for mesh in head]
        petals, hearts = petals + placed[:-1], hearts + placed[-1:]
    heart_colour = "darkwood" if style == "sunflower" else pick(rng, "yellow", "orange")
    parts = [paint("leaf", *greens), paint(colour, *petals), paint(heart_colour, *hearts)]
    if rng.random() < 0.25:
        parts += [paint("brick", lathe([(0.12, -0.22), (0.2, 0.03), (0.16, 0.03), (0.16, 0)], 10))]
    return parts


def pumpkin(rng: Rng) -> list[Part]:
    """Make a ribbed pumpkin, plain or with a carved face."""
    u, r, ribs = rng.uniform, rng.uniform(0.2, 0.4), int(rng.integers(6, 12))
    body = ribbed(r, r * u(0.6, 1.1), ribs, u(0.8, 0.92))
    h = float(body.bounds[1][1]) * 0.95
    path = [(0, h * 0.9, 0), (0, h + r * 0.25, 0), (r * u(-0.3, 0.3), h + r * 0.45, 0)]
    stalk = sweep(path, [r * 0.16, r * 0.1, r * 0.09], 5)
    parts = [paint(pick(rng, "orange", "orange", "white", "autumn"), body), paint("green", stalk)]
    if rng.random() < 0.45:
        eye = [(-0.09, 0), (0.09, 0), (0, 0.16)]
        z = r * 0.88
        holes = [
            extrude(np.array(eye) * r * 2, 0.15 * r, (i * r * 0.35, h * 0.56, z * 0.96))
            for i in (-1, 1)
        ]
        xs = np.linspace(-0.5, 0.5, 7) * r
        low = [(x, (k % 2) * r * 0.1 + x**2 / r * 0.6) for k, x in enumerate(xs)]
        mouth = low + [(x, y + r * 0.16) for x, y in low[::-1]]
        parts += [paint("glow", *holes, extrude(mouth, 0.2 * r, (0, h * 0.26, z * 0.95)))]
    if rng.random() < 0.3:
        leaf = [(0, 0, 0), (r * 0.3, 0.05, r * 0.25), (r * 0.7, 0, 0), (r * 0.3, 0.05, -r * 0.25)]
        parts += [paint("leaf", place(sheet(leaf), (0, h, 0), (0, u(0, 360), 0)))]
    return parts


def fish(rng: Rng) -> list[Part]:
    """Make a fish swimming along +z, slim or round, with fins and a forked tail."""
    u, colour = rng.uniform, pick(rng, "orange", "blue", "teal", "steel", "yellow", "pink")
    long, tall, wide = u(0.3, 0.8), u(0.25, 0.7), u(0.35, 0.7)
    ts = np.array([0.0, 0.12, 0.35, 0.65, 0.88, 1.0])
    shape = np.array([0.02, 0.55, 1.0, u(0.6, 0.85), 0.25, 0.2]) * long * tall / 2
    flat = circle(int(rng.choice([6, 8, 10])))
    rings = [
        np.c_[flat[:, 0] * r * wide, flat[:, 1] * r, np.full(len(flat), long * (0.5 - t))]
        for t, r in zip(ts, shape, strict=True)
    ]
    z, h, thin = -long / 2, long * tall / 2, 0.012
    fork, tail = u(0.0, 0.12), u(0.14, 0.26)
    fins = [
        _fin(
            [
                (z + 0.02, 0),
                (z - tail * long, h * 1.1),
                (z - (tail - fork) * long, 0),
                (z - tail * long, -h * 1.1),
            ],
            thin,
        )
    ]
    back = u(0.3, 0.7)
    fins += [
        _fin(
            [
                (long * 0.15, h * 0.8),
                (-long * 0.05, h * (1 + back)),
                (-long * 0.25, h * (0.9 + back * 0.5)),
                (-long * 0.28, h * 0.4),
            ],
            thin,
        )
    ]
    if rng.random() < 0.6:
        fins += [
            _fin([(-long * 0.1, -h * 0.7), (-long * 0.25, -h * 1.3), (-long * 0.3, -h * 0.4)], thin)
        ]
    pectoral = _fin([(long * 0.15, 0), (0, -0.02), (-long * 0.08, h * 0.5), (0.02, h * 0.3)], thin)
    fins += mirror(place(pectoral, (h * wide * 0.8, -h * 0.3, 0), (0, 0, -60)))
    eye = ball(0.12 * h + 0.005, (h * wide * 0.62, h * 0.2, long * 0.33), 1)
    return [
        paint(colour, loft(rings)),
        paint(pick(rng, colour, "red", "white"), *fins),
        paint("black", *mirror(eye)),
    ]


def _fin(outline: list[tuple[float, float]], thin: float) -> Trimesh:
    return place(extrude(outline, thin), turn=(0, -90, 0))


def ribbed(radius: float, half: float, ribs: int, valley: float) -> Trimesh:
    """Turn a flattened ball whose radius dips to valley between the ribs, standing on y = 0."""
    sides = ribs * 2
    rings = []
    for t in np.linspace(0.08, 0.92, 7) * np.pi:
        r = radius * np.sin(t) * np.where(np.arange(sides) % 2, valley, 1.0)
        flat = circle(sides) * r[:, None]
        rings.append(np.c_[flat[:, 0], np.full(sides, half * (1 - np.cos(t))), flat[:, 1]])
    return loft(rings)


FAMILIES: dict[str, Family] = {
    "mushroom": mushroom,
    "flower": flower,
    "pumpkin": pumpkin,
    "fish": fish,
}
