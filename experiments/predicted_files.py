"""What a model says of files: what predict, explain and the overlays pass on."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.batches import ClassifierBatch
from datamodules.cases import Case
from datamodules.errors import DataError
from experiments.fingerprint import OUTSIDE

Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class PredictedFile:
    """What a model says of one file.

    Attributes:
        case: Its name, and what a table knows of it.
        prepared: As the predictor of its kind of image prepared it.
        scores: Probability of each label; of survival the risk, and survival at the end of each
            interval.
        features: Of the network, float32 ``(D,)``.
        outside: Why it is outside the training data; empty: it is not; None: the checkpoint does
            not say what the training data are like.
    """

    case: Case
    prepared: Any
    scores: list[float]
    features: NDArray[np.float32]
    outside: tuple[str, ...] | None

    @property
    def name(self) -> str:
        """Of the file, as in predictions.csv."""
        return self.case.case_id

    @property
    def outside_column(self) -> dict[str, str]:
        """The column of tables that says why; empty where the checkpoint does not say."""
        return {} if self.outside is None else {OUTSIDE: "; ".join(self.outside)}


class PredictedBatch(NamedTuple):
    """Some files together.

    Attributes:
        batch: What the network saw, on its device; None where no file could be read.
        films: The files that could be read, in the order of the batch.
        failed: Rows ``{"file", "reason"}`` of the others.
    """

    batch: ClassifierBatch | None
    films: list[PredictedFile]
    failed: list[Row]


def failure(name: str, error: DataError) -> Row:
    """A row of failures.csv."""
    return {"file": name, "reason": str(error)}
