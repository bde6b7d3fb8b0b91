"""Recommendations over the samples: the right kind first, copies marked, variants folded."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from shapesim.embedders import BothEmbedder, ShapeEmbedder
from shapesim.errors import GalleryError, ShapesimError
from shapesim.gallery import Gallery
from shapesim.geometry import signature
from shapesim.indexing import index_stores
from shapesim.meshes import MESH_SUFFIXES, find_assets, load_mesh
from shapesim.swap import Filters, Query, recommend
from shapesim.types import Match
from tests.conftest import SAMPLES


@pytest.fixture(scope="module")
def gallery(
    tmp_path_factory: pytest.TempPathFactory, samples_report: dict[str, Any]
) -> Iterator[Gallery]:
    """The sample store, indexed."""
    folder = tmp_path_factory.mktemp("samples") / "gallery"
    shutil.copytree(samples_report["gallery"], folder)
    with Gallery(folder) as opened:
        yield opened


def swap(gallery: Gallery, name: str, embedder: ShapeEmbedder, **options: object) -> list[Match]:
    """Matches for one asset of the sample game."""
    mesh = load_mesh(SAMPLES / name)
    query = Query(embedder.embed([mesh])[0], signature(mesh), len(mesh.faces))
    return recommend(gallery, embedder, [query], **options)[0]  # type: ignore[arg-type]


def test_samples_hold_every_format() -> None:
    """Each format that can be loaded is in the sample store."""
    files = find_assets(SAMPLES / "store").files
    assert {path.suffix for path in files} == MESH_SUFFIXES


def kinds_of_game() -> list[str]:
    """Assets of the game by their path."""
    files = find_assets(SAMPLES / "game").files
    return [path.relative_to(SAMPLES).as_posix() for path in files]


KINDS = {"pine": "tree"}
"""Names in the game whose kind has another name in the store."""


@pytest.mark.parametrize("name", kinds_of_game())
def test_the_first_match_is_of_the_same_kind(
    gallery: Gallery, name: str, embedder: ShapeEmbedder
) -> None:
    """A chair is answered by a chair, a sword by a sword."""
    kind = Path(name).stem.split("-")[0]
    first = Path(swap(gallery, name, embedder)[0].asset.id).stem
    assert kind in first or KINDS.get(kind, kind) in first


def test_a_copy_in_another_format_is_marked(gallery: Gallery, embedder: ShapeEmbedder) -> None:
    """The game's crate is a store asset written as OBJ: it comes first, as the same geometry."""
    first, *others = swap(gallery, "game/props/crate.obj", embedder)
    assert first.is_copy
    assert first.score == pytest.approx(1, abs=1e-3)
    assert not any(match.is_copy for match in others)


def test_colour_variants_are_one_match(gallery: Gallery, embedder: ShapeEmbedder) -> None:
    """The three coloured barrels of one geometry take one row and name each other."""
    matches = swap(gallery, "store/harbour-pack/props/barrel-red.glb", embedder, k=20)
    barrels = [match for match in matches if "barrel-red" in match.asset.id or match.is_copy]
    assert len(barrels) == 1
    names = {Path(asset.id).stem for asset in (barrels[0].asset, *barrels[0].variants)}
    assert names == {"barrel-red", "barrel-blue", "barrel-yellow"}


def test_only_new_arrivals_are_shown(gallery: Gallery, embedder: ShapeEmbedder) -> None:
    """new_since leaves the pack that arrived later."""
    since = datetime(2026, 11, 1, tzinfo=UTC)
    matches = swap(gallery, "game/props/chair.fbx", embedder, k=50, filters=Filters(since))
    assert matches
    assert all(match.asset.id.startswith("meadow-pack/") for match in matches)
    nothing = swap(
        gallery, "game/props/chair.fbx", embedder, filters=Filters(datetime(2030, 1, 1, tzinfo=UTC))
    )
    assert nothing == []


@pytest.mark.parametrize("k", [1, 7, 500])
def test_k_matches_of_distinct_geometry(gallery: Gallery, k: int, embedder: ShapeEmbedder) -> None:
    """As many as asked for, as long as there are geometries; best first; no asset twice."""
    matches = swap(gallery, "game/props/chair.fbx", embedder, k=k)
    assets = [asset for match in matches for asset in (match.asset, *match.variants)]
    assert len(matches) == k or len(assets) == len(gallery.assets)
    assert len({asset.path for asset in assets}) == len(assets)
    scores = [match.score for match in matches]
    assert scores == sorted(scores, reverse=True)


def test_an_empty_gallery_says_what_to_run(tmp_path: Path, embedder: ShapeEmbedder) -> None:
    """The message names the command."""
    with (
        Gallery(tmp_path, create=True) as empty,
        pytest.raises(GalleryError, match="shapesim index"),
    ):
        recommend(empty, embedder, [])


def test_filters_are_taken_as_people_write_them(
    gallery: Gallery, embedder: ShapeEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Formats with a dot, times without a zone, folders from where one is; not what nobody has."""
    name = "game/props/chair.fbx"
    found = swap(gallery, name, embedder, k=50, filters=Filters(formats=(".GLB",)))
    assert found
    assert {match.asset.path.suffix for match in found} == {".glb"}
    assert swap(gallery, name, embedder, filters=Filters(datetime(2020, 1, 1)))
    assert not swap(gallery, name, embedder, filters=Filters(datetime(2090, 1, 1)))
    with pytest.raises(ShapesimError, match="rig"):
        Filters(needs=("bones",))
    below = Filters(store=Path("meadow-pack"))
    monkeypatch.chdir(SAMPLES)
    assert not swap(gallery, name, embedder, filters=below)
    monkeypatch.chdir(SAMPLES / "store")
    assert swap(gallery, name, embedder, filters=below)


def test_several_tags_are_all_asked_for(gallery: Gallery, embedder: ShapeEmbedder) -> None:
    """Upper and lower case are the same; one that nothing has is named."""
    first, second, *_ = gallery.assets.values()
    tagged = {first.path: {"Möbel": 1.0, "chair": 0.9}, second.path: {"möbel": 0.5}}
    assets = {
        id: replace(asset, tags=tagged.get(asset.path, {})) for id, asset in gallery.assets.items()
    }
    for tags, count in ((("MÖBEL",), 2), (("Chair", "möbel"), 1), ((), len(assets))):
        allowed = filter(Filters(tags=tags).allow, assets.values())
        assert len(list(allowed)) == count
    (vector,) = embedder.embed([load_mesh(first.path)])
    with pytest.raises(ShapesimError, match="no asset is tagged yet"):
        recommend(gallery, embedder, [Query(vector)], 1, Filters(tags=("chair",)))


def test_matches_are_told_apart(gallery: Gallery, embedder: ShapeEmbedder) -> None:
    """From those of another gallery, too, and they can be kept in sets."""
    matches = swap(gallery, "game/props/chair.fbx", embedder)
    with Gallery(gallery.folder) as again:
        assert swap(again, "game/props/chair.fbx", embedder) == matches
        assert set(again.assets.values()) == set(gallery.assets.values())
    assert matches[0] != matches[1]


def test_the_example_of_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As it stands there: what is closest in the store is placed where the asset stands."""
    text = (SAMPLES.parent / "README.md").read_text(encoding="utf-8")
    example = text.split("```python\n")[1].split("```")[0]
    store = tmp_path / "store"
    store.mkdir()
    asset = SAMPLES / "game" / "props" / "chair.fbx"
    for name in ("first.fbx", "second.fbx"):
        shutil.copy(asset, store / name)
    shutil.copy(SAMPLES / "game" / "props" / "crate.obj", store)
    shutil.copy(asset, tmp_path / "my_asset.fbx")
    monkeypatch.chdir(tmp_path)
    with Gallery(".shapesim", create=True) as opened:
        index_stores(opened, [store], BothEmbedder())
    exec(example, {})
    best, other = capsys.readouterr().out.splitlines()  # each geometry once
    assert best.startswith(f"{store / 'first.fbx'} 1.0 ")
    np.testing.assert_allclose(ast.literal_eval(best.split(" ", 2)[2]), np.eye(4), atol=1e-3)
    assert other.startswith(str(store / "crate.obj"))


def test_assets_with_more_triangles_have_a_row_of_their_own(
    tmp_path: Path, embedder: ShapeEmbedder
) -> None:
    """Though their surface is the same: a handle more on a door changes it as little."""
    box = trimesh.creation.box((1, 2, 3))
    for name, mesh in (("a.obj", box), ("b.glb", box), ("c.obj", box.subdivide())):
        mesh.export(tmp_path / name)
    with Gallery(tmp_path / "gallery", create=True) as gallery:
        index_stores(gallery, [tmp_path], embedder)
        mesh = load_mesh(tmp_path / "a.obj")
        query = Query(embedder.embed([mesh])[0], signature(mesh), len(mesh.faces))
        (matches,) = recommend(gallery, embedder, [query])
    shown = [
        {match.asset.path.name, *(one.path.name for one in match.variants)} for match in matches
    ]
    assert sorted(shown, key=len) == [{"c.obj"}, {"a.obj", "b.glb"}]
    assert all(match.is_copy for match in matches)
