"""Writes matches as they would stand in the query's place."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from shapesim.errors import AssetError, ShapesimError
from shapesim.meshes import load_mesh
from shapesim.meshes.finding import stems
from shapesim.meshes.packs import title_of
from shapesim.meshes.parts import place, place_normals
from shapesim.meshes.saving import save_mesh
from shapesim.types import Match, Matrix4, Mesh
from shapesim.writing import replaced

_LIST = "swap.json"
_LONGEST = 230  # bytes of both names: systems allow some 255 for the whole


def check_export(folder: Path, force: bool) -> None:
    """Whether matches can be written into a folder, asked before long work instead of after it.

    Raises:
        ShapesimError: it holds something, and nothing shall be added; or it cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise ShapesimError(f"{folder}: is a file; name a folder")
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise ShapesimError(f"{folder}: is not empty; name another folder, or add to it by --force")
    if (folder / _LIST).exists() and _listed(folder) is None:
        raise ShapesimError(f"{folder / _LIST}: is no list of an export; name another folder")
    there = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise ShapesimError(f"{folder}: cannot be written; name another folder")


def export(
    swaps: Mapping[Path, Sequence[Match]], units: Mapping[Path, float | None], folder: Path
) -> list[AssetError]:
    """Writes every match that was fitted as GLB, and ``swap.json`` about them.

    A GLB stands where the query stands, y up; in metres where the query's unit is known, else in
    its unit. ``swap.json`` has for each match the transform from its file's own coordinates to the
    query file's own, by which an engine can place the original, and the bounds of the GLB. What an
    earlier export to the folder wrote stays, but for that of the same queries.

    Args:
        swaps: fitted matches by query.
        units: metres per unit of every query, None where unknown.
        folder: made where there is none.

    Returns:
        What could not be written, and why.
    """
    folder.mkdir(parents=True, exist_ok=True)
    earlier = _listed(folder) or []
    asked = {str(query.resolve()) for query in swaps}
    listed = [swap for swap in earlier if swap["query"] not in asked]
    outdated = [swap for swap in earlier if swap not in listed]
    failures: list[AssetError] = []
    names = stems(swaps, [swap["name"] for swap in listed])
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
            of = title_of(path).encode()[:room].decode(errors="ignore")
            name = f"{names[query]}-{rank:02d}-{of}.glb"
            try:
                save_mesh(fitted, folder / name)
            except (ShapesimError, ValueError) as error:  # such as of a texture
                reason = error.reason if isinstance(error, AssetError) else str(error)
                failures.append(AssetError(path, f"cannot be exported ({reason})"))
                continue
            bounds = [fitted.corners.min(axis=0).tolist(), fitted.corners.max(axis=0).tolist()]
            entries.append({"file": name, "bounds": bounds} | {"rank": rank} | match.to_json())
        listed.append(
            {"query": str(query.resolve()), "name": names[query]}
            | {"metres_per_unit": unit, "in_metres": unit is not None}
            | {"matches": entries}
        )
    text = json.dumps({"swaps": listed}, indent=1)
    with replaced(folder / _LIST) as file:
        file.write_text(text, encoding="utf-8")
    # What was written of the same queries before, an engine would take for part of this.
    assets = {match.asset.path.resolve() for matches in swaps.values() for match in matches}
    for path in _files(folder, outdated) - _files(folder, listed) - assets - _resolved(swaps):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:  # such as of what another program has open
            reason = f"is outdated, and cannot be deleted ({error.strerror})"
            failures.append(AssetError(path, reason))
    return failures


def _listed(folder: Path) -> list[dict[str, Any]] | None:
    """What exports to a folder have listed; None where there is no list, or another's."""
    try:
        swaps = json.loads((folder / _LIST).read_text(encoding="utf-8"))["swaps"]
        known = [{**swap, "query": str(swap["query"]), "name": str(swap["name"])} for swap in swaps]
        _files(folder, known)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return known


def _files(folder: Path, swaps: Sequence[Mapping[str, Any]]) -> set[Path]:
    """The files of some entries of the list, which may name none elsewhere."""
    names = [entry["file"] for swap in swaps for entry in swap["matches"]]
    return _resolved(folder / Path(name).name for name in names)


def _resolved(paths: Iterable[Path]) -> set[Path]:
    return {path.resolve() for path in paths}


def moved(mesh: Mesh, transform: Matrix4) -> Mesh:
    """A mesh under a (4, 4) transform; a mirror image keeps its outside outside."""
    mirrored = np.linalg.det(transform[:3, :3]) < 0
    return replace(
        mesh,
        vertices=place(mesh.vertices, transform),
        faces=mesh.faces[:, ::-1] if mirrored else mesh.faces,
        normals=None if mesh.normals is None else place_normals(mesh.normals, transform),
    )
