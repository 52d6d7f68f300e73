"""What can be set about X-ray data."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from datamodules.configs.labelled import LabelledConfig
from datamodules.schema import Settings


class XrayPreprocessing(Settings):
    """Deterministic preprocessing, done once into the cache and kept in every checkpoint."""

    size: int = Field(default=512, ge=8, le=4096)
    """Height and width in pixels after resizing."""
    fit: Literal["pad", "stretch", "crop"] = "pad"
    """How a film becomes square: padded with black, stretched, or cropped at the centre."""
    clip_percentiles: tuple[float, float] = (0.0, 100.0)
    """Grey values are scaled to this percentile range of the film; 0 100 is its full range as
    the file declares it (bits stored, window), with nothing measured on the image."""
    mean: float = 0.5
    """Subtracted from grey values in 0..1 before the network sees them."""
    std: float = Field(default=0.25, gt=0)
    """Divides grey values after the mean is subtracted."""

    def stored(self) -> dict[str, Any]:
        """What the stored images depend on: all but the normalisation, which follows later."""
        return self.model_dump(mode="json", exclude={"mean", "std"})

    @model_validator(mode="after")
    def _percentiles_in_order(self) -> Self:
        low, high = self.clip_percentiles
        if not 0 <= low < high <= 100:
            raise ValueError(f"clip_percentiles must be 0 <= low < high <= 100, not {low} {high}")
        return self


class XrayAugmentation(Settings):
    """Random changes of a training image, drawn from (seed, epoch, draw)."""

    rotation_degrees: float = Field(default=15.0, ge=0, le=180)
    """Rotation is uniform in +- this many degrees."""
    translation: float = Field(default=0.05, ge=0, le=0.5)
    """Shift is uniform in +- this share of the image's size, in each direction."""
    scale: float = Field(default=0.15, ge=0, lt=1)
    """Zoom is uniform in 1 - scale to 1 + scale."""
    horizontal_flip: float = Field(default=0.0, ge=0, le=1)
    """Probability of a left-right flip; off, as the heart is on one side."""
    brightness: float = Field(default=0.1, ge=0, le=1)
    """Added to grey values in 0..1, uniform in +- this."""
    contrast: float = Field(default=0.15, ge=0, lt=1)
    """Grey values are stretched about their mean by a factor in 1 - contrast to 1 + contrast."""
    gamma: float = Field(default=0.25, ge=0, lt=1)
    """Grey values are raised to a power, log-uniform in 1/(1 + gamma) to 1 + gamma."""
    noise: float = Field(default=0.02, ge=0, le=1)
    """Standard deviation of Gaussian noise on grey values in 0..1, uniform in 0 to this."""
    erase: float = Field(default=0.0, ge=0, le=1)
    """Probability that one rectangle of 2 to 20 % of the area is erased to the mean grey."""


class CandidateCrops(Settings):
    """How a candidate, a box or a point in an image, is cut out: its detail, and its context."""

    detail: float = Field(default=1.5, gt=0, le=20)
    """Side of the detail as a multiple of the box's longer side."""
    point_px: int = Field(default=128, ge=8, le=4096)
    """Side of the detail about a point, which has no size, in pixels of the file."""
    context: float = Field(default=3.0, ge=1, le=20)
    """Side of the context as a multiple of the detail's."""


class XraysConfig(LabelledConfig):
    """X-ray images with their labels."""

    kind: Literal["xrays"] = "xrays"
    unit: Literal["image", "exam"] = "image"
    """What a case is: each image, or all images of an exam, pooled to one label."""
    candidates: CandidateCrops = CandidateCrops()
    """Where the reader lists candidates: how much of the image each is seen in."""
    preprocessing: XrayPreprocessing = XrayPreprocessing()
    """From file to stored image."""
    augmentation: XrayAugmentation = XrayAugmentation()
    """Random changes while training."""
