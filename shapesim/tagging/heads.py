"""Linear heads on embeddings, fitted in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar

_PENALTIES = np.geomspace(0.01, 10, 10)


@dataclass(frozen=True, slots=True)
class Head:
    """A ridge classifier with calibrated probabilities.

    Attributes:
        mean: (D,) of the features.
        deviation: (D,).
        weights: (D, C).
        scale: (C,) by which scores are multiplied before they become probabilities.
        bias: (C,) that is added to them.
    """

    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]
    weights: NDArray[np.float32]
    scale: NDArray[np.float32]
    bias: NDArray[np.float32]

    def probabilities(self, features: NDArray[np.float32], exclusive: bool) -> NDArray[np.float32]:
        """(N, D) features to (N, C) probabilities, which sum to 1 where labels are exclusive."""
        inputs = (_flattened(features) - self.mean) / self.deviation
        scores = (inputs @ self.weights) * self.scale + self.bias
        return _to_probabilities(scores, exclusive).astype(np.float32)

    def gives(self, labels: int) -> bool:
        """Whether its arrays belong together, for so many labels, and hold numbers."""
        shapes = [array.shape for array in self.tensors().values()]
        inputs = self.mean.shape
        fitting = [inputs, inputs, (*inputs, labels), (labels,), (labels,)]
        return shapes == fitting and all(np.isfinite(a).all() for a in self.tensors().values())

    def at_temperature(self, temperature: float) -> Head:
        """A head less sure by a temperature above 1, of labels that exclude each other."""
        factor = np.float32(1 / temperature)
        return replace(self, scale=self.scale * factor, bias=self.bias * factor)

    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """For a file."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_tensors(cls, tensors: dict[str, NDArray[np.float32]]) -> Head:
        """From a file."""
        return cls(**{name: tensor.astype(np.float32) for name, tensor in tensors.items()})


def fit_head(
    features: NDArray[np.float32],
    blocks: Sequence[int],
    truth: NDArray[np.float32],
    exclusive: bool,
) -> Head:
    """Fits by ridge regression, whose leave-one-out scores have a closed form.

    These choose the penalty and, since no item has a part in its own, the sharpness of the
    probabilities (R. Rifkin and R. Lippert, "Notes on regularized least squares", 2007;
    C. Guo et al., "On calibration of modern neural networks", ICML 2017).

    Args:
        features: (N, D).
        blocks: lengths, D in sum, of the parts that features come in; each part, long or short,
            has an equal say.
        truth: (N, C) 0 or 1.
        exclusive: whether each item has just one label.
    """
    from sklearn.linear_model import RidgeCV  # takes a second, and only learning needs it

    flat = _flattened(features).astype(np.float64)
    mean = flat.mean(axis=0)
    deviation = (flat.std(axis=0) + 1e-3) * np.sqrt(np.repeat(blocks, blocks) * len(blocks))
    inputs = (flat - mean) / deviation
    prior = truth.mean(axis=0)
    aims = truth - prior
    ridge = RidgeCV(_PENALTIES, scoring="neg_mean_squared_error", store_cv_results=True)
    ridge.fit(inputs, aims)
    left_out = ridge.cv_results_[..., np.flatnonzero(ridge.alpha_ == _PENALTIES)[0]]
    scale, bias = _calibrate(left_out + prior, truth, exclusive)
    bias = bias + scale * prior  # which the weights leave out
    arrays = (mean, deviation, ridge.coef_.T, scale, bias)
    return Head(*(array.astype(np.float32) for array in arrays))


def calibrated(
    head: Head, given: NDArray[np.float32], truth: NDArray[np.float32], exclusive: bool
) -> Head:
    """A head whose probabilities are as sure as those of its like were right.

    Args:
        head: with a scale of 1.
        given: (N, C) probabilities by heads that were not fitted to these items.
        truth: (N, C) 0 or 1.
        exclusive: whether each item has just one label.
    """
    safe = np.clip(given.astype(np.float64), 1e-6, 1 - 1e-6)
    scores = np.log(safe) if exclusive else np.log(safe / (1 - safe))
    scale, bias = (part.astype(np.float32) for part in _calibrate(scores, truth, exclusive))
    return replace(head, scale=scale, bias=head.bias * scale + bias)


def temperature(given: NDArray[np.float32], truth: NDArray[np.float32]) -> float:
    """The temperature at which probabilities are as sure as they are right.

    C. Guo et al., "On calibration of modern neural networks", ICML 2017.

    Args:
        given: (N, C) of labels that exclude each other, by heads that were not fitted to the items.
        truth: (N, C) 0 or 1.
    """
    scores = np.log(np.clip(given.astype(np.float64), 1e-6, 1))
    return 1 / float(_calibrate(scores, truth, exclusive=True)[0][0])


def _calibrate(
    scores: NDArray[np.float64], truth: NDArray[np.float32], exclusive: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scale and bias of each label's score by which probabilities are likeliest.

    Labels that exclude each other share one scale and need no bias; others have their own (J. C.
    Platt, "Probabilistic outputs for support vector machines", 1999).
    """
    labels = truth.shape[1]
    if exclusive:

        def joint(log: float) -> float:
            return _loss(scores * np.exp(log), truth, True)

        found = minimize_scalar(joint, bounds=(-3.0, 5.0), method="bounded")
        return np.full(labels, np.exp(found.x)), np.zeros(labels)
    pairs = []
    for label in range(labels):

        def single(x: NDArray[np.float64], label: int = label) -> float:
            scaled = scores[:, [label]] * np.exp(x[0]) + x[1]
            return _loss(scaled, truth[:, [label]], False)

        best = minimize(single, np.array([0.0, -1.0])).x
        pairs.append((np.exp(best[0]), best[1]))
    scale, bias = np.array(pairs).T
    return scale, bias


def _flattened(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Signed square roots: activations have long tails, which would outweigh the rest."""
    roots: NDArray[np.float32] = np.sign(features) * np.sqrt(np.abs(features))
    return roots


def _to_probabilities(scores: NDArray[Any], exclusive: bool) -> NDArray[Any]:
    if not exclusive:
        return np.asarray(1 / (1 + np.exp(-np.clip(scores, -60, 60))))
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _loss(scores: NDArray[np.float64], truth: NDArray[np.float32], exclusive: bool) -> float:
    """Negative log likelihood."""
    given = np.clip(_to_probabilities(scores, exclusive), 1e-6, 1 - 1e-6)
    if exclusive:
        return float(-(truth * np.log(given)).sum(axis=1).mean())
    return float(-(truth * np.log(given) + (1 - truth) * np.log(1 - given)).mean())
