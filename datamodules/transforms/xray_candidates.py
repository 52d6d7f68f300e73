"""A candidate as the network is to see it: its detail, and the context that it lies in."""

import numpy as np
from numpy.typing import NDArray

from datamodules.candidates import Box
from datamodules.configs.xrays import CandidateCrops, XrayPreprocessing
from datamodules.errors import DataError
from datamodules.transforms.xray_geometry import Geometry, resize
from datamodules.transforms.xray_pixels import XrayPixels, content_hash
from datamodules.transforms.xray_preprocessing import PreparedXray, PreprocessXray, scale_grey


class PreprocessCandidate:
    """Cuts two squares about a candidate's centre: a wide one, and a narrow one at full detail.

    Where a square leaves the film, the film's edge goes on.

    Args:
        preprocessing: Grey range, and the size that both squares are resized to.
        crops: How wide the squares are.
    """

    def __init__(self, preprocessing: XrayPreprocessing, crops: CandidateCrops) -> None:
        self.whole, self.crops = PreprocessXray(preprocessing), crops
        self.size = preprocessing.size

    def __call__(self, data: XrayPixels, box: Box) -> PreparedXray:
        """Prepare one candidate: ``image`` is uint8 ``(2, size, size)``, context and detail.

        The geometry is that of the context, which may begin outside the film.

        Raises:
            DataError: If the candidate lies outside the film, or a pixel is NaN or infinite.
        """
        self.whole.check(data)
        x, y, width, height = box
        rows, columns = data.pixels.shape
        centre = (y + height / 2, x + width / 2)
        if not (0 <= centre[0] < rows and 0 <= centre[1] < columns):
            raise DataError(
                f"the candidate at x {centre[1]:g}, y {centre[0]:g} lies outside the film of"
                f" {columns} x {rows} pixels"
            )
        side = self.crops.detail * max(width, height) or float(self.crops.point_px)
        low, high = self.whole.grey_range(data)
        squares = []
        for factor in (self.crops.context, 1.0):
            square = cut_square(data.pixels, centre, max(1, round(side * factor)))
            squares.append(resize(scale_grey(square, low, high), self.size, self.size))
        wide = max(1, round(side * self.crops.context))
        geometry = Geometry(
            *(rows, columns, self.size),
            *(round(centre[0] - wide / 2), round(centre[1] - wide / 2), wide, wide),
            *(0, 0, self.size, self.size),
        )
        image = np.rint(np.stack(squares)).astype(np.uint8)
        return PreparedXray(image, geometry, content_hash(data.pixels))


def cut_square(
    pixels: NDArray[np.generic], centre: tuple[float, float], side: int
) -> NDArray[np.generic]:
    """A square of ``side`` pixels about ``(y, x)``; beyond the film its edge goes on."""
    top, left = (round(at - side / 2) for at in centre)
    rows = np.clip(np.arange(top, top + side), 0, pixels.shape[0] - 1)
    columns = np.clip(np.arange(left, left + side), 0, pixels.shape[1] - 1)
    return pixels[np.ix_(rows, columns)]
