"""A volume that shapes with soft edges are painted into: what drawing is to films."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

SOFTNESS_MM = 1.5

Array = NDArray[Any]
"""Points ``(3,)`` are in mm."""
Axes = tuple[Array, Array, Array]
"""Positions of voxels in mm, float32 ``(X, 1, 1)``, ``(1, Y, 1)`` and ``(1, 1, Z)``."""
Box = tuple[slice, ...]
Strand = tuple[Array, Array, float, float]
"""Start, end, and the radius at either in mm."""


class Canvas:
    """A volume that shapes with soft edges are painted into.

    Args:
        shape: Voxels along each axis.
        spacing_mm: Between voxels.
        middle: The point in the middle of the volume.
        grey: Of the empty volume.

    Attributes:
        axes: Where its voxels are.
        grey: float32 ``(X, Y, Z)``.
    """

    def __init__(
        self, shape: Sequence[int], spacing_mm: Sequence[float], middle: Array, grey: float
    ) -> None:
        sides = zip(middle.tolist(), spacing_mm, shape, strict=True)
        self._grid = [(at - mm * (n - 1) / 2, mm) for at, mm, n in sides]
        places: list[Array] = [
            (first + mm * np.arange(n)).astype(np.float32)
            for (first, mm), n in zip(self._grid, shape, strict=True)
        ]
        self.axes: Axes = (places[0][:, None, None], places[1][:, None], places[2])
        self.grey: Array = np.full(shape, grey, np.float32)

    def paint(self, depth: Array, grey: float, box: Box = ()) -> None:
        """Cover a shape with a grey, given how many mm each voxel lies below its surface."""
        cover = (depth * (1 / SOFTNESS_MM) + 0.5).clip(0, 1)
        under = self.grey[box]
        under += cover * (grey - under)

    def paint_strands(self, strands: Iterable[Strand], grey: float) -> None:
        """Paint tapering rods with round ends."""
        for start, end, wide, narrow in strands:
            box = self._box(np.minimum(start, end) - wide, np.maximum(start, end) + wide)
            x, y, z = off = self._offsets(box, start)
            right, front, top = way = (end - start).tolist()
            share = 1 / (right**2 + front**2 + top**2)
            along = (_dot(off, way) * share).clip(0, 1)
            apart = (x - right * along) ** 2 + (y - front * along) ** 2 + (z - top * along) ** 2
            self.paint(along * (narrow - wide) + wide - np.sqrt(apart), grey, box)

    def ball(self, middle: Array, radius: float, lobes: float, rng: Generator) -> tuple[Array, Box]:
        """Depth in a ball that is somewhat stretched, and the box that it lies in.

        Args:
            middle: Of the ball.
            radius: In mm.
            lobes: How far they stand out, in mm.
            rng: Of its shape.
        """
        box = self._box(middle - 1.5 * radius, middle + 1.5 * radius)
        off = self._offsets(box, middle)
        stretch = rng.uniform(0.85, 1.15, 3)
        by = (stretch / stretch.prod() ** (1 / 3)).tolist()
        x, y, z = (axis * each for axis, each in zip(off, by, strict=True))
        return radius - np.sqrt(x**2 + y**2 + z**2) + lobes * waves(off, 0.35, rng), box

    def _box(self, low: Array, high: Array) -> Box:
        """The voxels between two corners, and one more on each side."""
        sides = zip(self._grid, low.tolist(), high.tolist(), strict=True)
        cuts = [(int((a - first) / mm), int((b - first) / mm) + 2) for (first, mm), a, b in sides]
        return tuple(slice(max(start, 0), max(stop, 0)) for start, stop in cuts)

    def _offsets(self, box: Box, point: Array) -> Axes:
        """Where the voxels of a box are, seen from a point."""
        x, y, z = self.axes
        right, front, top = point.tolist()
        return x[box[0]] - right, y[box[1]] - front, z[box[2]] - top


def branches(start: Array, way: Array, radius: float, rng: Generator) -> list[Strand]:
    """A vessel that divides until it is thin."""
    if radius < 0.7:
        return []
    end = start + rng.uniform(8, 14) * way
    tree = [(start, end, radius, 0.85 * radius)]
    for share in (0.85, 0.6):
        turned = unit(way + rng.normal(0, 0.4, 3))
        tree += branches(end, turned, share * radius * rng.uniform(0.8, 1), rng)
    return tree


def unit(vectors: Array) -> Array:
    """Vectors along the last axis, brought to length 1."""
    scaled: Array = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return scaled


def waves(axes: Axes, frequency: float, rng: Generator) -> Array:
    """A smooth random field of mean 0 and standard deviation 1.2.

    Args:
        axes: Where.
        frequency: Of its waves, in radians per mm.
        rng: Of their directions and phases.
    """
    ways, phases = rng.normal(0, frequency, (3, 3)), rng.uniform(0, 2 * np.pi, 3)
    each = zip(ways.tolist(), phases.tolist(), strict=True)
    field: Array = sum(np.sin(_dot(axes, way) + phase) for way, phase in each)
    return field


def _dot(axes: Axes, way: Sequence[float]) -> Array:
    product: Array = axes[0] * way[0] + axes[1] * way[1] + axes[2] * way[2]
    return product
