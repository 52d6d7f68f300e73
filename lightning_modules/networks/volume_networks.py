"""From settings to a network of the volume classifier."""

from datamodules.data_info import DataInfo
from lightning_modules.configs.volume_networks import (
    ResNet3dConfig,
    SliceNetworkConfig,
    VolumeNetwork,
)
from lightning_modules.networks.classifier import ClassifierNetwork
from lightning_modules.networks.encoder3d_classifier import Encoder3dClassifier
from lightning_modules.networks.medicalnet import check_medicalnet
from lightning_modules.networks.slice_classifier import SliceClassifier
from lightning_modules.networks.timm_encoders import check_encoder


def build_volume_network(
    config: VolumeNetwork, data: DataInfo, *, load_weights: bool = True
) -> ClassifierNetwork:
    """Build the network that settings name.

    Args:
        config: Settings.
        data: What is known of the data; its size is three numbers.
        load_weights: False leaves out published or local weights: a checkpoint follows.

    Raises:
        ConfigError: If there is no such encoder, it does not fit the volumes, or its weights
            cannot be had.
    """
    network: ClassifierNetwork
    if isinstance(config, SliceNetworkConfig):
        network = SliceClassifier(config, data, load_weights=load_weights)
    else:
        network = Encoder3dClassifier(config, data, load_weights=load_weights)
    if config.encoder_training == "frozen":
        network.freeze_encoder()
    return network


def check_volume_network(config: VolumeNetwork) -> None:
    """Look whether the encoder of a network and its local weights exist, without building it.

    Raises:
        ConfigError: If not.
    """
    if isinstance(config, SliceNetworkConfig):
        check_encoder(config)
    elif isinstance(config, ResNet3dConfig):
        check_medicalnet(config)
