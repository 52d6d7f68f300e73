"""Prepared volumes that are held in memory, in place of the cache: of files that are predicted."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from datamodules.volume_cache import PLACE, PreparedCase, as_stored


class HeldVolumes:
    """What a dataset reads of a cache, of a few volumes; the values are those of a cache.

    Args:
        cases: Prepared.
    """

    def __init__(self, cases: Sequence[PreparedCase]) -> None:
        self.cases = cases
        self.images = [as_stored(case.image) for case in cases]
        self.shapes = np.array([case.image.shape[1:] for case in cases], np.int64)
        there = [[int(channel.any()) for channel in case.mask] for case in cases]
        self.counts = np.array(there, np.int64)

    def image(self, row: int) -> NDArray[np.float16]:
        """``(C, *spatial)``."""
        return self.images[row]

    def mask(self, row: int) -> NDArray[np.uint8]:
        """``(M, *spatial)``."""
        return self.cases[row].mask

    def places(self, row: int, structure: int) -> NDArray[np.int32]:
        """Nothing is drawn at random here."""
        del row, structure
        return np.empty((0, self.shapes.shape[1]), PLACE)
