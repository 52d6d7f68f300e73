import pytest

from lightning_modules.metrics.single_box import SingleBoxMetrics


def row(case, boxes, truth, scores=None, labels=None):
    return {
        "case_id": case,
        "patient_id": case,
        "boxes": boxes,
        "labels": labels or [0] * len(boxes),
        "scores": scores or [0.9] * len(boxes),
        "truth": truth,
        "truth_labels": [0] * len(truth),
        "ignored": [False] * len(truth),
        "spacing": [0.5, 0.5],
    }


SQUARE, HALF, MOVED = [0, 0, 10, 10], [0, 0, 10, 5], [6, 8, 16, 18]


def rows():
    return [row("a", [SQUARE], [SQUARE]), row("b", [HALF], [SQUARE]), row("c", [MOVED], [SQUARE])]


def test_overlap_distance_and_shares_are_means_over_cases():
    figures = SingleBoxMetrics(["heart"]).figures(rows(), {}, samples=0, seed=0)
    third = 8 / (200 - 8)
    assert figures["iou"].value == pytest.approx((1 + 0.5 + third) / 3)
    assert figures["iou_above_50"].value == pytest.approx(2 / 3)
    assert figures["iou_above_75"].value == pytest.approx(1 / 3)
    assert figures["centre_distance_mm"].value == pytest.approx((0 + 1.25 + 5) / 3)


def test_no_box_is_an_overlap_of_zero_and_no_distance():
    figures = SingleBoxMetrics(["heart"]).figures([row("a", [], [SQUARE])], {}, samples=0, seed=0)
    assert figures["iou"].value == 0
    assert figures["centre_distance_mm"].value is None
    assert "no such object, or no box" in figures["centre_distance_mm"].reason


def test_case_without_the_object_is_left_out():
    found = [*rows(), row("d", [SQUARE], [])]
    figure = SingleBoxMetrics(["heart"]).figures(found, {}, samples=0, seed=0)["iou"]
    assert figure.cases == 3
    assert figure.reason == "undefined in 1 of 4 cases: no such object"


def test_several_classes_have_a_mean_and_figures_of_their_own():
    found = [row("a", [SQUARE, HALF], [SQUARE], labels=[0, 1])]
    figures = SingleBoxMetrics(["heart", "lung"]).figures(found, {}, samples=0, seed=0)
    assert figures["iou"].value == figures["iou/heart"].value == 1
    assert figures["iou/lung"].value is None


def test_distance_is_in_pixels_where_there_is_no_spacing():
    summary = SingleBoxMetrics(["heart"], has_spacing=False).summarize(rows())
    assert set(summary) == {"iou", "iou_above_50", "iou_above_75", "centre_distance_px"}


def test_row_of_the_table_has_overlap_and_score():
    columns = SingleBoxMetrics(["heart"]).table_row(rows()[1], {})
    assert (columns["iou"], columns["centre_distance_mm"], columns["score"]) == (0.5, 1.25, 0.9)


def test_mean_box_of_training_is_a_baseline():
    row = {
        "case_id": "a",
        "patient_id": "a",
        "boxes": [[0.0, 0.0, 10.0, 10.0]],
        "scores": [1.0],
        "labels": [0],
        "truth": [[0.0, 0.0, 10.0, 10.0]],
        "truth_labels": [0],
        "ignored": [False],
        "spacing": [1.0, 1.0],
        "usual": [[0.0, 0.0, 10.0, 5.0]],
    }
    figures = SingleBoxMetrics(("heart",)).figures([row], {}, 10, 0)
    assert figures["iou_of_mean_box"].value == 0.5
    assert figures["iou_above_mean_box"].value == 0.5
