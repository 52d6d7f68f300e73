import pytest
import torch
from torch.nn import functional as F

from lightning_modules.losses.case_errors import case_errors

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, -2.0]])
NAN = float("nan")


def test_error_of_one_label_is_the_distance_of_the_probability_to_the_truth():
    logits, targets = torch.tensor([[1.5], [1.5], [-80.0]]), torch.tensor([[1.0], [0.0], [1.0]])
    expected = (logits.sigmoid() - targets).abs()[:, 0]
    assert torch.allclose(case_errors(logits, targets, exclusive=False), expected)


def test_error_of_a_class_is_the_probability_of_the_others():
    targets = F.one_hot(torch.tensor([0, 2]), 3).float()
    expected = 1 - LOGITS.softmax(1)[[0, 1], [0, 2]]
    assert torch.allclose(case_errors(LOGITS, targets, exclusive=True), expected)


def test_error_of_many_labels_follows_the_mean_loss_of_those_that_are_known():
    targets = torch.tensor([[1.0, NAN, 0.0], [NAN, NAN, NAN]])
    known = F.binary_cross_entropy_with_logits(LOGITS[0, [0, 2]], torch.tensor([1.0, 0.0]))
    expected = torch.tensor([1 - float(torch.exp(-known)), 0.0])
    assert torch.allclose(case_errors(LOGITS, targets, exclusive=False), expected)


@pytest.mark.parametrize("exclusive", [True, False])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_errors_stay_in_range_in_half_precision(exclusive, dtype):
    logits = torch.tensor([[6e4, -6e4, 0.0], [-6e4, 6e4, 0.0]]).to(dtype)
    targets = torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    errors = case_errors(logits, targets, exclusive=exclusive)
    assert errors.dtype == torch.float32
    assert 0 <= errors[0] < errors[1] <= 1
