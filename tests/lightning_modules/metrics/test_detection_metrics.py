import json
import time

import numpy as np
import pytest
from fakes.scored_boxes import scored_cases

from lightning_modules.metrics.detection import EPOCH_FIGURES, DetectionMetrics

NAMES = ("cell", "platelet")
POINT = {"scores": {"cell": {"score": 0.5}, "platelet": {"score": 0.8}}}
TEN = [0.0, 0.0, 10.0, 10.0]
FAR = [100.0, 100.0, 120.0, 120.0]


def row(case, found, truth, patient=None, ignored=None):
    """A row; ``found`` and ``truth`` are boxes with their labels, those found with scores."""
    return {
        "case_id": case,
        "patient_id": patient or case,
        "boxes": [box for box, _, _ in found],
        "labels": [label for _, label, _ in found],
        "scores": [score for _, _, score in found],
        "truth": [box for box, _ in truth],
        "truth_labels": [label for _, label in truth],
        "ignored": ignored or [False] * len(truth),
        "spacing": [1.0, 1.0],
    }


def rows():
    """A cell found and one missed; a false alarm in an empty image; a platelet below 0.8."""
    return [
        row("a", [(TEN, 0, 0.9)], [(TEN, 0), (FAR, 0)]),
        row("b", [(FAR, 0, 0.7)], []),
        row("c", [(TEN, 1, 0.6)], [(TEN, 1)]),
    ]


@pytest.fixture
def metrics():
    return DetectionMetrics(NAMES, axes=2)


def test_mean_over_classes_is_that_of_their_average_precisions(metrics):
    figures = metrics.figures(rows(), {}, samples=0, seed=0)
    assert figures["ap_50/cell"].value == pytest.approx(51 / 101)
    assert figures["ap_50/platelet"].value == 1
    assert figures["map_50"].value == pytest.approx((51 / 101 + 1) / 2)


def test_decisions_are_counted_at_the_operating_point(metrics):
    figures = metrics.figures(rows(), POINT, samples=0, seed=0)
    assert figures["precision@operating_point/cell"].value == 0.5
    assert figures["sensitivity@operating_point/cell"].value == 0.5
    assert figures["f1@operating_point/cell"].value == 0.5
    assert figures["false_positives_per_image@operating_point/cell"].value == pytest.approx(1 / 3)
    assert figures["sensitivity@operating_point"].value == 0.25
    assert figures["false_positives_per_image@operating_point"].value == pytest.approx(1 / 3)


def test_what_is_not_called_is_undefined_with_a_reason(metrics):
    figure = metrics.figures(rows(), POINT, samples=0, seed=0)["precision@operating_point/platelet"]
    assert (figure.value, figure.reason) == (None, "no box reaches the operating point")


def test_class_without_objects_is_undefined_and_left_out_of_the_mean(metrics):
    figures = metrics.figures(rows()[:2], {}, samples=0, seed=0)
    assert figures["ap_50/platelet"].reason == "no object in any case"
    assert figures["map_50"].value == figures["ap_50/cell"].value
    assert figures["map_50"].reason == "undefined for 1 of 2 classes: platelet"


def test_rows_that_say_what_was_called_need_no_operating_point(metrics):
    pooled = [{**each, "called": [False]} for each in rows()]
    figures = metrics.figures(pooled, {}, samples=0, seed=0)
    assert figures["sensitivity@operating_point"].value == 0


def test_region_for_all_classes_spares_false_alarms_of_each(metrics):
    spared = row("b", [(FAR, 0, 0.9), (FAR, 1, 0.9)], [(FAR, -1)], ignored=[True])
    figures = metrics.figures([rows()[0], rows()[2], spared], POINT, samples=0, seed=0)
    assert figures["false_positives_per_image@operating_point"].value == 0
    assert figures["ap_50/platelet"].value == 1


def test_interval_draws_whole_patients(metrics):
    alike = [row(name, [(TEN, 0, 0.9)], [(TEN, 0)], patient="one") for name in "ab"]
    figure = metrics.figures(alike, {}, samples=50, seed=0)["map_50"]
    assert figure.low is None
    assert "no interval: all cases are of one patient" in figure.reason


def test_intervals_hold_their_values():
    metrics = DetectionMetrics(NAMES, axes=2)
    figures = metrics.figures(scored_cases(0, 30), POINT, samples=200, seed=0)
    for name in ("map_50", "map_50_95", "froc_cpm", "f1@operating_point", "ap_50/cell"):
        assert figures[name].low < figures[name].value < figures[name].high


def test_order_of_rows_does_not_matter(metrics):
    drawn = scored_cases(1, 12)
    assert metrics.summarize(drawn) == metrics.summarize(drawn[::-1])


def test_sizes_of_images_are_those_of_coco(metrics):
    large = [0.0, 0.0, 100.0, 100.0]
    found = [row("a", [(TEN, 0, 0.9)], [(TEN, 0), (large, 0)]), rows()[2]]
    figures = metrics.figures(found, {}, samples=0, seed=0)
    assert figures["ap_50_small/cell"].value == 1
    assert figures["ap_50_large/cell"].value == 0
    assert figures["ap_50_medium/cell"].reason == "no medium object in any case"


def test_volumes_have_average_precision_at_a_tenth():
    drawn = scored_cases(0, 8, axes=3, classes=1, side=60.0)
    figures = DetectionMetrics(("nodule",), axes=3).figures(drawn, {}, samples=0, seed=0)
    assert figures["map_10"].value >= figures["map_50"].value
    assert {"map_10_small", "map_10_medium", "map_10_large"} <= set(figures)
    assert not any("/" in name for name in figures)


def test_row_of_the_table_counts_found_and_missed(metrics):
    columns = metrics.table_row(rows()[0], POINT)
    assert columns["objects/cell"] == 2
    assert (columns["found/cell"], columns["missed/cell"], columns["false_alarms/cell"]) == (
        1,
        1,
        0,
    )
    assert (columns["highest_score/cell"], columns["highest_score/platelet"]) == (0.9, "")


def test_figures_are_plain_values(metrics):
    figures = metrics.figures(scored_cases(0, 5), POINT, samples=20, seed=0)
    json.dumps({name: figure.to_dict() for name, figure in figures.items()}, allow_nan=False)


def test_summary_of_an_epoch_is_quick_and_named():
    drawn = scored_cases(0, 87, classes=3, objects=20, false=60, tied=False)
    metrics = DetectionMetrics(("a", "b", "c"), axes=2)
    start = time.process_time()
    summary = metrics.summarize(drawn)
    assert time.process_time() - start < 3
    assert set(summary) <= set(EPOCH_FIGURES)
    assert summary["map_50"] == metrics.figures(drawn, {}, 0, 0)["map_50"].value
    assert np.isfinite(list(summary.values())).all()
