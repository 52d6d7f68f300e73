"""What can be set about the slide classifier."""

from typing import Literal

from pydantic import Field

from lightning_modules.configs.bag_networks import BagNetwork, GatedAttentionPoolingConfig
from lightning_modules.configs.classifier import ClassifierConfig
from lightning_modules.configs.optimizers import AdamWConfig, Optimizer


class SlideClassifierConfig(ClassifierConfig):
    """Classifies whole slides, or patients by all of their slides: multiple-instance learning."""

    kind: Literal["slide-classifier"] = "slide-classifier"
    network: BagNetwork = GatedAttentionPoolingConfig()
    """How the tiles of a bag become one vector."""
    optimizer: Optimizer = AdamWConfig(lr=3e-4, weight_decay=1e-4)
    """How training minimises the loss."""
    attention_entropy: float = Field(default=0.0, ge=0)
    """Weight of a term that keeps attention from settling on few tiles: 1 less the entropy of the
    weights of a bag, as a share of what it could be."""
    tile_loss: float = Field(default=0.0, ge=0)
    """Weight of a loss of single tiles: those that attention weighs most are to show the label of
    their case, those that it weighs least are not (CLAM; Lu et al., Nature BME 2021)."""
    tiles_told: int = Field(default=8, ge=1, le=512)
    """With a tile loss: tiles of a case at either end."""
