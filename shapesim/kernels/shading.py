"""The shading of what rays struck. Light is float32, all is in C order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shapesim.kernels.compiling import compiled

Floats = NDArray[np.float32]
Wholes = NDArray[np.int64]


@compiled
def rays(pixels: Wholes, size: int, slope: float, axes: Floats) -> Floats:
    """(N, 3) directions through pixels, one unit deep each; axes are right, up and back."""
    out = np.empty((len(pixels), 3), np.float32)
    for n in range(len(pixels)):
        row, column = divmod(pixels[n], size)
        x = ((column + 0.5) / size * 2 - 1) * slope
        y = ((row + 0.5) / size * 2 - 1) * slope
        for k in range(3):
            out[n, k] = x * axes[0, k] - y * axes[1, k] - axes[2, k]
    return out


@compiled
def surface(
    faces: NDArray[np.int32], u: Floats, v: Floats, far: Floats,
    origins: Floats, directions: Floats, corners: Floats, flat: Floats,
) -> tuple[Floats, Floats, Floats]:  # fmt: skip
    """Weights of the corners, points and unit normals (N, 3) of what rays struck.

    The normals look to the viewer's side: meshes of games are seldom closed. The face decides
    which side that is: near an outline, a smooth normal may point away from the viewer and still
    be on his side.
    """
    weights = np.empty((len(faces), 3), np.float32)
    points = np.empty((len(faces), 3), np.float32)
    normals = np.empty((len(faces), 3), np.float32)
    for n in range(len(faces)):
        face = faces[n]
        weights[n, 0], weights[n, 1], weights[n, 2] = 1 - u[n] - v[n], u[n], v[n]
        square = away = against = np.float32(0)
        for k in range(3):
            points[n, k] = origins[n, k] + directions[n, k] * far[n]
            value = np.float32(0)
            for corner in range(3):
                value += corners[face, corner, k] * weights[n, corner]
            normals[n, k] = value
            square += value * value
            away += flat[face, k] * directions[n, k]
            against += flat[face, k] * value
        length = np.sqrt(square) + np.float32(1e-12)
        if (away > 0) != (against < 0):
            length = -length
        for k in range(3):
            normals[n, k] /= length
    return weights, points, normals


@compiled
def interpolate(corners: Floats, faces: NDArray[np.int32], weights: Floats) -> Floats:
    """(N, D) values at points of the surface, from those at the corners, (F, 3, D)."""
    out = np.zeros((len(faces), corners.shape[2]), np.float32)
    for n in range(len(faces)):
        for corner in range(3):
            for k in range(corners.shape[2]):
                out[n, k] += corners[faces[n], corner, k] * weights[n, corner]
    return out


@compiled
def tint(colours: Floats, rows: Wholes, uvs: Floats, picture: Floats) -> None:
    """Multiplies rows of (N, 4) colours by an (H, W, 4) picture, bilinear.

    The coordinates of a row count from the lower left and repeat.
    """
    height, width = picture.shape[:2]
    for row in rows:
        x = uvs[row, 0] % 1 * width - 0.5
        y = (1 - uvs[row, 1]) % 1 * height - 0.5
        left, top = np.floor(x), np.floor(y)
        fx, fy = np.float32(x - left), np.float32(y - top)
        c0, r0 = int(left) % width, int(top) % height
        c1, r1 = (c0 + 1) % width, (r0 + 1) % height
        for k in range(4):
            upper = picture[r0, c0, k] * (1 - fx) + picture[r0, c1, k] * fx
            lower = picture[r1, c0, k] * (1 - fx) + picture[r1, c1, k] * fx
            colours[row, k] *= upper * (1 - fy) + lower * fy


@compiled
def occlusion_rays(
    points: Floats, normals: Floats, quarters: Wholes, hemisphere: Floats, step: float
) -> tuple[Floats, Floats]:
    """Rays by which places of the surface ask what is around them.

    Args:
        points: (N, 3) the places.
        normals: (N, 3) unit normals of them.
        quarters: (N,) which quarter of the directions each takes, 0 to 3.
        hemisphere: (4 R, 3) directions around z.
        step: from the surface, at which rays start.

    Returns:
        (N R, 3) starts and directions, those of a place together. The bases are those of Tom Duff
        et al., "Building an Orthonormal Basis, Revisited", JCGT 6 (2017).
    """
    count = len(hemisphere) // 4
    starts = np.empty((len(points) * count, 3), np.float32)
    directions = np.empty((len(points) * count, 3), np.float32)
    for n in range(len(points)):
        x, y, z = normals[n]
        sign = np.copysign(np.float32(1), z)
        a = np.float32(-1 / (sign + z))
        b = x * y * a
        one = (np.float32(1 + sign * x * x * a), sign * b, -sign * x)
        other = (b, np.float32(sign + y * y * a), -y)
        for ray in range(count):
            way = hemisphere[quarters[n] + 4 * ray]
            for k in range(3):
                starts[n * count + ray, k] = points[n, k] + normals[n, k] * step
                directions[n * count + ray, k] = (
                    way[0] * one[k] + way[1] * other[k] + way[2] * normals[n, k]
                )
    return starts, directions


@compiled
def lay(
    picture: Floats, pixels: Wholes, colours: Floats, normals: Floats, openness: Floats,
    size: int, ambient: Floats, lamp: Floats,
) -> None:  # fmt: skip
    """Lays lit surfaces behind what a picture, (S * S, 4) multiplied by alpha, shows already.

    Hemisphere light that corners keep out, and a key light wrapped around the edge as from a large
    lamp.

    Args:
        picture: written to.
        pixels: (N,) of the surfaces.
        colours: (N, 4) of them.
        normals: (N, 3) of them.
        openness: (⌈S / 2⌉, ⌈S / 2⌉) share of the hemisphere light that arrives.
        size: S.
        ambient: (2, 3) colours from below and from above.
        lamp: (2, 3) direction to the key light, and its colour.
    """
    for n in range(len(pixels)):
        pixel = pixels[n]
        row, column = divmod(pixel, size)
        share = (1 - picture[pixel, 3]) * colours[n, 3]
        facing = np.float32(0)
        for k in range(3):
            facing += normals[n, k] * lamp[0, k]
        key = min(max((facing + np.float32(0.25)) / np.float32(1.25), np.float32(0)), np.float32(1))
        up = (normals[n, 1] + 1) / 2
        sky = openness[row // 2, column // 2]
        for k in range(3):
            light = (ambient[0, k] + up * (ambient[1, k] - ambient[0, k])) * sky + key * lamp[1, k]
            picture[pixel, k] += share * colours[n, k] * light
        picture[pixel, 3] += share


@compiled
def encode(light: Floats, levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(N, 4) linear light, multiplied by alpha, as 8 bit colours that are not, and alpha.

    Args:
        light: of the pixels.
        levels: (L,) sRGB levels of linear ones from 0 to 1.
    """
    out = np.zeros(light.shape, np.uint8)
    for n in range(len(light)):
        alpha = light[n, 3]
        if alpha > 0:
            for k in range(3):
                level = light[n, k] / alpha * (len(levels) - 1)
                # Nothing that is not a number may become an address.
                out[n, k] = levels[int(min(level, len(levels) - 1)) if level > 0 else 0]
            out[n, 3] = np.uint8(round(min(alpha, 1) * 255))
    return out


@compiled
def blend(pictures: NDArray[np.uint8], colour: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(N, 3) pixels of (N, 4) on a plain background."""
    out = np.empty((len(pictures), 3), np.uint8)
    for n in range(len(pictures)):
        alpha = np.uint32(pictures[n, 3])
        for k in range(3):
            mixed = pictures[n, k] * alpha + colour[k] * (np.uint32(255) - alpha)
            out[n, k] = np.uint8((mixed + np.uint32(127)) // np.uint32(255))
    return out
