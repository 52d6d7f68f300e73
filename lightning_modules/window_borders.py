"""Windows that overlap: which of them has the say on a box, as their borders cut objects in two."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import KDTree

from lightning_modules.metrics.box_overlap import Boxes, centres

SHARED = 0.25
"""Of an overlap: how much farther in than a box its middle may lie for another window, and the box
still counts, as windows do not agree to the pixel where it is."""


class WindowBorders:
    """Leaves a box to the window in the middle of which it lies most.

    A window whose border cuts an object sees a part of it, which would be one more box of the same
    object. That part lies nearer to the middle of the next window, which sees more of it: none is
    left of an object that is no longer than three quarters of the overlap along each axis.

    Args:
        middles: Of all windows, ``(W, axes)``; they are of one size.
        overlap: Voxels that neighbours have in common at least along an axis.
    """

    def __init__(self, middles: Sequence[Sequence[float]] | Boxes, overlap: float) -> None:
        self.middles = np.asarray(middles, np.float64)
        self.tolerance = SHARED * overlap
        self._tree = KDTree(self.middles)

    def keeps(
        self, boxes: Boxes, windows: npt.NDArray[np.integer[Any]] | int
    ) -> npt.NDArray[np.bool_]:
        """Which boxes are left to the window that found them.

        Args:
            boxes: ``(N, 2 * axes)``, in voxels of the case.
            windows: Which window found each, ``(N,)``, or all of them.
        """
        if not len(boxes):
            return np.ones(0, np.bool_)
        places = centres(np.asarray(boxes, np.float64))
        own = np.abs(places - self.middles[windows]).sum(axis=1)
        # On a grid the nearest by the sum over the axes is the nearest along each of them.
        nearest = np.asarray(self._tree.query(places, p=1)[0])
        return np.asarray(own <= nearest + self.tolerance)
