"""Nuclei of drawn tissue: small pictures of each kind, and how they are stamped onto a slide."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Stain = NDArray[Any]
"""uint8 ``(H, W)``: how much of a stain lies on each pixel; 100 is an optical density of 1."""
Places = NDArray[Any]
"""Points in pixels, shape ``(n, 2)``, x before y."""

ZOOM = 4
"""Stamps are drawn so many times larger, then averaged."""
_ANGLES = np.linspace(0, 2 * np.pi, 48, endpoint=False)


@dataclass(frozen=True)
class NucleusKind:
    """How nuclei of one kind look; lengths in pixels of the slide.

    Attributes:
        length: Mean, and standard deviation.
        slimness: Width as a share of the length.
        lobes: How far the outline departs from an ellipse, as a share.
        density: Of haematoxylin, mean and standard deviation.
        clumps: How coarse and strong the chromatin is, as a share of the density.
        nucleoli: Dark spots.
    """

    length: tuple[float, float]
    slimness: float
    lobes: float
    density: tuple[float, float]
    clumps: float
    nucleoli: int = 0


SPINDLE = NucleusKind((21, 3), 0.28, 0.04, (95, 14), 0.15)
EPITHELIAL = NucleusKind((19, 1.5), 0.66, 0.03, (92, 10), 0.18)
LYMPHOCYTE = NucleusKind((13, 0.8), 0.95, 0.02, (132, 12), 0.16)
TUMOUR = NucleusKind((26, 5), 0.74, 0.11, (112, 24), 0.30, nucleoli=2)
KINDS = (SPINDLE, EPITHELIAL, LYMPHOCYTE, TUMOUR)


def nucleus_stamps(kind: NucleusKind, rng: Generator, count: int = 64) -> Stain:
    """Pictures of nuclei, turned by equal steps from 0 to half a turn, shape ``(count, s, s)``."""
    side = int(kind.length[0] + 3 * kind.length[1]) + 4
    return np.stack([_nucleus(kind, np.pi * n / count, side, rng) for n in range(count)])


def _nucleus(kind: NucleusKind, turn: float, side: int, rng: Generator) -> Stain:
    long = np.clip(rng.normal(*kind.length), kind.length[0] / 2, side - 4) / 2
    wide = long * kind.slimness * rng.uniform(0.85, 1.15)
    waves = np.sin(np.outer((2, 3, 4, 5), _ANGLES) + rng.uniform(0, 2 * np.pi, (4, 1)))
    radius = 1 + rng.normal(0, kind.lobes / 2, 4) @ waves
    along, across = long * radius * np.cos(_ANGLES), wide * radius * np.sin(_ANGLES)
    x = along * np.cos(turn) - across * np.sin(turn)
    y = along * np.sin(turn) + across * np.cos(turn)
    outline = (np.column_stack([x, y]) + side / 2) * ZOOM
    large = np.zeros((side * ZOOM, side * ZOOM), np.float32)
    density = max(40.0, rng.normal(*kind.density))
    cv2.fillPoly(large, [np.rint(outline).astype(np.int32)], 0.82 * density)
    cv2.polylines(large, [np.rint(outline).astype(np.int32)], True, 1.12 * density, ZOOM + 2)
    for _ in range(kind.nucleoli):
        spot = side * ZOOM / 2 + rng.normal(0, 0.3 * wide * ZOOM, 2)
        cv2.circle(large, np.rint(spot).astype(int).tolist(), ZOOM + 2, 1.45 * density, -1)
    small = cv2.resize(large, (side, side), interpolation=cv2.INTER_AREA)
    chromatin = cv2.GaussianBlur(rng.standard_normal((side, side), np.float32), (0, 0), 1.2)
    small *= 1 + kind.clumps * chromatin / chromatin.std()
    return np.clip(cv2.GaussianBlur(small, (0, 0), 0.6), 0, 255).astype(np.uint8)


def stamp(
    layer: Stain, stamps: Stain, places: Places, rng: Generator, turns: Places | None = None
) -> None:
    """Lay nuclei on a layer of stain, the denser one over the other; those over its edge are left.

    Args:
        layer: Is changed.
        stamps: Of :func:`nucleus_stamps`.
        places: Of their middles.
        rng: Which stamp lies where.
        turns: In radians, one a place; None: any.
    """
    side, count = stamps.shape[1], len(stamps)
    corners = np.rint(places - side / 2).astype(int)
    chosen = rng.integers(count, size=len(places))
    if turns is not None:
        chosen = (np.rint(turns * (count / np.pi)).astype(int) + chosen % 5 - 2) % count
    inside = ((corners >= 0) & (corners <= np.subtract(layer.shape[::-1], side))).all(axis=1)
    pictures = list(stamps)
    for (x, y), which in zip(corners[inside].tolist(), chosen[inside].tolist(), strict=True):
        under = layer[y : y + side, x : x + side]
        np.maximum(under, pictures[which], out=under)


def packed(outline: Places, spacing: float, looseness: float, rng: Generator) -> Places:
    """Points inside an outline, as cells lie that have no room: a grid of triangles, shaken.

    Args:
        outline: Shape ``(n, 2)``.
        spacing: Between neighbours.
        looseness: Standard deviation of the shaking, as a share of the spacing.
        rng: Of the shaking.
    """
    low, high = outline.min(axis=0) - spacing, outline.max(axis=0) + spacing
    columns = np.arange(low[0], high[0], spacing)
    rows = np.arange(low[1], high[1], 0.866 * spacing)
    x, y = np.meshgrid(columns, rows)
    x = x + spacing / 2 * (np.arange(len(rows)) % 2)[:, None]
    grid = np.stack([x.ravel(), y.ravel()], axis=1)
    grid += rng.normal(0, looseness * spacing, grid.shape)
    size = np.ceil(high - low).astype(int) + 1
    cover = np.zeros((size[1], size[0]), np.uint8)
    cv2.fillPoly(cover, [np.rint(outline - low).astype(np.int32)], 1)
    column, row = np.clip(np.rint(grid - low).astype(int), 0, size - 1).T
    within: Places = grid[cover[row, column] > 0]
    return within
