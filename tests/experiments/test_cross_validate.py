import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fakes.tiny_experiment import tiny_experiment
from fakes.whole_run import kill_all, wait_for

from callbacks.metrics_log import read_metrics
from experiments.cross_validate import main
from experiments.cross_validation_folder import CrossValidationFolder
from experiments.run_folder import RunFolder

ROOT = Path(__file__).parents[2]


@pytest.fixture
def words(tmp_path):
    experiment = tiny_experiment(tmp_path / "data", epochs=1, patients=12)
    (tmp_path / "tiny.yaml").write_text(experiment.to_yaml())
    return ["--config", str(tmp_path / "tiny.yaml"), "--folds", "3"]


def only_folder(tmp_path):
    (path,) = (tmp_path / "runs").iterdir()
    return CrossValidationFolder.open(path)


def test_dry_run_writes_an_array_of_the_folds_and_its_summary(words, tmp_path, capsys):
    assert main([*words, "--slurm.concurrency", "2", "--slurm.dry-run"]) == 0
    folder = only_folder(tmp_path)
    assert "#SBATCH --array=1-3%2" in folder.array_script.read_text()
    listed = folder.runs_file.read_text().splitlines()
    assert listed == [str(folder.path / f"fold-{n}") for n in (1, 2, 3)]
    summary = folder.summary_script.read_text()
    assert f"-m experiments.cross_validate --summary {folder.path}" in summary
    assert f"cross-validate: {folder.path}" in capsys.readouterr().out


def test_settings_are_those_of_every_fold(words, tmp_path):
    settings = ["--task.optimizer.lr", "1e-5", "--data.split.val-fraction", "0.3"]
    main([*words, *settings, "--slurm.dry-run"])
    for run in only_folder(tmp_path).runs:
        experiment = run.experiment()
        assert experiment.task.optimizer.lr == 1e-5
        assert experiment.data.split.val_fraction == 0.3


def test_fold_that_fails_does_not_end_the_rest_and_is_named(words, tmp_path, capfd):
    main([*words, "--slurm.dry-run"])
    folder = only_folder(tmp_path)
    folder.array_script.unlink()
    for run in folder.runs:
        run.experiment_file.write_text("name: [\n")
    assert main(["--resume", str(folder.path)]) == 3
    shown = capfd.readouterr()
    assert all(f"run {n} of 3: fold {n} is held out" in shown.out for n in (1, 2, 3))
    assert "0 of 3 folds are finished" in shown.out


def test_summary_of_what_has_not_begun_is_exit_code_3(words, tmp_path, capsys):
    main([*words, "--slurm.dry-run"])
    assert main(["--summary", str(only_folder(tmp_path).path)]) == 3
    assert "0 of 3 folds are finished" in capsys.readouterr().out


def test_making_that_was_broken_off_is_completed(words, tmp_path):
    main([*words, "--slurm.dry-run"])
    folder = only_folder(tmp_path)
    (folder.path / "fold-2" / "status.json").unlink()
    folder.runs_file.unlink()
    again = CrossValidationFolder.open(folder.path)
    assert [run.status()["state"] for run in again.runs] == ["created"] * 3
    assert again.runs[1].experiment().data.split.fold == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "needs the NAME"),
        (["demo-xray", "--help-me"], "no option --help-me"),
        (["demo-xray", "--folds", "1"], "from 2 to 100"),
        (["demo-xray", "--data.split.fold", "2"], "set for each run by --folds"),
        (["demo-xray", "--score-test", "False"], "scores each fold"),
        (["--resume", "nowhere"], "is no cross-validation"),
        (["--resume", "nowhere", "--folds", "3"], "stands alone"),
        (["--resume", "nowhere", "--seed", "3"], "stands alone"),
        (["--summary", "nowhere", "--resume", "nowhere"], "stands alone"),
    ],
)
def test_wrong_words_are_one_message_and_leave_no_folder(words, message, capsys, tmp_path):
    assert main(words) == 2
    assert re.search(message, capsys.readouterr().err)
    assert not (tmp_path / "runs").exists()


def begin(tmp_path, *words):
    return subprocess.Popen(
        [sys.executable, "-m", "experiments.cross_validate", *map(str, words)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        start_new_session=True,
        cwd=tmp_path,
        text=True,
    )


@pytest.mark.slow
def test_killed_cross_validation_goes_on_to_the_same_figures(words, tmp_path):
    more = ["--trainer.max-epochs", "3", "--trainer.checkpoint-every-steps", "1"]
    process = begin(tmp_path, *words, *more)
    second = lambda: list((tmp_path / "runs").glob("*/fold-2/metrics.jsonl"))  # noqa: E731
    wait_for(lambda: second() and len(read_metrics(second()[0])) > 1, "fold 2 trains", 240)
    kill_all(process)
    killed = only_folder(tmp_path)
    assert RunFolder.open(killed.path / "fold-1").status()["state"] == "finished"
    assert begin(tmp_path, "--resume", killed.path).wait(240) == 0
    assert [run.status()["attempt"] for run in killed.runs] == [1, 2, 1]
    assert begin(tmp_path, *words, *more).wait(240) == 0
    (whole,) = set((tmp_path / "runs").iterdir()) - {killed.path}
    figures = [json.loads((path / "metrics.json").read_text()) for path in (killed.path, whole)]
    assert figures[0] == figures[1]


@pytest.mark.slow
def test_interrupt_says_how_to_go_on(words, tmp_path):
    process = begin(tmp_path, *words, "--trainer.max-epochs", "200")
    wait_for(lambda: list((tmp_path / "runs").glob("*/fold-1/metrics.jsonl")), "it trains", 240)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(60) == 130
    assert only_folder(tmp_path).runs[1].status()["state"] == "created"
