import pytest
import torch
from torchvision.models.detection import fasterrcnn_resnet50_fpn

from datamodules.data_info import DetectionInfo
from datamodules.errors import ConfigError
from lightning_modules.configs.detection_networks import FasterRCNNConfig
from lightning_modules.networks.detection_networks import build_detection_network

COCO = {
    "encoder": "resnet50",
    "levels": 4,
    "finest_stride": 4,
    "pyramid_features": 256,
    "hidden": 1024,
}


@pytest.fixture(scope="module")
def published():
    torch.manual_seed(0)
    return fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None).eval()


def build(path, **settings):
    config = FasterRCNNConfig(**{**COCO, **settings}, coco_weights=str(path))
    return build_detection_network(config, DetectionInfo(("a",), 3, (64, 64), (1.0, 1.0)))


def test_maps_and_proposals_are_torchvisions(tmp_path, published):
    torch.save(published.state_dict(), tmp_path / "coco.pth")
    network = build(tmp_path / "coco.pth").eval()
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        ours, theirs = network.backbone(images), list(published.backbone(images).values())[:4]
        for one, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)
        pair = [each.rpn.head.conv(theirs[0]) for each in (network, published)]
    assert torch.equal(*pair)
    fc7 = (network.roi_heads.box_head.fc7.weight, published.roi_heads.box_head.fc7.weight)
    assert torch.equal(*fc7)


def test_network_of_another_width_is_told_what_the_weights_are_for(tmp_path, published):
    torch.save(published.state_dict(), tmp_path / "coco.pth")
    with pytest.raises(ConfigError, match=r"does not hold.*hidden 1024"):
        build(tmp_path / "coco.pth", hidden=64)


def test_file_of_something_else_is_refused(tmp_path):
    (tmp_path / "coco.pth").write_text("weights")
    with pytest.raises(ConfigError, match=r"coco\.pth is no file of weights"):
        build(tmp_path / "coco.pth")
