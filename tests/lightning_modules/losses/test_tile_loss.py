import pytest
import torch
from torch.nn import functional as F

from lightning_modules.losses.tile_loss import entropy_lack, tile_loss

WEIGHTS = torch.tensor([0.1, 0.6, 0.3, 0.5, 0.5])
BAG_OF = torch.tensor([0, 0, 0, 1, 1])


def test_tiles_at_either_end_are_told_what_they_show():
    logits = torch.tensor([[-1.0], [2.0], [5.0], [0.5], [0.5]])
    targets = torch.tensor([[1.0], [0.0]])
    told = torch.tensor([2.0, -1.0, 0.5, 0.5])  # most and least of each bag; one tile each
    truth = torch.tensor([1.0, 0.0, 0.0, 0.0])
    expected = F.binary_cross_entropy_with_logits(told, truth)
    torch.testing.assert_close(tile_loss(logits, WEIGHTS, BAG_OF, targets, 8), expected)


def test_an_unknown_label_tells_tiles_nothing():
    targets = torch.full((2, 1), float("nan"))
    logits = torch.randn(5, 1, requires_grad=True)
    loss = tile_loss(logits, WEIGHTS, BAG_OF, targets, 8)
    loss.backward()
    assert loss == 0
    assert logits.grad.abs().sum() == 0


@pytest.mark.parametrize(
    ("weights", "lack"), [([0.25] * 4, 0.0), ([1.0, 0, 0, 0], 1.0), ([0.5, 0.5, 0, 0], 0.5)]
)
def test_attention_that_settles_on_few_tiles_lacks_entropy(weights, lack):
    found = entropy_lack(torch.tensor(weights), torch.zeros(4, dtype=int), 1)
    torch.testing.assert_close(found, torch.tensor(lack))


def test_a_bag_of_one_tile_has_a_finite_gradient():
    weights = torch.tensor([1.0], requires_grad=True)
    entropy_lack(weights, torch.zeros(1, dtype=int), 1).backward()
    assert weights.grad.isfinite().all()
