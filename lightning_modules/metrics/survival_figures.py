"""Every figure of survival, from per-case rows: point values and 95 % intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NotRequired, TypedDict

import numpy as np
import numpy.typing as npt

from datamodules.errors import LightboxError
from lightning_modules.metrics.intervals import Figure, bootstrap
from lightning_modules.metrics.survival import Concordance, integrated_brier, log_rank

Array = npt.NDArray[np.float64]

EPOCH_FIGURES = ("nll_loss", "c_index")
"""What is computed after every validation, as far as it is defined."""
LOG_RANK = "log_rank_p@operating_point"
WHY_UNDEFINED = {
    "c_index": "no two cases can be compared",
    "integrated_brier": "nobody is known to live beyond the last interval but one",
    LOG_RANK: "all cases are in one group, or nothing happened",
}


class SurvivalRow(TypedDict):
    """What one case adds to every figure; plain values.

    Keys:
        case_id, patient_id: Whose row it is.
        risk: Less the sum of ``survival``: the higher, the sooner the event is expected.
        survival: Predicted probability of living beyond the end of each interval.
        ends: Of these intervals.
        time: Of follow-up.
        event: Whether the event happened then; else the case is censored.
        nll_loss: Negative log-likelihood of the case.
        high: Whether its risk was high at the operating point of the model that scored it, where
            rows of several models are pooled.
    """

    case_id: str
    patient_id: str
    risk: float
    survival: list[float]
    ends: list[float]
    time: float
    event: bool
    nll_loss: float
    high: NotRequired[bool]


@dataclass(frozen=True)
class SurvivalTable:
    """Rows as arrays, in the order of their case ids.

    Attributes:
        patients: Patient of each case.
        risk, time, loss: ``(n,)``.
        event: bool ``(n,)``.
        survival: Probability of living beyond each horizon, ``(n, H)``.
        high: Whether each risk is high, bool ``(n,)``; None: nobody has decided.
    """

    patients: tuple[str, ...]
    risk: Array
    time: Array
    loss: Array
    event: npt.NDArray[np.bool_]
    survival: Array
    high: npt.NDArray[np.bool_] | None

    @classmethod
    def from_rows(
        cls, rows: Sequence[SurvivalRow], horizons: Sequence[float], threshold: float | None
    ) -> "SurvivalTable":
        """Stack rows.

        Args:
            rows: One row a case.
            horizons: Times at which survival is wanted.
            threshold: Risk from which on it is high; rows that hold decisions need none.

        Raises:
            LightboxError: If a risk is not a finite number.
        """
        ordered = sorted(rows, key=lambda row: row["case_id"])
        risk = np.array([row["risk"] for row in ordered], np.float64)
        for at in np.flatnonzero(~np.isfinite(risk))[:1]:
            raise LightboxError(
                f"case '{ordered[at]['case_id']}': the risk is {risk[at]}; the network has"
                " diverged: train with a lower learning rate, or with precision 32"
            )
        high = None if threshold is None else risk >= threshold
        if ordered and all("high" in row for row in ordered):
            high = np.array([row["high"] for row in ordered], np.bool_)
        curves = [curve_at(row["survival"], row["ends"], horizons) for row in ordered]
        return cls(
            patients=tuple(row["patient_id"] for row in ordered),
            risk=risk,
            time=np.array([row["time"] for row in ordered], np.float64),
            loss=np.array([row["nll_loss"] for row in ordered], np.float64),
            event=np.array([row["event"] for row in ordered], np.bool_),
            survival=np.array(curves, np.float64).reshape(len(ordered), len(horizons)),
            high=high,
        )

    def log_rank_p(self) -> float:
        """Of those with a high risk against the others; NaN where there is nothing to compare."""
        if self.high is None:
            return float("nan")
        return log_rank(self.time, self.event, self.high).p


def curve_at(survival: Sequence[float], ends: Sequence[float], times: Sequence[float]) -> Array:
    """A predicted curve at some times, ``(m,)``: straight between the ends of its intervals."""
    return np.asarray(np.interp(np.array(times), [0.0, *ends], [1.0, *survival]))


def summarize(rows: Sequence[SurvivalRow]) -> dict[str, float]:
    """Point values after an epoch; what is undefined is left out."""
    if not rows:
        return {}
    table = SurvivalTable.from_rows(rows, (), None)
    c_index = Concordance(table.risk, table.time, table.event)(np.ones((1, len(rows))))
    values = {"nll_loss": float(table.loss.mean()), "c_index": float(c_index[0])}
    return {name: value for name, value in values.items() if np.isfinite(value)}


def survival_figures(
    rows: Sequence[SurvivalRow],
    horizons: Sequence[float],
    threshold: float | None,
    samples: int,
    seed: int,
) -> dict[str, Figure]:
    """Final figures with 95 % intervals, bootstrapped over patients.

    Args:
        rows: One row a case.
        horizons: Times over which the Brier score is integrated.
        threshold: Risk from which on it is high, chosen on validation; None: it was not.
        samples: Bootstrap samples.
        seed: Seed of the bootstrap.

    Returns:
        Figures by name; what is undefined has no value but a reason. The p of the log-rank test has
        no interval.
    """
    table = SurvivalTable.from_rows(rows, horizons, threshold)
    concordance = Concordance(table.risk, table.time, table.event)
    times = np.array(horizons, np.float64)

    def compute(weights: Array) -> Mapping[str, Array]:
        return {
            "c_index": concordance(weights),
            "integrated_brier": integrated_brier(
                table.survival, times, table.time, table.event, weights
            ),
            "nll_loss": (weights @ table.loss) / weights.sum(1),
        }

    found = bootstrap(lambda weights: dict(compute(weights)), table.patients, samples, seed)
    if table.high is not None:
        p = table.log_rank_p()
        value = p if np.isfinite(p) else None
        found[LOG_RANK] = Figure(value, None, None, len(rows), len(set(table.patients)))
    return {
        name: figure if figure.value is not None else replace(figure, reason=WHY_UNDEFINED[name])
        for name, figure in found.items()
    }
