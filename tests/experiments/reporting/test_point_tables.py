import numpy as np
import pytest
from pydantic import TypeAdapter

from experiments.reporting.figure_kinds import subject_of
from experiments.reporting.metric_words import meaning, metric_name
from experiments.reporting.point_tables import mean_shape_caution
from experiments.reporting.summary import summary
from experiments.reporting.tables import figure_tables, headline_table
from lightning_modules.configs.landmark_measures import Measure, PointGroupConfig
from lightning_modules.metrics.landmarks import LandmarkMetrics

POINTS = tuple(f"heart_{number}" for number in range(1, 31)) + tuple(
    f"lung_{number}" for number in range(1, 21)
)
MEASURES = TypeAdapter(list[Measure]).validate_python(
    [
        {"kind": "extent", "name": "heart", "points": ("heart_*",)},
        {"kind": "extent", "name": "lung", "points": ("lung_*",)},
        {"kind": "ratio", "name": "ctr", "numerator": "heart", "denominator": "lung"},
    ]
)
METRICS = LandmarkMetrics(
    POINTS, True, [PointGroupConfig(name="heart", points=("heart_*",))], MEASURES
)
FACTS = {
    "task": "landmarker",
    "case": "image",
    "labels": None,
    "measures": METRICS.units,
    "headline": ["mre_mm", "sdr_2mm"],
    "dataset": {"has_patients": True},
    "splits": {"test": {"cases": 6, "patients": 6}},
}


@pytest.fixture(scope="module")
def figures():
    generator = np.random.default_rng(0)
    rows = []
    for case in "abcdef":
        truth = generator.uniform(0, 200, (50, 2))
        off = generator.normal(0, 1 + np.arange(50) / 25, (2, 50)).T
        rows.append(
            {
                "case_id": case,
                "patient_id": case,
                "found": (truth + off).tolist(),
                "confidence": generator.uniform(0, 1, 50).tolist(),
                "truth": truth.tolist(),
                "readings": {"junior": (truth + 1).tolist()},
                "usual": [[100.0, 100.0]] * 50,
                "spacing": [1.0, 1.0],
            }
        )
    found = METRICS.figures(rows, {}, samples=20, seed=0)
    return {name: figure.to_dict() for name, figure in found.items()}


@pytest.fixture(scope="module")
def tables(figures):
    return {
        table.caption.partition(",")[0]: table for table in figure_tables({"test": figures}, FACTS)
    }


def test_figures_of_a_landmarker_are_of_points():
    assert subject_of(FACTS) == "points"


def test_every_figure_has_a_name_and_a_meaning(figures):
    for name in figures:
        assert meaning(name, "image", "points"), name
        assert "_" not in metric_name(name), name


def test_names_of_readers_and_measures_are_in_the_words_of_their_figures():
    assert metric_name("mre_mm@junior/heart") == "Mean radial error from junior, mm"
    assert metric_name("sdr_2mm@junior") == "Share within 2 mm of junior"
    assert metric_name("reader_mre_mm@junior") == "Mean radial error of junior, mm"
    assert "what junior marked" in meaning("reader_mre_mm@junior", "image", "points")
    assert "where junior marked them" in meaning("sdr_2mm@junior", "image", "points")
    assert metric_name("heart_width_mae") == "heart_width, mean absolute error"


def test_each_subject_has_a_table(tables):
    assert list(tables) == [
        "Distance of points",
        "Share of points within",
        "Mean distance against the mean shape of training",
        "Against another reader: junior",
        "What confidence tells",
        "Measures",
        "Each landmark",
    ]


def test_groups_stand_beneath_all_points_and_leave_empty_what_they_lack(tables):
    everything, heart = tables["Distance of points"].rows
    assert (everything.name, heart.name) == ("All points", "heart")
    assert heart.cells[-1].text == ""
    assert everything.cells[-1].detail


def test_farthest_landmarks_come_first_and_the_rest_is_counted(tables, figures):
    table = tables["Each landmark"]
    assert "the 40 farthest of 50" in table.caption
    worst = max((f"{name}" for name in POINTS), key=lambda name: figures[f"mre_mm/{name}"]["value"])
    assert (table.rows[0].name, len(table.rows)) == (worst, 40)


def test_measures_have_their_units(tables):
    assert {row.name: row.cells[0].text for row in tables["Measures"].rows} == {
        "heart": "mm",
        "lung": "mm",
        "ctr": "none",
    }


def test_summary_says_how_far_in_mm_and_against_whom(figures):
    said = summary(figures, FACTS, "test")
    assert said.startswith("On 6 test images of 6 patients, points are found at a mean distance of")
    assert "What junior marked is 1.41 mm (95" in said


def test_headline_explains_its_figures(figures):
    table = headline_table(figures, FACTS, "test")
    assert [row.name for row in table.rows] == ["Mean radial error, mm", "Share within 2 mm"]
    assert "all images" in table.rows[0].hint


def test_without_a_spacing_everything_is_in_pixels():
    row = {"case_id": "a", "patient_id": "a", "found": [[1.0, 2.0]], "confidence": [0.5]}
    row |= {"truth": [[1.0, 5.0]], "spacing": [1.0, 1.0]}
    found = LandmarkMetrics(("apex",), False).figures([row], {}, 0, 0)
    figures = {name: figure.to_dict() for name, figure in found.items()}
    facts = {**FACTS, "measures": {}}
    captions = [table.caption for table in figure_tables({"test": figures}, facts)]
    assert captions[0].startswith("Distance of points, pixels")
    assert "3.00 pixels from" in summary(figures, facts, "test")


@pytest.mark.parametrize(
    ("low", "high", "said"), [(0.5, 2, ""), (-1, 2, "not clearly better"), (-2, -1, "worse")]
)
def test_network_that_is_no_nearer_than_the_mean_shape_is_told_of(low, high, said):
    below = {"value": (low + high) / 2, "low": low, "high": high}
    cautions = list(mean_shape_caution({"mre_mm": {}, "mre_mm_below_mean_shape": below}))
    assert bool(cautions) == bool(said)
    assert all(said in each for each in cautions)


def test_figures_of_another_task_have_no_mean_shape():
    assert not list(mean_shape_caution({"dice": {}}))
