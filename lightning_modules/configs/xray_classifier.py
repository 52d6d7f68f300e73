"""What can be set about the X-ray classifier."""

from typing import Literal

from lightning_modules.configs.classifier import ClassifierConfig
from lightning_modules.configs.xray_networks import TimmNetworkConfig, XrayNetwork


class XrayClassifierConfig(ClassifierConfig):
    """Classifies 2D X-rays: binary, one of many classes, or many labels, some of them missing."""

    kind: Literal["xray-classifier"] = "xray-classifier"
    network: XrayNetwork = TimmNetworkConfig()
    """What looks at the images."""
