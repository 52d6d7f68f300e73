import numpy as np
import pytest
from fakes.scored_boxes import scored_cases
from matplotlib.figure import Figure

from datamodules.volume import Volume
from experiments.figures.box_curves import box_precision_recall, froc_curves
from experiments.figures.box_mistakes import worst_boxes
from experiments.figures.box_overlays import BoxedImage, box_overlays, draw_found
from lightning_modules.found_boxes import FoundBoxes
from lightning_modules.metrics.detection import DetectionMetrics
from lightning_modules.metrics.single_box import SingleBoxMetrics


def pixels(figure: Figure) -> np.ndarray:
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())


def metrics(classes: int, axes: int = 2) -> DetectionMetrics:
    return DetectionMetrics([f"class {number}" for number in range(classes)], axes)


def found(*boxes: list[float]) -> FoundBoxes:
    return FoundBoxes(np.array(boxes, float), np.ones(len(boxes)), np.zeros(len(boxes), int))


@pytest.mark.parametrize("classes", [1, 3, 7])
def test_curves_have_a_panel_or_with_many_classes_one_each(classes):
    rows = scored_cases(0, 12, classes=classes)
    point = {f"class {number}": 0.5 for number in range(classes)}
    for figure in (
        box_precision_recall(rows, metrics(classes), point),
        froc_curves(rows, metrics(classes)),
    ):
        assert len(figure.axes) == (classes if classes > 5 else 1)
        assert pixels(figure).std() > 5


def test_curve_of_a_class_without_objects_says_so():
    figure = froc_curves(scored_cases(0, 3, objects=0), metrics(2))
    assert "no object" in figure.legends[0].get_texts()[0].get_text()


OBJECT, OTHER, NOWHERE = [0, 0, 10, 10], [20, 20, 40, 40], [60, 60, 70, 70]


def row(boxes, scores, truth):
    return {
        **{"case_id": "a", "patient_id": "a", "boxes": boxes, "scores": scores},
        **{"labels": [0] * len(boxes), "truth": truth, "truth_labels": [0] * len(truth)},
        **{"ignored": [False] * len(truth), "spacing": [1.0, 1.0]},
    }


def test_worst_are_what_no_box_finds_and_then_false_boxes_by_score():
    rows = [row([NOWHERE, OTHER], [0.9, 0.1], [OBJECT, OTHER])]
    said = [each.text for each in worst_boxes(rows, metrics(1), {"class 0": 0.5})]
    assert said == [
        "missed class 0, no box",
        "missed class 0, score 0.10",
        "false class 0, score 0.90",
    ]


def test_worst_of_single_boxes_fit_worst():
    rows = [row([OBJECT], [0.9], [OBJECT]), {**row([NOWHERE], [0.9], [OBJECT]), "case_id": "b"}]
    worst = worst_boxes(rows, SingleBoxMetrics(["organ"]), {})
    assert [each.case_id for each in worst] == ["b", "a"]


def test_boxes_are_drawn_where_they_are_in_an_image():
    image = np.zeros((1, 30, 50))
    shown = BoxedImage("a", image, (1.0, 1.0), found([5, 10, 15, 40]))
    (patch,) = box_overlays([shown], ["cell"], "sheet").axes[0].patches
    assert (patch.get_xy(), patch.get_width(), patch.get_height()) == ((10, 5), 30, 10)


def test_volume_is_shown_in_three_planes_around_what_lies_there():
    array, affine = np.zeros((1, 30, 40, 50), np.float32), np.diag([-1.0, 1, 2, 1])
    array[0, 5:9, 20:30, 30:45] = 1
    figure = draw_found("scan", Volume(array, affine), found([5, 20, 30, 9, 30, 45]), ["node"])
    for axes in figure.axes:
        (left, top), patch = axes.patches[0].get_xy(), axes.patches[0]
        rows = slice(int(top), int(top + patch.get_height()))
        columns = slice(int(left), int(left + patch.get_width()))
        drawn = np.asarray(axes.images[0].get_array())[..., 0]
        assert drawn[rows, columns].min() == 1
        assert drawn.sum() == drawn[rows, columns].size


def test_sheet_without_a_case_is_empty():
    assert pixels(box_overlays([], ["cell"], "No miss and no false positive")).shape[2] == 4
