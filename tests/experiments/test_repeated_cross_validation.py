import json
import statistics

import pytest
from fakes.tiny_experiment import tiny_experiment

from experiments.cross_validate import main
from experiments.cross_validation import go_on
from experiments.repeated_cross_validation import RepeatedCrossValidation, repeat_experiment
from experiments.repeated_summary import summarise_repeats

NAMES = ("auroc", "accuracy")


@pytest.fixture
def words(tmp_path):
    experiment = tiny_experiment(tmp_path / "data", epochs=1, patients=12)
    (tmp_path / "tiny.yaml").write_text(experiment.to_yaml())
    return ["--config", str(tmp_path / "tiny.yaml"), "--folds", "2", "--repeats", "2"]


def only_folder(tmp_path):
    (path,) = (tmp_path / "runs").iterdir()
    return RepeatedCrossValidation.open(path)


def test_each_repeat_has_another_division_and_other_weights(words, tmp_path):
    assert main([*words, "--slurm.dry-run"]) == 0
    folder = only_folder(tmp_path)
    seeds = [(run.experiment().seed, run.experiment().data.split.seed) for run in folder.runs]
    assert seeds == [(0, 0), (0, 0), (1, 1), (1, 1)]
    assert [run.experiment().data.split.fold for run in folder.runs] == [1, 2, 1, 2]
    assert "#SBATCH --array=1-4" in folder.array_script.read_text()


def test_the_first_repeat_is_the_experiment_itself(tmp_path):
    experiment = tiny_experiment(tmp_path / "data")
    assert repeat_experiment(experiment, 1) == experiment


def test_figures_are_those_of_all_folds(words, tmp_path, capsys):
    main([*words, "--slurm.dry-run"])
    folder = only_folder(tmp_path)
    for repeat in folder.repeats:
        go_on(repeat)
    said = summarise_repeats(folder)
    assert "4 of 4 runs are finished, 2 repeats whole" in said
    found = json.loads(folder.metrics_file.read_text())
    for name in NAMES:
        values = [run.metrics()["test"][name]["value"] for run in folder.runs]
        assert found["over_folds"][name]["mean"] == pytest.approx(statistics.mean(values))
        assert found["over_folds"][name]["sd"] == pytest.approx(statistics.stdev(values))
        means = [statistics.mean(values[:2]), statistics.mean(values[2:])]
        assert found["over_repeats"][name]["sd"] == pytest.approx(statistics.stdev(means))
    page = folder.summary_file.read_text()
    assert "2 folds, 2 repeats" in page
    assert main(["--summary", str(folder.path)]) == 0


def test_what_has_not_begun_is_exit_code_3(words, tmp_path, capsys):
    main([*words, "--slurm.dry-run"])
    assert main(["--summary", str(only_folder(tmp_path).path)]) == 3
    assert "0 of 4 runs are finished" in capsys.readouterr().out


@pytest.mark.parametrize("repeats", ["0", "101"])
def test_so_many_repeats_are_refused(words, repeats, capsys):
    assert main([*words[:-1], repeats]) == 2
    assert "2 to 100" in capsys.readouterr().err
