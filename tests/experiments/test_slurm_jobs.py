"""Whole runs as jobs of a real Slurm: submitted, warned, requeued, and moved to another node."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fakes.one_machine_slurm import OneMachineSlurm, one_machine_slurm, why_not
from fakes.run_contents import everything, logged
from fakes.tiny_experiment import tiny_experiment

from callbacks.checkpoint_files import read_checkpoint
from experiments.experiment import Experiment
from experiments.run_folder import RunFolder
from experiments.sweep_folder import SweepFolder

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.slurm, pytest.mark.slow]
if (reason := why_not()) is not None:
    pytestmark.append(pytest.mark.skip(reason=reason))


@dataclass(frozen=True)
class Cluster:
    """A user on the login node, with an experiment that takes seconds."""

    slurm: OneMachineSlurm
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            **self.slurm.environment,
            "PYTHONPATH": str(ROOT),
            "LIGHTBOX_RUNS": str(self.home / "runs"),
            "LIGHTBOX_CACHE": str(self.home / "cache"),
            "OMP_NUM_THREADS": "1",
        }

    def command(self, verb: str, *words: object) -> str:
        done = subprocess.run(
            [sys.executable, "-m", f"experiments.{verb}", *map(str, words)],
            env=self.environment,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def submit(self, epochs: int, *words: object) -> RunFolder:
        config = self.home / "tiny.yaml"
        experiment: Experiment = tiny_experiment(self.home / "data", epochs)
        trainer = experiment.trainer.replace(accelerator="cpu")
        config.write_text(experiment.replace(trainer=trainer).to_yaml())
        printed = self.command("run", "--config", config, *words)
        return RunFolder.open(Path(printed.splitlines()[0].partition(": ")[2]))

    def wait_for_rows(self, folder: RunFolder, rows: int) -> None:
        def there() -> bool:
            return folder.metrics_log.exists() and len(logged(folder)) >= rows

        self.slurm.wait_for(there, 90, f"{rows} rows of {folder.path}\n{console(folder)}")

    def wait_for_end(self, folder: RunFolder, state: str = "finished") -> None:
        def ended() -> bool:
            return folder.status()["state"] == state

        try:
            self.slurm.wait_for(ended, 150, state)
        except AssertionError as error:
            raise AssertionError(f"{folder.status()}\n{console(folder)}\n{error}") from error

    def uninterrupted(self, epochs: int, *words: object) -> RunFolder:
        """The same experiment, without Slurm."""
        folder = self.submit(epochs, *words, "--slurm.dry-run")
        self.command("run", "--resume", folder.path)
        return folder


def console(folder: RunFolder) -> str:
    return "\n".join(log.read_text() for log in sorted((folder.path / "slurm").glob("*.log")))


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneMachineSlurm]:
    with one_machine_slurm(tmp_path_factory.mktemp("slurm")) as running:
        yield running


@pytest.fixture
def cluster(slurm: OneMachineSlurm, tmp_path: Path) -> Cluster:
    return Cluster(slurm, tmp_path)


def test_warned_job_saves_requeues_and_ends_as_if_nothing_had_happened(cluster):
    folder = cluster.submit(12, "--slurm.time", "00:10:00")
    job = folder.status()["slurm_job"]
    cluster.wait_for_rows(folder, 10)
    assert job in cluster.command("status", folder.path)
    cluster.slurm("scancel", "--signal=USR1", job)
    cluster.wait_for_end(folder)
    assert folder.status()["attempt"] == 2
    assert f"job {job} queues again" in folder.log_file.read_text()
    assert {row["attempt"] for row in rows(folder)} == {1, 2}
    whole = cluster.uninterrupted(12)
    assert everything(folder) == everything(whole)
    assert logged(folder) == logged(whole)


def rows(folder: RunFolder) -> list[dict[str, Any]]:
    return [json.loads(line) for line in folder.metrics_log.read_text().splitlines()]


def test_two_nodes_train_as_two_processes_of_one_machine(cluster):
    apart = cluster.submit(2, "--slurm.nodes", 2)
    cluster.wait_for_end(apart)
    together = cluster.submit(2, "--slurm.nodes", 1, "--trainer.devices", 2)
    cluster.wait_for_end(together)
    assert everything(apart) == everything(together)
    assert apart.metrics()["test"] == together.metrics()["test"]
    assert apart.experiment().trainer.nodes == 2


def test_job_goes_on_elsewhere_when_its_node_goes_down(cluster):
    folder = cluster.submit(12, "--slurm.nodes", 1)
    job = folder.status()["slurm_job"]
    cluster.wait_for_rows(folder, 10)
    node = cluster.slurm("squeue", "--noheader", "--format=%N", f"--jobs={job}")
    for state in ("down", "drain"):  # drained it does not come back by itself
        cluster.slurm("scontrol", "update", f"nodename={node}", f"state={state}", "reason=test")
    try:
        cluster.wait_for_end(folder)
    finally:
        cluster.slurm("scontrol", "update", f"nodename={node}", "state=resume")
    assert folder.status()["attempt"] == 2
    places = cluster.slurm("squeue", "--noheader", "--states=all", "--format=%N", f"--jobs={job}")
    assert node not in places
    steps = [row["step"] for row in rows(folder) if "train/loss" in row["values"]]
    assert steps == list(range(1, steps[-1] + 1))


def test_refused_requeue_leaves_a_run_that_can_be_resumed(cluster):
    stubs = cluster.home / "stubs"
    stubs.mkdir()
    (stubs / "scontrol").write_text(
        "#!/bin/sh\necho 'Requested operation is disabled' >&2\nexit 1\n"
    )
    (stubs / "scontrol").chmod(0o755)
    setup = f"export PATH={stubs}:$PATH"
    folder = cluster.submit(12, f"--slurm.setup={setup}")
    job = folder.status()["slurm_job"]
    cluster.wait_for_rows(folder, 10)
    cluster.slurm("scancel", "--signal=USR1", job)
    cluster.slurm.wait_for(lambda: cluster.slurm.state(job) == "FAILED", 60, "the job has failed")
    status = folder.status()
    assert status["state"] == "interrupted"
    assert "is not queued again: Requested operation is disabled" in status["error"]
    checkpoint = read_checkpoint(folder.checkpoints / "last.ckpt")
    assert checkpoint["global_step"] == rows(folder)[-1]["step"]


def test_cancelled_job_saves_and_stays_cancelled(cluster):
    folder = cluster.submit(12, "--slurm.nodes", 1)
    job = folder.status()["slurm_job"]
    cluster.wait_for_rows(folder, 10)
    cluster.slurm("scancel", job)
    cluster.slurm.wait_for(lambda: cluster.slurm.state(job) == "CANCELLED", 60, "it is cancelled")
    cluster.wait_for_end(folder, "interrupted")
    checkpoint = read_checkpoint(folder.checkpoints / "last.ckpt")
    assert checkpoint["global_step"] == rows(folder)[-1]["step"] >= 10


def test_array_of_seeds_is_summed_up_by_a_job_that_waits_for_it(cluster):
    cluster.submit(1, "--slurm.dry-run")
    words = ["--config", cluster.home / "tiny.yaml", "--vary.seed", 1, 2, 3]
    cluster.command("sweep", *words, "--slurm.concurrency", 2)
    sweep = SweepFolder.open(next((cluster.home / "runs" / "sweeps").iterdir()))
    assert "#SBATCH --array=1-3%2" in sweep.array_script.read_text()
    cluster.slurm.wait_for(sweep.summary_file.exists, 150, "the summary")
    found = json.loads(sweep.summary_file.read_text())
    assert [row["state"] for row in found["runs"]] == ["finished"] * 3
    assert found["groups"][0]["figures"]["test/log_loss"]["n"] == 3


def test_cache_is_built_by_a_job_before_and_staged_on_the_node(cluster):
    scratch = cluster.home / "a node's own disk"
    scratch.mkdir()
    folder = cluster.submit(1, "--slurm.prepare-partition", "cpu", "--slurm.scratch", scratch)
    cluster.wait_for_end(folder)
    job = folder.status()["slurm_job"]
    assert list(scratch.glob(f"lightbox-{job}/*/*/images.npy"))
    assert "64 images" in console(folder) or "80 images" in console(folder)
    assert [log.name for log in (folder.path / "slurm").glob("prepare-*.log")]


def test_second_job_for_a_run_is_refused(cluster):
    folder = cluster.submit(1, "--slurm.nodes", 1, "--slurm.lines=--begin=now+1hour")
    job = folder.status()["slurm_job"]
    with pytest.raises(AssertionError, match=f"has a job already: {job} is PENDING"):
        cluster.command("run", "--resume", folder.path, "--slurm.nodes", 1)
    cluster.slurm("scancel", job)
