"""Training grids: reading them, drawing balanced batches, and varying them."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import numpy as np
from numpy.typing import NDArray

UNLABELLED = -1


@dataclass(frozen=True, slots=True)
class GridData:
    """Occupancy grids of many assets.

    Attributes:
        packed: (N, T, R³ / 8) uint8, T orientations within a quarter turn, as numpy.packbits.
        labels: (N,) int64 into ``classes``, ``UNLABELLED`` where unknown.
        sources: (N,) int64, equal for assets of one source.
        classes: names.
        resolution: R.
        teacher: (N, D) float32 unit vectors of another network to learn from, zeros where there is
            none; None without a teacher.
    """

    packed: NDArray[np.uint8]
    labels: NDArray[np.int64]
    sources: NDArray[np.int64]
    classes: tuple[str, ...]
    resolution: int
    teacher: NDArray[np.float32] | None = None

    def digest(self) -> str:
        """Tells these data from others."""
        checksum = zlib.crc32(repr((self.classes, self.resolution)).encode())
        for array in (self.packed, self.labels, self.sources, self.teacher):
            checksum = zlib.crc32(b"" if array is None else array.tobytes(), checksum)
        return f"{checksum:08x}"


def read_grids(files: Sequence[Path], exclude: Sequence[str] = ()) -> GridData:
    """Joins ``.npz`` files that ``shapesim voxelize`` wrote.

    Classes of one asset count as unlabelled; empty grids are left out.

    Args:
        files: the files.
        exclude: assets whose path starts with one of these are left out.

    Raises:
        ValueError: no grids, nothing to exclude, or files of different resolution, number of
            orientations, or teacher.
    """
    unmet = set(exclude)
    packed, names, sources, teachers, resolutions = [], [], [], [], set()
    for index, file in enumerate(files):
        if not file.is_file():
            raise ValueError(f"{file}: no such file")
        if not is_zipfile(file):
            raise ValueError(f"{file}: holds no grids, or is cut off")
        with np.load(file, allow_pickle=False) as data:
            if not {"paths", "grids", "labels", "resolution"} <= set(data.files):
                raise ValueError(f"{file}: holds no grids")
            _check(file, data)
            paths = [str(path) for path in data["paths"]]
            keep = np.array([not path.startswith(tuple(exclude)) for path in paths], bool)
            unmet -= {one for one in unmet if any(path.startswith(one) for path in paths)}
            keep &= data["grids"].any(axis=(1, 2))
            packed.append(data["grids"][keep])
            names.append(data["labels"][keep])
            tops = [f"{index}/{str(path).partition('/')[0]}" for path in data["paths"][keep]]
            sources.append(np.array(tops))
            vectors = data["teacher"] if "teacher" in data else np.zeros((len(keep), 0), np.float32)
            teachers.append(vectors[keep])
            resolutions.add((int(data["resolution"]), data["grids"].shape[1]))
    if unmet:
        raise ValueError(f"no asset's path starts with {' or '.join(sorted(unmet))}")
    if len(resolutions) != 1:
        raise ValueError(f"grids of different resolution and turns: {sorted(resolutions)}")
    label_names = np.concatenate(names)
    if not len(label_names):
        raise ValueError(f"{', '.join(map(str, files))}: no grid that is not empty")
    known, counts = np.unique(label_names[label_names != ""], return_counts=True)
    classes = tuple(str(name) for name in known[counts > 1])
    rows = {name: row for row, name in enumerate(classes)}
    return GridData(
        packed=np.concatenate(packed),
        labels=np.array([rows.get(str(name), UNLABELLED) for name in label_names]),
        sources=np.unique(np.concatenate(sources), return_inverse=True)[1],
        classes=classes,
        resolution=resolutions.pop()[0],
        teacher=_joined(teachers),
    )


def _check(file: Path, data: Mapping[str, NDArray[Any]]) -> None:
    """Whether what a file holds is of one piece.

    Raises:
        ValueError: it is not.
    """
    grids = data["grids"]
    if data["resolution"].shape or data["resolution"].dtype.kind not in "iu":
        raise ValueError(f"{file}: its resolution is no whole number")
    resolution = int(data["resolution"])
    if grids.dtype != np.uint8 or grids.ndim != 3 or grids.shape[2] * 8 != resolution**3:
        wanted = f"(N, turns, {resolution**3 // 8}) uint8"
        raise ValueError(f"{file}: its grids are {grids.shape} {grids.dtype}, not {wanted}")
    rows = {name: len(data[name]) for name in ("paths", "labels", "teacher") if name in data}
    if set(rows.values()) != {len(grids)}:
        raise ValueError(f"{file}: has {len(grids)} grids, but {rows}")
    teacher = data["teacher"] if "teacher" in data else np.zeros((0, 0), np.float32)
    if teacher.dtype.kind != "f" or teacher.ndim != 2 or not np.isfinite(teacher).all():
        raise ValueError(f"{file}: its teacher's vectors hold what is no number")


def _joined(teachers: Sequence[NDArray[np.float32]]) -> NDArray[np.float32] | None:
    """Vectors of all files, zeros for those of a file without."""
    dims = {rows.shape[1] for rows in teachers if rows.shape[1]}
    if len(dims) > 1:
        raise ValueError(f"vectors of different teachers: {sorted(dims)} numbers")
    if not dims:
        return None
    dim = dims.pop()
    full = [rows if rows.shape[1] else np.zeros((len(rows), dim), np.float32) for rows in teachers]
    return np.concatenate(full)


def sampling_weights(labels: NDArray[np.int64], sources: NDArray[np.int64]) -> NDArray[np.float64]:
    """(N,) probabilities: half for labelled assets, half for all, both levelled.

    An asset counts by the inverse root of the size of its class and of its source, so that a
    class of ten and a source of a thousand variants of one brick are both seen often enough.

    Args:
        labels: (N,) classes, ``UNLABELLED`` where unknown.
        sources: (N,) equal for assets of one source.
    """
    _, source, sizes = np.unique(sources, return_inverse=True, return_counts=True)
    by_source = 1 / np.sqrt(sizes[source])
    everything: NDArray[np.float64] = by_source / by_source.sum()
    labelled = labels != UNLABELLED
    if not labelled.any():
        return everything
    sizes = np.bincount(labels[labelled])
    by_class = np.where(labelled, 1 / np.sqrt(sizes[labels]), 0) * np.sqrt(by_source)
    halves: NDArray[np.float64] = (everything + by_class / by_class.sum()) / 2
    return halves


def unpack(packed: NDArray[np.uint8], resolution: int) -> NDArray[np.bool_]:
    """(..., R³ / 8) uint8 to (..., R, R, R) bool."""
    bits = np.unpackbits(packed, axis=-1)
    return bits.reshape(*packed.shape[:-1], *(resolution,) * 3).astype(bool)


@dataclass(frozen=True, slots=True)
class Variation:
    """In what the views of an asset differ.

    Attributes:
        turned: whether by any yaw; where all data stands alike, that tells something.
        mirrored: chance to be a mirror image.
        scaled: chance to be scaled and shifted.
        cut: chance to lack a part.
        thickened: chance to be thicker by a cell all around.
        scale: range of the factor that all axes share.
        stretch: range of each axis' own factor.
        shift: most cells along each axis.
    """

    turned: bool = True
    mirrored: float = 0.5
    scaled: float = 0.8
    cut: float = 0.3
    thickened: float = 0.2
    scale: tuple[float, float] = (0.85, 1.0)
    stretch: tuple[float, float] = (0.8, 1.0)
    shift: float = 1.0


VARIATION = Variation()
"""Which keeps an asset recognisable."""


def draw_view(
    orientations: NDArray[np.uint8],
    resolution: int,
    rng: np.random.Generator,
    strength: float,
    variation: Variation = VARIATION,
) -> NDArray[np.bool_]:
    """A random view of one asset.

    Args:
        orientations: (T, R³ / 8) packed grids of the asset.
        resolution: R.
        rng: source of randomness.
        strength: 0 only turns; 1 also varies in all else by the chances that there are.
        variation: in what.

    Returns:
        (R, R, R) bool.
    """
    grid = unpack(orientations[rng.integers(len(orientations))], resolution)
    if variation.turned:
        grid = np.rot90(grid, int(rng.integers(4)), axes=(0, 2))
    if rng.random() < variation.mirrored * strength:
        grid = grid[::-1]
    if rng.random() < variation.scaled * strength:
        grid = _scaled(grid, rng, variation)
    if rng.random() < variation.cut * strength:
        grid = _without_a_part(grid, rng)
    if rng.random() < variation.thickened * strength:
        grid = _thickened(grid)
    return grid


def _scaled(
    grid: NDArray[np.bool_], rng: np.random.Generator, variation: Variation
) -> NDArray[np.bool_]:
    """Scaled, by its own factor and shifted along each axis, by nearest neighbour."""
    size = len(grid)
    common, shift = rng.uniform(*variation.scale), variation.shift
    rows = []
    for _ in range(3):
        factor = common * rng.uniform(*variation.stretch)
        places = (np.arange(size) + 0.5 - size / 2 + rng.uniform(-shift, shift)) / factor + size / 2
        rows.append(np.floor(places).astype(np.int64))
    inside = [(row >= 0) & (row < size) for row in rows]
    clipped = [row.clip(0, size - 1) for row in rows]
    mask = inside[0][:, None, None] & inside[1][:, None] & inside[2]
    scaled: NDArray[np.bool_] = grid[np.ix_(*clipped)] & mask
    return scaled if scaled.any() else grid  # a thin sheet can fall between the cells


def _without_a_part(grid: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Cuts away a box around a random occupied cell, unless too little would remain."""
    occupied = np.argwhere(grid)
    centre = occupied[rng.integers(len(occupied))]
    reach = rng.integers(2, len(grid) // 4, size=3)
    cut = grid.copy()
    (x0, y0, z0), (x1, y1, z1) = np.maximum(centre - reach, 0), centre + reach + 1
    cut[x0:x1, y0:y1, z0:z1] = False
    return cut if cut.sum() > 0.5 * grid.sum() else grid


def _thickened(grid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    thick = grid.copy()
    for axis in range(3):
        for step in (1, -1):
            thick |= np.roll(grid, step, axis)
    return thick


def seen_from_one_side(
    grid: NDArray[np.bool_], direction: int, slope: float = 0.5
) -> NDArray[np.bool_]:
    """What a depth camera leaves possible: all cells that it did not see to be empty.

    Args:
        grid: (R, R, R) bool, y up.
        direction: quarter turns of the camera about up.
        slope: of the rays, in cells down for each cell forward, 0 to 1.

    Returns:
        (R, R, R) bool.
    """
    return _from_one_side(grid, direction, slope)[1]


def surface_from_one_side(
    grid: NDArray[np.bool_], direction: int, slope: float = 0.5
) -> NDArray[np.bool_]:
    """The filled cells that a depth camera sees; arguments as of ``seen_from_one_side``."""
    return _from_one_side(grid, direction, slope)[0]


def _from_one_side(
    grid: NDArray[np.bool_], direction: int, slope: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The cells that stop a ray, and with them all behind.

    Parallel rays come from one of the four sides, slanting down. The cells in front of the first
    filled one on a ray are seen to be empty; that one and all behind it may be filled.
    """
    size = len(grid)
    turned = np.rot90(grid, direction, axes=(0, 2))
    # Slanting rays run straight once every slice is moved up by what they have come down.
    falls = np.round(np.arange(size) * slope).astype(int).tolist()
    tall = np.zeros((size, 2 * size, size), bool)
    for along, fall in enumerate(falls):
        tall[along, fall : fall + size] = turned[along]
    hidden = np.logical_or.accumulate(tall, axis=0)
    first = hidden.copy()
    first[1:] &= ~hidden[:-1]
    return tuple(  # type: ignore[return-value]
        np.rot90(
            np.stack([cells[along, fall : fall + size] for along, fall in enumerate(falls)]),
            -direction,
            axes=(0, 2),
        )
        for cells in (first, hidden)
    )
