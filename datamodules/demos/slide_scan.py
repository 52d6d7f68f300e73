"""From stained tissue to a scanned slide: colours, light, and what goes wrong on glass."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from datamodules.demos.nuclei import Places, Stain
from datamodules.demos.tissue_patterns import BAND, Pattern
from datamodules.demos.tissue_section import COARSE, EDGE, HEIGHT, WIDTH, Plan

Colours = NDArray[np.uint8]
"""RGB ``(HEIGHT, WIDTH, 3)``."""

INKS = ((30, 60, 190), (20, 120, 60), (25, 25, 30))
"""Blue, green and black pens."""
PEN, MARGIN, BLUR, FOLD = 0.18, 0.20, 0.15, 0.20
"""How often; of either class alike."""


@dataclass(frozen=True)
class Scanner:
    """How a site stains and scans.

    Attributes:
        haematoxylin, eosin: Optical density of each stain in red, green and blue.
        white: Of bare glass.
        quality: Of the JPEG tiles.
    """

    haematoxylin: tuple[float, float, float]
    eosin: tuple[float, float, float]
    white: tuple[int, int, int]
    quality: int


def scan(
    section: Pattern, plan: Plan, scanner: Scanner, strength: Places, rng: Generator
) -> Colours:
    """Colours of a stained section, as a scanner with its faults sees them.

    Args:
        section: Its stains; is changed where it is folded.
        plan: Of the section: a pen encircles a nest, no blur hides one.
        scanner: Where.
        strength: Of haematoxylin and eosin, about 1 each.
        rng: Of light, noise and faults.
    """
    pen, margin, blur, fold = rng.random(4) < (PEN, MARGIN, BLUR, FOLD)
    if fold:
        _fold(section, rng)
    colours = _expose(section, scanner, strength, rng)
    _sprinkle_dust(colours, rng)
    if blur:
        _defocus(colours, plan, rng)
    if pen:
        _encircle(colours, plan, rng)
    if margin:
        _blacken_margin(colours, rng)
    return colours


def _expose(section: Pattern, scanner: Scanner, strength: Places, rng: Generator) -> Colours:
    """Beer and Lambert's law; table look-ups, as exponentials of every pixel take seconds."""
    amounts = np.arange(256) / 100
    tables = [
        [
            np.rint(255 * np.exp(-violet * strength[0] * amounts)).astype(np.uint8),
            np.rint(white * np.exp(-pink * strength[1] * amounts)).astype(np.uint8),
        ]
        for violet, pink, white in zip(
            scanner.haematoxylin, scanner.eosin, scanner.white, strict=True
        )
    ]
    light = _light(rng)
    noise = np.rint(1.5 + 1.2 * rng.standard_normal((BAND, WIDTH), np.float32)).clip(0, 6)
    grain = noise.astype(np.uint8)
    colours = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    for first in range(0, HEIGHT, BAND):
        rows = slice(first, first + BAND)
        lit = cv2.subtract(light[rows], np.roll(grain, int(rng.integers(WIDTH)), 1))
        channels = []
        for violet, pink in tables:
            passed = cv2.LUT(section.nuclei[rows], violet), cv2.LUT(section.eosin[rows], pink)
            channels.append(cv2.multiply(cv2.multiply(*passed, scale=1 / 255), lit, scale=1 / 250))
        cv2.merge(channels, colours[rows])
    return colours


def _light(rng: Generator) -> Stain:
    """Brightest somewhere near the middle; 250 is as it should be."""
    y, x = np.mgrid[-1 : 1 : HEIGHT // COARSE * 1j, -1 : 1 : WIDTH // COARSE * 1j]
    at_x, at_y = rng.uniform(-0.4, 0.4, 2)
    falloff = rng.uniform(2, 7) * ((x - at_x) ** 2 + (y - at_y) ** 2)
    coarse = (254 - falloff).clip(228, 254).astype(np.uint8)
    light: Stain = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    return light


def _fold(section: Pattern, rng: Generator) -> None:
    """A strip in which the tissue lies double."""
    start = rng.uniform((0.2, 0.2), (0.8, 0.8)) * (WIDTH, HEIGHT)
    turn, along = rng.uniform(0, np.pi), np.linspace(-1, 1, 30)
    way = np.array([np.cos(turn), np.sin(turn)])
    bend = rng.uniform(-180, 180) * along**2 + 25 * np.sin(4 * along)
    straight = start + np.outer(along * rng.uniform(500, 1100), way)
    path = straight + np.outer(bend, way[::-1] * (-1, 1))
    path = path.clip(80, (WIDTH - 80, HEIGHT - 80))
    box, mask = _drawn(path, int(rng.uniform(28, 60)))
    for layer in (section.eosin, section.nuclei):
        np.copyto(layer[box], cv2.convertScaleAbs(layer[box], alpha=1.8), where=mask)


def _encircle(colours: Colours, plan: Plan, rng: Generator) -> None:
    """A pen's ring about a nest, whatever the nest consists of."""
    outline = plan.nests[rng.integers(len(plan.nests))].outline
    middle = outline.mean(axis=0)
    thickness = int(rng.uniform(45, 80))
    reach = rng.uniform(1.2, 1.5) + (thickness + 30) / np.ptp(outline, axis=0).max() * 2
    ring = middle + (outline - middle) * reach + rng.normal(0, 4, outline.shape)
    ring = ring.clip(thickness, (WIDTH - thickness, HEIGHT - thickness))
    box, mask = _drawn(ring[rng.integers(2, 10) :], thickness)
    ink = np.array(INKS[rng.integers(len(INKS))])
    table = np.rint(ink * (0.4 + 0.6 * np.linspace(0, 1, 256)[:, None])).astype(np.uint8)
    np.copyto(colours[box], cv2.LUT(colours[box], table[None]), where=mask[..., None])


def _drawn(path: Places, thickness: int) -> tuple[tuple[slice, slice], Stain]:
    """Where a thick line lies: its box, and within it, bool."""
    low = np.maximum(path.min(axis=0).astype(int) - thickness, 0)
    high = np.minimum(path.max(axis=0).astype(int) + thickness, (WIDTH, HEIGHT))
    mask = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
    cv2.polylines(mask, [np.rint(path - low).astype(np.int32)], False, 1, thickness)
    return (slice(low[1], high[1]), slice(low[0], high[0])), mask.astype(bool)


def _sprinkle_dust(colours: Colours, rng: Generator) -> None:
    """Specks on the glass, out of focus, and sometimes a hair."""
    for _ in range(rng.integers(2, 14)):
        radius = int(rng.uniform(6, 26))
        x, y = (int(at) for at in rng.uniform(60, (WIDTH - 60, HEIGHT - 60)))
        box = (slice(y - 50, y + 50), slice(x - 50, x + 50))
        speck = np.full((100, 100), 255, np.uint8)
        half_axes, turn = (radius, radius * 2 // 3), float(rng.uniform(0, 180))
        cv2.ellipse(speck, (50, 50), half_axes, turn, 0, 360, 90, -1)
        shade = cv2.GaussianBlur(speck, (0, 0), 4)
        colours[box] = cv2.multiply(colours[box], cv2.merge([shade] * 3), scale=1 / 255)
    if rng.random() < 0.3:
        start, turn = rng.uniform(0.2, 0.8, 2) * (WIDTH, HEIGHT), rng.uniform(0, 2 * np.pi)
        turns = turn + np.cumsum(rng.normal(0, 0.12, 40))
        path = start + np.cumsum(16 * np.column_stack([np.cos(turns), np.sin(turns)]), axis=0)
        box, mask = _drawn(path.clip(20, (WIDTH - 20, HEIGHT - 20)), 5)
        np.copyto(colours[box], np.array((96, 92, 110), np.uint8), where=mask[..., None])


def _defocus(colours: Colours, plan: Plan, rng: Generator) -> None:
    """A block of the scan that is out of focus; not where a nest is, nor where no tissue is."""
    nests = np.zeros(plan.tissue.shape, np.uint8)
    cv2.fillPoly(nests, [np.rint(nest.outline / COARSE).astype(np.int32) for nest in plan.nests], 1)
    for _ in range(30):
        width, height = (int(side) for side in rng.uniform(36, 80, 2))
        x, y = rng.integers((WIDTH // COARSE - width, HEIGHT // COARSE - height)).tolist()
        coarse = (slice(y, y + height), slice(x, x + width))
        if nests[coarse].any() or plan.tissue[coarse].mean() < 0.7:
            continue
        box = tuple(slice(side.start * COARSE, side.stop * COARSE) for side in coarse)
        colours[box] = cv2.GaussianBlur(colours[box], (0, 0), float(rng.uniform(5, 9)))
        return


def _blacken_margin(colours: Colours, rng: Generator) -> None:
    """A side of the slide that the scanner did not see; there is no tissue."""
    wide = int(rng.uniform(0.3, 0.9) * EDGE)
    turned = np.rot90(colours, int(rng.integers(4)))
    turned[:wide] = (7, 7, 9)
