import csv
import json

import pytest
from fakes.tiny_experiment import tiny_experiment

from experiments.run_array import submit
from experiments.run_folder import RunFolder
from experiments.sweep import main
from experiments.sweep_folder import SweepFolder
from experiments.sweep_summary import summarise
from experiments.sweeps import create


@pytest.fixture
def common(tmp_path):
    return tiny_experiment(tmp_path / "data", epochs=1)


def finish(run: RunFolder, loss: float) -> None:
    figure = {"value": loss, "low": loss, "high": loss, "cases": 8, "patients": 8}
    splits = ["val", "test"] if run.experiment().score_test else ["val"]
    run.metrics_file.write_text(json.dumps({split: {"log_loss": figure} for split in splits}))
    run.update_status(state="finished")


def test_every_combination_is_a_run_of_one_group(common):
    sweep = create(common, {"seed": ["0", "1"], "task.optimizer.lr": ["1e-3", "3e-3"]})
    experiments = [run.experiment() for run in sweep.runs]
    pairs = [(each.seed, each.task.optimizer.lr) for each in experiments]
    assert pairs == [(0, 1e-3), (0, 3e-3), (1, 1e-3), (1, 3e-3)]
    assert {each.logging.group for each in experiments} == {sweep.path.name}


def test_test_split_stays_closed_where_settings_vary_and_opens_for_seeds(common):
    (settings, *_) = create(common, {"task.optimizer.lr": ["1e-3", "3e-3"]}).runs
    (seeds, *_) = create(common, {"seed": ["0", "1"]}).runs
    assert (settings.experiment().score_test, seeds.experiment().score_test) == (False, True)


def test_kind_and_its_own_settings_can_vary(common):
    sweep = create(common, {"task.loss.kind": ["focal"], "task.loss.gamma": ["1", "2"]})
    assert [run.experiment().task.loss.gamma for run in sweep.runs] == [1, 2]


def test_best_is_chosen_on_validation_over_seeds(common):
    sweep = create(common, {"seed": ["0", "1"], "task.optimizer.lr": ["1e-3", "3e-3"]})
    for run, loss in zip(sweep.runs, (0.5, 0.1, 0.7, 0.9), strict=True):
        finish(run, loss)
    text = summarise(sweep)
    assert "task.optimizer.lr 0.003: val/log_loss 0.500 \u00b1 0.566 (2 of 2 runs)" in text
    found = json.loads(sweep.summary_file.read_text())
    assert found["best"] == {"settings": {"task.optimizer.lr": 0.003}, "val/log_loss": 0.5}
    rows = list(csv.DictReader(sweep.summary_table.open()))
    assert [row["val/log_loss"] for row in rows] == ["0.5", "0.1", "0.7", "0.9"]


def test_seeds_give_mean_and_spread_of_validation_and_test(common):
    sweep = create(common, {"seed": ["0", "1"]})
    for run, loss in zip(sweep.runs, (0.4, 0.6), strict=True):
        finish(run, loss)
    assert "test/log_loss 0.500 \u00b1 0.141 (2 of 2 runs)" in summarise(sweep)
    assert json.loads(sweep.summary_file.read_text())["best"] is None


def test_failed_run_is_named_and_the_others_summed_up(common, capsys):
    sweep = create(common, {"seed": ["0", "1"]})
    finish(sweep.runs[0], 0.4)
    sweep.runs[1].update_status(state="failed", error="the disk is full\nmore")
    assert main(["--summary", str(sweep.path)]) == 3
    shown = capsys.readouterr().out
    assert f"failed: {sweep.runs[1].name}: the disk is full" in shown
    assert "(1 of 2 runs)" in shown


def test_only_what_is_not_finished_runs_when_a_sweep_goes_on(common, capfd):
    sweep = create(common, {"seed": ["0", "1"]})
    finish(sweep.runs[0], 0.4)
    before = sweep.runs[0].status()
    assert main(["--resume", str(sweep.path)]) == 0
    assert sweep.runs[0].status() == before
    assert sweep.runs[1].status()["state"] == "finished"


def test_dry_run_writes_an_array_and_its_summary(common, tmp_path, monkeypatch):
    (tmp_path / "tiny.yaml").write_text(common.to_yaml())
    words = ["--config", str(tmp_path / "tiny.yaml"), "--vary.seed", "0", "1", "2"]
    assert main([*words, "--slurm.concurrency", "2", "--slurm.dry-run"]) == 0
    sweep = SweepFolder.open(next((tmp_path / "runs" / "sweeps").iterdir()))
    assert "#SBATCH --array=1-3%2" in sweep.array_script.read_text()
    assert f"--summary {sweep.path}" in (sweep.path / "summary.sh").read_text()
    assert [run.status()["state"] for run in sweep.runs] == ["created"] * 3


def test_only_what_has_no_job_is_submitted_when_a_sweep_goes_on(common, tmp_path, monkeypatch):
    sweep = create(common, {"seed": ["0", "1", "2"]})
    submit(sweep, dry_run=True)
    asked = tmp_path / "asked"
    for name, answer in {
        "sbatch": f'echo "$@" >> {asked}; echo 41',
        "squeue": "echo '7 7 PENDING'",
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{answer}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    finish(sweep.runs[0], 0.4)
    sweep.runs[1].update_status(state="queued", slurm_job="7")
    assert main(["--resume", str(sweep.path)]) == 0
    assert asked.read_text().splitlines() == [
        f"--parsable --array=3 {sweep.array_script}",
        f"--parsable --dependency=afterany:41 {sweep.summary_script}",
    ]
    assert [run.status().get("slurm_job") for run in sweep.runs] == [None, "7", "41_3"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["demo-xray"], "nothing varies"),
        (["demo-xray", "--vary.seed", "0", "x"], "seed"),
        (["demo-xray", "--vary.sed", "0", "1"], "did you mean --seed"),
        (["--vary.seed", "0", "1"], "which experiment|needs the NAME"),
        (["--resume", "nowhere"], "is no sweep"),
    ],
)
def test_wrong_words_are_one_message_and_leave_no_folder(words, message, capsys, tmp_path):
    import re

    assert main(words) == 2
    assert re.search(message, capsys.readouterr().err)
    assert not (tmp_path / "runs").exists()
