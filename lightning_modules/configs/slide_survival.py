"""What can be set about survival from slides."""

from typing import Literal

from datamodules.schema import LocalPath, Settings
from lightning_modules.configs.bag_networks import BagNetwork, GatedAttentionPoolingConfig
from lightning_modules.configs.optimizers import AdamWConfig, Optimizer


class SlideSurvivalConfig(Settings):
    """Predicts the survival of patients from their slides: a hazard for each interval of time."""

    kind: Literal["slide-survival"] = "slide-survival"
    network: BagNetwork = GatedAttentionPoolingConfig()
    """How the tiles of a bag become one vector."""
    optimizer: Optimizer = AdamWConfig(lr=3e-4, weight_decay=1e-4)
    """How training minimises the negative log-likelihood."""
    monitor: str = "nll_loss"
    """Validation metric that selects the best checkpoint, and that early stopping watches: nll_loss
    or c_index."""
    init_from: LocalPath | None = None
    """Run folder or checkpoint to take weights from; a head that does not fit is left out."""
