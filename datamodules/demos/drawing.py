"""Soft-edged shapes on a canvas that is larger than the film, so that a turned film has no gaps.

Of ``CANVAS`` pixels the middle ``FILM`` are -1..1 in both directions; x grows towards the image's
right, y downwards. Shapes are arrays of points ``(n, 2)``, x before y.
"""

from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

FILM = 256
CANVAS = 320

Layer = NDArray[Any]
"""float32, ``(CANVAS, CANVAS)``, or ``(FILM, FILM)`` once it lies on the film."""
Points = NDArray[Any]
"""float64."""

_SHIFT = 4
_ANGLES = np.linspace(0, 2 * np.pi, 32, endpoint=False)
_CIRCLE: Points = np.column_stack([np.cos(_ANGLES), np.sin(_ANGLES)])


def polygon(*outlines: Points, blur: float = 1.2) -> Layer:
    """Filled outlines with soft edges, 0 to 1."""
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    for outline in outlines:
        cv2.fillPoly(canvas, [_pixels(outline)], 255, cv2.LINE_AA, _SHIFT)
    return _soften(canvas, blur)


def lines(paths: Iterable[Points], width: float, blur: float = 0.8) -> Layer:
    """Lines of one width (in units of half a film) with soft edges, 0 to 1."""
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    thickness = max(1, round(width * FILM / 2))
    pixels = [_pixels(path) for path in paths]
    cv2.polylines(canvas, pixels, False, 255, thickness, cv2.LINE_AA, _SHIFT)
    return _soften(canvas, blur)


def ellipse(x: float, y: float, a: float, b: float, tilt: float = 0.0) -> Points:
    """Outline of an ellipse with half axes a, b; the tilt in radians turns it clockwise."""
    across, down = np.array([a, 0.0]), np.array([0.0, b])
    if tilt:
        across = a * np.array([np.cos(tilt), np.sin(tilt)])
        down = b * np.array([-np.sin(tilt), np.cos(tilt)])
    outline: Points = np.array([x, y]) + _CIRCLE[:, :1] * across + _CIRCLE[:, 1:] * down
    return outline


def to_pixels(points: Points) -> Points:
    """Pixels of the canvas, in parts of them; the middle of the first one is ``(0, 0)``."""
    pixels: Points = points * (FILM / 2) + CANVAS / 2
    return pixels


def _pixels(points: Points) -> NDArray[np.int32]:
    pixels: NDArray[np.int32] = np.rint(to_pixels(points) * 2**_SHIFT).astype(np.int32)
    return pixels


def _soften(canvas: NDArray[Any], blur: float) -> Layer:
    """Blur a drawing of 0 to 255 into 0 to 1; wide blurs at half the size."""
    if blur > 2.5:
        canvas = cv2.resize(canvas, (CANVAS // 2, CANVAS // 2), interpolation=cv2.INTER_AREA)
        canvas = cv2.GaussianBlur(canvas, (0, 0), blur / 2)
        canvas = cv2.resize(canvas, (CANVAS, CANVAS), interpolation=cv2.INTER_LINEAR)
    else:
        canvas = cv2.GaussianBlur(canvas, (0, 0), blur)
    return canvas * np.float32(1 / 255)
