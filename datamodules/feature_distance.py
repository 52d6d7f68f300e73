"""How far the features of an image lie from those of the training images."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

MOST_COMPONENTS = 64
CASES_A_COMPONENT = 8
"""Training cases that it takes to know the variance along one direction."""
TINY = float(np.finfo(np.float32).tiny)
LEAST_VARIANCE = 1e-6
"""Of the mean variance: what a feature that never differs is taken to vary by."""
INSIDE = 0.999
"""Share of validation cases within the limit."""
QUANTILE = 3.0902
"""The same of the normal distribution, in standard deviations: its limit where cases are few."""
ENOUGH = 1000
"""Validation cases whose own quantile says enough."""


@dataclass(frozen=True, eq=False)
class FeatureDistance:
    """Mahalanobis distance to the training cases.

    Their covariance is that of probabilistic principal components: the variance along the main
    directions, and one variance for all the others.

    Attributes:
        mean: float32 ``(D,)``.
        components: Main directions, orthonormal, float32 ``(K, D)``.
        variances: Along each of them, float32 ``(K,)``.
        rest: Variance along every other direction.
        limit: Distance beyond which a case is unlike the training cases.

    References:
        Tipping & Bishop, "Probabilistic Principal Component Analysis", JRSS B 1999; Lee et al., "A
        Simple Unified Framework for Detecting Out-of-Distribution Samples", NeurIPS 2018.
    """

    mean: Array
    components: Array
    variances: Array
    rest: float
    limit: float = float("inf")

    @classmethod
    def fit(cls, training: Array, validation: Array) -> Self:
        """Learn mean and covariance from training features, and the limit from validation's.

        Args:
            training: ``(n, D)``.
            validation: ``(m, D)``, of cases that the network was not trained on.
        """
        values = training.astype(np.float64)
        mean = values.mean(axis=0)
        values -= mean
        count = min(MOST_COMPONENTS, len(values) // CASES_A_COMPONENT, values.shape[1] - 1)
        variances, directions = _principal(values, count)
        total = float((values**2).sum()) / max(len(values) - 1, 1)
        floor = max(total / values.shape[1] * LEAST_VARIANCE, TINY)
        rest = (total - float(variances.sum())) / (values.shape[1] - count)
        fitted = cls(
            mean.astype(np.float32),
            directions.astype(np.float32),
            np.maximum(variances, floor).astype(np.float32),
            max(rest, floor),
        )
        return fitted._limited_by(fitted(validation))

    def _limited_by(self, distances: NDArray[np.float64]) -> Self:
        limit = float(np.quantile(distances, INSIDE, method="higher"))
        if len(distances) < ENOUGH:
            logs = np.log(np.maximum(distances, TINY))
            limit = max(limit, float(np.exp(logs.mean() + QUANTILE * logs.std())))
        return replace(self, limit=limit)

    def __call__(self, features: Array) -> NDArray[np.float64]:
        """Distances ``(n,)`` of features ``(n, D)``."""
        values = features.astype(np.float64) - self.mean
        along = values @ self.components.T.astype(np.float64)
        across = np.maximum((values**2).sum(axis=1) - (along**2).sum(axis=1), 0)
        distances: NDArray[np.float64] = np.sqrt(
            (along**2 / self.variances).sum(axis=1) + across / self.rest
        )
        return distances

    def to_dict(self) -> dict[str, Any]:
        """Arrays and numbers."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of :meth:`to_dict`."""
        return cls(**values)


def _principal(values: NDArray[np.float64], count: int) -> tuple[Array, Array]:
    """Largest variances ``(K,)`` of centred values ``(n, D)``, and their directions ``(K, D)``."""
    cases, width = values.shape
    if width <= cases:
        found, vectors = np.linalg.eigh(values.T @ values)
        directions = vectors.T[::-1][:count]
    else:
        found, vectors = np.linalg.eigh(values @ values.T)
        directions = vectors.T[::-1][:count] @ values
        directions /= np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-30)
    variances = np.maximum(found[::-1][:count], 0) / max(cases - 1, 1)
    return variances, directions
