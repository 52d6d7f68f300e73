"""Losses of the classifiers, chosen by ``kind``; a missing label (NaN) never contributes."""

from typing import Annotated, Literal

from pydantic import Field

from datamodules.schema import Settings


class CrossEntropyConfig(Settings):
    """Cross-entropy: binary per label, or softmax when classes exclude one another."""

    kind: Literal["cross-entropy"] = "cross-entropy"
    weighting: Literal["none", "inverse-frequency"] = "none"
    """Weigh positives (per label) or classes by the inverse of their share of training cases."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=0.5)
    """Targets are moved this far towards uniform."""


class FocalConfig(Settings):
    """Focal loss (Lin et al., ICCV 2017)."""

    kind: Literal["focal"] = "focal"
    gamma: float = Field(default=2.0, ge=0)
    """How strongly well-classified cases are played down."""
    alpha: float | None = Field(default=None, gt=0, lt=1)
    """Weight of positives against negatives, for yes-or-no labels only; none: no weighting."""


class ClassBalancedConfig(Settings):
    """Cross-entropy weighted by the effective number of cases (Cui et al., CVPR 2019)."""

    kind: Literal["class-balanced"] = "class-balanced"
    beta: float = Field(default=0.999, ge=0, lt=1)
    """Nearer to 1 is nearer to inverse frequency."""


class OrdinalConfig(Settings):
    """For grades (--data.ordered True): cross-entropy, and the farther off the worse.

    To cross-entropy the squared earth mover's distance is added (Hou et al., arXiv 1611.05916).
    """

    kind: Literal["ordinal"] = "ordinal"
    distance_weight: float = Field(default=1.0, ge=0)
    """Weight of the distance beside cross-entropy."""


ClassificationLoss = Annotated[
    CrossEntropyConfig | FocalConfig | ClassBalancedConfig | OrdinalConfig,
    Field(discriminator="kind"),
]
