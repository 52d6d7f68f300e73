"""Memory of a training step, against values worked by hand and tensors that are really there."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from datamodules.data_info import DataInfo, LabelSet
from lightning_modules.configs.volume_networks import (
    DenseNet3dConfig,
    ResNet3dConfig,
    SliceNetworkConfig,
)
from lightning_modules.networks.training_memory import (
    BYTES_A_WEIGHT,
    USABLE,
    LiveBytes,
    StepMemory,
    step_memory,
)
from lightning_modules.networks.volume_networks import build_volume_network

SIZE = (32, 32, 24)
INFO = DataInfo(LabelSet(("tumour",), exclusive=False), (1,), (1,), 1, SIZE)
RESNET = ResNet3dConfig(depth=10, base_features=8)
FLOAT, VOXELS = 4, 10**3


def counted(config, data=INFO, *, mixed=False) -> StepMemory:
    return step_memory(
        lambda: build_volume_network(config, data, load_weights=False),
        (data.channels, *data.size),
        candidates=data.candidates,
        mixed=mixed,
    )


def bytes_of(network: nn.Module) -> tuple[int, int]:
    """Peak, and what is left afterwards, of a step on one volume of 10 x 10 x 10 voxels."""
    for weight in network.parameters():
        weight.grad = torch.zeros_like(weight)
    with LiveBytes(network) as live:
        network(torch.empty(1, 1, 10, 10, 10, device="meta")).sum().backward()
    return live.peak, live.live


def test_maps_that_autograd_keeps_count_and_no_others():
    """Two maps of 8 channels: tanh keeps what it puts out, and its gradient is a third map."""
    network = nn.Sequential(nn.Conv3d(1, 8, 1, bias=False), nn.Tanh()).to("meta")
    image, a_map, scalar = FLOAT * VOXELS, 8 * FLOAT * VOXELS, FLOAT
    peak, left = bytes_of(network)
    forward = image + 2 * a_map + scalar  # what the convolution puts out goes when tanh is done
    backward = image + 2 * a_map + 2 * scalar  # kept by tanh, and the gradient before it
    assert peak == pytest.approx(max(forward, backward), abs=100)
    assert left < 100


def test_weights_and_their_gradients_are_counted_apart():
    network = nn.Linear(10, 1000, bias=False).to("meta")
    assert bytes_of(network)[0] >= 10 * 10 * 1000 * FLOAT
    found = counted(RESNET)
    weights = sum(w.numel() for w in build_volume_network(RESNET, INFO).parameters())
    assert found.fixed == BYTES_A_WEIGHT * weights


@pytest.mark.parametrize(
    "config",
    [
        RESNET,
        RESNET.replace(checkpointing=True),
        DenseNet3dConfig(base_features=8),
        SliceNetworkConfig(encoder="resnet18", pretrained=False),
    ],
    ids=["resnet", "checkpointing", "densenet", "slices"],
)
def test_tensors_without_values_take_what_real_ones_do(config):
    network = build_volume_network(config, INFO, load_weights=False).train()
    for weight in network.parameters():
        weight.grad = torch.zeros_like(weight)
    with LiveBytes(network) as live:
        images = torch.zeros(2, 1, *SIZE)
        network.head(network.look(images, None).vectors).sum().backward()
    assert counted(config).an_image == live.peak // 2


def test_memory_grows_with_the_volume_and_halves_in_mixed_precision():
    larger = counted(RESNET, replace(INFO, size=(64, 32, 24)))
    assert larger.an_image == pytest.approx(2 * counted(RESNET).an_image, rel=0.05)
    assert counted(RESNET, mixed=True).an_image == counted(RESNET).an_image // 2


def test_checkpointing_takes_less():
    config, data = RESNET.replace(depth=18), replace(INFO, size=(64, 64, 64))
    plain, less = counted(config, data), counted(config.replace(checkpointing=True), data)
    assert less.an_image < 0.5 * plain.an_image
    assert less.fixed == plain.fixed


def test_context_and_detail_of_candidates_take_twice_as_much():
    both = counted(RESNET, replace(INFO, candidates=True))
    assert both.an_image == pytest.approx(2 * counted(RESNET).an_image, rel=0.1)


def test_gpu_holds_as_many_images_as_its_usable_part_has_room_for():
    found = StepMemory(fixed=10**9, an_image=2 * 10**8)
    assert found.images_in(2.0) == int((2e9 * USABLE - 1e9) / 2e8)
    assert found.images_in(1.0) == 0
    assert found.gb(5) == pytest.approx(2 / USABLE)
    assert found.images_in(found.gb(5) + 1e-6) == 5
