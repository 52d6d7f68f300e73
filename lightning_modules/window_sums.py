"""Weighted sums of overlapping windows, of which only the unfinished part is kept."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

Place = tuple[int, ...]
SIGMA = 0.125
"""Standard deviation of the Gaussian weights as a share of the patch."""
LEAST_WEIGHT = 1e-3
"""Of a window's corners, so that a voxel that only they see has a mean."""


def gaussian_weights(window: Place) -> Tensor:
    """Weight of each voxel of a window, float32 in (0, 1], highest in the middle.

    The middle is that of the window, between two voxels where a side is even; nnU-Net's own lies
    half a voxel further. An axis of one voxel has weight 1.
    """
    weights = torch.ones(())
    for side in window:
        places = torch.arange(side) - (side - 1) / 2
        along = torch.exp(-(places**2) / (2 * (SIGMA * side) ** 2))
        weights = weights[..., None] * along
    return weights.clamp_min(LEAST_WEIGHT)


class WindowSums:
    """Sums over windows that come in order along one axis.

    What lies before the next window is finished, and is handed out and forgotten. The sums lie on
    the device of the windows, and on the CPU as soon as something does not fit there.

    Args:
        window: Sides of a window.
        whole: Sides of the whole.
        axis: Along which windows come in order.
    """

    def __init__(self, window: Place, whole: Place, axis: int) -> None:
        self.window, self.axis, self.length = window, axis, whole[axis]
        self.sides = (*whole[:axis], window[axis], *whole[axis + 1 :])
        self.start = 0
        self.weights = gaussian_weights(window)
        self.sums = torch.empty(0)
        self.totals = torch.empty(0)

    def means(self, windows: Iterable[tuple[Place, Tensor]]) -> Iterator[tuple[int, Tensor]]:
        """Weighted means of windows, part by part.

        Args:
            windows: Where each begins, and its values float32 ``(K, *window)``; in order along the
                axis, and without gaps.

        Yields:
            Where along the axis a part begins, and its means ``(K, *sides)``.
        """
        for place, values in windows:
            yield from self._finish(place[self.axis])
            self._add(place, values)
        yield from self._finish(self.length)

    def _add(self, place: Place, values: Tensor) -> None:
        if not self.sums.numel():
            self._allocate(values)
        begins = list(place)
        begins[self.axis] -= self.start
        at = tuple(slice(b, b + side) for b, side in zip(begins, self.window, strict=True))
        self.sums[(slice(None), *at)].addcmul_(values.to(self.sums.device), self.weights)
        self.totals[at] += self.weights

    def _finish(self, start: int) -> Iterator[tuple[int, Tensor]]:
        """What lies before ``start``, where all further windows begin or behind it."""
        if (count := start - self.start) > 0:
            yield self.start, self._means(count)
            self._forget(count)

    def _means(self, count: int) -> Tensor:
        try:
            return self._quotient(count)
        except torch.OutOfMemoryError:
            self.sums, self.totals = self.sums.cpu(), self.totals.cpu()
            self.weights = self.weights.cpu()
            return self._quotient(count)

    def _quotient(self, count: int) -> Tensor:
        totals = self.totals.narrow(self.axis, 0, count)
        return self.sums.narrow(self.axis + 1, 0, count) / totals

    def _forget(self, count: int) -> None:
        """Move what is unfinished to the front, part by part, which takes no memory."""
        for sums, axis in ((self.sums, self.axis + 1), (self.totals, self.axis)):
            kept = sums.shape[axis] - count
            for first in range(0, kept, count):
                size = min(count, kept - first)
                sums.narrow(axis, first, size).copy_(sums.narrow(axis, first + count, size))
            sums.narrow(axis, kept, count).zero_()
        self.start += count

    def _allocate(self, values: Tensor) -> None:
        try:
            self._allocate_on(values.device, values)
        except torch.OutOfMemoryError:
            self._allocate_on(torch.device("cpu"), values)

    def _allocate_on(self, device: torch.device, values: Tensor) -> None:
        self.sums = values.new_zeros((len(values), *self.sides), device=device)
        self.totals = self.sums.new_zeros(self.sides)
        self.weights = self.weights.to(device)
