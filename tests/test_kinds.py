"""Kinds of things: told by names, and learnt from views."""

from __future__ import annotations

import numpy as np
import pytest

from shapesim.embedders import lite0
from shapesim.embedders.base import projected
from shapesim.errors import ShapesimError
from training.kinds import kind_of, merged
from training.look_kinds import Seen, learn_kinds


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("pack/large_buildingA.fbx", "house"),
        ("pack/Rail_Corner_2.glb", "rail"),
        ("pack/StreetLight.fbx", "lantern"),
        ("pack/TrafficLight.fbx", "traffic light"),  # the longer of two that end alike
        ("pack/truckLight.fbx", "lantern"),  # the last of two
        ("mmmm/collada/chr_hunter1.dae", "man"),
        ("free-parking/kenney-car-kit/models/tractorShovel.fbx", "car"),
        ("quaternius-glb/cute-fish-pack/Tuna.glb", "fish"),
        ("quaternius-glb/cute-fish-pack/Dock_Wide.glb", "dock"),
        ("pack/Connector.glb", ""),
    ],
)
def test_names_tell_kinds(name: str, kind: str) -> None:
    """By their last words, or by the folder."""
    assert kind_of(name) == kind


def test_one_kind_has_one_name() -> None:
    """Whatever a source calls it."""
    assert merged("lamp") == merged("lantern") == "lantern"
    assert merged("chair") == "chair"


def seen(count: int, rng: np.random.Generator) -> tuple[Seen, np.ndarray]:
    """Views whose features tell one of four kinds by few of many numbers, loud in others."""
    kinds = rng.integers(4, size=count)
    signal = np.random.default_rng(7).standard_normal((4, 400))
    features = 3 * rng.standard_normal((count, 1, lite0.DIM)).repeat(12, axis=1)
    features[..., :400] /= 3
    features += 0.5 * rng.standard_normal(features.shape)
    features[..., :400] += 0.7 * signal[kinds][:, None]
    labels = ["" if row % 5 == 0 else f"kind {kind}" for row, kind in enumerate(kinds)]
    return Seen(features.astype(np.float16), labels, ["a"] * count), kinds


def nearest_is_alike(vectors: np.ndarray, kinds: np.ndarray) -> float:
    """Share of rows whose nearest is of their kind."""
    similar = vectors @ vectors.T
    np.fill_diagonal(similar, -1)
    return float((kinds[similar.argmax(axis=1)] == kinds).mean())


def test_views_of_one_kind_come_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of assets never seen, where what is not about the kind is louder in the features."""
    monkeypatch.setattr("training.look_kinds._STEPS", 60)
    rng = np.random.default_rng(0)
    known, _ = seen(160, rng)
    new, kinds = seen(80, rng)
    mean, deviation = (
        np.zeros(lite0.DIM, np.float32),
        known.features.std(axis=(0, 1), dtype=np.float32),
    )
    learnt = learn_kinds(known, mean, deviation, 0) | {"mean": mean, "deviation": deviation}
    rows = new.features[:, 0].astype(np.float32)
    plain = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    assert nearest_is_alike(plain, kinds) < 0.5
    assert nearest_is_alike(projected(rows, learnt, "named"), kinds) > 0.9


def test_without_kinds_there_is_nothing_to_learn() -> None:
    """One clear line."""
    one = Seen(np.zeros((2, 12, lite0.DIM), np.float16), ["chair", ""], ["a", "b"])
    nothing = np.zeros(lite0.DIM, np.float32)
    with pytest.raises(ShapesimError, match="no kind has two assets"):
        learn_kinds(one, nothing, nothing + 1, 0)
