"""What can be set about the random changes of patches of volumes and images."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from datamodules.schema import Settings

Probability = Annotated[float, Field(ge=0, le=1)]
Factor = Annotated[float, Field(ge=0.1, le=10)]
Range = tuple[Factor, Factor]


class VolumeAugmentation(Settings):
    """Random changes of a training patch, drawn from (seed, epoch, draw).

    The defaults are those of nnU-Net; a probability of 0 switches a change off.

    References:
        Isensee et al., "nnU-Net: a self-configuring method for deep learning-based biomedical
        image segmentation", Nature Methods 2021.
    """

    rotation_probability: Probability = 0.2
    """Probability of a rotation."""
    rotation_degrees: float | None = Field(default=None, ge=0, le=180)
    """Rotation is uniform in +- this many degrees about every axis. None: 30; 180 in the plane
    where slices are thick; in 2D 180, or 15 for a patch more than 1.5 times as long as wide."""
    scale_probability: Probability = 0.2
    """Probability of a change of size."""
    scale: Range = (0.7, 1.4)
    """The patch shows a field of view so many times its own: above 1 makes things smaller."""
    mirror: tuple[Annotated[int, Field(ge=0, le=2)], ...] | None = None
    """Axes along which a patch is mirrored, each with probability 0.5; None: all axes."""
    noise_probability: Probability = 0.1
    """Probability of Gaussian noise."""
    noise: float = Field(default=0.1, ge=0, le=10)
    """Standard deviation of the noise is uniform in 0 to this (normalised intensities)."""
    blur_probability: Probability = 0.2
    """Probability of a Gaussian blur, which then meets each channel with probability 0.5."""
    blur: tuple[Annotated[float, Field(ge=0.1, le=5)], Annotated[float, Field(ge=0.1, le=5)]] = (
        0.5,
        1.0,
    )
    """Range of the blur's standard deviation in voxels, drawn for each axis."""
    brightness_probability: Probability = 0.15
    """Probability that intensities are multiplied by a factor, one a channel."""
    brightness: Range = (0.75, 1.25)
    """Range of the factor; as often below 1 as above."""
    contrast_probability: Probability = 0.15
    """Probability that intensities are stretched about their mean, within their range."""
    contrast: Range = (0.75, 1.25)
    """Range of the stretching factor; as often below 1 as above."""
    low_resolution_probability: Probability = 0.25
    """Probability of a lower resolution, which then meets each channel with probability 0.5."""
    low_resolution: tuple[
        Annotated[float, Field(gt=0.05, le=1)], Annotated[float, Field(gt=0.05, le=1)]
    ] = (0.5, 1.0)
    """Range of the share of voxels that is left along each axis."""
    gamma_probability: Probability = 0.3
    """Probability that intensities are raised to a power, mean and SD kept."""
    inverted_gamma_probability: Probability = 0.1
    """Probability that the same is done to the negative of the image."""
    gamma: Range = (0.7, 1.5)
    """Range of the power; as often below 1 as above."""

    @model_validator(mode="after")
    def _ranges_in_order(self) -> Self:
        for name in ("scale", "blur", "low_resolution"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} must go from low to high, not {low} {high}")
        for name in ("brightness", "contrast", "gamma"):
            low, high = getattr(self, name)
            if not low <= 1 <= high:
                raise ValueError(f"{name} must go from at most 1 to at least 1, not {low} {high}")
        return self

    @model_validator(mode="after")
    def _mirrored_axes_are_named_once(self) -> Self:
        if self.mirror is not None and len(set(self.mirror)) < len(self.mirror):
            raise ValueError("mirror names an axis twice")
        return self


LIGHT = VolumeAugmentation(
    blur_probability=0,
    brightness_probability=0,
    contrast_probability=0,
    low_resolution_probability=0,
    gamma_probability=0,
    inverted_gamma_probability=0,
)
"""Flips, one affine and noise."""
