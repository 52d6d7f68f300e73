"""Rows of a landmarker as arrays: places of all landmarks of all cases, and their distances."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from datamodules.errors import LightboxError
from lightning_modules.metrics.landmark_measures import as_array
from lightning_modules.metrics.landmark_rows import LandmarkRow

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LandmarkTable:
    """Rows in the order of their case ids; places are in voxels of the file, NaN: not marked.

    Attributes:
        cases: Id of each case.
        patients: Patient of each case.
        found: ``(n, K, axes)``.
        confidence: ``(n, K)``.
        truth: ``(n, K, axes)``.
        readings: Of each other reader, ``(n, K, axes)``.
        usual: Mean places of training, ``(n, K, axes)``; None: not known of every case.
        spacing: In mm, ``(n, axes)``.
    """

    cases: tuple[str, ...]
    patients: tuple[str, ...]
    found: Array
    confidence: Array
    truth: Array
    readings: dict[str, Array]
    usual: Array | None
    spacing: Array

    @classmethod
    def from_rows(cls, rows: Sequence[LandmarkRow], axes: int) -> "LandmarkTable":
        """Stack rows, one or more.

        Raises:
            LightboxError: If a place that was found is not finite.
        """
        ordered = sorted(rows, key=lambda row: row["case_id"])
        found = np.array([row["found"] for row in ordered], np.float64)
        for at in np.flatnonzero(~np.isfinite(found).all(axis=(1, 2)))[:1]:
            raise LightboxError(
                f"case '{ordered[at]['case_id']}': a landmark was found nowhere; the network has"
                " diverged: train with a lower learning rate, or with precision 32"
            )
        nowhere = [None] * found.shape[1]
        names = dict.fromkeys(name for row in ordered for name in row.get("readings", {}))
        readings = {
            name: np.stack(
                [as_array(row.get("readings", {}).get(name, nowhere), axes) for row in ordered]
            )
            for name in sorted(names)
        }
        usual = None
        if all("usual" in row for row in ordered):
            usual = np.stack([as_array(row["usual"], axes) for row in ordered])
        return cls(
            cases=tuple(row["case_id"] for row in ordered),
            patients=tuple(row["patient_id"] for row in ordered),
            found=found,
            confidence=np.array([row["confidence"] for row in ordered], np.float64),
            truth=np.stack([as_array(row["truth"], axes) for row in ordered]),
            readings=readings,
            usual=usual,
            spacing=np.array([row["spacing"] for row in ordered], np.float64),
        )

    def distances(self, first: Array, second: Array, *, in_voxels: bool = False) -> Array:
        """Between places ``(n, K, axes)``, in mm (pixels without a spacing), ``(n, K)``."""
        apart = first - second
        if not in_voxels:
            apart = apart * self.spacing[:, None]
        return np.asarray(np.linalg.norm(apart, axis=-1))

    @property
    def errors(self) -> Array:
        """How far each landmark was found from where it was marked, ``(n, K)``."""
        return self.distances(self.found, self.truth)
