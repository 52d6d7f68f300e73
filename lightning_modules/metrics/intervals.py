"""Figures with 95 % confidence intervals: the percentile bootstrap over patients."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Compute = Callable[[Array], dict[str, Array]]
"""From weights ``(B, n)`` to one value for each weighting ``(B,)``, by name; NaN is undefined."""

CHUNK_SIZE = 2**19
"""Weights held at once (4 MiB): small enough to stay in the processor's cache."""


@dataclass(frozen=True)
class Figure:
    """One reported number.

    Attributes:
        value: None when undefined.
        low: Lower end of the 95 % interval; None when there is none.
        high: Its upper end.
        cases: Cases that it was computed from.
        patients: Patients whom they come from.
        reason: Why the value or its interval is missing, or what a mean had to leave out.
    """

    value: float | None
    low: float | None
    high: float | None
    cases: int
    patients: int
    reason: str | None = None

    def to_dict(self) -> dict[str, float | int | str | None]:
        """Plain values for JSON; without ``reason`` where nothing is missing."""
        values: dict[str, float | int | str | None] = {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "cases": self.cases,
            "patients": self.patients,
        }
        return values if self.reason is None else {**values, "reason": self.reason}


def bootstrap_weights(
    patients: Sequence[str], samples: int, seed: int, chunk: int | None = None
) -> Iterator[Array]:
    """Draw patients with replacement; all cases of a patient are drawn together.

    Args:
        patients: Patient of each case, length ``n``.
        samples: Number of bootstrap samples.
        seed: Seed of the draws; the samples do not depend on ``chunk``.
        chunk: Samples in one array; none: as many as make 4 MiB.

    Yields:
        How often each case is in each sample, float64 ``(b, n)``.

    References:
        Field and Welsh, "Bootstrapping clustered data", JRSS B 2007.
    """
    names, patient_of_case = np.unique(np.asarray(patients), return_inverse=True)
    chunk = chunk or max(1, CHUNK_SIZE // max(1, len(patients)))
    generator = np.random.default_rng(seed)
    for start in range(0, samples, chunk):
        shape = (min(chunk, samples - start), len(names))
        draws = generator.integers(0, len(names), shape) + len(names) * np.arange(shape[0])[:, None]
        counts = np.bincount(draws.ravel(), minlength=shape[0] * shape[1]).reshape(shape)
        yield counts.astype(np.float64).take(patient_of_case, axis=1)


def bootstrap(
    compute: Compute, patients: Sequence[str], samples: int, seed: int
) -> dict[str, Figure]:
    """Compute every figure on all cases, and its 95 % interval over resampled patients.

    The interval runs from the 2.5th to the 97.5th percentile over those samples in which the figure
    is defined. Where that is under half of them, or where there is one patient only, there is none.

    Args:
        compute: The figures for given weights of the cases.
        patients: Patient of each case, length ``n``.
        samples: Number of bootstrap samples; 0: no intervals.
        seed: Seed of the draws.

    Returns:
        Figures by name; a missing value has no reason yet, as only ``compute`` knows it.

    References:
        Efron and Tibshirani, "An introduction to the bootstrap", 1993, chapter 13.
    """
    count = len(set(patients))
    everything = compute(np.ones((1, len(patients))))
    chunks = [compute(weights) for weights in bootstrap_weights(patients, samples, seed)]
    figures = {}
    for name, (value,) in everything.items():
        if np.isnan(value):
            figures[name] = Figure(None, None, None, len(patients), count)
            continue
        drawn = np.concatenate([chunk[name] for chunk in chunks]) if chunks else np.empty(0)
        low, high, reason = _interval(drawn, count)
        figures[name] = Figure(float(value), low, high, len(patients), count, reason)
    return figures


def _interval(values: Array, patients: int) -> tuple[float | None, float | None, str | None]:
    defined = values[~np.isnan(values)]
    if not len(values):
        return None, None, None
    if patients < 2:
        return None, None, "no interval: all cases are of one patient"
    if 2 * len(defined) < len(values):
        share = f"{len(defined)} of {len(values)}"
        return None, None, f"no interval: defined in {share} bootstrap samples only"
    low, high = np.quantile(defined, [0.025, 0.975])
    return float(low), float(high), None
