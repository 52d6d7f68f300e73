"""What can be set about images with labels, of whatever kind."""

from typing import Literal, Self

from pydantic import model_validator

from datamodules.configs.data import DataSettings


class LabelledConfig(DataSettings):
    """Images with labels."""

    labels: tuple[str, ...] = ()
    """Findings to predict; empty: all that the dataset has."""
    ordered: bool = False
    """Whether the dataset's classes are grades, the lowest first: figures then have the quadratic
    kappa, and --task.loss.kind ordinal can be chosen."""
    table_features: tuple[str, ...] = ()
    """Attributes that the network is given beside the image, such as age, sex, view, site."""
    sampling: Literal["natural", "class-balanced", "hard-cases"] = "natural"
    """Every case once an epoch; rare labels and outcomes more often (class-balanced); or, beyond
    that, each outcome's cases in proportion to 0.1 + the probability that the network last gave to
    what is not true (hard-cases; van Grinsven et al., IEEE TMI 2016)."""

    @model_validator(mode="after")
    def _labels_are_named_once(self) -> Self:
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("labels names a finding twice")
        return self
