"""The figures of a detector: its curves, and what it did worst, over the images."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np
from matplotlib.figure import Figure

from datamodules.boxes import BoxesData
from experiments.figures.box_curves import box_precision_recall, froc_curves
from experiments.figures.box_mistakes import BoxMistake, worst_boxes
from experiments.figures.box_overlays import BoxedImage, box_overlays
from lightning_modules.detector import Detector
from lightning_modules.found_boxes import FoundBoxes
from lightning_modules.metrics.detection import DetectionMetrics, scores_of
from lightning_modules.metrics.detection_rows import DetectionRow, ScoredBoxes


def detection_figures(
    module: Detector, data: BoxesData, operating_point: Mapping[str, Any]
) -> Iterator[tuple[str, Callable[[], Figure]]]:
    """Name and drawing of each figure, of the test cases, or else of the validation cases."""
    rows, metrics = detection_rows(module), module.metrics
    if isinstance(metrics, DetectionMetrics):
        scores = scores_of(operating_point)
        yield "box_precision_recall", lambda: box_precision_recall(rows, metrics, scores)
        yield "froc", lambda: froc_curves(rows, metrics)
    yield "box_mistakes", lambda: box_sheet(module, data, rows, operating_point)


def detection_rows(module: Detector) -> Sequence[DetectionRow]:
    """Those of the test cases, or else of the validation cases."""
    return cast("Sequence[DetectionRow]", module.rows.get("test") or module.rows["val"])


def box_sheet(
    module: Detector,
    data: BoxesData,
    rows: Sequence[DetectionRow],
    operating_point: Mapping[str, Any],
    name_of: Callable[[str], str] = str,
) -> Figure:
    """The worst misses and the worst false positives over their images on the prepared grid.

    Args:
        module: Trained.
        data: Has the cases.
        rows: To choose from.
        operating_point: As chosen on validation.
        name_of: Name of a case on the sheet, from its id.
    """
    of_case = {row["case_id"]: row for row in rows}
    index_of = {case.case_id: index for index, case in enumerate(data.table.cases)}
    worst = worst_boxes(rows, module.metrics, scores_of(operating_point))
    cases = [
        _boxed(
            module, data, index_of[each.case_id], of_case[each.case_id], operating_point, each,
            f"{each.text}: {name_of(each.case_id)}",
        )
        for each in worst
    ]  # fmt: skip
    title = "Worst misses and false positives" if worst else "No miss and no false positive"
    return box_overlays(cases, module.data.classes, title)


def _boxed(
    module: Detector,
    data: BoxesData,
    index: int,
    row: DetectionRow,
    operating_point: Mapping[str, Any],
    mistake: BoxMistake,
    title: str,
) -> BoxedImage:
    geometry, axes = data.cache.geometry(index), len(row["spacing"])
    found = module.decisions.shown(FoundBoxes.from_lists(_scored(row), axes), operating_point)
    truth = np.asarray(row["truth"], np.float64).reshape(-1, 2 * axes)
    return BoxedImage(
        title=title,
        image=np.asarray(data.cache.image(index), np.float32),
        spacing=module.data.spacing,
        found=found._replace(boxes=geometry.prepare_boxes(found.boxes)),
        truth=geometry.prepare_boxes(truth),
        truth_labels=np.where(row["ignored"], -1, row["truth_labels"]).astype(int),
        about=geometry.prepare_boxes(mistake.box[None])[0],
    )


def _scored(row: DetectionRow) -> ScoredBoxes:
    return ScoredBoxes(boxes=row["boxes"], scores=row["scores"], labels=row["labels"])
