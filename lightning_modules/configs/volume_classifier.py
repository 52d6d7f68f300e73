"""What can be set about the volume classifier."""

from typing import Literal

from lightning_modules.configs.classifier import ClassifierConfig
from lightning_modules.configs.optimizers import AdamWConfig, Optimizer
from lightning_modules.configs.volume_networks import ResNet3dConfig, VolumeNetwork


class VolumeClassifierConfig(ClassifierConfig):
    """Classifies CT, MRI and PET: a diagnosis from a whole volume, its patches, or its slices."""

    kind: Literal["volume-classifier"] = "volume-classifier"
    network: VolumeNetwork = ResNet3dConfig()
    """What looks at the volumes."""
    optimizer: Optimizer = AdamWConfig(lr=1e-4)
    """How training minimises the loss."""
    mirror: bool = False
    """Average the probabilities of each volume over its mirror images, along the axes that training
    mirrors; two to eight times the time."""
