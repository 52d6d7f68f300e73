"""Cells of a drawn smear of blood, and what is like them: each a few shapes on a large sheet."""

from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

RED_CELL, WHITE_CELL, PLATELET = "red cell", "white cell", "platelet"
ZOOM = 2
"""Sheets are drawn so many times larger, then averaged."""
MARGIN = 12
"""Pixels about a picture in which there may be middles of cells."""
TRIES = 12
FAR = 2.0
"""Pixels to the nearest neighbour; where there are more, any place will do."""

Pixels = NDArray[Any]
Colour = tuple[float, ...]
"""BGR."""
Place = tuple[float, float]
"""x and y in pixels of the picture."""
Shape = tuple[str, tuple[float, float, float, float]]
"""What it is, and x and y of the upper left and the lower right corner of the box about it."""

_ANGLES = np.linspace(0, 2 * np.pi, 60, endpoint=False)


class Sheet:
    """A picture that cells are drawn on.

    Args:
        size: Height and width.
        glass: Colour of the background.
        noise: Standard deviation.
        rng: Of the light and the noise.

    Attributes:
        height, width: Of the picture.
    """

    def __init__(self, size: tuple[int, int], glass: Colour, noise: float, rng: Generator) -> None:
        self.height, self.width = size
        large = (self.height * ZOOM, self.width * ZOOM)
        self._ink: Pixels = np.full((*large, 3), glass, np.float32)
        self._light = _clouds(size, 40.0, rng) * rng.uniform(3, 9) + _slope(size, rng)
        self._light += _clouds(size, 3.0, rng) * rng.uniform(1, 3)
        grain = rng.standard_normal((*size, 3), np.float32)
        self._grain = noise * cv2.GaussianBlur(grain, (0, 0), 0.6) * 1.6
        self._blur = float(rng.uniform(0.3, 0.8))
        self._taken: list[tuple[float, float, float]] = []

    def free_place(self, radius: float, rng: Generator) -> Place:
        """A place on or just beyond the sheet, free if there is one among a few, and now taken."""
        low, high = (-MARGIN, -MARGIN), (self.width + MARGIN, self.height + MARGIN)
        tried = rng.uniform(low, high, (TRIES, 2))
        taken = np.reshape(self._taken, (-1, 3))
        apart = np.linalg.norm(tried[:, None] - taken[:, :2], axis=2) - radius - taken[:, 2]
        room = apart.min(axis=1, initial=FAR)
        x, y = tried[room.argmax()].tolist()
        self._taken.append((x, y, radius))
        return x, y

    def paint(self, outline: Pixels, colour: Colour, opacity: float, softness: float = 0.5) -> None:
        """Lay a colour over an area; what lies under it shines through.

        Args:
            outline: Points ``(n, 2)``, x before y, in pixels of the picture.
            colour: BGR.
            opacity: 0 to 1.
            softness: Standard deviation of its edge in pixels.
        """
        reach = int(3 * softness * ZOOM) + 2
        points = outline * ZOOM
        low = np.maximum(np.floor(points.min(axis=0)).astype(int) - reach, 0)
        high = np.ceil(points.max(axis=0)).astype(int) + reach
        x1, y1 = np.minimum(high, (self.width * ZOOM, self.height * ZOOM))
        x0, y0 = low
        if x1 <= x0 or y1 <= y0:
            return
        cover = np.zeros((y1 - y0, x1 - x0), np.float32)
        cv2.fillPoly(cover, [np.rint(points - low).astype(np.int32)], opacity)
        cover = cv2.GaussianBlur(cover, (0, 0), softness * ZOOM)[..., None]
        under = self._ink[y0:y1, x0:x1]
        under += cover * (np.asarray(colour, np.float32) - under)

    def finished(self) -> Pixels:
        """The picture, uint8 ``(H, W, 3)``, BGR."""
        size = (self.width, self.height)
        small = cv2.resize(self._ink, size, interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), self._blur)
        return np.clip(small + self._light[..., None] + self._grain, 0, 255).astype(np.uint8)


def draw_red_cell(
    sheet: Sheet, place: Place, radius: float, colour: Colour, rng: Generator
) -> Shape:
    """A disc that is pale in the middle; often a little longer than wide."""
    own = radius * rng.uniform(0.85, 1.15)
    stretch = rng.uniform(0.8, 1.0) if rng.random() < 0.8 else rng.uniform(0.55, 0.75)
    turn = rng.uniform(0, np.pi)
    rim = blob(place, own, stretch, turn, 0.03, rng)
    shade = shifted(colour, rng.normal(0, 6))
    sheet.paint(rim, shade, rng.uniform(0.7, 0.85))
    pale = blob(place, own * rng.uniform(0.3, 0.5), stretch, turn, 0.05, rng)
    sheet.paint(pale, shifted(colour, 38), rng.uniform(0.4, 0.9), softness=2.0)
    return RED_CELL, bounds(rim)


def draw_white_cell(
    sheet: Sheet, place: Place, radius: float, colour: Colour, rng: Generator
) -> Shape:
    """A pale body with grains, and a purple nucleus of one to four lobes in it."""
    own = radius * rng.uniform(0.8, 1.15)
    body = blob(place, own, rng.uniform(0.85, 1), rng.uniform(0, np.pi), 0.04, rng)
    sheet.paint(body, shifted(colour, rng.uniform(62, 82)), rng.uniform(0.7, 0.9))
    _grains(sheet, place, own * 0.85, shifted(colour, rng.uniform(20, 45)), rng)
    lobes = int(rng.integers(1, 5))
    spread = 0.0 if lobes == 1 else 0.38 * own
    start = rng.uniform(0, 2 * np.pi)
    for lobe in range(lobes):
        angle = start + lobe * rng.uniform(0.9, 1.5)
        middle = (place[0] + spread * np.cos(angle), place[1] + spread * np.sin(angle))
        size = own * (rng.uniform(0.6, 0.8) if lobes == 1 else rng.uniform(0.28, 0.4))
        outline = blob(middle, size, rng.uniform(0.75, 1), rng.uniform(0, np.pi), 0.08, rng)
        sheet.paint(outline, shifted(colour, rng.normal(0, 6)), 0.92)
    return WHITE_CELL, bounds(body)


def draw_platelet(
    sheet: Sheet, place: Place, radius: float, colour: Colour, rng: Generator
) -> Shape:
    """A small pale body without a nucleus, purple grains in its middle."""
    own = radius * rng.uniform(0.8, 1.3)
    body = blob(place, own, rng.uniform(0.7, 1), rng.uniform(0, np.pi), 0.12, rng)
    sheet.paint(body, shifted(colour, rng.uniform(45, 65)), 0.85)
    core = blob(place, 0.5 * own, rng.uniform(0.7, 1), rng.uniform(0, np.pi), 0.15, rng)
    sheet.paint(core, shifted(colour, rng.normal(8, 5)), 0.85, softness=0.8)
    return PLATELET, bounds(body)


def draw_precipitate(sheet: Sheet, place: Place, colour: Colour, rng: Generator) -> None:
    """Stain that has fallen out: specks as purple as platelets, sharp, without a body."""
    for _ in range(rng.integers(1, 5)):
        at = (place[0] + rng.normal(0, 3), place[1] + rng.normal(0, 3))
        corners = np.sort(rng.choice(len(_ANGLES), 5, replace=False))
        speck = blob(at, rng.uniform(1.2, 3.4), 0.7, rng.uniform(0, np.pi), 0.3, rng)[corners]
        sheet.paint(speck, shifted(colour, rng.normal(0, 8)), 0.95, softness=0.3)


def draw_burst_cell(
    sheet: Sheet, place: Place, radius: float, colour: Colour, rng: Generator
) -> None:
    """The nucleus of a white cell that has burst: as purple, smeared, without a body."""
    turn = rng.uniform(0, np.pi)
    for _ in range(rng.integers(2, 5)):
        at = (place[0] + rng.normal(0, 0.3) * radius, place[1] + rng.normal(0, 0.3) * radius)
        smear = blob(at, radius * rng.uniform(0.35, 0.7), rng.uniform(0.3, 0.6), turn, 0.25, rng)
        sheet.paint(smear, shifted(colour, rng.normal(18, 8)), rng.uniform(0.5, 0.8), softness=2.5)


def draw_bubble(sheet: Sheet, place: Place, radius: float, rng: Generator) -> None:
    """Air under the glass: as round and large as a red cell, a grey ring that is bright inside."""
    own = radius * rng.uniform(0.6, 1.2)
    sheet.paint(blob(place, own, 0.97, 0, 0.01, rng), (150.0, 152, 156), 0.7)
    sheet.paint(blob(place, 0.82 * own, 0.97, 0, 0.01, rng), (238.0, 240, 240), 0.9, softness=0.8)


def blob(
    place: Place, radius: float, stretch: float, turn: float, waves: float, rng: Generator
) -> Pixels:
    """Outline of something nearly round, ``(n, 2)``.

    Args:
        place: Of its middle.
        radius: Of its longer axis.
        stretch: Of its shorter axis, as a share.
        turn: Of the longer axis, in radians.
        waves: How far it departs from an ellipse, as a share.
        rng: Of the waves.
    """
    phases = np.sin(np.outer((2, 3, 4, 5), _ANGLES) + rng.uniform(0, 2 * np.pi, (4, 1)))
    far = radius * (1 + rng.normal(0, waves / 2, 4) @ phases)
    along, across = far * np.cos(_ANGLES), stretch * far * np.sin(_ANGLES)
    x = along * np.cos(turn) - across * np.sin(turn)
    y = along * np.sin(turn) + across * np.cos(turn)
    outline: Pixels = np.column_stack([x, y]) + place
    return outline


def bounds(outline: Pixels) -> tuple[float, float, float, float]:
    """The box about an outline."""
    x0, y0 = outline.min(axis=0).tolist()
    x1, y1 = outline.max(axis=0).tolist()
    return x0, y0, x1, y1


def shifted(colour: Colour, by: float) -> Colour:
    """A lighter or darker colour."""
    return tuple(float(np.clip(value + by, 0, 245)) for value in colour)


def _grains(sheet: Sheet, place: Place, radius: float, colour: Colour, rng: Generator) -> None:
    for _ in range(rng.integers(0, 30)):
        far, angle = radius * np.sqrt(rng.random()), rng.uniform(0, 2 * np.pi)
        at = (place[0] + far * np.cos(angle), place[1] + far * np.sin(angle))
        sheet.paint(blob(at, rng.uniform(0.6, 1.2), 1, 0, 0.1, rng), colour, 0.6, softness=0.4)


def _clouds(size: tuple[int, int], wide: float, rng: Generator) -> Pixels:
    noise = cv2.GaussianBlur(rng.standard_normal(size, np.float32), (0, 0), wide)
    clouds: Pixels = noise / noise.std()
    return clouds


def _slope(size: tuple[int, int], rng: Generator) -> Pixels:
    """Light that comes from one side."""
    y, x = np.meshgrid(
        *(np.linspace(-1, 1, side, dtype=np.float32) for side in size), indexing="ij"
    )
    across, down = rng.normal(0, 6, 2)
    slope: Pixels = across * x + down * y
    return slope
