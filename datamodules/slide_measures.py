"""What a slide is like, in a few numbers that a person understands."""

import numpy as np

from datamodules.image_measures import ImageKind, ImageMeasures, Measure
from datamodules.slide_features import SlideFeatures

COLOURS = ("red", "green", "blue")
UM2_PER_MM2 = 1e6
TILES, TISSUE, SCALE = "tiles", "tissue", "microns per pixel"
SLIDES = ImageKind(
    "slides",
    {
        TILES: Measure("with fewer tiles than", "with more tiles than", 0.5, ratio=True, digits=0),
        TISSUE: Measure(
            "with less tissue than", "with more tissue than", 0.5, ratio=True, unit=" mm2"
        ),
        SCALE: Measure(
            "of a finer scan than", "of a coarser scan than", 0.1, ratio=True, unit=" um", digits=3
        ),
        **{
            f"mean {colour}": Measure(f"less {colour} than", f"of more {colour} than", 0.03)
            for colour in COLOURS
        },
        **{
            f"spread of {colour}": Measure("flatter than", "of more contrast than", 0.02)
            for colour in COLOURS
        },
    },
)
"""What is measured of each slide: its extent, its scan, and its stain."""


def measure_slide(slide: SlideFeatures) -> ImageMeasures:
    """Measure a slide by what is stored of it; it has no layout that it could be compared by."""
    facts = slide.slide
    values = {TILES: float(len(slide.features))}
    if (scale := facts.get("um_per_pixel")) is not None:
        values[SCALE] = float(scale)
    if "tissue_share" in facts and scale is not None:
        area = facts["width"] * facts["height"] * float(scale) ** 2
        values[TISSUE] = float(facts["tissue_share"]) * area / UM2_PER_MM2
    for name, of in (("mean", "mean_rgb"), ("spread of", "spread_rgb")):
        for colour, value in zip(COLOURS, facts.get(of, ()), strict=False):
            values[f"{name} {colour}"] = float(value)
    return ImageMeasures(values, np.empty(0, np.float32))
