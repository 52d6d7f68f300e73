import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from callbacks.step_seed import StepSeed


def drawn(seed=0, epoch=3, batch=5, rank=0):
    place = SimpleNamespace(current_epoch=epoch, global_rank=rank)
    StepSeed(seed).on_train_batch_start(place, None, None, batch)
    return float(torch.rand(1)), float(np.random.rand()), random.random()


def test_a_step_draws_the_same_numbers_whatever_was_drawn_before():
    first = drawn()
    torch.rand(7), np.random.rand(7), random.random()
    assert drawn() == first


@pytest.mark.parametrize("changed", [{"seed": 1}, {"epoch": 4}, {"batch": 6}, {"rank": 1}])
def test_another_seed_step_or_process_draws_others(changed):
    assert not set(drawn(**changed)) & set(drawn())


def test_torch_is_seeded_as_by_its_own_function():
    drawn()
    state = torch.initial_seed()
    ours = torch.rand(3)
    torch.manual_seed(state)
    torch.rand(1)
    assert torch.equal(torch.rand(3), ours)
