"""Where the pixels of a prepared film lie in the film that it came from, and back."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class Geometry:
    """One rectangle of the original film, resized to one rectangle of the prepared square.

    Attributes:
        height, width: Size of the original film in pixels.
        size: Height and width of the prepared film.
        top, left, rows, columns: The rectangle of the original; all of it unless cropped.
        to_top, to_left, to_rows, to_columns: The rectangle it becomes; the rest is padding.
    """

    height: int
    width: int
    size: int
    top: int
    left: int
    rows: int
    columns: int
    to_top: int
    to_left: int
    to_rows: int
    to_columns: int

    @classmethod
    def fit(cls, shape: tuple[int, ...], size: int, how: Literal["pad", "stretch", "crop"]) -> Self:
        """Make a film of ``(H, W)`` square: padded, stretched, or cropped at the centre."""
        height, width = shape
        top, left, rows, columns = 0, 0, height, width
        to_rows = to_columns = size
        if how == "crop":
            rows = columns = min(height, width)
            top, left = (height - rows) // 2, (width - columns) // 2
        elif how == "pad":
            longer = max(height, width)
            to_rows = max(1, round(height * size / longer))
            to_columns = max(1, round(width * size / longer))
        to_top, to_left = (size - to_rows) // 2, (size - to_columns) // 2
        return cls(
            height, width, size, top, left, rows, columns, to_top, to_left, to_rows, to_columns
        )

    @property
    def source(self) -> tuple[slice, slice]:
        """Index of the rectangle in the original."""
        return _rectangle(self.top, self.left, self.rows, self.columns)

    @property
    def target(self) -> tuple[slice, slice]:
        """Index of the rectangle in the prepared film."""
        return _rectangle(self.to_top, self.to_left, self.to_rows, self.to_columns)

    def to_prepared(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map ``(x, y)`` of the original to the prepared film, both in pixels, ``(N, 2)``.

        A pixel's centre has whole coordinates, so that ``x' = (x + 0.5) * scale - 0.5``.
        """
        scale, source, target = self._axes()
        return (np.asarray(points, np.float64) + 0.5 - source) * scale + target - 0.5

    def to_original(self, points: ArrayLike) -> NDArray[np.float64]:
        """Inverse of :meth:`to_prepared`."""
        scale, source, target = self._axes()
        return (np.asarray(points, np.float64) + 0.5 - target) / scale + source - 0.5

    def _axes(self) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
        scale = np.array([self.to_columns / self.columns, self.to_rows / self.rows])
        return (
            scale,
            np.array([self.left, self.top], float),
            np.array([self.to_left, self.to_top], float),
        )

    def to_dict(self) -> dict[str, int]:
        """Plain numbers."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Inverse of :meth:`to_dict`; whole numbers may come as floats."""
        return cls(**{name: int(value) for name, value in values.items()})


def restore(prepared: NDArray[np.float32], geometry: Geometry) -> NDArray[np.float32]:
    """Bring a map of the prepared film, such as Grad-CAM, back onto the original film.

    Args:
        prepared: float32, shape ``(size, size)``.
        geometry: How the film was prepared.

    Returns:
        float32, shape ``(height, width)``; 0 where the original was cropped away.
    """
    original = np.zeros((geometry.height, geometry.width), np.float32)
    inside = np.ascontiguousarray(prepared[geometry.target], np.float32)
    original[geometry.source] = resize(inside, geometry.rows, geometry.columns)
    return original


def resize(image: NDArray[Any], rows: int, columns: int) -> NDArray[Any]:
    """Resize ``(H, W)``: averaged over areas along an axis that shrinks, else linear."""
    fewer = min(image.shape[0], rows), min(image.shape[1], columns)
    if fewer != image.shape:
        image = cv2.resize(image, fewer[::-1], interpolation=cv2.INTER_AREA)
    if fewer != (rows, columns):
        image = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_LINEAR)
    return image


def _rectangle(top: int, left: int, rows: int, columns: int) -> tuple[slice, slice]:
    return slice(top, top + rows), slice(left, left + columns)
