import logging
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from fakes.evaluated_runs import FINDINGS, evaluated_run
from fakes.skeletons import SkeletonSegmenter
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from datamodules.data_info import LabelSet
from datamodules.transforms.xray_geometry import Geometry
from experiments.baselines import comparison
from experiments.baselines.comparison import baseline_lines, compare_with_baselines
from experiments.baselines.features import thumbnail_features

CLASSES = LabelSet(("a", "b", "c"), exclusive=True)


def compared(run, samples=100):
    return compare_with_baselines(run.module, run.data, samples)


def plant(run, splits):
    """Let the view tell the first label in some splits, and nothing in the others."""
    sides = {case_id: side in splits for case_id, side in run.data.splits.items()}

    def view(index, case):
        told = run.data.targets[index, 0] == 1 if sides[case.case_id] else index // 3 % 2 == 0
        return {**case.attributes, "view": "AP" if told else "PA"}

    cases = tuple(
        replace(case, attributes=view(index, case))
        for index, case in enumerate(run.data.table.cases)
    )
    run.data._table = replace(run.data.table, cases=cases)
    return run


def without_attributes(run):
    cases = tuple(replace(case, attributes={}, site=None) for case in run.data.table.cases)
    run.data._table = replace(run.data.table, cases=cases)
    return run


def test_an_attribute_that_tells_the_label_makes_a_perfect_baseline(tmp_path):
    found = compared(plant(evaluated_run(tmp_path, cases=240), ("train", "val", "test")))
    for name in ("acquisition", "acquisition/view"):
        assert found[name]["test"]["auroc"]["value"] > 0.99
        assert found[name]["test"]["difference"]["high"] < 0
    assert found["acquisition"]["features"] == ["age", "sex", "view", "site", "image size"]


def test_a_shortcut_that_holds_in_training_only_is_high_in_validation_and_not_in_test(tmp_path):
    found = compared(plant(evaluated_run(tmp_path, cases=240), ("train", "val")))
    view = found["acquisition/view"]
    assert view["val"]["auroc"]["low"] > 0.9
    assert view["test"]["auroc"]["high"] < 0.8
    assert list(found)[:2] == ["acquisition", "acquisition/view"]  # it ranks validation best


def test_figures_are_those_of_scikit_learn_on_the_cases_of_the_evaluation(tmp_path):
    run = plant(evaluated_run(tmp_path, cases=240), ("train", "val"))
    found = compared(run)["acquisition/view"]["test"]
    rows = {row["case_id"]: row for row in run.module.rows["test"]}
    cases = {case.case_id: case for case in run.data.table.cases}
    truth = [row["targets"][0] for row in rows.values()]
    view = [cases[case_id].attributes["view"] == "AP" for case_id in rows]
    network = roc_auc_score(truth, [row["scores"][0] for row in rows.values()])
    assert found["auroc"]["value"] == pytest.approx(roc_auc_score(truth, view))
    assert found["difference"]["value"] == pytest.approx(network - roc_auc_score(truth, view))
    assert found["difference"]["cases"] == len(rows)


def test_thumbnail_baseline_ranks_as_a_pipeline_of_scikit_learn(tmp_path):
    run = evaluated_run(tmp_path, cases=240)
    splits = [run.data.indices(name) for name in ("train", "val", "test")]
    every, count = [index for own in splits for index in own], len(splits[0])
    pixels = StandardScaler().fit_transform(thumbnail_features(run.data, every, count)[:count])
    model = LogisticRegression(C=1e-3).fit(pixels, run.data.targets[splits[0], 0])
    scores = model.decision_function(thumbnail_features(run.data, every, count))[-len(splits[2]) :]
    expected = roc_auc_score(run.data.targets[splits[2], 0], scores)
    found = compared(run)["thumbnail"]["test"]["auroc"]["value"]
    assert found == pytest.approx(expected, abs=0.02)
    assert found > 0.9  # the fake's films are brighter where the label holds


def test_nothing_but_pixels_leaves_the_thumbnail_and_a_reason(tmp_path, monkeypatch):
    run = without_attributes(evaluated_run(tmp_path))
    monkeypatch.setattr(run.data, "geometry_of", lambda _: Geometry.fit((28, 28), 28, "pad"))
    found = compared(run)
    assert found["acquisition"] == {"reason": comparison.NOTHING_KNOWN}
    assert set(found) == {"acquisition", "thumbnail"}


def test_a_single_attribute_is_not_shown_twice(tmp_path):
    assert set(compared(without_attributes(evaluated_run(tmp_path)))) == {
        "acquisition",
        "thumbnail",
    }


def test_many_labels_have_figures_each_without_what_is_not_known(tmp_path):
    run = evaluated_run(tmp_path, LabelSet(FINDINGS[:3], exclusive=False), cases=160)
    found = compared(run)["thumbnail"]["test"]
    known = ~np.isnan(run.data.targets[run.data.indices("test"), 1])
    assert found["auroc/Cardiomegaly"]["cases"] == known.sum() < len(known)
    differences = [found[f"difference/{name}"]["value"] for name in FINDINGS[:3]]
    assert found["difference"]["value"] == pytest.approx(np.mean(differences))


def test_classes_are_compared_one_against_the_rest(tmp_path):
    run = evaluated_run(tmp_path, CLASSES, cases=160)
    found = compared(run)["thumbnail"]["test"]
    rows = run.module.rows["test"]
    truth, scores = (np.array([row[key] for row in rows]) for key in ("targets", "scores"))
    network = roc_auc_score(truth.argmax(1), scores, multi_class="ovr")
    assert found["difference"]["value"] == pytest.approx(network - found["auroc"]["value"])


def test_a_split_of_one_class_is_undefined_with_a_reason(tmp_path):
    found = compared(evaluated_run(tmp_path, positives_in_test=False))["thumbnail"]["test"]
    assert found["auroc"]["value"] is None
    assert found["difference"]["reason"] == "no positive case"


def test_validation_of_one_class_still_leaves_test_figures(tmp_path):
    run = evaluated_run(tmp_path, cases=120)
    run.data.targets[run.data.indices("val")] = 0
    for row in run.module.rows["val"]:
        row["targets"] = [0.0]
    found = compared(run)["acquisition"]
    assert found["val"]["auroc"]["value"] is None
    assert 0 <= found["test"]["auroc"]["value"] <= 1


def test_training_cases_of_one_class_leave_no_figures_but_a_reason(tmp_path):
    run = evaluated_run(tmp_path)
    run.data.targets[run.data.indices("train")] = 0
    figure = compared(run)["thumbnail"]["test"]["auroc"]
    assert (figure["value"], figure["cases"]) == (None, 0)
    assert "both scores" in figure["reason"]


def test_without_a_test_split_validation_is_compared(tmp_path):
    found = compared(evaluated_run(tmp_path, test=False))
    assert "test" not in found["acquisition"]
    assert found["acquisition"]["val"]["difference"]["value"] is not None


def test_of_too_many_training_cases_the_same_are_drawn_every_time(tmp_path, monkeypatch):
    run = evaluated_run(tmp_path, cases=240)
    monkeypatch.setattr(comparison, "MOST_TRAINING", 50)
    first, second = compared(run, samples=0), compared(run, samples=0)
    assert first == second
    assert first["thumbnail"]["training_cases"] == 50


def test_only_the_most_telling_attributes_are_shown_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(comparison, "MOST_ALONE", 1)
    found = compared(plant(evaluated_run(tmp_path, cases=240), ("train", "val", "test")))
    assert [name for name in found if "/" in name] == ["acquisition/view"]


def test_a_fault_is_logged_and_no_run_is_lost(tmp_path, caplog):
    run = evaluated_run(tmp_path)
    run.data.cache = SimpleNamespace(images=None)
    with caplog.at_level(logging.WARNING, logger="lightbox"):
        assert compared(run) == {}
    assert "trivial baselines are left out" in caplog.text


def test_a_task_of_somebodys_own_has_none():
    assert compare_with_baselines(SkeletonSegmenter(), object(), 10) == {}


def test_console_says_how_far_the_network_is_above(tmp_path):
    found = compared(plant(evaluated_run(tmp_path, cases=240), ("train", "val", "test")))
    first, second = baseline_lines("test", found)
    difference = found["acquisition"]["test"]["difference"]
    assert first.startswith(f"test auroc {difference['value']:+.3f} [{difference['low']:+.3f}, ")
    assert first.endswith("against logistic regression on age, sex, view, site, image size")
    assert second.endswith("thumbnail of 16 x 16 pixels")
