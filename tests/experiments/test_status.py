import json
import os
import time

import pytest
from fakes.tiny_experiment import tiny_experiment

from experiments.run_folder import RunFolder
from experiments.status import main


@pytest.fixture
def folder(tmp_path):
    run = RunFolder.create(tiny_experiment(tmp_path / "data", epochs=30))
    rows = [
        {"step": 7, "epoch": 0, "values": {"val/log_loss": 0.7}},
        {"step": 14, "epoch": 1, "values": {"val/log_loss": 0.25}},
        {"step": 16, "epoch": 2, "values": {"train/loss": 0.1}},
    ]
    run.metrics_log.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"step": 1')
    return run


def listed(capsys, *words):
    assert main([*map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_run_is_one_line_with_epoch_and_metric(folder, capsys):
    folder.update_status(state="finished", attempt=2)
    (state,) = listed(capsys, folder.path)
    assert (state["state"], state["attempt"]) == ("finished", 2)
    assert (state["epoch"], state["metric"]) == ("2/30", "val/log_loss 0.250")
    assert main([]) == 0
    assert "val/log_loss 0.250" in capsys.readouterr().out


def test_runs_are_found_in_their_root_and_in_their_experiment(folder, capsys):
    for place in (folder.path, folder.path.parent, folder.path.parents[1]):
        assert [state["path"] for state in listed(capsys, place)] == [str(folder.path)]


def test_run_that_nobody_holds_has_died(folder, capsys):
    folder.update_status(state="training", attempt=1)
    (state,) = listed(capsys, folder.path)
    assert state["state"] == "died"
    assert "run.log" in state["error"]


def test_run_that_somebody_holds_is_training(folder, capsys):
    folder.update_status(state="training", attempt=1)
    ready, done = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        with folder.locked():
            os.write(ready[1], b"1")
            os.read(done[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    (state,) = listed(capsys, folder.path)
    os.write(done[1], b"1")
    os.waitpid(child, 0)
    assert state["state"] == "training"


def test_state_of_its_job_is_that_of_squeue(folder, capsys, tmp_path, monkeypatch):
    (tmp_path / "squeue").write_text("#!/bin/sh\necho '41 41 RUNNING'\necho '42_7 50 PENDING'\n")
    (tmp_path / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    folder.update_status(slurm_job="42_7")
    assert listed(capsys, folder.path)[0]["job"] == "42_7 PENDING"


@pytest.mark.parametrize(
    ("written", "job", "shown"),
    [
        ("training", "PENDING", "queued"),
        ("interrupted", "PENDING", "queued"),
        ("interrupted", "CANCELLED", "interrupted"),
        ("queued", "CANCELLED", "interrupted"),
        ("queued", "RUNNING", "queued"),
    ],
)
def test_run_is_queued_while_its_job_waits_and_no_longer(
    folder, capsys, tmp_path, monkeypatch, written, job, shown
):
    (tmp_path / "squeue").write_text(f"#!/bin/sh\necho '41 41 {job}'\n")
    (tmp_path / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    folder.update_status(state=written, slurm_job="41")
    assert listed(capsys, folder.path)[0]["state"] == shown


def test_damaged_status_is_listed_as_such(folder, capsys):
    folder.status_file.write_text("{")
    assert listed(capsys, folder.path)[0]["state"] == "unreadable"


def test_folder_without_runs_is_one_message(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert "there are no runs in" in capsys.readouterr().err


def test_job_that_slurm_has_forgotten_does_not_wait_for_ever(folder, capsys, tmp_path, monkeypatch):
    (tmp_path / "squeue").write_text("#!/bin/sh\n")
    (tmp_path / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    folder.update_status(state="queued", slurm_job="42")
    (state,) = listed(capsys, folder.path)
    assert (state["state"], state["job"]) == ("interrupted", "42")


def test_run_that_logs_is_as_new_as_its_last_value(folder, capsys):
    folder.status_file.write_text(
        json.dumps({**folder.status(), "updated": "2020-01-01T00:00:00+00:00"})
    )
    os.utime(folder.metrics_log, (time.time() - 600,) * 2)
    assert listed(capsys, folder.path)[0]["updated"] == "10 min ago"
