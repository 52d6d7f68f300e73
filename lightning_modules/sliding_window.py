"""Networks on whole cases: windows that overlap, weighed, and handed out slab by slab."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, combinations, islice, product
from math import ceil
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from lightning_modules.window_sums import WindowSums

Activation = Literal["none", "softmax", "sigmoid"]
Network = Callable[[Tensor], Tensor]
Image = Tensor | NDArray[Any]
Place = tuple[int, ...]


class Slab(NamedTuple):
    """A part of a case that is finished: all of it but for one axis.

    Attributes:
        axis: The spatial axis along which a case is cut into slabs.
        start, stop: Where along that axis the slab lies.
        values: float32 ``(outputs, *spatial)``, ``stop - start`` long along ``axis``.
    """

    axis: int
    start: int
    stop: int
    values: Tensor


def predict_slabs(
    networks: Sequence[Network],
    image: Image,
    patch: tuple[int, ...],
    *,
    device: torch.device | str,
    overlap: float = 0.5,
    mirror_axes: Sequence[int] = (),
    batch_size: int = 1,
    slice_axis: int | None = None,
    activation: Activation = "none",
) -> Iterator[Slab]:
    """What networks say of a whole case, as soon as each part of it is known.

    As nnU-Net: windows a share of the patch apart, weighed by a Gaussian whose standard deviation
    is an eighth of the patch; logits, not probabilities, are averaged over windows, mirrorings and
    networks. A case smaller than the patch is padded by zeros on both sides. No more is kept in
    memory than one patch's length along the axis where that is the smallest part of the case.

    Args:
        networks: In evaluation mode and on ``device``; several are the folds of an ensemble. Each
            takes ``(B, C, *patch)`` to ``(B, outputs, *patch)``. Autocast is the caller's.
        image: ``(C, *spatial)``: a tensor, an array or a memory map, of which windows are read.
        patch: Voxels along each axis; one number fewer than ``image`` has spatial axes for a 2D
            network, which then goes slice by slice.
        device: Where windows are predicted and summed; sums too large for it are kept on the CPU.
        overlap: Share of the patch by which neighbours overlap at least.
        mirror_axes: Axes of the patch; logits are averaged over all combinations of mirrorings.
        batch_size: Windows at a time.
        slice_axis: For a 2D network, the axis that it goes along.
        activation: Applied to the mean of the logits.

    Yields:
        Slabs in order, from the first to the last voxel of the axis, none twice.

    References:
        Isensee et al., "nnU-Net", Nature Methods 2021.
    """
    spatial = tuple(image.shape[1:])
    window = _window(patch, spatial, slice_axis)
    padded = tuple(map(max, spatial, window))
    margins = tuple((whole - side) // 2 for whole, side in zip(padded, spatial, strict=True))
    axis = _slab_axis(window, padded)

    def predicted() -> Iterator[tuple[Place, Tensor]]:
        for batch in _batches(_places(padded, window, overlap, axis), batch_size):
            windows = torch.stack([_read(image, place, window, margins) for place in batch])
            yield from zip(
                batch,
                _mean_logits(networks, windows.to(device), mirror_axes, slice_axis),
                strict=True,
            )

    for start, values in WindowSums(window, padded, axis).means(predicted()):
        slab = _crop(Slab(axis, start, start + values.shape[axis + 1], values), margins, spatial)
        if slab.stop > slab.start:
            yield slab._replace(values=_activate(slab.values, activation))


def join_slabs(slabs: Iterable[Slab]) -> Tensor:
    """The whole case, ``(outputs, *spatial)``; only for cases that fit in memory."""
    found = list(slabs)
    device = found[-1].values.device  # the CPU, if the others' was full
    return torch.cat([slab.values.to(device) for slab in found], dim=found[0].axis + 1)


def window_starts(side: int, window: int, overlap: float) -> list[int]:
    """Where windows begin along an axis, evenly spread, the last one at its end.

    Args:
        side: Voxels of the axis, at least ``window``.
        window: Voxels of a window.
        overlap: Share of a window that neighbours have in common at least, below 1.
    """
    count = ceil((side - window) / max(1.0, window * (1 - overlap))) + 1
    step = (side - window) / max(1, count - 1)
    return [round(step * number) for number in range(count)]


def _window(patch: Place, spatial: Place, slice_axis: int | None) -> Place:
    """The patch as a window in the case: one voxel thick along the axis that 2D goes along."""
    if len(patch) == len(spatial):
        return patch
    if slice_axis is None or len(patch) + 1 != len(spatial):
        raise ValueError(f"a patch of {len(patch)} axes on a case of {len(spatial)}, slice_axis?")
    return (*patch[:slice_axis], 1, *patch[slice_axis:])


def _slab_axis(window: Place, padded: Place) -> int:
    """The axis of which a window holds the smallest part, the first of equals."""
    return min(range(len(window)), key=lambda axis: (window[axis] / padded[axis], axis))


def _places(padded: Place, window: Place, overlap: float, axis: int) -> list[Place]:
    """Where all windows begin, in order along the axis of the slabs."""
    sizes = zip(padded, window, strict=True)
    starts = [window_starts(side, length, overlap) for side, length in sizes]
    return sorted(product(*starts), key=lambda place: (place[axis], place))


def _batches(places: Sequence[Place], size: int) -> Iterator[list[Place]]:
    left = iter(places)
    while batch := list(islice(left, size)):
        yield batch


def _read(image: Image, place: Place, window: Place, margins: Place) -> Tensor:
    """A window ``(C, *window)`` float32; zeros where it lies outside the case."""
    begins = [start - margin for start, margin in zip(place, margins, strict=True)]
    ends = [begin + length for begin, length in zip(begins, window, strict=True)]
    inside = tuple(slice(max(0, begin), end) for begin, end in zip(begins, ends, strict=True))
    part = image[(slice(None), *inside)]
    found = part.float() if isinstance(part, Tensor) else torch.from_numpy(np.array(part, "f4"))
    if found.shape[1:] != window:
        sides = zip(begins, ends, image.shape[1:], strict=True)
        outside = [(max(0, -begin), max(0, end - side)) for begin, end, side in sides]
        found = F.pad(found, list(chain.from_iterable(reversed(outside))))
    return found


@torch.no_grad()
def _mean_logits(
    networks: Sequence[Network],
    windows: Tensor,
    mirror_axes: Sequence[int],
    slice_axis: int | None,
) -> Tensor:
    """Mean over networks and mirrorings, float32 ``(B, outputs, *window)``."""
    thick = windows.ndim if slice_axis is None else slice_axis + 2
    images = windows if slice_axis is None else windows.squeeze(thick)
    total: Tensor | None = None
    for network in networks:
        for axes in mirrorings(mirror_axes):
            logits = network(images.flip(axes)).float().flip(axes) if axes else network(images)
            total = logits.float() if total is None else total + logits
    if total is None:
        raise ValueError("there is no network to predict with")
    mean: Tensor = total / (len(networks) * 2 ** len(mirror_axes))
    return mean if slice_axis is None else mean.unsqueeze(thick)


def mirrorings(axes: Sequence[int]) -> list[tuple[int, ...]]:
    """All combinations of axes to mirror, none first, as dimensions of ``(B, C, *patch)``."""
    dimensions = [axis + 2 for axis in axes]
    return [each for n in range(len(axes) + 1) for each in combinations(dimensions, n)]


def _crop(slab: Slab, margins: Place, spatial: Place) -> Slab:
    """A slab of the padded case as one of the case; empty where it is all padding."""
    margin, side = margins[slab.axis], spatial[slab.axis]
    start, stop = max(0, slab.start - margin), min(side, slab.stop - margin)
    cut = [slice(begin, begin + length) for begin, length in zip(margins, spatial, strict=True)]
    cut[slab.axis] = slice(start + margin - slab.start, stop + margin - slab.start)
    return Slab(slab.axis, start, stop, slab.values[(slice(None), *cut)])


def _activate(logits: Tensor, activation: Activation) -> Tensor:
    if activation == "softmax":
        return logits.softmax(0)
    return logits.sigmoid() if activation == "sigmoid" else logits
