"""Buildings and their pieces: metres, y up, front to +z."""

from __future__ import annotations

import numpy as np
from trimesh import Trimesh

from sample_meshes.families.parts import (
    STONES,
    WOODS,
    Family,
    Part,
    Rng,
    around,
    ball,
    box,
    disc,
    extrude,
    lathe,
    mirror,
    paint,
    pick,
    place,
    rod,
    sheet,
    sweep,
)


def house(rng: Rng) -> list[Part]:
    """Make a floorless house with a gabled, hipped or flat roof."""
    u, wall = rng.uniform, pick(rng, "plaster", "white", "brick", "lightwood", "stone", "sand")
    roof_colour = pick(rng, "red", "blue", "darkwood", "darkstone", "brick", "teal")
    floors, style = pick(rng, 1, 1, 2, 3), pick(rng, "gable", "gable", "hip", "flat")
    low = 3 + 0.7 * floors
    w, d, storey = u(low, 7.5), u(low, 6.5), u(2.3, 2.8)
    h, eave, pitch = floors * storey, u(0.15, 0.5), u(0.35, 1.0)
    plan = [(-w / 2, -d / 2), (w / 2, -d / 2), (w / 2, d / 2), (-w / 2, d / 2)]
    walls = [
        sheet([(ax, 0, az), (ax, h, az), (bx, h, bz), (bx, 0, bz)])
        for (ax, az), (bx, bz) in zip(plan, plan[1:] + plan[:1], strict=True)
    ]
    rise = pitch * min(w, d) / 2
    if style == "gable":
        half, t = w / 2 + eave, 0.15
        drop = rise / (w / 2) * eave
        chevron = [
            (-half, h - drop),
            (0, h + rise),
            (half, h - drop),
            (half, h - drop + t),
            (0, h + rise + t * 1.3),
            (-half, h - drop + t),
        ]
        walls += [
            sheet([(i * w / 2, h, i * d / 2), (0, h + rise, i * d / 2), (-i * w / 2, h, i * d / 2)])
            for i in (-1, 1)
        ]
        roof = [extrude(chevron, d + 2 * eave)]
    elif style == "hip":
        ridge = (u(0.05, 0.3), max(0.05, (d - w * 0.6) / d)) if d > w else (u(0.2, 0.5), 0.05)
        roof = [box(w + 2 * eave, rise, d + 2 * eave, (0, h, 0), taper=ridge)]
    else:
        rim = [((0, h, i * d / 2), (w + 0.2, 0.2)) for i in (-1, 1)]
        roof = [box(w, 0.1, d, (0, h, 0)), *(box(x, u(0.3, 0.5), z, at) for at, (x, z) in rim)]
        roof += mirror(box(0.2, 0.4, d, (w / 2, h, 0)))
    door_w, n = u(0.8, 1.1), int(rng.integers(1, 4))
    door_x = pick(rng, 0.0, -w * 0.25)
    glass, frames = [], []
    for floor in range(floors):
        y = floor * storey + storey * 0.38
        for x in (np.arange(n) + 0.5) * w / n - w / 2:
            if floor == 0 and abs(x - door_x) < door_w:
                continue
            frames += [box(0.9, 1.1, 0.08, (x, y - 0.08, i * d / 2)) for i in (-1, 1)]
            glass += [box(0.7, 0.9, 0.12, (x, y + 0.02, i * d / 2)) for i in (-1, 1)]
        frames += mirror(box(0.08, 1.1, 0.9, (w / 2, y - 0.08, 0)))
        glass += mirror(box(0.12, 0.9, 0.7, (w / 2, y + 0.02, 0)))
    parts = [paint(wall, *walls), paint(roof_colour, *roof), paint("glass", *glass)]
    parts += [paint("white", *frames)]
    parts += [paint("darkwood", box(door_w, 2.0, 0.14, (door_x, 0, d / 2)))]
    if rng.random() < 0.5 and style != "flat":
        x, size = w * u(0.15, 0.3), u(0.4, 0.6)
        parts += [paint("brick", box(size, rise + 0.8, size, (x, h, -d * 0.15)))]
    if rng.random() < 0.4:
        deep = u(1.0, 1.6)
        posts = mirror(box(0.15, 2.2, 0.15, (w * 0.4, 0, d / 2 + deep - 0.1)))
        cover = box(w * 0.9, 0.12, deep + 0.2, (0, 2.2, d / 2 + deep / 2))
        parts += [paint("lightwood", *posts, box(w * 0.9, 0.15, deep, (0, 0, d / 2 + deep / 2)))]
        parts += [paint(roof_colour, cover)]
    return parts


def tower(rng: Rng) -> list[Part]:
    """Make a round or square tower with battlements or a pointed roof, or a watchtower."""
    u, stone = rng.uniform, pick(rng, *STONES, "brick", "plaster")
    h, r, sides = u(4, 10), u(0.9, 1.8), pick(rng, 4, 6, 8, 12)
    if rng.random() < 0.25:
        posts = _posts(r, h * 0.6)
        deck = box(2.4 * r, 0.15, 2.4 * r, (0, h * 0.6, 0))
        rail = [box(2.4 * r, 0.6, 0.08, (0, h * 0.6, i * 1.15 * r)) for i in (-1, 1)]
        rail += mirror(box(0.08, 0.6, 2.4 * r, (1.15 * r, h * 0.6, 0)))
        poles = [
            rod((i * r, h * 0.6, k * r), (i * r, h * 0.6 + 2, k * r), 0.07, sides=4)
            for i in (-1, 1)
            for k in (-1, 1)
        ]
        roof = lathe([(1.5 * r, h * 0.6 + 1.9), (0, h * 0.6 + 1.9 + u(0.8, 1.6))], 4)
        return [
            paint("wood", *posts, deck, *poles),
            paint("lightwood", *rail),
            paint(pick(rng, "red", "darkwood", "blue"), roof),
        ]
    flare = u(1.1, 1.35)
    top = h + u(0.5, 1.0)
    body = lathe(
        [
            (r * u(1.0, 1.25), 0),
            (r, h * 0.2),
            (r * u(0.85, 1.0), h),
            (r * flare, h + 0.3),
            (r * flare, top),
        ],
        sides,
    )
    extra: list[Trimesh] = []
    parts = [paint("darkwood", box(0.8, 1.6, 0.3, (0, 0, r * 1.05), 0.05))]
    if rng.random() < 0.5:
        roof = lathe(
            [(r * flare * 1.15, top), (r * 0.5, top + r * u(0.9, 1.4)), (0, top + r * 2.4)], sides
        )
        parts += [paint(pick(rng, "red", "blue", "purple", "darkstone"), roof)]
    else:
        count = sides if sides > 4 else 8
        tooth = box(r * 0.4, 0.5, 0.3, (0, top, r * flare - 0.12))
        if sides == 4:
            reach = r * flare - 0.15
            extra += [
                box(0.45, 0.5, 0.45, (i * reach, top, k * reach))
                for i in (-1, 0, 1)
                for k in (-1, 0, 1)
                if i or k
            ]
        else:
            extra += around(tooth, count)
    windows = []
    for k in range(int(rng.integers(1, 4))):
        y = h * (0.35 + 0.2 * k)
        windows += around(box(0.25, 0.7, 0.2, (0, y, r * 0.98)), 4)
    return [paint(stone, body, *extra), paint("black", *windows), *parts]


def well(rng: Rng) -> list[Part]:
    """Make a well, open at the top, with a roof, a crank or only a rim."""
    u, sides = rng.uniform, pick(rng, 4, 6, 8, 12)
    r, h, t = u(0.6, 1.0), u(0.6, 0.95), u(0.12, 0.25)
    shaft = lathe(
        [
            (r - t, 0),
            (r, 0),
            (r, h),
            (r + 0.05, h),
            (r + 0.05, h + 0.1),
            (r - t, h + 0.1),
            (r - t, 0),
        ],
        sides,
        ends=False,
    )
    parts = [paint(pick(rng, *STONES, "brick"), shaft)]
    parts += [paint("blue", disc(r - t, h * 0.3, sides))]
    if rng.random() < 0.15:
        return parts
    top, wood = h + u(1.0, 1.5), pick(rng, *WOODS)
    frame = mirror(box(0.12, top, 0.12, (r - 0.06, 0, 0)))
    frame += [rod((-r - 0.2, top * 0.75, 0), (r + 0.2, top * 0.75, 0), 0.06, sides=6)]
    crank = [(r + 0.2, top * 0.75, 0), (r + 0.25, top * 0.6, 0), (r + 0.4, top * 0.6, 0)]
    frame += [sweep(crank, 0.025, 4)]
    drop = u(0.2, 0.7)
    bucket = lathe(
        [(0.1, 0), (0.14, 0.22), (0.12, 0.22), (0.09, 0.02)], 8, (0, top * 0.75 - drop - 0.22, 0)
    )
    parts += [paint("darkwood", bucket, rod((0, top * 0.75 - drop, 0), (0, top * 0.75, 0), 0.015))]
    style = pick(rng, "gable", "cone", "none")
    span, peak = (r + 0.3, u(0.4, 0.8))
    if style == "gable":
        chevron = [
            (-span, -0.1),
            (0, peak),
            (span, -0.1),
            (span, 0.0),
            (0, peak + 0.1),
            (-span, 0.0),
        ]
        parts += [
            paint(
                pick(rng, "red", "blue", "darkwood"),
                place(extrude(chevron, 2 * r + 0.5), (0, top, 0), (0, 90, 0)),
            )
        ]
        frame += mirror(
            extrude(
                [(-0.05, top - 0.1), (0.05, top - 0.1), (0.05, top + peak), (-0.05, top + peak)],
                0.1,
                (r - 0.06, 0, 0),
            )
        )
    elif style == "cone":
        parts += [
            paint(
                pick(rng, "red", "blue", "darkwood"),
                lathe([(span, top - 0.05), (0, top + peak)], sides),
            )
        ]
    else:
        frame += [box(2 * r + 0.2, 0.12, 0.14, (0, top, 0))]
    return [*parts, paint(wood, *frame)]


def windmill(rng: Rng) -> list[Part]:
    """Make a windmill: tapered tower, cap and sails, or a modern turbine."""
    u, n = rng.uniform, int(rng.integers(3, 7))
    h, r = u(5, 9), u(1.2, 2.0)
    if rng.random() < 0.25:
        blade = sheet([(0, 0, 0), (0.35, h * 0.1, 0.1), (0.08, h * 0.5, 0), (-0.08, h * 0.5, 0)])
        mast = [rod((0, 0, 0), (0, h, 0), 0.25, 0.14), box(0.5, 0.45, 1.1, (0, h - 0.2, 0), 0.1)]
        hub = ball(0.28, (0, h, 0.65), 1)
        blades = [place(blade, (0, h, 0.7), (0, 0, 120 * k)) for k in range(3)]
        return [paint("white", *mast, hub, *blades)]
    sides, reach, wide = pick(rng, 4, 6, 8, 12), h * u(0.45, 0.6), u(0.5, 0.9)
    body = lathe([(r, 0), (r * u(0.55, 0.75), h)], sides)
    slope = float(body.vertices[:, 0].max()) * 0.62
    if rng.random() < 0.3:
        cap = box(slope * 2.2, r, slope * 2.4, (0, h, 0), taper=(0.05, 1.0))
    else:
        cap = lathe(
            [(slope * 1.25, h), (slope * 0.9, h + r * 0.5), (0, h + r * u(0.8, 1.3))], sides
        )
    z = slope * 1.25 + 0.35
    axle = rod((0, h, 0), (0, h, z + 0.1), 0.12, sides=6)
    spars, cloth = [axle], []
    for k in range(n):
        turn = (0.0, 0.0, 360.0 * k / n + 20.0)
        spars += [place(box(0.1, reach, 0.1), (0, h, z), turn)]
        rungs = [box(wide, 0.05, 0.05, (wide * 0.4, reach * q, 0)) for q in (0.3, 0.55, 0.8, 0.98)]
        spars += [place(mesh, (0, h, z), turn) for mesh in rungs]
        plane = sheet(
            [
                (0, reach * 0.3, 0.03),
                (wide * 0.85, reach * 0.3, 0.03),
                (wide * 0.85, reach * 0.97, 0.03),
                (0, reach * 0.97, 0.03),
            ]
        )
        cloth += [place(plane, (0, h, z), turn)]
    parts = [paint(pick(rng, "plaster", "white", "brick", "stone", "wood"), body)]
    parts += [paint(pick(rng, "red", "blue", "darkwood"), cap), paint("darkwood", *spars)]
    parts += [paint("white", *cloth)] if rng.random() < 0.8 else []
    openings = [box(0.8, 1.7, 0.3, (0, 0, r * 0.97))]
    openings += [box(0.4, 0.5, 0.3, (0, h * k, r * (0.98 - 0.38 * k))) for k in (0.4, 0.65)]
    return [*parts, paint("black", *openings)]


def _posts(reach: float, height: float) -> list[Trimesh]:
    """Return four leaning posts with cross braces that carry a square deck."""
    feet = [(i * reach * 1.2, k * reach * 1.2) for i in (-1, 1) for k in (-1, 1)]
    posts = [rod((x, 0, z), (x / 1.2, height, z / 1.2), 0.12, sides=4) for x, z in feet]
    brace = rod(
        (-reach * 1.15, height * 0.2, reach * 1.15), (reach, height * 0.8, reach), 0.06, sides=4
    )
    return [*posts, *around(brace, 4)]


FAMILIES: dict[str, Family] = {
    "house": house,
    "tower": tower,
    "well": well,
    "windmill": windmill,
}
