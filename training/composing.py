"""Scenes composed of assets, with what is seen of each: for training, and to measure by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shapesim.meshes.parts import join, place, place_normals
from shapesim.pictures.colours import to_linear
from shapesim.rendering.augmentation import as_jpeg, background, lamp
from shapesim.rendering.views import render_scene
from shapesim.types import Material, Mesh, Raster

_SIZES = (0.5, 1.4)  # of the assets, the longest side of each
_REPEAT = 1.0  # length of floor that one texture covers
_LIFT = 0.004  # above the floor: flat things are seen


@dataclass(frozen=True, slots=True)
class Composed:
    """A picture of several assets on a floor.

    Attributes:
        picture: (S, S, 3).
        boxes: (N, 4) x, y, width and height in pixels of what is seen of each; 0 where nothing is.
        visible: (N,) share of the pixels that each would fill if it stood there alone.
    """

    picture: Raster
    boxes: NDArray[np.int64]
    visible: NDArray[np.float64]


def compose(meshes: Sequence[Mesh], rng: np.random.Generator, size: int = 512) -> Composed:
    """Puts assets beside each other on a floor, most often in a room, and takes a picture.

    Each is turned about its upright axis and brought to about the same size. They stand so near
    each other that some hide behind others, and some are cut by the picture's sides.

    Args:
        meshes: N of them, y up.
        rng: decides.
        size: S.
    """
    azimuth, elevation = float(rng.uniform(0, 360)), float(rng.uniform(8, 42))
    placed = _placed(meshes, rng)
    points = np.concatenate([mesh.corners for mesh in placed])
    surroundings = _surroundings(points, azimuth, rng)
    groups = np.repeat(
        [*range(len(placed)), -1], [len(mesh.faces) for mesh in (*placed, surroundings)]
    )
    middle = points.mean(axis=0)
    framed = middle + (points - middle) * rng.uniform(0.8, 1.25)
    picture, seen, visible = render_scene(
        join([*placed, surroundings]), groups, framed, (azimuth, elevation), size, lamp(rng)
    )
    behind = Image.fromarray(background(size, rng))
    behind.paste(Image.fromarray(picture), mask=Image.fromarray(picture[..., 3]))
    boxes = np.array([_box(seen == number) for number in range(len(placed))])
    return Composed(as_jpeg(behind, int(rng.integers(50, 96))), boxes, visible)


def _placed(meshes: Sequence[Mesh], rng: np.random.Generator) -> list[Mesh]:
    """The assets on the ground y = 0, by turns as near the middle as there is room."""
    room = float(rng.uniform(0.7, 1.1))  # 1: circles around them touch
    places: list[tuple[float, float, float]] = []  # x, z and radius
    placed = []
    for mesh in meshes:
        scale = float(rng.uniform(*_SIZES)) / float(mesh.extents.max())
        angle = float(rng.uniform(0, 2 * np.pi))
        low, high = mesh.corners.min(axis=0), mesh.corners.max(axis=0)
        radius = scale * float(np.hypot(*(high - low)[[0, 2]])) / 2
        reach = 0.0
        while True:
            x, z = rng.normal(size=2) * reach
            if all(np.hypot(x - a, z - b) > room * (radius + r) for a, b, r in places):
                break
            reach += 0.02
        places.append((float(x), float(z), radius))
        middle = (low + high) / 2
        sine, cosine = np.sin(angle), np.cos(angle)
        matrix = np.eye(4)
        matrix[:3, :3] = scale * np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
        matrix[:3, 3] = [x, _LIFT, z] - matrix[:3, :3] @ [middle[0], low[1], middle[2]]
        normals = None if mesh.normals is None else place_normals(mesh.normals, matrix)
        placed.append(replace(mesh, vertices=place(mesh.vertices, matrix), normals=normals))
    return placed


def _surroundings(points: NDArray[np.float64], azimuth: float, rng: np.random.Generator) -> Mesh:
    """A floor, and most often two walls that meet behind the assets."""
    reach = float(np.hypot(points[:, 0], points[:, 2]).max())
    near, far = reach + float(rng.uniform(0.1, 1.5)), 3 * reach + 2
    height = float(rng.uniform(1.2, 4)) if rng.random() < 0.7 else 0.0
    back = near if height else far
    quads: list[list[tuple[float, float, float]]] = [
        [(-back, 0, far), (far, 0, far), (far, 0, -back), (-back, 0, -back)]
    ]
    if height:
        quads.append([(-back, 0, -back), (far, 0, -back), (far, height, -back),
                      (-back, height, -back)])  # fmt: skip
        quads.append([(-back, 0, far), (-back, 0, -back), (-back, height, -back),
                      (-back, height, far)])  # fmt: skip
    angle = np.radians(azimuth + rng.uniform(-65, 5))
    sine, cosine = np.sin(angle), np.cos(angle)
    turn = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    corners = np.array(quads)
    sides = np.linalg.norm(corners[:, 1:] - corners[:, :1], axis=2)[:, [0, 2]]
    unit = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
    uvs = unit[None] * sides[:, None] / _REPEAT * rng.uniform(0.5, 2)
    starts = 4 * np.arange(len(quads))[:, None, None]
    faces = np.array([(0, 1, 2), (0, 2, 3)]) + starts
    count = len(quads)
    both_walls = [0, 1, 1] if rng.random() < 0.7 else [0, 1, 2]
    return Mesh(
        vertices=corners.reshape(-1, 3) @ turn.T,
        faces=faces.reshape(-1, 3),
        materials=tuple(_covering(rng) for _ in range(3)),
        face_materials=np.repeat(both_walls[:count], 2),
        uvs=uvs.reshape(-1, 2),
    )


def _covering(rng: np.random.Generator) -> Material:
    """Plain, checked, planks, bricks or patches, mostly dull."""
    colours = rng.integers(40, 250, (2, 3)).astype(float)
    colours = colours.mean(axis=1, keepdims=True) * 0.75 + colours * 0.25
    colours[1] = colours[0] + (colours[1] - colours[0]) * rng.uniform(0.1, 0.8)
    y, x = np.mgrid[:64, :64] // 8
    kind = rng.choice(["plain", "checks", "planks", "bricks", "patches"])
    if kind == "plain":
        red, green, blue = (float(c) for c in to_linear(colours[0] / 255))
        return Material("plain", (red, green, blue, 1.0))
    if kind == "patches":
        texture = Image.fromarray(background(128, rng))
    else:
        which = {
            "checks": (x + y) % 2,
            "planks": rng.random(8)[y],
            "bricks": rng.random((8, 4))[y, (x + y % 2) // 2 % 4],
        }[str(kind)]
        grain = rng.normal(0, rng.uniform(0, 8), (64, 64, 1))
        shades = colours[0] + (colours[1] - colours[0]) * which[..., None] + grain
        texture = Image.fromarray(shades.clip(0, 255).astype(np.uint8))
    return Material(str(kind), (1.0, 1.0, 1.0, 1.0), texture)


def _box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return 0, 0, 0, 0
    x, y = int(columns[0]), int(rows[0])
    return x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y
