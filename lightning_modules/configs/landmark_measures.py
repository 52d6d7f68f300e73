"""What is measured from landmarks: distances, extents, angles and ratios between named ones."""

from typing import Annotated, Literal

from pydantic import Field

from datamodules.schema import Settings

Name = Annotated[str, Field(min_length=1, pattern=r"^[^/@]+$")]
Patterns = Annotated[tuple[str, ...], Field(min_length=1)]
"""Names of landmarks; ``*`` stands for anything, as in ``heart_*``."""


class DistanceConfig(Settings):
    """From one landmark to another, in mm (pixels without a spacing)."""

    kind: Literal["distance"] = "distance"
    name: Name
    """What a report calls it."""
    between: tuple[str, str]
    """Two landmarks."""


class ExtentConfig(Settings):
    """How far some landmarks reach along an axis of the image, in mm (pixels without a spacing)."""

    kind: Literal["extent"] = "extent"
    name: Name
    """What a report calls it."""
    points: Patterns
    """Landmarks, or patterns such as heart_*."""
    axis: Literal["x", "y", "z"] = "x"
    """Of the file: x along its rows (in volumes its first axis), y down its columns (its second), z
    its third."""


class AngleConfig(Settings):
    """At the second of three landmarks, or between two lines of four, in degrees."""

    kind: Literal["angle"] = "angle"
    name: Name
    """What a report calls it."""
    points: tuple[str, str, str] | tuple[str, str, str, str]
    """Three: a, vertex, b, as sella, nasion, A of the SNA. Four: from a to b, and from c to d."""


class DifferenceConfig(Settings):
    """One measure less another of the same kind, such as the ANB: SNA less SNB, with its sign."""

    kind: Literal["difference"] = "difference"
    name: Name
    """What a report calls it."""
    minuend: str
    """Name of another measure."""
    subtrahend: str
    """Name of the measure that is taken from it."""


class RatioConfig(Settings):
    """One measure divided by another, such as the cardiothoracic ratio."""

    kind: Literal["ratio"] = "ratio"
    name: Name
    """What a report calls it."""
    numerator: str
    """Name of another measure."""
    denominator: str
    """Name of another measure."""


Measure = Annotated[
    DistanceConfig | ExtentConfig | AngleConfig | DifferenceConfig | RatioConfig,
    Field(discriminator="kind"),
]


class PointGroupConfig(Settings):
    """Landmarks whose errors are also reported together."""

    name: Name
    """What a report calls them."""
    points: Patterns = ("*",)
    """Landmarks, or patterns such as heart_*."""
    without: tuple[str, ...] = ()
    """Those, or patterns of those, that are left out."""
