import pytest
import timm
import torch
from monai.networks.nets.resnet import resnet18
from torch import nn

from lightning_modules.configs.detection_networks import GridConfig, RetinaNetConfig
from lightning_modules.networks.detection_encoders import build_detection_encoder, build_pyramid


def encoder(axes=2, stride=32, load_weights=True, **settings):
    torch.manual_seed(0)
    config = GridConfig(**settings)
    return build_detection_encoder(config, 1, axes, stride, load_weights=load_weights)


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("name", ["light", "resnet18"])
def test_each_stage_halves_the_map(name, axes):
    found = encoder(axes, encoder=name).eval()
    with torch.no_grad():
        maps = found(torch.randn(1, 1, *(64,) * axes))
    assert [each.shape[-1] for each in maps] == [32, 16, 8, 4, 2]
    assert [each.shape[1] for each in maps] == list(found.features)


@pytest.mark.parametrize("axes", [2, 3])
def test_light_encoder_has_the_width_that_is_asked_for(axes):
    assert encoder(axes, 64, base_features=8).features == (8, 16, 32, 64, 128, 128)


def test_maps_of_a_resnet_are_timms(tmp_path):
    theirs = timm.create_model("resnet18", in_chans=1, num_classes=0).eval()
    torch.save(theirs.state_dict(), tmp_path / "resnet18.pth")
    found = encoder(encoder="resnet18", weights=str(tmp_path / "resnet18.pth"))
    images = torch.randn(1, 1, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(found.eval()(images)[-1], theirs.forward_features(images))


def test_maps_of_a_volume_are_monais(tmp_path):
    settings = {"n_input_channels": 1, "conv1_t_stride": 2, "shortcut_type": "A"}
    theirs = resnet18(**settings, bias_downsample=True, feed_forward=False).eval()
    torch.save(theirs.state_dict(), tmp_path / "resnet18.pth")
    found = encoder(3, encoder="resnet18", weights=str(tmp_path / "resnet18.pth")).eval()
    volumes = torch.randn(1, 1, 32, 32, 32)
    with torch.no_grad():
        pooled = found(volumes)[-1].mean((2, 3, 4))
        torch.testing.assert_close(pooled, theirs(volumes).flatten(1))


def test_statistics_of_given_weights_stay_as_they_are(tmp_path):
    torch.save(timm.create_model("resnet18").state_dict(), tmp_path / "resnet18.pth")
    settings = {"encoder": "resnet18", "weights": str(tmp_path / "resnet18.pth")}
    config = GridConfig(**settings)
    given = build_detection_encoder(config, 3, 2, 32, load_weights=True).train()
    given(torch.randn(2, 3, 64, 64) + 3)
    norms = [each for each in given.modules() if isinstance(each, nn.BatchNorm2d)]
    assert norms
    assert all((each.running_mean == 0).all() for each in norms)


def test_statistics_from_scratch_are_learned():
    found = encoder(encoder="resnet18").train()
    found(torch.randn(2, 1, 64, 64))
    assert found.stages[0][1].running_mean.abs().max() > 0


@pytest.mark.parametrize("axes", [2, 3])
def test_finest_map_knows_of_the_coarsest(axes):
    config = RetinaNetConfig(base_features=8)
    pyramid = build_pyramid(config, 1, axes, (4, 8, 16), 16, load_weights=True).eval()
    images = torch.randn(1, 1, *(32,) * axes)
    before = pyramid(images)
    with torch.no_grad():
        pyramid.lateral[2].bias += 1
    after = pyramid(images)
    assert [each.shape[1:] for each in after] == [(16, *(32 // s,) * axes) for s in (4, 8, 16)]
    assert all((one - other).abs().max() > 0 for one, other in zip(before, after, strict=True))
