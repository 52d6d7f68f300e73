"""A small grey film whose label can be seen: a bright disc, or none."""

import cv2
import numpy as np


def draw_film(holds: bool, rng: np.random.Generator, size: int = 64) -> np.ndarray:
    """Grey values, uint8 ``(size, size)``; noise everywhere, a disc somewhere where it holds."""
    film = rng.normal(90, 12, (size, size)).astype(np.float32)
    x, y = rng.integers(size // 4, 3 * size // 4, 2).tolist()
    cv2.circle(film, (x, y), size // 7, 210 if holds else 90, -1)
    return film.clip(0, 255).astype(np.uint8)
