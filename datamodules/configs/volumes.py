"""What can be set about volumes that are classified."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from datamodules.configs.labelled import LabelledConfig
from datamodules.configs.volume_augmentation import VolumeAugmentation
from datamodules.configs.volume_preprocessing import VolumePreprocessing
from datamodules.schema import Settings

Side = Annotated[int, Field(ge=8, le=1024)]
Size = tuple[Side, Side, Side]


class ResizedFit(Settings):
    """Every volume whole, stretched to one size; details shrink with the volume."""

    kind: Literal["resize"] = "resize"
    size: Size = (96, 96, 96)
    """Voxels along the axes left-right, back-front, down-up."""


class CroppedFit(Settings):
    """The middle of every volume at its resampled spacing; smaller volumes are padded."""

    kind: Literal["crop"] = "crop"
    size: Size = (96, 96, 96)
    """Voxels along the axes left-right, back-front, down-up."""


class PatchesFit(Settings):
    """Patches at full resolution, whose outcomes are pooled: for volumes larger than memory.

    Training sees some of each volume, at random; evaluation sees all, on a grid.
    """

    kind: Literal["patches"] = "patches"
    size: Size = (96, 96, 96)
    """Voxels of a patch along the axes left-right, back-front, down-up."""
    per_volume: int = Field(default=4, ge=1, le=256)
    """Patches of a volume that a training step sees."""
    overlap: float = Field(default=0.0, ge=0, lt=1)
    """Share of a patch that its neighbour on the grid shares at least."""
    foreground: Literal["none", "nonzero", "otsu"] = "none"
    """Which voxels count as foreground: those that are not 0, or those above Otsu's threshold of
    the volume (the body in CT and MR). Training patches are then centred on one."""
    least_foreground: float = Field(default=0.1, ge=0, le=1)
    """Patches of the grid with a smaller share of it are left out; a volume keeps its best."""


Fit = Annotated[ResizedFit | CroppedFit | PatchesFit, Field(discriminator="kind")]


class VolumeCandidateCrops(Settings):
    """How a candidate, a point or a box in a volume, is cut out: its detail, and its context."""

    detail: float = Field(default=1.5, gt=0, le=20)
    """Side of the detail, a cube in mm, as a multiple of the box's longest side."""
    point_mm: float = Field(default=32.0, gt=0, le=1000)
    """Side of the detail about a point, which has no size (voxels where there is no spacing)."""
    context: float = Field(default=3.0, ge=1, le=20)
    """Side of the context as a multiple of the detail's."""


class VolumesConfig(LabelledConfig):
    """CT, MR and PET volumes with their labels."""

    kind: Literal["volumes"] = "volumes"
    preprocessing: VolumePreprocessing = VolumePreprocessing()
    """From file to stored volume."""
    fit: Fit = ResizedFit()
    """How volumes of any size are seen by a network."""
    candidates: VolumeCandidateCrops = VolumeCandidateCrops()
    """Where the reader lists candidates: how much of the volume each is seen in. Context and detail
    are both resized to the size of ``fit``, which must be of kind resize."""
    augmentation: VolumeAugmentation = VolumeAugmentation()
    """Random changes while training."""
    batch_size: int = Field(default=8, ge=1)
    """Volumes a step and process."""

    @model_validator(mode="after")
    def _spacing_has_an_effect(self) -> Self:
        spacing = self.preprocessing.spacing_mm
        if spacing is not None and len(spacing) != 3:
            raise ValueError(f"preprocessing.spacing_mm of a volume has 3 numbers, not {spacing}")
        if spacing is not None and self.fit.kind == "resize":
            raise ValueError(
                "preprocessing.spacing_mm has no effect where volumes are resized: leave it out, or"
                " set fit.kind to crop or patches"
            )
        return self
