import numpy as np
import pytest
import torch
from monai.losses import FocalLoss
from sklearn.metrics import log_loss
from torch.nn import functional as F
from torchvision.ops import sigmoid_focal_loss

from datamodules.data_info import DataInfo, LabelSet
from datamodules.errors import ConfigError
from lightning_modules.configs.losses import (
    ClassBalancedConfig,
    CrossEntropyConfig,
    FocalConfig,
    OrdinalConfig,
)
from lightning_modules.losses.classification import (
    build_loss,
    effective_number_weights,
    inverse_frequency_weights,
)
from lightning_modules.losses.ordinal import OrdinalLoss

NAN = float("nan")
CONFIGS = [
    CrossEntropyConfig(),
    CrossEntropyConfig(weighting="inverse-frequency", label_smoothing=0.1),
    FocalConfig(),
    FocalConfig(gamma=0.5),
    ClassBalancedConfig(),
]


def data(positives, negatives, exclusive=False):
    labels = LabelSet(tuple(f"label {i}" for i in range(len(positives))), exclusive)
    return DataInfo(labels, positives, negatives, channels=1, size=(8, 8))


MULTI_LABEL = data((10, 40, 90), (90, 60, 10))
MULTI_CLASS = data((10, 30, 60), (90, 70, 40), exclusive=True)


@pytest.fixture
def logits():
    return torch.randn(16, 3, generator=torch.Generator().manual_seed(0)) * 3


@pytest.fixture
def findings():
    return (torch.rand(16, 3, generator=torch.Generator().manual_seed(1)) < 0.4).float()


@pytest.fixture
def classes():
    return torch.randint(0, 3, (16,), generator=torch.Generator().manual_seed(2))


def one_hot(classes):
    return F.one_hot(classes, 3).float()


def test_cross_entropy_of_labels_is_that_of_scikit_learn(logits, findings):
    loss = build_loss(CrossEntropyConfig(), MULTI_LABEL)(logits, findings)
    expected = [log_loss(findings[:, i], logits[:, i].double().sigmoid()) for i in range(3)]
    assert loss.item() == pytest.approx(np.mean(expected), rel=1e-6)


def test_cross_entropy_of_classes_is_that_of_scikit_learn(logits, classes):
    loss = build_loss(CrossEntropyConfig(), MULTI_CLASS)(logits, one_hot(classes))
    expected = log_loss(classes, logits.double().softmax(dim=1))
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_labels_are_weighted_as_by_torch(logits, findings):
    loss = build_loss(CrossEntropyConfig(weighting="inverse-frequency"), MULTI_LABEL)
    weight = torch.tensor([9.0, 1.5, 1 / 9])
    expected = F.binary_cross_entropy_with_logits(logits, findings, pos_weight=weight)
    torch.testing.assert_close(loss(logits, findings), expected)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_classes_are_weighted_and_smoothed_as_by_torch(logits, classes, smoothing):
    config = CrossEntropyConfig(weighting="inverse-frequency", label_smoothing=smoothing)
    weight = torch.tensor([100 / 30, 100 / 90, 100 / 180])
    total = F.cross_entropy(logits, classes, weight, label_smoothing=smoothing, reduction="sum")
    torch.testing.assert_close(
        build_loss(config, MULTI_CLASS)(logits, one_hot(classes)), total / 16
    )


def test_labels_are_smoothed_half_to_each_side(logits, findings):
    loss = build_loss(CrossEntropyConfig(label_smoothing=0.2), MULTI_LABEL)(logits, findings)
    expected = F.binary_cross_entropy_with_logits(logits, findings * 0.8 + 0.1)
    torch.testing.assert_close(loss, expected)


def test_rare_label_is_weighted_a_hundred_times_at_most():
    loss = build_loss(CrossEntropyConfig(weighting="inverse-frequency"), data((2, 0), (9998, 10)))
    torch.testing.assert_close(loss.positive_weights, torch.tensor([100.0, 10.0]))


def test_inverse_frequency_weights_have_mean_one_over_the_cases():
    weights = inverse_frequency_weights((10, 30, 60))
    assert (weights * torch.tensor([10, 30, 60])).sum().item() == pytest.approx(100)


@pytest.mark.parametrize("alpha", [None, 0.25])
@pytest.mark.parametrize("gamma", [0.0, 1.5, 2.0])
def test_focal_loss_of_labels_is_that_of_torchvision(logits, findings, gamma, alpha):
    loss = build_loss(FocalConfig(gamma=gamma, alpha=alpha), MULTI_LABEL)(logits, findings)
    alpha = -1 if alpha is None else alpha
    expected = sigmoid_focal_loss(logits, findings, alpha=alpha, gamma=gamma, reduction="mean")
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize("gamma", [0.0, 1.5, 2.0])
def test_focal_loss_of_classes_is_that_of_monai(logits, classes, gamma):
    loss = build_loss(FocalConfig(gamma=gamma), MULTI_CLASS)(logits, one_hot(classes))
    reference = FocalLoss(gamma=gamma, use_softmax=True, to_onehot_y=True, reduction="sum")
    expected = reference(logits[..., None], classes[:, None, None]) / 16
    torch.testing.assert_close(loss, expected)


def test_alpha_is_refused_for_classes():
    with pytest.raises(ConfigError, match=r"task\.loss\.alpha"):
        build_loss(FocalConfig(alpha=0.25), MULTI_CLASS)


def test_effective_numbers_worked_by_hand():
    # beta .5: E(1) = 1, E(2) = 1.5, weights 1 : 2/3, scaled to sum to 2.
    weights = effective_number_weights((1, 2), beta=0.5)
    torch.testing.assert_close(weights, torch.tensor([1.2, 0.8]))


def test_effective_numbers_lie_between_equality_and_inverse_frequency():
    assert effective_number_weights((10, 1000), beta=0.0).tolist() == [1.0, 1.0]
    rare, common = effective_number_weights((10, 1000), beta=1 - 1e-9).tolist()
    assert rare / common == pytest.approx(100, rel=1e-4)


def test_class_balanced_loss_of_classes_weighs_cross_entropy(logits, classes):
    loss = build_loss(ClassBalancedConfig(beta=0.9), MULTI_CLASS)(logits, one_hot(classes))
    weight = torch.tensor([0.1 / (1 - 0.9**n) for n in (10, 30, 60)])
    weight = weight * 3 / weight.sum()
    torch.testing.assert_close(loss, F.cross_entropy(logits, classes, weight, reduction="sum") / 16)


def test_class_balanced_loss_of_labels_weighs_presence_and_absence(logits, findings):
    loss = build_loss(ClassBalancedConfig(beta=0.9), data((10,) * 3, (90,) * 3))(logits, findings)
    present, absent = (0.1 / (1 - 0.9**n) for n in (10, 90))
    weight = torch.where(findings == 1, present, absent) * 2 / (present + absent)
    torch.testing.assert_close(loss, F.binary_cross_entropy_with_logits(logits, findings, weight))


@pytest.mark.parametrize("config", CONFIGS, ids=repr)
def test_unknown_labels_are_as_if_they_were_not_there(logits, findings, config):
    loss = build_loss(config, data((10,) * 3, (90,) * 3))
    findings[:5, 0] = NAN
    known = torch.cat([findings[5:, 0], findings[:, 1], findings[:, 2]])[:, None]
    of_known = torch.cat([logits[5:, 0], logits[:, 1], logits[:, 2]])[:, None]
    expected = build_loss(config, data((10,), (90,)))(of_known, known)
    torch.testing.assert_close(loss(logits, findings), expected)


@pytest.mark.parametrize("config", CONFIGS, ids=repr)
def test_cases_of_unknown_class_are_as_if_they_were_not_there(logits, classes, config):
    loss, targets = build_loss(config, MULTI_CLASS), one_hot(classes)
    targets[:5] = NAN
    torch.testing.assert_close(loss(logits, targets), loss(logits[5:], targets[5:]))


@pytest.mark.parametrize("config", CONFIGS, ids=repr)
@pytest.mark.parametrize("info", [MULTI_LABEL, MULTI_CLASS], ids=["labels", "classes"])
def test_nothing_known_is_zero_with_a_gradient_of_zero(logits, config, info):
    loss = build_loss(config, info)(logits.requires_grad_(), torch.full((16, 3), NAN))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(logits.grad, torch.zeros(16, 3))


@pytest.mark.parametrize("config", CONFIGS, ids=repr)
@pytest.mark.parametrize("info", [MULTI_LABEL, MULTI_CLASS], ids=["labels", "classes"])
@pytest.mark.parametrize("size", [40.0, 1e4])
def test_saturated_logits_and_unknown_targets_keep_gradients_finite(config, info, size):
    logits = (torch.tensor([[1.0, -1, -1], [-1, 1, -1], [0, 0, 0]]) * size).requires_grad_()
    targets = torch.tensor([[1.0, 0, 0], [1, 0, 0], [NAN, NAN, NAN]])
    loss = build_loss(config, info)(logits, targets)
    loss.backward()
    assert loss.isfinite()
    assert logits.grad.isfinite().all()
    assert not logits.grad[2].any()


@pytest.mark.parametrize("config", CONFIGS, ids=repr)
@pytest.mark.parametrize("info", [MULTI_LABEL, MULTI_CLASS], ids=["labels", "classes"])
def test_mixed_precision_is_computed_in_float32(logits, classes, config, info):
    loss, half = build_loss(config, info), logits.bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        mixed = loss(half, one_hot(classes))
    assert mixed.dtype == torch.float32
    torch.testing.assert_close(mixed, loss(half.float(), one_hot(classes)), rtol=0, atol=0)


def test_weights_follow_the_module_but_stay_out_of_checkpoints():
    loss = build_loss(ClassBalancedConfig(), MULTI_CLASS).to("meta")
    assert loss.class_weights.device.type == "meta"
    assert not loss.state_dict()


def test_ordinal_loss_is_cross_entropy_and_the_squared_distance_of_cumulative_probabilities():
    logits, truth = torch.randn(6, 4), torch.tensor([0, 3, 1, 2, 2, 0])
    targets = F.one_hot(truth, 4).float()
    probability = logits.softmax(1)
    distance = ((probability.cumsum(1) - targets.cumsum(1)) ** 2).sum(1).mean()
    expected = F.cross_entropy(logits, truth) + 0.5 * distance
    torch.testing.assert_close(OrdinalLoss(0.5)(logits, targets), expected)


def test_a_grade_that_is_farther_off_costs_more():
    targets = F.one_hot(torch.tensor([0]), 3).float()
    near, far = torch.tensor([[0.0, 4.0, 0.0]]), torch.tensor([[0.0, 0.0, 4.0]])
    assert OrdinalLoss()(near, targets) < OrdinalLoss()(far, targets)


def test_an_unknown_grade_costs_nothing():
    logits = torch.randn(2, 3, requires_grad=True)
    loss = OrdinalLoss()(logits, torch.full((2, 3), float("nan")))
    loss.backward()
    assert loss == 0
    assert logits.grad.abs().sum() == 0


def test_classes_that_are_no_grades_have_no_ordinal_loss():
    labels = LabelSet(("a", "b", "c"), exclusive=True)
    with pytest.raises(ConfigError, match=r"--data\.ordered True"):
        build_loss(OrdinalConfig(), DataInfo(labels, (1, 1, 1), (1, 1, 1), 1, (8, 8)))
