"""A small cross-validation through every stage, as a user of the Python API runs it."""

import csv
import json
import re
import shutil
from collections import Counter

import numpy as np
import pytest
import yaml
from fakes.masked_volumes import segmentation_experiment
from fakes.skeletons import SkeletonSegmenter, SquaresData
from fakes.stop_at import StopAt
from fakes.tiny_experiment import tiny_experiment
from sklearn import metrics

from datamodules.errors import ConfigError, DataError
from datamodules.splits_file import read_splits
from experiments.cross_validation import create, cross_validate, go_on
from experiments.cross_validation_folder import CrossValidationFolder
from experiments.cross_validation_summary import summarise, with_each_label
from experiments.rows_file import read_rows

FOLDS = 3


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    root = tmp_path_factory.mktemp("cross-validated")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTBOX_RUNS", str(root / "runs"))
        patch.setenv("LIGHTBOX_CACHE", str(root / "cache"))
        experiment = tiny_experiment(root / "data", epochs=1, patients=24)
        return cross_validate(experiment, folds=FOLDS)


@pytest.fixture
def copied(finished, tmp_path):
    """The same cross-validation, to be changed."""
    without = shutil.ignore_patterns("last.ckpt", "previous.ckpt", "figures")
    shutil.copytree(finished.path, tmp_path / "runs" / finished.path.name, ignore=without)
    return CrossValidationFolder.open(tmp_path / "runs" / finished.path.name)


def found(folder):
    return json.loads(folder.metrics_file.read_text())


def rows_of(folder):
    return [row for run in folder.runs for row in read_rows(run.rows / "test.json")]


def test_every_case_is_held_out_once_and_no_patient_is_in_two_folds(finished):
    held_out = Counter()
    folds_of_patients = {}
    for run in finished.runs:
        with run.splits_file.open() as file:
            for row in csv.DictReader(file):
                if row["split"] == "test":
                    held_out[row["case_id"]] += 1
                    folds_of_patients.setdefault(row["patient_id"], set()).add(run.path.name)
    assert set(held_out.values()) == {1}
    assert len(held_out) == 48
    assert all(len(folds) == 1 for folds in folds_of_patients.values())


def test_choices_are_made_on_cases_that_are_neither_held_out_nor_trained_on(finished):
    for run in finished.runs:
        sides = read_splits(run.splits_file)
        with (run.predictions / "val.csv").open() as file:
            chosen_on = {row["case_id"] for row in csv.DictReader(file)}
        assert chosen_on == {name for name, side in sides.items() if side == "val"}


def test_each_fold_is_an_ordinary_run_whose_experiment_repeats_it(finished):
    experiments = [run.experiment() for run in finished.runs]
    assert [(e.data.split.folds, e.data.split.fold) for e in experiments] == [
        (3, 1),
        (3, 2),
        (3, 3),
    ]
    assert {e.logging.group for e in experiments} == {finished.path.name}
    assert all(run.report_file.exists() for run in finished.runs)
    assert [len(run.test_openings()) for run in finished.runs] == [1, 1, 1]


def test_pooled_ranking_is_that_of_the_rows_of_all_folds(finished):
    rows = rows_of(finished)
    truth = [row["targets"][0] for row in rows]
    scores = [row["scores"][0] for row in rows]
    figure = found(finished)["pooled"]["auroc"]
    assert figure["value"] == pytest.approx(metrics.roc_auc_score(truth, scores))
    assert (figure["cases"], figure["patients"]) == (48, 24)
    assert figure["low"] < figure["value"] < figure["high"]


def test_pooled_decisions_are_those_at_the_threshold_of_each_fold(finished):
    called, truth = [], []
    for run in finished.runs:
        ((_, chosen),) = run.metrics()["operating_point"].items()
        for row in read_rows(run.rows / "test.json"):
            called.append(row["scores"][0] >= chosen["threshold"])
            truth.append(row["targets"][0] == 1)
    pooled = found(finished)["pooled"]
    for name, positive in (("sensitivity", True), ("specificity", False)):
        expected = metrics.recall_score(truth, called, pos_label=positive)
        assert pooled[f"{name}@operating_point"]["value"] == pytest.approx(expected)


def test_mean_and_spread_are_those_of_the_folds(finished):
    values = [run.metrics()["test"]["auroc"]["value"] for run in finished.runs]
    spread = found(finished)["over_folds"]["auroc"]
    assert spread["mean"] == pytest.approx(np.mean(values))
    assert spread["sd"] == pytest.approx(np.std(values, ddof=1))
    assert spread["n"] == 3


def test_prediction_table_has_every_case_with_its_fold(finished):
    with finished.predictions_file.open() as file:
        table = {row["case_id"]: row for row in csv.DictReader(file)}
    assert len(table) == 48
    for row in read_rows(finished.runs[1].rows / "test.json"):
        assert table[row["case_id"]]["fold"] == "fold-2"
        assert float(table[row["case_id"]]["probability/1"]) == round(row["scores"][0], 6)


def test_summary_says_what_is_pooled_and_what_is_a_mean(finished):
    page = finished.summary_file.read_text()
    assert page.startswith("# Cross-validation of tiny: 3 folds")
    assert "compare scores of different models" in page
    figure = found(finished)["pooled"]["auroc"]
    assert (
        f"| auroc | {figure['value']:.3f} | {figure['low']:.3f} to {figure['high']:.3f} |" in page
    )


def test_no_patient_and_no_case_is_named_in_what_is_passed_on(finished):
    for file in (finished.metrics_file, finished.summary_file, finished.summary_table):
        assert "p7" not in file.read_text()


def test_missing_fold_starts_and_finished_ones_are_left_alone(copied, finished):
    before = [run.status() for run in copied.runs]
    shutil.rmtree(copied.path / "fold-3")
    go_on(CrossValidationFolder.open(copied.path))
    assert [run.status() for run in copied.runs[:2]] == before[:2]
    assert copied.runs[2].status()["attempt"] == 1
    assert found(copied) == found(finished)
    assert copied.predictions_file.read_bytes() == finished.predictions_file.read_bytes()


def test_unfinished_cross_validation_says_so(copied):
    copied.runs[2].update_status(state="failed", error="the disk is full\nmore")
    text = summarise(copied)
    assert "2 of 3 folds are finished" in text
    assert f"failed: {copied.path.name}/fold-3: the disk is full" in text
    assert "Not complete: 2 of 3 folds" in copied.summary_file.read_text()
    assert found(copied)["pooled"]["auroc"]["cases"] < 48


def change(run, patient, new):
    lines = run.splits_file.read_text().splitlines()
    changed = [new(line) if f",{patient}," in line else line for line in lines]
    run.splits_file.write_text("\n".join(changed) + "\n")


def test_first_figure_is_shown_for_each_structure():
    figures = ["dice", "dice/left", "dice/right", "dice_pooled/left", "iou", "iou/left"]
    assert with_each_label(["dice", "iou"], figures) == ["dice", "dice/left", "dice/right", "iou"]


def held_out_by(run):
    lines = run.splits_file.read_text().splitlines()
    return next(line.split(",")[1] for line in lines if ",test," in line)


@pytest.mark.parametrize(
    ("fold", "side", "message"),
    [(1, "train", "is held out by no fold"), (2, "test", "is held out by fold-1 and fold-2")],
)
def test_folds_that_are_no_division_are_not_pooled(copied, fold, side, message):
    patient = held_out_by(copied.runs[0])
    change(
        copied.runs[fold - 1], patient, lambda line: re.sub(",(train|val|test),", f",{side},", line)
    )
    with pytest.raises(DataError, match=message):
        summarise(copied)


def test_folds_before_and_after_a_patient_changed_are_not_pooled(copied):
    patient = held_out_by(copied.runs[0])
    change(copied.runs[0], patient, lambda line: line.replace(f",{patient},", ",another,"))
    with pytest.raises(DataError, match="changed their patient"):
        summarise(copied)


def test_folder_that_is_damaged_or_is_none_is_one_message(tmp_path, copied):
    with pytest.raises(ConfigError, match="is no cross-validation"):
        CrossValidationFolder.open(tmp_path)
    copied.description_file.write_text("folds: five\n")
    with pytest.raises(ConfigError, match="is damaged"):
        CrossValidationFolder.open(copied.path)


def test_description_repeats_the_experiment_without_a_fold(finished):
    content = yaml.safe_load(finished.description_file.read_text())
    assert (content["folds"], content["own_module"]) == (3, None)
    assert content["experiment"]["data"]["split"]["fold"] is None
    assert finished.experiment().name == "tiny"


@pytest.mark.parametrize(
    ("folds", "changes", "error", "message"),
    [
        (9, {}, DataError, "too few patients .4. to divide into 9 folds"),
        (1, {}, ConfigError, "from 2 to 100"),
        (3, {"score_test": False}, ConfigError, "scores each fold"),
    ],
)
def test_what_cannot_be_cross_validated_leaves_no_folder(tmp_path, folds, changes, error, message):
    experiment = tiny_experiment(tmp_path / "data", patients=4).replace(**changes)
    with pytest.raises(error, match=message):
        create(experiment, folds)
    assert not (tmp_path / "runs").exists()


def segmenter(experiment):
    return SkeletonSegmenter(), SquaresData(experiment.data, experiment.seed)


@pytest.fixture
def squares(tmp_path):
    experiment = tiny_experiment(tmp_path / "data", epochs=8, patients=12)
    trainer = experiment.trainer.replace(checkpoint_every_steps=1)
    data = experiment.data.replace(batch_size=2)
    return experiment.replace(name="squares", trainer=trainer, data=data)


def test_module_of_ones_own_that_is_stopped_goes_on_to_the_same_figures(squares, tmp_path):
    whole = cross_validate(squares, 2, segmenter)
    with pytest.raises(RuntimeError, match="stopped here"):
        cross_validate(squares, 2, segmenter, [StopAt(7)])
    (path,) = set((tmp_path / "runs").iterdir()) - {whole.path}
    stopped = CrossValidationFolder.open(path)
    assert [run.status()["state"] for run in stopped.runs] == ["failed", "created"]
    go_on(stopped, segmenter)
    assert [run.status()["attempt"] for run in stopped.runs] == [2, 1]
    assert found(stopped) == found(whole)
    dice = [2 * r["tp"] / (2 * r["tp"] + r["fp"] + r["fn"]) for r in rows_of(whole)]
    figure = found(whole)["pooled"]["dice"]
    assert figure["value"] == pytest.approx(np.mean(dice))
    assert figure["value"] > 0.5
    assert figure["cases"] == len(dice) == 24


def test_folds_of_a_module_of_ones_own_do_not_go_on_without_it(squares):
    folder = create(squares, 2, segmenter)
    with pytest.raises(ConfigError, match="SkeletonSegmenter"):
        go_on(folder)


def test_datamodule_that_would_not_hold_the_fold_out_is_refused(squares):
    with pytest.raises(ConfigError, match="SquaresData does not divide"):
        create(squares, 2, lambda experiment: (SkeletonSegmenter(), SquaresData(squares.data, 0)))


def test_segmenter_is_pooled_by_its_cases(tmp_path):
    folder = cross_validate(segmentation_experiment(tmp_path / "data", cases=8, epochs=1), 2)
    pooled = found(folder)["pooled"]
    with folder.predictions_file.open() as file:
        table = list(csv.DictReader(file))
    each = [float(row["dice/shell"]) for row in table]
    assert pooled["dice/shell"]["value"] == pytest.approx(np.mean(each), abs=1e-4)
    assert (pooled["dice/shell"]["cases"], pooled["dice/shell"]["patients"]) == (8, 4)
    assert {row["fold"] for row in table} == {"fold-1", "fold-2"}
