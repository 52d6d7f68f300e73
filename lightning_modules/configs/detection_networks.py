"""Networks of the detector, chosen by ``kind``."""

from typing import Annotated, Literal

from pydantic import Field

from datamodules.schema import LocalPath, Settings


class PyramidSettings(Settings):
    """An encoder and the maps that it gives, each at half the resolution of the one before."""

    encoder: Literal["light", "resnet18", "resnet50"] = "light"
    """Residual encoder: a light one, trained from scratch on few cores, or a full ResNet."""
    base_features: int = Field(default=16, ge=8, le=256, multiple_of=8)
    """Channels of the first stage of the light encoder; each further stage has twice as many, at
    most 16 times as many."""
    pretrained: bool = False
    """Start a 2D ResNet from timm's published weights (downloaded once, then cached)."""
    weights: LocalPath | None = None
    """A local file of weights of the ResNet: of timm in 2D, of MedicalNet in 3D."""


class LevelSettings(PyramidSettings):
    """Several maps, each for objects of other sizes."""

    levels: int = Field(default=3, ge=1, le=5)
    """Maps in which objects are looked for."""
    finest_stride: Literal[2, 4, 8] | None = None
    """Voxels between neighbouring places of the finest map; none: from the smallest objects."""
    pyramid_features: int | None = Field(default=None, ge=8, le=512, multiple_of=8)
    """Channels of each map; none: 64 in 2D, 32 in 3D."""
    most_boxes: int = Field(default=300, ge=1, le=5000)
    """Boxes of an image (a window) at most, before it is decided which of those that overlap are
    one object: several times as many as it has objects."""


class AnchorSettings(LevelSettings):
    """Objects are found as changes of anchors, which are fitted to the boxes of training."""

    anchors: int = Field(default=3, ge=1, le=12)
    """Anchors of different shape at each place of a map."""


class GridConfig(LevelSettings):
    """A one-stage detector without anchors: objectness, class and box at each place of its maps.

    After YOLOX (Ge et al., arXiv 2107.08430), with the assignment of TOOD (Feng et al., ICCV 2021).
    """

    kind: Literal["grid"] = "grid"
    head_blocks: int = Field(default=1, ge=1, le=4)
    """Convolutions of the two towers that precede classes and boxes."""
    places: int = Field(default=10, ge=1, le=64)
    """Places at most that learn to find the same object."""
    box_weight: float = Field(default=5.0, gt=0)
    """Weight of the loss of boxes against those of objectness and class."""


class RetinaNetConfig(AnchorSettings):
    """RetinaNet (Lin et al., ICCV 2017), of MONAI, in 2D and in 3D."""

    kind: Literal["retinanet"] = "retinanet"
    classification: Literal["hard-negatives", "focal"] = "hard-negatives"
    """Learn from a part of the background, that which looks most like objects (nnDetection,
    Baumgartner et al., MICCAI 2021), or from all of it with the focal loss."""
    negatives: float = Field(default=3.0, gt=0)
    """With hard negatives: as many for each anchor that finds an object."""
    pool: float = Field(default=20.0, ge=1)
    """With hard negatives: how many times more anchors they are drawn from, the worst first."""
    box_loss: Literal["giou", "smooth-l1"] = "smooth-l1"
    """What boxes are learned with: overlap, or the differences of their numbers."""


class FasterRCNNConfig(AnchorSettings):
    """Faster R-CNN (Ren et al., NeurIPS 2015) with a feature pyramid, of torchvision; 2D only."""

    kind: Literal["faster-rcnn"] = "faster-rcnn"
    encoder: Literal["light", "resnet18", "resnet50"] = "resnet18"
    """Residual encoder: a light one, trained from scratch on few cores, or a full ResNet."""
    coco_weights: LocalPath | None = None
    """A local .pth file of torchvision's fasterrcnn_resnet50_fpn; with encoder resnet50, 4 levels,
    256 pyramid_features and 1024 hidden, all but the last layers start from it."""
    hidden: int = Field(default=256, ge=8, le=2048)
    """Channels of the two layers that look at each proposal."""


class SingleBoxConfig(PyramidSettings):
    """Exactly one box for each class and image: an organ's place, and how large it is."""

    kind: Literal["single-box"] = "single-box"
    reduction: Literal[8, 16, 32] = 16
    """Voxels between neighbouring places of the map in which the object is looked for."""
    box_loss: Literal["l1", "mse", "giou"] = "l1"
    """What the box is learned with: differences of its numbers, their squares, or overlap."""


DetectorNetwork = Annotated[
    GridConfig | RetinaNetConfig | FasterRCNNConfig | SingleBoxConfig,
    Field(discriminator="kind"),
]
