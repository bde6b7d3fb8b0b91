"""The networks' benchmarks, and what they are measured on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from voxel_models import WeightsError, create_model
from voxel_models.bench import TEMPERATURE, completion, embed, mean_average_precision, modelnet10
from voxel_models.data import seen_from_one_side
from voxel_models.losses import TERMS, losses, parts
from voxel_models.modelnet import CLASSES, RESOLUTION, YAWS, Split, read_modelnet10


def write_modelnet(path: Path) -> None:
    """Four training grids, one of them empty, and three to test, one of them known."""
    rng = np.random.default_rng(0)
    grids = np.zeros((7, 30, 30, 30), np.int32)
    for row in range(7):
        low, high = np.sort(rng.integers(3, 27, (2, 3)), axis=0)
        grids[row, low[0] : high[0] + 1, low[1] : high[1] + 1, low[2] : high[2] + 1] = 1
    grids[3] = 0
    grids[6] = grids[0]
    grids[4] = 0
    grids[4, 10, 12, 5:20] = 1  # a pole
    labels = np.array([0, 1, 0, 1, 0, 1, 0])
    np.savez(path, X_train=grids[:4], y_train=labels[:4], X_test=grids[4:], y_test=labels[4:])


def test_modelnet_stands_upright_and_leaks_are_known(tmp_path: Path) -> None:
    """Z becomes y without mirroring, empty grids leave training, a copy in the test is marked."""
    write_modelnet(tmp_path / "m.npz")
    split = read_modelnet10(tmp_path / "m.npz")
    assert len(split.train) == len(split.train_labels) == 3
    assert split.leaked.tolist() == [False, False, True]
    assert split.test.shape == (3, RESOLUTION, RESOLUTION, RESOLUTION)
    x, y, z = np.nonzero(split.test[0])
    assert set(x.tolist()) == {11}
    assert sorted(y.tolist()) == list(range(6, 21))
    assert set(z.tolist()) == {RESOLUTION - 1 - 13}  # (x, y, z) turns to (x, z, -y)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"y_test": np.array([0, 1, 12])}, "is not one of the 10 classes"),
        ({"y_test": np.array([0, 1])}, "is not one of the 10 classes"),
        ({"X_test": np.zeros((0, 30, 30, 30)), "y_test": np.zeros(0)}, "not .N, 30, 30, 30."),
        ({"X_train": np.ones((4, 28, 31, 31))}, "not .N, 30, 30, 30."),
    ],
)
def test_what_is_no_modelnet_is_refused(
    tmp_path: Path, change: dict[str, NDArray[np.int64]], reason: str
) -> None:
    """Instead of measured."""
    write_modelnet(tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz") as whole:
        arrays = dict(whole) | change
    np.savez(tmp_path / "m.npz", **arrays)
    with pytest.raises(ValueError, match=reason):
        read_modelnet10(tmp_path / "m.npz")


def test_networks_of_other_things_are_not_measured(tmp_path: Path) -> None:
    """What knows other classes has no accuracy, and what completes nothing no completion."""
    write_modelnet(tmp_path / "m.npz")
    split = read_modelnet10(tmp_path / "m.npz")
    model = create_model("resnet3d", classes=3)
    with pytest.raises(WeightsError, match="not trained on ModelNet10"):
        modelnet10(model, split, one_view=False)
    with pytest.raises(WeightsError, match="completes nothing"):
        completion(model, split)


def blob(seed: int) -> NDArray[np.bool_]:
    """Random cells."""
    return np.random.default_rng(seed).random((10, 10, 10)) > 0.97


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0])
def test_one_side_shows_what_rays_reach(slope: float) -> None:
    """A cell is known to be empty just where no filled one is before it on its ray."""
    grid = blob(1)
    seen = seen_from_one_side(grid, 0, slope)
    for x, y, z in np.ndindex(grid.shape):
        height = y + round(x * slope)
        ray = [(before, height - round(before * slope)) for before in range(x + 1)]
        blocked = any(grid[at, level, z] for at, level in ray if 0 <= level < 10)
        assert seen[x, y, z] == blocked
    assert (seen_from_one_side(grid, 2, slope) >= grid).all()
    turned = np.rot90(seen_from_one_side(np.rot90(grid, 1, axes=(0, 2)), 0, slope), -1, axes=(0, 2))
    np.testing.assert_array_equal(turned, seen_from_one_side(grid, 1, slope))


def test_mean_average_precision_by_hand() -> None:
    """Of each query: the precision at each right one, averaged; never the query itself."""
    angles = np.array([0.0, 0.1, 0.3, 1.0])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    labels = np.array([0, 1, 0, 1])
    # Orders of 0: 1 2 3, of 1: 0 2 3, of 2: 1 0 3, of 3: 2 1 0.
    expected = (1 / 2 + 1 / 3 + 1 / 2 + 1 / 2) / 4
    assert mean_average_precision(vectors, labels) == pytest.approx(expected)


def test_turns_and_mirror_images_of_a_grid_embed_alike() -> None:
    """Their vectors are the same eight, in other orders."""
    model = create_model("resnet3d", resolution=16, dim=8).eval()
    grid = np.random.default_rng(0).random((1, 16, 16, 16)) > 0.7
    alike = [grid, np.rot90(grid, 1, axes=(1, 3)), grid[:, ::-1]]
    means = embed(model, np.concatenate(alike)).mean(dim=0)
    vectors = torch.nn.functional.normalize(means, dim=1).numpy()
    np.testing.assert_allclose(vectors @ vectors.T, 1, atol=1e-3)


class Told(torch.nn.Module):
    """Embeds a grid of n cells by how much likelier the first class is than the second."""

    def __init__(self, logits: list[float]) -> None:
        super().__init__()
        self.centres = torch.nn.Parameter(torch.eye(len(CLASSES)).repeat_interleave(YAWS, dim=0))
        angles = torch.acos(torch.tensor(logits) * TEMPERATURE / 2**0.5) - torch.pi / 4
        self.rows = torch.nn.functional.pad(
            torch.stack([angles.cos(), angles.sin()], dim=1), (0, len(CLASSES) - 2)
        )

    def forward(self, grids: torch.Tensor) -> torch.Tensor:
        """(N, R, R, R) to (N, 10)."""
        return self.rows[grids.sum(dim=(1, 2, 3)).long() - 1]


def test_figures_of_the_benchmark_by_hand() -> None:
    """Five grids, the third of which leaked; the second and the last are taken for others."""
    grids = np.zeros((5, RESOLUTION, RESOLUTION, RESOLUTION), bool)
    for row, grid in enumerate(grids):
        grid[: row + 1, 5, 5] = True
    labels, leaked = np.array([0, 1, 0, 1, 0]), np.arange(5) == 2
    split = Split(grids[:1], labels[:1], grids, labels, leaked)
    figures = modelnet10(Told([3.0, 1.5, 0.5, -2.0, -3.0]), split, one_view=False)
    # Orders of 0: 1 2 3 4, of 1: 0 2 3 4, of 2: 1 0 3 4, of 3: 4 2 1 0, of 4: 3 2 1 0.
    assert figures == {
        "accuracy": pytest.approx(3 / 5),
        "map": pytest.approx((1 / 2 + 1 / 3 + 1 / 2 + 1 / 3 + 1 / 2) / 5),
        "accuracy_without_leaked": pytest.approx(2 / 4),
        "map_without_leaked": pytest.approx((1 / 3 + 1 / 2 + 1 / 2 + 1 / 3) / 4),
    }


def test_a_pupil_that_equals_its_teacher_has_nothing_to_learn() -> None:
    """Both of the teacher's terms are 0 then, and more otherwise; assets without count not."""
    torch.manual_seed(0)
    vectors = torch.nn.functional.normalize(torch.randn(6, 5), dim=1)
    labels = torch.full((6,), -1)
    centres = torch.zeros(0, 5)
    same = losses(vectors.repeat(2, 1), labels, centres, vectors, torch.nn.Identity())
    named = dict(zip(TERMS, same.tolist(), strict=True))
    assert named["class"] == 0
    assert named["turn"] == pytest.approx(0, abs=1e-5)
    assert named["teacher"] == pytest.approx(0, abs=1e-5)
    assert named["neighbours"] == pytest.approx(0, abs=1e-5)
    other = losses(vectors.flip(0).repeat(2, 1), labels, centres, vectors, torch.nn.Identity())
    assert (other[3:] > 0.1).all()
    few = vectors.clone()
    few[:3] = 0
    part = losses(vectors.repeat(2, 1), labels, centres, few, torch.nn.Identity())
    assert part[3:].abs().max() < 1e-5


def test_each_part_of_an_embedding_learns_from_its_own_terms() -> None:
    """Classes from the part for kinds, everything else from the other; turns from both."""
    torch.manual_seed(0)
    vectors = torch.nn.functional.normalize(torch.randn(12, 8), dim=1).requires_grad_()
    labels = torch.tensor([0, 0, 1, 1, -1, -1])
    teacher = torch.nn.functional.normalize(torch.randn(6, 4), dim=1)
    for_all, for_kinds = parts(vectors, 3)
    assert torch.allclose(for_all, torch.nn.functional.normalize(vectors[:, :5], dim=1))
    assert torch.allclose(for_kinds, torch.nn.functional.normalize(vectors[:, 5:], dim=1))
    terms = losses(vectors, labels, torch.randn(2, 3), teacher, torch.nn.Linear(5, 4))
    touched = {}
    for name, term in zip(TERMS, terms, strict=True):
        (slope,) = torch.autograd.grad(term, vectors, retain_graph=True)
        touched[name] = (bool(slope[:, :5].any()), bool(slope[:, 5:].any()))
    assert touched == {
        "class": (False, True),
        "view": (True, False),
        "turn": (True, True),
        "teacher": (True, False),
        "neighbours": (True, False),
    }


def test_without_kinds_all_of_an_embedding_learns_of_all() -> None:
    """As on a store without labels."""
    torch.manual_seed(0)
    vectors = torch.nn.functional.normalize(torch.randn(12, 8), dim=1).requires_grad_()
    terms = losses(vectors, torch.full((6,), -1), torch.zeros(0, 4), None, torch.nn.Identity())
    for name in ("view", "turn"):
        term = terms[list(TERMS).index(name)]
        (slope,) = torch.autograd.grad(term, vectors, retain_graph=True)
        assert (slope.abs().sum(dim=0) > 0).all()


def test_a_score_is_the_mean_of_the_cosines_of_both_parts() -> None:
    """Of what the network embeds, which has unit length."""
    torch.manual_seed(0)
    model = create_model("resnet3d", classes=2).eval()
    with torch.no_grad():
        rows = model((torch.rand(5, 32, 32, 32) > 0.7).float())
    for_all, for_kinds = parts(rows, rows.shape[1] // 2)
    mean = (for_all @ for_all.T + for_kinds @ for_kinds.T) / 2
    assert torch.allclose(rows @ rows.T, mean, atol=1e-5)
    assert torch.allclose(rows.norm(dim=1), torch.ones(5), atol=1e-5)


@pytest.mark.parametrize(
    ("words", "message"),
    [(["other.npz"], "not ModelNet10"), (["m.npz", "--weights", "resnet3d.nothing"], "no weights")],
)
def test_the_command_says_what_is_wrong(words: list[str], message: str, tmp_path: Path) -> None:
    """A file that is no ModelNet, and weights that are not there."""
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    write_modelnet(tmp_path / "m.npz")
    command = [sys.executable, "-m", "voxel_models.bench", "modelnet10", "--json", "--data"]
    run = subprocess.run(
        [*command, *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout) == (1, "")
    assert "Traceback" not in run.stderr
    assert message in run.stderr
