"""Being told to stop: in one process, between two, and in whole runs that then go on."""

import json
import signal
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from fakes.run_contents import everything, logged
from fakes.tiny_experiment import tiny_experiment
from fakes.whole_run import WholeRun, members, wait_for

from callbacks import stop_request
from callbacks.checkpoint_files import read_checkpoint
from callbacks.stop_request import Agreement, StopRequest
from datamodules.errors import StoppedError

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGALRM)


def trained(request: StopRequest, number: signal.Signals, then: Callable[[], object]) -> None:
    """Training that gets a signal, and what comes after it."""
    with request.at_boundaries():
        signal.raise_signal(number)
        then()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_while_training_a_signal_only_sets_a_flag_and_its_end_stops(number):
    request, seen = StopRequest(leading=True), []
    with request.listening(), pytest.raises(StoppedError) as stopped:
        trained(request, number, lambda: seen.append(request.signal))
    assert seen == [number]
    assert stopped.value.exit_code == 128 + number


def test_elsewhere_a_signal_stops_the_leading_process_at_once():
    request = StopRequest(leading=True)
    with request.listening(), pytest.raises(StoppedError, match="SIGTERM"):
        signal.raise_signal(signal.SIGTERM)


def test_second_signal_does_not_disturb_the_end():
    request = StopRequest(leading=True)
    with request.listening():
        with pytest.raises(StoppedError):
            signal.raise_signal(signal.SIGUSR1)
        signal.raise_signal(signal.SIGTERM)
    assert request.signal == signal.SIGUSR1


def test_signal_never_stops_a_process_that_does_not_lead():
    request = StopRequest(leading=False)
    with request.listening():
        signal.raise_signal(signal.SIGTERM)
        with request.at_boundaries():
            signal.raise_signal(signal.SIGUSR1)
    assert request.signal == signal.SIGTERM


def test_patience_ends_a_wait_without_a_boundary(monkeypatch):
    monkeypatch.setattr(stop_request, "PATIENCE_SECONDS", 0.05)
    request, began = StopRequest(leading=True), time.monotonic()
    with request.listening(), pytest.raises(StoppedError):
        trained(request, signal.SIGTERM, lambda: time.sleep(10))
    assert time.monotonic() - began < 5


def test_patience_after_a_warning_is_a_share_of_the_time_that_it_leaves():
    request, began = StopRequest(leading=True, warning_seconds=0.15), time.monotonic()
    with request.listening(), pytest.raises(StoppedError):
        trained(request, signal.SIGUSR1, lambda: time.sleep(10))
    assert time.monotonic() - began < 5


def test_patience_is_not_needed_after_a_boundary():
    request = StopRequest(leading=True)
    with request.listening():
        with pytest.raises(StoppedError):
            trained(request, signal.SIGTERM, lambda: request.stop(signal.SIGTERM))
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_handlers_and_alarm_are_afterwards_as_they_were():
    before, during = [signal.getsignal(number) for number in SIGNALS], []
    request = StopRequest(leading=True)
    with pytest.raises(StoppedError), request.listening():
        trained(request, signal.SIGTERM, lambda: during.extend(map(signal.getsignal, SIGNALS)))
    assert during == [request.handle] * 3
    assert [signal.getsignal(number) for number in SIGNALS] == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_outside_the_main_thread_handlers_stay_as_they_are():
    seen = []

    def listen():
        with StopRequest(leading=True).listening():
            seen.extend(signal.getsignal(number) for number in SIGNALS)

    before = [signal.getsignal(number) for number in SIGNALS]
    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert seen == before


def trainer_of(processes: int) -> SimpleNamespace:
    strategy = SimpleNamespace(root_device=torch.device("cpu"))
    return SimpleNamespace(world_size=processes, strategy=strategy)


def test_one_process_agrees_with_itself_at_every_step():
    agreement = Agreement()
    assert agreement.on(trainer_of(1), False, 0) == [0, 0]
    assert agreement.on(trainer_of(1), True, signal.SIGTERM) == [1, signal.SIGTERM]


TOLD_AT_STEP = 30
PACES = (0.002, 0.004)


def take_steps(rank: int, folder) -> None:
    """Steps of different length in each process; only the second one is told."""
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2
    )
    agreement, asked = Agreement(), 0
    all_reduce = torch.distributed.all_reduce

    def counting(*arguments):
        nonlocal asked
        asked += 1
        all_reduce(*arguments)

    torch.distributed.all_reduce = counting
    for step in range(1, 10_000):
        time.sleep(PACES[rank])
        told = rank == 1 and step >= TOLD_AT_STEP
        _, number = agreement.on(trainer_of(2), False, signal.SIGUSR1 if told else 0)
        if number:
            break
    seen = {"step": step, "number": number, "asked": asked}
    (folder / f"{rank}.json").write_text(json.dumps(seen))


def test_two_processes_learn_at_the_same_step_what_one_of_them_was_told(tmp_path, monkeypatch):
    monkeypatch.setattr(stop_request, "ASK_EVERY_SECONDS", 0.05)
    torch.multiprocessing.start_processes(take_steps, (tmp_path,), nprocs=2, start_method="fork")
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert first == second
    assert first["number"] == signal.SIGUSR1
    assert TOLD_AT_STEP <= first["step"] < TOLD_AT_STEP + 100
    assert first["asked"] < first["step"] / 2


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_run_that_is_told_to_stop_goes_on_as_if_nothing_had_happened(tmp_path, processes):
    tiny = tiny_experiment(tmp_path / "data", epochs=6, patients=80)
    network = tiny.task.network.replace(encoder="test_efficientnet")
    trainer = tiny.trainer.replace(devices=processes, ema_decay=0.9, accelerator="cpu")
    experiment = tiny.replace(task=tiny.task.replace(network=network), trainer=trainer)
    (tmp_path / "tiny.yaml").write_text(experiment.to_yaml())
    words = ["--config", tmp_path / "tiny.yaml"]
    whole = WholeRun(tmp_path / "whole", words).finish()

    run = WholeRun(tmp_path / "stopped", words)
    process = run.begin()
    assert run.wait_for_step(process, 5)
    process.send_signal(signal.SIGTERM)
    code, console = run.end_of(process)
    assert code == 143, console
    wait_for(lambda: not members(process.pid), "no process is left", 5)
    assert run.folder.status()["state"] == "interrupted"
    assert console.splitlines()[-2:] == [
        f"go on with: python -m experiments.run --resume {run.folder.path}",
        "error: told to stop (SIGTERM); the run can be resumed",
    ]
    saved = read_checkpoint(run.folder.checkpoints / "last.ckpt")["global_step"]
    assert 5 <= saved == logged(run.folder)[-1][0] < logged(whole)[-1][0]
    run.finish()
    assert everything(run.folder) == everything(whole)
    assert logged(run.folder) == logged(whole)
