"""Indexes against brute force."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from numpy.typing import NDArray

from shapesim.indexes import ExactIndex, Index
from shapesim.indexes.nndescent import NNDescentIndex


def unit_rows(count: int, dim: int, seed: int) -> NDArray[np.float32]:
    """Random directions."""
    rows = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(scope="module", params=["exact", "graph"])
def index(request: pytest.FixtureRequest) -> Index:
    """Both indexes over the same 300 vectors."""
    vectors = unit_rows(300, 16, 0)
    if request.param == "exact":
        return ExactIndex(vectors)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numba and scipy warn of each other's deprecations
        return NNDescentIndex(vectors)


@pytest.mark.parametrize("k", [1, 10, 300, 1000])
def test_answers_equal_brute_force(index: Index, k: int) -> None:
    """Rows and distances are those of a full sort, also where k exceeds the number of vectors."""
    vectors, queries = unit_rows(300, 16, 0), unit_rows(17, 16, 1)
    rows, distances = index.query(queries, k)
    expected = 1 - queries @ vectors.T
    order = np.argsort(expected, axis=1)[:, : min(k, 300)]
    if k <= 10 or isinstance(index, ExactIndex):  # a graph need not lead to every vector
        np.testing.assert_array_equal(rows, order)
        np.testing.assert_allclose(distances, np.take_along_axis(expected, order, 1), atol=1e-5)
    assert rows.shape == order.shape
    assert (np.diff(distances, axis=1) >= 0).all()
    assert all(len(set(row)) == len(row) for row in rows.tolist())
