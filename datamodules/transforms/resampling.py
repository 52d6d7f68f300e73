"""Resampling along the axes of a grid, as nnU-Net and scikit-image do it, in matrix products.

Along one axis a spline resampling, prefilter and interpolation together, is a linear map. Its
matrix comes from scipy itself, and has a narrow band, as the prefilter decays as 0.27^distance:
products of its blocks are many times faster than :func:`scipy.ndimage.zoom`.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

CUBIC, LINEAR, NEAREST = 3, 1, 0
BLOCK = 32
NEGLIGIBLE = 1e-7
Matrices = Sequence[NDArray[np.float32] | None]


def resample(
    array: NDArray[Any],
    shape: Sequence[int],
    order: int = CUBIC,
    separate_axis: int | None = None,
) -> NDArray[np.float32]:
    """Resample images to another number of voxels in the same field of view.

    Args:
        array: Shape ``(C, *spatial)``, any real dtype.
        shape: Number of voxels along each spatial axis afterwards.
        order: Of the spline.
        separate_axis: A spatial axis of few, thick slices, which are repeated or left out, not
            blended (order 0); None: none.

    Returns:
        float32, shape ``(C, *shape)``, kept within the range of each channel (of each slice, with
        ``separate_axis``), as splines overshoot at edges.

    References:
        Isensee et al., "nnU-Net", Nature Methods 2021; ``skimage.transform.resize(mode="edge")``.
    """
    if tuple(array.shape[1:]) == tuple(shape):
        return array.astype(np.float32)
    blended = [axis for axis in range(1, array.ndim) if axis - 1 != separate_axis]
    matrices = _matrices(array.shape[1:], shape, order, separate_axis)
    result = np.empty((len(array), *shape), np.float32)
    for channel, out in zip(array, result, strict=True):
        values = np.ascontiguousarray(channel, np.float32)
        if order > LINEAR:
            axes = tuple(axis - 1 for axis in blended)
            bounds = np.stack([values.min(axes, keepdims=True), values.max(axes, keepdims=True)])
            low, high = _apply(bounds, _along(matrices, separate_axis))
            np.clip(_apply(values[None], matrices)[0], low, high, out=out)
        else:
            out[...] = _apply(values[None], matrices)[0]
    return result


def resample_labels(
    labels: NDArray[np.uint8], shape: Sequence[int], separate_axis: int | None = None
) -> NDArray[np.uint8]:
    """Resample label maps: to each voxel the label that has the most of it, linearly blended.

    One label at a time is blended, in the box that it lies in.

    Args:
        labels: uint8, shape ``(C, *spatial)``; each channel is a map of its own.
        shape: Number of voxels along each spatial axis afterwards.
        separate_axis: As in :func:`resample`.

    Returns:
        uint8, shape ``(C, *shape)``; of two labels with equal shares the higher.

    References:
        nnU-Net's order 1 for segmentations.
    """
    if tuple(labels.shape[1:]) == tuple(shape):
        return labels.copy()
    matrices = _matrices(labels.shape[1:], shape, LINEAR, separate_axis)
    return np.stack([_resample_map(channel, shape, matrices) for channel in labels])


def resample_probabilities(
    probabilities: NDArray[Any], shape: Sequence[int], separate_axis: int | None = None
) -> NDArray[np.float32]:
    """Resample probabilities or logits ``(C, *spatial)`` linearly, to float32 ``(C, *shape)``."""
    return resample(probabilities, shape, LINEAR, separate_axis)


def resample_slabs(
    array: NDArray[Any], shape: Sequence[int], separate_axis: int | None, axis: int, thickness: int
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Resample linearly, as :func:`resample_probabilities`, but a few slices at a time.

    Args:
        array: Shape ``(C, *spatial)``; a memory map is read slab by slab.
        shape: Number of voxels along each spatial axis afterwards.
        separate_axis: As in :func:`resample`.
        axis: The spatial axis that slabs follow one another along.
        thickness: Of a slab, in voxels afterwards.

    Yields:
        Where the slab lies along the axis, and its values, float32.
    """
    matrices = _matrices(array.shape[1:], shape, LINEAR, separate_axis)
    along = matrices[axis]
    for start in range(0, shape[axis], thickness):
        rows = slice(start, min(start + thickness, shape[axis]))
        used = rows if along is None else _extent(along[rows].any(axis=(0,)))
        part = array[(slice(None),) * (axis + 1) + (used,)].astype(np.float32)
        own = list(matrices)
        own[axis] = None if along is None else np.ascontiguousarray(along[rows, used])
        yield rows, _apply(part, own)


def resampled_shape(
    shape: Sequence[int], spacing: Sequence[float], target: Sequence[float]
) -> tuple[int, ...]:
    """Number of voxels of a grid whose spacing becomes (nearly) the target; at least one."""
    return tuple(
        max(1, round(n * old / new)) for n, old, new in zip(shape, spacing, target, strict=True)
    )


def resample_from_first_voxel(
    array: NDArray[Any], spacing: Sequence[float], target: Sequence[float]
) -> NDArray[np.float32]:
    """Resample linearly as MONAI's ``Spacing(mode="bilinear", padding_mode="border")`` does.

    There the centre of the first voxel, not the border of the field of view, stays in its place,
    and the spacing becomes exactly the target.

    Args:
        array: Shape ``(C, *spatial)``.
        spacing: Along each spatial axis.
        target: The same afterwards.
    """
    axes = zip(array.shape[1:], spacing, target, strict=True)
    matrices = [None if old == new else _anchored_matrix(n, new / old) for n, old, new in axes]
    return np.stack([_apply(channel[None], matrices)[0] for channel in array.astype(np.float32)])


def _anchored_matrix(old: int, step: float) -> NDArray[np.float32]:
    places: NDArray[Any] = np.arange(round((old - 1) / step + 1)) * step
    # The hat functions of linear interpolation, the last of them reaching on.
    distance = np.abs(np.minimum(places, old - 1)[:, None] - np.arange(old))
    return np.asarray(np.maximum(0, 1 - distance), np.float32)


@lru_cache(maxsize=64)
def axis_matrix(old: int, new: int, order: int) -> NDArray[np.float32]:
    """Matrix ``(new, old)`` that resamples one axis, as scipy does with ``grid_mode=True``."""
    unit_vectors = np.eye(old)
    columns = [
        ndimage.zoom(vector, new / old, order=order, mode="nearest", grid_mode=True)
        for vector in unit_vectors
    ]
    matrix = np.stack(columns, axis=1)
    matrix[np.abs(matrix) < NEGLIGIBLE] = 0
    matrix = matrix.astype(np.float32)
    matrix.flags.writeable = False
    return matrix


def _matrices(
    old: Sequence[int], new: Sequence[int], order: int, separate_axis: int | None
) -> list[NDArray[np.float32] | None]:
    return [
        None if n == m else axis_matrix(n, m, NEAREST if axis == separate_axis else order)
        for axis, (n, m) in enumerate(zip(old, new, strict=True))
    ]


def _along(matrices: Matrices, axis: int | None) -> Matrices:
    return [matrix if index == axis else None for index, matrix in enumerate(matrices)]


def _apply(array: NDArray[np.float32], matrices: Matrices) -> NDArray[np.float32]:
    """Multiply each spatial axis of ``(C, *spatial)`` by its matrix, those that shrink first."""
    given = [(axis, matrix) for axis, matrix in enumerate(matrices) if matrix is not None]
    for axis, matrix in sorted(given, key=lambda each: each[1].shape[0] / each[1].shape[1]):
        array = _multiply(array, matrix, axis + 1)
    return array


def _multiply(
    array: NDArray[np.float32], matrix: NDArray[np.float32], axis: int
) -> NDArray[np.float32]:
    """Multiply one axis by a banded matrix, block by block."""
    before, after = array.shape[:axis], array.shape[axis + 1 :]
    # One large product each: columns side by side, or, for the last axis, rows beneath each other.
    last = not after
    lines = array.reshape((-1, array.shape[axis]) if last else (*before, array.shape[axis], -1))
    shape = (len(lines), len(matrix)) if last else (*before, len(matrix), lines.shape[-1])
    result = np.zeros(shape, np.float32)
    for rows, columns in _blocks(matrix):
        block = matrix[rows, columns]
        if last:
            np.matmul(lines[:, columns], block.T, out=result[:, rows])
        else:
            np.matmul(block, lines[..., columns, :], out=result[..., rows, :])
    return result.reshape(*before, len(matrix), *after)


def _blocks(matrix: NDArray[np.float32]) -> Iterable[tuple[slice, slice]]:
    """Rows in groups, with the columns that are not 0 in them."""
    for start in range(0, len(matrix), BLOCK):
        rows = slice(start, min(start + BLOCK, len(matrix)))
        used = np.flatnonzero(matrix[rows].any(axis=0))
        if len(used):
            yield rows, slice(int(used[0]), int(used[-1]) + 1)


def _resample_map(
    labels: NDArray[np.uint8], shape: Sequence[int], matrices: Matrices
) -> NDArray[np.uint8]:
    present = np.flatnonzero(np.bincount(labels.ravel(), minlength=256))
    most = np.full(tuple(shape), present[0], np.uint8)
    share = np.zeros(tuple(shape), np.float32)
    for label in present:
        mask = labels == label
        inside, reached, parts = _reach(mask, matrices)
        if any(side.start == side.stop for side in reached):
            continue  # it lies where no voxel of the new grid looks
        blended = _apply(mask[inside].astype(np.float32)[None], parts)[0]
        better = blended >= share[reached]
        most[reached][better] = label
        share[reached][better] = blended[better]
    return most


def _reach(
    mask: NDArray[np.bool_], matrices: Matrices
) -> tuple[tuple[slice, ...], tuple[slice, ...], Matrices]:
    """The box of a mask, the box that it reaches, and the matrices from one to the other."""
    inside, reached, parts = [], [], []
    for axis, matrix in enumerate(matrices):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        box = _extent(mask.any(axis=others))
        rows = box if matrix is None else _extent(matrix[:, box].any(axis=1))
        inside.append(box)
        reached.append(rows)
        parts.append(None if matrix is None else matrix[rows, box])
    return tuple(inside), tuple(reached), parts


def _extent(used: ArrayLike) -> slice:
    """From the first to the last that is true; empty where none is."""
    indices = np.flatnonzero(used)
    return slice(int(indices[0]), int(indices[-1]) + 1) if len(indices) else slice(0, 0)
