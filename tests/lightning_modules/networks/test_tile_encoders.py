import numpy as np
import pytest
import timm
import torch

from datamodules.errors import ConfigError
from lightning_modules.configs.classifier_networks import TimmEncoderSettings
from lightning_modules.networks.tile_encoders import FrozenTileEncoder


def encoder(name, **settings):
    return FrozenTileEncoder(TimmEncoderSettings(encoder=name, pretrained=False), **settings)


def tiles(side=32, count=3):
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3)).astype(np.uint8)


def test_features_are_those_of_timm_on_normalised_colours():
    own = encoder("resnet10t")
    known = timm.get_pretrained_cfg("resnet10t")
    mean, deviation = (torch.tensor(each).view(1, 3, 1, 1) for each in (known.mean, known.std))
    images = (torch.from_numpy(tiles()).permute(0, 3, 1, 2) / 255 - mean) / deviation
    with torch.no_grad():
        expected = own.network(images)
    np.testing.assert_allclose(own.encode(tiles()), expected, atol=2e-3)
    assert own.encode(tiles()).dtype == np.float16


def test_random_weights_are_always_the_same():
    torch.manual_seed(5)
    one = encoder("resnet10t").encode(tiles())
    torch.manual_seed(6)
    np.testing.assert_array_equal(encoder("resnet10t").encode(tiles()), one)


def test_building_draws_nothing_from_the_global_state():
    torch.manual_seed(5)
    encoder("resnet10t").encode(tiles())
    drawn = torch.rand(1)
    torch.manual_seed(5)
    assert torch.rand(1) == drawn


def test_a_transformer_takes_tiles_of_another_size():
    assert encoder("vit_tiny_patch16_224").encode(tiles(64)).shape == (3, 192)


def test_an_encoder_of_one_size_says_so():
    with pytest.raises(ConfigError, match=r"tiles of 64 x 64 pixels.*--data\.tiles\.size"):
        encoder("swin_tiny_patch4_window7_224").encode(tiles(64))


def test_identity_is_known_without_building(monkeypatch):
    own = encoder("resnet50")
    assert own.identity["weights"] == "random, seed 0"
    assert "network" not in vars(own)


def test_weights_of_files_are_told_apart_by_their_content(tmp_path):
    identities = []
    for content in (b"a", b"b"):
        (tmp_path / "w.safetensors").write_bytes(content)
        settings = TimmEncoderSettings(encoder="resnet10t", weights=str(tmp_path / "w.safetensors"))
        identities.append(FrozenTileEncoder(settings).identity["weights"])
    assert identities[0] != identities[1]
