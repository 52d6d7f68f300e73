"""Films in PNG, JPEG and TIFF files, decoded by Pillow and verified to the end."""

from io import BytesIO

import numpy as np
from PIL import Image, ImageOps
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from datamodules.errors import DataError
from datamodules.transforms.xray_pixels import XrayPixels, check_size, reason

FORMATS: dict[str, type[ImageFile]] = {
    "PNG": PngImageFile,
    "JPEG": JpegImageFile,
    "TIFF": TiffImageFile,
    "BMP": BmpImageFile,
    "GIF": GifImageFile,
}
MODES_OF_8_BIT = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr"}
PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
BITS_PER_SAMPLE = 258
PHOTOMETRIC_INTERPRETATION = 262
WHITE_IS_ZERO = 0


def read_raster(content: bytes, kind: str) -> XrayPixels:
    """Decode a PNG, JPEG or TIFF file.

    Palettes are resolved, colours become luma, transparency lies over black, and the orientation
    that EXIF declares is applied. JPEG carries no checksum: only a truncated or undecodable file
    is noticed, while every chunk of a PNG is checked against its CRC.

    Args:
        content: The whole file.
        kind: ``PNG``, ``JPEG`` or ``TIFF``.

    Raises:
        DataError: If the file is damaged, holds several images, or has an unusable pixel format.
    """
    try:
        return _grey(decode_raster(content, kind))
    except (DataError, MemoryError):
        raise
    except Exception as error:  # damaged files make Pillow raise nearly every built-in exception
        raise DataError(f"the {kind} file is damaged: {reason(error)}") from error


def decode_raster(content: bytes, kind: str) -> ImageFile:
    """Decode a file of one image as Pillow gives it, its declared size and its end verified."""
    # The class itself, as Image.open warns on stderr and has a size limit of its own.
    image = FORMATS[kind](BytesIO(content))
    check_size(image.height, image.width)
    if not image.tile:
        raise DataError(f"the {kind} file has no image data")
    if (frames := getattr(image, "n_frames", 1)) > 1:
        raise DataError(f"the {kind} file holds {frames} images; one is expected")
    if kind == "PNG":
        if PNG_END not in content:  # verify() does not look at the CRC of the last chunk
            raise DataError("the PNG file is damaged: its end is missing")
        image.verify()
        image = FORMATS[kind](BytesIO(content))
    image.load()
    return image


def _grey(image: ImageFile) -> XrayPixels:
    upright = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        return grey_16_bit(image, upright)
    if image.mode not in MODES_OF_8_BIT:
        raise DataError(
            f"pixel format {image.mode} declares no grey range; save it as 8 or 16 bit grey"
        )
    if upright.has_transparency_data:
        black = Image.new("RGBA", upright.size, "black")
        upright = Image.alpha_composite(black, upright.convert("RGBA"))
    bits = 1 if image.mode == "1" else 8
    return XrayPixels(np.asarray(upright.convert("L")), low=0, high=255, bits=bits)


def grey_16_bit(image: ImageFile, upright: Image.Image) -> XrayPixels:
    """Grey values of a 16 bit image, turned upright, as its file declares them."""
    pixels = np.asarray(upright).astype(np.uint16)
    tags = image.tag_v2 if isinstance(image, TiffImageFile) else {}
    bits = int(np.ravel(tags.get(BITS_PER_SAMPLE, 16))[0])
    high = 2**bits - 1
    if tags.get(PHOTOMETRIC_INTERPRETATION) == WHITE_IS_ZERO:  # Pillow inverts up to 8 bits only
        pixels = high - pixels
    return XrayPixels(pixels, low=0, high=high, bits=bits)
