"""Plans against those that nnU-Net has published; its axes are z, y, x, and ours x, y, z."""

from math import prod

import pytest
import torch
from torch import nn

from datamodules.errors import ConfigError
from lightning_modules.configs.segmentation_networks import UNetConfig
from lightning_modules.networks.unet import UNet
from lightning_modules.networks.unet_planning import (
    Grid,
    PatchPlan,
    map_values,
    needs_low_resolution,
    plan_patch,
)
from lightning_modules.networks.unet_topology import unet_topology

PLAIN, RESIDUAL = UNetConfig(), UNetConfig(encoder="residual")
HIPPOCAMPUS = Grid((35, 50, 36), (1, 1, 1), 35 * 50 * 36 * 260, outputs=3)
COLORECTAL = Grid((497.09, 497.09, 138.83), (0.80669916, 0.80669916, 1.545), 1e9, outputs=2)
"""github.com/MIC-DKFZ/nnUNet/issues/1768"""


def planned(grid: Grid, config: UNetConfig = PLAIN, memory_gb: float = 8) -> PatchPlan:
    return plan_patch(config, grid, memory_gb)


def test_hippocampus_in_3d_is_planned_as_published():
    plan = planned(HIPPOCAMPUS)  # github.com/MIC-DKFZ/nnUNet/issues/148
    assert (plan.patch, plan.batch_size) == ((40, 56, 40), 9)
    assert plan.topology.strides == ((1, 1, 1), *[(2, 2, 2)] * 3)
    assert not needs_low_resolution(PLAIN, HIPPOCAMPUS, 8)


def test_hippocampus_in_2d_is_planned_as_published():
    plan = planned(Grid((35, 50), (1, 1), HIPPOCAMPUS.voxels, outputs=3))
    assert (plan.patch, plan.batch_size) == ((40, 56), 366)


@pytest.mark.parametrize(
    ("shape", "spacing", "patch"),
    [
        (COLORECTAL.shape, COLORECTAL.spacing, (192, 224, 56)),
        # issues/2094
        ((497.09, 497.09, 244.66), (0.80871094, 0.80871094, 1.28232938), (160, 192, 80)),
        # issues/2227
        ((217, 217, 177), (1.84106680, 1.84106680, 2.35656551), (128, 128, 128)),
        # issues/2251, a photograph
        ((2848, 4288), (1, 1), (1024, 1536)),
        # Decathlon, supplement of Isensee et al., Nature Methods 2021
        ((320, 320, 20), (0.62, 0.62, 3.6), (256, 320, 20)),
        ((169, 138, 138), (1, 1, 1), (128, 128, 128)),
        ((232, 320, 115), (1.25, 1.25, 1.37), (160, 192, 80)),
        ((512, 512, 96), (0.8, 0.8, 2.5), (224, 224, 40)),
    ],
)
def test_large_cases_are_reduced_to_the_published_patches(shape, spacing, patch):
    plan = planned(Grid(shape, spacing, 30 * prod(shape), outputs=2))
    assert (plan.patch, plan.batch_size) == (patch, 2)


def test_a_patch_far_smaller_than_the_cases_asks_for_a_low_resolution_network():
    assert needs_low_resolution(PLAIN, COLORECTAL, 8)
    assert not needs_low_resolution(PLAIN, COLORECTAL, 80)


@pytest.mark.parametrize("encoder", ["plain", "residual"])
@pytest.mark.parametrize(("patch", "spacing"), [((32, 64), (1, 1)), ((16, 48, 48), (3, 1, 1))])
def test_map_values_are_what_the_convolutions_put_out(encoder, patch, spacing):
    config = UNetConfig(encoder=encoder, base_features=4, deep_supervision=False)
    topology = unet_topology(config, patch, spacing)
    sizes: list[int] = []
    with torch.device("meta"):
        network = UNet(config, topology, channels=1, outputs=3)
        for module in network.modules():
            if isinstance(module, nn.modules.conv._ConvNd):
                module.register_forward_hook(lambda *call: sizes.append(call[-1].numel()))
        network(torch.empty(1, 1, *patch))
    assert map_values(config, topology, patch, outputs=3) == sum(sizes)


def test_a_way_round_that_only_pools_counts_as_well():
    config = UNetConfig(encoder="residual", base_features=4, max_features=4, blocks=(1, 1))
    topology = unet_topology(config.replace(stages=2), (8, 8), (1, 1))
    full, half = 4 * 64, 4 * 16
    stem, first, second, up, head = full, 2 * full, (2 + 1) * half, (1 + 1) * full, 3 * 64
    assert map_values(config, topology, (8, 8), 3) == stem + first + second + up + head


def test_more_memory_never_gives_a_smaller_patch():
    sizes = [prod(planned(COLORECTAL, memory_gb=memory).patch) for memory in (2, 4, 8, 16, 32)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


def test_memory_that_is_left_goes_into_the_batch_until_it_shows_five_percent():
    plan = planned(HIPPOCAMPUS)
    assert plan.memory_batch > plan.dataset_batch == plan.batch_size
    assert planned(HIPPOCAMPUS, memory_gb=0.5).batch_size == round(plan.memory_batch / 16)


def test_residual_presets_have_no_limit_by_the_dataset():
    assert planned(HIPPOCAMPUS, RESIDUAL).batch_size == planned(HIPPOCAMPUS, RESIDUAL).memory_batch


def test_a_batch_has_two_patches_however_small_the_dataset():
    assert planned(Grid((35, 50, 36), (1, 1, 1), 35 * 50 * 36, outputs=3)).batch_size == 2


def test_a_smaller_network_may_have_a_larger_patch():
    small = planned(COLORECTAL, UNetConfig(base_features=8))
    assert prod(small.patch) > prod(planned(COLORECTAL).patch)


@pytest.mark.parametrize("grid", [HIPPOCAMPUS, COLORECTAL, Grid((512, 512), (1, 1), 1e6, 2)])
def test_memory_that_holds_no_patch_is_refused(grid):
    with pytest.raises(ConfigError, match=r"--memory-gb 0\.0001 is too little"):
        planned(grid, memory_gb=1e-4)


def test_cases_that_cannot_be_halved_are_refused():
    with pytest.raises(ConfigError, match="too small to be halved"):
        planned(Grid((6, 6, 6), (1, 1, 1), 1e4, outputs=2))
