"""How cases are divided into training, validation and test."""

from pydantic import Field

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
