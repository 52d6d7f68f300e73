"""What can be set about every classifier, of films and of volumes."""

from datamodules.schema import LocalPath, Settings
from lightning_modules.configs.losses import ClassificationLoss, CrossEntropyConfig
from lightning_modules.configs.operating_points import OperatingPoint, YoudenConfig
from lightning_modules.configs.optimizers import AdamWConfig, Optimizer


class ClassifierConfig(Settings):
    """Binary, one of many classes, or many labels, some of them missing."""

    loss: ClassificationLoss = CrossEntropyConfig()
    """What training minimises."""
    optimizer: Optimizer = AdamWConfig(encoder_lr=1e-4)
    """How training minimises it."""
    operating_point: OperatingPoint = YoudenConfig()
    """How the threshold of each label is chosen on validation."""
    monitor: str = "log_loss"
    """Validation metric that selects the best checkpoint, and that early stopping watches."""
    init_from: LocalPath | None = None
    """Run folder or checkpoint to take weights from; a head that does not fit is left out."""
