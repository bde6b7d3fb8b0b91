"""Writes one asset, as built by `families.make`, in each of the sample formats.

Scenes are in metres with y up. STL, PLY and 3MF files are turned to z up, as is usual for them.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import collada
import numpy as np
import trimesh
from numpy.typing import NDArray
from trimesh import Trimesh
from trimesh.exchange.gltf import export_glb, export_gltf
from trimesh.exchange.obj import export_obj

from sample_meshes.families import PALETTE

# Fixed dates keep the files the same from run to run.
_DATE = datetime(2026, 9, 1)
_UPRIGHT = np.array([[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]], dtype=np.float64)


def write_asset(scene: trimesh.Scene, path: Path) -> None:
    """Write the scene in the format named by the suffix, with any side files beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    WRITERS[path.suffix](scene, path)


def write_glb(scene: trimesh.Scene, path: Path) -> None:
    """Write binary glTF."""
    path.write_bytes(export_glb(scene))  # type: ignore[no-untyped-call]


def write_gltf(scene: trimesh.Scene, path: Path) -> None:
    """Write glTF with one .bin file of the same name."""
    files = export_gltf(scene, merge_buffers=True)  # type: ignore[no-untyped-call]
    document = json.loads(files["model.gltf"])
    (buffer,) = document["buffers"]
    path.with_suffix(".bin").write_bytes(files[buffer["uri"]])
    buffer["uri"] = path.with_suffix(".bin").name
    _write_text(path, json.dumps(document, indent=1))


def write_obj(scene: trimesh.Scene, path: Path) -> None:
    """Write Wavefront OBJ with one .mtl file of the same name."""
    mtl = path.with_suffix(".mtl")
    text, files = export_obj(  # type: ignore[no-untyped-call]
        scene, return_texture=True, mtl_name=mtl.name, digits=5
    )
    _write_text(path, text)
    _write_text(mtl, files[mtl.name].decode())


def write_stl(scene: trimesh.Scene, path: Path) -> None:
    """Write binary STL, z up, without colours."""
    _joined(scene, _UPRIGHT).export(path, file_type="stl")


def write_ply(scene: trimesh.Scene, path: Path) -> None:
    """Write binary PLY, z up, with one colour per vertex."""
    _joined(scene, _UPRIGHT).export(path, file_type="ply", vertex_normal=False)


def write_off(scene: trimesh.Scene, path: Path) -> None:
    """Write OFF, y up, without colours."""
    joined = _joined(scene, np.eye(4))
    mesh = Trimesh(vertices=joined.vertices, faces=joined.faces, process=False)
    _write_text(path, str(mesh.export(file_type="off", digits=5)))


def write_dae(scene: trimesh.Scene, path: Path) -> None:
    """Write COLLADA 1.4 in metres, y up, one node and one material per part."""
    document = collada.Collada()
    document.assetInfo.created = document.assetInfo.modified = _DATE
    document.assetInfo.upaxis = collada.asset.UP_AXIS.Y_UP
    document.assetInfo.unitname, document.assetInfo.unitmeter = "meter", 1.0
    nodes = []
    for name, mesh, colour in _parts(scene):
        diffuse = (*(np.array(PALETTE[colour]) / 255).round(4).tolist(), 1.0)
        effect = collada.material.Effect(f"{name}-effect", [], "lambert", diffuse=diffuse)
        material = collada.material.Material(f"{name}-material", colour, effect)
        source = collada.source.FloatSource(
            f"{name}-points", mesh.vertices.round(5).flatten(), ("X", "Y", "Z")
        )
        geometry = collada.geometry.Geometry(document, f"{name}-mesh", name, [source])
        inputs = collada.source.InputList()
        inputs.addInput(0, "VERTEX", f"#{name}-points")
        faces = np.asarray(mesh.faces, dtype=np.int32).flatten()
        geometry.primitives.append(geometry.createTriangleSet(faces, inputs, colour))
        document.effects.append(effect)
        document.materials.append(material)
        document.geometries.append(geometry)
        bound = collada.scene.MaterialNode(colour, material, inputs=[])
        shape = collada.scene.GeometryNode(geometry, [bound])
        nodes.append(collada.scene.Node(f"{name}-node", children=[shape]))
    document.scene = collada.scene.Scene("scene", nodes)
    document.scenes.append(document.scene)
    document.write(str(path))


def write_3mf(scene: trimesh.Scene, path: Path) -> None:
    """Write 3MF in millimetres, z up, with one base material per part."""
    bases, objects, items = [], [], []
    for index, (name, mesh, colour) in enumerate(_parts(scene)):
        points = trimesh.transform_points(mesh.vertices, _UPRIGHT) * 1000
        red, green, blue = PALETTE[colour]
        bases.append(f'<base name="{colour}" displaycolor="#{red:02X}{green:02X}{blue:02X}"/>')
        corners = "".join(f'<vertex x="{x:.2f}" y="{y:.2f}" z="{z:.2f}"/>' for x, y, z in points)
        faces = "".join(f'<triangle v1="{a}" v2="{b}" v3="{c}"/>' for a, b, c in mesh.faces)
        objects.append(
            f'<object id="{index + 2}" name="{name}" type="model" pid="1" pindex="{index}"><mesh>'
            f"<vertices>{corners}</vertices><triangles>{faces}</triangles></mesh></object>"
        )
        items.append(f'<item objectid="{index + 2}"/>')
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    schemas = "http://schemas.openxmlformats.org/package/2006"
    model = (
        f'{head}<model unit="millimeter" xml:lang="en-US" '
        'xmlns="http://schemas.microsoft.com/3dmanufacturing/core/2015/02"><resources>'
        f'<basematerials id="1">{"".join(bases)}</basematerials>{"".join(objects)}</resources>'
        f"<build>{''.join(items)}</build></model>"
    )
    types = (
        f'{head}<Types xmlns="{schemas}/content-types">'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="model" '
        'ContentType="application/vnd.ms-package.3dmanufacturing-3dmodel+xml"/></Types>'
    )
    relations = (
        f'{head}<Relationships xmlns="{schemas}/relationships"><Relationship Id="rel0" '
        'Target="/3D/3dmodel.model" '
        'Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/></Relationships>'
    )
    files = {"[Content_Types].xml": types, "_rels/.rels": relations, "3D/3dmodel.model": model}
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name, _DATE.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, text)


WRITERS: dict[str, Callable[[trimesh.Scene, Path], None]] = {
    ".glb": write_glb,
    ".gltf": write_gltf,
    ".obj": write_obj,
    ".stl": write_stl,
    ".ply": write_ply,
    ".off": write_off,
    ".dae": write_dae,
    ".3mf": write_3mf,
}


def _parts(scene: trimesh.Scene) -> list[tuple[str, Trimesh, str]]:
    """List name, mesh and colour of the parts; XML ids may not begin with a digit."""
    meshes: dict[str, Any] = scene.geometry
    return [(f"part-{name}", mesh, mesh.visual.material.name) for name, mesh in meshes.items()]


def _joined(scene: trimesh.Scene, transform: NDArray[np.float64]) -> Trimesh:
    """Join all parts into one mesh with vertex colours."""
    parts = _parts(scene)
    starts = np.cumsum([0] + [len(mesh.vertices) for _, mesh, _ in parts[:-1]])
    colours = [np.tile([*PALETTE[name], 255], (len(mesh.vertices), 1)) for _, mesh, name in parts]
    joined = Trimesh(
        vertices=np.vstack([mesh.vertices for _, mesh, _ in parts]),
        faces=np.vstack([mesh.faces + at for (_, mesh, _), at in zip(parts, starts, strict=True)]),
        vertex_colors=np.vstack(colours).astype(np.uint8),
        process=False,
    )
    return joined.apply_transform(transform)


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
