"""The demo of 2D segmentation: drawn slices through the heart, as MRI shows its short axis.

Blood is as bright in other chambers and vessels as in the left ventricle, and muscle as grey in the
chest wall and liver as in its wall: what counts is the ring about a disc.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from datamodules.demos.drawing import CANVAS, FILM, Layer, Points, ellipse, polygon

PATIENTS = 60
SLICES = 3
SIZE = 128
SEED = 11
LUNG, MUSCLE, BLOOD, FAT = 0.10, 0.38, 0.68, 0.85

_AIR = np.float32(0.03)
_MIDDLE = slice((CANVAS - FILM) // 2, (CANVAS + FILM) // 2)


@dataclass(frozen=True)
class Heart:
    """One patient's heart and chest, in units of half an image.

    Attributes:
        x, y: Centre of the left ventricle.
        radius: Of its inside, in the middle of its length.
        wall: Thickness of its wall.
        squash: Ratio of its two half axes.
        turn: Where the right ventricle lies, in radians, 0 being the image's right.
        chest: Half the width and height of the chest.
    """

    x: float
    y: float
    radius: float
    wall: float
    squash: float
    turn: float
    chest: tuple[float, float]


def draw_demo(folder: Path, patients: int = PATIENTS) -> None:
    """Draw all slices and their masks; the same bytes every time.

    8-bit PNG of 128 x 128 pixels, three a patient: ``train_val/images/p001_1.png``
    and ``train_val/masks/p001_1.png``, a fifth of the patients in ``test``. In masks 1 is the
    left ventricle, 2 its wall.

    Args:
        folder: Created; must not be there.
        patients: How many patients.
    """
    for side in ("train_val", "test"):
        for kind in ("images", "masks"):
            (folder / side / kind).mkdir(parents=True)
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        list(pool.map(lambda number: _draw_patient(number, folder), range(1, patients + 1)))


def _draw_patient(number: int, folder: Path) -> None:
    heart = _invent_heart(np.random.default_rng([SEED, number]))
    side = "test" if number % 5 == 0 else "train_val"
    for level in range(SLICES):
        image, mask = draw_slice(heart, level, np.random.default_rng([SEED, number, level]))
        for kind, pixels in (("images", image), ("masks", mask)):
            name = f"{side}/{kind}/p{number:03d}_{level + 1}.png"
            if not cv2.imwrite(str(folder / name), pixels):
                raise OSError(f"cannot write {name}")


def _invent_heart(rng: Generator) -> Heart:
    return Heart(
        x=rng.uniform(-0.05, 0.30),
        y=rng.uniform(-0.25, 0.10),
        radius=rng.uniform(0.15, 0.23),
        wall=rng.uniform(0.07, 0.12),
        squash=rng.uniform(0.85, 1.15),
        turn=rng.uniform(np.pi - 0.7, np.pi + 0.9),
        chest=(rng.uniform(0.88, 1.0), rng.uniform(0.72, 0.82)),
    )


def draw_slice(
    heart: Heart, level: int, rng: Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """One slice: grey values and mask, uint8 ``(SIZE, SIZE)``.

    Args:
        heart: Whose.
        level: 0 at the base to 2 at the tip, where it is smallest.
        rng: Of what differs from slice to slice.
    """
    radius = heart.radius * (1.05, 1.0, 0.75)[level] * rng.uniform(0.92, 1.08)
    inner = _ring(heart, radius, rng)
    centre = np.array([heart.x, heart.y])
    outer = centre + (inner - centre) * (1 + heart.wall / radius)
    image = _chest(heart, rng)
    image = _paint(image, _right_ventricle(heart, radius, rng), BLOOD)
    image = _paint(image, outer, MUSCLE)
    image = _paint(image, inner, BLOOD)
    for angle in rng.uniform(0, 2 * np.pi, 2):  # papillary muscles count as inside
        x, y = centre + 0.6 * radius * np.array([np.cos(angle), np.sin(angle)])
        image = _paint(image, ellipse(x, y, 0.16 * radius, 0.2 * radius), MUSCLE)
    inside, whole = (_shrink(polygon(outline, blur=0.6)) > 0.5 for outline in (inner, outer))
    mask = np.where(inside, 1, np.where(whole, 2, 0)).astype(np.uint8)
    return _acquire(_shrink(image), rng), mask


def _ring(heart: Heart, radius: float, rng: Generator) -> Points:
    """The inner outline of the left ventricle: roundish."""
    outline = ellipse(0, 0, radius * heart.squash, radius / heart.squash, rng.uniform(0, np.pi))
    angle = np.linspace(0, 2 * np.pi, len(outline), endpoint=False)
    lobes = rng.normal(0, 0.03, 3) @ np.sin(np.outer((2, 3, 4), angle) + rng.uniform(0, 6, (3, 1)))
    ring: Points = np.array([heart.x, heart.y]) + outline * (1 + lobes)[:, None]
    return ring


def _right_ventricle(heart: Heart, radius: float, rng: Generator) -> Points:
    """A crescent: what the left ventricle does not cover of an ellipse beside it."""
    reach = (radius + heart.wall) * rng.uniform(0.85, 1.05)
    x = heart.x + reach * np.cos(heart.turn)
    y = heart.y - reach * np.sin(heart.turn)
    return ellipse(x, y, rng.uniform(0.9, 1.1) * radius, 1.5 * radius, -heart.turn)


def _chest(heart: Heart, rng: Generator) -> Layer:
    """All that is not the heart's."""
    across, down = heart.chest
    image = np.full((CANVAS, CANVAS), _AIR, np.float32)
    image = _paint(image, ellipse(0, 0, across, down), FAT)
    image = _paint(image, ellipse(0, 0, across - 0.07, down - 0.07), MUSCLE)
    for side in (-1, 1):
        lung = ellipse(0.48 * side, -0.03, 0.33, down - 0.22 + rng.normal(0, 0.02), 0.1 * side)
        image = _paint(image, lung, LUNG)
        for _ in range(rng.integers(2, 6)):  # its vessels
            x, y = rng.normal((0.5 * side, 0), (0.1, 0.2))
            image = _paint(image, ellipse(x, y, *rng.uniform(0.02, 0.05, 2)), BLOOD)
    image = _paint(image, ellipse(heart.x, heart.y, 0.46, 0.42), rng.uniform(0.55, 0.9))
    liver = ellipse(-0.35, 0.62, rng.uniform(0.35, 0.5), rng.uniform(0.2, 0.35), -0.3)
    image = _paint(image, liver, MUSCLE)
    for _ in range(rng.integers(1, 4)):
        x, y = rng.normal((-0.35, 0.52), (0.12, 0.05))
        image = _paint(image, ellipse(x, y, *rng.uniform(0.02, 0.06, 2)), BLOOD)
    image = _paint(image, ellipse(0, 0.60, 0.13, 0.12), rng.uniform(MUSCLE, FAT))  # a vertebra
    image = _paint(image, ellipse(0, 0.60, 0.045, 0.04), BLOOD)
    aorta = ellipse(*rng.normal((0.19, 0.45), 0.02), *rng.uniform(0.08, 0.12, 2))
    image = _paint(image, aorta, BLOOD)
    stomach = ellipse(*rng.normal((0.45, 0.5), 0.04), *rng.uniform(0.10, 0.2, 2))
    image = _paint(image, stomach, rng.uniform(LUNG, FAT))
    inside = polygon(ellipse(0, 0, across, down))
    chest: Layer = _AIR + inside * (image - _AIR)
    return chest


def _paint(image: Layer, outline: Points, grey: float, blur: float = 1.2) -> Layer:
    """Draw a shape over what is there."""
    cover = polygon(outline, blur=blur)
    painted: Layer = image + cover * (np.float32(grey) - image)
    return painted


def _shrink(layer: Layer) -> Layer:
    return cv2.resize(layer[_MIDDLE, _MIDDLE], (SIZE, SIZE), interpolation=cv2.INTER_AREA)


def _acquire(image: Layer, rng: Generator) -> NDArray[np.uint8]:
    """Uneven sensitivity of the coil, contrast, and noise that is never below zero."""
    uneven = cv2.resize(
        rng.normal(0, 0.22, (3, 3)).astype(np.float32), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC
    )
    signal = image ** rng.uniform(0.85, 1.2) * np.exp(uneven) * rng.uniform(0.75, 1.0)
    noise = rng.normal(0, rng.uniform(0.02, 0.06), (2, SIZE, SIZE))
    grey = np.hypot(signal + noise[0], noise[1])
    pixels: NDArray[np.uint8] = np.rint(255 * np.clip(grey, 0, 1)).astype(np.uint8)
    return pixels
