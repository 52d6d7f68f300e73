"""A trained network scored on a dataset of another source, at the command line."""

import csv
import json
from pathlib import Path

import cv2
import pytest
from fakes.tiny_experiment import tiny_experiment

from experiments import evaluate
from experiments.session import start


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("films")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTBOX_CACHE", str(root / "cache"))
        patch.setenv("LIGHTBOX_RUNS", str(root / "runs"))
        return start(tiny_experiment(root / "data", epochs=1)).path


def other_hospital(root: Path) -> Path:
    """The same films as before, a shade darker, and every other one inverted."""
    experiment = tiny_experiment(root, patients=10)
    for number, path in enumerate(sorted(root.glob("images/*.png"))):
        film = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        cv2.imwrite(str(path), cv2.subtract(film, 1) if number % 2 else 255 - film)
    (root / "data.yaml").write_text(experiment.to_yaml())
    return root / "data.yaml"


def test_file_for_another_task_is_refused_in_a_sentence(trained, tmp_path, capsys):
    (tmp_path / "masks.yaml").write_text("data: {kind: masks, reader: {kind: acdc}}\n")
    assert evaluate.main([str(trained), "--config", str(tmp_path / "masks.yaml")]) == 2
    said = capsys.readouterr().err
    assert "describes masks, and this model (xray-classifier) takes xrays" in said


def test_output_that_is_a_file_is_told_before_anything_is_opened(trained, tmp_path, capsys):
    config = other_hospital(tmp_path / "other")
    assert evaluate.main([str(trained), "--config", str(config), "--output", str(config)]) == 2
    assert "data.yaml is a file" in capsys.readouterr().err


def test_cases_outside_the_training_data_are_named_and_counted(trained, tmp_path, capsys):
    config = other_hospital(tmp_path / "other")
    output = tmp_path / "out"
    assert evaluate.main([str(trained), "--config", str(config), "--output", str(output)]) == 0
    with (output / "predictions.csv").open() as file:
        flagged = [row["case_id"] for row in csv.DictReader(file) if row["outside_training_data"]]
    assert {f"{number:03d}" for number in range(0, 20, 2)} <= set(flagged)
    assert len(flagged) <= 12
    figure = json.loads((output / "metrics.json").read_text())["external"]["outside_training_data"]
    assert figure == {
        "value": len(flagged) / 20, "low": None, "high": None, "cases": 20, "patients": 10
    }  # fmt: skip
    assert f"{len(flagged)} of 20 cases are outside the training data" in capsys.readouterr().err
