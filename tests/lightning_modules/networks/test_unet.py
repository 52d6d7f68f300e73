from itertools import pairwise

import pytest
import torch
from monai.networks.nets.dynunet import DynUNet

from lightning_modules.configs.segmentation_networks import UNetConfig
from lightning_modules.networks.unet import UNet
from lightning_modules.networks.unet_blocks import AttentionGate, InstanceNorm, ResidualBlock
from lightning_modules.networks.unet_topology import unet_topology

SMALL = {"base_features": 4, "max_features": 8}


def build(patch=(16, 24), spacing=None, channels=2, outputs=3, **settings):
    config = UNetConfig(**{**SMALL, **settings})
    topology = unet_topology(config, patch, spacing or (1.0,) * len(patch))
    torch.manual_seed(0)
    return UNet(config, topology, channels, outputs)


def stir(network):
    """Weights and biases away from the zeros that residual blocks start with."""
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return network


@pytest.mark.parametrize("encoder", ["plain", "residual"])
@pytest.mark.parametrize("patch", [(16, 24), (8, 16, 24)])
def test_logits_have_the_size_of_the_patch(encoder, patch):
    logits = build(patch, encoder=encoder).eval()(torch.randn(2, 2, *patch))
    assert logits.shape == (2, 3, *patch)


def test_deep_supervision_lists_each_stage_from_full_resolution_down():
    network = build((16, 32, 32), (3.0, 1.0, 1.0))
    found = network.supervised(torch.randn(1, 2, 16, 32, 32))
    assert [tuple(each.shape[2:]) for each in found] == [(16, 32, 32), (16, 16, 16), (8, 8, 8)]


def test_first_of_the_list_is_what_the_network_says():
    network, images = build(), torch.randn(1, 2, 16, 24)
    assert torch.equal(network.supervised(images)[0], network(images))


def test_without_deep_supervision_there_is_one():
    network = build(deep_supervision=False)
    assert len(network.supervised(torch.randn(1, 2, 16, 24))) == len(network.heads) == 1


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"encoder": "residual"},
        {"attention_gates": True, "bottleneck_dropout": 0.5},
        {"deep_supervision": False},
    ],
    ids=str,
)
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (4.0, 1.0, 1.0)])
def test_every_parameter_learns(settings, spacing):
    network = stir(build((16, 16, 16), spacing, **settings)).train()
    found = network.supervised(torch.randn(2, 2, 16, 16, 16))
    sum((each * torch.randn_like(each)).sum() for each in found).backward()
    assert [n for n, p in network.named_parameters() if p.grad.abs().max() < 1e-4] == []


def test_plain_network_is_the_same_function_as_monais():
    sides = {"strides": ((1, 1, 1), (1, 2, 2), (2, 2, 2)), "kernels": ((3, 3, 3),) * 3}
    network = stir(build((16, 16, 16), deep_supervision=False, **sides)).eval()
    topology = unet_topology(network.config, (16, 16, 16), (1, 1, 1))
    other = DynUNet(
        spatial_dims=3,
        in_channels=2,
        out_channels=3,
        kernel_size=topology.kernels,
        strides=topology.strides,
        upsample_kernel_size=topology.strides[1:],
        filters=topology.features,
        norm_name=("INSTANCE", {"affine": True}),
        trans_bias=True,
    ).eval()
    give_weights(network, other)
    images = torch.randn(2, 2, 16, 16, 16)
    assert torch.allclose(network(images), other(images), atol=1e-4)


def give_weights(network, other):
    downward = [other.input_block, *other.downsamples, other.bottleneck]
    for stage, theirs in zip(network.down, downward, strict=True):
        give_blocks(stage, theirs)
    for stage, theirs in zip(network.up, other.upsamples, strict=True):
        theirs.transp_conv.conv.load_state_dict(stage.enlarge.state_dict())
        give_blocks(stage.blocks, theirs.conv_block)
    other.output_block.conv.conv.load_state_dict(network.heads[0].state_dict())


def give_blocks(stage, theirs):
    pairs = [(theirs.conv1, theirs.norm1), (theirs.conv2, theirs.norm2)]
    for block, (conv, norm) in zip(stage, pairs, strict=True):
        conv.conv.load_state_dict(block[0].state_dict())
        norm.load_state_dict(block[1].state_dict())


def test_instance_norm_is_pytorchs():
    ours, theirs = InstanceNorm(3), torch.nn.InstanceNorm2d(3, affine=True)
    theirs.load_state_dict(stir(ours).state_dict())
    maps = torch.randn(2, 3, 5, 4) * 3 + 1
    assert torch.allclose(ours(maps), theirs(maps), atol=1e-5)


def test_residual_blocks_start_as_if_not_there():
    block = build(encoder="residual").down[0][1]
    maps = torch.rand(1, 4, 6, 6)
    assert isinstance(block, ResidualBlock)
    assert torch.equal(block(maps), maps)


def test_convolutions_start_with_the_deviation_of_he():
    weight = build(base_features=64, max_features=64).down[0][1][0].weight
    assert weight.std().item() == pytest.approx((2 / (1 + 0.01**2) / (64 * 9)) ** 0.5, rel=0.02)


def test_gate_is_equation_1_of_oktay():
    gate = stir(AttentionGate(4, dimensions=2))
    skip, signal = torch.randn(1, 4, 1, 1), torch.randn(1, 4, 1, 1)
    of_skip, of_signal, weight = (
        layer.weight.flatten(1) for layer in (gate.of_skip, gate.of_signal, gate.weight)
    )
    hidden = (of_skip @ skip.flatten() + gate.of_skip.bias + of_signal @ signal.flatten()).relu()
    expected = torch.sigmoid(weight @ hidden + gate.weight.bias) * skip.flatten()
    assert torch.allclose(gate(skip, signal).flatten(), expected, atol=1e-6)


def test_closed_gates_leave_the_skips_out():
    network, images = build(attention_gates=True).eval(), torch.randn(1, 2, 16, 24)
    before = network(images)
    for stage in network.up:
        torch.nn.init.constant_(stage.gate.weight.bias, -100.0)
        torch.nn.init.zeros_(stage.gate.weight.weight)
    after = network(images)
    for stage in network.up:
        width = stage.enlarge.out_channels
        stage.gate = None
        with torch.no_grad():
            stage.blocks[0][0].weight[:, width:] = 0
    assert not torch.allclose(before, after)
    assert torch.allclose(network(images), after, atol=1e-5)


def test_bottleneck_dropout_holds_in_training_only():
    network, images = build(bottleneck_dropout=0.5), torch.randn(1, 2, 16, 24)
    assert not torch.equal(network.train()(images), network(images))
    assert torch.equal(network.eval()(images), network(images))


@pytest.mark.parametrize("encoder", ["plain", "residual"])
def test_checkpointing_changes_no_gradient(encoder):
    images, found = torch.randn(2, 2, 16, 24), []
    for checkpointing in (False, True):
        network = stir(build(encoder=encoder, bottleneck_dropout=0.3, checkpointing=checkpointing))
        torch.manual_seed(1)
        loss = sum(each.square().mean() for each in network.supervised(images))
        loss.backward(retain_graph=True)
        loss.backward()
        found.append([parameter.grad.clone() for parameter in network.parameters()])
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def test_checkpointing_keeps_fewer_activations():
    kept = []
    for checkpointing in (False, True):
        network, sizes = build((64, 64), checkpointing=checkpointing), []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda saved, sizes=sizes: sizes.append(saved.numel()) or saved, lambda saved: saved
        ):
            network.supervised(torch.randn(1, 2, 64, 64))
        kept.append(sum(sizes))
    assert kept[1] < 0.5 * kept[0]


def test_layout_follows_the_device_and_leaves_the_values():
    network = build((16, 16, 16))
    weight = network.down[0][1][0].weight
    assert weight.is_contiguous(memory_format=torch.channels_last_3d)
    assert network.to(torch.float64).down[0][1][0].weight.dtype == torch.float64
    state = network.to(torch.float32).state_dict()
    other = build((16, 16, 16))
    other.load_state_dict(state)
    images = torch.randn(1, 2, 16, 16, 16)
    assert torch.equal(network(images), other(images))


def test_low_precision_is_near():
    network, images = build((16, 16, 16)).eval(), torch.randn(1, 2, 16, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        low = network(images)
    assert (low.float() - network(images)).abs().mean() < 0.05 * network(images).abs().mean()


def test_stages_are_half_as_large_each():
    maps = [torch.zeros(1, 2, 32, 32)]
    for stage in build((32, 32)).down:
        maps.append(stage(maps[-1]))
    sides = [each.shape[2] for each in maps[1:]]
    assert all(one == 2 * other for one, other in pairwise(sides))
