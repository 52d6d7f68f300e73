"""Windows of stored volumes: where they lie, and how they are read."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Starts = NDArray[np.int64]
GOLDEN = (5**0.5 - 1) / 2


def is_foreground(draw: int, share: float) -> bool:
    """Whether a draw is about a structure or an object.

    Evenly spread by the golden ratio: each batch has its share, and so has each process of several,
    which takes every n-th draw.
    """
    return draw * GOLDEN % 1 < share


def place_patch(
    generator: np.random.Generator,
    shape: NDArray[np.int64],
    patch: NDArray[np.int64],
    centre: NDArray[np.int64] | None,
) -> NDArray[np.int64]:
    """Where a patch starts; a case that is smaller than it lies in its middle.

    Args:
        generator: Draws the place.
        shape: Of the case.
        patch: Size of the patch, as many numbers.
        centre: Voxel to centre on, as far as the patch then stays within the case; None: anywhere.
    """
    beyond = np.maximum(patch - shape, 0)
    low = -(beyond // 2)
    high = np.maximum(shape - patch, low)
    if centre is None:
        return np.asarray(generator.integers(low, high + 1))
    return np.asarray(np.clip(centre - patch // 2, low, high))


def read_window(
    volume: NDArray[Any], start: NDArray[np.int64], size: NDArray[np.int64], fill: float | None
) -> NDArray[Any]:
    """Copy a window ``(C, *size)`` of a volume ``(C, *spatial)``.

    Beyond the bounds of the volume is ``fill``; None: of each channel the lowest value that the
    window reads.
    """
    end, shape = start + size, np.asarray(volume.shape[1:])
    inside = tuple(
        slice(low, high)
        for low, high in zip(np.maximum(start, 0), np.minimum(end, shape), strict=True)
    )
    if (start >= 0).all() and (end <= shape).all():
        return np.array(volume[(slice(None), *inside)])
    if fill is None:
        read = volume[(slice(None), *inside)]
        seen = read if read.size else volume
        lowest = seen.min(axis=tuple(range(1, seen.ndim)), keepdims=True)
        window = np.broadcast_to(lowest, (len(volume), *size)).copy()
    else:
        window = np.full((len(volume), *size), fill, volume.dtype)
    place = tuple(
        slice(low, low + (part.stop - part.start))
        for low, part in zip(np.maximum(-start, 0), inside, strict=True)
    )
    if all(part.stop > part.start for part in inside):
        window[(slice(None), *place)] = volume[(slice(None), *inside)]
    return window


def stitch(
    parts: NDArray[np.float32], starts: Starts, shape: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Maps of windows as one map of their volume: the highest where they overlap, 0 elsewhere.

    Args:
        parts: ``(N, *size)``.
        starts: Where they start, ``(N, axes)``; they may reach beyond the volume.
        shape: Of the volume.
    """
    whole = np.zeros(shape, np.float32)
    size = np.asarray(parts.shape[1:])
    for part, start in zip(parts, starts, strict=True):
        low, high = np.maximum(start, 0), np.minimum(start + size, shape)
        inside = tuple(slice(*ends) for ends in zip(low, high, strict=True))
        own = tuple(slice(*ends) for ends in zip(low - start, high - start, strict=True))
        np.maximum(whole[inside], part[own], out=whole[inside])
    return whole


def grid_starts(shape: NDArray[np.int64], size: NDArray[np.int64], overlap: float) -> Starts:
    """Where the windows of a grid start that covers a whole volume, evenly spread.

    Args:
        shape: Of the volume.
        size: Of a window; a volume that is smaller lies in its middle.
        overlap: Share of a window that its neighbour shares at least.

    Returns:
        int64 ``(N, axes)``.
    """
    axes = []
    for length, side in zip(shape.tolist(), size.tolist(), strict=True):
        span = length - side
        if span <= 0:
            axes.append(np.array([-(-span // 2)]))
            continue
        step = max(1.0, side * (1 - overlap))
        count = int(np.ceil(span / step)) + 1
        axes.append(np.rint(np.linspace(0, span, count)).astype(np.int64))
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
