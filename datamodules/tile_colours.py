"""Mean and spread of the colours of a slide's tiles: what its stain and scanner make of them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

WHITE = 255
STEP = 4
"""Every so many pixels along each axis one is counted."""


class TileColours:
    """Mean and spread of each colour in 0..1, over tiles that are added one batch after another."""

    def __init__(self) -> None:
        self.pixels, self.total, self.squares = 0, np.zeros(3), np.zeros(3)

    def add(self, tiles: NDArray[np.uint8]) -> None:
        """Count tiles in, RGB ``(n, side, side, 3)``."""
        some = tiles[:, ::STEP, ::STEP].reshape(-1, 3).astype(np.float64) / WHITE
        self.pixels += len(some)
        self.total += some.sum(0)
        self.squares += (some**2).sum(0)

    def facts(self) -> dict[str, Any]:
        """As plain values."""
        mean = self.total / self.pixels
        spread = np.sqrt(np.maximum(self.squares / self.pixels - mean**2, 0))
        return {"mean_rgb": mean.round(4).tolist(), "spread_rgb": spread.round(4).tolist()}
