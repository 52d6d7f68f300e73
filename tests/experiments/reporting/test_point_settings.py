import pytest
from pydantic import TypeAdapter

from experiments.catalog.landmarker import demo_landmarks
from experiments.reporting.point_settings import measure_in_words
from experiments.reporting.task_words import describe_task
from lightning_modules.configs.landmark_measures import Measure, PointGroupConfig
from lightning_modules.configs.landmark_networks import PointRegressorConfig

FACTS = {"task": "landmarker", "parameters": 2_000_000, "has_spacing": False}


def described(**task) -> dict[str, str]:
    experiment = demo_landmarks()
    return dict(describe_task(experiment.replace(task=experiment.task.replace(**task)), FACTS))


def test_settings_of_a_landmarker_are_told():
    said = described(groups=(PointGroupConfig(name="heart", without=("carina",)),))
    assert said["Network"].startswith("U-Net with a heatmap for each landmark, 2.0 million")
    assert said["Loss"] == "cross entropy of heatmaps, l1 of coordinates"
    assert said["Group heart"] == "*, without carina"
    assert said["Measure cardiothoracic_ratio"] == "heart_width divided by thorax_width"


def test_network_of_coordinates_has_an_encoder_and_no_heatmaps():
    said = described(network=PointRegressorConfig())
    assert PointRegressorConfig().encoder in said["Network"]
    assert "heatmaps" not in said["Loss"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kind": "distance", "between": ("a", "b")}, "distance from a to b"),
        ({"kind": "extent", "points": ("a_*", "b")}, "extent of a_* and b along x"),
        ({"kind": "angle", "points": ("a", "b", "c")}, "angle at b between a and c"),
        (
            {"kind": "angle", "points": ("a", "b", "c", "d")},
            "angle between the lines from a to b and from c to d",
        ),
    ],
)
def test_measure_is_told_in_words(settings, said):
    measure = TypeAdapter(Measure).validate_python({"name": "m", **settings})
    assert measure_in_words(measure) == said
