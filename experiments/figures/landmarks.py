"""The figures of a landmarker: errors, curves, confidence, measures, and its worst cases."""

from collections.abc import Callable, Iterator, Sequence
from typing import cast

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from datamodules.landmarks import LandmarksData
from experiments.figures.measure_agreement import Measured, measure_agreement
from experiments.figures.point_errors import confidence_errors, point_curve, point_errors
from experiments.figures.point_overlays import PointedImage, point_overlays
from lightning_modules.landmarker import Landmarker
from lightning_modules.metrics.landmark_rows import LandmarkRow
from lightning_modules.metrics.landmark_table import LandmarkTable
from lightning_modules.metrics.landmarks import LandmarkMetrics

MOST_CASES = {2: 8, 3: 4}
"""Worst cases on the sheet, of images and of volumes."""


def landmark_figures(
    module: Landmarker, data: LandmarksData
) -> Iterator[tuple[str, Callable[[], Figure]]]:
    """Name and drawing of each figure, of the test cases, or else of the validation cases."""
    rows, metrics = landmark_rows(module), module.metrics
    table = LandmarkTable.from_rows(rows, metrics.axes)
    unit = unit_of(metrics)
    by_landmark = dict(zip(metrics.points, table.errors.T, strict=True))
    yield "point_errors", lambda: point_errors(by_landmark, unit)
    yield "point_curve", lambda: point_curve(table.errors, _others(table), unit)
    yield (
        "point_confidence",
        lambda: confidence_errors(table.confidence, table.errors, unit),
    )
    if metrics.measures.names:
        yield "measure_agreement", lambda: measure_agreement(measured(table, metrics))
    yield "point_mistakes", lambda: point_sheet(module, data, rows)


def landmark_rows(module: Landmarker) -> Sequence[LandmarkRow]:
    """Those of the test cases, or else of the validation cases."""
    return cast("Sequence[LandmarkRow]", module.rows.get("test") or module.rows["val"])


def unit_of(metrics: LandmarkMetrics) -> str:
    """Of distances: mm, or pixels (voxels) of files without a spacing."""
    return "mm" if metrics.unit == "mm" else "pixels" if metrics.axes == 2 else "voxels"


def _others(table: LandmarkTable) -> dict[str, NDArray[np.float64]]:
    """Distances from the truth of whatever else gives points."""
    others = {
        reader: table.distances(places, table.truth) for reader, places in table.readings.items()
    }
    if table.usual is not None:
        others["mean shape of training"] = table.distances(table.usual, table.truth)
    return others


def measured(table: LandmarkTable, metrics: LandmarkMetrics) -> dict[str, Measured]:
    """Every measure of every case, predicted and true."""
    predicted, true = (
        metrics.measures.measure_all(places * table.spacing[:, None])
        for places in (table.found, table.truth)
    )
    return {
        name: Measured(predicted[name], true[name], unit) for name, unit in metrics.units.items()
    }


def point_sheet(
    module: Landmarker,
    data: LandmarksData,
    rows: Sequence[LandmarkRow],
    name_of: Callable[[str], str] = str,
) -> Figure:
    """The cases with the largest mean distance, over their images on the prepared grid.

    Args:
        module: Landmarker.
        data: Has the cases.
        rows: To choose from.
        name_of: Name of a case on the sheet, from its id.
    """
    metrics = module.metrics
    table = LandmarkTable.from_rows(rows, metrics.axes)
    index_of = {case.case_id: index for index, case in enumerate(data.table.cases)}
    unit, cases = unit_of(metrics), []
    for at in worst_cases(table.errors)[: MOST_CASES[metrics.axes]]:
        errors, index = table.errors[at], index_of[table.cases[at]]
        geometry = data.cache.geometry(index)
        mean = f"{np.nanmean(errors):.1f} {unit}"
        cases.append(
            PointedImage(
                title=f"mean {mean}: {name_of(table.cases[at])}",
                image=np.asarray(data.cache.image(index), np.float32),
                spacing=module.data.spacing,
                found=geometry.prepare_points(table.found[at]),
                truth=geometry.prepare_points(table.truth[at]),
                errors=errors,
            )
        )
    title = "Cases with the largest mean distance" if cases else "No point is marked"
    return point_overlays(cases, metrics.points, unit, title)


def worst_cases(errors: NDArray[np.float64]) -> list[int]:
    """Numbers of the cases with a marked point, by their mean distance, the largest first."""
    known = np.flatnonzero(~np.isnan(errors).all(axis=1))
    means = np.nanmean(errors[known], axis=1)
    order: list[int] = known[np.argsort(-means, kind="stable")].tolist()
    return order
