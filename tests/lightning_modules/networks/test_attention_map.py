import pytest
import torch

from datamodules.data_info import DataInfo, LabelSet
from datamodules.errors import ConfigError
from lightning_modules.configs.xray_networks import AttentionMapNetworkConfig
from lightning_modules.networks.attention_map import (
    AttentionMapClassifier,
    LabelLinear,
    MapHead,
)

DATA = DataInfo(LabelSet(("a", "b"), exclusive=False), (1, 1), (1, 1), 1, (64, 64))


def build(**settings):
    settings = {"encoder": "resnet18", "pretrained": False, **settings}
    return AttentionMapClassifier(AttentionMapNetworkConfig(**settings), DATA)


def test_output_has_a_probability_of_each_label_at_every_place():
    output = build().eval()(torch.randn(3, 1, 64, 64))
    assert output.logits.shape == (3, 2)
    assert output.maps.shape == (3, 2, 2, 2)
    assert output.features.shape == (3, 512)
    assert 0 < output.maps.min() < output.maps.max() < 1


def test_features_are_pooled_where_the_label_is_probable():
    head = MapHead(features=1, labels=LabelSet(("a",), exclusive=False), dropout=0.0)
    torch.nn.init.constant_(head.linear.weight, 2.0)
    torch.nn.init.zeros_(head.linear.bias)
    features = torch.tensor([[[[3.0, -1.0]]]])
    vectors, maps = head.pool(features)
    weights = torch.sigmoid(torch.tensor([6.0, -2.0]))
    assert torch.allclose(maps.flatten(), weights)
    assert vectors.item() == pytest.approx(
        ((weights * torch.tensor([3.0, -1.0])).sum() / weights.sum()).item(), abs=1e-4
    )


def test_the_same_weights_decide_at_a_place_and_for_the_image():
    linear = LabelLinear(5, 2)
    vector = torch.randn(5)
    at_place = linear.at_every_place(vector.reshape(1, 5, 1, 1)).flatten()
    assert torch.allclose(at_place, linear(vector.expand(2, 5)), atol=1e-6)
    assert torch.allclose(at_place, torch.nn.functional.linear(vector, linear.weight, linear.bias))


def test_classes_that_exclude_one_another_share_the_probability_of_a_place():
    head = MapHead(3, LabelSet(("a", "b", "c"), exclusive=True), 0.0)
    features = torch.randn(2, 3, 4, 4)
    _, maps = head.pool(features)
    assert torch.allclose(maps.sum(1), torch.ones(2, 4, 4))
    with torch.no_grad():
        head.linear.bias += 4
    assert torch.allclose(head.pool(features)[1], maps, atol=1e-6)


@pytest.mark.parametrize("encoder", ["convnext_atto", "mobilenetv3_small_050"])
def test_layers_behind_the_map_are_not_trained(encoder):
    network = build(encoder=encoder).train()
    network(torch.randn(4, 1, 64, 64)).logits.square().sum().backward()
    trained = {n: p for n, p in network.named_parameters() if p.requires_grad}
    assert [name for name, p in trained.items() if p.grad is None] == []
    assert len(trained) < len(list(network.parameters()))


def test_every_parameter_learns():
    network = build().train()
    network(torch.randn(4, 1, 64, 64)).logits.square().sum().backward()
    assert [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_encoder_without_a_map_is_refused():
    with pytest.raises(ConfigError, match="convolutional"):
        AttentionMapClassifier(
            AttentionMapNetworkConfig(encoder="vit_tiny_patch16_224", pretrained=False), DATA
        )
