"""Every figure of a segmenter, from per-case rows: point values and 95 % intervals."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import compress
from typing import Any

import numpy as np

from lightning_modules.metrics.intervals import Compute, Figure, bootstrap
from lightning_modules.metrics.mask_rows import SegmentationRow
from lightning_modules.metrics.mask_table import Array, Flags, MaskTable
from lightning_modules.metrics.mask_units import MaskUnits

BOTH_EMPTY = "absent in truth and prediction"
EMPTY = {"sensitivity": "absent in truth", "precision": "absent in prediction"}
EMPTY |= {"specificity": "fills the image in truth"}
"""In which cases a figure is undefined; all others are where both masks are empty."""
EPOCH_FIGURES = ("dice", "iou", "sensitivity", "precision", "dice_pooled")
"""What is computed after every validation."""


class SegmentationMetrics:
    """Figures of masks of one or several structures.

    A figure is named ``dice/<structure>`` for the mean over the cases in which it is defined, and
    ``dice`` for the mean of these over the structures; a single structure has the latter only.

    - ``dice``, ``iou``, ``sensitivity``, ``specificity``, ``precision``, and ``dice_pooled`` from
      the voxels of all cases together;
    - ``hd95_mm``, ``assd_mm`` (``_px`` where the files have no spacing), ``surface_dice``;
    - ``volume_error_ml``, the absolute difference of volumes (flat images: ``area_error_mm2``;
      without spacing ``_px``);
    - ``cldice`` and ``cldice_pooled``, where centrelines were compared;
    - ``failures``, masks of which exactly one is empty, a sum and no mean: their Dice is 0, they
      are left out of the distances, and enter ``hd95_mm_with_failures`` and
      ``assd_mm_with_failures`` with the diagonal of the image.

    Where both masks are empty, or nothing of a structure is known, everything is undefined.
    """

    def __init__(self, structures: Sequence[str], units: MaskUnits | None = None) -> None:
        """Keep the names of the structures, and the units (default: volumes in mm and ml)."""
        self.structures = tuple(structures)
        self.units = units or MaskUnits()

    def summarize(self, rows: Sequence[SegmentationRow]) -> dict[str, float]:
        """Point values after an epoch; what is undefined is left out."""
        if not rows:
            return {}
        values = self._compute(MaskTable(rows, self.structures, self.units))(
            np.ones((1, len(rows)))
        )
        summary = {
            name: float(value[0])
            for name, value in values.items()
            if name.partition("/")[0] in EPOCH_FIGURES
        }
        if losses := [row["loss"] for row in rows if "loss" in row]:
            summary["loss"] = float(np.mean(losses))
        return {name: value for name, value in summary.items() if np.isfinite(value)}

    def figures(
        self, rows: Sequence[SegmentationRow], samples: int, seed: int
    ) -> dict[str, Figure]:
        """Final figures with 95 % intervals, bootstrapped over patients.

        Args:
            rows: One row a case.
            samples: Bootstrap samples.
            seed: Seed of the bootstrap.

        Returns:
            Figures by name; what is undefined has no value but a reason.
        """
        if not rows:
            return {}
        table = MaskTable(rows, self.structures, self.units)
        found = bootstrap(self._compute(table), table.patients, samples, seed)
        return {name: self._explain(name, figure, table) for name, figure in found.items()}

    def table_row(self, row: SegmentationRow) -> dict[str, Any]:
        """A row as columns: every figure of the case, and sizes of truth and prediction."""
        table = MaskTable([row], self.structures, self.units)
        columns: dict[str, Any] = {"case_id": row["case_id"], "patient_id": row["patient_id"]}
        for index, structure in enumerate(self.structures):
            suffix = self._suffix(structure)
            columns |= {
                name + suffix: _rounded(values[0, index])
                for name, values in table.values.items()
                if index in table.measured(name)
            }
            for side, sizes in (("truth", table.true_sizes), ("predicted", table.predicted_sizes)):
                columns[f"{side}_{self.units.size}{suffix}"] = _rounded(sizes[0, index])
        return columns

    def _suffix(self, structure: str) -> str:
        return f"/{structure}" if len(self.structures) > 1 else ""

    def _compute(self, table: MaskTable) -> Compute:
        def compute(weights: Array) -> dict[str, Array]:
            found: dict[str, Array] = {}
            means = {name: _weighted_means(each, weights) for name, each in table.values.items()}
            for name, values in {**means, **table.pooled(weights)}.items():
                found[name] = (_sum if name == "failures" else _mean)(values)
                if len(self.structures) > 1:
                    for index in table.measured(name):
                        found[f"{name}/{self.structures[index]}"] = values[:, index]
            return found

        return compute

    def _explain(self, name: str, figure: Figure, table: MaskTable) -> Figure:
        """Add in how many cases the figure is defined, and why not in the others."""
        metric, _, structure = name.partition("/")
        columns = [self.structures.index(structure)] if structure else table.measured(metric)
        defined = table.defined(metric)[:, columns]
        cases: list[bool] = np.any(defined, axis=1).tolist()
        patients = set(compress(table.patients, cases))
        failed, annotated = table.failed[:, columns], table.annotated[:, columns]
        reasons = [self._why_incomplete(metric, defined, failed, annotated)]
        if len(columns) > 1:
            names = [self.structures[at] for at in columns if not defined[:, at].any()]
            reasons.insert(0, self._why_left_out(names))
        return replace(
            figure,
            cases=sum(cases),
            patients=len(patients),
            reason="; ".join(filter(None, (*reasons, figure.reason))) or None,
        )

    def _why_incomplete(
        self, metric: str, defined: Flags, failed: Array, annotated: Flags
    ) -> str | None:
        if metric.endswith("_pooled") and defined.any():
            return None
        total, missing = defined.size, int(defined.size - defined.sum())
        what = "cases" if defined.shape[1] == 1 else "outlines"
        failures = int(failed.sum()) if self._leaves_out_failures(metric) else 0
        unknown = int(annotated.size - annotated.sum())
        reasons = [f"not annotated in {unknown} of {total} {what}"] if unknown else []
        if (empty := missing - failures - unknown) > 0:
            why = EMPTY.get(metric, BOTH_EMPTY)
            reasons.append(f"undefined in {empty} of {total} {what}: {why}")
        if failures:
            reasons.append(
                f"failed in {failures} of {total} {what}: absent in truth or in prediction"
            )
        return "; ".join(reasons) or None

    def _why_left_out(self, names: Sequence[str]) -> str | None:
        if not names:
            return None
        listed = ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")
        return f"undefined for {len(names)} of {len(self.structures)} structures: {listed}"

    def _leaves_out_failures(self, metric: str) -> bool:
        return metric in (f"hd95_{self.units.length}", f"assd_{self.units.length}")


def _weighted_means(values: Array, weights: Array) -> Array:
    """Means ``(B, L)`` of ``(n, L)`` over the cases in which they are defined."""
    defined = ~np.isnan(values)
    total, count = weights @ np.where(defined, values, 0.0), weights @ defined.astype(np.float64)
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def _mean(values: Array) -> Array:
    """Mean over structures, ``(B, L)`` to ``(B,)``, of those that are defined."""
    defined = (~np.isnan(values)).sum(axis=1)
    total = np.nansum(values, axis=1)
    return np.asarray(np.where(defined > 0, total / np.maximum(defined, 1), np.nan))


def _sum(values: Array) -> Array:
    """Sum over structures, ``(B, L)`` to ``(B,)``, of those that are defined."""
    return np.where(np.isnan(values).all(axis=1), np.nan, np.nansum(values, axis=1))


def _rounded(value: float) -> float | str:
    """For a table: an undefined value is an empty cell."""
    return "" if np.isnan(value) else round(float(value), 6)
