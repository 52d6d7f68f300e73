import pytest
import torch
from torch import nn

from datamodules.data_info import DataInfo, LabelSet
from lightning_modules.configs.xray_networks import TimmNetworkConfig
from lightning_modules.explanations import explain
from lightning_modules.grad_cam import grad_cam
from lightning_modules.networks.timm_classifier import TimmClassifier


class Blobs(nn.Module):
    """Logit 0 is the brightness of the image, logit 1 its darkness."""

    def __init__(self):
        super().__init__()
        self.features = nn.Conv2d(1, 1, 1, bias=False)
        nn.init.ones_(self.features.weight)

    def forward(self, images):
        mean = self.features(images).mean((1, 2, 3))
        return torch.stack([mean, -mean], 1)


def test_evidence_lies_on_what_the_logit_is_made_of():
    images = torch.zeros(1, 1, 8, 8)
    images[..., 2:4, 5:7] = 1
    found = grad_cam(Blobs(), "features", images, 0)
    assert torch.equal(found[0] > 0.5, images[0, 0] > 0.5)
    assert found.max() == 1


def test_no_evidence_is_an_empty_map():
    images = torch.zeros(1, 1, 8, 8)
    images[..., 2:4, 5:7] = 1
    assert grad_cam(Blobs(), "features", images, 1).max() == 0


def test_network_is_left_as_it_was():
    network = Blobs().train()
    grad_cam(network, "features", torch.ones(1, 1, 8, 8), 0)
    assert network.training
    assert network.features.weight.grad is None


@pytest.mark.parametrize("method", ["grad-cam", "occlusion"])
@pytest.mark.parametrize("training", [True, False])
def test_explaining_leaves_the_mode_and_the_statistics_of_a_network(training, method):
    data = DataInfo(LabelSet(("a",), exclusive=False), (1,), (1,), 1, (64, 64))
    network = TimmClassifier(TimmNetworkConfig(encoder="resnet10t", pretrained=False), data)
    network.train(training)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    batch = {"image": torch.randn(2, 1, 64, 64), "table": torch.zeros(2, 0)}
    assert explain(network, batch, 0, method).shape == (2, 64, 64)
    assert network.training == training
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
