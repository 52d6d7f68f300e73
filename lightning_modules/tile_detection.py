"""Detectors on images that fit in no memory: tile by tile, overlaps resolved at the end."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lightning_modules.box_decisions import FoundBoxes
from lightning_modules.detector import Detector, Placed
from lightning_modules.metrics.box_overlap import centres
from lightning_modules.window_borders import WindowBorders
from lightning_modules.window_detection import detect_tiles


class TilePlaces(NamedTuple):
    """Where square tiles lie in an image.

    Attributes:
        corners: Their low corners along the axes of the image, in its pixels, ``(N, 2)``.
        side: Of a tile, in pixels of the image.
        scale: Pixels of the image to one of a tile.
        overlap: Pixels of the image that neighbours have in common.
        shape: Of the image.
    """

    corners: NDArray[np.integer[Any]]
    side: float
    scale: float
    overlap: float
    shape: tuple[int, int]


class TiledDetection:
    """Gathers the boxes of one image from its tiles; tiles are let go of at once.

    Only boxes that reach the operating point are kept, so that memory is that of what is found.

    Args:
        modules: Their boxes are fused, tile by tile; the first says how, and where scores begin.
        places: Of the tiles.

    Attributes:
        highest: Of each class the highest score of any box, shown or not, ``(classes,)``.
    """

    def __init__(self, modules: Sequence[Detector], places: TilePlaces) -> None:
        self._first, self._places = modules[0], places
        self._networks = [module.network for module in modules]
        inference = self._first.config.inference
        self._mirror_axes = self._first.data.mirror_axes if inference.mirror else ()
        self._borders = WindowBorders(places.corners + places.side / 2, places.overlap)
        self._parts: list[FoundBoxes] = []
        self.highest = np.zeros(len(self._first.data.classes))

    def add(
        self, numbers: Sequence[int], tiles: Sequence[Tensor], geometries: Sequence[Placed]
    ) -> None:
        """Look at some tiles.

        Args:
            numbers: Of the tiles among the places.
            tiles: Prepared, ``(C, *spatial)`` each, of one size.
            geometries: Where their pixels lie in the tile as it was read.
        """
        views = detect_tiles(self._networks, tiles, self._mirror_axes)
        for number, geometry, own in zip(numbers, geometries, views, strict=True):
            found = [
                FoundBoxes(
                    geometry.restore_boxes(view.boxes.numpy()),
                    view.scores.numpy(),
                    view.labels.numpy(),
                )
                for view in own
            ]
            self._gather(number, self._first.decisions.join(found))

    def boxes(self) -> FoundBoxes:
        """Those of the whole image that are shown, in its pixels, from the highest score."""
        joined = FoundBoxes(*(np.concatenate(each) for each in zip(*self._parts, strict=True)))
        return self._first.decisions.resolve_shown(joined, self._first.operating_point)

    def _gather(self, number: int, found: FoundBoxes) -> None:
        """Keep the boxes of a tile that are left to it, lie in the image and may be shown."""
        moved = self._moved(found, number)
        middles = centres(moved)
        inside = ((middles >= 0) & (middles < self._places.shape)).all(axis=1)
        found = found.take(inside & self._borders.keeps(moved, number))
        np.maximum.at(self.highest, found.labels, found.scores)
        # The smallest side is one in pixels of the training images, which are those of a tile.
        shown = self._first.decisions.may_be_shown(found, self._first.operating_point)
        within = np.clip(self._moved(shown, number), 0, np.tile(self._places.shape, 2))
        self._parts.append(shown._replace(boxes=within))

    def _moved(self, found: FoundBoxes, number: int) -> NDArray[np.float64]:
        """Boxes of a tile in pixels of the image; 32 bits are too few for those of large slides."""
        places = self._places
        corner = np.tile(places.corners[number], 2)
        return np.asarray(found.boxes.astype(np.float64) * places.scale + corner)
