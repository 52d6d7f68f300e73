"""What a film is like, in a few numbers that a person understands."""

import numpy as np
from numpy.typing import NDArray

from datamodules.image_measures import LIKENESS, ImageKind, ImageMeasures, Measure, layout
from datamodules.transforms.xray_geometry import Geometry, resize

WHITE = 255
BLACK_BELOW, WHITE_FROM = 8, 248
"""Grey values, of 0 to 255, that count as black and as white."""
THUMBNAIL = 16
"""Height and width of the thumbnail that the layout of a film is compared by."""


PIXEL_SIZE = "pixel size"
FILMS = ImageKind(
    "films",
    {
        "height": Measure("less tall than", "taller than", 0.2, ratio=True, unit=" px", digits=0),
        "width": Measure("narrower than", "wider than", 0.2, ratio=True, unit=" px", digits=0),
        "width / height": Measure("more upright than", "broader than", 0.1, ratio=True),
        PIXEL_SIZE: Measure("finer than", "coarser than", 0.2, ratio=True, unit=" mm", digits=3),
        "mean grey": Measure("darker than", "brighter than", 0.03),
        "spread of grey": Measure("flatter than", "of more contrast than", 0.02),
        "share of black": Measure("less black than", "blacker than", 0.05),
        "share of white": Measure("less white than", "whiter than", 0.05),
        "sharpness": Measure("smoother than", "sharper or noisier than", 0.2, ratio=True, digits=3),
        LIKENESS: Measure("inverted, turned, or of another part than", "", 0.05),
    },
)
"""What is measured of each film."""


def measure_film(
    image: NDArray[np.uint8], geometry: Geometry, spacing_mm: tuple[float, float] | None = None
) -> ImageMeasures:
    """Measure a prepared film.

    Args:
        image: uint8 ``(size, size)``.
        geometry: How it was prepared; what was padded does not count.
        spacing_mm: Distance of neighbouring pixels of the original, or None when not known.
    """
    film = np.ascontiguousarray(image[geometry.target])
    share = np.bincount(film.ravel(), minlength=WHITE + 1) / film.size
    grey = np.arange(WHITE + 1) / WHITE
    mean = float(share @ grey)
    spread = float(np.sqrt(share @ (grey - mean) ** 2))
    values = {
        "height": float(geometry.height),
        "width": float(geometry.width),
        "width / height": geometry.width / geometry.height,
        "mean grey": mean,
        "spread of grey": spread,
        "share of black": float(share[:BLACK_BELOW].sum()),
        "share of white": float(share[WHITE_FROM:].sum()),
        "sharpness": _difference(film) / max(spread, 1 / WHITE),
    }
    if spacing_mm is not None:
        values[PIXEL_SIZE] = float(np.sqrt(spacing_mm[0] * spacing_mm[1]))
    return ImageMeasures(values, _thumbnail(film))


def _difference(film: NDArray[np.uint8]) -> float:
    """Root mean square difference of neighbouring pixels, of grey values in 0..1."""
    grey = film.astype(np.int32)
    squares = [
        float((np.diff(grey, axis=axis) ** 2).mean()) for axis in (0, 1) if film.shape[axis] > 1
    ]
    return float(np.sqrt(np.mean(squares or [0.0]))) / WHITE


def _thumbnail(film: NDArray[np.uint8]) -> NDArray[np.float32]:
    grey = resize(film.astype(np.float32), THUMBNAIL, THUMBNAIL).ravel()
    return layout(grey, least=1.0)
