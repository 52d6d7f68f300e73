"""What can be set about images and volumes with boxes around objects."""

from typing import Literal, Self

from pydantic import Field, model_validator

from datamodules.configs.data import DataSettings
from datamodules.configs.volume_augmentation import VolumeAugmentation
from datamodules.configs.volume_preprocessing import VolumePreprocessing


class BoxesConfig(DataSettings):
    """Images or volumes with boxes around objects, seen whole or in patches."""

    kind: Literal["boxes"] = "boxes"
    classes: tuple[str, ...] = ()
    """Objects to find, by the labels of their boxes; empty: all that the dataset has."""
    boxes_from: Literal["boxes", "masks"] = "boxes"
    """Where boxes come from: the dataset's own, or one around each structure of its masks."""
    preprocessing: VolumePreprocessing = VolumePreprocessing()
    """From file to stored image."""
    patch: tuple[int, ...] = (256, 256)
    """What the network sees at once in training, in voxels of the stored image along its axes; what
    an image lacks is filled with 0."""
    object_share: float = Field(default=0.5, ge=0, le=1)
    """Share of patches that hold the middle of an object, each class equally often; the others lie
    anywhere."""
    batches_per_epoch: int | None = Field(default=None, ge=1)
    """Batches that are called an epoch; none: as many as show each case once."""
    least_visible: float = Field(default=0.3, ge=0, le=1)
    """An object of which a patch shows a smaller share of the box is neither object nor background
    there."""
    augmentation: VolumeAugmentation = VolumeAugmentation(
        rotation_probability=0, low_resolution_probability=0, inverted_gamma_probability=0
    )
    """Random changes while training; of a rotated box, the box about its corners is taken."""
    batch_size: int = Field(default=4, ge=1)
    """Patches a step and process."""

    @model_validator(mode="after")
    def _patch_has_a_shape(self) -> Self:
        if len(self.patch) not in (2, 3) or min(self.patch) < 1:
            raise ValueError(f"patch is two or three numbers of voxels, not {self.patch}")
        return self

    @model_validator(mode="after")
    def _names_are_given_once(self) -> Self:
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("classes names one twice")
        return self
