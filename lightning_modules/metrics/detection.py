"""Every figure of a detector, from per-case rows: point values and 95 % intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from lightning_modules.metrics.average_precision import COCO_IOUS, average_precision
from lightning_modules.metrics.box_overlap import Array
from lightning_modules.metrics.detection_matches import HitRule
from lightning_modules.metrics.detection_rows import DetectionRow
from lightning_modules.metrics.detection_table import ClassTable, Sizes, build_tables
from lightning_modules.metrics.froc import RATES, froc
from lightning_modules.metrics.intervals import Compute, Figure, bootstrap
from lightning_modules.metrics.ranked_boxes import RankedBoxes
from lightning_modules.metrics.thresholded import Counts, f1, ppv, sensitivity

OPERATING_POINT = "@operating_point"
FALSE_POSITIVES = "false_positives_per_image"
CPM = "froc_cpm"
EPOCH_FIGURES = ("map_50", "map_75", "map_50_95", "map_10", CPM)
"""What is computed after every validation; ``map_10`` in 3D only."""
SIZES = ("small", "medium", "large")
COCO_AREAS = (32.0**2, 96.0**2)
"""Pixels that part small, medium and large objects in images."""
DECISIONS = {"precision": ppv, "sensitivity": sensitivity, "f1": f1}


class DetectionMetrics:
    """Figures of boxes of one or several classes.

    A figure without a class is the mean over the classes in which it is defined. ``map_50`` is the
    mean of ``ap_50/<class>``, average precision as COCO has it at an IoU of 0.5, and likewise
    ``map_75``, ``map_50_95`` (the mean over 0.5, 0.55 ... 0.95) and, in 3D, ``map_10``.

    - ``map_50_small``, ``_medium``, ``_large``: by the size of the objects. In images those of COCO
      (up to 32 x 32 and 96 x 96 pixels of the file); in volumes (and there at the IoU of the hit
      rule, ``map_10_small`` ...) thirds of the objects of a class that are scored, by their volume;
    - ``sensitivity@1fp``: share of objects that are found with one false positive an image, and so
      on for 0.125 to 8; ``froc_cpm`` is the mean of the seven;
    - at the operating point ``precision``, ``sensitivity`` (recall) and ``f1``, and
      ``false_positives_per_image``, which is the sum over the classes: ``f1@operating_point`` ...

    A class has its own under ``froc_cpm/<class>`` and so on, where there are several. What finds an
    object in FROC and at the operating point is said by the hit rule.
    """

    def __init__(
        self,
        classes: Sequence[str],
        axes: int,
        hit_rule: HitRule = "iou",
        hit_iou: float | None = None,
    ) -> None:
        """Keep what is found, and how.

        Args:
            classes: In the order of the labels.
            axes: 2 or 3.
            hit_rule: What finds an object in FROC and at the operating point.
            hit_iou: IoU of the rule ``iou``; None: 0.5, in 3D 0.1.
        """
        self.classes, self.axes, self.hit_rule = tuple(classes), axes, hit_rule
        self.usual_iou = 0.1 if axes == 3 else 0.5
        self.hit_iou = self.usual_iou if hit_iou is None else hit_iou
        self.thresholds = tuple(sorted({self.usual_iou, *COCO_IOUS}))

    @property
    def ranking(self) -> str:
        """The figure that non-maximum suppression is chosen by."""
        return f"map_{self._percent}"

    def summarize(self, rows: Sequence[DetectionRow]) -> dict[str, float]:
        """Point values after an epoch; what is undefined is left out."""
        if not rows:
            return {}
        measures = [_ClassMeasures(self, table) for table in build_tables(rows, self.classes)]
        values = self._named([measure(np.ones((1, len(rows)))) for measure in measures])
        summary = {name: float(values[name][0]) for name in EPOCH_FIGURES if name in values}
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
            operating_point: As ``BoxDecisions`` chose it; empty: none. Rows that hold what was
                called need none.
            samples: Bootstrap samples.
            seed: Seed of the bootstrap.

        Returns:
            Figures by name; what is undefined has no value but a reason.
        """
        if not rows:
            return {}
        tables = build_tables(rows, self.classes, scores_of(operating_point))
        patients = [row["patient_id"] for row in sorted(rows, key=lambda row: row["case_id"])]
        found = bootstrap(self._compute(tables), patients, samples, seed)
        return {
            name: replace(figure, reason=self._reason(name, figure, found, tables))
            for name, figure in found.items()
        }

    def ranked(self, rows: Sequence[DetectionRow]) -> dict[str, tuple[RankedBoxes, RankedBoxes]]:
        """For each class the boxes ranked for AP at the usual IoU, and for FROC; for curves."""
        return {
            table.name: (
                table.by_overlap(self.usual_iou),
                table.by_hits(table.matches(self.hit_rule, self.hit_iou)),
            )
            for table in build_tables(rows, self.classes)
        }

    def table_row(self, row: DetectionRow, operating_point: Mapping[str, Any]) -> dict[str, Any]:
        """A row as columns: objects, found, missed, false alarms and highest score of the case."""
        columns: dict[str, Any] = {"case_id": row["case_id"], "patient_id": row["patient_id"]}
        tables = build_tables([row], self.classes, scores_of(operating_point))
        for table in tables:
            suffix = f"/{table.name}" if len(tables) > 1 else ""
            columns[f"objects{suffix}"] = int((~table.cases[0].crowd).sum())
            if table.called is not None:
                ((hits, false, missed),) = table.counts(table.matches(self.hit_rule, self.hit_iou))
                columns[f"found{suffix}"], columns[f"missed{suffix}"] = int(hits), int(missed)
                columns[f"false_alarms{suffix}"] = int(false)
            scores = table.scores[0]
            columns[f"highest_score{suffix}"] = round(float(scores[0]), 6) if len(scores) else ""
        return columns

    @property
    def _percent(self) -> str:
        return _percent(self.usual_iou)

    def size_limits(self, table: ClassTable) -> dict[str, Sizes]:
        """Smallest and largest size of small, medium and large objects of a class."""
        small, large = COCO_AREAS
        if self.axes == 3:
            sizes = table.object_sizes
            small, large = np.quantile(sizes, [1 / 3, 2 / 3]) if len(sizes) else (0.0, 0.0)
        limits = ((0.0, small), (small, large), (large, np.inf))
        return dict(zip(SIZES, limits, strict=True))

    def _compute(self, tables: Sequence[ClassTable]) -> Compute:
        measures = [_ClassMeasures(self, table, final=True) for table in tables]

        def compute(weights: Array) -> dict[str, Array]:
            return self._named([measure(weights) for measure in measures])

        return compute

    def _named(self, values: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
        """Figures of the classes under their names, and those over the classes."""
        found = {}
        for name in values[0]:
            each = np.stack([own[name] for own in values])
            overall = f"m{name}" if name.startswith("ap_") else name
            total = name.startswith(FALSE_POSITIVES)
            found[overall] = each.sum(axis=0) if total else _mean(each)
        if len(self.classes) > 1:
            for class_name, own in zip(self.classes, values, strict=True):
                found |= {f"{name}/{class_name}": value for name, value in own.items()}
        return found

    def _reason(
        self,
        name: str,
        figure: Figure,
        figures: Mapping[str, Figure],
        tables: Sequence[ClassTable],
    ) -> str | None:
        """Why a figure has no value, or what a mean had to leave out."""
        metric, _, label = name.partition("/")
        reason = None
        if label or len(tables) == 1:
            table = tables[self.classes.index(label) if label else 0]
            if figure.value is None:
                reason = self._why_undefined(metric, table)
        else:
            own = metric[1:] if metric.startswith("map_") else metric
            names = [c for c in self.classes if figures[f"{own}/{c}"].value is None]
            if names:
                listed = ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")
                reason = f"undefined for {len(names)} of {len(tables)} classes: {listed}"
        return "; ".join(filter(None, (reason, figure.reason))) or None

    def _why_undefined(self, metric: str, table: ClassTable) -> str:
        if not len(table.object_sizes):
            return "no object in any case"
        size = metric.rpartition("_")[2]
        if size in SIZES:
            return f"no {size} object in any case"
        return "no box reaches the operating point"


class _ClassMeasures:
    """All figures of one class, for given weights of the cases."""

    def __init__(
        self, metrics: DetectionMetrics, table: ClassTable, *, final: bool = False
    ) -> None:
        self.by_overlap = {each: table.by_overlap(each) for each in metrics.thresholds}
        matches = table.matches(metrics.hit_rule, metrics.hit_iou)
        self.hits = table.by_hits(matches)
        self.usual = metrics.usual_iou
        limits = metrics.size_limits(table) if final else {}
        self.by_size = {size: table.by_overlap(self.usual, own) for size, own in limits.items()}
        self.counts = table.counts(matches) if final and table.called is not None else None

    def __call__(self, weights: Array) -> dict[str, Array]:
        areas = {each: average_precision(own, weights) for each, own in self.by_overlap.items()}
        values = {f"ap_{_percent(each)}": areas[each] for each in (0.5, 0.75)}
        values["ap_50_95"] = np.mean([areas[each] for each in COCO_IOUS], axis=0)
        usual = f"ap_{_percent(self.usual)}"
        values[usual] = areas[self.usual]
        for size, boxes in self.by_size.items():
            values[f"{usual}_{size}"] = average_precision(boxes, weights)
        sensitivities = froc(self.hits, weights)
        values[CPM] = sensitivities.mean(axis=1)
        for rate, found in zip(RATES, sensitivities.T, strict=True):
            values[f"sensitivity@{rate:g}fp"] = found
        return values if self.counts is None else values | _decided(self.counts, weights)


def scores_of(operating_point: Mapping[str, Any]) -> dict[str, float]:
    """Score from which a box is called, by class; empty where none was chosen."""
    chosen = cast("Mapping[str, Mapping[str, float]]", operating_point.get("scores", {}))
    return {name: float(each["score"]) for name, each in chosen.items()}


def _decided(counts: Array, weights: Array) -> dict[str, Array]:
    hits, false, missed = (weights @ counts).T
    found = Counts(hits, false, missed, np.zeros_like(hits))
    values = {name + OPERATING_POINT: metric(found) for name, metric in DECISIONS.items()}
    values[FALSE_POSITIVES + OPERATING_POINT] = false / weights.sum(axis=1)
    return values


def _mean(values: Array) -> Array:
    """Mean over classes, ``(L, B)`` to ``(B,)``, of those that are defined."""
    defined = (~np.isnan(values)).sum(axis=0)
    total = np.nansum(values, axis=0)
    return np.asarray(np.where(defined > 0, total / np.maximum(defined, 1), np.nan))


def _percent(threshold: float) -> str:
    return f"{round(100 * threshold)}"
