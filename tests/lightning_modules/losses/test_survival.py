import math

import pytest
import torch

from lightning_modules.losses.survival import survival_curve, survival_loss


def test_likelihoods_worked_out_by_hand():
    logits = torch.tensor([[0.0, 1.0, -2.0]]).expand(3, 3)
    hazards = [1 / (1 + math.exp(-each)) for each in (0.0, 1.0, -2.0)]
    losses = survival_loss(logits, torch.tensor([1, 1, 0]), torch.tensor([True, False, True]))
    assert losses.tolist() == pytest.approx(
        [
            -math.log((1 - hazards[0]) * hazards[1]),
            -math.log((1 - hazards[0]) * (1 - hazards[1])),
            -math.log(hazards[0]),
        ]
    )


def test_curve_is_the_product_of_what_is_survived():
    assert survival_curve(torch.zeros(1, 3))[0].tolist() == pytest.approx([0.5, 0.25, 0.125])


def test_hazards_after_the_end_of_follow_up_do_not_matter():
    logits = torch.randn(2, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    survival_loss(logits, torch.tensor([1, 0]), torch.tensor([False, True])).sum().backward()
    assert not logits.grad[0, 2:].any()
    assert not logits.grad[1, 1:].any()
    assert logits.grad[0, :2].all()
