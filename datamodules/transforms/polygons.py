"""Polygons to masks: a pixel is inside where its centre is."""

import numpy as np
from numpy.typing import NDArray


def fill_polygon(points: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Pixels whose centres a closed polygon encloses, by the even-odd rule.

    OpenCV's ``fillPoly`` also takes every pixel that the line touches, half a pixel too much all
    round.

    Args:
        points: Corners as ``(row, column)``, ``(n, 2)``; a pixel's centre has whole coordinates.
        shape: Rows and columns.
    """
    rows, columns = shape
    crossings = np.zeros((rows, columns + 1), np.int32)
    for start, end in zip(points, np.roll(points, -1, axis=0), strict=True):
        (top, left), (bottom, right) = sorted((tuple(start), tuple(end)))
        lines = np.arange(max(0, np.ceil(top)), min(rows, np.ceil(bottom)), dtype=np.int64)
        if len(lines):
            places = left + (lines - top) / (bottom - top) * (right - left)
            crossings[lines, np.clip(np.ceil(places), 0, columns).astype(np.int64)] += 1
    return np.asarray(np.cumsum(crossings[:, :columns], axis=1) % 2 == 1)
