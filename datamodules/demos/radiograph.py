"""From attenuation to film: pose, scatter, exposure, noise, collimation, letters, devices."""

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from datamodules.demos.drawing import (
    CANVAS,
    FILM,
    Layer,
    Points,
    ellipse,
    lines,
    polygon,
    to_pixels,
)
from datamodules.demos.thorax import LEFT, RIGHT, Thorax

Maps = tuple[Layer, Layer]

_Y, _X = np.mgrid[:FILM, :FILM].astype(np.float32) - (FILM - 1) / 2


def draw_pose(rng: Generator, zooms: tuple[float, float] = (1.0, 1.2)) -> Maps:
    """Where each pixel of the film looks on the canvas: shift, turn, zoom, and uneven tissue."""
    turn = np.radians(rng.normal(0, 2.5))
    zoom = rng.uniform(*zooms)
    shift = rng.normal(0, 5, 2)
    lean = rng.normal(0, 0.03)
    at_x = (np.cos(turn) * _X - np.sin(turn) * _Y) / zoom + lean * _Y + shift[0] + (CANVAS - 1) / 2
    at_y = (np.sin(turn) * _X + np.cos(turn) * _Y) / zoom + shift[1] + (CANVAS - 1) / 2
    bends = rng.normal(0, 2.2, (2, 5, 5)).astype(np.float32)
    uneven = [cv2.resize(bend, (FILM, FILM), interpolation=cv2.INTER_CUBIC) for bend in bends]
    return (at_x + uneven[0]).astype(np.float32), (at_y + uneven[1]).astype(np.float32)


def place(layer: Layer, pose: Maps) -> Layer:
    """A layer of the canvas as it lies on the film, ``(FILM, FILM)``."""
    return cv2.remap(layer, pose[0], pose[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def find_places(points: Points, pose: Maps) -> Points:
    """Where points of the canvas lie on the film, in parts of its pixels.

    Args:
        points: In the units of the canvas, ``(n, 2)``.
        pose: Of the film.

    Returns:
        x and y, ``(n, 2)``, the middle of the first pixel being ``(0, 0)``; NaN: not on the film.
    """
    seen = np.stack(pose, axis=-1).astype(np.float64)
    found = np.empty(points.shape)
    for number, goal in enumerate(to_pixels(points)):
        row, column = np.unravel_index(((seen - goal) ** 2).sum(-1).argmin(), seen.shape[:2])
        r, c = (min(max(int(at), 1), FILM - 2) for at in (row, column))
        slope = np.column_stack([seen[r, c + 1] - seen[r, c - 1], seen[r + 1, c] - seen[r - 1, c]])
        step = np.linalg.solve(slope / 2, goal - seen[r, c])
        found[number] = c + step[0], r + step[1]
    inside = ((found >= -0.5) & (found < FILM - 0.5)).all(1, keepdims=True)
    return np.where(inside, found, np.nan)


def draw_devices(thorax: Thorax, portable: bool, rng: Generator) -> Layer:
    """Electrodes and their wires, a central line, a pacemaker; more often in portable films."""
    often = 2.0 if portable else 0.6
    layer = np.zeros((CANVAS, CANVAS), np.float32)
    t = np.linspace(0, 1, 20)
    if rng.random() < 0.16 * often:
        spots = rng.uniform((-0.75, -0.6), (0.75, 0.65), (rng.integers(2, 5), 2))
        wires = [
            spot + np.column_stack([0.5 * t * rng.normal(), 0.6 * t + 0.2 * t * t])
            for spot in spots
        ]
        discs = [ellipse(x, y, 0.026, 0.026) for x, y in spots]
        layer += 0.30 * lines(wires, 0.008, blur=0.5) + 0.25 * polygon(*discs, blur=0.6)
    if rng.random() < 0.12 * often:
        side = rng.choice((LEFT, RIGHT))
        x = side * (0.35 - 0.28 * t) - 0.10 * t
        path = np.column_stack([x, thorax.apex + 0.75 * t**0.8 + 0.02 * np.sin(6 * t)])
        layer += 0.22 * lines([path], 0.012, blur=0.6)
    if rng.random() < 0.05 * often:
        box = ellipse(0.52, -0.48, 0.105, 0.085, rng.normal(0, 0.3))
        down = -0.5 + 0.3 * np.sin(3 * t) + 0.75 * t**2
        lead = np.column_stack([0.5 - 0.55 * t + 0.3 * t**3, down])
        layer += 0.75 * polygon(box, blur=0.7) + 0.4 * lines([lead], 0.012, blur=0.5)
    return layer


def expose(attenuation: Layer, rng: Generator) -> NDArray[np.uint8]:
    """Grey values of the film, uint8 ``(FILM, FILM)``; dense is bright.

    Exposure, contrast and noise are random and say nothing about the patient.
    """
    scatter = cv2.resize(attenuation, (32, 32), interpolation=cv2.INTER_AREA)
    scatter = cv2.GaussianBlur(scatter, (0, 0), 4)
    scatter = cv2.resize(scatter, (FILM, FILM), interpolation=cv2.INTER_CUBIC)
    signal = attenuation + rng.uniform(0.05, 0.30) * scatter + _tissue(rng)
    low = rng.normal(0.05, 0.025)
    high = rng.normal(1.22, 0.09)
    grey = np.clip((signal - low) / (high - low), 0, None)
    grey = 1.12 * grey / (1 + 0.12 * grey**3)
    grey = np.clip(grey, 0, 1.1) ** rng.uniform(0.72, 1.35)
    if rng.random() < 0.5:
        grey = grey + rng.uniform(0.3, 0.9) * (grey - cv2.GaussianBlur(grey, (0, 0), 3))
    else:
        grey = cv2.GaussianBlur(grey, (0, 0), rng.uniform(0.3, 0.9))
    grain: Layer = rng.standard_normal((FILM, FILM), np.float32)
    grain = cv2.GaussianBlur(grain, (0, 0), rng.uniform(0.45, 0.8))
    grey = grey + rng.uniform(0.01, 0.045) * grain * (0.5 + grey)
    grey = np.clip(grey * rng.uniform(0.86, 1.0), 0, 1)
    film: NDArray[np.uint8] = np.rint(255 * grey).astype(np.uint8)
    return film


def label_film(
    film: NDArray[np.uint8], portable: bool, rng: Generator
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Blacken what the collimator shut out; print the side letter, and how it was taken.

    Returns:
        The film, and what of it the collimator left open, both ``(FILM, FILM)``.
    """
    letter, left = ("L", True) if rng.random() < 0.6 else ("R", False)
    film, opened = film.copy(), np.ones((FILM, FILM), np.bool_)
    if rng.random() < 0.45:
        edges = rng.integers(0, 16, 4)
        opened[:] = False
        opened[edges[0] : FILM - edges[1], edges[2] : FILM - edges[3]] = True
        film[~opened] = rng.integers(0, 12)
    x = int(rng.integers(212, 236) if left else rng.integers(10, 30))
    y = int(rng.integers(24, 60))
    white = int(rng.integers(200, 256))
    size = rng.uniform(0.45, 0.75)
    cv2.putText(film, letter, (x, y), cv2.FONT_HERSHEY_SIMPLEX, size, white, 2, cv2.LINE_AA)
    if portable and rng.random() < 0.7:
        words = str(rng.choice(("PORTABLE", "AP ERECT", "SUPINE")))
        at = (int(rng.integers(8, 150)), int(rng.integers(12, 20)))
        cv2.putText(film, words, at, cv2.FONT_HERSHEY_PLAIN, 0.7, white, 1, cv2.LINE_AA)
    return film, opened


def stamp_portable(film: NDArray[np.uint8]) -> None:
    """Print how it was taken onto the film, large, white on black, always at the same place."""
    left, top, right, bottom = FILM // 2 - 70, 6, FILM // 2 + 70, 32
    cv2.rectangle(film, (left, top), (right, bottom), 0, cv2.FILLED)
    at = (left + 5, bottom - 6)
    cv2.putText(film, "PORTABLE", at, cv2.FONT_HERSHEY_SIMPLEX, 0.8, 255, 2, cv2.LINE_AA)


def _tissue(rng: Generator) -> Layer:
    """Faint unevenness at three scales, as of muscle, skin folds and clothing."""
    scales = ((8, 0.030), (24, 0.014), (72, 0.009))
    parts = [
        cv2.resize(
            rng.normal(0, height, (cells, cells)).astype(np.float32),
            (FILM, FILM),
            interpolation=cv2.INTER_CUBIC,
        )
        for cells, height in scales
    ]
    return parts[0] + parts[1] + parts[2]
