import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
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


@pytest.fixture
def holder():
    folder = RunFolder.create(Experiment(name="mine"))
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder.path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout.readline() == b"held\n"
    yield folder, process
    process.kill()
    process.wait()


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
