import pytest
import torch

from datamodules.data_info import DataInfo, LabelSet
from datamodules.errors import ConfigError
from lightning_modules.configs.bag_networks import (
    AttentionPoolingConfig,
    GatedAttentionPoolingConfig,
    MaxPoolingConfig,
    MeanPoolingConfig,
    MultiHeadPoolingConfig,
    TileNetworkSettings,
    TransformerPoolingConfig,
)
from lightning_modules.configs.slide_classifier import SlideClassifierConfig
from lightning_modules.networks.bag_networks import build_bag_network
from lightning_modules.networks.pooling import mean_of_cases, weighted_sum_of_cases
from lightning_modules.slide_classifier import SlideClassifier

KINDS = (
    AttentionPoolingConfig,
    GatedAttentionPoolingConfig,
    MaxPoolingConfig,
    MeanPoolingConfig,
    MultiHeadPoolingConfig,
    TransformerPoolingConfig,
)
TILES = TileNetworkSettings(encoder="resnet10t", pretrained=False)


def info(size=(), channels=12, **more):
    return DataInfo(LabelSet(("a", "b"), False), (4, 4), (4, 4), channels, size, **more)


def batch(tiles=(5, 3), channels=12, side=None):
    shape = (sum(tiles), channels) if side is None else (sum(tiles), 3, side, side)
    image = torch.randn(shape) if side is None else torch.randint(0, 255, shape).to(torch.uint8)
    return {
        "image": image,
        "target": torch.tensor([[1.0, 0.0], [0.0, 1.0]]),
        "table": torch.zeros(2, 0),
        "case_of": torch.repeat_interleave(torch.arange(2), torch.tensor(tiles)),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_is_trained(kind):
    torch.manual_seed(0)
    weighs = kind not in (MeanPoolingConfig, MaxPoolingConfig)
    for tile_loss in (0.0, 0.5) if weighs else (0.0,):
        task = SlideClassifierConfig(network=kind(hidden=(16,)), tile_loss=tile_loss)
        module = SlideClassifier(task, info())
        module.train()
        module.compute_loss(batch((20, 30)))["loss"].backward()
        assert all(own.grad is not None for own in module.parameters())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_many_tiles_are_summed_in_full_precision(dtype):
    tiles = torch.ones(70_000, 2, dtype=dtype)
    bag = torch.zeros(len(tiles), dtype=int)
    assert mean_of_cases(tiles, bag, 1).tolist() == [[1, 1]]
    even = torch.full((len(tiles),), 1 / len(tiles))
    pooled = weighted_sum_of_cases(tiles, even, bag, 1)
    torch.testing.assert_close(pooled, torch.ones(1, 2, dtype=dtype))


@pytest.mark.parametrize("kind", KINDS)
def test_a_few_bags_are_learned_by_heart(kind):
    torch.manual_seed(0)
    module = SlideClassifier(SlideClassifierConfig(network=kind(hidden=(16,), dropout=0)), info())
    optimizer = torch.optim.Adam(module.parameters(), 1e-2)
    fixed = batch((6, 9))
    for _ in range(80):
        optimizer.zero_grad()
        loss = module.compute_loss(fixed)["loss"]
        loss.backward()
        optimizer.step()
    assert loss < 0.05


def test_features_are_scaled_by_what_training_saw():
    scaled = info(channels=2, feature_mean=(1.0, 5.0), feature_deviation=(2.0, 0.0))
    network = build_bag_network(MeanPoolingConfig(hidden=()), scaled)
    assert network.scale(torch.tensor([[3.0, 7.0]])).tolist() == [[1.0, 0.0]]


def test_tiles_and_checkpointing_give_the_same_gradients():
    losses, gradients = [], []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        network = GatedAttentionPoolingConfig(
            hidden=(16,), dropout=0, tiles=TILES, checkpointing=checkpointing
        )
        module = SlideClassifier(SlideClassifierConfig(network=network), info((32, 32), 3))
        module.train()
        torch.manual_seed(1)
        loss = module.compute_loss(batch(side=32))["loss"]
        loss.backward()
        losses.append(loss.detach())
        gradients.append([own.grad for own in module.network.encoder.parameters()])
    torch.testing.assert_close(losses[0], losses[1])
    torch.testing.assert_close(gradients[0], gradients[1])


def test_a_few_tiles_at_a_time_give_the_same_logits():
    torch.manual_seed(0)
    network = build_bag_network(
        GatedAttentionPoolingConfig(tiles=TILES, tiles_at_once=3), info((32, 32), 3)
    ).eval()
    tiles = batch(side=32)
    with torch.no_grad():
        parts = network.classify(tiles).logits
        network.images_at_once = None
        torch.testing.assert_close(parts, network.classify(tiles).logits)


def test_heads_that_do_not_divide_the_features_are_refused():
    with pytest.raises(ConfigError, match="7 heads do not divide the 16"):
        build_bag_network(TransformerPoolingConfig(hidden=(16,), heads=7), info())
