import pytest
import torch
from monai.losses.giou_loss import BoxGIoULoss
from torchvision.ops import sigmoid_focal_loss

from lightning_modules.losses.box_losses import (
    giou_loss,
    l1_loss,
    mse_loss,
    quality_focal_loss,
    smooth_l1_loss,
)

BOXES = torch.tensor([[0.0, 0, 0, 4, 4, 4], [1, 2, 3, 5, 5, 5]])
TRUTH = torch.tensor([[1.0, 1, 1, 5, 5, 5], [1, 2, 3, 5, 5, 5]])


@pytest.mark.parametrize("axes", [2, 3])
def test_giou_loss_is_monais(axes):
    chosen = [*range(axes), *range(3, 3 + axes)]
    boxes, truth = BOXES[:, chosen], TRUTH[:, chosen]
    expected = BoxGIoULoss(reduction="none")(boxes, truth)
    torch.testing.assert_close(giou_loss(boxes, truth), expected)


def test_giou_loss_of_boxes_apart_still_pulls():
    boxes = torch.tensor([[0.0, 0, 1, 1]], requires_grad=True)
    giou_loss(boxes, torch.tensor([[8.0, 8, 9, 9]])).sum().backward()
    assert (boxes.grad[0, 2:] < 0).all()


def test_differences_are_means_over_the_numbers_of_a_box():
    assert l1_loss(BOXES, TRUTH).tolist() == [1, 0]
    assert mse_loss(BOXES, TRUTH + 1).tolist() == [4, 1]


def test_small_differences_count_by_their_squares():
    boxes, truth = torch.zeros(1, 4), torch.tensor([[1.0, 0, 0.1, 0]])
    expected = (1 - 1 / 18 + 0.1**2 * 9 / 2) / 4
    assert smooth_l1_loss(boxes, truth).item() == pytest.approx(expected)


def test_quality_of_nothing_or_all_is_the_focal_loss():
    logits = torch.linspace(-4, 4, 9)
    truth = (torch.arange(9) % 2).float()
    expected = sigmoid_focal_loss(logits, truth, alpha=-1)
    torch.testing.assert_close(quality_focal_loss(logits, truth), expected)


def test_quality_that_is_met_costs_nothing():
    qualities = torch.tensor([0.2, 0.7])
    assert quality_focal_loss(qualities.logit(), qualities).tolist() == pytest.approx([0, 0])
