import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from datamodules.hard_cases import CaseErrors
from datamodules.samplers import TrainingSampler, label_balanced_weights

BINARY = np.array([[1.0], [1.0], [0.0], [0.0], [0.0], [0.0]])


def record(errors, draws):
    """Draws as (draw, case, error)."""
    draw, case, error = zip(*draws, strict=True)
    errors.record(torch.tensor(case), torch.tensor(draw), torch.tensor(error))


def after(*batches, cases=6):
    errors = CaseErrors(cases)
    for batch in batches:
        record(errors, batch)
    errors.finish_epoch()
    return errors


def weights(errors, targets=BINARY, *, exclusive=False):
    found = label_balanced_weights(targets, exclusive=exclusive, importance=errors.importance())
    return found / found.sum()


def test_before_the_first_epoch_sampling_is_class_balanced():
    balanced = label_balanced_weights(BINARY, exclusive=False)
    assert weights(CaseErrors(6)) == pytest.approx(balanced / balanced.sum())


def test_weights_worked_by_hand():
    errors = after([(0, 0, 0.1), (1, 2, 0.9), (2, 3, 0.0)], [(3, 4, 0.4), (4, 5, 0.1)])
    positives, negatives = [0.2, 1.1], [1.0, 0.1, 0.5, 0.2]  # 0.1 + error; case 1 was not drawn
    expected = [p / 1.3 / 2 for p in positives] + [n / 1.8 / 2 for n in negatives]
    assert weights(errors) == pytest.approx(expected, rel=1e-6)


def test_each_class_keeps_its_share_however_hard_it_is():
    targets = np.eye(3)[[0, 0, 0, 1, 1, 2]]
    errors = after([(0, 0, 0.9), (1, 1, 0.8), (2, 2, 0.9), (3, 3, 0.1), (4, 4, 0.0), (5, 5, 0.2)])
    shares = targets.T @ weights(errors, targets, exclusive=True)
    assert shares == pytest.approx([1 / 3] * 3)


def test_hard_case_of_many_labels_with_some_missing_is_drawn_more_often():
    targets = np.array([[1.0, np.nan], [1.0, np.nan], [0.0, 1.0], [0.0, 0.0]])
    errors = after([(0, 0, 0.9), (1, 1, 0.1), (2, 2, 0.2), (3, 3, 0.2)], cases=4)
    found = weights(errors, targets)
    assert found[0] == pytest.approx(5 * found[1], rel=1e-6)
    assert found[2] == pytest.approx(found[3])


def test_wrong_label_among_a_thousand_easy_cases_cannot_take_over():
    errors = after([(case, case, float(case == 7)) for case in range(1000)], cases=1000)
    found = weights(errors, np.zeros((1000, 1)))
    assert found[7] == pytest.approx(11 / 1010)
    assert found.min() == pytest.approx(1 / 1010)


def test_of_a_case_drawn_twice_the_last_draw_counts_in_whatever_order_they_come():
    errors = after([(9, 1, 0.2), (3, 1, 0.7)], [(5, 1, 0.4)])
    assert errors.in_effect[1] == np.float32(0.2)


def test_case_that_is_not_drawn_keeps_its_error():
    errors = after([(0, 0, 0.3)])
    record(errors, [(0, 1, 0.6)])
    errors.finish_epoch()
    assert errors.in_effect.tolist() == pytest.approx([0.3, 0.6, 1, 1, 1, 1])


def test_nothing_changes_within_an_epoch():
    errors = after([(0, 0, 0.3)])
    record(errors, [(0, 0, 0.9)])
    errors.state_dict()
    assert errors.in_effect[0] == np.float32(0.3)


def test_state_loads_safely_and_goes_on_in_the_middle_of_an_epoch(tmp_path):
    whole = after([(0, 0, 0.3), (1, 4, 0.8)])
    record(whole, [(0, 1, 0.6), (1, 2, 0.5)])
    torch.save(whole.state_dict(), tmp_path / "state")
    resumed = CaseErrors(6)
    resumed.load_state_dict(torch.load(tmp_path / "state", weights_only=True))
    for errors in (whole, resumed):
        record(errors, [(2, 2, 0.1), (3, 5, 0.2)])
        errors.finish_epoch()
    assert np.array_equal(resumed.in_effect, whole.in_effect)


def test_hard_case_is_drawn_more_often_after_the_epoch():
    errors = CaseErrors(6)
    sampler = TrainingSampler(range(6), 100, seed=0, weights=weights(errors))
    before = np.bincount(sampler.order(0), minlength=6)
    record(errors, [(case, case, 0.9 if case == 3 else 0.1) for case in range(6)])
    errors.finish_epoch()
    sampler.reweigh(weights(errors))
    after_it = sum(np.bincount(sampler.order(epoch), minlength=6) for epoch in range(1, 101))
    assert after_it[3] > 3 * before[3] * 100 / 2
    assert after_it / after_it.sum() == pytest.approx(weights(errors), abs=0.02)


PROCESS = """
import sys, torch
from datamodules.hard_cases import CaseErrors
rank, store = int(sys.argv[1]), sys.argv[2]
torch.distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
errors = CaseErrors(6)
def draw(number, case, error):
    if number % 2 == rank:
        errors.record(torch.tensor([case]), torch.tensor([number]), torch.tensor([error]))
draw(0, 4, 0.1); draw(1, 2, 0.2); draw(2, 2, 0.3)
state = errors.state_dict()
errors = CaseErrors(6)
errors.load_state_dict(state)
draw(3, 4, 0.4); draw(4, 1, 0.5)
print(len(errors.state_dict()["seen"]["draw"]))
errors.finish_epoch()
print(errors.in_effect.tolist())
"""


def test_two_processes_agree_also_after_a_resume_within_the_epoch(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(rank), str(tmp_path / "store")],
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        for rank in (0, 1)
    ]
    first, second = (process.communicate(timeout=60)[0] for process in processes)
    alone = after([(2, 2, 0.3), (3, 4, 0.4), (4, 1, 0.5)])
    assert first == second == f"5\n{alone.in_effect.tolist()}\n"
