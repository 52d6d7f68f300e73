"""How an attempt ends, in the run folder and in the exit code; Slurm is a stub."""

import signal

import pytest
from fakes.tiny_experiment import tiny_experiment

from datamodules.errors import LightboxError, StoppedError
from experiments.attempt import attempted
from experiments.processes import this_process
from experiments.run_folder import RunFolder


@pytest.fixture
def folder(tmp_path):
    run = RunFolder.create(tiny_experiment(tmp_path / "data"))
    run.update_status(state="training")
    return run


@pytest.fixture
def scontrol(tmp_path, monkeypatch):
    """An scontrol that notes how often it was asked."""
    asked = tmp_path / "asked"
    (tmp_path / "scontrol").write_text(f'#!/bin/sh\necho "$@" >> {asked}\n')
    (tmp_path / "scontrol").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    return asked


def stopped(folder, number=signal.SIGUSR1):
    """Let an attempt be stopped; what comes out of it."""
    with pytest.raises((SystemExit, StoppedError)) as end, attempted(folder, this_process({})):
        raise StoppedError(number)
    return end.value


def log_step(folder, step):
    with folder.metrics_log.open("a") as file:
        file.write(f'{{"step": {step}, "epoch": 0, "values": {{}}}}\n')


def test_warned_job_queues_again(folder, scontrol):
    log_step(folder, 10)
    assert stopped(folder).code == 0
    assert folder.status()["state"] == "queued"
    assert scontrol.read_text() == "requeue 17\n"


def test_job_that_comes_no_further_does_not_queue_for_ever(folder, scontrol):
    stopped(folder)
    folder.update_status(state="training")
    assert isinstance(stopped(folder), StoppedError)
    assert "it came no further than last time; raise --slurm.time" in folder.status()["error"]
    assert scontrol.read_text().count("requeue") == 1
    folder.update_status(state="training")
    log_step(folder, 20)
    assert stopped(folder).code == 0


def test_cancelled_job_does_not_queue_again(folder, scontrol):
    assert stopped(folder, signal.SIGTERM).exit_code == 143
    assert folder.status()["state"] == "interrupted"
    assert not scontrol.exists()


def test_job_that_shall_not_be_queued_again_is_not(folder, scontrol):
    experiment = folder.experiment()
    kept = experiment.replace(slurm=experiment.slurm.replace(requeue=False))
    folder.experiment_file.write_text(kept.to_yaml())
    assert isinstance(stopped(folder), StoppedError)
    assert not scontrol.exists()


def test_missing_scontrol_is_named(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    monkeypatch.setattr("experiments.slurm_job.PAUSE_SECONDS", 0)
    assert stopped(folder).exit_code == 128 + signal.SIGUSR1
    assert "there is no scontrol here" in folder.status()["error"]


def test_nothing_that_catches_exceptions_holds_a_stop_up():
    assert not issubclass(StoppedError, Exception)


def test_fault_that_the_user_can_mend_is_kept_as_its_message(folder):
    with pytest.raises(LightboxError), attempted(folder, this_process({})):
        raise LightboxError("lower --data.batch-size")
    assert folder.status()["error"] == "lower --data.batch-size"


def test_process_that_does_not_lead_leaves_a_line_and_no_state(folder):
    other = this_process({"LOCAL_RANK": "1"})
    with pytest.raises(ValueError, match="odd"), attempted(folder, other):
        raise ValueError("odd")
    assert "process 1 ended: ValueError('odd')" in folder.log_file.read_text()
    assert folder.status()["state"] == "training"
