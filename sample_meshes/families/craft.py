"""Aircraft, ships, spacecraft and robots: metres, y up, front to +z."""

from __future__ import annotations

import numpy as np
from trimesh import Trimesh

from sample_meshes.families.parts import (
    BRIGHT,
    METALS,
    Family,
    Part,
    Point,
    Rng,
    around,
    ball,
    box,
    extrude,
    lathe,
    loft,
    mirror,
    paint,
    pick,
    place,
    rod,
    side,
    sweep,
)


def plane(rng: Rng) -> list[Part]:
    """Make a propeller plane, a biplane, a jet airliner or a fighter."""
    u, colour, style = (
        rng.uniform,
        pick(rng, *BRIGHT),
        pick(rng, "prop", "biplane", "airliner", "fighter"),
    )
    long, span, r = u(5, 8), u(6, 9), u(0.4, 0.6)
    trim = pick(rng, *BRIGHT)
    sharp = style == "fighter"
    ks = np.array([-0.5, -0.3, 0.1, 0.35, 0.46, 0.5])
    sizes = r * np.array([0.25, 0.6, 1.0, 0.95, 0.6, 0.3])
    if sharp:
        sizes = r * np.array([0.7, 0.8, 0.9, 0.5, 0.15, 0.02])
    hull = sweep(np.c_[0 * ks, 0 * ks + np.maximum(0, -ks - 0.1) * 0.8 * r, ks * long], sizes, 8)
    sweep_back = {
        "prop": u(0, 0.3),
        "biplane": 0.0,
        "airliner": u(1.2, 2.0),
        "fighter": u(1.5, 2.4),
    }[style]
    if sharp:
        span *= 0.65
    chord, tip = long * u(0.16, 0.24) * (1.8 if sharp else 1), u(0.2, 0.8) * (0.5 if sharp else 1)
    rise = u(-0.1, 0.5) if style != "biplane" else 0.0
    low = pick(rng, -0.5, 0.0, 0.7) * r if style == "prop" else -0.4 * r
    main = _wing((0, low, long * 0.12), span / 2, chord, tip, sweep_back, rise)
    wings = mirror(main)
    struts: list[Trimesh] = []
    if style == "biplane":
        wings += [place(mesh, (0, r * 2.6, 0.2)) for mesh in wings]
        struts = mirror(
            *(
                rod((x, low, long * 0.08), (x, low + r * 2.6, long * 0.1), 0.04, sides=4)
                for x in (r * 0.8, span * 0.35)
            )
        )
    tail = mirror(
        _wing((0, r * 0.35, -long * 0.4), span * 0.18, chord * 0.6, 0.6, sweep_back * 0.3, 0.0)
    )
    fin = side(
        [
            (-long * 0.32, r * 0.4),
            (-long * 0.5, r * 0.4),
            (-long * 0.52, r * u(2.2, 3.0)),
            (-long * 0.45, r * 2.2),
        ],
        0.08,
    )
    canopy = ball((r * 0.6, r * 0.6, long * 0.1), (0, r * 0.75, long * (0.2 if sharp else 0.12)), 1)
    groups = [(colour, [hull]), (trim, [*wings, *tail, fin]), ("glass", [canopy])]
    if style in ("prop", "biplane"):
        nose = lathe([(r * 0.3, 0), (0, r * 0.5)], 8)
        blade = box(0.14, u(0.7, 1.0), 0.05)
        n = int(rng.integers(2, 5))
        prop = [place(blade, (0, 0, long / 2 + 0.05), (0, 0, 360 * k / n)) for k in range(n)]
        legs = mirror(
            rod((r * 0.4, -r * 0.6, long * 0.2), (r * 1.2, -r * 2, long * 0.22), 0.06, sides=4)
        )
        wheels = mirror(
            rod((r * 1.2, -r * 2, long * 0.22), (r * 1.2 + 0.16, -r * 2, long * 0.22), 0.28)
        )
        groups += [
            ("darkwood", prop),
            ("red", [place(nose, (0, 0, long / 2), (90, 0, 0))]),
            ("iron", [*legs, *struts]),
            ("black", wheels),
        ]
    elif style == "airliner":
        pods = [
            rod(
                (span * k, low - r * 0.5, long * 0.02),
                (span * k, low - r * 0.5, long * 0.16),
                r * 0.35,
            )
            for k in pick(rng, (0.16,), (0.14, 0.28))
        ]
        xs = np.linspace(-long * 0.25, long * 0.3, 8)
        ports = [box(2.02 * r, 0.14, 0.2, (0, r * 0.1, z)) for z in xs]
        groups[2] = ("glass", [*ports, box(r, 0.2, 0.4, (0, r * 0.35, long * 0.43))])
        groups += [("steel", mirror(*pods))]
    else:
        jets = [
            rod((x, 0, -long * 0.55), (x, 0, -long * 0.35), r * 0.5, sides=8)
            for x in pick(rng, (0.0,), (-r * 0.5, r * 0.5))
        ]
        missiles = mirror(
            rod((span * 0.25, low - 0.2, -0.6), (span * 0.25, low - 0.2, 0.9), 0.1, 0.02)
        )
        groups += [("iron", jets), ("white", missiles)]
    return [paint(c, *meshes) for c, meshes in groups]


def spaceship(rng: Rng) -> list[Part]:
    """Make a winged fighter, a flying saucer, a shuttle or a long cruiser."""
    u, colour, trim = rng.uniform, pick(rng, "white", "steel", *BRIGHT), pick(rng, *BRIGHT)
    style = pick(rng, "fighter", "fighter", "saucer", "cruiser")
    if style == "saucer":
        r, h = u(1.5, 3), u(0.3, 0.6)
        disc = lathe([(r * 0.3, 0), (r, h * 0.8), (r, h), (r * 0.4, h * 1.6)], pick(rng, 8, 12, 20))
        dome = ball((r * 0.38, r * u(0.25, 0.4), r * 0.38), (0, h * 1.55, 0), 2)
        lamps = around(ball(r * 0.06, (r * 0.8, h * 1.2, 0), 1), int(rng.integers(5, 11)))
        feet = around(rod((r * 0.4, h * 0.3, 0), (r * 0.7, -h, 0), 0.06, sides=6), 3)
        feet += around(lathe([(0.2, 0), (0.2, 0.06)], 8, (r * 0.7, -h - 0.05, 0)), 3)
        parts = [paint(colour, disc), paint("glass", dome), paint("glow", *lamps)]
        return [*parts, paint("iron", *feet)] if rng.random() < 0.6 else parts
    long = u(4, 6) if style == "fighter" else u(7, 10)
    w, h, sides = u(0.5, 0.9), u(0.35, 0.6), pick(rng, 4, 6, 8)
    ks = np.array([-0.5, -0.3, 0.0, 0.3, 0.5])
    widths = np.array([0.8, 1.0, u(0.7, 1.0), u(0.4, 0.6), 0.12])
    flat = np.array([(np.cos(a), np.sin(a)) for a in (np.arange(sides) + 0.5) * 2 * np.pi / sides])
    hull = [
        loft(
            [
                np.c_[flat[:, 0] * w * k, flat[:, 1] * h * k, np.full(sides, z * long)]
                for z, k in zip(ks, widths, strict=True)
            ]
        )
    ]
    engines, flames = [], []
    n = int(rng.integers(1, 4))
    for x in (np.arange(n) - (n - 1) / 2) * w * 0.9:
        engines += [rod((x, 0, -long * 0.55), (x, 0, -long * 0.3), h * 0.55, sides=8)]
        flames += [rod((x, 0, -long * 0.55), (x, 0, -long * 0.56), h * 0.4, sides=8)]
    reach, forward = long * u(0.25, 0.5), u(-0.8, 1.6)
    tilt, chord = u(-0.5, 0.5), long * u(0.2, 0.4)
    wing = _wing((w * 0.5, 0, -long * 0.1), reach, chord, u(0.2, 0.6), forward, tilt)
    wings = mirror(wing)
    guns = mirror(
        rod(
            (w * 0.5 + reach, tilt, -long * 0.15 - forward - chord * 0.3),
            (w * 0.5 + reach, tilt, long * 0.2 - forward),
            0.07,
        )
    )
    if style == "fighter" and rng.random() < 0.3:
        wings += [place(mesh, scale=(1, -1, 1)) for mesh in wings]
        for mesh in wings[2:]:
            mesh.invert()
    extras = (
        [
            side(
                [
                    (-long * 0.2, h * 0.6),
                    (-long * 0.5, h * 0.6),
                    (-long * 0.52, h * u(1.8, 3)),
                    (-long * 0.42, h * 2),
                ],
                0.08,
            )
        ]
        if rng.random() < 0.6
        else []
    )
    glass = [ball((w * 0.42, h * 0.6, long * 0.12), (0, h * 0.5, long * 0.15), 1)]
    if style == "cruiser":
        for k in range(int(rng.integers(2, 5))):
            hull += [
                box(
                    w * (1.6 - 0.2 * k),
                    h * 0.7,
                    long * 0.12,
                    (0, h * 0.3, long * (0.2 - 0.17 * k)),
                    0.05,
                )
            ]
        bridge = box(w, h, long * 0.08, (0, h * 0.9, -long * 0.28), 0.05)
        extras += [bridge, rod((0, h * 1.8, -long * 0.28), (0, h * 3, -long * 0.28), 0.04)]
        glass = [box(w * 1.02, h * 0.25, long * 0.082, (0, h * 1.4, -long * 0.28))]
    return [
        paint(colour, *hull),
        paint(trim, *wings, *extras),
        paint("glass", *glass),
        paint("iron", *engines, *guns),
        paint("glow", *flames),
    ]


def rocket(rng: Rng) -> list[Part]:
    """Make an upright rocket with fins, windows, side boosters or legs."""
    u, colour, trim = rng.uniform, pick(rng, "white", "steel", *BRIGHT), pick(rng, *BRIGHT)
    h, r, sides = u(3, 7), u(0.4, 0.8), pick(rng, 6, 8, 12, 16)
    base, n, slim = h * 0.12, int(rng.integers(3, 6)), rng.random() < 0.45
    if slim:
        body = [(r * 0.9, base), (r * 0.9, h * 0.7)]
        nose = [(r * 0.9, h * 0.7), (r * 0.6, h * 0.83), (0, h)]
    else:
        body = [(r * 0.6, base), (r, h * 0.35), (r * 0.95, h * 0.55), (r * 0.7, h * 0.75)]
        nose = [(r * 0.7, h * 0.75), (r * 0.4, h * 0.88), (0, h)]
    nozzle = lathe([(r * 0.7, 0.05), (r * 0.4, base)], sides)
    reach, top = r * u(1.6, 2.4), h * u(0.22, 0.4)
    fin = extrude(
        [(r * 0.5, base), (reach, 0), (reach * u(0.9, 1.05), base * 1.2), (r * 0.7, top)], 0.08
    )
    fins = around(fin, n)
    parts = [
        paint(colour, lathe(body, sides)),
        paint(trim, lathe(nose, sides), *fins),
        paint("iron", nozzle),
    ]
    ports = [
        place(lathe([(r * 0.3, 0), (r * 0.3, 0.12)], 10), (0, h * k, r * 0.82), (90, 0, 0))
        for k in pick(rng, (0.6,), (0.5, 0.65), (0.4,))
    ]
    parts += [paint("glass", *ports)]
    if slim and rng.random() < 0.5:
        count, s = int(rng.integers(2, 5)), r * 0.45
        pod = lathe(
            [(s * 0.8, base * 0.4), (s, base), (s, h * 0.4), (0, h * 0.5)], 8, (r * 0.9 + s, 0, 0)
        )
        parts[1] = paint(trim, lathe(nose, sides))
        parts += [paint("orange", *around(pod, count))]
    if rng.random() < 0.5:
        bands = [lathe([(r * 0.92, h * k), (r * 0.92, h * k + 0.12)], sides) for k in (0.25, 0.68)]
        parts += [paint("black", *bands)] if slim else []
    return parts


def robot(rng: Rng) -> list[Part]:
    """Make a robot on legs, wheels or tracks, with arms, eyes and antennas."""
    u, colour, trim = (
        rng.uniform,
        pick(rng, *BRIGHT, "steel"),
        pick(rng, "steel", "iron", "white", "gold"),
    )
    w, h, d, leg = u(0.4, 0.8), u(0.4, 0.8), u(0.3, 0.5), u(0.25, 0.6)
    bevel, stand = pick(rng, 0.0, 0.04, 0.1), pick(rng, "legs", "legs", "tracks", "ball", "wheels")
    dark: list[Trimesh] = []
    if stand == "legs":
        x, r = w * u(0.22, 0.3), u(0.05, 0.09)
        metal = mirror(rod((x, 0.1, 0), (x, leg, 0), r, sides=pick(rng, 4, 8)))
        dark += mirror(box(r * 2.6, 0.12, d * 0.9, (x, 0, 0.05), 0.02))
        metal += mirror(ball(r * 1.4, (x, leg * 0.55, 0), 1))
    elif stand == "ball":
        metal = [lathe([(0.08, leg * 0.6), (w * 0.4, leg)], 10)]
        dark += [ball(leg * 0.45, (0, leg * 0.45, 0), 2)]
    else:
        r = leg * 0.5
        metal = [box(w * 0.8, leg * 0.6, d * 0.6, (0, leg * 0.4, 0))]
        zs = (-d * 0.4, d * 0.4)
        dark += mirror(*(rod((w * 0.45, r, z), (w * 0.62, r, z), r) for z in zs))
        if stand == "tracks":
            dark += mirror(box(w * 0.17, 2 * r, d * 0.8, (w * 0.535, 0, 0)))
    body = [box(w, h, d, (0, leg, 0), bevel, (u(0.75, 1.25), 1.0))]
    if rng.random() < 0.25:
        body = [lathe([(w * 0.4, leg), (w * 0.5, leg + h * 0.3), (w * 0.42, leg + h)], 12)]
    top, head = leg + h, u(0.2, 0.4)
    neck = rod((0, top, 0), (0, top + 0.1, 0), 0.06)
    head_w, y = w * u(0.5, 0.9), top + 0.08
    skull = pick(
        rng,
        box(head_w, head, d * 0.8, (0, y, 0), bevel * 0.7),
        ball((head_w / 2, head / 2, d * 0.42), (0, y + head / 2, 0), 2),
        lathe([(head_w / 2, y), (head_w / 2, y + head * 0.6), (head_w * 0.3, y + head)], 12),
    )
    z = float(skull.bounds[1][2])
    if rng.random() < 0.3:
        eyes = [box(head_w * 0.7, head * 0.22, 0.08, (0, y + head * 0.5, z - 0.03))]
    elif rng.random() < 0.3:
        eyes = [ball((head * 0.22, head * 0.22, 0.08), (0, y + head * 0.55, z - 0.02), 1)]
    else:
        eyes = mirror(
            ball((head * 0.15, head * 0.15, 0.06), (head_w * 0.22, y + head * 0.55, z - 0.04), 1)
        )
    if rng.random() < 0.6:
        metal += pick(
            rng,
            mirror(
                rod((head_w * 0.3, y + head * 0.7, 0), (head_w * 0.5, y + head * 1.5, 0), 0.015)
            ),
            [
                rod((0, y + head * 0.8, 0), (0, y + head * 1.6, 0), 0.015),
                ball(0.04, (0, y + head * 1.6, 0), 1),
            ],
        )
    hand, lift = h * u(0.5, 0.8), u(0.0, 0.3)
    elbow: Point = (w * 0.5 + 0.16, top - hand * 0.55, 0.02)
    end: Point = (w * 0.5 + 0.17, top - hand * (1.1 - 2 * lift), 0.1 + hand * lift * 1.5)
    metal += mirror(sweep([(w * 0.45, top - 0.1, 0), elbow, end], u(0.04, 0.07), pick(rng, 4, 6)))
    shoulders = mirror(ball(0.11, (w * 0.5 + 0.06, top - 0.1, 0), 1))
    claw = box(0.03, 0.16, 0.05, (0.05, -0.14, 0), shift=0.03)
    dark += mirror(*(place(m, end) for m in (*mirror(claw), ball(0.08, detail=1))))
    panel = box(w * 0.45, h * 0.35, 0.04, (0, leg + h * 0.4, d / 2), 0.0)
    return [
        paint(colour, *body, skull, *shoulders),
        paint(trim, neck, *metal),
        paint("black", *dark),
        paint("glow", *eyes),
        paint(pick(rng, *METALS, "teal"), panel),
    ]


def _wing(root: Point, reach: float, chord: float, tip: float, back: float, rise: float) -> Trimesh:
    """Return the wing on the +x side, its tip swept back and raised, its chord scaled by tip."""
    (x, y, z), thick = root, chord * 0.08
    shape = np.array([(0, 0.5, 0), (0, 0.25, 1), (0, -0.5, 0), (0, 0.25, -1)])
    size: list[tuple[float, float, float, float]] = [
        (x, y, z, 1.0),
        (x + reach, y + rise, z - back, tip),
    ]
    return loft(
        [
            np.c_[np.full(4, a), b + shape[:, 2] * thick * k / 2, c + shape[:, 1] * chord * k]
            for a, b, c, k in size
        ]
    )


FAMILIES: dict[str, Family] = {
    "plane": plane,
    "spaceship": spaceship,
    "rocket": rocket,
    "robot": robot,
}
