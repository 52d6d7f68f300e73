"""What can be set about whole slides, and about bags of features of their tiles."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from datamodules.configs.data import DataSettings
from datamodules.configs.labelled import LabelledConfig
from datamodules.configs.slide_tiles import TilesConfig, TissueConfig
from datamodules.schema import LocalPath, Settings


class FeatureBags(Settings):
    """Features of every tile, computed once and stored: a file a slide.

    A reader of ready-made features brings its own, and nothing here is looked at.
    """

    kind: Literal["features"] = "features"
    encoder: str = "resnet50"
    """resnet50, hf-hub:MahmoodLab/UNI, or any other encoder of timm by name."""
    pretrained: bool = True
    """Start from timm's published weights (downloaded once, then cached)."""
    weights: LocalPath | None = None
    """A local .safetensors or .pth file of weights for this encoder, instead of a download."""
    precision: Literal["32", "bf16", "16"] = "32"
    """Of the encoder's numbers; stored features are always of 16 bits."""
    tiles_at_once: int = Field(default=64, ge=1, le=8192)
    """Tiles that the encoder sees at once."""


class TileBags(Settings):
    """The tiles themselves: the encoder is trained with the rest, end to end."""

    kind: Literal["tiles"] = "tiles"
    turn: bool = True
    """Turn by quarters and mirror tiles while training: they have no up and no left."""
    colour: float = Field(default=0.1, ge=0, le=0.5)
    """How far the stain of a case varies while training: its strength, its saturation and the share
    of each colour, by this much; glass stays as it is."""
    evaluated: int = Field(default=1024, ge=1)
    """Tiles of a case that evaluation sees at most, evenly spread over its tissue."""


Bags = Annotated[FeatureBags | TileBags, Field(discriminator="kind")]


class SlideSettings(DataSettings):
    """Whole slides, each seen as a bag of tiles, whatever is said of them."""

    of_dataset: ClassVar[tuple[str, ...]] = (
        *DataSettings.of_dataset,
        "assumed_um_per_pixel",
        "masks",
    )

    assumed_um_per_pixel: float | None = Field(default=None, gt=0, le=100)
    """Scale of slides whose files do not say, at full resolution; none: they are refused."""
    masks: LocalPath | None = None
    """A folder with own masks of tissue by the slide's name, SLIDE.geojson or SLIDE.png; slides
    without one are looked at as usual."""
    tiles: TilesConfig = TilesConfig()
    """How slides are cut into tiles."""
    tissue: TissueConfig = TissueConfig()
    """Where there is tissue."""
    bags: Bags = FeatureBags()
    """What of a tile the network is given."""
    unit: Literal["slide", "patient"] = "slide"
    """One case a slide; or all slides of a patient in one bag."""
    bag_tiles: int | None = Field(default=None, ge=1)
    """Tiles of a case that a training step sees, drawn anew each time; none: half of what the
    median training case has, at least 64, and 64 of bags of tiles. Evaluation sees all."""
    standardise: bool = True
    """Give each feature the mean 0 and the deviation 1 over the tiles of training cases."""
    batch_size: int = Field(default=16, ge=1)
    """Cases a step and process."""


class SlidesConfig(SlideSettings, LabelledConfig):
    """Whole slides with their labels, each seen as a bag of tiles."""

    kind: Literal["slides"] = "slides"
