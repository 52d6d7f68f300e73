"""SIGKILL at arbitrary steps, in whole processes, through the command line."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fakes.run_contents import everything, logged
from fakes.tiny_experiment import tiny_experiment

from callbacks.checkpoint_files import read_checkpoint
from callbacks.metrics_log import read_metrics
from experiments.experiment import Experiment
from experiments.run_folder import RunFolder

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def command(runs: Path, *arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "experiments.run", *map(str, arguments)],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "LIGHTBOX_RUNS": str(runs),
            "LIGHTBOX_CACHE": str(runs.parent / "cache"),
            "OMP_NUM_THREADS": "1",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        cwd=runs.parent,
    )


def finish(process: subprocess.Popen[bytes]) -> None:
    error = process.communicate(timeout=240)[1].decode()
    assert process.returncode == 0, error


def newest(runs: Path) -> RunFolder:
    return RunFolder.open(max(runs.glob("*/*"), key=lambda path: path.stat().st_mtime_ns))


def killed_at_row(process: subprocess.Popen[bytes], runs: Path, row: int, delay: float) -> None:
    """SIGKILL the whole process group once metrics.jsonl has so many rows, and a moment more."""
    started = set(runs.glob("*/*"))
    while process.poll() is None:
        logs = [run / "metrics.jsonl" for run in runs.glob("*/*")]
        new = [log for log in logs if log.exists() and (log.parent not in started or row < 0)]
        if any(len(read_metrics(log)) >= abs(row) for log in new):
            time.sleep(delay)
            os.killpg(process.pid, signal.SIGKILL)
            break
        time.sleep(0.01)
    process.communicate()


def experiment_file(
    tmp_path: Path, workers: int, patients: int = 40, sampling: str = "natural"
) -> Path:
    tiny = tiny_experiment(tmp_path / "data", epochs=3, patients=patients)
    experiment: Experiment = tiny.replace(
        data=tiny.data.replace(workers=workers, sampling=sampling),
        trainer=tiny.trainer.replace(checkpoint_every_steps=3, ema_decay=0.9),
    )
    (tmp_path / "tiny.yaml").write_text(experiment.to_yaml())
    return tmp_path / "tiny.yaml"


@pytest.mark.parametrize(("workers", "sampling"), [(0, "natural"), (2, "hard-cases")])
def test_killed_runs_end_as_the_uninterrupted_one(tmp_path, runs, workers, sampling):
    config = experiment_file(tmp_path, workers, sampling=sampling)
    finish(command(runs, "--config", config))
    whole = newest(runs)
    rows, chance = len(logged(whole)), random.Random(workers)
    row = chance.randrange(1, rows)
    killed_at_row(command(runs, "--config", config), runs, row, chance.random() * 0.3)
    stopped = newest(runs)
    assert stopped.path != whole.path
    finish(command(runs, "--resume", stopped.path))
    assert everything(stopped) == everything(whole)
    assert logged(stopped) == logged(whole)
    assert stopped.metrics() == whole.metrics()


def test_two_processes_that_sample_hard_cases_resume_within_an_epoch(tmp_path, runs):
    config = experiment_file(tmp_path, 0, patients=90, sampling="hard-cases")
    both = ("--trainer.devices", 2, "--trainer.max-epochs", 2)
    both += ("--trainer.checkpoint-every-steps", 1)
    finish(command(runs, "--config", config, *both))
    whole = newest(runs)
    killed_at_row(command(runs, "--config", config, *both), runs, row=3, delay=0)
    stopped = newest(runs)
    state = read_checkpoint(stopped.checkpoints / "last.ckpt")["XraysData"]
    assert len(state["case_errors"]["seen"]["draw"]) == 2 * 8 * state["batches"] > 0
    finish(command(runs, "--resume", stopped.path))
    assert everything(stopped) == everything(whole)


def test_two_processes_score_as_one(tmp_path, runs):
    """18 test cases in batches of 8 do not divide evenly over two processes."""
    from experiments.tasks import build_data, rebuild_module
    from experiments.trainers import build_evaluator

    config = experiment_file(tmp_path, 0, patients=45)
    finish(command(runs, "--config", config, "--trainer.devices", 2, "--trainer.max-epochs", 1))
    both = newest(runs)
    experiment = both.experiment()
    alone = build_data(experiment)
    alone.prepare(both.splits_file)
    module = rebuild_module(read_checkpoint(both.checkpoints / "best.ckpt"))
    build_evaluator(experiment.trainer.replace(devices=1)).test(module, datamodule=alone)
    point = both.metrics()["operating_point"]
    figures = module.final_figures(module.rows["test"], point, 100)
    assert len(module.rows["test"]) == 18
    for name, figure in both.metrics()["test"].items():  # other batches round in other places
        assert figures[name].to_dict() == pytest.approx(figure)
