"""Where a slide has tissue: found on one small image of it, without ink, margins and dust."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from datamodules.configs.slide_tiles import TissueConfig
from datamodules.errors import DataError
from datamodules.transforms.slide_ink import find_black, find_ink
from datamodules.transforms.slide_own_masks import read_own_mask
from datamodules.transforms.slide_reading import Slide

Mask = NDArray[np.bool_]
LEAST_SATURATION, MOST_SATURATION = 6, 30
"""Of 255, between which Otsu's threshold is plausible: glass is below, even pale stain above."""
NEUTRAL = 0.2
"""Largest saturation of glass, in any light."""
DARK = 60
"""Of 255; darker than any glass."""
LEAST_GLASS = 0.01
LOOKED_AT = 100_000
"""Pixels for the colour of the glass."""
BRIGHTEST = 1.1
"""Glass is as bright as anything else, but for this factor."""


@dataclass(frozen=True, eq=False)
class Contour:
    """A piece of tissue in pixels of level 0.

    Attributes:
        outer: Its rim, ``(n, 2)``, x and y.
        holes: The rims of its holes, likewise.
    """

    outer: NDArray[np.float64]
    holes: tuple[NDArray[np.float64], ...]


@dataclass(frozen=True, eq=False)
class Tissue:
    """Where a slide has tissue.

    Attributes:
        mask: ``(h, w)``, from edge to edge of the slide.
        size: Width and height of the slide in pixels of level 0.
        um_per_pixel: Scale of the mask.
    """

    mask: Mask
    size: tuple[int, int]
    um_per_pixel: float

    @property
    def share(self) -> float:
        """Share of the slide that is tissue."""
        return float(self.mask.mean())

    def contours(self) -> list[Contour]:
        """The pieces with their holes; rims run through the middle of the mask's pixels."""
        rings, tree = cv2.findContours(
            self.mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE
        )
        scale = np.array(self.size) / np.array(self.mask.shape[::-1])
        placed = [(np.asarray(ring)[:, 0] + 0.5) * scale for ring in rings]
        parents = [] if tree is None else [int(each[3]) for each in tree[0]]
        return [
            Contour(ring, tuple(placed[n] for n, p in enumerate(parents) if p == number))
            for number, ring in enumerate(placed)
            if parents[number] < 0
        ]


def find_tissue(slide: Slide, config: TissueConfig, name: str, masks: str | None = None) -> Tissue:
    """Find the tissue of a slide, or read a person's own mask of it.

    Args:
        slide: The slide; only a small image of it is looked at.
        config: How.
        name: Of the slide, for messages.
        masks: Folder with own masks.

    Raises:
        DataError: If there is no tissue, or the own mask is faulty.
    """
    own = read_own_mask(masks, slide, config.um_per_pixel)
    tissue = look_for_tissue(slide, config) if own is None else _on(slide, own)
    if not tissue.mask.any():
        raise DataError(
            f"{name}: a slide without tissue; take it out, lower --data.tissue.saturation "
            "(with --data.tissue.kind threshold), or give a mask in --data.masks"
        )
    return tissue


def look_for_tissue(slide: Slide, config: TissueConfig) -> Tissue:
    """The tissue of a slide as a small image of it shows it; there may be none.

    Raises:
        DataError: If the file is damaged.
    """
    image = slide.thumbnail(config.um_per_pixel)
    scale = slide.size[0] * slide.um_per_pixel / image.shape[1]
    return _on(slide, tissue_mask(image, scale, config))


def all_of(slide: Slide) -> Tissue:
    """A slide all of which counts as tissue."""
    return _on(slide, np.ones((1, 1), np.bool_))


def _on(slide: Slide, mask: Mask) -> Tissue:
    return Tissue(mask, slide.size, slide.size[0] * slide.um_per_pixel / mask.shape[1])


def tissue_mask(image: NDArray[np.uint8], um_per_pixel: float, config: TissueConfig) -> Mask:
    """Tissue in a small image of a slide.

    Colours are relative to those of the glass. Where they are more saturated than a threshold,
    smoothed by a median, there is tissue, unless it is ink or black; gaps are closed, small pieces
    dropped and small holes filled.

    Args:
        image: RGB, ``(h, w, 3)``.
        um_per_pixel: Its scale.
        config: How.

    References:
        Otsu, "A threshold selection method from gray-level histograms", IEEE SMC 1979.
        Lu et al., "Data-efficient and weakly supervised computational pathology on whole-slide
        images", Nature Biomedical Engineering 2021.
    """
    hsv = np.asarray(cv2.cvtColor(relative_to_glass(image), cv2.COLOR_RGB2HSV), np.uint8)
    left_out = find_ink(hsv, um_per_pixel) if config.reject_pen else find_black(hsv)
    saturation = hsv[..., 1]
    if (side := _odd(config.median_um / um_per_pixel)) > 1:
        saturation = np.asarray(cv2.medianBlur(saturation, side), np.uint8)
    found = _otsu(saturation[~left_out]) if config.kind == "otsu" else None
    threshold = config.saturation if found is None else found
    mask = (saturation > threshold) & ~left_out
    if (side := round(config.closing_um / um_per_pixel)) > 1:
        closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((side, side)))
        mask = (np.asarray(closed) > 0) & ~left_out
    mask = _without_small(mask, config.least_area_um2 / um_per_pixel**2)
    filled = ~_without_small(~mask, config.least_hole_um2 / um_per_pixel**2)
    return filled & ~left_out


def relative_to_glass(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colours as they would be on white glass, for slides that are dark or tinted all over.

    An image without glass, all tissue, is returned as it is.
    """
    step = max(1, round((image.shape[0] * image.shape[1] / LOOKED_AT) ** 0.5))
    some = image[::step, ::step]
    bright, dim = some.max(axis=2), some.min(axis=2)
    scanned = dim < 255
    neutral = scanned & (bright >= DARK) & (bright - dim <= NEUTRAL * bright)
    if neutral.sum() < LEAST_GLASS * neutral.size:
        return image
    level = np.percentile(bright[neutral], 90)
    glass = some[neutral & (np.abs(bright - level) <= 4)]
    if not len(glass) or np.percentile(bright[scanned], 99) > BRIGHTEST * level:
        return image
    white = np.median(glass, axis=0)
    table = np.clip(np.arange(256)[:, None] * 255 / white, 0, 255).round().astype(np.uint8)
    return np.asarray(cv2.LUT(image, table[:, None]), np.uint8)


def _otsu(saturation: NDArray[np.uint8]) -> float:
    if not saturation.size:
        return LEAST_SATURATION
    found, _ = cv2.threshold(saturation, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return min(max(float(found), LEAST_SATURATION), MOST_SATURATION)


def _without_small(mask: Mask, least: float) -> Mask:
    """Without the pieces that have fewer pixels than least."""
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    kept = np.asarray(statistics)[:, cv2.CC_STAT_AREA] >= least
    kept[0] = False
    return np.asarray(kept[labels], np.bool_)


def _odd(side: float) -> int:
    """The odd number of pixels that is next to a side."""
    return 2 * round((side - 1) / 2) + 1 if side >= 1 else 1
