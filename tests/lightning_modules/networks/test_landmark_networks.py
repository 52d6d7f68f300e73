"""Networks of the landmarker: what they learn from, and that they learn it."""

import pytest
import torch
from torch import Tensor

from datamodules.errors import ConfigError
from datamodules.landmark_info import LandmarkInfo
from lightning_modules.configs.landmark_losses import (
    AdaptiveWingHeatmap,
    BceHeatmap,
    CrossEntropyHeatmap,
    L1Coordinates,
    MseHeatmap,
    NoCoordinates,
    NoHeatmap,
    WingCoordinates,
)
from lightning_modules.configs.landmark_networks import (
    CoarseToFineConfig,
    HeatmapUNetConfig,
    LandmarkNetworkConfig,
    PointRegressorConfig,
)
from lightning_modules.configs.segmentation_networks import UNetConfig
from lightning_modules.losses.heatmaps import gaussian_heatmaps
from lightning_modules.networks.coarse_to_fine import cut_crops
from lightning_modules.networks.landmark_networks import build_landmark_network

SMALL = UNetConfig(base_features=8, max_features=32, deep_supervision=False)
ONE = torch.tensor([[[20.3, 11.6], [9.0, 25.2]]])
CONFIGS: dict[str, LandmarkNetworkConfig] = {
    "cross-entropy": HeatmapUNetConfig(unet=SMALL),
    "mse": HeatmapUNetConfig(
        unet=SMALL,
        heatmap_loss=MseHeatmap(learned_sigma=True),
        coordinate_loss=NoCoordinates(),
    ),
    "bce": HeatmapUNetConfig(
        unet=SMALL, heatmap_loss=BceHeatmap(), coordinate_loss=NoCoordinates()
    ),
    "adaptive-wing": HeatmapUNetConfig(
        unet=SMALL, heatmap_loss=AdaptiveWingHeatmap(), coordinate_loss=NoCoordinates()
    ),
    "coordinates": HeatmapUNetConfig(
        unet=SMALL, heatmap_loss=NoHeatmap(), coordinate_loss=WingCoordinates(weight=1)
    ),
    "coarse-to-fine": CoarseToFineConfig(coarse=SMALL, fine=SMALL, reduction=2, crop=16),
    "point-regressor": PointRegressorConfig(base_features=8, reduction=8, hidden=32),
}


def info_of(patch: tuple[int, ...], *, whole: bool = True) -> LandmarkInfo:
    """Two landmarks."""
    axes = len(patch)
    mean = ((0.5,) * axes, (0.4,) * axes)
    return LandmarkInfo(("a", "b"), 1, patch, (1.0,) * axes, whole=whole, mean_points=mean)


def drawn(points: Tensor, size: tuple[int, ...]) -> Tensor:
    """A bright and a dark spot."""
    spots = gaussian_heatmaps(points, size, 2.0)
    return spots[:, :1] - spots[:, 1:]


@pytest.mark.parametrize("name", CONFIGS)
def test_overfits_one_image(name: str) -> None:
    torch.manual_seed(0)
    network = build_landmark_network(CONFIGS[name], info_of((32, 32)))
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3)
    image = drawn(ONE, (32, 32))
    for _ in range(220 if name == "bce" else 110):
        optimizer.zero_grad()
        network.losses(image, ONE)["loss"].backward()
        optimizer.step()
    with torch.no_grad():
        found = network.eval().locate(image)
    assert (found.points - ONE).norm(dim=2).max() < 1.5
    assert found.confidence.shape == (1, 2)


@pytest.mark.parametrize("name", CONFIGS)
def test_runs_in_3d(name: str) -> None:
    network = build_landmark_network(CONFIGS[name], info_of((32, 32, 32)))
    points = torch.tensor([[[20.3, 11.6, 15.0], [9.0, 25.2, 6.0]]])
    losses = network.losses(drawn(points, (32, 32, 32)), points)
    losses["loss"].backward()
    found = network.eval().locate(drawn(points, (32, 32, 32)))
    assert found.points.shape == (1, 2, 3)
    assert losses["loss"].isfinite()


@pytest.mark.parametrize("name", CONFIGS)
def test_what_is_not_marked_teaches_nothing(name: str) -> None:
    torch.manual_seed(0)
    network = build_landmark_network(CONFIGS[name], info_of((32, 32))).eval()
    image, nothing = drawn(ONE, (32, 32)), torch.full_like(ONE, float("nan"))
    loss = network.losses(image, nothing)["loss"]
    assert loss.item() == 0
    loss.backward()
    gradients = [each.grad for each in network.parameters() if each.grad is not None]
    assert all(gradient.isfinite().all() for gradient in gradients)
    half = ONE.clone()
    half[0, 1] = torch.nan
    torch.manual_seed(1)
    assert network.losses(image, half)["loss"].isfinite()


def test_a_landmark_beyond_the_patch_teaches_an_empty_map_where_maps_may_be_empty() -> None:
    outside = torch.tensor([[[20.3, 11.6], [9.0, 60.0]]])
    image = drawn(ONE, (32, 32))
    for name, taught in (("bce", True), ("cross-entropy", False)):
        torch.manual_seed(0)
        network = build_landmark_network(CONFIGS[name], info_of((32, 32)))
        network.losses(image, outside)["loss"].backward()
        head = network.unet.heads[0].bias.grad  # type: ignore[union-attr, index]
        assert bool(head[1] != 0) is taught


def test_crops_lie_where_they_are_asked_for_and_are_empty_beyond_the_image() -> None:
    image = torch.arange(64.0).reshape(1, 1, 8, 8)
    corners = torch.tensor([[[2.0, 3.0], [-2.0, 6.0], [50.0, 0.0]]])
    crops = cut_crops(image, corners, 4)
    assert crops.shape == (3, 1, 4, 4)
    assert crops[0, 0].equal(image[0, 0, 2:6, 3:7])
    assert crops[1, 0, :2].abs().sum() == 0
    assert crops[1, 0, 2:, :2].equal(image[0, 0, :2, 6:])
    assert crops[2].abs().sum() == 0


def test_crops_of_volumes_keep_their_channels_apart() -> None:
    image = torch.randn(2, 3, 6, 7, 8)
    corners = torch.tensor([[[1.0, 2.0, 3.0]], [[0.0, 0.0, 0.0]]])
    crops = cut_crops(image, corners, 2)
    assert crops[0].equal(image[0, :, 1:3, 2:4, 3:5])
    assert crops[1].equal(image[1, :, :2, :2, :2])


@pytest.mark.parametrize("name", ["cross-entropy", "coarse-to-fine", "point-regressor"])
def test_only_maps_that_may_be_empty_are_for_images_larger_than_a_patch(name: str) -> None:
    with pytest.raises(ConfigError, match=r"larger than a patch"):
        build_landmark_network(CONFIGS[name], info_of((32, 32), whole=False))
    build_landmark_network(CONFIGS["bce"], info_of((32, 32), whole=False))


@pytest.mark.parametrize(
    "config",
    [
        HeatmapUNetConfig(heatmap_loss=NoHeatmap(), coordinate_loss=NoCoordinates()),
        PointRegressorConfig(coordinate_loss=NoCoordinates()),
    ],
)
def test_nothing_to_learn_from_is_refused(config: LandmarkNetworkConfig) -> None:
    with pytest.raises(ConfigError, match=r"learn"):
        build_landmark_network(config, info_of((32, 32)))


def test_parts_of_the_loss_add_up() -> None:
    config = HeatmapUNetConfig(
        unet=SMALL, heatmap_loss=CrossEntropyHeatmap(), coordinate_loss=L1Coordinates(weight=0.5)
    )
    losses = build_landmark_network(config, info_of((32, 32))).losses(drawn(ONE, (32, 32)), ONE)
    total = losses["heatmap_loss"] + 0.5 * losses["coordinate_loss"]
    torch.testing.assert_close(losses["loss"], total)
