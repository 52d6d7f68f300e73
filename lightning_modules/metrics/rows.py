"""Per-case rows of a classifier, and the arrays that figures are computed from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict

import numpy as np
import numpy.typing as npt

from datamodules.data_info import LabelSet
from datamodules.errors import LightboxError

Array = npt.NDArray[np.float64]


class ClassificationRow(TypedDict):
    """What one case adds to every figure; plain values.

    Keys:
        case_id, patient_id: Whose row it is.
        scores: Probability of each label (sigmoid), or of each class (softmax).
        targets: 1 holds, 0 does not, None not known; one-hot when classes exclude one another.
        loss: The case's loss, where it was computed.
        called: Whether each label was called present at the operating point of the model that
            scored the case, where rows of several models are pooled.
    """

    case_id: str
    patient_id: str
    scores: list[float]
    targets: list[float | None]
    loss: NotRequired[float]
    called: NotRequired[list[bool]]


@dataclass(frozen=True)
class ScoreTable:
    """Rows as arrays, in the order of their case ids, so that the order of rows is of no account.

    Attributes:
        patients: Patient of each case, length ``n``.
        scores: Probabilities, float64 ``(n, L)``.
        targets: 1, 0 or NaN, float64 ``(n, L)``.
        called: Decisions that the rows hold, bool ``(n, L)``; None: they hold none.
    """

    patients: tuple[str, ...]
    scores: Array
    targets: Array
    called: npt.NDArray[np.bool_] | None = None

    @classmethod
    def from_rows(cls, rows: Sequence[ClassificationRow], labels: LabelSet) -> "ScoreTable":
        """Stack rows.

        Raises:
            LightboxError: If a score is not a finite number.
            ValueError: If some rows hold decisions, and others none.
        """
        ordered = sorted(rows, key=lambda row: row["case_id"])
        shape = (len(ordered), len(labels.names))
        scores = np.array([row["scores"] for row in ordered], dtype=np.float64).reshape(shape)
        targets = np.array([row["targets"] for row in ordered], dtype=np.float64).reshape(shape)
        for case, label in np.argwhere(~np.isfinite(scores))[:1]:
            raise LightboxError(
                f"case '{ordered[case]['case_id']}': the score for '{labels.names[label]}' is "
                f"{scores[case, label]}, not a number between 0 and 1; the network has diverged: "
                "train with a lower learning rate, or with precision 32"
            )
        called = [row["called"] for row in ordered if "called" in row]
        decided = np.array(called, dtype=np.bool_).reshape(shape) if called else None
        return cls(tuple(row["patient_id"] for row in ordered), scores, targets, decided)
