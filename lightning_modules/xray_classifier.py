"""The X-ray classifier: binary, one of many classes, or many labels, some of them missing."""

from datamodules.data_info import DataInfo
from lightning_modules.classifier import Classifier
from lightning_modules.configs.xray_classifier import XrayClassifierConfig
from lightning_modules.networks.xray_networks import build_network


class XrayClassifier(Classifier):
    """Classifies 2D X-rays.

    Args:
        config: Settings.
        data: What is known of the data: labels, their counts in training, image size.
        load_weights: False when the weights of a checkpoint follow.
    """

    def __init__(
        self, config: XrayClassifierConfig, data: DataInfo, *, load_weights: bool = True
    ) -> None:
        super().__init__(
            config, data, build_network(config.network, data, load_weights=load_weights)
        )
