"""From settings to a network of the detector."""

from collections.abc import Sequence

from torch import Tensor

from datamodules.data_info import DetectionInfo
from datamodules.errors import ConfigError
from lightning_modules.configs.detection_networks import (
    AnchorSettings,
    DetectorNetwork,
    FasterRCNNConfig,
    LevelSettings,
    RetinaNetConfig,
    SingleBoxConfig,
)
from lightning_modules.networks.anchors import finest_stride, fit_anchors
from lightning_modules.networks.coco_weights import check_coco_weights
from lightning_modules.networks.detection import DetectionNetwork
from lightning_modules.networks.detection_encoders import (
    build_detection_encoder,
    build_pyramid,
    check_encoder,
)
from lightning_modules.networks.faster_rcnn import FasterRCNN
from lightning_modules.networks.grid_detector import GridDetector
from lightning_modules.networks.retinanet import RetinaNetwork
from lightning_modules.networks.single_box import SingleBoxNetwork

PYRAMID_FEATURES = {2: 64, 3: 32}


def build_detection_network(
    config: DetectorNetwork, info: DetectionInfo, *, load_weights: bool = True
) -> DetectionNetwork:
    """Build the network that settings name.

    Args:
        config: Settings.
        info: What is known of the data; a patch of two numbers makes a 2D network. Strides and
            anchors follow the boxes of training.
        load_weights: False when the weights of a checkpoint follow.

    Raises:
        ConfigError: If settings do not fit the data or one another, or weights cannot be had.
    """
    axes = len(info.patch)
    check_network(config, info.patch, load_weights=load_weights)
    if isinstance(config, SingleBoxConfig):
        encoder = build_detection_encoder(
            config, info.channels, axes, config.reduction, load_weights=load_weights
        )
        return SingleBoxNetwork(config, info, encoder)
    strides = level_strides(config, info.box_sizes)
    features = config.pyramid_features or PYRAMID_FEATURES[axes]
    pyramid = build_pyramid(
        config, info.channels, axes, strides, features, load_weights=load_weights
    )
    anchors = anchors_for(config, info.box_sizes, axes)
    match config:
        case FasterRCNNConfig():
            return FasterRCNN(config, info, pyramid, strides, anchors, load_weights=load_weights)
        case RetinaNetConfig():
            return RetinaNetwork(config, info, pyramid, strides, anchors)
        case _:
            return GridDetector(config, info, pyramid, strides, anchors)


def check_network(
    config: DetectorNetwork, patch: Sequence[int], *, load_weights: bool = True
) -> None:
    """Look whether a network is one for such patches, and its files are there, without building it.

    Raises:
        ConfigError: If not.
    """
    check_encoder(config, len(patch), load_weights=load_weights)
    if not isinstance(config, FasterRCNNConfig):
        return
    if len(patch) == 3:
        raise ConfigError(
            "faster-rcnn is for 2D patches (data.patch): for volumes choose --task.network.kind "
            "retinanet or grid"
        )
    if load_weights and config.coco_weights is not None:
        check_coco_weights(config.coco_weights)


def level_strides(config: LevelSettings, box_sizes: Sequence[Sequence[float]]) -> tuple[int, ...]:
    """Voxels between neighbouring places of each map, from the finest to the coarsest."""
    finest = config.finest_stride or finest_stride(box_sizes)
    return tuple(finest * 2**level for level in range(config.levels))


def anchors_for(config: LevelSettings, box_sizes: Sequence[Sequence[float]], axes: int) -> Tensor:
    """Anchors fitted to boxes, or a typical object of each map where a network has no anchors.

    Args:
        config: Settings.
        box_sizes: Sides of boxes of training in voxels, ``(N, axes)``.
        axes: Of the images.

    Returns:
        Sides float32 ``(levels, anchors, axes)``.
    """
    per_level = config.anchors if isinstance(config, AnchorSettings) else 1
    return fit_anchors(box_sizes, level_strides(config, box_sizes), per_level, axes)
