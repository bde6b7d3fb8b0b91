"""Street furniture, graves, pipes, ladders, torches and wheels: metres, y up, front to +z."""

from __future__ import annotations

import numpy as np

from sample_meshes.families.parts import (
    BRIGHT,
    WOODS,
    Family,
    Part,
    Rng,
    around,
    ball,
    box,
    circle,
    extrude,
    lathe,
    mirror,
    paint,
    pick,
    place,
    ring,
    rod,
    sweep,
)


def sign(rng: Rng) -> list[Part]:
    """Make a board on posts, a signpost with arrows, a road sign or a hanging sign."""
    u, wood, style = rng.uniform, pick(rng, *WOODS), pick(rng, "board", "arrows", "road", "hang")
    h, w, t = u(1.2, 2.2), u(0.7, 1.3), u(0.03, 0.06)
    if style == "board":
        tall = u(0.3, 0.6)
        posts = [rod((0, 0, -t), (0, h, -t), 0.05, sides=4)]
        if rng.random() < 0.5:
            posts = mirror(rod((w * 0.4, 0, -t), (w * 0.4, h, -t), 0.045, sides=4))
        n = int(rng.integers(1, 4))
        planks = [
            box(w * u(0.9, 1.0), tall / n * 0.92, t, (0, h - tall + k * tall / n - 0.05, 0.02))
            for k in range(n)
        ]
        return [paint(wood, *planks), paint("darkwood", *posts)]
    if style == "arrows":
        blades = []
        for k in range(int(rng.integers(1, 4))):
            y, flip, long = h - 0.15 - 0.3 * k, pick(rng, -1, 1), w * u(0.6, 0.9)
            outline = [
                (-0.15, -0.1),
                (long - 0.12, -0.1),
                (long, 0),
                (long - 0.12, 0.1),
                (-0.15, 0.1),
            ]
            if rng.random() < 0.4:
                outline[-1:] = [(-0.15, 0.1), (-0.08, 0)]
            blade = extrude(outline, t, (0, y, 0.06))
            blades += [place(blade, turn=(0, 90 - 90 * flip + u(-35, 35), 0))]
        return [
            paint(wood, *blades),
            paint("darkwood", lathe([(0.06, 0), (0.05, h), (0, h + 0.1)], 6)),
        ]
    if style == "road":
        sides, r = pick(rng, 3, 4, 8, 16), u(0.3, 0.5)
        flat = circle(sides) / np.abs(circle(sides)).max()
        if sides in (3, 4):
            spin = np.radians(30 if sides == 3 else pick(rng, 0, 45))
            flat = flat @ np.array([[np.cos(spin), np.sin(spin)], [-np.sin(spin), np.cos(spin)]])
        plates = [
            extrude(flat * r, 0.02, (0, h, 0.03)),
            extrude(flat * r * 0.78, 0.02, (0, h, 0.04)),
        ]
        colour = pick(rng, "red", "blue", "yellow")
        return [
            paint("steel", rod((0, 0, 0), (0, h + r * 0.5, 0), 0.03)),
            paint(colour, plates[0]),
            paint("white", plates[1]),
        ]
    arm, tall = w * 0.9, u(0.35, 0.55)
    post = [
        rod((0, 0, 0), (0, h, 0), 0.06, sides=4),
        rod((0, h - 0.1, 0), (arm, h - 0.1, 0), 0.04, sides=4),
    ]
    post += [rod((0, h - 0.5, 0), (arm * 0.5, h - 0.1, 0), 0.03, sides=4)]
    chains = [
        rod((arm * k, h - 0.25, 0), (arm * k, h - 0.1, 0), 0.012, sides=4) for k in (0.35, 0.85)
    ]
    flat = pick(rng, circle(4), circle(10), circle(6))
    board = extrude(flat * (arm * 0.33, tall / 2), t, (arm * 0.6, h - 0.22 - tall / 2, 0))
    return [paint(wood, *post), paint("iron", *chains), paint(pick(rng, *BRIGHT), board)]


def tombstone(rng: Rng) -> list[Part]:
    """Make a rounded, pointed or square gravestone, a cross or a slab, mostly on a plinth."""
    u, stone = rng.uniform, pick(rng, "stone", "darkstone", "stone", "white")
    style = pick(rng, "round", "round", "point", "square", "cross", "celtic")
    w, h, t = u(0.4, 0.7), u(0.5, 1.1), u(0.1, 0.2)
    a = np.linspace(0, np.pi, 9)
    if style in ("cross", "celtic"):
        arm, y = w * 0.16, h * u(0.62, 0.72)
        meshes = [box(2 * arm, h, t, taper=(0.85, 1)), box(w, 2 * arm, t * 0.95, (0, y - arm, 0))]
        if style == "celtic":
            meshes += [
                place(
                    lathe(
                        [
                            (w * 0.3, -t / 3),
                            (w * 0.4, -t / 3),
                            (w * 0.4, t / 3),
                            (w * 0.3, t / 3),
                            (w * 0.3, -t / 3),
                        ],
                        12,
                        ends=False,
                    ),
                    (0, y, 0),
                    (90, 0, 0),
                )
            ]
    else:
        top = {
            "round": np.c_[np.cos(a) * w / 2, h - w / 2 + np.sin(a) * w / 2],
            "point": np.array([(w / 2, h * 0.8), (0, h), (-w / 2, h * 0.8)]),
            "square": np.array([(w / 2, h), (-w / 2, h)]),
        }[style]
        meshes = [extrude([(-w / 2, 0), (w / 2, 0), *top.tolist()], t)]
    meshes = [place(mesh, turn=(u(-6, 3), 0, 0)) for mesh in meshes]
    parts = [paint(stone, *meshes)]
    if rng.random() < 0.7:
        deep = t * u(2, 2.6)
        parts += [paint("darkstone", box(w * u(1.15, 1.4), u(0.06, 0.18), deep, bevel=u(0, 0.03)))]
    if style in ("round", "square", "point") and rng.random() < 0.5:
        mark = [box(w * 0.5, 0.03, 0.02, (0, h * k, t / 2 + 0.005)) for k in (0.35, 0.45, 0.55)]
        if rng.random() < 0.5:
            mark = [
                box(0.05, h * 0.4, 0.03, (0, h * 0.35, t / 2)),
                box(w * 0.4, 0.05, 0.03, (0, h * 0.6, t / 2)),
            ]
        parts += [paint("black", *mark)]
    if rng.random() < 0.25:
        parts += [paint("wood", box(w * 1.2, 0.08, 1.2, (0, 0, 0.7), 0.03, (0.8, 0.9)))]
    return parts


def pipe(rng: Rng) -> list[Part]:
    """Make a pipe piece: straight, elbow, tee, cross, U-bend or valve, with flanges."""
    u, metal = rng.uniform, pick(rng, "steel", "iron", "green", "orange", "autumn")
    style = pick(rng, "straight", "elbow", "tee", "cross", "bend", "valve")
    r, long, sides = u(0.08, 0.22), u(0.6, 1.6), pick(rng, 6, 8, 12)
    reach, flange = max(long / 2, 2.2 * r), r * u(1.2, 1.45)

    def stub(direction: tuple[float, float]) -> list[tuple[float, float, float]]:
        return [(0, 0, 0), (direction[0] * reach, direction[1] * reach, 0)]

    runs = {
        "straight": [(-1, 0), (1, 0)],
        "valve": [(-1, 0), (1, 0)],
        "elbow": [],
        "tee": [(-1, 0), (1, 0), (0, 1)],
        "cross": [(-1, 0), (1, 0), (0, 1), (0, -1)],
        "bend": [],
    }
    mouths = [(stub(d)[1], d) for d in runs[style]]
    tubes = [sweep(stub(d), r, sides, ends=False) for d in runs[style]]
    if style in ("elbow", "bend"):
        a = np.linspace(0, np.pi / (2 if style == "elbow" else 1), 7)
        b = max(1.6 * r, reach * u(0.4, 0.9))
        curve = np.c_[b * np.cos(a), b * np.sin(a), 0 * a]
        ahead = (-np.sin(a[-1]), np.cos(a[-1]))
        end = curve[-1] + reach * 0.5 * np.array([*ahead, 0])
        start = curve[0] - (0, reach * 0.5, 0)
        tubes += [sweep(np.vstack([start, curve, end]), r, sides, ends=False)]
        mouths = [(tuple(start), (0, -1)), (tuple(end), ahead)]
    collars = []
    for (x, y, _), (dx, dy) in mouths:
        a3 = np.array([x, y, 0.0])
        collars += [rod(a3 - 0.05 * np.array([dx, dy, 0.0]), a3, flange, sides=sides)]
    holes = [
        rod((x, y, 0), (x + 0.004 * dx, y + 0.004 * dy, 0), r * 0.85, sides=sides)
        for (x, y, _), (dx, dy) in mouths
    ]
    parts = [
        paint(metal, *tubes),
        paint(pick(rng, "iron", metal), *collars),
        paint("black", *holes),
    ]
    if style == "valve":
        stem = rod((0, 0, 0), (0, r * 2.2, 0), r * 0.2)
        spokes = around(rod((0, r * 2.2, 0), (r * 1.1, r * 2.2, 0), r * 0.1, sides=4), 4)
        parts += [paint("red", stem, ring(r * 1.1, r * 0.15, (0, r * 2.2, 0), sides=12), *spokes)]
    if style in ("straight", "elbow") and rng.random() < 0.4:
        parts = [Part(place(part.mesh, turn=(0, 0, 90)), part.colour) for part in parts]
    return parts


def ladder(rng: Rng) -> list[Part]:
    """Make a straight, tapering or folding ladder."""
    u, style = rng.uniform, pick(rng, "straight", "taper", "fold", "poles")
    w, h, t, n = u(0.35, 0.6), u(1.5, 4.0), u(0.02, 0.04), int(rng.integers(4, 11))
    narrow = u(0.5, 0.8) if style in ("taper", "fold") else 1.0
    sides = pick(rng, 4, 6)
    lean = u(0.15, 0.3) * h if style == "fold" else u(0.0, 0.15) * h
    rails = mirror(rod((w / 2, 0, 0), (w / 2 * narrow, h, -lean), t, sides=sides))
    rungs = []
    for k in (np.arange(n) + 0.6) / n:
        x, y, z = w / 2 * (1 + (narrow - 1) * k), h * k, -lean * k
        if style == "fold":
            rungs += [box(2 * x, 0.03, 0.1, (0, y, z))]
        else:
            over = u(0.0, 0.06) if style == "poles" else 0.04 * (sides == 6)
            rungs += [rod((-x - over, y, z), (x + over, y, z), t * 0.7, sides=sides)]
    if style == "fold":
        rails += mirror(rod((w / 2, 0, -2 * lean), (w / 2 * narrow, h, -lean), t, sides=sides))
        rungs += [box(w * narrow, 0.04, 0.25, (0, h, -lean))]
        rungs += [rod((-w / 2, h * 0.3, -1.7 * lean), (w / 2, h * 0.3, -1.7 * lean), t, sides=4)]
    wood = pick(rng, *WOODS, "steel", "yellow")
    return [paint(wood, *rails), paint(pick(rng, wood, "wood", "lightwood"), *rungs)]


def torch(rng: Rng) -> list[Part]:
    """Make a hand torch, a wall torch with a bracket or a standing brazier, mostly burning."""
    u, style, h = rng.uniform, pick(rng, "hand", "hand", "wall", "stand"), rng.uniform(0.4, 0.7)
    r, sides = u(0.02, 0.035), pick(rng, 5, 6, 8)
    head, lit = r * u(1.8, 2.8), rng.random() < 0.8
    if style == "stand":
        h *= 2
        stick = around(rod((h * 0.22, 0, 0), (0, h * 0.7, 0), r, sides=4), 3)
        stick += [rod((0, h * 0.6, 0), (0, h, 0), r, sides=6)]
        head *= 2
    else:
        stick = [lathe([(r * 0.7, 0), (r, h)], sides)]
    bowl = lathe(
        [
            (r, h - head),
            (head, h),
            (head, h + head * 0.8),
            (head * 0.8, h + head * 0.8),
            (head * 0.6, h),
        ],
        sides,
    )
    flame_h, flame_r, y = head * u(2.2, 3.6), head * u(0.75, 1.0), h + head * 0.6
    flame = lathe(
        [
            (flame_r * 0.6, y),
            (flame_r, y + flame_h * 0.25),
            (flame_r * 0.4, y + flame_h * 0.65),
            (0, y + flame_h),
        ],
        sides,
    )
    core = lathe(
        [(flame_r * 0.5, y), (flame_r * 0.6, y + flame_h * 0.4), (0, y + flame_h * 0.7)],
        sides,
        (0, 0, flame_r * 0.45),
    )
    groups = [(pick(rng, *WOODS, "iron"), stick), (pick(rng, "iron", "darkwood", "gold"), [bowl])]
    groups += (
        [("orange", [flame]), ("yellow", [core])]
        if lit
        else [("black", [ball(head * 0.7, (0, h + head * 0.7, 0), 1, rng, 0.15)])]
    )
    if style == "wall":
        groups = [(c, [place(m, turn=(u(18, 18.1), 0, 0)) for m in meshes]) for c, meshes in groups]
        plate = [box(0.14, 0.3, 0.03, (0, h * 0.2, -0.1)), ring(r * 1.5, 0.01, (0, h * 0.5, 0.12))]
        plate += [rod((0, h * 0.35, -0.1), (0, h * 0.5, 0.12), 0.015, sides=4)]
        groups += [("iron", plate)]
    return [paint(c, *meshes) for c, meshes in groups]


def wheel(rng: Rng) -> list[Part]:
    """Make a wagon wheel, a car wheel, a ship's steering wheel or a gear, axle along z."""
    u, style = rng.uniform, pick(rng, "wagon", "wagon", "car", "helm", "gear")
    r, t, n = u(0.3, 0.6), u(0.05, 0.12), int(rng.integers(4, 13))
    upright = (90.0, 0.0, 0.0)
    if style == "car":
        wide = r * u(0.45, 0.8)
        tyre = lathe(
            [
                (r * 0.6, -wide / 2),
                (r * 0.92, -wide / 2),
                (r, -wide * 0.3),
                (r, wide * 0.3),
                (r * 0.92, wide / 2),
                (r * 0.6, wide / 2),
                (r * 0.6, -wide / 2),
            ],
            16,
            ends=False,
        )
        rim = lathe([(r * 0.6, -wide * 0.4), (r * 0.6, wide * 0.25), (r * 0.2, wide * 0.35)], 16)
        bolts = around(
            rod((r * 0.4, wide * 0.25, 0), (r * 0.4, wide * 0.42, 0), r * 0.06, sides=6),
            int(rng.integers(4, 7)),
        )
        return [
            paint("black", place(tyre, turn=upright)),
            paint(pick(rng, "steel", "white", "gold"), place(rim, turn=upright)),
            paint("iron", *(place(m, turn=upright) for m in bolts)),
        ]
    if style == "gear":
        k = np.arange(4 * n) * 2 * np.pi / (4 * n)
        size = r * np.where(np.arange(4 * n) % 4 < 2, 1.0, 0.8)
        body = extrude(np.c_[np.cos(k) * size, np.sin(k) * size], t)
        hub = place(lathe([(r * 0.3, -t), (r * 0.3, t)], 12), turn=upright)
        return [paint(pick(rng, "steel", "iron", "gold", "wood"), body), paint("iron", hub)]
    rim_t = r * u(0.1, 0.18)
    wide = t * 0.5 if style == "helm" else t
    rim = lathe(
        [
            (r - rim_t, -wide / 2),
            (r, -wide / 2),
            (r, wide / 2),
            (r - rim_t, wide / 2),
            (r - rim_t, -wide / 2),
        ],
        pick(rng, 12, 16, 20),
        ends=False,
    )
    hub = lathe([(r * 0.16, -t * 0.8), (r * 0.2, 0), (r * 0.16, t * 0.8)], 10)
    reach = r * 1.3 if style == "helm" else r - rim_t / 2
    spokes = around(rod((0, 0, 0), (reach, 0, 0), r * 0.05, sides=pick(rng, 4, 6)), n)
    if style == "helm":
        spokes += around(rod((reach * 0.82, 0, 0), (reach, 0, 0), r * 0.055, r * 0.07, 6), n)
    groups = [
        (pick(rng, *WOODS), [rim]),
        (pick(rng, *WOODS), spokes),
        (pick(rng, "iron", "gold"), [hub]),
    ]
    if style == "wagon" and rng.random() < 0.5:
        groups += [
            (
                "iron",
                [
                    lathe(
                        [
                            (r, -wide * 0.4),
                            (r * 1.03, -wide * 0.4),
                            (r * 1.03, wide * 0.4),
                            (r, wide * 0.4),
                            (r, -wide * 0.4),
                        ],
                        16,
                        ends=False,
                    )
                ],
            )
        ]
    return [paint(c, *(place(m, turn=upright) for m in meshes)) for c, meshes in groups]


FAMILIES: dict[str, Family] = {
    "sign": sign,
    "tombstone": tombstone,
    "pipe": pipe,
    "ladder": ladder,
    "torch": torch,
    "wheel": wheel,
}
