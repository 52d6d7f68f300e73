"""How the score from which a box is called is chosen: on validation, then frozen."""

from typing import Annotated, Literal

from pydantic import Field

from datamodules.schema import Settings


class BestF1Config(Settings):
    """For each class the score with the highest F1 on validation, the highest of equals."""

    kind: Literal["best-f1"] = "best-f1"


class TargetBoxSensitivityConfig(Settings):
    """For each class the highest score that finds a share of its objects in validation."""

    kind: Literal["target-sensitivity"] = "target-sensitivity"
    sensitivity: float = Field(default=0.9, gt=0, le=1)
    """Share of objects to find."""


class FalsePositivesConfig(Settings):
    """For each class the lowest score with at most so many false positives in validation."""

    kind: Literal["false-positives"] = "false-positives"
    per_image: float = Field(default=1.0, ge=0)
    """False positives of a class an image."""


class FixedScoreConfig(Settings):
    """A score given beforehand, the same for every class."""

    kind: Literal["fixed"] = "fixed"
    score: float = Field(default=0.5, ge=0, le=1)
    """Score from which a box is called."""


DetectorOperatingPoint = Annotated[
    BestF1Config | TargetBoxSensitivityConfig | FalsePositivesConfig | FixedScoreConfig,
    Field(discriminator="kind"),
]
