import numpy as np
import pytest
from fakes.scored_boxes import scored_cases
from monai.metrics.froc import compute_froc_curve_data, compute_froc_score

from lightning_modules.metrics.detection_table import build_tables
from lightning_modules.metrics.froc import RATES, froc, froc_curve
from lightning_modules.metrics.ranked_boxes import RankedBoxes

WORKED = RankedBoxes(
    scores=np.array([0.9, 0.8, 0.7, 0.6, 0.5]),
    cases=np.array([0, 1, 0, 1, 1]),
    found=np.array([True, False, True, False, True]),
    objects=np.array([2.0, 2.0]),
)
"""Two images with two objects each; after each box: 1/4 at 0 false positives an image, 1/4 at 1/2,
1/2 at 1/2, 1/2 at 1, 3/4 at 1."""


def test_worked_example_is_read_off_the_curve():
    rate, share = froc_curve(WORKED, np.ones((1, 2)))
    assert rate.tolist() == [[0, 0, 0.5, 0.5, 1, 1]]
    assert share.tolist() == [[0, 0.25, 0.25, 0.5, 0.5, 0.75]]
    found = froc(WORKED, np.ones((1, 2)))
    assert found.tolist() == [[0.25, 0.25, 0.5, 0.75, 0.75, 0.75, 0.75]]
    assert found.mean() == pytest.approx((0.25 + 0.25 + 0.5 + 4 * 0.75) / 7)


def test_sensitivity_between_two_points_is_on_the_line_between_them():
    slanted = RankedBoxes(
        np.array([0.9, 0.5, 0.5]), np.zeros(3, int), np.array([True, True, False]), np.array([2.0])
    )
    assert froc(slanted, np.ones((1, 1)), (0.5,)).item() == pytest.approx(0.75)


@pytest.mark.parametrize("seed", range(50))
@pytest.mark.parametrize("rule", ["iou", "centre", "radius"])
def test_sensitivities_and_their_mean_are_those_of_monai(seed, rule):
    rows = scored_cases(seed, 5, classes=1, objects=4, tied=False)
    (table,) = build_tables(rows, ("nodule",))
    boxes = table.by_hits(table.matches(rule, 0.5))
    if not boxes.objects.any():
        pytest.skip("no object was drawn")
    false = np.append(boxes.scores[~boxes.found], 0.0)  # MONAI leaves out the lowest score
    rate, share = compute_froc_curve_data(
        false, boxes.scores[boxes.found], int(boxes.objects.sum()), 5
    )
    found = froc(boxes, np.ones((1, 5)))[0]
    assert found.mean() == pytest.approx(compute_froc_score(rate, share, RATES))


def test_weights_are_repeated_images():
    rows = scored_cases(4, 4, classes=1)
    (table,) = build_tables(rows, ("a",))
    boxes = table.by_hits(table.matches("iou", 0.5))
    doubled = build_tables([*rows, rows[0] | {"case_id": "z"}], ("a",))[0]
    again = doubled.by_hits(doubled.matches("iou", 0.5))
    np.testing.assert_allclose(
        froc(boxes, np.array([[2.0, 1, 1, 1]])), froc(again, np.ones((1, 5)))
    )


def test_without_an_object_it_is_undefined():
    rows = scored_cases(4, 4, classes=1, objects=0)
    table = build_tables(rows, ("a",))[0]
    assert np.isnan(froc(table.by_hits(table.matches("iou", 0.5)), np.ones((1, 4)))).all()
