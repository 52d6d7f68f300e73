import os
import threading

import pytest

from callbacks.stop_request import StopRequest
from datamodules.errors import ConfigError, LightboxError
from experiments import processes
from experiments.attempt import Attempt
from experiments.configs.trainer import TrainerConfig
from experiments.experiment import Experiment
from experiments.processes import Process, await_preparation, check_size, this_process
from experiments.run_folder import RunFolder

SRUN = {
    "SLURM_JOB_ID": "17",
    "SLURM_STEP_ID": "0",
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_PROCID": "3",
    "SLURM_LOCALID": "1",
}
TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "none",
    "TORCHELASTIC_RESTART_COUNT": "2",
    "WORLD_SIZE": "4",
    "RANK": "2",
    "LOCAL_RANK": "0",
    "LOCAL_WORLD_SIZE": "2",
    "MASTER_PORT": "29500",
}
ALONE = Process(0, 0, None, "lightbox", "")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ALONE),
        ({"LOCAL_RANK": "1", "NODE_RANK": "0"}, Process(1, 1, None, "lightbox", "")),
        (SRUN, Process(3, 1, 4, "slurm", "17.0.0")),
        ({**SRUN, "SLURM_RESTART_COUNT": "2"}, Process(3, 1, 4, "slurm", "17.0.2")),
        (TORCHRUN, Process(2, 0, 4, "torchrun", "none.2.29500")),
        ({**SRUN, **TORCHRUN}, Process(2, 0, 4, "torchrun", "none.2.29500")),
    ],
)
def test_environment_tells_which_process_it_is(environment, expected):
    assert this_process(environment) == expected


def test_batch_script_and_single_task_of_slurm_are_alone():
    batch = {"SLURM_JOB_ID": "17", "SLURM_NTASKS": "4", "SLURM_PROCID": "0"}
    assert this_process(batch) == ALONE
    assert this_process({**SRUN, "SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"}) == ALONE


def test_first_process_of_each_launcher_leads():
    assert this_process({**SRUN, "SLURM_PROCID": "0"}).leading
    assert this_process({**TORCHRUN, "RANK": "0"}).leading
    assert not this_process(SRUN).leading
    assert not this_process({"LOCAL_RANK": "1"}).leading


def test_two_starts_by_torchrun_on_a_machine_have_different_names():
    """Its own names are the same; what an earlier start left in the run folder is no answer."""
    one_machine = {**TORCHRUN, "LOCAL_WORLD_SIZE": "4"}
    assert this_process(one_machine).launch == f"none.2.29500.{os.getppid()}"


def test_processes_that_the_run_starts_itself_are_not_started_together():
    assert this_process(SRUN).together
    assert not this_process({"LOCAL_RANK": "1"}).together
    assert not this_process({**TORCHRUN, "WORLD_SIZE": "1"}).together


@pytest.mark.parametrize(
    ("environment", "devices", "nodes"),
    [
        ({}, 4, 1),
        (SRUN, 2, 2),
        (SRUN, 4, 1),
        (TORCHRUN, 1, 4),
        ({**TORCHRUN, "WORLD_SIZE": "1"}, 1, 1),
    ],
)
def test_as_many_processes_as_the_experiment_has_are_right(environment, devices, nodes):
    check_size(this_process(environment), TrainerConfig(devices=devices, nodes=nodes))


@pytest.mark.parametrize(
    ("environment", "devices", "nodes", "message"),
    [
        ({}, 1, 2, "2 nodes, and one process cannot start those of others"),
        (SRUN, 2, 1, r"slurm started 4 processes, but .* 2 \(--trainer.devices\) on 1 "),
        ({**TORCHRUN, "WORLD_SIZE": "1"}, 2, 1, r"torchrun started 1 processes"),
        (TORCHRUN, 4, 2, r"torchrun started 4 processes, but .* on 2 \(--trainer.nodes\)"),
    ],
)
def test_other_numbers_of_processes_are_refused(environment, devices, nodes, message):
    with pytest.raises(ConfigError, match=message):
        check_size(this_process(environment), TrainerConfig(devices=devices, nodes=nodes))


@pytest.fixture
def folder(monkeypatch):
    monkeypatch.setattr(processes, "POLL_SECONDS", 0.01)
    return RunFolder.create(Experiment(name="mine"))


def after_a_moment(folder: RunFolder, **changes: str) -> None:
    threading.Timer(0.1, lambda: folder.update_status(**changes)).start()


def test_preparation_is_awaited(folder):
    process = this_process(SRUN)
    folder.update_status(prepared="17.0.earlier", launch=process.launch, state="preparing")
    after_a_moment(folder, prepared=process.launch)
    await_preparation(folder, process)
    assert folder.status()["prepared"] == process.launch


def test_attempt_that_begins_is_not_taken_for_the_failed_one_before(folder):
    first = this_process({**SRUN, "SLURM_PROCID": "0"})
    folder.update_status(state="failed", error="no images")
    Attempt.begin(folder, first, StopRequest(leading=True))
    assert folder.status() | {"state": "preparing", "launch": first.launch} == folder.status()


def test_wait_ends_with_the_leading_process_and_its_message(folder):
    process = this_process(SRUN)
    folder.update_status(state="failed", launch="16.0.0", error="of the attempt before")
    after_a_moment(folder, launch=process.launch, state="failed", error="no images")
    with pytest.raises(LightboxError, match="the leading process ended: no images"):
        await_preparation(folder, process)
