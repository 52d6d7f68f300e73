"""Losses of the segmenter, chosen by ``kind``; a voxel that is not known never contributes."""

from typing import Annotated, Literal

from pydantic import Field

from datamodules.schema import Settings


class DiceConfig(Settings):
    """Soft Dice (Milletari et al., 3DV 2016), as nnU-Net calculates it."""

    kind: Literal["dice"] = "dice"
    batch_dice: bool = False
    """One Dice over all patches of a batch, rather than the mean of one a patch. Steadier where
    structures are small and patches often lack them; nnU-Net does so in 2D."""
    include_background: bool = False
    """Whether the background counts as a structure; it matters only where structures exclude one
    another."""
    smoothing: float = Field(default=1e-5, gt=0, le=10)
    """Added to numerator and denominator, in voxels."""


class DiceCrossEntropyConfig(Settings):
    """Dice and cross-entropy, as nnU-Net; binary cross-entropy where structures may overlap."""

    kind: Literal["dice-ce"] = "dice-ce"
    batch_dice: bool = False
    """One Dice over all patches of a batch, rather than the mean of one a patch. Steadier where
    structures are small and patches often lack them; nnU-Net does so in 2D."""
    include_background: bool = False
    """Whether the background counts as a structure in the Dice; it always does in the
    cross-entropy."""
    smoothing: float = Field(default=1e-5, gt=0, le=10)
    """Added to numerator and denominator of the Dice, in voxels."""
    dice_weight: float = Field(default=1.0, ge=0, le=100)
    """Factor of the Dice."""
    ce_weight: float = Field(default=1.0, ge=0, le=100)
    """Factor of the cross-entropy."""


class FocalDiceConfig(Settings):
    """Focal loss (Lin et al., ICCV 2017), with Dice beside it when asked."""

    kind: Literal["focal"] = "focal"
    gamma: float = Field(default=2.0, ge=0, le=10)
    """How strongly voxels that are well classified are played down; 0 is cross-entropy."""
    alpha: float | None = Field(default=None, gt=0, lt=1)
    """Weight of the inside against the outside, for structures that may overlap and for a single
    one; none: no weighting."""
    dice_weight: float = Field(default=0.0, ge=0, le=100)
    """Factor of a Dice that is added; 0: none."""
    batch_dice: bool = False
    """One Dice over all patches of a batch, rather than the mean of one a patch."""
    include_background: bool = False
    """Whether the background counts as a structure in the Dice."""


class TverskyConfig(Settings):
    """Tversky index (Salehi et al., MLMI 2017): Dice with weights of the two kinds of error."""

    kind: Literal["tversky"] = "tversky"
    false_positives: float = Field(default=0.3, gt=0, le=10)
    """Weight of what is wrongly called inside (alpha); with both at 0.5 this is Dice."""
    false_negatives: float = Field(default=0.7, gt=0, le=10)
    """Weight of what is missed (beta)."""
    batch_dice: bool = False
    """One index over all patches of a batch, rather than the mean of one a patch."""
    include_background: bool = False
    """Whether the background counts as a structure; it matters only where structures exclude one
    another."""
    smoothing: float = Field(default=1e-5, gt=0, le=10)
    """Added to numerator and denominator, in voxels."""


class SensitivitySpecificityConfig(Settings):
    """Weighted squared errors inside and outside of structures (Brosch et al., TMI 2016)."""

    kind: Literal["sensitivity-specificity"] = "sensitivity-specificity"
    sensitivity_weight: float = Field(default=0.05, gt=0, lt=1)
    """Weight of the error inside, the outside having the rest; the paper's ``r``, which may lie
    between 0.01 and 0.1."""
    batch_dice: bool = False
    """Take both errors over all patches of a batch, rather than a patch at a time."""


SegmentationLoss = Annotated[
    DiceConfig
    | DiceCrossEntropyConfig
    | FocalDiceConfig
    | TverskyConfig
    | SensitivitySpecificityConfig,
    Field(discriminator="kind"),
]
