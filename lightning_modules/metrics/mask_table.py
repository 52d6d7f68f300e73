"""Rows of a segmenter as arrays, from which figures are computed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lightning_modules.metrics.mask_rows import SegmentationRow, StructureScores
from lightning_modules.metrics.mask_units import MaskUnits
from lightning_modules.metrics.overlap import OVERLAP, dice
from lightning_modules.metrics.thresholded import Counts

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

WITH_FAILURES = "_with_failures"


class MaskTable:
    """Rows as arrays, in the order of their case ids; every array is ``(n, L)``.

    Attributes:
        values: Figures of each case by name; NaN is undefined.
        annotated: Where anything is known of the structure; elsewhere nothing is defined.
        failed: 1 where exactly one of the two masks is empty.
    """

    def __init__(
        self, rows: Sequence[SegmentationRow], structures: Sequence[str], units: MaskUnits
    ) -> None:
        ordered = sorted(rows, key=lambda row: row["case_id"])
        self.patients = tuple(row["patient_id"] for row in ordered)
        self.scores = [[row["structures"][name] for name in structures] for row in ordered]
        self.counts = Counts(*(self._numbers(key) for key in ("tp", "fp", "fn", "tn")))
        voxel = np.array([[units.voxel(row["spacing"])] for row in ordered])
        found, extra, missed, rest = self.counts
        self.annotated: Flags = found + extra + missed + rest > 0
        self.true_sizes, self.predicted_sizes = (
            np.where(self.annotated, voxel * size, np.nan)
            for size in (found + missed, found + extra)
        )
        self.both_empty = found + extra + missed == 0
        empty = (found + missed == 0, found + extra == 0)
        self.failed = np.logical_xor(*empty).astype(np.float64)
        self.values = {name: metric(self.counts) for name, metric in OVERLAP.items()}
        self._add_surfaces(units.length, np.array([[row["diagonal"]] for row in ordered]))
        difference = np.abs(self.predicted_sizes - self.true_sizes)
        self.values[f"{units.extent}_error_{units.size}"] = self._where_any(difference)
        self.centrelines = self._centrelines()
        if self.centrelines is not None:
            self.values["cldice"] = _cldice(self.centrelines)

    def pooled(self, weights: Array) -> dict[str, Array]:
        """Figures of all cases together, and no means over them, each ``(B, L)``."""
        found = {"dice_pooled": dice(Counts(*(weights @ each for each in self.counts)))}
        known = weights @ self.annotated.astype(np.float64) > 0
        found["failures"] = np.where(known, weights @ self.failed, np.nan)
        if self.centrelines is not None:
            sums = np.stack([weights @ self.centrelines[..., part] for part in range(4)], axis=-1)
            found["cldice_pooled"] = _cldice(sums)
        return found

    def measured(self, metric: str) -> list[int]:
        """The structures that a figure is made for."""
        asked = range(self.failed.shape[1])
        if metric.startswith("cldice"):
            return [at for at in asked if all("centrelines" in row[at] for row in self.scores)]
        return list(asked)

    def defined(self, metric: str) -> Flags:
        """In which cases a figure is."""
        if metric == "failures":
            return self.annotated
        values = self.values.get("cldice" if metric == "cldice_pooled" else metric)
        return np.asarray(~self.both_empty if values is None else ~np.isnan(values))

    def _add_surfaces(self, unit: str, diagonal: Array) -> None:
        if any("hd95" not in score for row in self.scores for score in row):
            return
        for key in ("hd95", "assd"):
            values = self._numbers(key)
            self.values[f"{key}_{unit}"] = values
            filled = np.where(self.failed > 0, diagonal, values)
            self.values[f"{key}_{unit}{WITH_FAILURES}"] = filled
        self.values["surface_dice"] = self._numbers("surface_dice")

    def _centrelines(self) -> Array | None:
        """Counts ``(n, L, 4)``, zero for structures that were not asked for; None: none was."""
        counts = [[score.get("centrelines", [0] * 4) for score in row] for row in self.scores]
        asked = any("centrelines" in score for row in self.scores for score in row)
        return np.array(counts, dtype=np.float64) if asked else None

    def _where_any(self, values: Array) -> Array:
        return np.where(self.both_empty, np.nan, values)

    def _numbers(self, key: str) -> Array:
        rows: Iterable[Sequence[Mapping[str, Any] | StructureScores]] = self.scores
        return np.array([[score.get(key) for score in row] for row in rows], dtype=np.float64)


def _cldice(counts: Array) -> Array:
    """Harmonic mean of two shares, ``(..., 4)`` to ``(...)``; 0 with one empty, NaN with both."""
    inside, predicted, found, true = np.moveaxis(counts, -1, 0)
    precision, recall = inside / np.maximum(predicted, 1), found / np.maximum(true, 1)
    mean = 2 * precision * recall / np.maximum(precision + recall, np.finfo(np.float64).tiny)
    return np.where(predicted + true > 0, mean, np.nan)
