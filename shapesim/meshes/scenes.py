"""Scenes as trimesh has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import trimesh
from PIL.Image import Image as PilImage
from trimesh.visual import TextureVisuals
from trimesh.visual.color import DEFAULT_COLOR, to_rgba
from trimesh.visual.material import PBRMaterial

from shapesim.meshes.kits import Titles
from shapesim.meshes.parts import Loaded, Part, by_face_colour, place, place_normals, wound
from shapesim.types import Material

_METRES = {"millimeter": 1e-3, "micron": 1e-6, "centimeter": 1e-2, "meter": 1.0}
_METRES |= {"inch": 0.0254, "foot": 0.3048}
_NONE: Mapping[str, Sequence[str]] = {}


def from_trimesh(
    scene: trimesh.Scene, names: Sequence[str] = (), above: Mapping[str, Sequence[str]] = _NONE
) -> Loaded:
    """Every mesh of a scene, its node's transform applied.

    Args:
        scene: to take them from.
        names: of the nodes that are objects; others are parts of them.
        above: what some nodes are part of, the innermost first, where they do not hang on it.
    """
    parts: list[Part] = []
    parents = scene.graph.transforms.parents
    titles = Titles()
    title_of = {name: titles.new(name) for name in names}
    materials: dict[int, Material] = {}
    for node in scene.graph.nodes_geometry:
        transform, name = scene.graph[node]
        mesh = scene.geometry[name]
        if not isinstance(mesh, trimesh.Trimesh):  # lines or points
            continue
        plain = Material(str(mesh.metadata.get("name", name)))
        faces = wound(mesh.faces, np.asarray(transform))
        part = Part(place(mesh.vertices, np.asarray(transform)), faces, plain)
        line = [node]
        while (parent := parents.get(line[-1])) is not None:
            line.append(parent)
        moved = next((at for at, one in enumerate(line) if one in above), len(line))
        line[moved + 1 :] = above[line[moved]] if moved < len(line) else []
        part.within = tuple(title_of[one] for one in reversed(line) if one in title_of)
        if "vertex_normals" in mesh._cache:  # the file's own; trimesh would make up others
            part.normals = place_normals(mesh.vertex_normals, np.asarray(transform))
        visual: Any = mesh.visual
        if isinstance(visual, TextureVisuals):
            source: Any = visual.material
            if id(source) not in materials:
                materials[id(source)] = _material(source)
            part.material = materials[id(source)]
            part.uvs = visual.uv
            part.colours = visual.vertex_attributes.get("color")
            if part.material.texture is None and "color" in mesh.vertex_attributes:
                part.colours = to_rgba(mesh.vertex_attributes["color"])
            if part.colours is not None and not part.material.is_cut_out:
                part.colours = part.colours[:, :3]  # in the rest, games keep what is no alpha
        elif visual.kind == "vertex":
            part.colours = visual.vertex_colors
        elif visual.kind == "face":
            parts += by_face_colour(part, visual.face_colors)
            continue
        parts.append(part)
    return Loaded(parts, unit=_METRES.get(str(scene.units or "").rstrip("s")))


def _material(source: Any) -> Material:
    if isinstance(source, PBRMaterial):
        colour, texture = source.baseColorFactor, source.baseColorTexture
        cut_out = source.alphaMode not in (None, "OPAQUE")
    else:
        colour, texture, cut_out = source.diffuse, getattr(source, "image", None), True
        if colour is DEFAULT_COLOR:  # trimesh's own: the file gives none
            colour, texture = None, None if _is_made_up(texture) else texture
            if texture is None:
                return Material(str(source.name or ""))
    rgba = np.ones(4)
    if colour is not None:
        given = np.asarray(colour, dtype=np.float64).ravel()[:4]
        # trimesh gives 0 to 255 where it has converted the file's value and 0 to 1 elsewhere.
        rgba[: len(given)] = given / 255 if np.asarray(colour).dtype == np.uint8 else given
    if not cut_out:
        rgba[3] = 1
    red, green, blue, alpha = (float(c) for c in rgba)
    return Material(str(source.name or ""), (red, green, blue, alpha), texture, cut_out)


def _is_made_up(texture: Any) -> bool:
    """Whether trimesh made it for a mesh that has texture coordinates and no texture."""
    return isinstance(texture, PilImage) and texture.getcolors() == [(4, (100, 100, 100, 255))]
