"""What networks are trained on, put together from several sources."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np

from tests.conftest import SAMPLES
from training.kinds import merged
from voxel_models.data import read_grids


def write_csv(path: Path, rows: list[tuple[str, ...]]) -> None:
    """Rows with a header first."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def test_one_command_puts_all_sources_together(tmp_path: Path) -> None:
    """Labels come from the table, from catalogues and from families; parts of toys have none."""
    data, chair = tmp_path / "data", SAMPLES / "game" / "props" / "chair.fbx"
    crate = (SAMPLES / "game" / "props" / "crate.obj").read_text()
    for name in ("store/artist/pack", "more_meshes/kit", "more_meshes/ldraw/door"):
        (data / name).mkdir(parents=True)
    shutil.copy(chair, data / "store" / "artist" / "pack" / "seat.fbx")
    (data / "more_meshes" / "kit" / "thing.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    (data / "more_meshes" / "ldraw" / "door" / "1.obj").write_text(crate)
    write_csv(data / "store_labels.csv", [("path", "label"), ("artist/pack/seat.fbx", "chair")])
    write_csv(
        data / "more_meshes.csv",
        [("path", "licence"), ("kit/thing.obj", "MIT-0"), ("ldraw/door/1.obj", "CC-BY-2.0")],
    )
    (tmp_path / "furniture").mkdir()
    with zipfile.ZipFile(tmp_path / "furniture" / "Some.sh3f", "w") as pack:
        lines = []
        for number in range(3):
            shape = f"v 0 0 0\nv {number + 1} 0 0\nv 0 1 0\nv 0 0 1\nf 1 2 3\nf 1 2 4\n"
            pack.writestr(f"some/{number}.obj", shape)
            lines += [f"name#{number}=Old couch", f"model#{number}=/some/{number}.obj"]
        pack.writestr("PluginFurnitureCatalog.properties", "\n".join(lines))
    out = tmp_path / "grids"
    command = [sys.executable, "-m", "training.assembling", str(data), "--procedural", "2"]
    words = ["--furniture", str(tmp_path / "furniture"), "--out", str(out)]
    run = subprocess.run(
        [*command, *words], cwd=SAMPLES.parent, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    labels = {}
    for path in out.glob("*.npz"):
        with np.load(path, allow_pickle=False) as grids:
            labels[path.stem] = dict(
                zip(grids["paths"].tolist(), grids["labels"].tolist(), strict=True)
            )
            np.testing.assert_allclose(np.linalg.norm(grids["teacher"], axis=1), 1, atol=1e-5)
    assert labels["game-meshes"] == {"artist/pack/seat.fbx": "chair", "kit/thing.obj": ""}
    assert labels["bricks"] == {"ldraw/door/1.obj": ""}
    assert set(labels["furniture"].values()) == {"sofa"}
    families = {name: merged(name.partition("/")[0]) for name in labels["procedural"]}
    assert labels["procedural"] == families
    assert "| bricks | 1 | 0 | 0 | 0 | CC-BY-2.0 |" in (out / "datasheet.md").read_text()
    assert read_grids(sorted(out.glob("*.npz"))).teacher is not None
