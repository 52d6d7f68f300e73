import pytest
import torch

from datamodules.data_info import DataInfo, LabelSet
from datamodules.errors import ConfigError
from datamodules.table_features import TableColumn
from lightning_modules.configs.volume_networks import (
    DenseNet3dConfig,
    ResNet3dConfig,
    SliceNetworkConfig,
)
from lightning_modules.explanations import explain
from lightning_modules.networks.volume_networks import build_volume_network, check_volume_network

KINDS = {
    "resnet": lambda **settings: ResNet3dConfig(**{"depth": 10, "base_features": 4, **settings}),
    "densenet": lambda **settings: DenseNet3dConfig(**{"base_features": 4, **settings}),
    "slices": lambda **settings: SliceNetworkConfig(
        **{"encoder": "resnet10t", "pretrained": False, **settings}
    ),
}
PATCHES = torch.tensor([0, 1, 1])
"""The cases of three patches."""


def build(kind="resnet", size=(16, 16, 16), channels=1, table=(), candidates=False, **settings):
    labels = LabelSet(("a", "b"), exclusive=False)
    data = DataInfo(labels, (1, 1), (1, 1), channels, size, table, candidates)
    torch.manual_seed(0)
    return build_volume_network(KINDS[kind](**settings), data)


def volumes(count=2, channels=1, size=(16, 16, 16)):
    return torch.randn(count, channels, *size, generator=torch.Generator().manual_seed(0))


def unmoved(network, *inputs, **named):
    """Parameters that a training step leaves as they are."""
    before = {name: each.detach().clone() for name, each in network.named_parameters()}
    optimizer = torch.optim.SGD(network.train().parameters(), lr=1.0)
    logits = network(*inputs, **named).logits
    (logits * torch.randn_like(logits)).sum().backward()
    optimizer.step()
    return [name for name, each in network.named_parameters() if torch.equal(each, before[name])]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(16, 16, 16), (48, 48, 24), (64, 64, 64)])
def test_a_volume_has_a_logit_for_each_label(kind, size):
    network = build(kind, size, base_features=4) if kind != "slices" else build(kind, size)
    with torch.no_grad():
        assert network.eval()(volumes(2, size=size)).logits.shape == (2, 2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_step_moves_every_parameter(kind):
    network = build(kind, channels=2, table=(TableColumn("age"),))
    assert unmoved(network, volumes(channels=2), table=torch.randn(2, 2)) == []


@pytest.mark.parametrize("kind", KINDS)
def test_context_and_detail_of_a_candidate_both_decide(kind):
    network = build(kind, candidates=True)
    assert unmoved(network, volumes(), volumes().flip(0)) == []
    assert len(network.encoders()) == 2
    assert network.attention_layer in dict(network.named_modules())


def test_details_that_are_forgotten_are_an_error():
    with pytest.raises(ValueError, match="no details"):
        build(candidates=True)(volumes())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pooling", ["mean", "max", "attention"])
def test_patches_of_a_volume_are_pooled(kind, pooling):
    network = build(kind, pooling=pooling, patches_at_once=2)
    assert unmoved(network, volumes(3), table=torch.zeros(2, 0), case_of=PATCHES) == []
    with torch.no_grad():
        network.eval()
        found = network(volumes(3), table=torch.zeros(2, 0), case_of=PATCHES)
        alone = network(volumes(3)[:1], case_of=PATCHES[:1])
    assert found.logits.shape == (2, 2)
    assert torch.allclose(found.logits[:1], alone.logits, atol=1e-5)
    assert (found.weights is not None) == (pooling == "attention")


def test_the_highest_patch_decides_on_each_label():
    network = build(pooling="max").eval()
    each = network(volumes(3)).logits
    pooled = network(volumes(3), case_of=torch.tensor([0, 0, 0]), table=torch.zeros(1, 0)).logits
    assert torch.allclose(pooled[0], each.amax(0), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_frozen_encoder_stays_as_it_is(kind):
    network = build(kind, encoder_training="frozen")
    before = {name: each.clone() for name, each in network.encoder.state_dict().items()}
    still = unmoved(network, volumes())
    after = network.encoder.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert [name for name in still if not name.startswith("encoder.")] == []


@pytest.mark.parametrize(("kind", "first"), [("resnet", "stages.3"), ("densenet", "stages.3")])
def test_gradual_unfreezing_starts_with_the_last_stage(kind, first):
    network = build(kind, encoder_training="gradual").train()
    network.freeze_until(1)
    network(volumes()).logits.sum().backward()
    network.drop_frozen_gradients()
    learning = {n for n, each in network.encoder.named_parameters() if each.grad is not None}
    expected = {n for n, _ in network.encoder.named_parameters() if n.startswith(first)}
    assert learning == expected
    network.freeze_until(99)
    assert network.encoder.stem.training


@pytest.mark.parametrize("kind", ["resnet", "densenet"])
@pytest.mark.parametrize("settings", [{}, {"checkpointing": True}, {"encoder_training": "frozen"}])
def test_grad_cam_looks_into_the_volume(kind, settings):
    network = build(kind, (16, 24, 32), **settings)
    batch = {"image": volumes(size=(16, 24, 32)), "table": torch.zeros(2, 0)}
    maps = explain(network, batch, 1)
    assert maps.shape == (2, 16, 24, 32)
    assert 0 <= maps.min() < maps.max() <= 1


def test_grad_cam_looks_into_patches():
    network = build(pooling="attention")
    batch = {"image": volumes(3), "table": torch.zeros(2, 0), "case_of": PATCHES}
    assert explain(network, batch, 0).shape == (3, 16, 16, 16)


def test_weights_that_are_not_there_are_noticed_without_building():
    with pytest.raises(ConfigError, match="there is no file"):
        check_volume_network(ResNet3dConfig(weights="nowhere.pth"))
    with pytest.raises(ConfigError, match="no encoder 'resnet81'"):
        check_volume_network(SliceNetworkConfig(encoder="resnet81"))
    check_volume_network(DenseNet3dConfig())


def test_attention_over_patches_has_a_gradient_where_volumes_are_whole():
    network = build(pooling="attention")
    network(volumes()).logits.sum().backward()
    assert all(each.grad is not None for each in network.parameters())
