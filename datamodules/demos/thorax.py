"""A drawn thorax: what lies between tube and film, as a map of attenuation.

Every layer adds to the attenuation; air is negative. x grows towards the patient's left.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.random import Generator

from datamodules.demos.drawing import CANVAS, Layer, Points, ellipse, lines, polygon

LEFT, RIGHT = 1.0, -1.0

_SQUARE = np.array([(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)])
_BLADE = np.array(
    [(0.0, -0.62), (0.02, -0.2), (0.06, 0.05), (0.12, -0.05), (0.28, -0.5), (0.25, -0.7)]
)


@dataclass(frozen=True)
class Thorax:
    """One patient's shape, the same in each of their films but for breathing.

    Attributes:
        width: Half the width of the rib cage at its widest.
        apex: Height (y) of the tops of the lungs.
        dome: Height (y) of the right dome of the diaphragm.
        heart: Half the length of the heart; above .5 it is enlarged.
        knob: Size of the aortic knob.
        slope: How steeply the ribs descend.
        bones: Mineral content: contrast of the bones.
        curve: Sideways bend of the spine.
        soft: Thickness of the soft tissue.
        breasts: Size of the breast shadows; 0 for none.
    """

    width: float
    apex: float
    dome: float
    heart: float
    knob: float
    slope: float
    bones: float
    curve: float
    soft: float
    breasts: float

    def side_wall(self, y: Points) -> Points:
        """Distance of the inner chest wall from the midline at some heights."""
        rise = np.clip((0.40 - y) / (0.40 - self.apex + 0.07), 0, 1)
        return self.width * np.sqrt(1 - rise**2.5) + 0.02 * np.clip(y - 0.4, 0, None)

    def diaphragm(self, x: Points, side: float) -> Points:
        """Height of the diaphragm at some distances from the midline."""
        top = self.dome + (0.045 if side == LEFT else 0.0)
        offset = (x - 0.46 * self.width / 0.8) / 0.40
        return top + np.where(offset > 0, 0.27, 0.13) * offset**2

    @cached_property
    def lungs(self) -> dict[float, Points]:
        """Outline of each lung, shape ``(n, 2)``, x before y."""
        return {side: self._lung(side) for side in (RIGHT, LEFT)}

    @cached_property
    def frame(self) -> Layer:
        """Attenuation of what is the same in every film: the wall, the air, spine and ribs."""
        return body(self) + lungs(self) + spine(self) + ribs(self)

    def _lung(self, side: float) -> Points:
        y = np.linspace(self.apex, self.dome + 0.25, 60)
        wall = self.side_wall(y)
        inner = 0.13 + 0.10 * np.clip((self.apex + 0.16 - y) / 0.16, 0, 1) ** 2
        outer = np.maximum(wall, inner)
        down = np.column_stack([outer, np.minimum(y, self.diaphragm(outer, side))])
        x = np.linspace(outer[-1], inner[-1], 30)
        base = np.column_stack([x, self.diaphragm(x, side)])
        up = np.column_stack([inner, np.minimum(y, self.diaphragm(inner, side))])[::-1]
        return np.vstack([down, base, up]) * (side, 1)


def body(thorax: Thorax) -> Layer:
    """Soft tissue: trunk, shoulders, neck."""
    half = thorax.width + 0.10 + 0.10 * thorax.soft
    neck = [(0.17, -1.3), (0.19, -0.98), (0.42, -0.88)]
    arm = [(0.88, -0.76), (1.1, -0.55), (1.05, -0.25)]
    trunk = [(half + 0.04, -0.05), (half, 0.35), (half + 0.02, 1.3)]
    right = np.array([*neck, *arm, *trunk])
    outline = np.vstack([right, (right * (-1, 1))[::-1]])
    return (0.48 + 0.12 * thorax.soft) * polygon(outline, blur=5)


def lungs(thorax: Thorax) -> Layer:
    """Air: less of it towards the edges, where the lung is thin."""
    outlines = thorax.lungs.values()
    air, thick = polygon(*outlines, blur=1.3), polygon(*outlines, blur=11)
    return -0.46 * air * (0.55 + 0.45 * thick)


def abdomen(thorax: Thorax, rng: Generator) -> Layer:
    """Attenuation below the diaphragm beyond that of the wall; often with gas in the stomach."""
    outlines = []
    for side in (RIGHT, LEFT):
        x = np.linspace(0, thorax.width + 0.05, 40)
        dome = np.column_stack([x * side, thorax.diaphragm(x, side)])
        outlines.append(np.vstack([dome, [(thorax.width * side, 1.3), (0, 1.3)]]))
    layer = 0.34 * polygon(*outlines, blur=1.5)
    if rng.random() < 0.6:
        place, size = rng.uniform(0.25, 0.5), rng.uniform(0.05, 0.13)
        y = float(thorax.diaphragm(np.array([place]), LEFT)[0]) + size + 0.04
        gas = ellipse(place, y, 1.5 * size, size, rng.uniform(-0.3, 0.3))
        layer -= 0.17 * polygon(gas, blur=3)
    return layer


def spine(thorax: Thorax) -> Layer:
    """Vertebral bodies with discs between them, pedicles and spinous processes."""
    heights = np.arange(-1.2, 1.25, 0.125)
    middle = thorax.curve * np.sin(2.2 * heights)
    bodies, points = [], []
    for x, y in zip(middle, heights, strict=True):
        half = 0.068 + 0.012 * y
        bodies.append(_SQUARE * (half, 0.05) + (x, y))
        points += [ellipse(x + side * 0.04, y - 0.015, 0.012, 0.02) for side in (RIGHT, LEFT)]
        points.append(ellipse(x, y + 0.03, 0.010, 0.03))
    return thorax.bones * (0.09 * polygon(*bodies, blur=1.3) + 0.05 * polygon(*points, blur=0.8))


def ribs(thorax: Thorax) -> Layer:
    """Ribs behind (from the spine down to the side) and in front (from the side to the middle)."""
    back, front = [], []
    t = np.linspace(0, 1, 32)
    for number in range(10):
        start = thorax.apex - 0.02 + 0.148 * number
        drop = thorax.slope * (0.16 + 0.030 * number)
        reach = float(thorax.side_wall(np.array([start + 0.6 * drop]))[0]) + 0.03
        reach = max(reach, 0.30 + 0.02 * number)
        x = 0.08 + (reach - 0.08) * np.sin(t * np.pi / 2)
        y = start - 0.035 * np.sin(np.pi * t) + drop * t**2.4
        end = max(0.28, reach - 0.42)
        x_front = reach - (reach - end) * (1 - np.cos(t * np.pi / 2))
        fall = thorax.slope * (0.05 + 0.028 * number)
        y_front = y[-1] + fall * np.sin(t * np.pi / 2) + 0.06 * t
        back += [np.column_stack([x * side, y]) for side in (RIGHT, LEFT)]
        if number < 7:
            front += [np.column_stack([x_front * side, y_front]) for side in (RIGHT, LEFT)]
    return thorax.bones * (0.15 * _bones(back, 0.058) + 0.085 * _bones(front, 0.052))


def shoulder_girdle(thorax: Thorax, portable: bool, rng: Generator) -> Layer:
    """Collar bones and shoulder blades, which cover more lung in a portable film."""
    t = np.linspace(0, 1, 24)
    rise = rng.uniform(0.10, 0.22) + (0.06 if portable else 0.0)
    collar_bones, blades = [], []
    for side in (RIGHT, LEFT):
        lift = rng.normal(0, 0.012)
        y = thorax.apex + 0.20 + lift - rise * t - 0.035 * np.sin(2 * np.pi * t)
        collar_bones.append(np.column_stack([(0.085 + 0.75 * t) * side, y]))
        inner = thorax.width * (0.86 if portable else 0.97) + rng.normal(0, 0.015)
        blades.append((_BLADE + np.array([inner, 0.0])) * (side, 1))
    return thorax.bones * (0.17 * _bones(collar_bones, 0.055) + 0.075 * polygon(*blades, blur=1.6))


def vessels(thorax: Thorax, rng: Generator) -> Layer:
    """Lung vessels that branch from each hilum, some seen end-on as small sharp dots."""
    hila = np.array([(-0.17, -0.04), (0.17, -0.08)])
    side = np.repeat([RIGHT, LEFT], 8)
    angle = np.tile(np.linspace(-1.25, 1.45, 8), 2) + rng.normal(0, 0.12, 16)
    start, tree = np.repeat(hila, 8, axis=0), np.zeros((CANVAS, CANVAS), np.float32)
    for width, length in ((0.042, 0.20), (0.026, 0.17), (0.016, 0.14)):
        paths, end = _branches(start, angle, side, length, rng)
        tree = np.maximum(tree, lines(paths, width, blur=0.9))
        fork = rng.uniform(0.2, 0.6, (len(end), 2)) * (1, -1)
        angle = (end[:, None] + fork).ravel()
        start, side = paths[:, -1].repeat(2, 0), side.repeat(2)
    dots = []
    for hilum in hila.repeat(2, axis=0):
        x = hilum[0] + np.sign(hilum[0]) * rng.uniform(0.06, 0.24)
        y, size = hilum[1] + rng.uniform(-0.22, 0.26), rng.uniform(0.014, 0.024)
        dots.append(ellipse(x, y, size, size))
    roots = [ellipse(x, y + 0.02, 0.055, 0.12, 0.2 * np.sign(x)) for x, y in hila]
    shadows: Layer = 0.085 * tree + 0.09 * polygon(*roots, blur=4) + 0.13 * polygon(*dots, blur=0.7)
    return shadows * polygon(*thorax.lungs.values(), blur=3)


def breasts(thorax: Thorax, rng: Generator) -> Layer:
    """Soft shadows whose lower edge shows; none for size 0."""
    size = thorax.breasts
    if size == 0:
        return np.zeros((CANVAS, CANVAS), np.float32)
    x, y = 0.46 + rng.normal(0, 0.02), 0.22 + rng.normal(0, 0.03)
    outlines = [
        ellipse(side * x, y + rng.normal(0, 0.015), 0.30 * size, 0.34 * size, 0.2 * side)
        for side in (RIGHT, LEFT)
    ]
    fade = np.clip(np.linspace(-1.25 + 1.0, 1.25 + 1.0, CANVAS), 0, 1).astype(np.float32)
    return 0.085 * size * polygon(*outlines, blur=2.5) * fade[:, None]


def _branches(
    start: Points, angle: Points, side: Points, length: float, rng: Generator
) -> tuple[Points, Points]:
    """Bent branches, shape ``(n, 6, 2)``, and the direction at each one's end."""
    t = np.linspace(0, 1, 6)
    course = angle[:, None] + rng.normal(0, 0.25, (len(angle), 1)) * t
    reach = length * rng.uniform(0.7, 1.3, (len(angle), 1)) * t
    offset = np.stack([np.cos(course) * side[:, None], np.sin(course)], axis=-1)
    return start[:, None] + offset * reach[..., None], course[:, -1]


def _bones(paths: Sequence[Points], width: float) -> Layer:
    """Bones with a dense rim."""
    return lines(paths, width) - 0.5 * lines(paths, width - 0.022)
