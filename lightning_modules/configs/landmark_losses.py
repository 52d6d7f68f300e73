"""Losses of the landmarker, chosen by ``kind``; what is not marked contributes nothing."""

from typing import Annotated, Literal

from pydantic import Field

from datamodules.schema import Settings


class GaussianSettings(Settings):
    """A heatmap that should be a Gaussian about the landmark."""

    sigma: float = Field(default=2.5, gt=0, le=50)
    """Standard deviation of the Gaussian, in voxels of the prepared grid."""


class CrossEntropyHeatmap(GaussianSettings):
    """A softmax over all voxels against a normalised Gaussian: the landmark is somewhere."""

    kind: Literal["cross-entropy"] = "cross-entropy"


class MseHeatmap(GaussianSettings):
    """Squared differences, summed over the voxels of a map (Payer et al., MedIA 2019)."""

    kind: Literal["mse"] = "mse"
    learned_sigma: bool = False
    """Learn the deviation of each landmark: narrow where people agree. The Gaussian then has the
    same volume, whatever its width."""
    sigma_weight: float = Field(default=1.0, ge=0, le=1000)
    """With a learned sigma: factor of the penalty of its square."""


class BceHeatmap(GaussianSettings):
    """Binary cross-entropy of the voxels with the largest loss (nnLandmark)."""

    kind: Literal["bce"] = "bce"
    worst_share: float = Field(default=0.2, gt=0, le=1)
    """Share of the voxels of a map that counts."""


class AdaptiveWingHeatmap(GaussianSettings):
    """Adaptive wing loss, which minds the foreground (Wang et al., ICCV 2019)."""

    kind: Literal["adaptive-wing"] = "adaptive-wing"
    foreground_weight: float = Field(default=10.0, ge=0, le=1000)
    """How much more the voxels about a landmark count."""


class NoHeatmap(GaussianSettings):
    """The map is learned through the coordinates alone."""

    kind: Literal["none"] = "none"


HeatmapLoss = Annotated[
    CrossEntropyHeatmap | MseHeatmap | BceHeatmap | AdaptiveWingHeatmap | NoHeatmap,
    Field(discriminator="kind"),
]


class CoordinateSettings(Settings):
    """A loss of where the landmark is said to be, in voxels."""

    weight: float = Field(default=0.1, ge=0, le=1000)
    """Factor beside the loss of the heatmap."""


class L1Coordinates(CoordinateSettings):
    """Absolute differences."""

    kind: Literal["l1"] = "l1"


class MseCoordinates(CoordinateSettings):
    """Squared differences."""

    kind: Literal["mse"] = "mse"


class WingCoordinates(CoordinateSettings):
    """Wing loss: small differences count more (Feng et al., CVPR 2018)."""

    kind: Literal["wing"] = "wing"
    width: float = Field(default=10.0, gt=0, le=1000)
    """Voxels up to which differences count logarithmically."""
    curvature: float = Field(default=2.0, gt=0, le=100)
    """Smaller is steeper at 0; voxels."""


class NoCoordinates(CoordinateSettings):
    """The heatmap alone is learned."""

    kind: Literal["none"] = "none"


CoordinateLoss = Annotated[
    L1Coordinates | MseCoordinates | WingCoordinates | NoCoordinates, Field(discriminator="kind")
]
