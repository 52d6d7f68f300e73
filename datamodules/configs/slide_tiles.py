"""What can be set about tiles of whole slides, and about where there is tissue."""

from typing import Literal

from pydantic import Field

from datamodules.schema import Settings


class TilesConfig(Settings):
    """Square tiles on a regular grid, at one physical scale whatever the scanner's was."""

    size: int = Field(default=256, ge=16, le=4096)
    """Height and width of a tile in pixels."""
    um_per_pixel: float = Field(default=0.5, gt=0, le=100)
    """Scale of a tile, micrometres a pixel: 0.5 is a 20x objective, 0.25 a 40x."""
    overlap: float = Field(default=0.0, ge=0, le=0.9)
    """Share of a tile's side that its neighbour sees too."""
    least_tissue: float = Field(default=0.5, ge=0, le=1)
    """Least share of a tile that is tissue; 0: any tissue at all."""
    least_sharpness: float = Field(default=0.6, ge=0, le=5)
    """Least sharpness; 0: not looked at. It is the contrast of the finest detail over that of
    detail twice as coarse, at 2 um per pixel, so that how strong a stain is does not matter. Of
    the slide that it was measured on (Aperio, H&E) tiles in focus have 1.2 to 2.1, those blurred
    by a Gaussian of 1 um 0.9 to 1.4, of 2 um 0.6 to 0.8, of 3 um 0.45 to 0.75."""


class TissueConfig(Settings):
    """Tissue as what has more colour than the glass, found on one small image of the slide.

    The steps and their sizes are those of CLAM (Lu et al., Nature Biomedical Engineering, 2021).
    """

    kind: Literal["otsu", "threshold"] = "otsu"
    """Threshold of the saturation: that of Otsu for each slide, within what is plausible; or the
    same for all."""
    saturation: int = Field(default=8, ge=1, le=254)
    """The threshold of all slides, of 255, when kind is threshold."""
    um_per_pixel: float = Field(default=8.0, gt=0, le=100)
    """Scale on which tissue is looked for, micrometres a pixel."""
    median_um: float = Field(default=56.0, ge=0, le=1000)
    """Side of the median filter that smooths the saturation; 0: none."""
    closing_um: float = Field(default=32.0, ge=0, le=1000)
    """Gaps up to this width are closed; 0: none."""
    least_area_um2: float = Field(default=30_000.0, ge=0)
    """Smaller pieces are dust: the default is about two tiles of 128 um."""
    least_hole_um2: float = Field(default=10_000.0, ge=0)
    """Smaller holes, such as vessels and glands, are filled."""
    reject_pen: bool = True
    """Leave out blue, green, red and black ink; turn it off for stains that are green or blue."""
