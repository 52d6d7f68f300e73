"""Prepared volumes that are held in memory, in place of the cache: of files that are predicted."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from datamodules.volume_cache import PLACE
from datamodules.volume_content import PreparedCase, as_stored, mask_of


class HeldVolumes:
    """What a dataset reads of a cache, of a few volumes; the values are those of a cache.

    Args:
        cases: Prepared.
    """

    def __init__(self, cases: Sequence[PreparedCase]) -> None:
        self.images = [as_stored(case.image) for case in cases]
        self.shapes = np.array([case.image.shape[1:] for case in cases], np.int64)
        self.masks = [mask_of(case) for case in cases]
        there = [[int(channel.any()) for channel in mask] for mask in self.masks]
        self.counts = np.array(there, np.int64)

    def image(self, row: int) -> NDArray[np.float16]:
        """``(C, *spatial)``."""
        return self.images[row]

    def mask(self, row: int) -> NDArray[np.uint8]:
        """``(M, *spatial)``."""
        return self.masks[row]

    def places(self, row: int, structure: int) -> NDArray[np.int32]:
        """Nothing is drawn at random here."""
        del row, structure
        return np.empty((0, self.shapes.shape[1]), PLACE)
