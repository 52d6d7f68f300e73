import pytest
import torch
from torch.optim.swa_utils import AveragedModel

from callbacks.weight_averaging import average


def after(steps, decay):
    model = torch.nn.Linear(1, 1, bias=False)
    averaged = AveragedModel(model, multi_avg_fn=average(decay), use_buffers=True)
    for step in range(steps):
        torch.nn.init.constant_(model.weight, float(step))
        averaged.update_parameters(model)
    return averaged.module.weight.item()


def test_average_is_the_recursion_with_a_growing_decay():
    expected = 0.0
    for n in range(1, 5):
        share = min(0.9, (1 + n) / (10 + n))
        expected = share * expected + (1 - share) * n
    assert after(5, decay=0.9) == pytest.approx(expected)


def test_decay_never_exceeds_its_limit():
    fixed = 0.0
    for n in range(1, 200):
        share = min(0.5, (1 + n) / (10 + n))
        fixed = share * fixed + (1 - share) * n
    assert after(200, decay=0.5) == pytest.approx(fixed)
    assert after(200, decay=0.5) > after(200, decay=0.9)


def test_counters_are_copied():
    averaged = [torch.tensor(3)]
    average(0.9)(averaged, [torch.tensor(8)], 4)
    assert averaged[0].item() == 8
