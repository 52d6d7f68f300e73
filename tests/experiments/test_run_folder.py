import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from datamodules.errors import ConfigError
from experiments.experiment import Experiment
from experiments.run_folder import RunFolder

ROOT = Path(__file__).parents[2]


def test_new_folder_holds_the_complete_experiment():
    experiment = Experiment(name="mine", seed=7)
    folder = RunFolder.create(experiment)
    assert RunFolder.open(folder.path).experiment() == experiment
    assert folder.status()["state"] == "created"


def test_folders_created_at_once_are_different():
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: RunFolder.create(Experiment(name="mine")).path, range(50)))
    assert len(set(made)) == 50


def test_status_is_merged_and_stamped():
    folder = RunFolder.create(Experiment(name="mine"))
    folder.update_status(state="training", attempt=2)
    assert folder.status() | {"state": "training", "attempt": 2} == folder.status()
    assert "updated" in folder.status()


def test_what_is_no_run_folder_is_refused_with_the_nearest():
    folder = RunFolder.create(Experiment(name="mine"))
    with pytest.raises(ConfigError, match=f"did you mean .*{folder.path.name}"):
        RunFolder.open(folder.path.with_name(folder.path.name[:-1]))


def test_unwritable_place_is_a_clear_error(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LIGHTBOX_RUNS", str(tmp_path / "file"))
    with pytest.raises(ConfigError, match="LIGHTBOX_RUNS"):
        RunFolder.create(Experiment(name="mine"))


HOLDER = """
import sys, time
from pathlib import Path
from experiments.run_folder import RunFolder
with RunFolder(Path(sys.argv[1])).locked():
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def held(folder: RunFolder) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder.path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        assert process.stdout.readline() == b"held\n"
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def holder():
    folder = RunFolder.create(Experiment(name="mine"))
    with held(folder) as process:
        yield folder, process


def test_second_process_is_refused_and_told_who_holds_the_run(holder):
    folder, process = holder
    with pytest.raises(ConfigError, match=f"in use by process {process.pid}"), folder.locked():
        pass


def test_lock_of_a_killed_process_is_free(holder):
    folder, process = holder
    process.kill()
    process.wait()
    with folder.locked():
        assert folder.status()["state"] == "created"


@pytest.mark.parametrize("racers", [2, 5])
def test_of_processes_that_want_a_run_at_the_same_moment_one_gets_it(racers):
    folder, races = RunFolder.create(Experiment(name="mine")), 50
    done = subprocess.run(
        [sys.executable, ROOT / "tests/fakes/lock_race.py", folder.path, str(races), str(racers)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    ends = [sorted(json.loads(line)) for line in done.stdout.splitlines()]
    assert ends == [["refused"] * (racers - 1) + ["won"]] * races


def test_run_is_in_use_while_another_process_holds_it(holder):
    folder, process = holder
    assert folder.in_use()
    process.kill()
    process.wait()
    assert not folder.in_use()


def test_run_that_nobody_has_held_is_not_in_use():
    assert not RunFolder.create(Experiment(name="mine")).in_use()


def test_looking_whether_a_run_is_in_use_keeps_nobody_from_it():
    folder = RunFolder.create(Experiment(name="mine"))
    with folder.locked():
        pass
    assert not folder.in_use()
    with held(folder):
        assert folder.in_use()
        with pytest.raises(ConfigError, match="in use"), folder.locked():
            pass


def test_filesystem_without_locks_is_one_message(monkeypatch):
    folder = RunFolder.create(Experiment(name="tiny"))

    def no_locks(*_: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("experiments.run_folder.fcntl.lockf", no_locks)
    with pytest.raises(ConfigError, match="set LIGHTBOX_RUNS to a folder on a filesystem with"):
        folder.locked().__enter__()
