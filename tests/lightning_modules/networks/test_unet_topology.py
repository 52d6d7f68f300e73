import subprocess
import sys

import pytest

from datamodules.errors import ConfigError
from lightning_modules.configs.segmentation_networks import UNetConfig
from lightning_modules.networks.unet_topology import plan_stages, unet_topology

# What nnU-Net's own planner (network_topology.py) gives for patches and spacings of the Medical
# Segmentation Decathlon and ACDC: strides behind the first stage, thin kernels at the top.
PLANS = {
    "brain": ((128, 128, 128), (1, 1, 1), ["222"] * 5, 0),
    "heart": ((80, 192, 160), (1.37, 1.25, 1.25), ["222"] * 4 + ["122"], 0),
    "hippocampus": ((40, 56, 40), (1, 1, 1), ["222"] * 3, 0),
    "prostate": ((20, 320, 256), (3.6, 0.62, 0.62), ["122"] * 2 + ["222"] * 2 + ["122"] * 2, 2),
    "lung": ((80, 192, 160), (1.24, 0.79, 0.79), ["222"] * 4 + ["122"], 0),
    "pancreas": ((40, 224, 224), (2.5, 0.8, 0.8), ["122"] + ["222"] * 3 + ["122"], 1),
    "hepatic vessel": ((64, 192, 192), (1.5, 0.8, 0.8), ["222"] * 4 + ["122"], 0),
    "spleen": ((64, 192, 160), (1.6, 0.79, 0.79), ["122"] + ["222"] * 4, 1),
    "colon": ((56, 192, 160), (3, 0.78, 0.78), ["122"] + ["222"] * 3 + ["122"], 1),
    "acdc": ((20, 256, 224), (5, 1.56, 1.56), ["122"] + ["222"] * 2 + ["122"] * 2, 1),
    "hippocampus 2d": ((56, 40), (1, 1), ["22"] * 3, 0),
    "prostate 2d": ((320, 320), (0.62, 0.62), ["22"] * 6, 0),
}


@pytest.mark.parametrize("name", PLANS)
def test_stages_are_those_that_nnunet_plans(name):
    patch, spacing, reductions, thin = PLANS[name]
    kernels, strides = plan_stages(patch, spacing)
    assert ["".join(map(str, stride)) for stride in strides[1:]] == reductions
    assert kernels == ((1, 3, 3),) * thin + ((3,) * len(patch),) * (len(strides) - thin)


def test_features_double_up_to_the_most_of_2d_and_3d():
    flat = unet_topology(UNetConfig(), (512, 512), (1, 1))
    deep = unet_topology(UNetConfig(), (128, 128, 128), (1, 1, 1))
    assert flat.features == (32, 64, 128, 256, 512, 512, 512, 512)
    assert deep.features == (32, 64, 128, 256, 320, 320)
    assert flat.divisor == (128, 128)


def test_blocks_are_those_of_the_encoder():
    plain = unet_topology(UNetConfig(), (128,) * 3, (1, 1, 1))
    residual = unet_topology(UNetConfig(encoder="residual"), (128,) * 3, (1, 1, 1))
    assert (plain.blocks, plain.decoder_blocks) == ((2,) * 6, (2,) * 5)
    assert (residual.blocks, residual.decoder_blocks) == ((1, 3, 4, 6, 6, 6), (1,) * 5)


def test_axis_that_is_exhausted_does_not_stop_the_others():
    _, strides = plan_stages((4, 64, 64), (1, 1, 1))
    assert strides[1:] == ((1, 2, 2),) * 4


def test_fewer_stages_are_the_first_ones():
    topology = unet_topology(UNetConfig(stages=3), (64, 64), (1, 1))
    assert topology.strides == ((1, 1), (2, 2), (2, 2))


def test_strides_by_hand_replace_the_plan():
    config = UNetConfig(strides=((1, 1, 1), (1, 2, 2)), kernels=((1, 3, 3), (3, 3, 3)))
    topology = unet_topology(config, (8, 32, 32), (1, 1, 1))
    assert topology.divisor == (1, 2, 2)
    assert topology.kernels == ((1, 3, 3), (3, 3, 3))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"blocks": (2, 2)}, r"task\.network\.blocks is for 2 stages, but there are 5"),
        ({"strides": ((1, 1, 1), (2, 2, 2))}, r"strides has 3 numbers a stage.*2 axes"),
        ({"strides": ((2, 2), (2, 2))}, "first stage"),
        ({"kernels": ((3, 3),) * 4 + ((2, 2),)}, "even kernel"),
        ({"strides": ((1, 1),)}, "too small"),
    ],
)
def test_settings_that_do_not_fit_are_named(settings, message):
    with pytest.raises(ConfigError, match=message):
        unet_topology(UNetConfig(**settings), (64, 64), (1, 1))


def test_patch_that_cannot_be_halved_is_refused():
    with pytest.raises(ConfigError, match="7 x 7 is too small"):
        unet_topology(UNetConfig(), (7, 7), (1, 1))


def test_planning_needs_no_torch():
    module = "lightning_modules.networks.unet_topology"
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
