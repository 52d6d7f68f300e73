import pytest

from lightning_modules.box_operating_points import choose_scores
from lightning_modules.configs.detector_operating_points import (
    BestF1Config,
    FalsePositivesConfig,
    FixedScoreConfig,
    TargetBoxSensitivityConfig,
)
from lightning_modules.metrics.detection import DetectionMetrics

METRICS = DetectionMetrics(("cell",), axes=2)
CELLS = [[20.0 * index, 0, 20.0 * index + 10, 10] for index in range(4)]
NOWHERE = [0, 100, 10, 110]


def row(case, found, truth):
    return {
        "case_id": case,
        "patient_id": case,
        "boxes": [box for box, _ in found],
        "scores": [score for _, score in found],
        "labels": [0] * len(found),
        "truth": truth,
        "truth_labels": [0] * len(truth),
        "ignored": [False] * len(truth),
        "spacing": [1.0, 1.0],
    }


def rows():
    """Hits at 0.9, 0.8 and 0.3 of four cells, false positives at 0.7, 0.6, 0.5 and 0.2."""
    first = [(CELLS[0], 0.9), (NOWHERE, 0.7), (NOWHERE, 0.5), (CELLS[2], 0.3)]
    second = [(CELLS[1], 0.8), (NOWHERE, 0.6), (NOWHERE, 0.2)]
    return [row("a", first, [CELLS[0], CELLS[2]]), row("b", second, [CELLS[1], CELLS[3]])]


def test_best_f1_is_taken_at_the_highest_of_equals():
    chosen = choose_scores(BestF1Config(), rows(), METRICS)["cell"]
    assert (chosen["score"], chosen["sensitivity"]) == (0.8, 0.5)
    assert chosen["false_positives_per_image"] == 0


def test_target_sensitivity_is_reached_at_the_highest_score():
    chosen = choose_scores(TargetBoxSensitivityConfig(sensitivity=0.6), rows(), METRICS)["cell"]
    assert (chosen["score"], chosen["sensitivity"]) == (0.3, 0.75)
    assert chosen["false_positives_per_image"] == 1.5


def test_target_that_is_not_reached_takes_all_that_can_be_found():
    chosen = choose_scores(TargetBoxSensitivityConfig(sensitivity=0.9), rows(), METRICS)["cell"]
    assert chosen["score"] == 0.3
    assert chosen["reason"] == "validation reaches 0.750 at most"


@pytest.mark.parametrize(("per_image", "score"), [(0.5, 0.7), (1.0, 0.6), (5.0, 0.2), (0, 0.8)])
def test_false_positives_are_allowed_down_to_the_lowest_score(per_image, score):
    config = FalsePositivesConfig(per_image=per_image)
    assert choose_scores(config, rows(), METRICS)["cell"]["score"] == score


def test_fixed_score_is_described_on_validation():
    chosen = choose_scores(FixedScoreConfig(score=0.65), rows(), METRICS)["cell"]
    assert (chosen["score"], chosen["sensitivity"]) == (0.65, 0.5)
    assert chosen["false_positives_per_image"] == 0.5


def test_without_objects_a_half_is_taken_and_said_why():
    chosen = choose_scores(BestF1Config(), [row("a", [(NOWHERE, 0.9)], [])], METRICS)["cell"]
    assert (chosen["score"], chosen["sensitivity"]) == (0.5, None)
    assert chosen["reason"] == "no object in validation; 0.5 is taken"
