"""DAE files: what holds their surface, and how it looks."""
# ruff: noqa: E501 - XML

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shapesim.errors import AssetError
from shapesim.meshes import load_mesh
from shapesim.rendering.views import render

CORNERS = [(x, y, z) for x in (0, 1) for y in (0, 2) for z in (0, 3)]
SIDES = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
UVS = [(0, 0), (1, 0), (1, 1), (0, 1)]
RED = "<phong><diffuse><color>1 0 0 1</color></diffuse></phong>"
HEAD = "<created>2020-01-01T00:00:00</created>"
NODE = '<instance_{} url="#{}">{}<bind_material><technique_common>{}</technique_common></bind_material></instance_{}>'
BOUND = '<instance_material symbol="m" target="#mat"/>'
SKIN = """<library_controllers><controller id="skin"><skin source="#box">
<bind_shape_matrix>1 0 0 5 0 1 0 0 0 0 1 0 0 0 0 1</bind_shape_matrix>
<source id="names"><Name_array id="names-array" count="1">root</Name_array><technique_common>
<accessor source="#names-array" count="1"><param name="JOINT" type="name"/></accessor></technique_common></source>
<source id="binds"><float_array id="binds-array" count="16">1 0 0 0 0 1 0 -4 0 0 1 0 0 0 0 1</float_array>
<technique_common><accessor source="#binds-array" count="1" stride="16"><param type="float4x4"/></accessor>
</technique_common></source>
<source id="weights"><float_array id="weights-array" count="1">1</float_array><technique_common>
<accessor source="#weights-array" count="1"><param name="WEIGHT" type="float"/></accessor></technique_common></source>
<joints><input semantic="JOINT" source="#names"/><input semantic="INV_BIND_MATRIX" source="#binds"/></joints>
<vertex_weights count="8"><input semantic="JOINT" source="#names" offset="0"/>
<input semantic="WEIGHT" source="#weights" offset="1"/><vcount>1 1 1 1 1 1 1 1</vcount>
<v>0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0</v></vertex_weights></skin></controller></library_controllers>"""
JOINT = '<node id="hips" sid="root" type="JOINT"><translate>0 4 0</translate></node>'
ALL = NODE.format("geometry", "box", "", BOUND, "geometry")


def written(
    path: Path, node: str = ALL, shader: str = RED, head: str = HEAD, within: str = "",
    images: str = "", more: str = "", scene: str = '<scene><instance_visual_scene url="#all"/></scene>',
) -> Path:  # fmt: skip
    """A box of 1 × 2 × 3 at the origin, textured by side."""
    index = [f"{c} {k}" for side in SIDES for c, k in zip(side, range(4), strict=True)]
    corners = " ".join(str(v) for corner in CORNERS for v in corner)
    uvs = " ".join(str(v) for uv in UVS for v in uv)
    param = "".join(f'<param name="{name}" type="float"/>' for name in "XYZ")
    across = "".join(f'<param name="{name}" type="float"/>' for name in "ST")
    path.write_text(
        f"""<?xml version="1.0" encoding="utf-8"?>
<COLLADA xmlns="http://www.collada.org/2005/11/COLLADASchema" version="1.4.1"><asset>{head}</asset>
{images}<library_effects><effect id="fx"><profile_COMMON>
{'<newparam sid="s"><surface type="2D"><init_from>img</init_from></surface></newparam><newparam sid="t"><sampler2D><source>s</source></sampler2D></newparam>' if images else ""}
<technique sid="common">{shader}</technique></profile_COMMON></effect></library_effects>
<library_materials><material id="mat" name="paint"><instance_effect url="#fx"/></material></library_materials>
<library_geometries><geometry id="box"><mesh>{within}
<source id="p"><float_array id="pa" count="24">{corners}</float_array><technique_common>
<accessor source="#pa" count="8" stride="3">{param}</accessor></technique_common></source>
<source id="u"><float_array id="ua" count="8">{uvs}</float_array><technique_common>
<accessor source="#ua" count="4" stride="2">{across}</accessor></technique_common></source>
<vertices id="v"><input semantic="POSITION" source="#p"/></vertices>
<polylist count="6" material="m"><input semantic="VERTEX" source="#v" offset="0"/>
<input semantic="TEXCOORD" source="#u" offset="1"/><vcount>4 4 4 4 4 4</vcount>
<p>{" ".join(index)}</p></polylist></mesh></geometry></library_geometries>{more}
<library_visual_scenes><visual_scene id="all"><node id="it">{node}</node>{JOINT}</visual_scene>
</library_visual_scenes>{scene}</COLLADA>""",
        encoding="utf-8",
    )
    return path


def textured(path: Path, shader: str) -> Path:
    """With a disc on clear ground, beside it."""
    disc = np.hypot(*np.mgrid[-1:1:64j, -1:1:64j]) < 0.9
    pixels = np.where(disc[..., None], [20, 200, 20, 255], [0, 0, 0, 0]).astype(np.uint8)
    Image.fromarray(pixels).save(path.with_name("leaf.png"))
    images = (
        '<library_images><image id="img"><init_from>leaf.png</init_from></image></library_images>'
    )
    return written(path, shader=shader, images=images)


def held(skeleton: str) -> str:
    """A skin, moved by a node that does not count."""
    skin = NODE.format("controller", "skin", skeleton, BOUND, "controller")
    return f"<node><translate>0 0 70</translate>{skin}</node>"


def test_a_skinned_mesh_stands_where_its_joints_hold_it(tmp_path: Path) -> None:
    """Beside a static one; each of two skeletons, whose joints have the same names, its own."""
    mesh = load_mesh(written(tmp_path / "skin.dae", node=f"{held('')}{ALL}", more=SKIN))
    np.testing.assert_allclose(mesh.vertices.min(axis=0), (0, 0, 0), atol=1e-6)
    np.testing.assert_allclose(mesh.extents, (6, 2, 3), atol=1e-6)
    assert mesh.joints == 1
    assert len(mesh.faces) == 24
    two = f"{JOINT.replace('hips', 'other').replace('0 4 0', '9 4 0')}{held('<skeleton>#hips</skeleton>')}"
    two += held("<skeleton>#other</skeleton>")
    mesh = load_mesh(written(tmp_path / "two.dae", node=two, more=SKIN))
    np.testing.assert_allclose(mesh.extents, (10, 2, 3), atol=1e-6)
    assert mesh.joints == 2


def test_a_face_with_expressions_is_read_in_its_own(tmp_path: Path) -> None:
    """Also one that is skinned as well."""
    sources = "".join(
        f'<source id="{name}s"><{kind} id="{name}a" count="1">{value}</{kind}><technique_common>'
        f'<accessor source="#{name}a" count="1"><param name="{name}" type="{of}"/></accessor>'
        "</technique_common></source>"
        for name, kind, value, of in (
            ("TARGET", "IDREF_array", "box", "IDREF"), ("WEIGHT", "float_array", "1", "float"),
        )
    )  # fmt: skip
    inputs = '<input semantic="MORPH_TARGET" source="#TARGETs"/><input semantic="MORPH_WEIGHT" source="#WEIGHTs"/>'
    morph = f'<controller id="morph"><morph source="#box" method="NORMALIZED">{sources}<targets>{inputs}</targets></morph></controller>'
    skin = SKIN.replace('source="#box"', 'source="#morph"')
    both = skin.replace("<library_controllers>", f"<library_controllers>{morph}")
    alone = NODE.format("controller", "morph", "", BOUND, "controller")
    mesh = load_mesh(written(tmp_path / "a.dae", node=alone, more=both))
    np.testing.assert_allclose(mesh.vertices.min(axis=0), (0, 0, 0), atol=1e-6)
    mesh = load_mesh(written(tmp_path / "b.dae", node=held(""), more=both))
    np.testing.assert_allclose(mesh.vertices.min(axis=0), (5, 0, 0), atol=1e-6)
    assert mesh.joints == 1


@pytest.mark.parametrize("scene", ["", '<scene><instance_visual_scene url="#all"/></scene>'])
def test_what_is_placed_is_placed(tmp_path: Path, scene: str) -> None:
    """Of a mirror image, the outside stays outside; a file may not say which scene is meant."""
    mesh = load_mesh(written(tmp_path / "a.dae", f"<scale>-1 1 2</scale>{ALL}", scene=scene))
    np.testing.assert_allclose(mesh.vertices.min(axis=0), (-1, 0, 0), atol=1e-6)
    corners = mesh.triangles - mesh.vertices.mean(axis=0)
    assert (np.linalg.det(corners) > 0).all()


@pytest.mark.parametrize(
    "options",
    [
        {"within": "<!-- made by hand -->"},
        {"node": ALL.replace("#mat", "#gone")},
        {"node": ALL.replace("#mat", "materials.dae#mat")},
        {"shader": "<phong><diffuse><texture texture='none' texcoord='u'/></diffuse></phong>"},
        {"images": "<library_images><image id='img'/></library_images>"},
    ],
)
def test_what_cannot_be_resolved_costs_no_geometry(tmp_path: Path, options: dict[str, str]) -> None:
    """A comment, a material, a texture."""
    mesh = load_mesh(written(tmp_path / "a.dae", **options))
    np.testing.assert_allclose(mesh.extents, (1, 2, 3), atol=1e-6)
    red = np.allclose(mesh.materials[0].colour, (1, 0, 0, 1))
    assert red == ("within" in options)
    assert len(mesh.warnings) == ("node" in options or "images" in options)


def test_a_part_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """Beside what can; where nothing can, it is the reason."""
    lost = '<instance_geometry url="#gone"/>'
    mesh = load_mesh(written(tmp_path / "a.dae", node=f"{lost}{ALL}"))
    assert len(mesh.faces) == 12
    (warning,) = mesh.warnings
    assert "#gone" in warning
    with pytest.raises(AssetError, match="#gone"):
        load_mesh(written(tmp_path / "b.dae", node=lost))
    (tmp_path / "c.dae").write_text("<foo/>")
    with pytest.raises(AssetError, match="no COLLADA"):
        load_mesh(tmp_path / "c.dae")


def test_corners_are_shared_where_nothing_differs(tmp_path: Path) -> None:
    """A box has 8, and 24 with a texture on each side; without normals, it is shaded round."""
    mesh = load_mesh(written(tmp_path / "a.dae"))
    assert len(mesh.corners) == 24 - 4  # some sides meet in the same corner of the texture
    plain = written(tmp_path / "b.dae")
    text = re.sub('<input semantic="TEXCOORD"[^>]*>', "", plain.read_text(encoding="utf-8"))
    corners = " ".join(str(c) for side in SIDES for c in side)
    text = re.sub("<p>[^<]*</p></polylist>", f"<p>{corners}</p></polylist>", text)
    plain.write_text(text, encoding="utf-8")
    assert len(load_mesh(plain).corners) == 8


def test_vertex_colours_and_strips_are_read(tmp_path: Path) -> None:
    """And lines beside them are not in the way."""
    path = written(tmp_path / "a.dae")
    colours = " ".join(f"{row / 7:.6f} 0 {1 - row / 7:.6f}" for row in range(8))
    source = (
        f'<source id="c"><float_array id="ca" count="24">{colours}</float_array><technique_common>'
        '<accessor source="#ca" count="8" stride="3"><param name="R" type="float"/>'
        '<param name="G" type="float"/><param name="B" type="float"/></accessor></technique_common></source>'
    )
    strip = (
        '<tristrips count="1" material="m"><input semantic="VERTEX" source="#v" offset="0"/>'
        '<input semantic="COLOR" source="#c" offset="0"/><p>0 1 2 3</p></tristrips>'
        '<linestrips count="1"><input semantic="VERTEX" source="#v" offset="0"/><p>0 1 2</p></linestrips>'
    )
    text = path.read_text(encoding="utf-8").replace("<vertices", f"{source}<vertices")
    path.write_text(
        re.sub("<polylist.*</polylist>", strip, text, flags=re.DOTALL), encoding="utf-8"
    )
    mesh = load_mesh(path)
    assert len(mesh.faces) == 2
    assert mesh.colours is not None
    expected = np.array([[row / 7 * 255, 0, 255 - row / 7 * 255] for row in range(4)])
    np.testing.assert_allclose(mesh.colours[:, :3], expected, atol=1)
    assert mesh.warnings == ()


def test_a_texture_is_cut_out_where_the_file_says_so(tmp_path: Path) -> None:
    """As leaves are; without that, its alpha does not count."""
    drawn = []
    for name, clear in (("cut", "<transparent opaque='A_ONE'>{}</transparent>"), ("plain", "")):
        texture = '<texture texture="t" texcoord="u"/>'
        shader = f"<phong><diffuse>{texture}</diffuse>{clear.format(texture)}</phong>"
        mesh = load_mesh(textured(tmp_path / f"{name}.dae", shader))
        assert mesh.companions.files == ("leaf.png",)
        assert mesh.materials[0].name == "paint"
        drawn.append((render(mesh, [(30.0, 20.0)], 128)[0][..., 3] > 128).mean())
    assert drawn[0] < 0.85 * drawn[1]


def test_what_gives_off_light_has_its_colour(tmp_path: Path) -> None:
    """Where nothing else lights it."""
    shader = "<constant><emission><color>0 0 1 1</color></emission></constant>"
    mesh = load_mesh(written(tmp_path / "a.dae", shader=shader))
    np.testing.assert_allclose(mesh.materials[0].colour, (0, 0, 1, 1), atol=1e-6)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("prefix", ["", "c:"])
def test_the_axis_and_the_unit_are_read_however_the_file_is_written(
    tmp_path: Path, encoding: str, prefix: str
) -> None:
    """In other letters, and with other names of tags."""
    head = f'{HEAD}<unit meter="0.01" name="centimeter"/><up_axis>Z_UP</up_axis>'
    path = written(tmp_path / "a.dae", head=head)
    text = path.read_text(encoding="utf-8").replace("utf-8", encoding)
    if prefix:
        text = text.replace("</", f"</{prefix}").replace("<", f"<{prefix}")
        text = text.replace(f"<{prefix}/{prefix}", f"</{prefix}").replace(f"<{prefix}?", "<?")
        text = text.replace("xmlns=", "xmlns:c=")
    path.write_text(text, encoding=encoding)
    mesh = load_mesh(path)
    np.testing.assert_allclose(mesh.extents, (1, 3, 2), atol=1e-6)
    assert mesh.unit == pytest.approx(0.01)


def test_the_way_from_the_file_to_the_frame_mirrors_what_asset_forge_mirrors(
    tmp_path: Path,
) -> None:
    """So that a swap is placed by the coordinates that an engine reads."""
    head = "<created>0001-01-01T00:00:00</created>"
    mesh, plain = (
        load_mesh(written(tmp_path / "a.dae", head=head)),
        load_mesh(written(tmp_path / "b.dae")),
    )
    placed = plain.vertices @ mesh.upright[:3, :3].T + mesh.upright[:3, 3]
    assert np.linalg.det(mesh.upright) < 0
    np.testing.assert_allclose(np.sort(mesh.vertices, axis=0), np.sort(placed, axis=0))
    assert (np.linalg.det(mesh.triangles - mesh.vertices.mean(axis=0)) > 0).all()


def test_polygons_are_cut_within_their_outlines(tmp_path: Path) -> None:
    """An arrow and a square, of which one corner points inwards: 4 and 1 in all."""
    corners = "4 -4 0 1 0 0 4 4 0 0 0 0 5 0 0 6 0 0 6 1 0 5 1 0"
    param = "".join(f'<param name="{name}" type="float"/>' for name in "XYZ")
    path = tmp_path / "a.dae"
    path.write_text(
        f"""<?xml version="1.0"?>
<COLLADA xmlns="http://www.collada.org/2005/11/COLLADASchema" version="1.4.1">
<asset><up_axis>Y_UP</up_axis></asset><library_geometries><geometry id="g"><mesh><source id="p">
<float_array id="pa" count="24">{corners}</float_array><technique_common>
<accessor source="#pa" count="8" stride="3">{param}</accessor></technique_common></source>
<vertices id="v"><input semantic="POSITION" source="#p"/></vertices><polylist count="3">
<input semantic="VERTEX" source="#v" offset="0"/><vcount>4 3 3</vcount>
<p>0 1 2 3 4 5 6 4 6 7</p></polylist></mesh></geometry></library_geometries>
<library_visual_scenes><visual_scene id="s"><node><instance_geometry url="#g"/></node></visual_scene>
</library_visual_scenes><scene><instance_visual_scene url="#s"/></scene></COLLADA>""",
        encoding="utf-8",
    )
    sides = load_mesh(path).triangles
    areas = np.cross(sides[:, 1] - sides[:, 0], sides[:, 2] - sides[:, 0])[:, 2] / 2
    assert areas[:2].sum() == pytest.approx(4)
    assert (areas > 0).all()
    assert areas[2:].tolist() == pytest.approx([0.5, 0.5])
