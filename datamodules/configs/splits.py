"""How cases are divided into training, validation and test."""

from typing import Self

from pydantic import Field, model_validator

from datamodules.schema import Settings


class SplitConfig(Settings):
    """Patient-disjoint, stratified splits; an official split of the dataset comes first."""

    val_fraction: float = Field(default=0.15, gt=0, lt=1)
    """Share of the cases for validation, where the dataset has no official validation set."""
    test_fraction: float = Field(default=0.2, ge=0, lt=1)
    """Share of the cases for testing, where the dataset has no official test set."""
    official: bool = True
    """Keep the dataset's own split where it has one."""
    by_site: bool = False
    """Stratify by site as well as by target."""
    seed: int = 0
    """Draws the split; apart from the experiment's seed, so that seeds share one split."""
    folds: int | None = Field(default=None, ge=2, le=100)
    """Divide the cases into so many folds, one of which is the test set; test_fraction is not used,
    and official test cases stay closed."""
    fold: int | None = Field(default=None, ge=1)
    """Which fold is held out as the test set, from 1 on."""

    @model_validator(mode="after")
    def _one_of_the_folds(self) -> Self:
        if (self.folds is None) != (self.fold is None):
            raise ValueError("folds and fold are set together, or neither of them")
        if self.folds is not None and self.fold is not None and self.fold > self.folds:
            raise ValueError(f"there is no fold {self.fold} of {self.folds}")
        return self
