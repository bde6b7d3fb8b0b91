"""Files that are written as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from shapesim.errors import ShapesimError
from shapesim.meshes import find_assets
from shapesim.writing import replaced


def test_nobody_meets_a_file_that_is_being_written(tmp_path: Path) -> None:
    """Not a store, not a file of another name, and not who writes the same one."""
    (tmp_path / "chair.partial.glb").write_text("mine")
    out = tmp_path / "chair.glb"
    with replaced(out) as one, replaced(out) as other:
        one.write_text("one")
        other.write_text("other, longer")
        assert find_assets(tmp_path).files == [tmp_path / "chair.partial.glb"]
    assert out.read_text() == "one"
    assert {path.name for path in tmp_path.iterdir()} == {"chair.partial.glb", "chair.glb"}


def test_what_fails_leaves_what_was_there(tmp_path: Path) -> None:
    """And says why."""
    out = tmp_path / "a.txt"
    out.write_text("before")
    with pytest.raises(ShapesimError, match="cannot be written"), replaced(out) as file:
        file.write_text("half")
        raise OSError(28, "No space left on device")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert out.read_text() == "before"
