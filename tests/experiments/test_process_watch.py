"""One process of a run dies: the others end, say which one it was, and the run goes on."""

import os
import signal
import subprocess
import sys
import time

import pytest
from fakes.tiny_experiment import tiny_experiment
from fakes.whole_run import WholeRun, environment_of, members, wait_for
from torch.distributed import DistBackendError

from datamodules.errors import DataError
from experiments import process_watch
from experiments.process_watch import ProcessDiedError, ProcessWatch

GLOO = RuntimeError("[.../gloo/transport/tcp/pair.cc:538] Connection closed by peer")
NCCL = DistBackendError("NCCL communicator was aborted")
KILLED = (
    r"process 1 \(of 0 to 2\) was killed by SIGKILL \(as happens when memory runs out\); the others"
    " cannot go on without it. The run can be resumed"
)


def other(code: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code])


@pytest.fixture
def watch(monkeypatch):
    """Over two processes: the first one is killed, and the second one would never end."""
    monkeypatch.setattr(process_watch, "GRACE_SECONDS", 0.2)
    watching = ProcessWatch(print)
    watching.processes = [other("import time; time.sleep(60)") for _ in range(2)]
    yield watching
    for process in watching.processes:
        process.kill()
        process.wait()


def end(watch: ProcessWatch, error: Exception) -> None:
    with watch:
        raise error


@pytest.mark.parametrize("error", [RuntimeError("Connection closed by peer"), KeyError("any")])
def test_killed_process_is_named_in_place_of_what_it_led_to(watch, error):
    watch.processes[0].kill()
    with pytest.raises(ProcessDiedError, match=KILLED) as caught:
        end(watch, error)
    assert caught.value.__cause__ is error
    assert [process.wait(5) for process in watch.processes] == [-signal.SIGKILL] * 2


def test_fault_of_all_is_told_as_such(watch):
    watch.processes = [other("raise SystemExit(5)"), *watch.processes]
    with pytest.raises(DataError, match="no images"):
        end(watch, DataError("no images"))


@pytest.mark.parametrize(
    ("error", "named"), [(GLOO, True), (NCCL, True), (ValueError("a bug of its own"), False)]
)
def test_process_that_failed_is_named_where_contact_to_it_was_lost(watch, error, named):
    watch.processes = [other("raise SystemExit(5)")]
    watch.processes[0].wait()
    with pytest.raises(ProcessDiedError if named else ValueError) as caught:
        end(watch, error)
    assert ("process 1 (of 0 to 1) ended with exit code 5" in str(caught.value)) == named


def test_contact_lost_to_a_process_that_somebody_else_started_is_told_as_such(watch):
    watch.processes = []
    with pytest.raises(ProcessDiedError, match=r"lost contact.* can be resumed \(NCCL commun"):
        end(watch, NCCL)


def test_end_without_an_error_waits_for_the_others(watch):
    watch.processes = [other("pass"), other("pass")]
    with watch:
        pass
    assert [process.returncode for process in watch.processes] == [0, 0]


STUCK = """
import sys, subprocess, time
from experiments import process_watch
process_watch.GRACE_SECONDS = process_watch.LOOK_EVERY_SECONDS = 0.1
others = [subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) for _ in "12"]
watch = process_watch.ProcessWatch(lambda message: print("recorded:", message, flush=True))
with watch:
    watch.watch(others)
    others[0].kill()
    time.sleep(60)
"""


def test_process_that_waits_for_a_dead_one_is_ended_with_all_others():
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    told = process.communicate(timeout=60)[0]
    assert process.returncode == 1
    assert told.startswith("recorded: process 1 (of 0 to 2) was killed by SIGKILL")
    wait_for(lambda: not members(process.pid), "no process is left", 5)


WATCHING = """
import os, time
from experiments import process_watch
process_watch.LOOK_EVERY_SECONDS = 0.1
with process_watch.ProcessWatch(print, parent=os.getppid()):
    print("watching", flush=True)
    time.sleep(60)
"""
FIRST = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"


def test_other_processes_end_with_the_first_one():
    first = subprocess.Popen(
        [sys.executable, "-c", FIRST, WATCHING], stdout=subprocess.PIPE, start_new_session=True
    )
    assert first.stdout.readline() == b"watching\n"
    first.kill()
    first.wait()
    wait_for(lambda: not members(first.pid), "no process is left", 5)


def second_process(group: int) -> int:
    """The one that the first process has started."""
    (found,) = (each for each in members(group) if environment_of(each).get("LOCAL_RANK") == "1")
    return found


@pytest.mark.slow
def test_run_of_which_a_process_was_killed_ends_at_once_and_goes_on_when_resumed(tmp_path):
    tiny = tiny_experiment(tmp_path / "data", epochs=6, patients=80)
    network = tiny.task.network.replace(encoder="test_efficientnet")
    trainer = tiny.trainer.replace(devices=2, accelerator="cpu")
    experiment = tiny.replace(task=tiny.task.replace(network=network), trainer=trainer)
    (tmp_path / "tiny.yaml").write_text(experiment.to_yaml())
    run = WholeRun(tmp_path, ["--config", tmp_path / "tiny.yaml"])
    process = run.begin()
    assert run.wait_for_step(process, 5)
    os.kill(second_process(process.pid), signal.SIGKILL)
    killed_at = time.monotonic()
    code, console = run.end_of(process)
    assert time.monotonic() - killed_at < 20
    assert code == 1
    assert "Traceback" not in console
    wait_for(lambda: not members(process.pid), "no process is left", 5)
    status = run.folder.status()
    assert status["state"] == "failed"
    assert status["error"].startswith("process 1 (of 0 to 1) was killed by SIGKILL")
    assert console.endswith(f"error: {status['error']}\n")
    run.finish()
    assert run.folder.status()["state"] == "finished"
