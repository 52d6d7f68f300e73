"""From settings to a network of the landmarker."""

from datamodules.errors import ConfigError
from datamodules.landmark_info import LandmarkInfo
from lightning_modules.configs.landmark_networks import (
    CoarseToFineConfig,
    HeatmapSettings,
    LandmarkNetworkConfig,
    PointRegressorConfig,
)
from lightning_modules.networks.coarse_to_fine import CoarseToFine
from lightning_modules.networks.detection_encoders import build_detection_encoder, check_encoder
from lightning_modules.networks.heatmap_unet import HeatmapUNet
from lightning_modules.networks.landmarks import LandmarkNetwork
from lightning_modules.networks.point_regressor import PointRegressor


def build_landmark_network(
    config: LandmarkNetworkConfig, info: LandmarkInfo, *, load_weights: bool = True
) -> LandmarkNetwork:
    """Build the network that settings name.

    Args:
        config: Settings.
        info: What is known of the data; a patch of two numbers makes a 2D network.
        load_weights: False when the weights of a checkpoint follow.

    Raises:
        ConfigError: If settings do not fit the data or one another, or weights cannot be had.
    """
    check_landmark_network(config, info.patch, load_weights=load_weights)
    _check_sight(config, info)
    match config:
        case PointRegressorConfig():
            encoder = build_detection_encoder(
                config, info.channels, len(info.patch), config.reduction, load_weights=load_weights
            )
            return PointRegressor(config, info, encoder)
        case CoarseToFineConfig():
            return CoarseToFine(config, info)
        case _:
            return HeatmapUNet(config, info)


def check_landmark_network(
    config: LandmarkNetworkConfig, patch: tuple[int, ...], *, load_weights: bool = True
) -> None:
    """Look for faults of settings that need no data.

    Raises:
        ConfigError: If there are any.
    """
    if isinstance(config, PointRegressorConfig):
        check_encoder(config, len(patch), load_weights=load_weights)
        if config.coordinate_loss.kind == "none":
            raise ConfigError(
                "--task.network.coordinate-loss.kind none: coordinates are all that a"
                " point-regressor learns from; choose l1, mse or wing"
            )
    elif config.heatmap_loss.kind == "none" and config.coordinate_loss.kind == "none":
        raise ConfigError(
            "--task.network.heatmap-loss.kind and coordinate-loss.kind are both none: there is"
            " nothing to learn from"
        )


def _check_sight(config: LandmarkNetworkConfig, info: LandmarkInfo) -> None:
    """Only heatmaps that may be empty can be learned and put together in windows."""
    if info.whole:
        return
    what = "images are larger than a patch (data.patch)"
    way = "a larger patch, or coarser images (--data.preprocessing.spacing-mm)"
    if not isinstance(config, HeatmapSettings) or config.kind == "coarse-to-fine":
        raise ConfigError(f"{what}, and a {config.kind} sees the whole image: {way}")
    if config.heatmap_loss.kind in {"cross-entropy", "none"} or (
        config.coordinate_loss.kind != "none"
    ):
        raise ConfigError(
            f"{what}, so that a landmark may be absent from what is seen: take {way}; or a heatmap"
            " that may be empty, --task.network.heatmap-loss.kind bce"
            " --task.network.coordinate-loss.kind none"
        )
