"""A drawn slide before it is scanned: where glands, fat and nests of cells lie, and their stains.

Nests are planned before it is known what they are made of, so that tumour in one slide stands
against lymphocytes, as many and as large, in another.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from datamodules.demos.nuclei import LYMPHOCYTE, TUMOUR, Places, Stain, packed, stamp
from datamodules.demos.tissue_patterns import Pattern, Patterns

WIDTH, HEIGHT = 6144, 4608
COARSE = 16
"""Plans are made on maps so many times smaller."""
EDGE = 200
"""Pixels of bare glass about the tissue."""

Map = NDArray[Any]
"""``(HEIGHT / COARSE, WIDTH / COARSE)``."""


@dataclass(frozen=True, eq=False)
class Nest:
    """A crowd of cells.

    Attributes:
        outline: In pixels of the slide, shape ``(n, 2)``, x before y.
        tumour: Whether it is that, or lymphocytes.
    """

    outline: Places
    tumour: bool


@dataclass(frozen=True, eq=False)
class Plan:
    """What lies where on a slide.

    Attributes:
        tissue: bool map.
        fat: bool map, within the tissue.
        nests: Of tumour or lymphocytes.
    """

    tissue: Map
    fat: Map
    nests: list[Nest]


def plan_section(tumour: bool, rng: Generator) -> Plan:
    """Decide where everything lies; all but what nests consist of is the same for both classes."""
    tissue = _outline_tissue(rng)
    suspects, share = int(rng.integers(1, 4)), rng.uniform(0.025, 0.06)
    parts = rng.dirichlet(np.full(suspects, 6)) * share * tissue.sum()
    others = rng.uniform(0.003, 0.012, rng.integers(2, 5)) * tissue.sum()
    room = cv2.erode(tissue.astype(np.uint8), np.ones((5, 5)))
    nests = []
    for number, area in enumerate((*parts, *others)):
        nest = _place_nest(room, float(area), rng)
        nests.append(Nest(nest * COARSE, tumour and number < suspects))
        cv2.fillPoly(room, [np.rint(nest).astype(np.int32)], 0)
    room = cv2.erode(room, np.ones((7, 7)))
    fat = (smooth_field(tissue.shape, 30, rng) > rng.uniform(0.9, 1.9)) & (room > 0)
    return Plan(tissue, fat, nests)


def smooth_field(shape: tuple[int, ...], grain: int, rng: Generator) -> Map:
    """Noise of mean 0 and deviation 1 whose hills are so many pixels apart; float32."""
    small = [max(4, side // grain + 3) for side in shape]
    noise = rng.standard_normal(small, np.float32)
    field = cv2.resize(noise, shape[::-1], interpolation=cv2.INTER_CUBIC)
    scaled: Map = (field - field.mean()) / field.std()
    return scaled


def blob(middle: Places, radius: float, lobes: float, rng: Generator, stretch: float = 1) -> Places:
    """A smooth random outline, shape ``(96, 2)``."""
    angles = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    waves = np.sin(np.outer((2, 3, 4, 5, 7), angles) + rng.uniform(0, 6, (5, 1)))
    reach = 1 + rng.normal(0, lobes * np.array((1, 0.8, 0.5, 0.4, 0.25))) @ waves
    way = np.column_stack([np.cos(angles) * stretch, np.sin(angles) / stretch])
    outline: Places = middle + radius * reach.clip(0.4, 1.6)[:, None] * way
    return outline


def _outline_tissue(rng: Generator) -> Map:
    width, height = WIDTH // COARSE, HEIGHT // COARSE
    canvas = np.zeros((height, width), np.uint8)
    sections = int(rng.choice((1, 2), p=(0.6, 0.4)))
    for number in range(sections):
        middle = np.array([width * (number + 0.5) / sections, height / 2]) + rng.normal(0, 8, 2)
        radius = rng.uniform(104, 120) if sections == 1 else rng.uniform(70, 82)
        stretch = rng.uniform(1.1, 1.3) if sections == 1 else rng.uniform(0.8, 0.95)
        outline = blob(middle, radius, 0.09, rng, stretch)
        cv2.fillPoly(canvas, [np.rint(outline).astype(np.int32)], 1)
    tears = smooth_field(canvas.shape, 14, rng) > rng.uniform(2.2, 3.0)
    edge = EDGE // COARSE
    inside = np.zeros_like(canvas)
    inside[edge:-edge, edge:-edge] = 1
    return (canvas & inside & ~tears).astype(bool)


def _place_nest(room: Map, area: float, rng: Generator) -> Places:
    """An outline of about that area where there is room for it; in coarse pixels."""
    radius = np.sqrt(area / np.pi)
    depth = cv2.distanceTransform(room, cv2.DIST_L2, 5)
    ys, xs = np.nonzero(depth >= min(1.45 * radius, 0.9 * depth.max()))
    at = int(rng.integers(len(xs)))
    middle = np.array([xs[at], ys[at]], float)
    outline = blob(middle, min(radius, depth[ys[at], xs[at]] / 1.3), 0.10, rng)
    return outline


def stain_section(plan: Plan, patterns: Patterns, rng: Generator) -> Pattern:
    """Lay out the tissue of a plan at full size.

    Returns:
        Eosin and haematoxylin of the slide, uint8 ``(HEIGHT, WIDTH)``, 0 where there is glass.
    """
    shape = (HEIGHT, WIDTH)
    thickness = 1 + 0.09 * smooth_field(plan.tissue.shape, 40, rng)
    weight = enlarge(np.clip(185 * thickness, 120, 255).astype(np.uint8) * plan.tissue)
    cv2.threshold(weight, 90, 0, cv2.THRESH_TOZERO, weight)
    eosin, nuclei = np.empty_like(weight), np.empty_like(weight)
    stroma = patterns.stroma[rng.integers(len(patterns.stroma))]
    turned = stroma.turned(int(rng.integers(4)), bool(rng.random() < 0.5))
    for rows, band in turned.spread(shape, rng):
        cv2.multiply(band.eosin, weight[rows], eosin[rows], scale=1 / 185)
        cv2.multiply(band.nuclei, weight[rows], nuclei[rows], scale=1 / 185)
    _lay_fat(eosin, nuclei, plan, patterns, rng)
    inflammation = rng.uniform(0, 1)
    _lay_glands(eosin, nuclei, plan, patterns, inflammation, rng)
    _scatter_lymphocytes(nuclei, plan, patterns, inflammation, rng)
    for nest in plan.nests:
        _lay_nest(eosin, nuclei, nest, patterns, rng)
    cv2.min(nuclei, cv2.threshold(weight, 0, 255, cv2.THRESH_BINARY, weight)[1], nuclei)
    return Pattern(eosin, nuclei)


def enlarge(coarse: Map) -> Stain:
    """A coarse map at the size of the slide, its steps smoothed."""
    finer = cv2.resize(coarse, (WIDTH // 4, HEIGHT // 4), interpolation=cv2.INTER_LINEAR)
    finer = cv2.GaussianBlur(finer, (0, 0), 5)
    large: Stain = cv2.resize(finer, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    return large


def _lay_fat(eosin: Stain, nuclei: Stain, plan: Plan, patterns: Patterns, rng: Generator) -> None:
    if not plan.fat.any():
        return
    cover = enlarge(plan.fat.astype(np.uint8) * 255)
    for rows, band in patterns.fat.spread((HEIGHT, WIDTH), rng):
        where = cover[rows] > 127
        np.copyto(eosin[rows], band.eosin, where=where)
        np.copyto(nuclei[rows], band.nuclei, where=where)


def _lay_glands(
    eosin: Stain,
    nuclei: Stain,
    plan: Plan,
    patterns: Patterns,
    inflammation: float,
    rng: Generator,
) -> None:
    """Glands where there is room, in lobules; some of them with lymphocytes about and in them."""
    lobules = smooth_field(plan.tissue.shape, 36, rng) > -0.3
    free = (plan.tissue & ~plan.fat & lobules).astype(np.uint8)
    for nest in plan.nests:
        cv2.fillPoly(free, [np.rint(nest.outline / COARSE).astype(np.int32)], 0)
    room = cv2.distanceTransform(free, cv2.DIST_L2, 5) * COARSE
    ys, xs = np.nonzero(room > 90)
    order = rng.permutation(len(xs))[:1500]
    laid = np.empty((0, 3))
    for x, y in zip(xs[order].tolist(), ys[order].tolist(), strict=True):
        gland = patterns.glands[rng.integers(len(patterns.glands))]
        radius = gland.eosin.shape[0] / 3
        apart = np.hypot(laid[:, 0] - x * COARSE, laid[:, 1] - y * COARSE) - laid[:, 2]
        if room[y, x] < 1.05 * radius or (apart < 1.12 * radius).any():
            continue
        laid = np.vstack([laid, (x * COARSE, y * COARSE, radius)])
        _lay(eosin, nuclei, gland.turned(int(rng.integers(4)), bool(rng.random() < 0.5)), x, y)
        if rng.random() < 0.35 * inflammation:
            reach = radius * (0.9 + 0.35 * np.abs(rng.standard_normal(int(1.6 * radius))))
            turn = rng.uniform(0, 2 * np.pi, len(reach))
            about = np.column_stack([np.cos(turn), np.sin(turn)]) * reach[:, None]
            stamp(nuclei, patterns.nuclei[LYMPHOCYTE], about + laid[-1, :2], rng)


def _lay(eosin: Stain, nuclei: Stain, piece: Pattern, x: int, y: int) -> None:
    """Put a pattern with a cover where its middle is a place on the coarse map."""
    side = len(piece.eosin)
    left, top = x * COARSE - side // 2, y * COARSE - side // 2
    box = (slice(top, top + side), slice(left, left + side))
    np.copyto(eosin[box], piece.eosin, where=piece.cover)
    np.copyto(nuclei[box], piece.nuclei, where=piece.cover)


def _scatter_lymphocytes(
    nuclei: Stain, plan: Plan, patterns: Patterns, inflammation: float, rng: Generator
) -> None:
    """A few everywhere, most of them where the tissue is inflamed."""
    ys, xs = np.nonzero(plan.tissue & ~plan.fat)
    field = smooth_field(plan.tissue.shape, 12, rng)[ys, xs]
    chance = np.exp(1.3 * field)
    count = int((0.02 + 0.10 * inflammation) * len(xs))
    at = rng.choice(len(xs), count, p=chance / chance.sum())
    places = (np.column_stack([xs[at], ys[at]]) + rng.uniform(0, 1, (count, 2))) * COARSE
    stamp(nuclei, patterns.nuclei[LYMPHOCYTE], places, rng)


def _lay_nest(eosin: Stain, nuclei: Stain, nest: Nest, patterns: Patterns, rng: Generator) -> None:
    """Crowded cells in place of what was there, and a few that stray from them."""
    kind = TUMOUR if nest.tumour else LYMPHOCYTE
    low = nest.outline.min(axis=0).astype(int) - 40
    high = nest.outline.max(axis=0).astype(int) + 40
    box = (slice(low[1], high[1]), slice(low[0], high[0]))
    cover = np.zeros(eosin[box].shape, np.uint8)
    cv2.fillPoly(cover, [np.rint(nest.outline - low).astype(np.int32)], 255)
    share = cv2.GaussianBlur(cover, (0, 0), 9).astype(np.float32) * np.float32(1 / 255)
    grain = 1 + 0.10 * smooth_field(cover.shape, 9, rng)
    for layer, level, kept in ((eosin, 40 if nest.tumour else 30, 0.25), (nuclei, 14, 0.0)):
        under = layer[box].astype(np.float32)
        under += share * (1 - kept) * (level * grain - under)
        layer[box] = np.clip(under, 0, 255).astype(np.uint8)
    spacing = rng.uniform(21.5, 27) if nest.tumour else rng.uniform(14.5, 18)
    places = packed(nest.outline, spacing, 0.2 if nest.tumour else 0.12, rng)
    middle = nest.outline.mean(axis=0)
    stray = places[rng.random(len(places)) < 0.08]
    stray = middle + (stray - middle) * rng.uniform(1.0, 1.35, (len(stray), 1))
    for own in (places, stray):
        stamp(nuclei, patterns.nuclei[kind], own, rng)
