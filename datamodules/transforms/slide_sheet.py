"""A picture for a person to check: a slide with its tissue outlined and its tiles."""

import cv2
import numpy as np
from numpy.typing import NDArray

from datamodules.transforms.slide_reading import Slide
from datamodules.transforms.slide_tiles import TileGrid
from datamodules.transforms.slide_tissue import Tissue

LONGEST_PX = 1600
TILE, RIM, HOLE = (40, 90, 220), (0, 150, 60), (230, 120, 0)
"""Colours that no common stain has, in RGB."""
DIMMED = 0.35
"""How far towards white what is in no tile is painted."""


def draw_tissue(slide: Slide, tissue: Tissue, grid: TileGrid) -> NDArray[np.uint8]:
    """Draw a slide with its tiles (blue), the rims of its tissue (green) and of holes (orange).

    What no tile shows is paler.

    Returns:
        RGB uint8, ``(h, w, 3)``, 1600 px along its longer side or fewer.

    Raises:
        DataError: If the file is damaged or cut off.
    """
    factor = max(1.0, max(slide.size) / LONGEST_PX)
    picture = slide.thumbnail(slide.um_per_pixel * factor)
    scale = np.array(picture.shape[1::-1]) / np.array(slide.size)
    starts = (grid.corners * scale).round().astype(int)
    ends = ((grid.corners + grid.side) * scale).round().astype(int)
    boxes = np.concatenate([starts, ends], axis=1).tolist()
    picture = _pale_outside(picture, boxes)
    for left, top, right, bottom in boxes:
        cv2.rectangle(picture, (left, top), (right, bottom), TILE, 1)
    for contour in tissue.contours():
        _outline(picture, contour.outer * scale, RIM)
        for hole in contour.holes:
            _outline(picture, hole * scale, HOLE)
    return picture


def _pale_outside(picture: NDArray[np.uint8], boxes: list[list[int]]) -> NDArray[np.uint8]:
    inside = np.zeros(picture.shape[:2], np.bool_)
    for left, top, right, bottom in boxes:
        inside[top:bottom, left:right] = True
    pale = (picture + DIMMED * (255.0 - picture)).round().astype(np.uint8)
    return np.where(inside[..., None], picture, pale)


def _outline(
    picture: NDArray[np.uint8], ring: NDArray[np.float64], colour: tuple[int, int, int]
) -> None:
    points = ring.round().astype(np.int32)[:, None]
    cv2.polylines(picture, [points], isClosed=True, color=colour, thickness=2)
