import math
import multiprocessing

import numpy as np
import pytest
import torch
from monai.losses import DiceCELoss, DiceLoss, FocalLoss, TverskyLoss
from pydantic import TypeAdapter, ValidationError
from torch.nn import functional as F

from datamodules.batches import UNKNOWN
from datamodules.data_info import LabelSet
from datamodules.errors import ConfigError
from lightning_modules.configs.segmentation_losses import (
    DiceConfig,
    DiceCrossEntropyConfig,
    FocalDiceConfig,
    SegmentationLoss,
    SensitivitySpecificityConfig,
    TverskyConfig,
)
from lightning_modules.losses.segmentation import build_segmentation_loss

ORGANS = LabelSet(("liver", "spleen"), exclusive=True)
REGIONS = LabelSet(("whole", "core", "enhancing"), exclusive=False)
CONFIGS = [
    DiceConfig(),
    DiceConfig(batch_dice=True, include_background=True),
    DiceCrossEntropyConfig(),
    DiceCrossEntropyConfig(batch_dice=True, ce_weight=0.5),
    FocalDiceConfig(),
    FocalDiceConfig(gamma=0.5, dice_weight=0.7),
    TverskyConfig(),
    TverskyConfig(batch_dice=True, include_background=True),
    SensitivitySpecificityConfig(),
    SensitivitySpecificityConfig(batch_dice=True),
]
SHAPES = [(2, 3, 7, 6), (2, 3, 5, 6, 4)]


def draw(shape, labels, unknown=0.0):
    """Logits and a mask as in MaskBatch."""
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(shape, generator=generator)
    size = (shape[0], 1 if labels.exclusive else shape[1], *shape[2:])
    mask = torch.randint(0, 3 if labels.exclusive else 2, size, generator=generator)
    hidden = torch.rand(size, generator=generator) < unknown
    return logits, mask.masked_fill(hidden, UNKNOWN).to(torch.uint8)


def value_and_gradient(loss, logits, mask):
    logits = logits.clone().requires_grad_()
    value = loss(logits, mask)
    value.backward()
    return value.detach(), logits.grad


def assert_same(ours, other, logits, mask, target=None):
    """Both give the same value and the same gradient."""
    found = value_and_gradient(ours, logits, mask)
    expected = value_and_gradient(other, logits, mask if target is None else target)
    torch.testing.assert_close(found[0], expected[0], rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(found[1], expected[1], rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("background", [False, True])
def test_dice_of_exclusive_structures_is_that_of_monai(shape, batch, background):
    logits, mask = draw(shape, ORGANS)
    ours = build_segmentation_loss(
        DiceConfig(batch_dice=batch, include_background=background), ORGANS
    )
    monai = DiceLoss(background, to_onehot_y=True, softmax=True, batch=batch)
    assert_same(ours, monai, logits, mask, mask.long())


@pytest.mark.parametrize("batch", [False, True])
def test_dice_of_overlapping_structures_is_that_of_monai(batch):
    logits, mask = draw(SHAPES[1], REGIONS)
    ours = build_segmentation_loss(DiceConfig(batch_dice=batch), REGIONS)
    assert_same(ours, DiceLoss(sigmoid=True, batch=batch), logits, mask, mask.float())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("batch", [False, True])
def test_dice_and_cross_entropy_are_those_of_monai(shape, batch):
    logits, mask = draw(shape, ORGANS)
    ours = build_segmentation_loss(DiceCrossEntropyConfig(batch_dice=batch), ORGANS)
    monai = DiceCELoss(False, to_onehot_y=True, softmax=True, batch=batch)
    assert_same(ours, monai, logits, mask, mask.long())


def test_overlapping_structures_have_a_binary_cross_entropy():
    logits, mask = draw(SHAPES[0], REGIONS)
    ours = build_segmentation_loss(DiceCrossEntropyConfig(dice_weight=2, ce_weight=0.5), REGIONS)

    def other(logits, mask):
        entropy = F.binary_cross_entropy_with_logits(logits, mask)
        return 2 * DiceLoss(sigmoid=True)(logits, mask) + 0.5 * entropy

    assert_same(ours, other, logits, mask, mask.float())


@pytest.mark.parametrize("labels", [ORGANS, REGIONS])
def test_tversky_is_that_of_monai(labels):
    logits, mask = draw(SHAPES[1], labels)
    config = TverskyConfig(smoothing=2e-3, include_background=True)
    kinds = {"to_onehot_y": True, "softmax": True} if labels.exclusive else {"sigmoid": True}
    monai = TverskyLoss(alpha=0.3, beta=0.7, smooth_nr=1e-3, smooth_dr=1e-3, **kinds)
    target = mask.long() if labels.exclusive else mask.float()
    assert_same(build_segmentation_loss(config, labels), monai, logits, mask, target)


@pytest.mark.parametrize("gamma", [0.0, 2.0, 3.5])
def test_focal_loss_of_exclusive_structures_is_that_of_monai(gamma):
    logits, mask = draw(SHAPES[1], ORGANS)
    monai = FocalLoss(to_onehot_y=True, gamma=gamma, use_softmax=True)
    ours = build_segmentation_loss(FocalDiceConfig(gamma=gamma), ORGANS)
    # MONAI takes the mean over channels as well.
    assert_same(ours, lambda *pair: 3 * monai(*pair), logits, mask, mask.long())


@pytest.mark.parametrize("alpha", [None, 0.8])
def test_focal_loss_of_overlapping_structures_is_that_of_monai(alpha):
    logits, mask = draw(SHAPES[1], REGIONS)
    ours = build_segmentation_loss(FocalDiceConfig(alpha=alpha), REGIONS)
    assert_same(ours, FocalLoss(alpha=alpha), logits, mask, mask.float())


def test_dice_is_added_to_the_focal_loss_by_its_weight():
    logits, mask = draw(SHAPES[0], ORGANS)
    focal, dice, both = (
        build_segmentation_loss(config, ORGANS)(logits, mask)
        for config in (FocalDiceConfig(), DiceConfig(), FocalDiceConfig(dice_weight=0.7))
    )
    torch.testing.assert_close(both, focal + 0.7 * dice)


def test_sensitivity_and_specificity_errors_by_hand():
    logits = torch.tensor([0.5, 0.8, 0.9, 0.3]).logit().reshape(1, 1, 2, 2)
    mask = torch.tensor([[[[1, 1], [0, 0]]]], dtype=torch.uint8)
    loss = build_segmentation_loss(
        SensitivitySpecificityConfig(sensitivity_weight=0.05), LabelSet(("lesion",), False)
    )
    inside, outside = (0.5**2 + 0.2**2) / 2, (0.9**2 + 0.3**2) / 2
    assert loss(logits, mask).item() == pytest.approx(0.05 * inside + 0.95 * outside)


def test_sensitivity_and_specificity_of_a_softmax_are_those_of_its_structures():
    logits, mask = draw((2, 2, 5, 4), LabelSet(("lesion",), True))
    mask = mask.clamp(max=1)
    config = SensitivitySpecificityConfig(batch_dice=True)
    soft = build_segmentation_loss(config, LabelSet(("lesion",), True))
    single = build_segmentation_loss(config, LabelSet(("lesion",), False))
    torch.testing.assert_close(soft(logits, mask), single(logits[:, 1:] - logits[:, :1], mask))


@pytest.mark.parametrize("labels", [ORGANS, REGIONS])
@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_unknown_voxels_count_nowhere(config, labels):
    """Two patches of which parts are unknown are as the parts alone."""
    logits, mask = draw((2, 3, 6, 5), labels)
    hidden, wild = mask.clone(), logits.clone()
    hidden[:, :, 4:] = UNKNOWN
    wild[:, :, 4:] = 30 * torch.randn(2, 3, 2, 5, generator=torch.Generator().manual_seed(2))
    loss = build_segmentation_loss(config, labels)
    value, gradient = value_and_gradient(loss, wild, hidden)
    expected = value_and_gradient(loss, logits[:, :, :4], mask[:, :, :4])
    torch.testing.assert_close(value, expected[0])
    torch.testing.assert_close(gradient[:, :, :4], expected[1])
    assert not gradient[:, :, 4:].any()


@pytest.mark.parametrize("labels", [ORGANS, REGIONS])
@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_a_batch_of_which_nothing_is_known_changes_nothing(config, labels):
    logits, mask = draw(SHAPES[0], labels)
    value, gradient = value_and_gradient(
        build_segmentation_loss(config, labels), logits, torch.full_like(mask, UNKNOWN)
    )
    assert value.item() == pytest.approx(0, abs=1e-6)
    assert not gradient.any()


@pytest.mark.parametrize("labels", [ORGANS, REGIONS])
@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_gradients_are_those_of_finite_differences(config, labels):
    logits, mask = draw((2, 3, 3, 2), labels, unknown=0.2)
    loss = build_segmentation_loss(config, labels)
    _, gradient = value_and_gradient(loss, logits, mask)
    step = 1e-2
    for at in range(0, logits.numel(), 5):
        moved = [logits.clone() for _ in range(2)]
        moved[0].view(-1)[at] += step
        moved[1].view(-1)[at] -= step
        slope = (loss(moved[0], mask) - loss(moved[1], mask)) / (2 * step)
        assert gradient.view(-1)[at].item() == pytest.approx(slope.item(), abs=2e-4)


@pytest.mark.parametrize("labels", [ORGANS, REGIONS])
@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_certain_and_wrong_logits_have_finite_gradients(config, labels):
    logits, mask = draw(SHAPES[0], labels)
    value, gradient = value_and_gradient(
        build_segmentation_loss(config, labels), 200 * logits, mask
    )
    assert math.isfinite(value)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_losses_are_float32_within_autocast(config):
    logits, mask = draw(SHAPES[1], ORGANS)
    logits = logits.bfloat16()
    loss = build_segmentation_loss(config, ORGANS)
    with torch.autocast("cpu", torch.bfloat16):
        found = loss(logits, mask)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, loss(logits.float(), mask))


def _on_one_process(rank, address, logits, mask, answers):
    """The gradient that ddp leaves one of two processes with: the mean over both."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", f"file://{address}", rank=rank, world_size=2)
    own = slice(2 * rank, 2 * rank + 2)
    loss = build_segmentation_loss(DiceConfig(batch_dice=True), ORGANS)
    value, gradient = value_and_gradient(loss, logits[own], mask[own])
    answers.put((rank, value.item(), gradient.numpy()))
    torch.distributed.destroy_process_group()


def test_batch_dice_of_two_processes_is_that_of_the_whole_batch(tmp_path):
    logits, mask = draw((4, 3, 6, 5), ORGANS)
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    arguments = (str(tmp_path / "meeting"), logits, mask, answers)
    processes = [context.Process(target=_on_one_process, args=(i, *arguments)) for i in range(2)]
    for process in processes:
        process.start()
    found = sorted((answers.get(timeout=60) for _ in processes), key=lambda answer: answer[0])
    for process in processes:
        process.join()
    loss = build_segmentation_loss(DiceConfig(batch_dice=True), ORGANS)
    value, gradient = value_and_gradient(loss, logits, mask)
    assert [each[1] for each in found] == pytest.approx([value.item()] * 2)
    parts = torch.from_numpy(np.concatenate([each[2] for each in found]))
    torch.testing.assert_close(parts / 2, gradient)


def test_structure_that_is_neither_there_nor_predicted_costs_nothing():
    mask = torch.zeros(1, 1, 4, 4, dtype=torch.uint8)
    logits = torch.zeros(1, 3, 4, 4)
    logits[:, 0] = 50
    assert build_segmentation_loss(DiceConfig(), ORGANS)(logits, mask).item() < 1e-6


def test_alpha_is_refused_for_several_exclusive_structures():
    with pytest.raises(ConfigError, match="tversky"):
        build_segmentation_loss(FocalDiceConfig(alpha=0.8), ORGANS)


def test_alpha_weighs_the_single_exclusive_structure():
    logits, mask = draw((2, 2, 5, 4), LabelSet(("lesion",), True))
    mask = mask.clamp(max=1)
    config = FocalDiceConfig(alpha=0.8)
    soft = build_segmentation_loss(config, LabelSet(("lesion",), True))
    single = build_segmentation_loss(config, LabelSet(("lesion",), False))
    torch.testing.assert_close(soft(logits, mask), single(logits[:, 1:] - logits[:, :1], mask))


def test_losses_are_chosen_by_kind_and_bounded():
    losses = TypeAdapter(SegmentationLoss)
    assert losses.validate_python({"kind": "tversky"}) == TverskyConfig()
    with pytest.raises(ValidationError, match="less than 1"):
        losses.validate_python({"kind": "sensitivity-specificity", "sensitivity_weight": 1.0})
