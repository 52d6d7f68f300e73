import json

import numpy as np
import pytest

from lightning_modules.metrics.intervals import bootstrap_weights
from lightning_modules.metrics.mask_rows import score_masks
from lightning_modules.metrics.mask_units import MaskUnits
from lightning_modules.metrics.segmentation import SegmentationMetrics

NAMES = ("liver", "spleen")
TOLERANCES = {"liver": 1.0, "spleen": 1.0}
SPACING = (1.0, 1.0, 2.0)


def row(case, prediction, truth, patient=None, tolerances=TOLERANCES, **more):
    scores = score_masks(prediction, truth, NAMES, SPACING, tolerances, **more)
    return {"case_id": case, "patient_id": patient or case, **scores}


def mask(liver=0, spleen=0):
    """A label map with so many slabs of 16 voxels of each structure."""
    labels = np.zeros((1, 10, 4, 4), dtype=np.uint8)
    labels[0, :liver] = 1
    labels[0, 10 - spleen :] = 2
    return labels


def rows():
    """Four cases: both structures, no spleen at all, spleen missed, spleen invented."""
    return [
        row("a", mask(4, 2), mask(3, 2)),
        row("b", mask(2, 0), mask(2, 0)),
        row("c", mask(4, 0), mask(2, 1)),
        row("d", mask(1, 3), mask(4, 0)),
    ]


LIVER = [6 / 7, 1, 4 / 6, 2 / 5]
SPLEEN = [1, 0, 0]
DIAGONAL = (100 + 16 + 64) ** 0.5


@pytest.fixture
def metrics():
    return SegmentationMetrics(NAMES)


def test_dice_is_the_mean_over_structures_of_means_over_cases(metrics):
    figures = metrics.figures(rows(), samples=0, seed=0)
    assert figures["dice/liver"].value == pytest.approx(np.mean(LIVER))
    assert figures["dice/spleen"].value == pytest.approx(np.mean(SPLEEN))
    assert figures["dice"].value == pytest.approx((np.mean(LIVER) + np.mean(SPLEEN)) / 2)


def test_absent_in_truth_and_prediction_is_undefined_and_counted(metrics):
    figures = metrics.figures(rows(), samples=0, seed=0)
    spleen = figures["dice/spleen"]
    assert (spleen.cases, spleen.patients) == (3, 3)
    assert spleen.reason == "undefined in 1 of 4 cases: absent in truth and prediction"
    assert figures["dice/liver"].reason is None
    assert figures["dice"].reason == (
        "undefined in 1 of 8 outlines: absent in truth and prediction"
    )
    assert figures["sensitivity/spleen"].reason == "undefined in 2 of 4 cases: absent in truth"
    assert figures["precision/spleen"].reason == "undefined in 2 of 4 cases: absent in prediction"


def test_one_empty_mask_is_a_failure_left_out_of_distances(metrics):
    figures = metrics.figures(rows(), samples=0, seed=0)
    assert [figures[f"failures{end}"].value for end in ("", "/liver", "/spleen")] == [2, 0, 2]
    distance = figures["hd95_mm/spleen"]
    assert (distance.value, distance.cases) == (0, 1)
    assert distance.reason == (
        "undefined in 1 of 4 cases: absent in truth and prediction; "
        "failed in 2 of 4 cases: absent in truth or in prediction"
    )


def test_failures_enter_a_second_distance_with_the_diagonal(metrics):
    figures = metrics.figures(rows(), samples=0, seed=0)
    for name in ("hd95_mm", "assd_mm"):
        found = figures[f"{name}_with_failures/spleen"]
        assert found.value == pytest.approx((0 + 2 * DIAGONAL) / 3)
        assert found.cases == 3
    assert figures["surface_dice/spleen"].value == pytest.approx(1 / 3)


def test_pooled_dice_counts_the_voxels_of_all_cases(metrics):
    figures = metrics.figures(rows(), samples=0, seed=0)
    assert figures["dice_pooled/liver"].value == pytest.approx(2 * 8 / (11 + 11))
    assert figures["dice_pooled/spleen"].value == pytest.approx(2 * 2 / (5 + 3))
    assert figures["dice_pooled"].reason is None


def test_volume_error_is_in_ml(metrics):
    figures = metrics.figures(rows(), samples=0, seed=0)
    slab = 16 * 2 / 1000
    assert figures["volume_error_ml/liver"].value == pytest.approx(slab * (1 + 0 + 2 + 3) / 4)
    assert figures["volume_error_ml/spleen"].value == pytest.approx(slab * (0 + 1 + 3) / 3)


def test_structure_that_is_nowhere_has_no_value_but_a_reason(metrics):
    nowhere = [row("a", mask(2), mask(2)), row("b", mask(3), mask(2))]
    figures = metrics.figures(nowhere, samples=50, seed=0)
    spleen = figures["hd95_mm/spleen"]
    assert (spleen.value, spleen.low, spleen.cases) == (None, None, 0)
    assert spleen.reason == "undefined in 2 of 2 cases: absent in truth and prediction"
    assert figures["dice"].value == figures["dice/liver"].value
    assert figures["dice"].reason.startswith("undefined for 1 of 2 structures: spleen; ")
    assert "dice/spleen" not in metrics.summarize(nowhere)


def test_intervals_are_those_of_resampled_patients(metrics):
    pairs = zip(rows(), "ppqr", strict=True)
    own = [{**each, "patient_id": patient} for each, patient in pairs]
    figures = metrics.figures(own, samples=400, seed=3)
    (weights,) = bootstrap_weights(tuple("ppqr"), 400, 3)
    low, high = np.quantile(weights @ np.array(LIVER) / weights.sum(axis=1), [0.025, 0.975])
    assert (figures["dice/liver"].low, figures["dice/liver"].high) == pytest.approx((low, high))
    assert figures["dice/liver"].patients == 3


def test_figures_do_not_depend_on_the_order_of_rows(metrics):
    forward, backward = (metrics.figures(each, 50, 0) for each in (rows(), rows()[::-1]))
    assert forward == backward


def test_figures_are_plain_values(metrics):
    figures = metrics.figures(rows(), samples=50, seed=0)
    json.dumps({name: figure.to_dict() for name, figure in figures.items()}, allow_nan=False)


def test_a_single_structure_has_no_names_of_structures():
    labels = np.ones((1, 5, 5), dtype=np.uint8)
    scores = score_masks(labels, labels, ("lesion",), (1.0, 1.0), {"lesion": 1.0})
    units = MaskUnits(dimensions=2, has_spacing=False)
    metrics = SegmentationMetrics(("lesion",), units)
    figures = metrics.figures([{"case_id": "a", "patient_id": "a", **scores}], 0, 0)
    assert set(figures) == {
        *("dice", "iou", "sensitivity", "specificity", "precision", "dice_pooled"),
        *("hd95_px", "hd95_px_with_failures", "assd_px", "assd_px_with_failures"),
        *("surface_dice", "area_error_px", "failures"),
    }
    assert figures["specificity"].reason == "undefined in 1 of 1 cases: fills the image in truth"


def test_cheap_rows_give_no_distances(metrics):
    cheap = [row("a", mask(4, 2), mask(3, 2), tolerances=None)]
    names = {name.partition("/")[0] for name in metrics.figures(cheap, 0, 0)}
    assert names == {
        *("dice", "iou", "sensitivity", "specificity", "precision", "dice_pooled"),
        *("volume_error_ml", "failures"),
    }


def test_an_epoch_has_dice_of_each_structure_and_the_mean_loss(metrics):
    own = [{**each, "loss": loss} for each, loss in zip(rows(), (1, 2, 3, 6), strict=True)]
    summary = metrics.summarize(own)
    assert summary["dice/liver"] == pytest.approx(np.mean(LIVER))
    assert summary["loss"] == 3
    assert "hd95_mm" not in summary
    assert metrics.summarize([]) == {}


def test_centreline_dice_is_given_for_vessels_only(metrics):
    whole, half = mask(6, 2), mask(3, 2)
    own = [row("a", half, whole, centrelines=("liver",))]
    counts = own[0]["structures"]["liver"]["centrelines"]
    precision, recall = counts[0] / counts[1], counts[2] / counts[3]
    figures = metrics.figures(own, samples=0, seed=0)
    expected = 2 * precision * recall / (precision + recall)
    assert figures["cldice/liver"].value == pytest.approx(expected)
    assert figures["cldice"].value == figures["cldice_pooled"].value == pytest.approx(expected)
    assert figures["cldice"].reason is None
    assert "cldice/spleen" not in figures


def test_centreline_dice_with_empty_masks(metrics):
    pairs = {"a": (mask(), mask(2)), "b": (mask(), mask()), "c": (mask(2), mask(2))}
    own = [row(case, *pair, centrelines=("liver",)) for case, pair in pairs.items()]
    found = metrics.figures(own, samples=0, seed=0)["cldice/liver"]
    assert (found.value, found.cases) == (0.5, 2)


def test_structure_that_is_not_annotated_is_not_an_empty_one(metrics):
    """Nothing is known of the spleen in any case, and of the liver in one."""
    unknown = {"tp": 0, "fp": 0, "fn": 0, "tn": 0}
    unknown |= {"hd95": None, "assd": None, "surface_dice": None}
    own = rows()
    for each in own:
        each["structures"]["spleen"] = unknown
    own[0]["structures"]["liver"] = unknown
    columns = metrics.table_row(own[0])
    assert columns["truth_ml/liver"] == columns["predicted_ml/spleen"] == ""
    figures = metrics.figures(own, samples=0, seed=0)
    assert figures["dice/spleen"].reason == "not annotated in 4 of 4 cases"
    assert (figures["failures/spleen"].value, figures["failures/spleen"].cases) == (None, 0)
    assert figures["failures"].value == figures["failures/liver"].value
    assert figures["failures/liver"].cases == 3
    assert figures["failures/liver"].reason == "not annotated in 1 of 4 cases"


def test_table_rows_have_figures_and_sizes(metrics):
    columns = metrics.table_row(rows()[2])
    assert columns["case_id"] == "c"
    assert columns["dice/liver"] == pytest.approx(2 / 3, abs=1e-6)
    assert columns["hd95_mm/spleen"] == ""
    assert columns["truth_ml/liver"] == pytest.approx(0.064)
    assert columns["predicted_ml/liver"] == pytest.approx(0.128)


@pytest.mark.parametrize(
    ("units", "words", "voxel"),
    [
        (MaskUnits(3, True), ("mm", "ml", "volume"), 0.006),
        (MaskUnits(2, True), ("mm", "mm2", "area"), 6.0),
        (MaskUnits(3, False), ("px", "px", "volume"), 1.0),
    ],
)
def test_units(units, words, voxel):
    spacing = (1.0, 2.0, 3.0)
    assert (units.length, units.size, units.extent) == words
    assert units.voxel(spacing) == pytest.approx(voxel)
