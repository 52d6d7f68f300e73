"""What can be set about images and volumes with landmarks."""

from collections import Counter
from itertools import chain
from typing import Literal, Self

from pydantic import Field, model_validator

from datamodules.configs.data import DataSettings
from datamodules.configs.volume_augmentation import VolumeAugmentation
from datamodules.configs.volume_preprocessing import VolumePreprocessing


class LandmarksConfig(DataSettings):
    """Images or volumes with landmarks, seen whole or in patches."""

    kind: Literal["landmarks"] = "landmarks"
    points: tuple[str, ...] = ()
    """Landmarks to find; empty: all that the dataset has."""
    preprocessing: VolumePreprocessing = VolumePreprocessing()
    """From file to stored image."""
    patch: tuple[int, ...] = (256, 256)
    """What the network sees at once in training, in voxels of the stored image along its axes; what
    an image lacks is filled with 0. An image that fits is seen whole."""
    shift: float = Field(default=0.05, ge=0, le=0.5)
    """An image that is seen whole is moved within the patch by at most this share of its sides."""
    point_share: float = Field(default=0.7, ge=0, le=1)
    """Of images that are larger: share of patches that hold a landmark, each as often; the others
    lie anywhere."""
    swaps: tuple[tuple[str, str], ...] = ()
    """Landmarks that change places in a mirror image: left ear, right ear. Without, nothing is
    mirrored."""
    augmentation: VolumeAugmentation = VolumeAugmentation(
        rotation_probability=0.5,
        rotation_degrees=15,
        scale_probability=0.5,
        scale=(0.8, 1.25),
        mirror=(),
        low_resolution_probability=0,
        inverted_gamma_probability=0,
    )
    """Random changes while training. Mirrored is at most one axis, that from left to right, and
    only with ``swaps``."""
    batches_per_epoch: int | None = Field(default=None, ge=1)
    """Batches that are called an epoch; none: as many as show each case once."""
    batch_size: int = Field(default=4, ge=1)
    """Patches a step and process."""

    @model_validator(mode="after")
    def _patch_has_a_shape(self) -> Self:
        if len(self.patch) not in (2, 3) or min(self.patch) < 1:
            raise ValueError(f"patch is two or three numbers of voxels, not {self.patch}")
        return self

    @model_validator(mode="after")
    def _names_are_given_once(self) -> Self:
        if len(set(self.points)) < len(self.points):
            raise ValueError("points names one twice")
        counts = Counter(chain.from_iterable(map(set, self.swaps)))
        if twice := [name for name, count in counts.items() if count > 1]:
            raise ValueError(f"swaps names '{twice[0]}' in two pairs")
        return self

    @model_validator(mode="after")
    def _mirror_images_swap_names(self) -> Self:
        mirror = self.augmentation.mirror
        if mirror is None or len(mirror) > 1:
            raise ValueError(
                "augmentation.mirror: landmarks are mirrored along one axis at most, that from left"
                " to right, such as 1 for films"
            )
        if mirror and not self.swaps:
            raise ValueError(
                "augmentation.mirror needs swaps: which landmarks change places in a mirror image"
            )
        return self
