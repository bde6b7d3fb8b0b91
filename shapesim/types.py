"""Array aliases and the plain records that pass between the layers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from shapesim.listings import Listing

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

UpAxis = Literal["y", "z"]
"""The axis that is up in a file."""
Voxels = NDArray[np.bool_]
"""(R, R, R) occupancy, indexed [x, y, z], y up."""
Raster = NDArray[np.uint8]
"""(H, W, 3) sRGB."""
Embeddings = NDArray[np.float32]
"""(N, D), every row of unit length."""
Matrix4 = NDArray[np.float64]
"""(4, 4) homogeneous transform for column vectors."""
Box = tuple[int, int, int, int]
"""x, y, width and height in pixels."""
Shares = tuple[float, float, float, float]
"""x, y, width and height in shares of a picture's sides, 0 to 1."""
WHOLE: Shares = (0.0, 0.0, 1.0, 1.0)
Camera = tuple[float, float]
"""Azimuth (0: from +z, 90: from +x) and elevation, in degrees."""


@dataclass(frozen=True, slots=True)
class Material:
    """How a part of a mesh looks.

    Attributes:
        name: as in the file, may be empty.
        colour: linear RGBA base colour, each 0 to 1.
        texture: base colour texture (sRGB), a picture or where it is; None without.
        is_cut_out: whether the texture's alpha counts.
    """

    name: str = ""
    colour: tuple[float, float, float, float] = (0.8, 0.8, 0.8, 1.0)
    texture: PilImage | Path | None = None
    is_cut_out: bool = True


@dataclass(frozen=True, slots=True)
class Companions:
    """Other files that a mesh file needs: textures, materials, buffers.

    Attributes:
        files: those there are, by their posix paths relative to its folder.
        missing: those there are not, by the names that it gives.
    """

    files: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


NO_COMPANIONS = Companions()
"""Of a file that needs no other."""


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """All triangles of one file in one frame: y up, right-handed, in the file's own unit.

    Attributes:
        vertices: (V, 3) float64.
        faces: (F, 3) int64 rows of ``vertices``.
        materials: the materials that ``face_materials`` counts into.
        face_materials: (F,) int64.
        uvs: (V, 2) float64 texture coordinates, NaN where a part has none; None without any.
        normals: (V, 3) float64 unit normals, NaN where a part has none; None without any.
        colours: (V, 4) uint8 sRGB vertex colours, which the material's are multiplied by; 255
            where a part has none; None without any.
        unit: metres per unit of length, None where the file does not say.
        upright: (4, 4) transform from the file's coordinates to this frame.
        joints: of its rig, 0 without one.
        animations: their names.
        companions: other files that it was read from, or that it lacks.
        notes: what else of its file could not be read, a line each.
        objects: of a kit or a level, the names of what stands in it side by side, each once that
            has another geometry or other materials.
    """

    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]
    materials: tuple[Material, ...]
    face_materials: NDArray[np.int64]
    uvs: NDArray[np.float64] | None = None
    normals: NDArray[np.float64] | None = None
    colours: NDArray[np.uint8] | None = None
    unit: float | None = None
    upright: Matrix4 = field(default_factory=lambda: np.eye(4))
    joints: int = 0
    animations: tuple[str, ...] = ()
    companions: Companions = NO_COMPANIONS
    notes: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What could not be read, or what the file names but does not have, a line each."""
        missing = (
            f"material file {name} is missing"
            if name.lower().endswith(".mtl")
            else f"texture {name} is not in the asset's pack"
            for name in self.companions.missing
        )
        return (*self.notes, *missing)

    @property
    def triangles(self) -> NDArray[np.float64]:
        """(F, 3, 3) float64 corner coordinates."""
        return self.vertices[self.faces]

    @property
    def crosses(self) -> NDArray[np.float64]:
        """(F, 3) float64 normals of the faces, each as long as twice the face's area is large."""
        triangles = self.triangles
        sides = triangles[:, 1:] - triangles[:, :1]
        return np.asarray(np.cross(sides[:, 0], sides[:, 1]), np.float64)

    @property
    def areas(self) -> NDArray[np.float64]:
        """(F,) float64 areas of the faces, in squares of the file's unit."""
        return np.asarray(np.linalg.norm(self.crosses, axis=1) / 2, np.float64)

    @property
    def corners(self) -> NDArray[np.float64]:
        """(U, 3) float64 the vertices that faces use."""
        used = np.zeros(len(self.vertices), dtype=bool)
        used[self.faces] = True
        return self.vertices[used]

    @property
    def extents(self) -> NDArray[np.float64]:
        """(3,) float64 size of the axis-aligned bounding box, in the file's unit."""
        size: NDArray[np.float64] = np.ptp(self.corners, axis=0)
        return size

    def without_colours(self) -> Mesh:
        """The same surface, all of one plain material."""
        return replace(
            self,
            materials=(Material(),),
            face_materials=np.zeros(len(self.faces), np.int64),
            uvs=None,
            colours=None,
        )


@dataclass(frozen=True, slots=True)
class Traits:
    """What a game pays for an asset and gets with it.

    Attributes:
        triangles: number of triangles.
        vertices: number of vertices that they use.
        materials: number of materials.
        texture_pixels: of all base colour textures.
        watertight: whether every edge belongs to two triangles.
        uvs: whether it has texture coordinates.
        normals: whether the file has normals.
        joints: of its rig, 0 without one.
        animations: their names.
        bytes: size of the file.
    """

    triangles: int
    vertices: int
    materials: int
    texture_pixels: int
    watertight: bool
    uvs: bool
    normals: bool
    joints: int
    animations: tuple[str, ...]
    bytes: int


@dataclass(frozen=True, slots=True)
class Asset:
    """One mesh file of a store, or an object in one, as the gallery knows it.

    Attributes:
        path: where the file is.
        id: its posix path under the store's root.
        shown_as: what tells it from all others of its gallery: the id, behind its store's name
            where there are several stores.
        triangles: number of triangles.
        extents: (x, y, z) size in the file's unit, y up.
        unit: metres per unit, None where the file does not say.
        arrived_at: ISO 8601 time in UTC at which the store first had it.
        signature: what ``shapesim.geometry.signature`` gave.
        tags: labels with their probabilities, best first; 1 for those that its store gives.
        traits: what it brings; None of one indexed before traits were recorded.
        listing: what its store says of it.
        up: the up axis that its store's files are said to have; None for what each file says.
    """

    path: Path
    id: str
    shown_as: str
    triangles: int
    extents: tuple[float, float, float]
    unit: float | None
    arrived_at: str
    signature: NDArray[np.float32] = field(compare=False)
    tags: dict[str, float] = field(default_factory=dict, compare=False)
    traits: Traits | None = None
    listing: Listing = field(default_factory=Listing, compare=False)
    up: UpAxis | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """How an asset stands in another's place.

    Attributes:
        transform: (4, 4) from the asset's coordinates to the query's, both y up in file units.
        iou: intersection over union of both as voxels after the fit, 0 to 1.
        proportions: (3,) size after the fit over the query's size, along the query's axes.
        covered: how much of an incomplete query lies on the asset, and how near, 0 to 1; its IoU
            and its size are then those of its completion. None of what is whole.
    """

    transform: Matrix4
    iou: float
    proportions: NDArray[np.float64]
    covered: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Swap:
    """What happens where an asset replaces the query.

    Attributes:
        fit: how it stands in the query's place.
        transform: (4, 4) from the asset file's own coordinates to the query file's own; of FBX,
            those after its axis system was heeded, y up and in the file's unit.
        gains: what is better than it was, a few words each.
        losses: what is worse.
        warning: where the shapes agree but their proportions do not; else empty.
    """

    fit: Fit
    transform: Matrix4
    gains: tuple[str, ...]
    losses: tuple[str, ...]
    warning: str = ""

    def to_json(self) -> dict[str, Any]:
        """What ``swap --json`` adds to a match."""
        return {
            "iou": round(self.fit.iou, 4),
            "covered": None if self.fit.covered is None else round(self.fit.covered, 4),
            "transform": self.transform.tolist(),
            "proportions": [round(float(ratio), 4) for ratio in self.fit.proportions],
            "gains": list(self.gains),
            "losses": list(self.losses),
            "warning": self.warning,
        }


@dataclass(frozen=True, slots=True)
class Match:
    """An asset that could stand in the query's place.

    Attributes:
        asset: the asset.
        score: how alike, -1 to 1: the cosine of the embeddings; of a picture, how much it looks
            like the asset from the same side.
        is_copy: the same geometry as the query itself.
        variants: other assets of the same geometry, folded into this match.
        swap: what it would be to use it; None of a picture's match, or unasked.
        lost: why its file is of no use now; empty as far as it is.
        camera: from where a picture shows it; None where it was not compared with one.
    """

    asset: Asset
    score: float
    is_copy: bool
    variants: tuple[Asset, ...] = ()
    swap: Swap | None = None
    lost: str = ""
    camera: Camera | None = None

    def to_json(self) -> dict[str, Any]:
        """One entry of ``swap --json``, but for its rank."""
        swap = self.swap.to_json() if self.swap else {}
        listing = self.asset.listing.to_json()
        return {
            "path": str(self.asset.path),
            "id": self.asset.id,
            "score": round(self.score, 4),
            "triangles": self.asset.triangles,
            "extents": [round(e, 6) for e in self.asset.extents],
            "unit": self.asset.unit,
            "arrived_at": self.asset.arrived_at,
            "copy": self.is_copy,
            "tags": list(self.asset.tags),
            "variants": [str(v.path) for v in self.variants],
            **({"listing": listing} if listing else {}),
            **({"camera": [round(angle, 1) for angle in self.camera]} if self.camera else {}),
            **swap,
            **({"error": self.lost} if self.lost else {}),
        }
