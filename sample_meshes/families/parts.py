"""Shape helpers shared by all families: metres, y up, angles in degrees."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray
from trimesh import Trimesh

T = TypeVar("T")
Rng = np.random.Generator
Point = tuple[float, float, float]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ORIGIN: Point = (0.0, 0.0, 0.0)

PALETTE: dict[str, tuple[int, int, int]] = {
    "wood": (150, 100, 60),
    "darkwood": (96, 62, 40),
    "lightwood": (205, 160, 105),
    "leaf": (88, 160, 72),
    "darkleaf": (46, 110, 70),
    "autumn": (214, 122, 48),
    "stone": (150, 152, 156),
    "darkstone": (96, 98, 104),
    "sand": (214, 190, 140),
    "brick": (176, 88, 68),
    "plaster": (228, 216, 192),
    "white": (240, 240, 236),
    "black": (44, 44, 50),
    "steel": (176, 184, 194),
    "iron": (82, 86, 94),
    "gold": (236, 186, 64),
    "red": (204, 62, 58),
    "blue": (62, 112, 190),
    "green": (70, 150, 96),
    "yellow": (242, 204, 82),
    "orange": (232, 132, 54),
    "purple": (132, 88, 168),
    "pink": (232, 142, 168),
    "teal": (58, 158, 160),
    "glass": (160, 212, 228),
    "glow": (255, 232, 150),
}
WOODS = ("wood", "darkwood", "lightwood")
STONES = ("stone", "darkstone", "sand")
METALS = ("steel", "iron", "gold")
BRIGHT = ("red", "blue", "green", "yellow", "orange", "purple", "teal", "white")


@dataclass(frozen=True)
class Part:
    """One piece of an asset: its mesh and the name of its colour in PALETTE."""

    mesh: Trimesh
    colour: str


Family = Callable[[Rng], list[Part]]


def pick(rng: Rng, *options: T) -> T:
    """Return one of the options at random."""
    return options[int(rng.integers(len(options)))]


def paint(colour: str, *meshes: Trimesh) -> Part:
    """Join meshes into one part of one colour, corners kept apart between meshes."""
    if colour not in PALETTE:
        raise KeyError(colour)
    starts = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]])
    faces = [mesh.faces + start for mesh, start in zip(meshes, starts, strict=True)]
    return Part(_mesh(np.vstack([mesh.vertices for mesh in meshes]), np.vstack(faces)), colour)


def place(
    mesh: Trimesh, at: Point = ORIGIN, turn: Point = ORIGIN, scale: ArrayLike = 1.0
) -> Trimesh:
    """Return a copy that is scaled, turned about x, then y, then z, and moved."""
    (sx, sy, sz), (cx, cy, cz) = np.sin(np.radians(turn)), np.cos(np.radians(turn))
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    turned = (mesh.vertices * np.asarray(scale)) @ (about_z @ about_y @ about_x).T
    return _mesh(turned + np.asarray(at), mesh.faces)


def around(mesh: Trimesh, count: int, start: float = 0.0) -> list[Trimesh]:
    """Return copies spread evenly about the y axis."""
    return [place(mesh, turn=(0, start + 360 * k / count, 0)) for k in range(count)]


def mirror(*meshes: Trimesh) -> list[Trimesh]:
    """Return the meshes and their mirror images in the plane x = 0."""
    flipped = [_mesh(mesh.vertices * (-1, 1, 1), mesh.faces[:, ::-1]) for mesh in meshes]
    return [*meshes, *flipped]


def circle(sides: int, radius: float = 1.0) -> Floats:
    """Return the corners (sides, 2) of a regular polygon whose flats lie at the radius."""
    angle = (np.arange(sides) + 0.5) * 2 * np.pi / sides
    flat: Floats = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    flat *= radius / np.cos(np.pi / sides)
    return flat


def loft(rings: ArrayLike, ends: bool = True) -> Trimesh:
    """Skin equally long rings of points (m, n, 3); ends=False leaves an open tube."""
    grid = np.asarray(rings, dtype=np.float64)
    m, n, _ = grid.shape
    row, column = np.meshgrid(np.arange(m - 1), np.arange(n), indexing="ij")
    a, b = row * n + column, row * n + (column + 1) % n
    faces = [np.stack([a, b, b + n], -1).reshape(-1, 3)]
    faces += [np.stack([a, b + n, a + n], -1).reshape(-1, 3)]
    if ends:
        faces += [triangulate(grid[0])[:, ::-1], triangulate(grid[-1]) + (m - 1) * n]
    points, triangles = grid.reshape(-1, 3), np.vstack(faces)
    if bool((np.ptp(grid, axis=1).max(axis=1) < 1e-9).any()):
        points, triangles = _weld(points, triangles)
    x, y, z = np.moveaxis((points - points.mean(axis=0))[triangles], 1, 0)
    # The rings may run either way round: let the enclosed volume decide which side is out.
    inside_out = np.einsum("ij,ij->", x, np.cross(y, z)) < 0
    return _mesh(points, triangles[:, ::-1] if inside_out else triangles)


def sheet(outline: ArrayLike) -> Trimesh:
    """Fill one flat 3D outline (n, 3): a single-sided sheet."""
    points = np.asarray(outline, dtype=np.float64)
    return _mesh(points, triangulate(points))


def disc(radius: float, y: float, sides: int = 12) -> Trimesh:
    """Return a single-sided polygon at height y that faces up."""
    flat = circle(sides, radius)
    return sheet(np.c_[flat[:, 0], np.full(sides, y), -flat[:, 1]])


def extrude(outline: ArrayLike, depth: float, at: Point = ORIGIN, taper: float = 1.0) -> Trimesh:
    """Extrude an (x, y) outline along z, centred; the +z end is scaled by taper."""
    flat = np.asarray(outline, dtype=np.float64)
    rings = [np.c_[flat, np.full(len(flat), -depth / 2)]]
    rings += [np.c_[flat * taper, np.full(len(flat), depth / 2)]]
    return place(loft(rings), at)


def side(outline: ArrayLike, width: float, at: Point = ORIGIN) -> Trimesh:
    """Extrude a side view, drawn as (z, y) points, along x, centred."""
    return place(extrude(outline, width), at, (0, -90, 0))


def slab(outline: ArrayLike, height: float, at: Point = ORIGIN, taper: float = 1.0) -> Trimesh:
    """Extrude a plan view, drawn as (x, -z) points, upwards from y = 0."""
    x, y, z = at
    return place(extrude(outline, height, taper=taper), (x, y + height / 2, z), (-90, 0, 0))


def lathe(
    profile: Sequence[tuple[float, float]], sides: int = 12, at: Point = ORIGIN, ends: bool = True
) -> Trimesh:
    """Turn a profile of (radius, y) points about the y axis; ends=False leaves it open."""
    flat = circle(sides)
    rings = [np.c_[flat[:, 0] * r, np.full(sides, y), flat[:, 1] * r] for r, y in profile]
    return place(loft(rings, ends), at)


def sweep(path: ArrayLike, radii: ArrayLike, sides: int = 6, ends: bool = True) -> Trimesh:
    """Sweep a regular polygon along a path (n, 3), one radius per point or one for all."""
    points = np.asarray(path, dtype=np.float64)
    along = np.gradient(points, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    normal: Floats = np.eye(3)[int(np.argmin(np.abs(along[0])))]
    flat, rings = circle(sides), []
    for point, ahead, radius in zip(
        points, along, np.broadcast_to(radii, len(points)), strict=True
    ):
        normal = normal - ahead * np.dot(normal, ahead)
        normal = normal / np.linalg.norm(normal)
        across = np.cross(ahead, normal)
        rings.append(point + radius * (flat[:, :1] * normal + flat[:, 1:] * across))
    return loft(rings, ends)


def rod(
    a: Sequence[float] | Floats,
    b: Sequence[float] | Floats,
    radius: float,
    tip: float | None = None,
    sides: int = 8,
) -> Trimesh:
    """Return a straight rod from a to b, tapering to the tip radius."""
    return sweep(np.array([a, b]), [radius, radius if tip is None else tip], sides)


def box(
    width: float,
    height: float,
    depth: float,
    at: Point = ORIGIN,
    bevel: float = 0.0,
    taper: tuple[float, float] = (1.0, 1.0),
    shift: float = 0.0,
) -> Trimesh:
    """Return a box on its base centre; the top is scaled by taper (x, z), moved along +z."""
    corners = circle(4, 0.5)
    along = np.array([[0, 1], [1, 0], [1, 0], [0, 1]] * 2)  # which way each corner is cut
    bevel = min(bevel, 0.45 * min(width, height, depth))
    levels = [(0.0, 0.0), (height, 0.0)]
    if bevel > 0:
        levels = [(0.0, bevel), (bevel, 0.0), (height - bevel, 0.0), (height, bevel)]
    rings = []
    for y, inset in levels:
        up = y / height
        size = np.array([width, depth]) * (1 + (np.asarray(taper) - 1) * up) - 2 * inset
        flat = corners * size
        if bevel > 0:
            cut = np.minimum(bevel, 0.3 * np.abs(size))
            flat = np.repeat(flat, 2, axis=0) - np.repeat(np.sign(corners), 2, axis=0) * along * cut
        rings.append(np.c_[flat[:, 0], np.full(len(flat), y), flat[:, 1] + shift * up])
    return place(loft(rings), at)


def ball(
    radius: ArrayLike, at: Point = ORIGIN, detail: int = 1, rng: Rng | None = None, rough: float = 0
) -> Trimesh:
    """Return an icosphere, or with per-axis radii an ellipsoid, dented at random by rough."""
    points, faces = _icosphere(detail)
    if rng is not None and rough > 0:
        points = points * rng.uniform(1 - rough, 1 + rough, (len(points), 1))
    return _mesh(points * np.asarray(radius) + np.asarray(at), faces)


def ring(
    radius: float,
    tube: float,
    at: Point = ORIGIN,
    turn: Point = ORIGIN,
    sides: int = 16,
    section: int = 6,
) -> Trimesh:
    """Return a torus about the y axis, turned and then moved."""
    flat = np.vstack([circle(section, tube), circle(section, tube)[:1]])
    return place(lathe([(radius + x, y) for x, y in flat], sides, ends=False), at, turn)


def legs(
    width: float, depth: float, height: float, radius: float, splay: float = 0.0, sides: int = 4
) -> list[Trimesh]:
    """Return four legs below the corners of a width x depth plate, feet moved out by splay."""
    x, z = width / 2 - radius, depth / 2 - radius
    tops = [(i * x, height, k * z) for i in (-1, 1) for k in (-1, 1)]
    return [
        rod((a + np.sign(a) * splay, 0, c + np.sign(c) * splay), (a, b, c), radius, sides=sides)
        for a, b, c in tops
    ]


def triangulate(outline: ArrayLike) -> Ints:
    """Cut a flat simple outline (n, 3) into triangles (n - 2, 3) by clipping ears."""
    ring3 = np.asarray(outline, dtype=np.float64)
    centred = ring3 - ring3.mean(axis=0)
    normal = np.cross(centred, np.roll(centred, -1, axis=0)).sum(axis=0)
    drop = int(np.argmax(np.abs(normal)))
    if abs(normal[drop]) < 1e-12:
        return np.empty((0, 3), dtype=np.int64)
    axes = [(1, 2), (2, 0), (0, 1)][drop]
    flat = centred[:, axes if normal[drop] > 0 else axes[::-1]].tolist()

    def turns(a: int, b: int, c: int) -> float:
        (ax, ay), (bx, by), (cx, cy) = flat[a], flat[b], flat[c]
        return float((bx - ax) * (cy - ay) - (by - ay) * (cx - ax))

    todo = list(range(len(flat)))
    reflex = [b for b in todo if turns(todo[b - 1], b, (b + 1) % len(todo)) <= 0]
    triangles = []
    while len(todo) > 2:
        for k, b in enumerate(todo):
            a, c = todo[k - 1], todo[(k + 1) % len(todo)]
            if turns(a, b, c) > 0 and not any(
                turns(a, b, p) >= 0 and turns(b, c, p) >= 0 and turns(c, a, p) >= 0
                for p in reflex
                if p not in (a, b, c)
            ):
                break
        else:  # only slivers are left
            break
        triangles.append((a, b, c))
        todo.remove(b)
    return np.array(triangles, dtype=np.int64).reshape(-1, 3)


def to_scene(parts: Iterable[Part]) -> trimesh.Scene:
    """Stand the parts on y = 0, centred in x and z, one coloured geometry per part."""
    parts = list(parts)
    corners = np.vstack([part.mesh.bounds for part in parts])
    low, high = corners.min(axis=0), corners.max(axis=0)
    offset = np.array([(low[0] + high[0]) / 2, low[1], (low[2] + high[2]) / 2])
    scene = trimesh.Scene()
    for index, part in enumerate(parts):
        # Rounding to 10 micrometres hides the last-bit differences between platforms.
        mesh = _mesh(np.round(part.mesh.vertices - offset, 5) + 0.0, part.mesh.faces)
        mesh.visual = trimesh.visual.TextureVisuals(  # type: ignore[no-untyped-call]
            material=_material(part.colour)
        )
        name = f"{index:02d}-{part.colour}"
        scene.add_geometry(mesh, node_name=name, geom_name=name)
    return scene


def _material(colour: str) -> Any:
    return trimesh.visual.material.PBRMaterial(  # type: ignore[no-untyped-call]
        name=colour,
        baseColorFactor=[*PALETTE[colour], 255],
        metallicFactor=0.0,
        roughnessFactor=0.9,
        doubleSided=True,
    )


def _mesh(points: ArrayLike, faces: ArrayLike) -> Trimesh:
    return Trimesh(vertices=points, faces=faces, process=False)


def _weld(points: Floats, faces: Ints) -> tuple[Floats, Ints]:
    """Merge equal points and drop the triangles that this collapses."""
    _, first, where = np.unique(np.round(points, 9), axis=0, return_index=True, return_inverse=True)
    joined = where.reshape(-1)[faces]
    a, b, c = joined.T
    return points[first], joined[(a != b) & (b != c) & (c != a)]


@lru_cache(maxsize=4)
def _icosphere(detail: int) -> tuple[Floats, Ints]:
    mesh = trimesh.creation.icosphere(subdivisions=detail)
    return np.asarray(mesh.vertices), np.asarray(mesh.faces)
