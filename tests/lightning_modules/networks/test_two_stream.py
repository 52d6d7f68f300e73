import pytest
import torch

from datamodules.batches import DataInfo, LabelSet
from lightning_modules.configs.networks import TwoStreamNetworkConfig
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


def test_attention_is_a_weighted_mean():
    vectors = torch.randn(3, 5, 4)
    assert torch.allclose(GatedAttention(4, 8)(vectors[:, :1]), vectors[:, 0])
    mean = GatedAttention(4, 8)(vectors)
    assert (mean >= vectors.amin(1)).all()
    assert (mean <= vectors.amax(1)).all()
