import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fakes.benchmark_sizes import TINY

from experiments import benchmark
from experiments.benchmarks import sizes
from experiments.benchmarks.comparison import Comparison
from experiments.benchmarks.machine import machine_text

REPOSITORY = Path(__file__).parents[2]
MISSED = Comparison("a subject", "MB", (30.0,), "alone", 25)


def test_help_and_a_wrong_subject_load_nothing_slow():
    code = (
        "import sys; from experiments.benchmark import main\n"
        "assert main(['xray', '--only', 'loder']) == 2\n"
        "assert not {'torch', 'monai', 'cv2'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY
    )
    assert done.returncode == 0, done.stderr
    assert "there is no subject 'loder'; did you mean loader?" in done.stderr


def test_measurements_are_shown_and_written_whole(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sizes, "QUICK", TINY)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    file = tmp_path / "found.json"
    words = ["xray", "--quick", "--only", "metrics", "--json", str(file)]
    assert benchmark.main(words) == 0
    written = json.loads(file.read_text())
    assert [each["goal"] for each in written["comparisons"]] == [5, 30]
    assert written["quick"]
    assert {"processor", "torch_threads", "load", "packages"} <= set(written["machine"])
    assert "1000 cases" in capsys.readouterr().out


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = dict(os.environ)
    benchmark.measure(["training_step"], TINY)
    assert list(tmp_path.iterdir()) == []
    assert dict(os.environ) == before


@pytest.mark.parametrize(("words", "code"), [([], 0), (["--strict"], 1)])
def test_a_missed_goal_is_an_error_only_if_asked_for(words, code, monkeypatch):
    monkeypatch.setattr(benchmark, "measure", lambda *_: [MISSED])
    assert benchmark.main(["xray", *words]) == code


def test_json_in_a_folder_that_is_not_there_is_refused_before_measuring(capsys):
    assert benchmark.main(["xray", "--json", "/nowhere/at/all.json"]) == 2
    assert "--json: there is no folder /nowhere/at" in capsys.readouterr().err


def test_a_busy_machine_is_pointed_out():
    machine = {
        **{"cpu_cores": 2, "processor": "a CPU", "memory_gib": 8, "torch_threads": 2},
        **{"python": "3.11", "packages": {}, "load": 1.5},
    }
    machine["packages"] = dict.fromkeys(
        ("torch", "pytorch-lightning", "monai", "torchmetrics", "scikit-learn", "numpy"), "1.0"
    )
    assert "busy" in machine_text(machine)
    assert "busy" not in machine_text({**machine, "load": 0.9})
