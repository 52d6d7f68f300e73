"""What can be set about volumes and natural images that are segmented or classified."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from datamodules.schema import Settings

Millimetres = Annotated[float, Field(gt=0, le=100)]


class ZScore(Settings):
    """Each channel of each case to mean 0 and standard deviation 1: MR, and what has no units."""

    kind: Literal["zscore"] = "zscore"
    over_nonzero: bool = False
    """Measure on and change only what is not 0, holes filled: for brains cut out of their heads,
    and wherever cropping to what is not 0 removes a quarter of the usual image or more."""


class CtWindow(Settings):
    """Hounsfield units, clipped and standardised by numbers of the training cases.

    The defaults suit soft tissue; ``python -m experiments.plan`` measures a dataset's own.
    """

    kind: Literal["ct"] = "ct"
    low: float = -160.0
    """Clipped below: the 0.5 percentile of the foreground, HU."""
    high: float = 240.0
    """Clipped above: the 99.5 percentile of the foreground, HU."""
    mean: float = 40.0
    """Subtracted: mean of the foreground, HU."""
    std: float = Field(default=80.0, gt=0)
    """Divides: standard deviation of the foreground, HU."""

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"low must be below high, not {self.low} and {self.high}")
        return self


class RescaleRange(Settings):
    """Each channel of each case to 0..1, from its lowest to its highest value."""

    kind: Literal["rescale"] = "rescale"


class Rgb(Settings):
    """Colours, and grey of a known range, to 0..1: divided by 255 (65535 for 16 bits)."""

    kind: Literal["rgb"] = "rgb"


Normalisation = Annotated[ZScore | CtWindow | RescaleRange | Rgb, Field(discriminator="kind")]


class VolumePreprocessing(Settings):
    """Deterministic preprocessing, done once into the cache and kept in every checkpoint."""

    spacing_mm: tuple[Millimetres, ...] | None = None
    """Distance of voxels after resampling, along the axes left-right, back-front, down-up (rows and
    columns of a 2D image; pixels, where files declare no spacing); None: each file's own."""
    crop_to_nonzero: bool = True
    """Cut away the border where every channel is 0."""
    normalisation: Normalisation = ZScore()
    """What intensities become."""
    order: Literal[0, 1, 3] = 3
    """Order of the spline that resamples images: nearest, linear or cubic. Masks are linear."""

    @model_validator(mode="after")
    def _spacing_has_two_or_three_numbers(self) -> Self:
        if self.spacing_mm is not None and len(self.spacing_mm) not in (2, 3):
            raise ValueError(f"spacing_mm needs 2 or 3 numbers, not {len(self.spacing_mm)}")
        return self
