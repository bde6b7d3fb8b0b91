"""3MF files: what is to be built, and how it looks."""
# ruff: noqa: E501 - XML

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shapesim.errors import AssetError
from shapesim.meshes import load_mesh
from tests.test_dae import CORNERS, SIDES

FACES = [face for a, b, c, d in SIDES for face in ((a, b, c), (a, c, d))]
SPACES = (
    'xmlns="http://schemas.microsoft.com/3dmanufacturing/core/2015/02"'
    ' xmlns:m="http://schemas.microsoft.com/3dmanufacturing/material/2015/02"'
    ' xmlns:p="http://schemas.microsoft.com/3dmanufacturing/production/2015/06"'
)
RELATION = '<Relationship Target="/{}" Id="r{}" Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/{}"/>'
MOVED = 'transform="1 0 0 0 1 0 0 0 1 10 0 0"'
PAINTS = '<basematerials id="9"><base name="red" displaycolor="#FF0000"/><base name="blue" displaycolor="#0000FF"/></basematerials>'
BY_CORNER = 'pid="9" p1="0" p2="1" p3="2"'


def box(scale: float = 1.0, of_face: Callable[[int], str] = lambda face: "") -> str:
    """1 × 2 × 3 at the origin."""
    vertices = "".join(
        f'<vertex x="{x * scale}" y="{y * scale}" z="{z * scale}"/>' for x, y, z in CORNERS
    )
    faces = "".join(
        f'<triangle v1="{a}" v2="{b}" v3="{c}" {of_face(face)}/>'
        for face, (a, b, c) in enumerate(FACES)
    )
    return f"<mesh><vertices>{vertices}</vertices><triangles>{faces}</triangles></mesh>"


def written(
    path: Path, resources: str, build: str = '<item objectid="1"/>', unit: str = "millimeter",
    others: dict[str, str] | None = None, picture: bytes = b"",
) -> Path:  # fmt: skip
    """A package, with models or a picture that its first model needs."""
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    relations = (
        head
        + '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{}</Relationships>'
    )
    model = f'{head}<model unit="{unit}" {SPACES}><resources>{{}}</resources><build>{{}}</build></model>'
    types = "".join(
        f'<Default Extension="{suffix}" ContentType="{kind}"/>'
        for suffix, kind in (
            ("rels", "application/vnd.openxmlformats-package.relationships+xml"),
            ("model", "application/vnd.ms-package.3dmanufacturing-3dmodel+xml"),
            ("png", "image/png"),
        )
    )
    needed = [
        RELATION.format(f"3D/{name}", row, "3dmodel") for row, name in enumerate(others or {})
    ]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "[Content_Types].xml",
            f'{head}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">{types}</Types>',
        )
        archive.writestr(
            "_rels/.rels", relations.format(RELATION.format("3D/3dmodel.model", 0, "3dmodel"))
        )
        archive.writestr("3D/3dmodel.model", model.format(resources, build))
        for name, content in (others or {}).items():
            archive.writestr(f"3D/{name}", model.format(content, ""))
        if picture:
            archive.writestr("3D/Textures/one.png", picture)
            needed.append(RELATION.format("3D/Textures/one.png", 9, "3dtexture"))
        archive.writestr("3D/_rels/3dmodel.model.rels", relations.format("".join(needed)))
    return path


def test_materials_are_those_of_triangles_or_of_their_object(tmp_path: Path) -> None:
    """By turns; or all of them."""

    def by_turns(face: int) -> str:
        return f'pid="9" p1="{face % 2}"'

    of_face = written(
        tmp_path / "a.3mf",
        f'{PAINTS}<object id="1" pid="9" pindex="0">{box(1, by_turns)}</object>',
    )  # fmt: skip
    mesh = load_mesh(of_face)
    assert [material.name for material in mesh.materials] == ["red", "blue"]
    np.testing.assert_allclose(
        [material.colour for material in mesh.materials], [(1, 0, 0, 1), (0, 0, 1, 1)]
    )
    assert np.bincount(mesh.face_materials).tolist() == [6, 6]
    whole = written(
        tmp_path / "b.3mf", PAINTS + f'<object id="1" pid="9" pindex="1">{box()}</object>'
    )
    assert [material.name for material in load_mesh(whole).materials] == ["blue"]


def test_corners_have_the_colours_of_their_group(tmp_path: Path) -> None:
    """Each its own."""
    group = '<m:colorgroup id="9"><m:color color="#FF0000"/><m:color color="#00FF00"/><m:color color="#0000FF80"/></m:colorgroup>'
    mesh = load_mesh(
        written(tmp_path / "a.3mf", f"{group}<object id='1'>{box(1, lambda face: BY_CORNER)}</object>")
    )  # fmt: skip
    assert mesh.colours is not None
    expected = np.array([(255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 128)])
    np.testing.assert_array_equal(mesh.colours[mesh.faces], np.tile(expected, (12, 1, 1)))


def test_a_texture_lies_where_its_group_says(tmp_path: Path) -> None:
    """The picture comes out of the package."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (10, 200, 30)).save(buffer, "PNG")
    group = (
        '<m:texture2d id="8" path="/3D/Textures/one.png" contenttype="image/png"/>'
        '<m:texture2dgroup id="9" texid="8"><m:tex2coord u="0" v="0"/><m:tex2coord u="1" v="0"/><m:tex2coord u="1" v="0.5"/></m:texture2dgroup>'
    )
    of_face = box(1, lambda face: BY_CORNER)
    mesh = load_mesh(
        written(tmp_path / "a.3mf", f"{group}<object id='1'>{of_face}</object>", picture=buffer.getvalue())
    )  # fmt: skip
    assert mesh.uvs is not None
    np.testing.assert_allclose(mesh.uvs[mesh.faces[3]], [(0, 0), (1, 0), (1, 0.5)])
    texture = mesh.materials[0].texture
    assert isinstance(texture, Image.Image)
    assert texture.convert("RGB").getpixel((3, 3)) == (10, 200, 30)


@pytest.mark.parametrize("shared", ["", 'partnumber="P"'])
def test_all_that_is_to_be_built_is_there(tmp_path: Path, shared: str) -> None:
    """Twice the same, in the unit that the file names; what holds it while it is printed is not."""
    objects = "".join(
        f'<object id="{id}" name="It" {kind}>{box(scale)}</object>'
        for id, scale, kind in ((1, 1, ""), (2, 2, ""), (3, 50, 'type="support"'), (4, 50, ""))
    )
    build = (
        f'<item objectid="1" {shared}/><item objectid="2" {shared} {MOVED}/>'
        f'<item objectid="1" {shared} transform="-1 0 0 0 1 0 0 0 1 20 0 0"/><item objectid="3"/>'
    )
    mesh = load_mesh(written(tmp_path / "a.3mf", objects, build, "inch"))
    assert len(mesh.faces) == 36
    np.testing.assert_allclose(mesh.extents, (20, 6, 4))
    assert mesh.unit == 0.0254
    for start in (0, 12, 24):  # also of the mirror image, the outside is outside
        part = mesh.triangles[start : start + 12]
        assert (np.linalg.det(part - part.mean(axis=(0, 1))) > 0).all()


def test_parts_of_a_package_are_put_together(tmp_path: Path) -> None:
    """Two objects of one part, and two of one number in different parts."""
    component = '<component p:path="/3D/{}" objectid="{}" {}/>'
    one, two, other = (
        component.format(*entry)
        for entry in (("a.model", 1, ""), ("a.model", 2, MOVED), ("b.model", 1, 'transform="1 0 0 0 1 0 0 0 1 20 0 0"'))
    )  # fmt: skip
    mesh = load_mesh(
        written(
            tmp_path / "a.3mf",
            f'<object id="5"><components>{one}{two}{other}</components></object>',
            '<item objectid="5"/>',
            others={
                "a.model": f'<object id="1">{box()}</object><object id="2">{box(2)}</object>',
                "b.model": f'<object id="1">{box(3)}</object>',
            },
        )
    )
    assert len(mesh.faces) == 36
    np.testing.assert_allclose(mesh.extents, (23, 9, 6))


@pytest.mark.parametrize("flaw", ["triangle", "texture", "picture"])
def test_a_flaw_costs_no_geometry(tmp_path: Path, flaw: str) -> None:
    """A triangle without a surface, a texture that is not there, a picture that is none; told."""
    group = (
        '<m:texture2d id="8" path="/3D/Textures/one.png" contenttype="image/png"/>'
        '<m:texture2dgroup id="9" texid="8"><m:tex2coord u="0" v="0"/></m:texture2dgroup>'
    )
    mesh = box(1, lambda face: 'pid="9" p1="0" p2="0" p3="0"')
    if flaw == "triangle":
        group, mesh = (
            "",
            box().replace("<triangles>", '<triangles><triangle v1="0" v2="0" v3="1"/>'),
        )
    picture = b"no picture" if flaw == "picture" else b""
    path = written(tmp_path / "a.3mf", f"{group}<object id='1'>{mesh}</object>", picture=picture)
    loaded = load_mesh(path)
    np.testing.assert_allclose(loaded.extents, (1, 3, 2))
    assert len(loaded.warnings) == 1


def test_of_several_layers_the_lowest_is_seen(tmp_path: Path) -> None:
    """A base material below a colour."""
    layers = (
        f'{PAINTS}<m:colorgroup id="8"><m:color color="#00FF00"/></m:colorgroup>'
        '<m:multiproperties id="7" pids="9 8"><m:multi pindices="0 0"/><m:multi pindices="1 0"/></m:multiproperties>'
    )
    mesh = load_mesh(
        written(tmp_path / "a.3mf", f'{layers}<object id="1" pid="7" pindex="1">{box()}</object>')
    )
    assert [material.name for material in mesh.materials] == ["blue"]
    assert mesh.warnings == ()


def test_corners_and_materials_are_shared(tmp_path: Path) -> None:
    """Of one thing that is built three times."""
    build = "".join(
        f'<item objectid="1" transform="1 0 0 0 1 0 0 0 1 {10 * number} 0 0"/>'
        for number in range(3)
    )
    mesh = load_mesh(
        written(tmp_path / "a.3mf", f'{PAINTS}<object id="1" pid="9" pindex="0">{box()}</object>', build)
    )  # fmt: skip
    assert len(mesh.vertices) == 24
    assert len(mesh.materials) == 1


def test_a_package_that_is_none_is_named(tmp_path: Path) -> None:
    """Cut off."""
    path = written(tmp_path / "a.3mf", f'<object id="1">{box()}</object>')
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(AssetError, match="export it anew"):
        load_mesh(path)
