"""Meshes to files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from shapesim.errors import ShapesimError
from shapesim.pictures.colours import to_linear
from shapesim.pictures.images import load_image
from shapesim.types import Material, Mesh, UpAxis
from shapesim.writing import replaced

SAVED_SUFFIXES = (".glb", ".obj", ".ply", ".stl")
"""Of formats that are written."""


def save_mesh(mesh: Mesh, path: Path, up: UpAxis | None = None) -> None:
    """Writes a mesh: GLB with its materials and textures, other formats the bare surface.

    Lengths stay as they are.

    Args:
        mesh: y up.
        path: of the file.
        up: the axis that is up in it, but GLB, where it is y; None for what readers of its format
            take for up, which is z of STL and PLY, and y of OBJ.

    Raises:
        ShapesimError: the name ends in no format that is written, or it cannot be written there.
    """
    import trimesh

    suffix = path.suffix.lower()
    if suffix not in SAVED_SUFFIXES:
        raise ShapesimError(f"{path}: name a {', '.join(SAVED_SUFFIXES)} file")
    surface: Any
    if suffix == ".glb":
        surface = trimesh.Scene(_coloured(mesh))
    else:
        vertices = mesh.vertices
        if (up or ("y" if suffix == ".obj" else "z")) == "z":
            vertices = np.stack([vertices[:, 0], -vertices[:, 2], vertices[:, 1]], axis=1)
        surface = trimesh.Trimesh(vertices, mesh.faces, process=False)
    with replaced(path) as temporary:
        surface.export(temporary, file_type=suffix[1:])


def _coloured(mesh: Mesh) -> list[Any]:
    """A trimesh for each material."""
    import trimesh
    from trimesh.visual import ColorVisuals, TextureVisuals

    parts = []
    for index, material in enumerate(mesh.materials):
        faces = mesh.faces[mesh.face_materials == index]
        if len(faces) == 0:
            continue
        rows, numbers = np.unique(faces, return_inverse=True)
        part = trimesh.Trimesh(mesh.vertices[rows], numbers.reshape(-1, 3), process=False)
        if mesh.normals is not None and np.isfinite(mesh.normals[rows]).all():
            part.vertex_normals = mesh.normals[rows]  # type: ignore[method-assign]
        if mesh.colours is not None and material.texture is None:
            # The format has them linear; the material's colour is theirs times this.
            shares = mesh.colours[rows] / 255
            shares[:, :3] = to_linear(shares[:, :3])
            colours = (shares * material.colour * 255).round().clip(0, 255).astype(np.uint8)
            part.visual = ColorVisuals(part, vertex_colors=colours)
        else:
            uvs = None if mesh.uvs is None else np.nan_to_num(mesh.uvs[rows])
            part.visual = TextureVisuals(uv=uvs, material=_pbr(material))  # type: ignore
        parts.append(part)
    return parts


def _pbr(material: Material) -> Any:
    from PIL import Image
    from trimesh.visual.material import PBRMaterial

    texture, cut_out = None, False
    if material.texture is not None:
        picture = load_image(material.texture)
        cut_out = material.is_cut_out and bool(picture[..., 3].min() < 255)
        texture = Image.fromarray(picture if cut_out else picture[..., :3].copy())
    return PBRMaterial(  # type: ignore[no-untyped-call]
        name=material.name or None,
        baseColorFactor=(np.array(material.colour) * 255).round().astype(np.uint8),
        baseColorTexture=texture,
        metallicFactor=0.0,
        roughnessFactor=1.0,
        alphaMode="MASK" if cut_out else "BLEND" if material.colour[3] < 1 else None,
        alphaCutoff=0.5 if cut_out else None,
        doubleSided=True,
    )
