"""Pictures of meshes by ray casting on the CPU: no display, no GL.

Embree finds what a ray hits, ``kernels.shading`` shades it. The light hangs at the camera's upper
left, so that every view shows its asset as a studio would, and corners lie in ambient occlusion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from shapesim.kernels import shading
from shapesim.pictures.colours import to_srgb
from shapesim.rendering.texturing import Textures
from shapesim.types import Material, Mesh

Rays = NDArray[np.float32]

_FIELD_OF_VIEW = np.radians(30)
_LEAST_GAP = 0.1  # between the camera and the asset, of how deep that is
_MARGIN = 1.06  # of the frame, around the asset
_LAYERS = 8  # see-through surfaces along a ray
_OPAQUE = 0.99
_CREASE = np.cos(np.radians(45))
_REACH = 0.35  # of the asset's size: how far a surface darkens another
_STEP = 2e-4  # by which a ray leaves the surface that it starts from
_AO_RAYS = 2  # of a pixel that asks, for each sample of a pixel
_RAYS_AT_ONCE = 2**19  # that look for occluders: bounds the memory
_BLUR = 4  # double pixels, a multiple of the directions' period of 2


@dataclass(frozen=True, slots=True)
class Light:
    """What lights the asset; colours are linear RGB.

    Attributes:
        direction: (3,) to the light, in the camera's frame: right, up, towards the viewer.
        key: colour of that light.
        sky: colour of the light from above.
        ground: colour of the light from below.
    """

    direction: tuple[float, float, float] = (-0.45, 0.75, 0.65)
    key: tuple[float, float, float] = (0.62, 0.61, 0.58)
    sky: tuple[float, float, float] = (0.5, 0.52, 0.55)
    ground: tuple[float, float, float] = (0.3, 0.28, 0.26)


def ring(views: int, elevation: float = 20.0) -> list[tuple[float, float]]:
    """Azimuths and elevations in degrees of cameras in a circle, the first at the front left.

    The front looks along z, as glTF has it; a look from half left shows most of most things.
    """
    return [((-35 + 360 * view / views) % 360, elevation) for view in range(views)]


def render(
    mesh: Mesh,
    cameras: list[tuple[float, float]],
    size: int = 224,
    samples: int = 1,
    light: Light | None = None,
    bare: Sequence[int] = (),
) -> NDArray[np.uint8]:
    """Pictures of a mesh, each of which it fills.

    Args:
        mesh: y up.
        cameras: azimuth (0: from +z, 90: from +x) and elevation of each view, in degrees.
        size: S, of a picture's side, in pixels.
        samples: rays along each side of a pixel; 2 and more smooth the edges.
        light: None for the studio's.
        bare: which of the views follow once more without the mesh's colours.

    Returns:
        (V, S, S, 4) uint8 sRGB with alpha, the colours not multiplied by it; V counts bare ones.
    """
    # Pictures for the eye, which are finer, show what too few rays leave uneven.
    scene, light = _Scene(mesh, _AO_RAYS * samples**2), light or Light()
    fine = size * samples
    pictures, plain = [], []
    for row, camera in enumerate(cameras):
        view = _Camera(scene.points, *camera)
        bared = np.zeros((fine * fine, 4), np.float32) if row in bare else None
        pictures.append(
            _downsample(scene.shade(view, fine, light, view.pixels(fine), bared), samples)
        )
        if bared is not None:
            plain.append(_downsample(bared, samples))
    return np.stack(pictures + plain) if pictures else np.zeros((0, size, size, 4), np.uint8)


def render_scene(
    mesh: Mesh,
    groups: NDArray[np.int64],
    framed: NDArray[np.float64],
    camera: tuple[float, float],
    size: int,
    light: Light,
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.float64]]:
    """A picture of things in their surroundings, and what is seen of each.

    Args:
        mesh: y up, of all of them.
        groups: (F,) the thing that each face belongs to, from 0; -1 for surroundings.
        framed: (N, 3) points that the picture just holds.
        camera: azimuth and elevation, in degrees.
        size: S.
        light: falls on all.

    Returns:
        (S, S, 4) uint8 sRGB with alpha; (S, S) the thing that is seen in each pixel, -1 for none;
        and (G,) shares of the pixels that each thing would fill alone, 0 to 1.
    """
    scene = _Scene(mesh, _AO_RAYS)
    view = _Camera(scene.scaled(framed), *camera, margin=1.0)
    picture = _downsample(scene.shade(view, size, light, np.arange(size * size)), 1)
    faces = scene.faces_seen(view, size)
    seen = np.where(faces >= 0, groups[faces], -1).reshape(size, size)
    count = int(groups.max()) + 1
    pixels = np.bincount(seen[seen >= 0], minlength=count)
    triangles = scene.scaled(mesh.triangles)
    alone = [
        (_trace(_embree(triangles[groups == one]), view, size) >= 0).sum() for one in range(count)
    ]
    return picture, seen, pixels / np.maximum(alone, 1)


def on_background(
    pictures: NDArray[np.uint8], colour: tuple[int, int, int] = (255, 255, 255)
) -> NDArray[np.uint8]:
    """(..., H, W, 4) pictures on a plain background: (..., H, W, 3)."""
    flat = np.ascontiguousarray(pictures.reshape(-1, 4))
    blended: NDArray[np.uint8] = shading.blend(flat, np.array(colour, np.uint8))
    return blended.reshape(*pictures.shape[:-1], 3)


class _Camera:
    """A perspective view that just holds all points.

    Along a given direction, the nearest position from which all points fall into the frame has a
    closed form: each side of the frame is a plane of known normal, which its farthest point holds.
    """

    def __init__(
        self,
        points: NDArray[np.float64],
        azimuth: float,
        elevation: float,
        margin: float = _MARGIN,
    ) -> None:
        yaw, pitch = np.radians([azimuth, elevation])
        back = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
        right = np.array([np.cos(yaw), 0.0, -np.sin(yaw)])
        self.axes = np.stack([right, np.cross(back, right), back])
        x, y, z = (points @ self.axes.T).T
        self.slope = np.tan(_FIELD_OF_VIEW / 2)
        t = self.slope / margin
        high_x, low_x = (x + t * z).max(), (-x + t * z).max()
        high_y, low_y = (y + t * z).max(), (-y + t * z).max()
        distance = max(high_x + low_x, high_y + low_y) / (2 * t)
        # A blade that points here is no wider than the lens, and would touch it.
        distance = max(distance, z.max() + _LEAST_GAP * np.ptp(z))
        centre = np.array([(high_x - low_x) / 2, (high_y - low_y) / 2, distance])
        self.position = centre @ self.axes
        # Where in the frame, from -1 to 1, the points lie: left, right, bottom and top.
        depth = (distance - z) * self.slope
        across, upright = (x - centre[0]) / depth, (y - centre[1]) / depth
        self._seen = across.min(), across.max(), upright.min(), upright.max()

    def pixels(self, size: int) -> NDArray[np.int64]:
        """Those of the S * S pixels, row by row from the top left, that may show a point."""
        left, right, bottom, top = ((np.array(self._seen) + 1) / 2 * size).tolist()
        columns = np.arange(max(int(left), 0), min(int(right) + 1, size))
        rows = np.arange(max(int(size - top), 0), min(int(size - bottom) + 1, size))
        return (rows[:, None] * size + columns).ravel()

    def rays(self, size: int, pixels: NDArray[np.int64]) -> Rays:
        """(N, 3) directions through pixels, one unit deep each."""
        made: Rays = shading.rays(pixels, size, self.slope, self.axes.astype(np.float32))
        return made


class _Scene:
    """A mesh scaled to the unit sphere's size, ready for rays."""

    def __init__(self, mesh: Mesh, occlusion_rays: int) -> None:
        corners = mesh.corners
        low, high = corners.min(axis=0), corners.max(axis=0)
        self._scale = 2 / np.linalg.norm(high - low)
        self._middle = (low + high) / 2
        self.points = self.scaled(corners)
        triangles = self.scaled(mesh.triangles)
        self._hemisphere = _hemisphere(4 * occlusion_rays)
        self._embree = _embree(triangles)
        self._flat, self._normals = _face_and_corner_normals(mesh, triangles)
        self._textures = Textures(mesh, triangles)

    def scaled(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(..., 3) points of the mesh's frame in that of the rays."""
        moved: NDArray[np.float64] = (points - self._middle) * self._scale
        return moved

    def faces_seen(self, camera: _Camera, size: int) -> NDArray[np.int64]:
        """(S * S,) the first face in each pixel, -1 for none."""
        return _trace(self._embree, camera, size)

    def shade(
        self,
        camera: _Camera,
        size: int,
        light: Light,
        pixels: NDArray[np.int64],
        bare: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """(S * S, 4) linear light with alpha, multiplied by it, in those pixels.

        Without the mesh's colours, what is seen first is laid into ``bare``, (S * S, 4).
        """
        picture = np.zeros((size * size, 4), np.float32)
        back, position = camera.axes[2].astype(np.float32), camera.position.astype(np.float32)
        rays = camera.rays(size, pixels)
        origins = np.tile(position, (len(pixels), 1))
        footprint = np.float32(2 * camera.slope / size)  # of a pixel at depth 1
        towards = np.array(light.direction) @ camera.axes
        lamp = np.array([towards / np.linalg.norm(towards), light.key], np.float32)
        ambient = np.array([light.ground, light.sky], np.float32)
        openness = np.ones(((size + 1) // 2, (size + 1) // 2), np.float32)
        for layer in range(_LAYERS):
            hits = self._embree.run(origins, rays, output=True)
            struck = np.flatnonzero(hits["primID"] >= 0)
            if not len(struck):
                break
            pixels, origins, rays = pixels[struck], origins[struck], rays[struck]
            faces, u, v, far = (hits[key][struck] for key in ("primID", "u", "v", "tfar"))
            weights, points, normals = shading.surface(
                faces, u, v, far, origins, rays, self._normals, self._flat
            )
            depths = (position - points) @ back
            colours = self._textures.sample(faces, weights, depths * footprint)
            if layer == 0:  # behind glass, occlusion may be missed
                openness = self._openness(points, normals, pixels, size)
                if bare is not None:
                    plain = np.tile(np.array(Material().colour, np.float32), (len(pixels), 1))
                    shading.lay(bare, pixels, plain, normals, openness, size, ambient, lamp)
            shading.lay(picture, pixels, colours, normals, openness, size, ambient, lamp)
            through = np.flatnonzero(picture[pixels, 3] < _OPAQUE)
            if not len(through):
                break
            pixels, rays = pixels[through], rays[through]
            origins = points[through] + rays * np.float32(_STEP)
        return picture

    def _openness(
        self, points: Rays, normals: Rays, pixels: NDArray[np.int64], size: int
    ) -> NDArray[np.float32]:
        """(⌈S / 2⌉, ⌈S / 2⌉) share of the half space above each place from which light comes in.

        It changes slowly, so that few rays of every fourth pixel do, in directions that alternate
        between neighbours, and a mean over all around.
        """
        rows, columns = np.divmod(pixels, size)
        asking = np.flatnonzero((rows % 2 == 0) & (columns % 2 == 0))
        rows, columns = rows[asking] // 2, columns[asking] // 2
        half, rays = (size + 1) // 2, len(self._hemisphere) // 4
        plane = np.zeros((2, half, half), np.float32)
        plane[1, rows, columns] = 1
        block = _RAYS_AT_ONCE // rays
        for start in range(0, len(asking), block):
            row, column = rows[start : start + block], columns[start : start + block]
            at = asking[start : start + block]
            quarters = row % 2 * 2 + column % 2
            starts, directions = shading.occlusion_rays(
                points[at], normals[at], quarters, self._hemisphere, 2 * _STEP
            )
            reach = np.full(len(starts), _REACH, np.float32)
            occluders = self._embree.run(starts, directions, reach, query="OCCLUDED")
            plane[0, row, column] = (occluders < 0).reshape(-1, rays).mean(axis=1)
        smooth, count = uniform_filter(plane, (0, _BLUR, _BLUR))
        # Where a surface is narrower than the gaps between the rays, it is seen as open.
        return np.divide(smooth, count, where=count > 1e-6, out=np.ones_like(count))


def _embree(triangles: NDArray[np.float64]) -> Any:
    """(F, 3, 3) triangles, ready for rays."""
    from embreex.mesh_construction import TriangleMesh
    from embreex.rtcore_scene import EmbreeScene

    scene = EmbreeScene()
    TriangleMesh(scene, triangles.astype(np.float32))
    return scene


def _trace(scene: Any, camera: _Camera, size: int) -> NDArray[np.int64]:
    """(S * S,) the first triangle that is seen in each pixel, -1 for none."""
    pixels = np.arange(size * size)
    origins = np.tile(camera.position.astype(np.float32), (len(pixels), 1))
    hits: NDArray[np.int64] = scene.run(origins, camera.rays(size, pixels)).astype(np.int64)
    return hits


@cache
def _hemisphere(count: int) -> Rays:
    """(count, 3) directions around z, cosine-weighted, from Hammersley points.

    Matt Pharr, Wenzel Jakob and Greg Humphreys, "Physically Based Rendering", 3rd ed. (2016),
    sections 7.4 and 13.6.
    """
    bits = (count - 1).bit_length()
    mirrored = [int(f"{number:0{bits}b}"[::-1], 2) / 2**bits for number in range(count)]
    angle, square = 2 * np.pi * np.array(mirrored), (np.arange(count) + 0.5) / count
    radius = np.sqrt(square)
    return np.stack(
        [radius * np.cos(angle), radius * np.sin(angle), np.sqrt(1 - square)], axis=1
    ).astype(np.float32)


def _face_and_corner_normals(mesh: Mesh, triangles: NDArray[np.float64]) -> tuple[Rays, Rays]:
    """(F, 3) normals of faces and (F, 3, 3) at their corners.

    Those at the corners are the file's, or else smooth where faces meet at flat angles.
    """
    crosses = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    flat = crosses / (np.linalg.norm(crosses, axis=1, keepdims=True) + 1e-30)
    if mesh.normals is not None:
        normals = mesh.normals[mesh.faces]
        given = np.isfinite(normals).all(axis=2, keepdims=True)
        if given.all():
            return flat.astype(np.float32), normals.astype(np.float32)
    else:
        normals, given = np.zeros_like(triangles), np.zeros((len(triangles), 3, 1), bool)
    sums = np.zeros_like(mesh.vertices)
    for corner in range(3):
        np.add.at(sums, mesh.faces[:, corner], crosses)
    sums /= np.linalg.norm(sums, axis=1, keepdims=True) + 1e-30
    smooth = sums[mesh.faces]
    level = np.einsum("fcd,fd->fc", smooth, flat)[..., None] > _CREASE
    made = np.where(level, smooth, flat[:, None])
    corners = np.where(given, np.nan_to_num(normals), made)
    return flat.astype(np.float32), corners.astype(np.float32)


_SRGB = (to_srgb(np.arange(4096) / 4095) * 255).round().astype(np.uint8)


def _downsample(light: NDArray[np.float32], samples: int) -> NDArray[np.uint8]:
    """(S n * S n, 4) light, multiplied by alpha, to (S, S, 4) uint8 sRGB."""
    size = round(len(light) ** 0.5) // samples
    if samples > 1:
        light = light.reshape(size, samples, size, samples, 4).mean(axis=(1, 3)).reshape(-1, 4)
    return np.asarray(shading.encode(light, _SRGB)).reshape(size, size, 4)
