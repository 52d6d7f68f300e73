import pytest
import torch
from monai.networks.nets.resnet import resnet10, resnet18

from datamodules.errors import ConfigError
from lightning_modules.configs.volume_networks import ResNet3dConfig
from lightning_modules.networks.volume_encoders import build_volume_encoder

NETWORKS = {
    10: (resnet10, {"shortcut_type": "B", "bias_downsample": False}),
    18: (resnet18, {"shortcut_type": "A"}),
}
WIDTH = 4
"""Of MedicalNet's own 64, so that the files are small."""


@pytest.fixture
def published(tmp_path):
    """Write a file as MedicalNet publishes it; returns the network that it is of."""

    def write(depth=10, change=lambda _: None):
        build, shortcut = NETWORKS[depth]
        network = build(
            spatial_dims=3,
            n_input_channels=1,
            conv1_t_stride=2,
            widen_factor=WIDTH / 64,
            feed_forward=False,
            **shortcut,
        )
        for name, buffer in network.named_buffers():
            if name.endswith("running_var"):
                buffer.uniform_(0.5, 2)
        tensors = {f"module.{name}": each for name, each in network.state_dict().items()}
        change(tensors)
        torch.save({"state_dict": tensors}, tmp_path / "resnet.pth")
        return network.eval()

    return write


def load(tmp_path, channels=1, stem="standard", depth=10, base_features=WIDTH):
    config = ResNet3dConfig(
        depth=depth,
        base_features=base_features,
        stem=stem,
        weights=str(tmp_path / "resnet.pth"),
    )
    return build_volume_encoder(config, channels, (32, 32, 32), load_weights=True).eval()


@pytest.mark.parametrize("depth", NETWORKS)
def test_the_encoder_is_the_network_that_was_published(published, tmp_path, depth):
    network, volumes = published(depth), torch.randn(2, 1, 32, 32, 32)
    found = load(tmp_path, depth=depth)(volumes)
    assert torch.allclose(found, network(volumes), rtol=1e-4, atol=1e-5)


def test_equal_channels_are_seen_as_the_one_of_the_file(published, tmp_path):
    network, volume = published(), torch.randn(1, 1, 32, 32, 32)
    found = load(tmp_path, channels=3)(volume.expand(-1, 3, -1, -1, -1))
    assert torch.allclose(found, network(volume), rtol=1e-4, atol=1e-5)


def test_a_small_stem_takes_the_middle_of_the_first_layer(published, tmp_path):
    network = published()
    weight = load(tmp_path, stem="small").stem.conv.weight
    assert torch.equal(weight, network.conv1.weight[..., 2:5, 2:5, 2:5])


def test_weights_of_a_checkpoint_that_follows_need_no_file():
    config = ResNet3dConfig(depth=10, base_features=4, weights="nowhere.pth")
    assert build_volume_encoder(config, 1, (32, 32, 32), load_weights=False)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda it: it.pop("module.layer1.0.conv1.weight"), "it has no layer1.0.conv1.weight"),
        (lambda it: it.update({"module.fc.weight": torch.zeros(1)}), "it has a fc.weight"),
        (lambda it: it.update(more="text"), "it is no table of tensors"),
    ],
)
def test_a_file_with_other_content_is_refused(published, tmp_path, change, said):
    published(change=change)
    with pytest.raises(ConfigError, match=f"ResNet-10 with 4 base features: {said}"):
        load(tmp_path)


def test_a_network_of_another_width_is_refused(published, tmp_path):
    published()
    with pytest.raises(
        ConfigError, match=r"conv1.weight has the shape \(4, 1, 7, 7, 7\), and not \(8"
    ):
        load(tmp_path, base_features=8)


def test_a_file_of_another_depth_is_refused(published, tmp_path):
    published(depth=18)
    with pytest.raises(ConfigError, match="weights of a ResNet-10"):
        load(tmp_path)


def test_a_file_that_holds_no_tensors_is_refused(tmp_path):
    (tmp_path / "resnet.pth").write_bytes(b"nonsense")
    with pytest.raises(ConfigError, match=r"does not hold MedicalNet's weights.*\n.*each --task"):
        load(tmp_path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"there is no file .*resnet\.pth"):
        load(tmp_path)


def test_counts_of_batches_may_be_missing(published, tmp_path):
    def forget(tensors):
        for name in [name for name in tensors if name.endswith("num_batches_tracked")]:
            del tensors[name]

    published(change=forget)
    assert load(tmp_path)
