"""From settings to a network of the X-ray classifier."""

from datamodules.data_info import DataInfo
from lightning_modules.configs.xray_networks import (
    AttentionMapNetworkConfig,
    TwoStreamNetworkConfig,
    XrayNetwork,
)
from lightning_modules.networks.attention_map import AttentionMapClassifier
from lightning_modules.networks.classifier import ClassifierNetwork
from lightning_modules.networks.timm_classifier import TimmClassifier
from lightning_modules.networks.two_stream import TwoStreamClassifier


def build_network(
    config: XrayNetwork, data: DataInfo, *, load_weights: bool = True
) -> ClassifierNetwork:
    """Build the network that settings name.

    Args:
        config: Settings.
        data: What is known of the data.
        load_weights: False leaves out published or local weights: a checkpoint follows.

    Raises:
        ConfigError: If there is no such encoder, it does not fit the images, or its weights
            cannot be had.
    """
    network = _build(config, data, load_weights)
    if config.encoder_training == "frozen":
        network.freeze_encoder()
    return network


def _build(config: XrayNetwork, data: DataInfo, load_weights: bool) -> ClassifierNetwork:
    match config:
        case AttentionMapNetworkConfig():
            return AttentionMapClassifier(config, data, load_weights=load_weights)
        case TwoStreamNetworkConfig():
            return TwoStreamClassifier(config, data, load_weights=load_weights)
        case _:
            return TimmClassifier(config, data, load_weights=load_weights)
