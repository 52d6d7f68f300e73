import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fakes.benchmark_sizes import TINY

from datamodules.errors import LightboxError
from experiments.benchmarks import start_up
from experiments.benchmarks.films import write_films
from experiments.benchmarks.start_up import (
    FILMS,
    answer,
    compare,
    first_step,
    minimal_first_step,
)


def test_an_answer_with_another_exit_code_is_not_timed():
    with pytest.raises(LightboxError, match=r"ends with 2: .*max-epoch"):
        answer(0, ["demo-xray", "--trainer.max-epoch", "1"])


def test_a_program_that_ends_without_a_step_is_reported_with_what_it_said(tmp_path):
    command = [sys.executable, "-c", "print('no GPU')"]
    with pytest.raises(LightboxError, match="trains no step: no GPU"):
        start_up._until(command, tmp_path, lambda: None)


def test_time_counts_from_the_start_and_the_program_is_then_ended(tmp_path):
    code = (
        "import os, time; print(os.getpid())\n"
        f"print('{start_up.STEP_DONE}', time.time(), flush=True); time.sleep(60)"
    )
    output = tmp_path / "output"
    before = time.time()
    found = start_up._until(
        [sys.executable, "-c", code], tmp_path, lambda: start_up._printed_time(output)
    )
    assert 0 < found <= time.time() - before < 30
    with pytest.raises(ProcessLookupError):
        os.kill(int(output.read_text().split()[0]), 0)


def test_a_step_counts_when_its_line_is_whole(tmp_path):
    log = tmp_path / "first-step" / "run" / "metrics.jsonl"
    log.parent.mkdir(parents=True)
    log.write_text(json.dumps({"time": 12.5}))
    assert start_up._first_logged_step(tmp_path) is None
    log.write_text(json.dumps({"time": 12.5}) + "\n{")
    assert start_up._first_logged_step(tmp_path) == 12.5


def test_three_answers_and_the_first_step_have_their_goals(tmp_path, monkeypatch):
    monkeypatch.setattr(start_up, "first_step", lambda root: 6.0)
    monkeypatch.setattr(start_up, "minimal_first_step", lambda root: 5.0)
    *answers, step = compare(TINY, tmp_path)
    assert [each.goal for each in answers] == [0.3, 0.3, 0.3]
    assert all(0 < each.value < 60 for each in answers)
    assert (step.value, step.goal, step.met) == (1.2, 1.05, False)


@pytest.mark.slow
@pytest.mark.parametrize("program", [first_step, minimal_first_step])
def test_both_programs_reach_their_first_step(tmp_path, program):
    write_films(tmp_path / "films", FILMS, 64)
    assert 1 < program(tmp_path / "films") < start_up.PATIENCE_SECONDS


def test_the_minimal_program_says_what_is_waited_for():
    source = Path(start_up.__file__).with_name("minimal_program.py").read_text()
    assert f'STEP_DONE = "{start_up.STEP_DONE}"' in source


def test_training_loads_nothing_that_only_its_end_or_other_files_need():
    code = (
        "import sys, experiments.session, datamodules.xrays, lightning_modules.xray_classifier\n"
        "late = {'monai', 'sklearn', 'pydicom', 'wandb', 'jinja2'} & set(sys.modules)\n"
        "assert not late, late"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=start_up._source()
    )
    assert done.returncode == 0, done.stderr
