"""What can be set about the landmarker."""

from typing import Literal

from pydantic import Field

from datamodules.schema import LocalPath, Settings
from lightning_modules.configs.landmark_measures import Measure, PointGroupConfig
from lightning_modules.configs.landmark_networks import HeatmapUNetConfig, LandmarkNetworkConfig
from lightning_modules.configs.optimizers import AdamWConfig, Optimizer


class LandmarkInferenceConfig(Settings):
    """How a whole case is looked at."""

    mirror: bool = False
    """Look at the mirror image too, where training mirrors, and take the mean."""
    overlap: float = Field(default=0.5, ge=0, lt=1)
    """Of images larger than a patch: share of a window that the next one sees again."""
    batch_size: int = Field(default=1, ge=1)
    """Windows a forward pass."""


class LandmarkerConfig(Settings):
    """Finds landmarks in images and volumes."""

    kind: Literal["landmarker"] = "landmarker"
    network: LandmarkNetworkConfig = HeatmapUNetConfig()
    """What looks at the images, and what it is trained with."""
    optimizer: Optimizer = AdamWConfig(lr=3e-3, weight_decay=1e-4)
    """How training minimises its loss."""
    inference: LandmarkInferenceConfig = LandmarkInferenceConfig()
    """How a whole case is looked at."""
    groups: tuple[PointGroupConfig, ...] = ()
    """Landmarks whose errors are also reported together."""
    measures: tuple[Measure, ...] = ()
    """What is measured from the landmarks of a case: distances, extents, angles, ratios."""
    monitor: str = "mre_px"
    """Validation metric that selects the best checkpoint, and that early stopping watches."""
    init_from: LocalPath | None = None
    """Run folder or checkpoint to take weights from; a head that does not fit is left out."""
