"""How large a picture is, by its header alone."""

from pathlib import Path

from PIL import Image, UnidentifiedImageError

from datamodules.errors import DataError

ORIENTATION = 0x0112
TURNED = (5, 6, 7, 8)
"""Orientations of EXIF that exchange height and width."""


def upright_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels, after the orientation that EXIF declares.

    Raises:
        DataError: If the file is none of a picture, or damaged.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            turned = image.getexif().get(ORIENTATION) in TURNED
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise DataError("its size cannot be read; is it a PNG, JPEG, TIFF or BMP file?") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise DataError("its size cannot be read: the file is damaged or absent") from error
    return (height, width) if turned else (width, height)
