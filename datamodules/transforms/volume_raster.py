"""Natural images: PNG, JPEG, TIFF, BMP and GIF, grey or colour."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from datamodules.errors import DataError
from datamodules.transforms.xray_pixels import reason
from datamodules.transforms.xray_raster import decode_raster, grey_16_bit
from datamodules.volume import Volume

GREY = ("1", "L", "LA", "La")
PALETTE = ("P", "PA")
COLOURS = ("RGB", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr")
AS_STORED = ("I", "F")


def read_image(content: bytes, kind: str, labels: bool = False) -> Volume:
    """Decode one image to ``(1, H, W)`` or, where it has colours, ``(3, H, W)``.

    Palettes are resolved, transparency lies over black, and the orientation that EXIF declares is
    applied. Grey keeps its 8, 16 or 32 bits.

    Args:
        content: The whole file.
        kind: ``PNG``, ``JPEG``, ``TIFF``, ``BMP`` or ``GIF``.
        labels: Whether a palette of colours only paints label values; they are given then.

    Raises:
        DataError: If the file is damaged, holds several images, or has an unusable pixel format.
    """
    try:
        array = _channels(content, kind, labels)
    except (DataError, MemoryError):
        raise
    except Exception as error:  # damaged files make Pillow raise nearly every built-in exception
        raise DataError(f"the {kind} file is damaged: {reason(error)}") from error
    return Volume(array, np.eye(4), has_spacing=False)


def _channels(content: bytes, kind: str, labels: bool) -> NDArray[Any]:
    image = decode_raster(content, kind)
    upright = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        return grey_16_bit(image, upright).pixels[None]
    if image.mode in AS_STORED:
        return np.asarray(upright)[None]
    if image.mode not in (*GREY, *PALETTE, *COLOURS):
        raise DataError(f"pixel format {image.mode} is not read; save it as grey or RGB")
    coloured = image.mode in COLOURS or _has_coloured_palette(upright)
    if coloured and labels and image.mode == "P":
        return np.asarray(upright)[None]
    if upright.has_transparency_data:
        black = Image.new("RGBA", upright.size, "black")
        upright = Image.alpha_composite(black, upright.convert("RGBA"))
    if coloured:
        return np.moveaxis(np.asarray(upright.convert("RGB")), 2, 0)
    return np.asarray(upright.convert("L"))[None]


def _has_coloured_palette(image: Image.Image) -> bool:
    if image.mode not in PALETTE:
        return False
    palette = np.asarray(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    used = np.unique(np.asarray(image.getchannel(0) if image.mode == "PA" else image))
    shown = palette[used[used < len(palette)]]
    return bool((shown != shown[:, :1]).any())
