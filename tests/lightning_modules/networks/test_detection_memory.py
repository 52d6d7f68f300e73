"""Memory of a training step of a detector, against a step that is made at the size asked for."""

import pytest
import torch

from datamodules.data_info import DetectionInfo
from lightning_modules.configs.detection_networks import (
    FasterRCNNConfig,
    GridConfig,
    RetinaNetConfig,
)
from lightning_modules.networks.detection_memory import _peak, detection_memory
from lightning_modules.networks.detection_networks import build_detection_network
from lightning_modules.networks.training_memory import BYTES_A_WEIGHT, COUNTED

SMALL = {"base_features": 8, "pyramid_features": 16}


def info_of(axes: int) -> DetectionInfo:
    sizes = tuple((6.0 + number,) * axes for number in range(20))
    return DetectionInfo(("a", "b"), 1, (32,) * axes, (1.0,) * axes, box_sizes=sizes)


def memory(network, axes, *, mixed=False):
    info = info_of(axes)
    return detection_memory(lambda: built(network, info), info, 5, mixed=mixed)


def built(network, info):
    return build_detection_network(network, info, load_weights=False)


@pytest.mark.parametrize(
    ("network", "size"),
    [
        (GridConfig(**SMALL), (384, 448)),
        (RetinaNetConfig(**SMALL), (384, 448)),
        (FasterRCNNConfig(encoder="light", hidden=32, **SMALL), (384, 448)),
        (GridConfig(**SMALL), (48, 48, 64)),
        (RetinaNetConfig(**SMALL), (48, 48, 64)),
    ],
)
def test_a_step_at_another_size_takes_what_was_said(network, size):
    info = info_of(len(size))
    torch.manual_seed(0)
    there = _peak(built(network, info).train(), info, size, 5) / COUNTED
    assert memory(network, len(size)).of_step(size).an_image == pytest.approx(there, rel=0.03)


def test_weights_count_with_gradient_and_moments():
    network = GridConfig(**SMALL)
    weights = sum(each.numel() for each in built(network, info_of(2)).parameters())
    assert memory(network, 2).fixed == BYTES_A_WEIGHT * weights


def test_maps_of_sixteen_bits_take_half():
    network = GridConfig(**SMALL)
    ratio = memory(network, 3).a_voxel / memory(network, 3, mixed=True).a_voxel
    assert ratio == pytest.approx(2)


def test_counting_leaves_chance_as_it_was():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    memory(GridConfig(**SMALL), 3)
    assert torch.equal(torch.rand(1), expected)
