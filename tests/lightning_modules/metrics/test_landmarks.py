import numpy as np
import pytest
from scipy.stats import spearmanr

from datamodules.errors import LightboxError
from lightning_modules.configs.landmark_measures import (
    DistanceConfig,
    PointGroupConfig,
)
from lightning_modules.metrics.landmarks import LANDMARK_EPOCH_FIGURES, LandmarkMetrics

POINTS = ("sella", "nasion", "menton")


def row(case, found, truth, confidence=(0.9, 0.5, 0.1), spacing=(1.0, 1.0), **more):
    return {
        "case_id": case,
        "patient_id": case,
        "found": found,
        "confidence": list(confidence),
        "truth": truth,
        "spacing": list(spacing),
        **more,
    }


TRUTH = [[10.0, 10.0], [20.0, 10.0], [30.0, 10.0]]
OFF = [[10.0, 11.0], [23.0, 14.0], [30.0, 10.0]]  # by 1, 5, 0
FAR = [[10.0, 12.0], [20.0, 10.0], [30.0, 20.0]]  # by 2, 0, 10


def rows():
    return [row("a", OFF, TRUTH), row("b", FAR, [*TRUTH[:2], None])]


def figures(found, samples=0, **settings):
    metrics = LandmarkMetrics(POINTS, settings.pop("has_spacing", True), **settings)
    return metrics.figures(found, {}, samples=samples, seed=0)


def test_mean_radial_error_is_over_all_marked_points_of_all_cases():
    errors = [1, 5, 0, 2, 0]
    found = figures(rows())
    assert found["mre_mm"].value == pytest.approx(np.mean(errors))
    assert found["median_mm"].value == 1
    assert found["sd_mm"].value == pytest.approx(np.std(errors, ddof=1))
    assert found["p95_mm"].value == pytest.approx(np.quantile(errors, 0.95))
    assert found["mre_mm"].reason == "1 of 6 points left out: not marked"


def test_success_rate_is_the_share_of_points_within_so_much():
    found = figures(rows())
    assert [found[f"sdr_{near}mm"].value for near in ("2", "2_5", "3", "4")] == [0.8] * 4
    assert found["sdr_2mm/sella"].value == 1  # 2 mm is within 2 mm
    assert found["sdr_2mm/nasion"].value == 0.5


def test_a_landmark_that_is_nowhere_marked_is_undefined_with_a_reason():
    found = figures([row("a", OFF, [*TRUTH[:2], None])])
    assert found["mre_mm/menton"].value is None
    assert found["mre_mm/menton"].reason == "undefined in all 1 points: not marked"
    assert found["mre_mm/menton"].cases == 0


def test_spacing_of_each_axis_counts_and_pixels_stay_pixels():
    found = figures([row("a", OFF, TRUTH, spacing=(2.0, 0.5))])
    assert found["mre_mm/nasion"].value == pytest.approx(np.hypot(6, 2))
    assert found["mre_px"].value == 2


def test_without_a_spacing_everything_is_in_pixels():
    found = figures(rows(), has_spacing=False)
    assert found["mre_px"].value == pytest.approx(1.6)
    assert found["mre_px/sella"].value == 1.5
    assert not [name for name in found if "mm" in name]


def test_group_has_figures_of_its_own():
    group = PointGroupConfig(name="base", points=("*",), without=("menton",))
    found = figures(rows(), groups=[group])
    assert found["mre_mm/base"].value == pytest.approx((1 + 5 + 2 + 0) / 4)
    assert found["median_mm/base"].value == pytest.approx(1.5)
    assert found["sdr_2mm/base"].value == 0.75


def test_other_reader_is_compared_with_and_is_compared_with_the_truth():
    reader = [[10.0, 11.0], None, [34.0, 10.0]]
    group = PointGroupConfig(name="base", points=("sella", "nasion"))
    found = figures([row("a", OFF, TRUTH, readings={"junior": reader})], groups=[group])
    assert found["mre_mm@junior"].value == 2
    assert found["sdr_2mm@junior"].value == 0.5
    assert found["reader_mre_mm@junior"].value == 2.5
    assert found["mre_mm@junior/base"].value == 0
    assert found["reader_mre_mm@junior/base"].value == 1


def test_case_that_the_other_reader_did_not_mark_is_left_out():
    with_reading = row("b", OFF, TRUTH, readings={"junior": OFF})
    found = figures([row("a", FAR, TRUTH), with_reading])["mre_mm@junior"]
    assert (found.value, found.cases) == (0, 1)


def test_mean_shape_of_training_is_a_baseline_on_the_same_points():
    usual = [[10.0, 14.0], None, [30.0, 13.0]]
    found = figures([row("a", OFF, TRUTH, usual=usual)])
    assert found["mre_mm_of_mean_shape"].value == 3.5
    assert found["mre_mm_below_mean_shape"].value == 3.5 - 0.5


def test_confidence_is_compared_with_the_distance():
    found = figures(rows())
    errors, confidence = [1, 5, 0, 2, 0], [0.9, 0.5, 0.1, 0.9, 0.5]
    expected = spearmanr(confidence, errors).statistic
    assert found["confidence_correlation"].value == pytest.approx(expected)


def test_halves_by_confidence():
    found = figures([row("a", FAR, TRUTH, (0.9, 0.5, 0.1))])
    assert found["mre_mm_confident_half"].value == pytest.approx((2 + 0.5 * 0) / 1.5)
    assert found["mre_mm_doubtful_half"].value == pytest.approx((10 + 0.5 * 0) / 1.5)


def test_equal_confidences_tell_nothing():
    found = figures([row("a", FAR, TRUTH, (0.5, 0.5, 0.5))])
    assert found["confidence_correlation"].value is None
    assert found["mre_mm_confident_half"].reason == "all confidences are equal"


def test_measures_have_an_error_a_bias_and_an_agreement():
    length = DistanceConfig(name="base", between=("sella", "nasion"))
    shorter = [[10.0, 10.0], [18.0, 10.0], [30.0, 10.0]]
    longer = [[10.0, 10.0], [29.0, 10.0], [30.0, 10.0]]
    true = [[10.0, 10.0], [28.0, 10.0], [30.0, 10.0]]
    found = figures(
        [row("a", shorter, TRUTH), row("b", longer, true), row("c", longer, [None, *true[1:]])],
        measures=[length],
    )
    assert found["base_mae"].value == pytest.approx(1.5)
    assert found["base_bias"].value == pytest.approx(-0.5)
    assert found["base_mae"].cases == 2
    assert found["base_mae"].reason.startswith("1 of 3 cases left out: a point that is needed")
    assert 0.9 < found["base_icc"].value < 1


def test_interval_of_a_median_is_that_of_resampled_cases():
    generator = np.random.default_rng(1)
    many = [
        row(f"{at:02}", (TRUTH + generator.normal(0, 2, (3, 2))).tolist(), TRUTH) for at in range(9)
    ]
    found = figures(many, samples=400)["median_mm"]
    errors = np.array(
        [np.linalg.norm(np.subtract(each["found"], each["truth"]), axis=1) for each in many]
    )
    draws = np.random.default_rng(0).integers(0, 9, (400, 9))
    low, high = np.quantile([np.median(errors[draw]) for draw in draws], [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx((low, high))


def test_after_an_epoch_there_are_only_its_figures():
    summary = LandmarkMetrics(POINTS, has_spacing=True).summarize(rows())
    assert set(summary) == {
        name for name in LANDMARK_EPOCH_FIGURES if "mm" in name or name == "mre_px"
    }
    assert LandmarkMetrics(POINTS, has_spacing=True).summarize([]) == {}


def test_row_of_the_table_names_the_worst_landmark():
    length = DistanceConfig(name="base", between=("sella", "menton"))
    metrics = LandmarkMetrics(POINTS, has_spacing=True, measures=[length])
    columns = metrics.table_row(rows()[1], {})
    assert columns["mre_mm"] == 1
    assert (columns["worst"], columns["worst_mm"]) == ("sella", 2)
    assert columns["error_mm/menton"] == columns["base/true"] == ""
    assert columns["base/predicted"] == pytest.approx(np.hypot(20, 8), abs=1e-4)
    assert columns["confidence/nasion"] == 0.5


def test_volume_has_three_axes():
    there, found = [[1.0, 2.0, 3.0]], [[1.0, 2.0, 5.0]]
    metrics = LandmarkMetrics(("apex",), has_spacing=True, axes=3)
    rows = [row("a", found, there, (0.5,), (1.0, 1.0, 2.5))]
    assert metrics.figures(rows, {}, 0, 0)["mre_mm"].value == 5


def test_place_that_is_no_number_names_the_case():
    with pytest.raises(LightboxError, match="case 'a': a landmark was found nowhere"):
        figures([row("a", [[float("nan"), 0.0], *OFF[1:]], TRUTH)])
