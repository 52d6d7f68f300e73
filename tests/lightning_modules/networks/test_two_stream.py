from dataclasses import replace

import pytest
import torch

from datamodules.data_info import DataInfo, LabelSet
from lightning_modules.configs.xray_networks import TwoStreamNetworkConfig
from lightning_modules.networks.two_stream import (
    GatedAttention,
    TwoStreamClassifier,
    cut_out,
    most_suspicious,
)

DATA = DataInfo(LabelSet(("a", "b"), exclusive=False), (1, 1), (1, 1), 1, (128, 128))


def build(**settings):
    config = TwoStreamNetworkConfig(
        encoder="resnet18", detail_encoder="resnet10t", pretrained=False, details=3, **settings
    )
    return TwoStreamClassifier(config, DATA)


def test_both_streams_decide_alone_and_together():
    output = build().eval()(torch.randn(2, 1, 128, 128))
    assert output.logits.shape == (2, 2)
    assert [each.shape for each in output.auxiliary] == [(2, 2), (2, 2)]
    assert output.maps.shape == (2, 2, 2, 2)


def test_every_parameter_learns():
    network = build().train()
    output = network(torch.randn(4, 1, 128, 128))
    sum(each.square().sum() for each in (output.logits, *output.auxiliary)).backward()
    assert [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_both_encoders_thaw_from_the_last_stage():
    network = build(encoder_training="gradual").train()
    network.freeze_until(1)
    for encoder in network.encoders():
        assert not encoder.layer3.training
        assert encoder.layer4.training


def test_windows_lie_on_the_peaks_one_after_another():
    maps = torch.zeros(1, 1, 8, 8)
    maps[0, 0, 1, 1], maps[0, 0, 6, 5] = 1.0, 0.6
    places = most_suspicious(maps, count=2, share=0.25) * 8
    assert (places[0, 0] - torch.tensor([1.5, 1.5])).abs().max() <= 1
    assert (places[0, 1] - torch.tensor([6.5, 5.5])).abs().max() <= 1


def test_a_rare_label_has_a_say_in_the_choice():
    maps = torch.full((1, 2, 8, 8), 0.9)
    maps[0, 0, 0, 0] = 1.0
    maps[0, 1] = 0.001
    maps[0, 1, 6:8, 6:8] = 0.004
    places = most_suspicious(maps, count=1, share=0.25) * 8
    assert places[0, 0].tolist() == [7, 7]


@pytest.mark.parametrize(
    ("place", "corner"), [((0.5, 0.5), (6, 6)), ((0.0, 0.0), (0, 0)), ((1.0, 0.5), (12, 6))]
)
def test_details_are_the_pixels_about_a_place_inside_the_image(place, corner):
    images = torch.arange(512.0).reshape(2, 1, 16, 16)
    found = cut_out(images, torch.tensor([[place]]).expand(2, 1, 2), side=4)
    top, left = corner
    assert torch.equal(found[:, 0], images[:, :, top : top + 4, left : left + 4])


def test_gated_attention_is_equation_9_of_ilse():
    attention, vectors = GatedAttention(4, 8), torch.randn(5, 4)
    v, u, w = (layer.weight for layer in (attention.content, attention.gate, attention.weight))
    content = torch.tanh(vectors @ v.T + attention.content.bias)
    gate = torch.sigmoid(vectors @ u.T + attention.gate.bias)
    scores = torch.exp((content * gate) @ w[0])
    expected = (scores / scores.sum()) @ vectors
    assert torch.allclose(attention(vectors[None])[0], expected, atol=1e-6)
    assert not torch.allclose(expected, vectors.mean(0), atol=1e-3)


def test_where_all_was_taken_the_rest_lies_where_the_last_peak_was():
    maps = torch.zeros(1, 1, 8, 8)
    maps[0, 0, 5, 5] = 1
    places = most_suspicious(maps, count=3, share=0.25)
    assert torch.equal(places[0, 0], places[0, 2])


def test_candidates_are_seen_by_an_encoder_for_images_of_their_size():
    config = TwoStreamNetworkConfig(encoder="resnet18", pretrained=False)
    network = TwoStreamClassifier(config, replace(DATA, candidates=True))
    assert network.encoder["detail"].conv1.stride == (2, 2)
    whole_images = TwoStreamClassifier(config, DATA)
    assert whole_images.encoder["detail"].conv1.stride == (1, 1)
