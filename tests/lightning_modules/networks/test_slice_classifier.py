import pytest
import torch
from torch import nn

from datamodules.data_info import DataInfo, LabelSet
from datamodules.errors import ConfigError
from lightning_modules.configs.volume_networks import SliceNetworkConfig
from lightning_modules.networks import slice_classifier
from lightning_modules.networks.slice_classifier import SliceClassifier

SIZE = (20, 12, 16)


def build(channels=1, candidates=False, **settings):
    config = SliceNetworkConfig(**{"encoder": "resnet10t", "pretrained": False, **settings})
    labels = LabelSet(("a",), exclusive=False)
    torch.manual_seed(0)
    return SliceClassifier(config, DataInfo(labels, (1,), (1,), channels, SIZE, (), candidates))


def volumes(channels=1):
    return torch.randn(2, channels, *SIZE, generator=torch.Generator().manual_seed(0))


class Brightness(nn.Module):
    """An encoder whose one feature is the middle channel of a slice."""

    feature_info = ({"module": "layer"},)

    def forward_features(self, images):
        return images[:, 1:2]

    def forward_head(self, features):
        return features.mean((2, 3))

    def forward(self, images):
        return self.forward_head(self.forward_features(images))


def of_brightness():
    """A network that weighs bright slices, and says how bright they are."""
    network = build()
    network.encoder, network.features = Brightness(), 1
    network.attention_over_slices[0].scores = lambda vectors: 100 * vectors[..., 0]
    network.head = nn.Sequential(nn.Identity(), nn.Linear(1, 1, bias=False))
    nn.init.ones_(network.head[1].weight)
    return network


@pytest.mark.parametrize("axis", ["left-right", "back-front", "down-up"])
def test_weights_of_the_slices_along_an_axis_add_up_to_1(axis):
    weights = build(axis=axis).eval().slice_weights(volumes())
    assert weights.shape == (2, SIZE[["left-right", "back-front", "down-up"].index(axis)])
    assert torch.allclose(weights.sum(1), torch.ones(2))


def test_a_slice_is_seen_between_its_neighbours_and_the_last_one_twice():
    places = torch.arange(SIZE[1]).float()[:, None].expand(1, 1, *SIZE[:2], SIZE[2])
    volume = torch.cat([places, -places], dim=1)
    slices = build(2, axis="back-front")._slices(volume)
    assert slices.shape == (1, 12, 6, 20, 16)
    assert slices[0, 5, :, 0, 0].tolist() == [4, -4, 5, -5, 6, -6]
    assert slices[0, 0, :, 0, 0].tolist() == [0, 0, 0, 0, 1, -1]
    assert slices[0, 11, :, 0, 0].tolist() == [10, -10, 11, -11, 11, -11]


@pytest.mark.parametrize(("neighbours", "channels"), [(0, 1), (1, 3), (2, 5)])
def test_the_encoder_has_a_channel_for_each_neighbour(neighbours, channels):
    network = build(neighbours=neighbours)
    assert network.encoder.conv1[0].in_channels == channels


def test_few_slices_at_once_are_the_same(monkeypatch):
    network = build().eval()
    whole = network(volumes()).logits
    monkeypatch.setattr(slice_classifier, "SLICES_AT_ONCE", 3)
    with torch.no_grad():
        assert torch.allclose(network(volumes()).logits, whole, atol=1e-5)


@pytest.mark.parametrize("axis", ["left-right", "back-front", "down-up"])
@pytest.mark.parametrize("candidates", [False, True])
def test_evidence_lies_in_the_volume(axis, candidates):
    network = build(axis=axis, candidates=candidates).train()
    nn.init.ones_(network.head[1].weight)
    with torch.inference_mode():
        maps = network.evidence(volumes(), 0)
    assert maps.shape == (2, *SIZE)
    assert 0 <= maps.min() < maps.max()
    assert network.training
    assert not any(each.grad is not None for each in network.parameters())


def test_evidence_is_where_the_slices_that_count_show_it():
    volume = torch.zeros(1, 1, *SIZE)
    volume[..., 3:5, 6:9, 10] = 1
    volume[..., 3:5, 1:2, 2] = 1
    found = of_brightness().evidence(volume, 0)
    bright = (volume[0, 0] == 1) & (torch.arange(16) == 10)
    assert torch.equal(found[0] > 0.9 * found.max(), bright)


def test_without_evidence_the_map_is_empty():
    assert of_brightness().evidence(-torch.ones(1, 1, *SIZE), 0).max() == 0


def test_an_encoder_without_a_spatial_map_refuses_to_explain():
    network = build()
    network.encoder.pos_embed = None
    with pytest.raises(ConfigError, match="convolutional"):
        network.evidence(volumes(), 0)


@pytest.mark.parametrize("encoder", ["resnet10t", "densenet121", "efficientnet_b0"])
def test_checkpointing_changes_neither_gradients_nor_statistics(encoder):
    found = []
    for checkpointing in (False, True):
        network = build(encoder=encoder, checkpointing=checkpointing).double().train()
        torch.manual_seed(1)
        network(volumes()[..., :3].double()).logits.square().sum().backward()
        gradients = {name: each.grad for name, each in network.named_parameters()}
        found.append({**gradients, **dict(network.named_buffers())})
    assert list(found[0]) == list(found[1])
    for name, plain in found[0].items():
        assert torch.allclose(found[1][name], plain, rtol=1e-6, atol=1e-12), name
