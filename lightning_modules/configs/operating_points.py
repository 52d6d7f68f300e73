"""How the threshold of a yes-or-no label is chosen: on validation, then frozen."""

from typing import Annotated, Literal

from pydantic import Field

from datamodules.schema import Settings


class YoudenConfig(Settings):
    """The threshold with the largest sensitivity + specificity (Youden's J) on validation."""

    kind: Literal["youden"] = "youden"


class TargetSensitivityConfig(Settings):
    """The highest threshold that reaches a sensitivity on validation."""

    kind: Literal["target-sensitivity"] = "target-sensitivity"
    sensitivity: float = Field(default=0.95, gt=0, le=1)
    """Sensitivity to reach."""


class FixedThresholdConfig(Settings):
    """A threshold given beforehand."""

    kind: Literal["fixed"] = "fixed"
    threshold: float = Field(default=0.5, ge=0, le=1)
    """Probability from which a label is called present."""


OperatingPoint = Annotated[
    YoudenConfig | TargetSensitivityConfig | FixedThresholdConfig, Field(discriminator="kind")
]
