import pytest
import timm
import torch
from safetensors.torch import save_file

from datamodules.data_info import DataInfo, LabelSet
from datamodules.errors import ConfigError
from lightning_modules.configs.xray_networks import TimmNetworkConfig
from lightning_modules.networks.encoder_layers import stages
from lightning_modules.networks.xray_networks import build_network


def build(size=64, outputs=2, **settings):
    config = TimmNetworkConfig(**{"encoder": "resnet18", "pretrained": False, **settings})
    labels = LabelSet(tuple("abcd"[:outputs]), exclusive=False)
    counts = (1,) * outputs
    return build_network(config, DataInfo(labels, counts, counts, 1, (size, size)))


@pytest.mark.parametrize("encoder", ["resnet18", "densenet121", "efficientnet_b0"])
def test_encoder_gives_one_logit_a_label_and_has_a_map_to_explain(encoder):
    network = build(encoder=encoder).eval()
    assert network(torch.zeros(2, 1, 64, 64)).logits.shape == (2, 2)
    assert network.attention_layer in dict(network.named_modules())


def test_small_images_keep_their_resolution_in_the_stem():
    assert build(size=28).encoder.conv1.stride == (1, 1)
    assert build(size=64).encoder.conv1.stride == (2, 2)
    assert build(size=28, encoder="densenet121").encoder.features.conv0.kernel_size == (3, 3)


def test_encoder_without_a_small_stem_says_so():
    with pytest.raises(ConfigError, match="has no small stem"):
        build(encoder="efficientnet_b0", stem="small")


def test_unknown_encoder_names_the_nearest():
    with pytest.raises(ConfigError, match=r"no encoder 'resnet81'.*resnet"):
        build(encoder="resnet81")


def test_rgb_weights_of_a_local_file_are_summed_for_one_channel(tmp_path):
    rgb = timm.create_model("resnet18", pretrained=False)
    save_file(rgb.state_dict(), tmp_path / "weights.safetensors")
    network = build(weights=str(tmp_path / "weights.safetensors"))
    assert torch.allclose(network.encoder.conv1.weight, rgb.conv1.weight.sum(1, keepdim=True))


def test_file_that_holds_no_such_weights_is_refused(tmp_path):
    (tmp_path / "weights.pth").write_bytes(b"nonsense")
    with pytest.raises(ConfigError, match="does not hold weights of resnet18"):
        build(weights=str(tmp_path / "weights.pth"))


def test_missing_published_weights_say_how_to_get_them(monkeypatch, tmp_path):
    monkeypatch.setattr("lightning_modules.networks.timm_encoders._hub_answers", lambda: False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ConfigError, match=r"--task\.network\.pretrained False"):
        build(pretrained=True, encoder="resnet26")


def test_frozen_encoder_stays_as_it_is_in_training():
    network = build(encoder_training="frozen").train()
    before = network.encoder(torch.ones(4, 1, 64, 64))
    network(torch.randn(4, 1, 64, 64)).logits.sum().backward()
    assert network.encoder.conv1.weight.grad is None
    assert torch.equal(network.encoder(torch.ones(4, 1, 64, 64)), before)


def test_gradual_unfreezing_starts_with_the_last_stage():
    network = build(encoder_training="gradual").train()
    network.freeze_until(1)
    network(torch.randn(4, 1, 64, 64)).logits.sum().backward()
    network.drop_frozen_gradients()
    assert network.encoder.layer3[0].conv1.weight.grad is None
    assert network.encoder.layer4[0].conv1.weight.grad is not None
    assert not network.encoder.layer3.training
    network.freeze_until(99)
    assert network.encoder.conv1.training


def test_residual_blocks_from_scratch_start_at_work():
    assert (build().encoder.layer4[1].bn2.weight == 1).all()


@pytest.mark.parametrize("encoder", ["vit_tiny_patch16_224", "swin_tiny_patch4_window7_224"])
def test_encoder_without_a_spatial_map_refuses_to_explain(encoder):
    with pytest.raises(ConfigError, match="convolutional"):
        _ = build(size=224, encoder=encoder).attention_layer


@pytest.mark.parametrize(
    ("encoder", "least"), [("densenet121", 4), ("efficientnet_b0", 3), ("convnext_atto", 3)]
)
def test_stages_are_those_of_the_maps_and_hold_every_weight(encoder, least):
    network = build(encoder=encoder)
    found = stages(network.encoder)
    held = [id(parameter) for stage in found for parameter in stage.parameters()]
    assert len(found) >= least
    assert sorted(held) == sorted(id(parameter) for parameter in network.encoder.parameters())
