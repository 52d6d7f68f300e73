"""Figures of a detector that gives exactly one box of each class: overlap and distance."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import compress
from typing import Any, cast

import numpy as np

from lightning_modules.metrics.box_overlap import Array, box_sizes, centre_distances, iou
from lightning_modules.metrics.detection_matches import ClassCase
from lightning_modules.metrics.detection_rows import DetectionRow
from lightning_modules.metrics.detection_table import ClassTable, build_tables
from lightning_modules.metrics.intervals import Compute, Figure, bootstrap

SHARES = {"iou_above_50": 0.5, "iou_above_75": 0.75}
SINGLE_EPOCH_FIGURES = ("iou", *SHARES, "centre_distance_mm", "centre_distance_px")
"""What is computed after every validation, as far as there is a spacing."""


class SingleBoxMetrics:
    """Figures of one box around one object.

    A figure is the mean over the cases that have the object, ``iou/<class>`` that of one class and
    ``iou`` the mean of these; a single class has the latter only.

    - ``iou``: intersection over union of the box with the highest score and the largest object of
      the class; 0 where no box is given;
    - ``iou_above_50``, ``iou_above_75``: share of cases with at least so much;
    - ``iou_of_mean_box``: the same of the mean box of training, a baseline, and
      ``iou_above_mean_box``: how much larger that of the network is;
    - ``centre_distance_mm`` (``_px`` where the files have no spacing): between their middles;
      undefined where no box is given.
    """

    def __init__(self, classes: Sequence[str], *, has_spacing: bool = True) -> None:
        """Keep what is looked for, and whether lengths are in mm."""
        self.classes = tuple(classes)
        self.distance = f"centre_distance_{'mm' if has_spacing else 'px'}"

    def summarize(self, rows: Sequence[DetectionRow]) -> dict[str, float]:
        """Point values after an epoch; what is undefined is left out."""
        if not rows:
            return {}
        found = self._compute(self._values(rows))(np.ones((1, len(rows))))
        summary = {name: float(found[name][0]) for name in SINGLE_EPOCH_FIGURES if name in found}
        return {name: value for name, value in summary.items() if np.isfinite(value)}

    def figures(
        self,
        rows: Sequence[DetectionRow],
        operating_point: Mapping[str, Any],
        samples: int,
        seed: int,
    ) -> dict[str, Figure]:
        """Final figures with 95 % intervals, bootstrapped over patients.

        Args:
            rows: One row a case.
            operating_point: Not needed: the one box is always given.
            samples: Bootstrap samples.
            seed: Seed of the bootstrap.

        Returns:
            Figures by name; what is undefined has no value but a reason.
        """
        del operating_point
        if not rows:
            return {}
        patients = [row["patient_id"] for row in sorted(rows, key=lambda row: row["case_id"])]
        values = self._values(rows)
        found = bootstrap(self._compute(values), patients, samples, seed)
        return {name: self._explain(name, each, values, patients) for name, each in found.items()}

    def table_row(self, row: DetectionRow, operating_point: Mapping[str, Any]) -> dict[str, Any]:
        """A row as columns: overlap and distance of each class, and the score of its box."""
        del operating_point
        columns: dict[str, Any] = {"case_id": row["case_id"], "patient_id": row["patient_id"]}
        values = self._values([row])
        for index, table in enumerate(build_tables([row], self.classes)):
            suffix = f"/{table.name}" if len(self.classes) > 1 else ""
            for name in ("iou", self.distance):
                value = values[name][0, index]
                columns[name + suffix] = "" if np.isnan(value) else round(float(value), 6)
            scores = table.scores[0]
            columns[f"score{suffix}"] = round(float(scores[0]), 6) if len(scores) else ""
        return columns

    def _values(self, rows: Sequence[DetectionRow]) -> dict[str, Array]:
        """Figures of each case and class, ``(n, L)``; NaN is undefined."""
        tables = build_tables(rows, self.classes)
        pairs = np.stack([_overlap_and_distance(table) for table in tables], axis=1)
        overlap, distance = pairs[..., 0], pairs[..., 1]
        values = {"iou": overlap, self.distance: distance}
        for name, least in SHARES.items():
            values[name] = np.where(np.isnan(overlap), np.nan, overlap >= least)
        if all("usual" in row for row in rows):
            values["iou_of_mean_box"] = self._overlap_of_mean(rows)
            values["iou_above_mean_box"] = overlap - values["iou_of_mean_box"]
        return values

    def _overlap_of_mean(self, rows: Sequence[DetectionRow]) -> Array:
        """Of the mean box of training with the truth, ``(n, L)``."""
        boxed = [cast("DetectionRow", {**row, **_as_found(row["usual"])}) for row in rows]
        tables = build_tables(boxed, self.classes)
        return np.stack([_overlap_and_distance(table)[:, 0] for table in tables], axis=1)

    def _compute(self, values: Mapping[str, Array]) -> Compute:
        def compute(weights: Array) -> dict[str, Array]:
            found: dict[str, Array] = {}
            for name, each in values.items():
                defined = ~np.isnan(each)
                count = weights @ defined.astype(np.float64)
                total = weights @ np.where(defined, each, 0.0)
                means = np.where(count > 0, total / np.maximum(count, 1), np.nan)
                known = (~np.isnan(means)).sum(axis=1)
                overall = np.nansum(means, axis=1) / np.maximum(known, 1)
                found[name] = np.where(known > 0, overall, np.nan)
                if len(self.classes) > 1:
                    columns = zip(self.classes, means.T, strict=True)
                    found |= {f"{name}/{label}": own for label, own in columns}
            return found

        return compute

    def _explain(
        self, name: str, figure: Figure, values: Mapping[str, Array], patients: Sequence[str]
    ) -> Figure:
        metric, _, label = name.partition("/")
        columns = [self.classes.index(label)] if label else list(range(len(self.classes)))
        defined = ~np.isnan(values[metric][:, columns])
        cases: list[bool] = np.any(defined, axis=1).tolist()
        missing = int(defined.size - defined.sum())
        unit = "cases" if len(columns) == 1 else "boxes"
        why = "no such object" if metric != self.distance else "no such object, or no box"
        reason = f"undefined in {missing} of {defined.size} {unit}: {why}" if missing else None
        return replace(
            figure,
            cases=sum(cases),
            patients=len(set(compress(patients, cases))),
            reason="; ".join(filter(None, (reason, figure.reason))) or None,
        )


def _as_found(usual: Sequence[Sequence[float]]) -> dict[str, Any]:
    """The mean boxes of the classes as if they had been found."""
    known = [(label, box) for label, box in enumerate(usual) if box]
    return {
        "boxes": [list(box) for _, box in known],
        "scores": [1.0] * len(known),
        "labels": [label for label, _ in known],
    }


def _overlap_and_distance(table: ClassTable) -> Array:
    """IoU and distance of the middles in each case, ``(n, 2)``."""
    return np.array([_of_case(case) for case in table.cases])


def _of_case(case: ClassCase) -> tuple[float, float]:
    objects = case.truth[~case.crowd]
    if not len(objects):
        return np.nan, np.nan
    if not len(case.boxes):
        return 0.0, np.nan
    largest = objects[[np.argmax(box_sizes(objects))]]
    first = case.boxes[:1]
    return iou(first, largest).item(), centre_distances(first, largest, case.spacing).item()
