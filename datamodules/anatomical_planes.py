"""Axial, coronal and sagittal slices of volumes as a person is used to see them."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

PLANES = {"axial": 2, "coronal": 1, "sagittal": 0}
"""Which axis of a canonical volume (closest RAS+) each is perpendicular to."""
PERCENTILES = (0.5, 99.5)
"""Of a volume's grey values, shown as black and white."""
HEIGHT = 160
"""Of a panel in pixels."""
GAP = 4


def turned(plane: NDArray[Any]) -> NDArray[Any]:
    """From (right or anterior, anterior or superior) to rows downwards, both axes reversed.

    Radiological: the patient's right is at the left.
    """
    return plane[::-1, ::-1].T


def panel(volume: NDArray[Any], at: Sequence[int], spacing: Sequence[float]) -> NDArray[np.float32]:
    """The three planes through a voxel side by side, in true proportions.

    Args:
        volume: ``(x, y, z)``, canonical axes, any real dtype.
        at: The voxel.
        spacing: mm along each axis.

    Returns:
        float32 ``(160, W)``; 0 between the planes.
    """
    shown = []
    for axis in PLANES.values():
        across, up = (other for other in range(3) if other != axis)
        plane = turned(np.take(volume, at[axis], axis)).astype(np.float32)
        width = HEIGHT * (plane.shape[1] * spacing[across]) / (plane.shape[0] * spacing[up])
        size = (min(max(1, round(width)), 4 * HEIGHT), HEIGHT)
        resized = cv2.resize(np.ascontiguousarray(plane), size, interpolation=cv2.INTER_LINEAR)
        shown += [resized.astype(np.float32), np.zeros((HEIGHT, GAP), np.float32)]
    return np.hstack(shown[:-1])


def grey_panel(
    volume: NDArray[Any], at: Sequence[int], spacing: Sequence[float]
) -> NDArray[np.uint8]:
    """As :func:`panel`, with the volume's own range of grey values from black to white."""
    values = np.asarray(volume, np.float32)
    low, high = np.percentile(values[:: max(1, len(values) // 64)], PERCENTILES)
    scaled = (values - low) * (255 / max(float(high - low), 1e-6))
    return np.clip(panel(scaled, at, spacing), 0, 255).astype(np.uint8)
