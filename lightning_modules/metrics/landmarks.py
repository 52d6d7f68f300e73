"""Every figure of a landmarker, from per-case rows: point values and 95 % intervals."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lightning_modules.configs.landmark_measures import Measure, PointGroupConfig
from lightning_modules.metrics.intervals import Figure, bootstrap
from lightning_modules.metrics.landmark_measures import PointMeasures, check_measures, select_points
from lightning_modules.metrics.landmark_rows import LandmarkRow
from lightning_modules.metrics.landmark_table import Array, LandmarkTable
from lightning_modules.metrics.point_figures import (
    PointFigure,
    agreement_of,
    deviation_of,
    mean_of,
    means_of_halves,
    quantile_of,
    rank_correlation,
    share_within,
)

NEAR = {"2": 2.0, "2_5": 2.5, "3": 3.0, "4": 4.0}
"""Distances within which a point counts as found, as published challenges have them."""
UNITS = ("mm", "px")
LANDMARK_EPOCH_FIGURES = tuple(
    name.format(unit)
    for unit in UNITS
    for name in ("mre_{}", "median_{}", "p95_{}", "sdr_2{}", "sdr_4{}")
)
"""What is computed after every validation, as far as there is a spacing; ``mre_px`` always."""
Named = Iterator[tuple[str, PointFigure]]


class LandmarkMetrics:
    """Figures of landmarks.

    Lengths are in mm; where files have no spacing in pixels, and names end in ``px``.

    - ``mre_mm``: mean radial error, the mean distance over all marked points of all cases;
      ``median_mm``, ``sd_mm`` and ``p95_mm`` of the same distances; ``mre_px`` in pixels (voxels)
      of the file;
    - ``sdr_2mm``, ``sdr_2_5mm``, ``sdr_3mm``, ``sdr_4mm``: success detection rate, the share of
      points within so much;
    - ``mre_mm@<reader>``, ``sdr_2mm@<reader>``: against what someone else marked, and
      ``reader_mre_mm@<reader>``: how far these are from the truth, on the points that both marked;
    - ``mre_mm_of_mean_shape``: of the mean places of training, a baseline, and
      ``mre_mm_below_mean_shape``: how much smaller that of the network is, on the same points;
    - ``confidence_correlation``: Spearman's of confidence and distance, negative where confidence
      can be trusted; ``mre_mm_confident_half`` and ``mre_mm_doubtful_half`` of the points;
    - of a measure ``<measure>_mae``, ``<measure>_bias`` (mean of predicted less true) and
      ``<measure>_icc``, the ICC(2,1) of both.

    A group of landmarks has its own under ``mre_mm/<group>`` and so on, a single landmark
    ``mre_mm/<name>`` and ``sdr_2mm/<name>``. A point that is not marked never counts.

    References:
        Wang et al., "Evaluation and comparison of anatomical landmark detection methods for
        cephalometric X-ray images: a grand challenge", IEEE TMI 2015.
    """

    def __init__(
        self,
        points: Sequence[str],
        has_spacing: bool,
        groups: Sequence[PointGroupConfig] = (),
        measures: Sequence[Measure] = (),
        axes: int = 2,
    ) -> None:
        """Keep what is looked for, and what is measured.

        Args:
            points: Names of the landmarks, in the order of rows.
            has_spacing: Whether lengths are in mm.
            groups: Landmarks with figures of their own.
            measures: What is measured from them.
            axes: 2 of images, 3 of volumes.
        """
        check_measures(measures, groups, points, axes)
        self.points, self.axes = tuple(points), axes
        self.unit = "mm" if has_spacing else "px"
        self.measures = PointMeasures(measures, points, axes)
        self.units = self.measures.units(has_spacing=has_spacing)
        self.groups = {
            group.name: select_points(group.points, points, group.without) for group in groups
        }

    def summarize(self, rows: Sequence[LandmarkRow]) -> dict[str, float]:
        """Point values after an epoch; what is undefined is left out."""
        if not rows:
            return {}
        table = LandmarkTable.from_rows(rows, self.axes)
        once = np.ones((1, len(rows)))
        summary = {
            name: float(figure.compute(once)[0])
            for name, figure in self._overall(table)
            if name in LANDMARK_EPOCH_FIGURES
        }
        return {name: value for name, value in summary.items() if np.isfinite(value)}

    def figures(
        self,
        rows: Sequence[LandmarkRow],
        operating_point: Mapping[str, Any],
        samples: int,
        seed: int,
    ) -> dict[str, Figure]:
        """Final figures with 95 % intervals, bootstrapped over patients.

        Args:
            rows: One row a case.
            operating_point: Not needed: every landmark is always given a place.
            samples: Bootstrap samples.
            seed: Seed of the bootstrap.

        Returns:
            Figures by name; what is undefined has no value but a reason.
        """
        del operating_point
        if not rows:
            return {}
        table = LandmarkTable.from_rows(rows, self.axes)
        of_points = {name: figure for part in self._parts(table) for name, figure in part}
        of_cases = dict(self._of_measures(table))
        every = of_points | of_cases

        def compute(weights: Array) -> dict[str, Array]:
            return {name: figure.compute(weights) for name, figure in every.items()}

        return {
            name: every[name].explain(figure, table.patients, _noun(name in of_cases))
            for name, figure in bootstrap(compute, table.patients, samples, seed).items()
        }

    def table_row(self, row: LandmarkRow, operating_point: Mapping[str, Any]) -> dict[str, Any]:
        """A row as columns: mean and worst error, then of each landmark, and the measures."""
        del operating_point
        (errors,) = LandmarkTable.from_rows([row], self.axes).errors
        known = np.flatnonzero(~np.isnan(errors))
        worst = int(known[np.argmax(errors[known])]) if len(known) else None
        columns: dict[str, Any] = {
            "case_id": row["case_id"],
            "patient_id": row["patient_id"],
            f"mre_{self.unit}": _rounded(errors[known].mean() if len(known) else None),
            "worst": "" if worst is None else self.points[worst],
            f"worst_{self.unit}": _rounded(None if worst is None else errors[worst]),
        }
        for name, places in (("predicted", row["found"]), ("true", row["truth"])):
            measured = self.measures.measure(places, row["spacing"])
            columns |= {f"{own}/{name}": _rounded(value) for own, value in measured.items()}
        for name, error in zip(self.points, errors, strict=True):
            columns[f"error_{self.unit}/{name}"] = _rounded(error)
        for name, value in zip(self.points, row["confidence"], strict=True):
            columns[f"confidence/{name}"] = _rounded(value)
        return columns

    def _parts(self, table: LandmarkTable) -> Iterator[Named]:
        """Everything that counts points."""
        yield self._overall(table)
        yield self._of_confidence(table)
        yield self._of_mean_shape(table)
        yield self._of_readers(table)
        for group, columns in self.groups.items():
            suffix = f"/{group}"
            yield self._of_distances(table.errors[:, columns], suffix)
            yield self._of_mean_shape(table, columns, suffix)
            yield self._of_readers(table, columns, suffix)
        yield self._of_landmarks(table)

    def _overall(self, table: LandmarkTable) -> Named:
        yield from self._of_distances(table.errors)
        if self.unit != "px":
            in_voxels = table.distances(table.found, table.truth, in_voxels=True)
            yield "mre_px", mean_of(in_voxels)

    def _of_distances(self, errors: Array, suffix: str = "") -> Named:
        unit = self.unit
        yield f"mre_{unit}{suffix}", mean_of(errors)
        yield f"median_{unit}{suffix}", quantile_of(errors, 0.5)
        yield f"sd_{unit}{suffix}", deviation_of(errors)
        yield f"p95_{unit}{suffix}", quantile_of(errors, 0.95)
        for name, most in NEAR.items():
            yield f"sdr_{name}{unit}{suffix}", share_within(errors, most)

    def _of_landmarks(self, table: LandmarkTable) -> Named:
        errors = table.errors
        for number, name in enumerate(self.points):
            yield f"mre_{self.unit}/{name}", mean_of(errors[:, [number]])
            yield f"sdr_2{self.unit}/{name}", share_within(errors[:, [number]], 2.0)

    def _of_confidence(self, table: LandmarkTable) -> Named:
        yield "confidence_correlation", rank_correlation(table.confidence, table.errors)
        doubtful, confident = means_of_halves(table.errors, table.confidence)
        yield f"mre_{self.unit}_confident_half", confident
        yield f"mre_{self.unit}_doubtful_half", doubtful

    def _of_mean_shape(
        self, table: LandmarkTable, columns: Sequence[int] | None = None, suffix: str = ""
    ) -> Named:
        if table.usual is None:
            return
        usual, errors = table.distances(table.usual, table.truth), table.errors
        chosen = slice(None) if columns is None else columns
        yield f"mre_{self.unit}_of_mean_shape{suffix}", mean_of(usual[:, chosen])
        yield f"mre_{self.unit}_below_mean_shape{suffix}", mean_of((usual - errors)[:, chosen])

    def _of_readers(
        self, table: LandmarkTable, columns: Sequence[int] | None = None, suffix: str = ""
    ) -> Named:
        chosen = slice(None) if columns is None else columns
        for reader, places in table.readings.items():
            at = f"@{reader}{suffix}"
            from_reader = table.distances(table.found, places)[:, chosen]
            from_truth = table.distances(places, table.truth)[:, chosen]
            yield f"mre_{self.unit}{at}", mean_of(from_reader)
            yield f"sdr_2{self.unit}{at}", share_within(from_reader, 2.0)
            yield f"reader_mre_{self.unit}{at}", mean_of(from_truth)

    def _of_measures(self, table: LandmarkTable) -> Named:
        predicted, true = (
            self.measures.measure_all(places * table.spacing[:, None])
            for places in (table.found, table.truth)
        )
        for name in self.measures.names:
            less = (predicted[name] - true[name])[:, None]
            yield f"{name}_mae", mean_of(np.abs(less))
            yield f"{name}_bias", mean_of(less)
            yield f"{name}_icc", agreement_of(predicted[name], true[name])


def _noun(of_cases: bool) -> str:
    return "cases" if of_cases else "points"


def _rounded(value: float | None) -> float | str:
    return "" if value is None or np.isnan(value) else round(float(value), 4)
