"""Writes matches as they would stand in the query's place."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from shapesim.errors import AssetError, ShapesimError
from shapesim.meshes import load_mesh
from shapesim.meshes.finding import stems
from shapesim.meshes.parts import place, place_normals
from shapesim.meshes.saving import save_mesh
from shapesim.types import Match, Matrix4, Mesh

_LIST = "swap.json"
_LONGEST = 230  # bytes of both names: systems allow some 255 for the whole


def check_export(folder: Path, force: bool) -> None:
    """Whether matches can be written into a folder, asked before long work instead of after it.

    Raises:
        ShapesimError: it holds something, and nothing shall be overwritten.
    """
    if folder.exists() and not folder.is_dir():
        raise ShapesimError(f"{folder}: is a file; name a folder")
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise ShapesimError(f"{folder}: is not empty; name another folder, or overwrite by --force")
    there = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise ShapesimError(f"{folder}: cannot be written; name another folder")


def export(
    swaps: Mapping[Path, Sequence[Match]], units: Mapping[Path, float | None], folder: Path
) -> list[AssetError]:
    """Writes every match that was fitted as GLB, and ``swap.json`` about them.

    A GLB stands where the query stands, y up; in metres where the query's unit is known, else in
    its unit. ``swap.json`` has for each match the transform from its file's own coordinates to the
    query file's own, by which an engine can place the original, and the bounds of the GLB.

    Args:
        swaps: fitted matches by query.
        units: metres per unit of every query, None where unknown.
        folder: made where there is none.

    Returns:
        What could not be written, and why.
    """
    folder.mkdir(parents=True, exist_ok=True)
    before = _written(folder)
    failures: list[AssetError] = []
    listed: list[dict[str, Any]] = []
    names = stems(swaps)
    for query, matches in swaps.items():
        unit = units[query]
        entries = []
        for rank, match in enumerate(matches, 1):
            if match.swap is None:
                continue
            path = match.asset.path
            try:
                mesh = load_mesh(path, match.asset.up)
            except AssetError as error:
                failures.append(error)
                continue
            fitted = moved(mesh, np.diag([unit or 1.0] * 3 + [1.0]) @ match.swap.fit.transform)
            room = max(0, _LONGEST - len(names[query].encode()))
            of = path.stem.encode()[:room].decode(errors="ignore")
            name = f"{names[query]}-{rank:02d}-{of}.glb"
            try:
                save_mesh(fitted, folder / name)
            except (AssetError, OSError, ValueError) as error:  # such as of a texture
                reason = error.reason if isinstance(error, AssetError) else str(error)
                failures.append(AssetError(path, f"cannot be exported ({reason})"))
                continue
            bounds = [fitted.corners.min(axis=0).tolist(), fitted.corners.max(axis=0).tolist()]
            entries.append({"file": name, "bounds": bounds} | match.to_json(rank))
        listed.append(
            {"query": str(query), "metres_per_unit": unit, "in_metres": unit is not None}
            | {"matches": entries}
        )
    text = json.dumps({"swaps": listed}, indent=1)
    (folder / _LIST).write_text(text, encoding="utf-8")
    # What an earlier export wrote, an engine would take for part of this one.
    assets = {match.asset.path.resolve() for matches in swaps.values() for match in matches}
    for path in before - _written(folder) - assets - {query.resolve() for query in swaps}:
        path.unlink(missing_ok=True)
    return failures


def _written(folder: Path) -> set[Path]:
    """The files of the export that is in a folder, if there is one."""
    try:
        swaps = json.loads((folder / _LIST).read_text(encoding="utf-8"))["swaps"]
        names = [entry["file"] for swap in swaps for entry in swap["matches"]]
        return {(folder / Path(name).name).resolve() for name in names}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def moved(mesh: Mesh, transform: Matrix4) -> Mesh:
    """A mesh under a (4, 4) transform; a mirror image keeps its outside outside."""
    mirrored = np.linalg.det(transform[:3, :3]) < 0
    return replace(
        mesh,
        vertices=place(mesh.vertices, transform),
        faces=mesh.faces[:, ::-1] if mirrored else mesh.faces,
        normals=None if mesh.normals is None else place_normals(mesh.normals, transform),
    )
