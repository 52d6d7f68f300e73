"""Whole runs that W&B follows: stopped and gone on with, or behind a network that swallows all."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fakes.run_contents import logged
from fakes.tiny_experiment import tiny_experiment
from fakes.wandb_files import config, history, records, wait_until_whole

from callbacks.metrics_log import last_step
from experiments.configs.logging import LoggingConfig
from experiments.run_folder import RunFolder
from experiments.wandb_results import finish
from experiments.wandb_tracking import build_loggers, choose_tracking

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def command(home: Path, *words: object, **variables: str) -> "subprocess.Popen[bytes]":
    environment = {name: value for name, value in os.environ.items() if "WANDB" not in name}
    environment |= {
        "PYTHONPATH": str(ROOT),
        "LIGHTBOX_RUNS": str(home / "runs"),
        "LIGHTBOX_CACHE": str(home / "cache"),
        "XDG_CONFIG_HOME": str(home / "settings"),
        "OMP_NUM_THREADS": "1",
        "NETRC": str(home / "netrc"),
        **variables,
    }
    words = (sys.executable, "-m", "experiments.run", *map(str, words))
    return subprocess.Popen(words, env=environment, cwd=home, stderr=subprocess.PIPE)


def the_run(home: Path) -> RunFolder:
    (path,) = (home / "runs" / "tiny").iterdir()
    return RunFolder.open(path)


def wait_for_rows(home: Path, rows: int, process: "subprocess.Popen[bytes]") -> None:
    while process.poll() is None:
        if list(home.glob("runs/tiny/*/metrics.jsonl")) and len(logged(the_run(home))) >= rows:
            return
        time.sleep(0.02)
    raise AssertionError(process.communicate()[1].decode())


@pytest.fixture
def config_file(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(tiny_experiment(tmp_path / "data", epochs=4).to_yaml())
    return path


def test_run_that_was_stopped_twice_is_one_run_without_gaps(tmp_path, config_file):
    process = command(tmp_path, "--config", config_file, "--logging.wandb", "offline")
    for rows in (4, 12):
        wait_for_rows(tmp_path, rows, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 143
        process = command(tmp_path, "--resume", the_run(tmp_path).path)
    error = process.communicate(timeout=120)[1].decode()
    assert process.returncode == 0, error
    run = the_run(tmp_path)
    assert run.status()["attempt"] == 3
    attempts = sorted(run.path.glob("wandb/offline-run-*"))
    assert len(attempts) == 3
    wait_until_whole(attempts[-1])
    found = [record for each in attempts for record in records(each)]
    ids = {record.run.run_id for record in found if record.HasField("run")}
    assert ids == {run.status()["wandb_id"]}
    rows = [row for each in attempts for row in history(each)]
    steps = [row["trainer/global_step"] for row in rows if "train/loss" in row]
    assert steps == list(range(1, last_step(run.metrics_log) + 1))
    count = [row["_step"] for row in rows]
    assert count == sorted(set(count))
    for each in attempts:
        assert config(each)["trainer"]["max_epochs"] == 4
    media = {path.name.partition("_")[0] for path in attempts[-1].glob("files/media/**/*.*")}
    assert {"results", "predictions", "cases"} <= media
    assert list(attempts[-1].glob("files/media/images/figures/*.png"))


@pytest.fixture
def swallowing(monkeypatch):
    """A network that takes everything, and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{listener.getsockname()[1]}")
        monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
        monkeypatch.delenv("WANDB_MODE", raising=False)
        yield os.environ["WANDB_BASE_URL"]


def test_run_behind_a_network_that_swallows_all_is_complete(tmp_path, config_file, swallowing):
    began = time.monotonic()
    assert choose_tracking(LoggingConfig()).mode == "offline"
    assert time.monotonic() - began < 10
    words = ("--config", config_file, "--trainer.max-epochs", 1, "--logging.wandb", "auto")
    process = command(tmp_path, *words, WANDB_BASE_URL=swallowing, WANDB_API_KEY="0" * 40)
    error = process.communicate(timeout=240)[1].decode()
    assert process.returncode == 0, error
    assert "offline (a key, but its server does not answer)" in error
    run = the_run(tmp_path)
    assert run.status()["state"] == "finished"
    assert run.metrics()["test"]
    assert run.report_file.exists()


def test_server_that_goes_silent_after_it_was_asked_costs_less_than_half_a_minute(
    tmp_path, monkeypatch, swallowing
):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    folder = RunFolder.create(tiny_experiment(tmp_path / "data"))
    experiment = folder.experiment().replace(logging=LoggingConfig(wandb="auto"))
    began = time.monotonic()
    loggers = build_loggers(experiment, folder, 1, "online")
    assert time.monotonic() - began < 30
    loggers[0].log_metrics({"train/loss": 0.5}, step=3)
    finish(loggers)
    (offline,) = folder.path.glob("wandb/offline-run-*")
    wait_until_whole(offline)
    assert history(offline)[0]["train/loss"] == 0.5
