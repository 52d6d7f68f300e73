import pytest
import torch
from torch import nn

from datamodules.batches import UNKNOWN
from datamodules.data_info import LabelSet
from lightning_modules.configs.segmentation_losses import DiceCrossEntropyConfig
from lightning_modules.losses.deep_supervision import (
    DeepSupervision,
    resolution_weights,
    shrink_mask,
)
from lightning_modules.losses.segmentation import build_segmentation_loss

LOSS = build_segmentation_loss(DiceCrossEntropyConfig(), LabelSet(("liver", "spleen"), True))


def outputs(count):
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(2, 3, 16 >> level, 8 >> level, generator=generator) for level in range(count)
    ]


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, [1.0]), (2, [1.0, 0.0]), (4, [4 / 7, 2 / 7, 1 / 7, 0.0])],
)
def test_weights_halve_and_the_lowest_is_zero(count, expected):
    assert resolution_weights(count) == pytest.approx(expected)


def test_loss_is_the_weighted_mean_over_resolutions():
    logits = outputs(3)
    mask = torch.randint(0, 3, (2, 1, 16, 8), dtype=torch.uint8)
    half = mask[:, :, 1::2, 1::2]
    expected = 2 / 3 * LOSS(logits[0], mask) + 1 / 3 * LOSS(logits[1], half)
    torch.testing.assert_close(DeepSupervision(LOSS)(logits, mask), expected)


def test_one_output_is_a_plain_loss():
    (logits,) = outputs(1)
    mask = torch.randint(0, 3, (2, 1, 16, 8), dtype=torch.uint8)
    supervised = DeepSupervision(LOSS)
    assert supervised(logits, mask) == supervised([logits], mask) == LOSS(logits, mask)


def test_every_output_has_a_gradient_and_that_of_the_lowest_is_zero():
    logits = [each.requires_grad_() for each in outputs(3)]
    DeepSupervision(LOSS)(logits, torch.zeros(2, 1, 16, 8, dtype=torch.uint8)).backward()
    assert all(each.grad is not None for each in logits)
    assert [bool(each.grad.any()) for each in logits] == [True, True, False]


@pytest.mark.parametrize("spatial", [(4, 3), (2, 3, 5)])
def test_masks_are_reduced_to_values_that_they_have(spatial):
    mask = torch.full((1, 1, *(2 * size for size in spatial)), UNKNOWN, dtype=torch.uint8)
    mask[..., : spatial[-1]] = 7
    found = shrink_mask(mask, spatial)
    assert found.dtype == torch.uint8
    assert found.shape == (1, 1, *spatial)
    assert set(found.unique().tolist()) == {7, UNKNOWN}


def test_masks_are_reduced_along_anisotropic_axes():
    mask = torch.arange(24, dtype=torch.uint8).reshape(1, 1, 4, 6)
    torch.testing.assert_close(shrink_mask(mask, (4, 3)), mask[..., 1::2])


def test_settings_of_the_inner_loss_are_found_as_modules():
    assert isinstance(next(iter(DeepSupervision(LOSS).children())), nn.Module)
