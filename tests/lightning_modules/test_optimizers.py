import math

import pytest
import torch
from torch import nn

from lightning_modules.configs.optimizers import AdamWConfig, ScheduleConfig, SGDConfig
from lightning_modules.optimizers import build_optimizer, learning_rate_factor, parameter_groups


@pytest.fixture
def network():
    return nn.ModuleDict(
        {"encoder": nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)), "head": nn.Linear(4, 2)}
    )


def test_encoder_has_its_own_rate_and_biases_do_not_decay(network):
    config = AdamWConfig(lr=1e-3, encoder_lr=1e-4, weight_decay=0.1)
    groups = parameter_groups(config, network, network["encoder"])
    shapes = {(g["lr"], g["weight_decay"]): [p.ndim for p in g["params"]] for g in groups}
    assert shapes == {(1e-4, 0.1): [4], (1e-4, 0.0): [1, 1, 1], (1e-3, 0.1): [2], (1e-3, 0.0): [1]}


def test_frozen_parameters_are_not_optimised(network):
    network["encoder"].requires_grad_(False)
    groups = parameter_groups(AdamWConfig(), network, network["encoder"])
    assert sum(len(g["params"]) for g in groups) == 2


def test_cosine_warms_up_then_falls_to_zero():
    factor = learning_rate_factor(ScheduleConfig(kind="cosine", warmup_steps=10), 110)
    assert factor(0) == pytest.approx(1 / 11)
    assert factor(10) == 1.0
    assert factor(60) == pytest.approx(0.5 * (1 + math.cos(math.pi / 2)))
    assert factor(110) == pytest.approx(0.0)


def test_polynomial_is_that_of_nnunet():
    factor = learning_rate_factor(ScheduleConfig(kind="polynomial", warmup_steps=0), 1000)
    assert factor(250) == pytest.approx(0.75**0.9)


def test_warm_up_takes_at_most_a_tenth_of_the_run():
    factor = learning_rate_factor(ScheduleConfig(kind="constant", warmup_steps=50), 100)
    assert factor(9) < 1.0
    assert factor(10) == 1.0


def test_sgd_takes_the_step_that_torch_takes(network):
    optimizer, _ = build_optimizer(
        SGDConfig(lr=0.1, momentum=0.0, weight_decay=0), network, None, 10
    )
    before = network["head"].weight.detach().clone()
    network["head"](torch.ones(1, 4)).sum().backward()
    rate = optimizer.param_groups[0]["lr"]
    optimizer.step()
    assert torch.allclose(network["head"].weight, before - rate)
