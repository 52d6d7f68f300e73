import torch
from torch import nn

from lightning_modules.explanations import grad_cam


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
