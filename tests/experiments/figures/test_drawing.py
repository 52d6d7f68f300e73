import json

import numpy as np
import pytest
import torch
from fakes.evaluated_runs import FINDINGS, evaluated_run
from fakes.skeletons import SkeletonSegmenter, SquaresData
from PIL import Image

from datamodules.configs.data import DataSettings
from datamodules.data_info import LabelSet
from datamodules.samplers import Draw
from experiments.figures import drawing
from experiments.figures.confident_mistakes import (
    find_mistakes,
    mistakes_sheet,
    most_confident,
)
from experiments.figures.drawing import draw_run
from lightning_modules.explanations import explain
from lightning_modules.metrics.decisions import thresholds

EVERY = {
    *("learning_curves", "roc", "precision_recall", "confusion_matrix", "calibration"),
    *("class_balance", "mistakes"),
}
NODULE = LabelSet(("Nodule",), exclusive=False)


def drawn(run):
    draw_run(run.module, run.data, run.folder, run.point)
    return {path.stem for path in run.folder.figures.iterdir()}


def refuse(*_):
    raise ValueError("no room")


def row(case_id, score, target):
    return {"case_id": case_id, "patient_id": "p", "scores": [score], "targets": [target]}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"labels": LabelSet(FINDINGS, exclusive=False)},
        {"labels": LabelSet(("a", "b", "c"), exclusive=True)},
        {"labels": LabelSet(("pneumonia",), exclusive=False, negative="normal")},
        {"positives_in_test": False},
        {"test": False},
        {"size": 128},
    ],
    ids=["binary", "labels", "classes", "two-classes", "no-positives", "no-test", "larger"],
)
def test_every_figure_is_a_whole_image(tmp_path, settings):
    run = evaluated_run(tmp_path, **settings)
    assert drawn(run) == EVERY
    for path in run.folder.figures.iterdir():
        with Image.open(path) as image:
            assert np.ptp(np.asarray(image.convert("L"))) > 100


def test_task_that_is_no_classifier_has_learning_curves_only(tmp_path):
    run = evaluated_run(tmp_path)
    module, data = SkeletonSegmenter(), SquaresData(DataSettings(), 0)
    module.rows = {"val": [{"case_id": "a", "patient_id": "b", "tp": 1, "fp": 0, "fn": 0}]}
    draw_run(module, data, run.folder, {})
    assert {path.stem for path in run.folder.figures.iterdir()} == {"learning_curves"}


def test_figure_that_cannot_be_drawn_is_one_line_and_the_others_are_there(tmp_path, monkeypatch):
    run, said = evaluated_run(tmp_path), []
    assert drawn(run) == EVERY
    monkeypatch.setattr(drawing, "roc", refuse)
    monkeypatch.setattr(drawing.log, "warning", lambda text, *values: said.append(text % values))
    assert drawn(run) == EVERY - {"roc"}
    assert said == ["figure roc could not be drawn: no room"]


def test_unfinished_log_does_not_lose_the_figures(tmp_path):
    run = evaluated_run(tmp_path)
    run.folder.metrics_log.write_text(json.dumps({"step": 1})[:-3])
    assert drawn(run) == EVERY


def test_mistakes_are_the_known_cases_on_the_wrong_side_of_the_threshold():
    rows = [row("right", 0.9, 1.0), row("alarm", 0.6, 0.0), row("missed", 0.2, 1.0)]
    rows += [row("unknown", 0.9, None), row("at the threshold", 0.4, 1.0)]
    found = find_mistakes(rows, NODULE, {"Nodule": 0.4})
    assert [each.case_id for each in found] == ["alarm", "missed"]
    assert [each.missed for each in found] == [False, True]
    assert [each.margin for each in found] == pytest.approx([0.2, 0.2])


def test_wrong_class_is_measured_by_its_lead_over_the_right_one():
    scores = {"scores": [0.2, 0.7, 0.1], "targets": [1.0, 0.0, 0.0]}
    rows = [{"case_id": "a", "patient_id": "p", **scores}]
    (found,) = find_mistakes(rows, LabelSet(("x", "y", "z"), exclusive=True), {})
    assert (found.output, found.margin) == (1, pytest.approx(0.5))
    assert found.caption[0] == "y; truth: x"


def test_twelve_most_confident_are_shown_misses_as_well_as_alarms():
    alarms = [row(f"alarm {index:02}", 0.5 + index / 100, 0.0) for index in range(40)]
    misses = [row(f"missed {index}", 0.4 - index / 100, 1.0) for index in range(8)]
    chosen = most_confident(find_mistakes(alarms + misses, NODULE, {"Nodule": 0.45}))
    assert [each.case_id for each in chosen[:6]] == [f"alarm {n}" for n in range(39, 33, -1)]
    assert [each.case_id for each in chosen[6:]] == [f"missed {n}" for n in range(7, 1, -1)]


def test_alarms_fill_the_sheet_where_misses_are_few():
    alarms = [row(f"alarm {index:02}", 0.5 + index / 100, 0.0) for index in range(40)]
    chosen = most_confident(find_mistakes([*alarms, row("missed", 0.1, 1.0)], NODULE, {}))
    assert (len(chosen), chosen[-1].case_id) == (12, "missed")


def test_sheet_shows_the_images_of_the_mistakes_with_their_own_evidence(tmp_path):
    run = evaluated_run(tmp_path)
    module, chosen = run.module, thresholds(run.point)
    with torch.no_grad():
        module.network.head[1].weight.abs_()
    first = most_confident(find_mistakes(module.rows["test"], NODULE, chosen))[0]
    place = [case.case_id for case in run.data.table.cases].index(first.case_id)
    grey = run.data.cache.images[place]
    batch = run.data.dataset(training=False).__getitems__([Draw(place)])
    evidence = explain(module.network, batch, 0)[0]
    axes = mistakes_sheet(module, run.data, chosen, name_of=lambda _: "hidden").axes[0]
    image, heat = (np.asarray(layer.get_array()) for layer in axes.images)
    assert np.array_equal(image, grey / np.float32(255))
    assert heat[..., 3].max() > 0.5
    assert np.allclose(heat[..., 3], 0.6 * evidence.numpy(), atol=1e-5)
    assert axes.texts[0].get_text().endswith("hidden")


@pytest.mark.filterwarnings("ignore:Not all target_layers")
def test_network_without_a_map_of_features_leaves_the_images_without_evidence(tmp_path):
    run = evaluated_run(tmp_path)
    run.module.network.encoder.feature_info[-1]["module"] = "nowhere"
    figure = mistakes_sheet(run.module, run.data, thresholds(run.point))
    assert [len(axes.images) for axes in figure.axes if axes.images] == [1] * len(
        most_confident(find_mistakes(run.module.rows["test"], NODULE, thresholds(run.point)))
    )


def test_training_state_of_the_network_is_as_it_was(tmp_path):
    run = evaluated_run(tmp_path)
    run.module.train()
    mistakes_sheet(run.module, run.data, thresholds(run.point))
    assert run.module.network.training
    assert all(parameter.grad is None for parameter in run.module.parameters())
