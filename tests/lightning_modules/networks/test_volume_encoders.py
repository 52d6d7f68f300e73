from itertools import accumulate

import pytest
import torch
from monai.networks.nets.densenet import DenseNet121
from monai.networks.nets.resnet import resnet10, resnet18
from torch import nn
from torch.profiler import ProfilerActivity, profile

from datamodules.data_info import DataInfo, LabelSet
from datamodules.errors import ConfigError
from lightning_modules.configs.volume_networks import DenseNet3dConfig, ResNet3dConfig
from lightning_modules.networks.encoder_layers import stages
from lightning_modules.networks.volume_encoders import (
    PaddedShortcut,
    Stem,
    build_volume_encoder,
)
from lightning_modules.networks.volume_networks import build_volume_network

CONFIGS = [
    ResNet3dConfig(depth=18, base_features=8),
    ResNet3dConfig(depth=50, base_features=4),
    DenseNet3dConfig(base_features=4),
]
RESNET = {"n_input_channels": 2, "conv1_t_stride": 2, "feed_forward": False, "widen_factor": 1 / 16}


def build(config, size=(32, 32, 32), channels=2, **settings):
    torch.manual_seed(0)
    return build_volume_encoder(config.replace(**settings), channels, size, load_weights=True)


def volumes(size=(32, 32, 32)):
    return torch.randn(2, 2, *size, generator=torch.Generator().manual_seed(1))


def give_weights(theirs, ours):
    """Both list their layers in the order in which they are gone through."""
    pairs = zip(theirs.state_dict().values(), ours.state_dict().items(), strict=True)
    ours.load_state_dict({name: tensor for tensor, (name, _) in pairs})


@pytest.mark.parametrize(
    ("network", "settings", "depth"),
    [(resnet10, {"bias_downsample": False}, 10), (resnet18, {"shortcut_type": "A"}, 18)],
)
def test_resnet_is_the_same_function_as_monais(network, settings, depth):
    theirs = network(**RESNET, **settings).eval()
    ours = build(ResNet3dConfig(depth=depth, base_features=4, stem="standard")).eval()
    give_weights(theirs, ours)
    assert torch.allclose(ours(volumes()), theirs(volumes()), atol=1e-5)


def test_densenet_is_the_same_function_as_monais():
    theirs = DenseNet121(3, 2, 1, init_features=4, growth_rate=2).eval()
    ours = build(DenseNet3dConfig(base_features=4, stem="standard"), (32, 32, 32)).eval()
    theirs.class_layers.out = nn.Identity()
    give_weights(theirs, ours)
    assert torch.allclose(ours(volumes()), theirs(volumes()), atol=1e-5)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"{config.kind}{config.depth}")
def test_the_vector_is_the_mean_of_the_features(config):
    encoder = build(config).eval()
    features = encoder.forward_features(volumes())
    assert features.ndim == 5
    assert torch.allclose(encoder(volumes()), features.mean((2, 3, 4)), atol=1e-6)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"{config.kind}{config.depth}")
def test_stages_hold_every_weight(config):
    encoder = build(config)
    held = [id(each) for stage in stages(encoder) for each in stage.parameters()]
    assert 2 <= len(stages(encoder)) <= 4
    assert sorted(held) == sorted(map(id, encoder.parameters()))


def test_small_volumes_keep_their_resolution_in_the_stem():
    config = ResNet3dConfig(depth=10, base_features=4)
    sides = [
        tuple(build(config, size, stem=stem).stem(torch.zeros(1, 2, 16, 16, 16)).shape[2:])
        for size, stem in [
            ((48, 48, 47), "auto"),
            ((48, 48, 48), "auto"),
            ((16, 16, 16), "standard"),
            ((96, 96, 96), "small"),
        ]
    ]
    assert sides == [(16,) * 3, (4,) * 3, (4,) * 3, (16,) * 3]


def test_residual_blocks_start_at_work():
    assert (build(ResNet3dConfig(depth=18)).stages[3][1].bn2.weight == 1).all()


def test_the_shortcut_lets_gradients_pass():
    maps = torch.randn(1, 2, 4, 4, 5, requires_grad=True)
    found = PaddedShortcut(3, 2)(maps)
    found.sum().backward()
    assert torch.equal(found[:, :2], maps[:, :, ::2, ::2, ::2])
    assert not found[:, 2].any()
    assert maps.grad.sum() == found[:, :2].numel()


def test_volumes_that_are_too_small_are_refused():
    labels = LabelSet(("a",), exclusive=False)
    config = DenseNet3dConfig(base_features=4, stem="standard")
    with pytest.raises(ConfigError, match="densenet-121 does not take volumes of 16 x 16 x 16 vox"):
        build_volume_network(config, DataInfo(labels, (1,), (1,), 1, (16, 16, 16)))


@pytest.mark.parametrize(("stem", "side"), [("standard", 32), ("small", 16)])
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"{config.kind}{config.depth}")
def test_checkpointing_changes_neither_gradients_nor_statistics(config, stem, side):
    found = []
    for checkpointing in (False, True):
        encoder = build(config, stem=stem, checkpointing=checkpointing).double().train()
        vectors = encoder(volumes((side,) * 3).double())
        (vectors * torch.arange(vectors.shape[1])).sum().backward()
        gradients = {name: each.grad for name, each in encoder.named_parameters()}
        found.append({**gradients, **dict(encoder.named_buffers())})
    for name, plain in found[0].items():
        assert torch.allclose(found[1][name], plain, rtol=1e-7, atol=1e-9 * plain.abs().max()), name


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"{config.kind}{config.depth}")
def test_checkpointing_lowers_the_peak_by_more_than_a_quarter(config):
    images, peaks = torch.randn(1, 2, 64, 64, 64), []
    for checkpointing in (False, True):
        encoder = build(config, size=(64, 64, 64), checkpointing=checkpointing).train()
        peaks.append(peak_bytes(lambda encoder=encoder: encoder(images).sum().backward()))
    assert peaks[1] < 0.75 * peaks[0]


def peak_bytes(work):
    """Most that tensors hold at one time beyond what they held before."""
    with profile(
        activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True
    ) as profiler:
        work()
    events = [
        each for each in profiler.profiler.kineto_results.events() if each.name() == "[memory]"
    ]
    events.sort(key=lambda event: event.start_ns())
    return max(accumulate(event.nbytes() for event in events))


def test_statistics_of_all_processes_are_left_to_their_layer():
    torch.manual_seed(0)
    norm = nn.SyncBatchNorm(4)
    stem = Stem(nn.Conv3d(1, 4, 3), norm, nn.ReLU(), nn.Identity(), checkpointing=True).eval()
    assert stem(torch.randn(2, 1, 8, 8, 8)).shape == (2, 4, 6, 6, 6)
