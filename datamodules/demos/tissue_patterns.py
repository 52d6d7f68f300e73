"""What drawn tissue is made of, drawn once and laid out again and again: stroma, fat, glands."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from scipy.spatial import cKDTree

from datamodules.demos.nuclei import (
    EPITHELIAL,
    KINDS,
    SPINDLE,
    NucleusKind,
    Stain,
    nucleus_stamps,
    stamp,
)

SIDE = 1536
"""Of a pattern that repeats, in pixels."""
BAND = 256
"""Rows of a slide that are worked on at once; a whole number of them makes up a pattern."""
GLANDS = 24
_CELL = 11.0
"""Between neighbouring nuclei of a gland, in pixels."""


@dataclass(frozen=True, eq=False)
class Pattern:
    """Eosin and haematoxylin of a piece of tissue.

    Attributes:
        eosin, nuclei: uint8 ``(H, W)``.
        cover: bool ``(H, W)``, where there is tissue of this kind; None: everywhere.
    """

    eosin: Stain
    nuclei: Stain
    cover: Stain | None = None

    def turned(self, quarters: int, mirrored: bool) -> "Pattern":
        """The same, turned by quarters of a circle, and mirrored if asked for."""
        step = -1 if mirrored else 1
        layers = (self.eosin, self.nuclei, self.cover)
        made = [each if each is None else np.rot90(each, quarters)[:, ::step] for each in layers]
        return Pattern(*made)  # type: ignore[arg-type]

    def spread(self, shape: tuple[int, int], rng: Generator) -> Iterator[tuple[slice, "Pattern"]]:
        """Repeat it from a random start until it covers a slide of that shape.

        Yields:
            Rows of the slide, and what lies there; a whole slide at once would be slow.
        """
        top, left = (int(at) for at in rng.integers(SIDE, size=2))
        height, width = shape
        eosin, nuclei = (
            np.tile(np.roll(each, (-top, -left), (0, 1)), (1, -(-width // SIDE)))[:, :width]
            for each in (self.eosin, self.nuclei)
        )
        for first in range(0, height, BAND):
            rows = slice(first, min(first + BAND, height))
            own = slice(first % SIDE, first % SIDE + rows.stop - first)
            yield rows, Pattern(eosin[own], nuclei[own])


@dataclass(frozen=True, eq=False)
class Patterns:
    """All that slides are put together from.

    Attributes:
        stroma: Connective tissue, some loose and some dense; they repeat.
        fat: Repeats.
        glands: Each with its cover.
        nuclei: Stamps by kind.
    """

    stroma: list[Pattern]
    fat: Pattern
    glands: list[Pattern]
    nuclei: dict[NucleusKind, Stain]


def draw_patterns(rng: Generator) -> Patterns:
    """Draw everything once; takes about three seconds."""
    nuclei = {kind: nucleus_stamps(kind, rng) for kind in KINDS}
    return Patterns(
        stroma=[_stroma(level, nuclei[SPINDLE], rng) for level in (34, 40, 46)],
        fat=_fat(nuclei[SPINDLE], rng),
        glands=[_gland(nuclei[EPITHELIAL], rng) for _ in range(GLANDS)],
        nuclei=nuclei,
    )


def _stroma(level: float, spindles: Stain, rng: Generator) -> Pattern:
    """Wavy fibres with clefts between them, and slim nuclei along them."""
    fibres = _waved(_periodic_noise(60, 5, rng) + 0.7 * _periodic_noise(160, 14, rng), rng)
    eosin = level * (1 + 0.30 * fibres) + 3 * rng.standard_normal(fibres.shape, np.float32)
    eosin[fibres < -1.7] *= 0.35
    nuclei = 4 + 2 * _periodic_noise(6, 6, rng)
    layer = np.clip(nuclei, 0, 255).astype(np.uint8)
    count = int(rng.uniform(1200, 1800))
    places = rng.uniform(0, SIDE, (count, 2))
    stamp(layer, spindles, places, rng, rng.normal(0, 0.35, count))
    return Pattern(np.clip(eosin, 0, 255).astype(np.uint8), layer)


def _fat(spindles: Stain, rng: Generator) -> Pattern:
    """Empty cells with thin walls, pressed together."""
    small, spacing = SIDE // 4, 34
    start = np.mgrid[0:small:spacing, 0:small:spacing].reshape(2, -1).T.astype(float)
    middles = (start + rng.normal(0, 0.22 * spacing, start.shape)) % small
    grid = np.mgrid[:small, :small].reshape(2, -1).T
    (near, next_near), (own, other) = (
        each.T for each in cKDTree(middles, boxsize=small).query(grid, k=2)
    )
    apart = np.abs(middles[own] - middles[other])
    apart = np.linalg.norm(np.minimum(apart, small - apart), axis=1)
    to_wall = (next_near**2 - near**2) / (2 * apart)
    depth = to_wall.reshape(small, small).astype(np.float32)
    depth = cv2.resize(depth, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    eosin = 48 * np.clip(1.3 - depth, 0, 1) + 1
    walls = np.argwhere(depth < 0.3)[:, ::-1]
    layer = np.zeros((SIDE, SIDE), np.uint8)
    stamp(layer, spindles, walls[rng.integers(len(walls), size=150)].astype(float), rng)
    return Pattern(np.clip(eosin, 0, 255).astype(np.uint8), layer)


def _gland(nuclei: Stain, rng: Generator) -> Pattern:
    """A lumen, a ring of tall cells, and their nuclei at the base in one or two rows."""
    radius, tall = rng.uniform(62, 150), rng.uniform(34, 44)
    side = 2 * int(1.5 * radius) + 16
    angles = np.linspace(0, 2 * np.pi, 180, endpoint=False)
    waves = np.sin(np.outer((2, 3, 5), angles) + rng.uniform(0, 6, (3, 1)))
    shape = 1 + rng.normal(0, (0.14, 0.07, 0.03)) @ waves
    way = np.column_stack([np.cos(angles), np.sin(angles)])
    outer = np.clip(radius * shape, 1.3 * tall, 1.45 * radius)

    def ring(inset: float) -> Stain:
        return np.rint(way * (outer - inset)[:, None] + side / 2).astype(np.int32)

    eosin, cover, layer = (np.zeros((side, side), np.uint8) for _ in range(3))
    cv2.fillPoly(cover, [ring(-4)], 1)
    cv2.fillPoly(eosin, [ring(-4)], 60)
    cv2.fillPoly(eosin, [ring(0)], 40)
    cv2.fillPoly(eosin, [ring(tall - 5)], 58)
    cv2.fillPoly(eosin, [ring(tall)], int(rng.choice((2, 2, 14))))
    grain = cv2.GaussianBlur(rng.standard_normal((side, side), np.float32), (0, 0), 1.5)
    eosin = np.clip(eosin * (1 + 0.14 * grain / grain.std()), 0, 255).astype(np.uint8)
    layer[(cover > 0) & (eosin > 20)] = 9
    for depth, gap in ((11, _CELL), (19, 1.6 * _CELL)):
        walk = np.linspace(0, 2 * np.pi, int(2 * np.pi * radius / gap), endpoint=False)
        walk = walk + rng.normal(0, 0.02, len(walk))
        reach = np.interp(walk, angles, outer, period=2 * np.pi) - depth
        reach = reach + rng.normal(0, 2.0, len(walk))
        places = np.column_stack([np.cos(walk), np.sin(walk)]) * reach[:, None] + side / 2
        stamp(layer, nuclei, places, rng, walk)
    return Pattern(cv2.GaussianBlur(eosin, (0, 0), 0.8), layer, cover.astype(bool))


def _periodic_noise(across: float, down: float, rng: Generator) -> Stain:
    """Noise that repeats without a seam, of mean 0 and deviation 1; its grain's size in pixels."""
    white = np.fft.rfft2(rng.standard_normal((SIDE, SIDE), np.float32))
    y, x = np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)
    keep = np.exp(-((across * x) ** 2) - (down * y) ** 2)
    noise = np.fft.irfft2(white * keep, (SIDE, SIDE)).astype(np.float32)
    scaled: Stain = noise / noise.std()
    return scaled


def _waved(fibres: Stain, rng: Generator) -> Stain:
    """Bend straight fibres into waves."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    moved = y + 26 * _periodic_noise(300, 300, rng) + 5 * _periodic_noise(70, 90, rng)
    return cv2.remap(fibres, x, moved.astype(np.float32), cv2.INTER_LINEAR, None, cv2.BORDER_WRAP)
