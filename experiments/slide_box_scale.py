"""How large the tiles of a slide are that a detector looks at, and on which scale."""

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datamodules.configs.boxes import BoxesConfig
from datamodules.errors import ConfigError
from datamodules.transforms.slide_reading import COARSEST_UM, FINEST_UM, MOST_STRETCHED
from lightning_modules.detector import Detector
from lightning_modules.window_borders import SHARED

LOG = logging.getLogger("lightbox")
OPTION = "--um-per-pixel"
SAME = 1.01
COLOURS = 3
SMALLEST, LARGEST = 16, 4096
"""Sides of tiles in pixels."""
LARGE = 99
"""Percentile of the sizes of training boxes: objects so long are in no tile cut in two."""
MOST_OVERLAP, LIMIT = 0.5, 0.9
"""Shares of a tile that neighbours have in common at most, for the sake of such objects, and where
the settings of inference say more."""


@dataclass(frozen=True, eq=False)
class TileSize:
    """Of all tiles, whatever the scanner's scale was.

    Attributes:
        um_per_pixel: That of the training images.
        size: Side in pixels: that of the patches of training.
        overlap: Share of the side: that of windows of large images, or more where the objects that
            the model was trained on need it.
        affine: ``(4, 4)``, of a tile as an image: what its pixels are in mm.
        has_spacing: Whether they are in mm, as those of the training images.
    """

    um_per_pixel: float
    size: int
    overlap: float
    affine: NDArray[np.float64]
    has_spacing: bool


def size_tiles(module: Detector, data: BoxesConfig, um_per_pixel: float | None) -> TileSize:
    """Tiles that show what patches of training did.

    Args:
        module: The trained detector.
        data: Settings of the data that it was trained on.
        um_per_pixel: Of the training images, where a person says it.

    Raises:
        ConfigError: If it is no detector for slides, or the scale is not known or no slide's.
    """
    info = module.data
    if len(info.spacing) != 2 or info.channels != COLOURS or module.network.single:
        raise ConfigError(
            "slides are for detectors of many objects in flat colour images, and this model takes"
            f" images of {len(info.spacing)} axes and {info.channels} channels"
            + ", and finds one object of a kind"
            * module.network.single
        )
    scale = _scale(module, data, um_per_pixel)
    if data.preprocessing.normalisation.kind in ("zscore", "rescale"):
        LOG.warning(
            "the model was trained with --data.preprocessing.normalisation.kind %s, so each tile is"
            " brought to one range of its own; rgb suits slides better",
            data.preprocessing.normalisation.kind,
        )
    prepared = data.preprocessing.spacing_mm or info.spacing
    steps = (1.0, 1.0) if info.has_spacing else prepared
    divisor = module.network.divisor
    sides = [-(-side // divisor) * divisor for side in info.patch]
    size = round(max(side * step for side, step in zip(sides, steps, strict=True)))
    size = min(max(size, SMALLEST), LARGEST)
    longest = [max(np.multiply(each, steps)) for each in info.box_sizes]
    needed = np.percentile(longest, LARGE) / (1 - SHARED) / size if longest else 0.0
    overlap = max(min(needed, MOST_OVERLAP), min(module.config.inference.overlap, LIMIT))
    affine = np.diag([*prepared, 1.0, 1.0]) if info.has_spacing else np.eye(4)
    return TileSize(scale, size, float(overlap), affine, info.has_spacing)


def _scale(module: Detector, data: BoxesConfig, said: float | None) -> float:
    """Micrometres a pixel of the tiles that are read.

    Raises:
        ConfigError: As above.
    """
    if said is not None:
        check_scale(OPTION, said)
    if not module.data.has_spacing:
        if said is None:
            raise ConfigError(
                "the images that the model was trained on do not say how many micrometres a pixel"
                f" has: say {OPTION} (0.25 at 40x, 0.5 at 20x)"
            )
        return said
    down, across = (1000 * each for each in data.preprocessing.spacing_mm or module.data.spacing)
    own = (down + across) / 2
    if max(down, across) > MOST_STRETCHED * min(down, across):
        raise ConfigError(
            f"the model was trained on pixels that are not square ({across:g} um across,"
            f" {down:g} um down), and those of slides are"
        )
    if not FINEST_UM <= own <= COARSEST_UM:
        raise ConfigError(
            f"the model was trained on images of {own:.4g} um per pixel, which no slide has"
        )
    if said is not None and max(said / own, own / said) > SAME:
        raise ConfigError(
            f"{OPTION} {said:g}: the images that the model was trained on say that they have"
            f" {own:.4g}; leave it out"
        )
    return own


def check_scale(option: str, um_per_pixel: float) -> None:
    """Look whether a scanner may have such a scale.

    Raises:
        ConfigError: If not.
    """
    if not FINEST_UM <= um_per_pixel <= COARSEST_UM:
        raise ConfigError(
            f"{option} is from {FINEST_UM:g} to {COARSEST_UM:g}, not {um_per_pixel:g}"
        )
