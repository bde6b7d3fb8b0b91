"""Reports of swaps and arrivals: a page on which assets turn beside what would replace them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from shapesim.errors import AssetError
from shapesim.meshes import load_mesh
from shapesim.meshes.packs import format_of, located
from shapesim.meshes.saving import save_mesh
from shapesim.meshes.simplifying import simplified
from shapesim.pages import page, write_page
from shapesim.pictures.colours import to_srgb
from shapesim.pictures.images import encoded, load_image
from shapesim.rendering.texturing import Textures
from shapesim.rendering.views import on_background, render, ring
from shapesim.showing import PAPER
from shapesim.types import Match, Material, Mesh, Swap, UpAxis
from shapesim.workers import map_isolated

_MODELS = 300  # that a page can turn; the matches beyond, which come last, are pictures only
_TRIANGLES = 600_000  # of all models together
_MOST_TRIANGLES = 12_000  # of one model
_TEXTURE = 256  # pixels of a texture's side
_PICTURE = 176  # pixels of a picture's side
_SAMPLES = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """A match of a report, and in words why it is there, if more is known than its gains."""

    match: Match
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Task:
    """A file to show, how its up axis is given, and of how many triangles its model is."""

    path: Path
    up: UpAxis | None
    triangles: int


@dataclass(frozen=True, slots=True)
class _Shown:
    """A file as a page shows it."""

    picture: bytes
    model: bytes | None
    triangles: int
    extents: list[float]
    unit: float | None
    bytes: int


def write_report(
    title: str,
    sections: Mapping[Path, Sequence[Entry]],
    out: Path,
    up: UpAxis | None = None,
) -> Iterator[AssetError | None]:
    """Writes the page, and yields for each file that it shows whether that could be read.

    Args:
        title: of the page.
        sections: matches by query, best first.
        out: the file to write.
        up: the up axis of the queries.

    Raises:
        ShapesimError: it cannot be written there.
    """
    tasks = _tasks(sections, up)
    shown: dict[Path, _Shown] = {}
    for task, result in map_isolated(_show, tasks, lambda task: task.path):
        if isinstance(result, AssetError):
            yield result
        else:
            shown[task.path] = result
            yield None
    numbers = {path: number for number, path in enumerate(shown)}
    blobs = [blob for one in shown.values() for blob in (one.picture, one.model or b"")]
    data = {
        "title": title,
        "made": datetime.now(UTC).isoformat(timespec="minutes"),
        "sections": [
            {"name": query.name, "path": str(query), **_facts(query, shown, numbers)}
            | {"matches": [_entry(entry, shown, numbers) for entry in entries]}
            for query, entries in sections.items()
        ],
    }
    write_page(page("report", title, data, blobs), out)


def _tasks(sections: Mapping[Path, Sequence[Entry]], up: UpAxis | None) -> list[_Task]:
    """Every file once: all queries, then the first matches of all, then the second."""
    files: dict[Path, UpAxis | None] = dict.fromkeys(sections, up)
    longest = max((len(entries) for entries in sections.values()), default=0)
    for rank in range(longest):
        for entries in sections.values():
            if rank < len(entries):
                asset = entries[rank].match.asset
                files.setdefault(asset.path, asset.up)
    triangles = min(_MOST_TRIANGLES, _TRIANGLES // min(len(files), _MODELS))
    return [
        _Task(path, axis, triangles if number < _MODELS else 0)
        for number, (path, axis) in enumerate(files.items())
    ]


def _show(task: _Task) -> _Shown:
    """Runs in a worker."""
    mesh = load_mesh(task.path, task.up)
    view = on_background(render(mesh, ring(1), _PICTURE, _SAMPLES), PAPER)[0]
    return _Shown(
        picture=encoded(view, "WEBP", quality=82),
        model=_model(mesh, task.triangles) if task.triangles else None,
        triangles=len(mesh.faces),
        extents=mesh.extents.tolist(),
        unit=mesh.unit,
        bytes=located(task.path).stat().st_size,
    )


def _model(mesh: Mesh, triangles: int) -> bytes | None:
    """A GLB for the page: small textures, or, where there are too many triangles, colours."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.glb"
        try:
            small = _simple(mesh, triangles) if len(mesh.faces) > triangles else _shrunk(mesh)
            save_mesh(small, path)
        except (AssetError, ValueError):  # a texture that cannot be read: its picture remains
            save_mesh(mesh.without_colours(), path)
        return path.read_bytes()


def _shrunk(mesh: Mesh) -> Mesh:
    from PIL import Image

    def small(material: Material) -> Material:
        if material.texture is None:
            return material
        picture = Image.fromarray(load_image(material.texture, _TEXTURE))
        return replace(material, texture=picture)

    return replace(
        mesh, materials=tuple(small(material) for material in mesh.materials), normals=None
    )


def _simple(mesh: Mesh, triangles: int) -> Mesh:
    """Fewer triangles, each vertex coloured like what was nearest."""
    from scipy.spatial import cKDTree

    vertices, faces = simplified(mesh, triangles)
    corners = mesh.triangles
    textures = Textures(mesh, corners)
    rows = np.arange(len(mesh.faces))
    middle = np.full((len(rows), 3), 1 / 3, np.float32)
    linear = textures.sample(rows, middle, np.full(len(rows), float(mesh.extents.max()) / 300))
    _, nearest = cKDTree(corners.mean(axis=1)).query(vertices)
    colours = np.empty((len(vertices), 4), np.uint8)
    colours[:, :3] = np.round(255 * to_srgb(np.clip(linear[nearest, :3], 0, 1)))
    colours[:, 3] = 255
    return Mesh(
        vertices=vertices,
        faces=faces,
        materials=(Material(colour=(1.0, 1.0, 1.0, 1.0)),),
        face_materials=np.zeros(len(faces), np.int64),
        colours=colours,
    )


def _facts(path: Path, shown: Mapping[Path, _Shown], numbers: Mapping[Path, int]) -> dict[str, Any]:
    """What the page says of a file, and where its picture and its model are."""
    if path not in shown:
        return {"picture": None, "model": None}
    one = shown[path]
    scale, unit = (one.unit, "m") if one.unit else (1.0, "")
    return {
        "picture": 2 * numbers[path],
        "model": None if one.model is None else 2 * numbers[path] + 1,
        "triangles": one.triangles,
        "size": " × ".join(f"{extent * scale:.3g}" for extent in one.extents) + f" {unit}".rstrip(),
        "format": format_of(path),
        "bytes": one.bytes,
    }


def _fit(swap: Swap) -> float:
    """Of an incomplete asset, how much of it the match covers, since it has more than that."""
    return swap.fit.iou if swap.fit.covered is None else swap.fit.covered


def _entry(
    entry: Entry, shown: Mapping[Path, _Shown], numbers: Mapping[Path, int]
) -> dict[str, Any]:
    match, asset = entry.match, entry.match.asset
    swap = match.swap
    return {
        "name": asset.listing.name or asset.path.name,
        "path": asset.shown_as,
        "score": round(match.score, 3),
        "fit": None if swap is None else round(_fit(swap), 3),
        "covers": swap is not None and swap.fit.covered is not None,
        "transform": None if swap is None else swap.fit.transform.ravel().tolist(),
        "gains": [] if swap is None else list(swap.gains),
        "losses": [] if swap is None else list(swap.losses),
        "warning": "" if swap is None else swap.warning,
        "reason": entry.reason,
        "copy": match.is_copy,
        "variants": len(match.variants),
        "tags": list(asset.tags),
        "arrived": asset.arrived_at[:10],
        "licence": asset.listing.licence,
        "price": asset.listing.price,
        # Only addresses of the web: a catalogue is a stranger's, and a page runs what it names.
        "url": asset.listing.url
        if (asset.listing.url or "").startswith(("http://", "https://"))
        else None,
        **_facts(asset.path, shown, numbers),
    }
