"""What can be set about images with masks."""

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from datamodules.configs.data import DataSettings
from datamodules.configs.volume_augmentation import VolumeAugmentation
from datamodules.configs.volume_preprocessing import VolumePreprocessing


class MasksConfig(DataSettings):
    """Images or volumes with masks of their structures, seen in patches."""

    of_dataset: ClassVar[tuple[str, ...]] = (*DataSettings.of_dataset, "geometry_waivers")
    kind: Literal["masks"] = "masks"
    structures: tuple[str, ...] = ()
    """Structures to segment, by name; empty: all that the dataset has."""
    geometry_waivers: tuple[str, ...] = ()
    """Case ids whose masks and channels are taken to lie on the image voxel for voxel, although
    their headers say otherwise; shapes, and which way the axes run, must agree. The report names
    them. (Not for DICOM SEG and RTSTRUCT, which have only their coordinates to go by.)"""
    preprocessing: VolumePreprocessing = VolumePreprocessing()
    """From file to stored volume."""
    patch: tuple[int, ...] = (64, 64, 64)
    """What the network sees at once, in voxels of the stored volume along its axes. Two numbers: a
    2D network, which goes slice by slice along the coarsest axis of volumes."""
    foreground_share: float = Field(default=1 / 3, ge=0, le=1)
    """Share of patches that are centred on a voxel of a structure, each structure equally often;
    the others lie anywhere."""
    batches_per_epoch: int | None = Field(default=None, ge=1)
    """Batches that are called an epoch; none: as many as show each case once."""
    augmentation: VolumeAugmentation = VolumeAugmentation()
    """Random changes while training."""
    scored_on: Literal["files", "prepared"] = "files"
    """Grid of the final figures: that of the files, or the prepared one, for protocols that say so
    (lengths without a spacing are then in its pixels, and what was cropped away is not scored).
    Predicted masks are on the grid of the files in any case."""
    batch_size: int = Field(default=2, ge=1)
    """Patches a step and process."""

    @model_validator(mode="after")
    def _patch_has_a_shape(self) -> Self:
        if len(self.patch) not in (2, 3) or min(self.patch) < 1:
            raise ValueError(f"patch is two or three numbers of voxels, not {self.patch}")
        return self

    @model_validator(mode="after")
    def _names_are_given_once(self) -> Self:
        for name in ("structures", "geometry_waivers"):
            if len(set(getattr(self, name))) < len(getattr(self, name)):
                raise ValueError(f"{name} names one twice")
        return self

    def public(self) -> dict[str, Any]:
        """As of all settings; the cases that the user has named are not."""
        return {**super().public(), "geometry_waivers": []}
