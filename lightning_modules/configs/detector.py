"""What can be set about the detector."""

from typing import Literal

from pydantic import Field

from datamodules.schema import LocalPath, Settings
from lightning_modules.configs.detection_networks import DetectorNetwork, GridConfig
from lightning_modules.configs.detector_operating_points import BestF1Config, DetectorOperatingPoint
from lightning_modules.configs.optimizers import AdamWConfig, Optimizer


class DetectionInferenceConfig(Settings):
    """How a whole case is looked at."""

    windows: bool = False
    """Look at windows of the size of a patch, as volumes and large images need it; off: at the
    whole case at once."""
    overlap: float = Field(default=0.25, ge=0, lt=1)
    """Share of a window that the next one sees again: what is larger may be cut in two."""
    batch_size: int = Field(default=1, ge=1)
    """Windows a forward pass."""
    mirror: bool = False
    """Look at mirror images too, along every axis that training mirrors, and fuse the boxes."""


class SuppressionConfig(Settings):
    """Which of the boxes that overlap are one object; chosen on validation among these."""

    iou: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
    """Of two boxes of a class that overlap more than this, the lower score is left out."""
    smallest: tuple[float, ...] = (0.0,)
    """Boxes with a side below this, in pixels (voxels) of the file, are left out."""


class DetectorConfig(Settings):
    """Finds objects in images and volumes, and draws boxes around them."""

    kind: Literal["detector"] = "detector"
    network: DetectorNetwork = GridConfig()
    """What looks at the images."""
    optimizer: Optimizer = AdamWConfig(lr=1e-3, weight_decay=1e-4)
    """How training minimises its loss."""
    inference: DetectionInferenceConfig = DetectionInferenceConfig()
    """How a whole case is looked at."""
    suppression: SuppressionConfig = SuppressionConfig()
    """Which of the boxes that overlap are one object."""
    operating_point: DetectorOperatingPoint = BestF1Config()
    """Score from which a box is shown; rankings (AP, FROC) do without."""
    hit_rule: Literal["iou", "centre", "radius"] = "iou"
    """What finds an object in FROC and at the operating point: a box that overlaps it, one whose
    centre lies in it, or one whose centre lies within its radius (LUNA16)."""
    hit_iou: float | None = Field(default=None, gt=0, lt=1)
    """Of the rule ``iou``: overlap from which an object is found; none: 0.5, in volumes 0.1."""
    monitor: str = "map_50"
    """Validation metric that selects the best checkpoint, and that early stopping watches."""
    init_from: LocalPath | None = None
    """Run folder or checkpoint to take weights from; a head that does not fit is left out."""
