"""What can be set about slides of patients who were followed up."""

from typing import Literal

from pydantic import Field

from datamodules.configs.slides import SlideSettings


class SurvivalSlidesConfig(SlideSettings):
    """Whole slides of patients, with how long each was followed up, and what happened then."""

    kind: Literal["survival-slides"] = "survival-slides"
    unit: Literal["slide", "patient"] = "patient"
    """All slides of a patient in one bag; or one case a slide."""
    time_unit: Literal["days", "weeks", "months", "years"] = "days"
    """What the times of the table are in."""
    intervals: int = Field(default=4, ge=2, le=50)
    """Into how many intervals time is divided, at the quantiles of the times at which the event
    happened to training patients."""
    table_features: tuple[str, ...] = ()
    """Attributes that the network is given beside the slides, such as age, sex, stage."""
