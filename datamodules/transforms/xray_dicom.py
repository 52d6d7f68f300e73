"""Films in DICOM files: stored values, modality LUT, window, photometric interpretation."""

import math
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, config, dcmread
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_modality_lut
from pydicom.pixels.utils import get_expected_length, get_nr_frames, pixel_array
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from datamodules.errors import DataError
from datamodules.transforms.xray_dicom_window import display_range
from datamodules.transforms.xray_pixels import XrayPixels, check_size, luma

REQUIRED = (
    "PixelData",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "SamplesPerPixel",
    "PhotometricInterpretation",
)
WHOLE_NUMBERS = ("Rows", "Columns", "BitsAllocated", "BitsStored", "SamplesPerPixel", "HighBit")
GREY = ("MONOCHROME1", "MONOCHROME2")
COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
OTHER_TERMS = ("PALETTE COLOR", "HSV", "ARGB", "CMYK", "YBR_PARTIAL_422", "YBR_PARTIAL_420", "XYB")
"""Defined terms (PS3.3 C.7.6.3.1.2) that are not read. Other values of a header are not quoted in
a message, as any of them may hold a name; nor is what pydicom says, which quotes them."""
SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
META_BYTES = 4096

# A warning about an odd element would quote it, and the log is no place for header values.
config.settings.reading_validation_mode = config.IGNORE


def read_dicom(content: bytes) -> XrayPixels:
    """Decode a DICOM file of one film.

    Stored values go through the modality LUT (rescale slope and intercept), then the VOI LUT or
    the first window; without either, the full range that the stored bits allow is declared.
    MONOCHROME1 is inverted, bits above those stored are ignored, RGB becomes luma.

    Raises:
        DataError: If pixel data are missing or too short, or if the film is of a kind that is not
            read (several frames, palette, a compression without a decoder).

    References:
        DICOM PS3.3, C.7.6.3 (image pixel), C.11.1 (modality LUT), C.11.2 (VOI LUT).
    """
    try:
        dataset = parse_dicom(content)
        if (frames := get_nr_frames(dataset, warn=False)) > 1:
            raise DataError(f"the DICOM file has {frames} frames; a single film is expected")
        check_dicom(dataset)
        return _read_colour(dataset) if dataset.SamplesPerPixel > 1 else _read_grey(dataset)
    except (DataError, MemoryError):
        raise
    except Exception as error:  # damaged files make pydicom raise nearly every built-in exception
        raise DataError(f"the DICOM file is damaged ({type(error).__name__})") from None


def parse_dicom(content: bytes) -> Dataset:
    """Parse a DICOM file whose size is bounded by that of its content.

    Raises:
        DataError: If it is deflated.
    """
    refuse_deflated(content)
    return dcmread(BytesIO(content))


def refuse_deflated(content: bytes) -> None:
    """Refuse a file, by its beginning, that would be inflated whole before its size is checked.

    Raises:
        DataError: If it is one.
    """
    if DeflatedExplicitVRLittleEndian.encode() in content[:META_BYTES]:
        raise DataError("a deflated DICOM file is not read; convert it to Explicit VR")


def check_dicom(dataset: Dataset) -> None:
    """Refuse a DICOM image that cannot be decoded as its header declares it.

    Raises:
        DataError: If something is missing, contradicts itself, or is of a kind that is not read.
    """
    if "PixelData" not in dataset or not dataset.PixelData:
        raise DataError("the DICOM file has no pixel data, or is cut off")
    if missing := [name for name in REQUIRED if dataset.get(name) is None]:
        raise DataError(f"the DICOM file lacks {', '.join(missing)}")
    if odd := [name for name in WHOLE_NUMBERS if not isinstance(dataset.get(name, 0), int)]:
        raise DataError(f"the DICOM file has no whole number in {', '.join(odd)}")
    check_size(dataset.Rows, dataset.Columns)
    _check_layout(dataset)
    _check_encoding(dataset)


def _check_layout(dataset: Dataset) -> None:
    photometric = dataset.PhotometricInterpretation
    samples = 3 if photometric in COLOURS else 1
    if photometric not in (*GREY, *COLOURS) or dataset.SamplesPerPixel != samples:
        known = photometric in (*GREY, *COLOURS, *OTHER_TERMS)
        raise DataError(
            f"photometric interpretation {repr(photometric) if known else 'of no defined term'} "
            f"with {dataset.SamplesPerPixel} samples a pixel is not read"
        )
    allocated, stored = dataset.BitsAllocated, dataset.BitsStored
    high_bit = dataset.get("HighBit", stored - 1)
    fits = 1 <= stored <= high_bit + 1 <= allocated
    if allocated not in (8, 16) or not fits or (samples > 1 and allocated > 8):
        raise DataError(
            f"{stored} bits stored in {allocated} allocated, high bit {high_bit}, are not read"
        )


def _check_encoding(dataset: Dataset) -> None:
    if (syntax := dataset.file_meta.get("TransferSyntaxUID")) is None:
        raise DataError("the DICOM file names no transfer syntax")
    if syntax.is_encapsulated:
        _check_decoder(syntax)
        return
    expected, found = get_expected_length(dataset), len(dataset.PixelData)
    if not expected <= found <= expected + expected % 2:
        raise DataError(f"its pixel data have {found} bytes where {expected} are declared")


def _check_decoder(syntax: UID) -> None:
    named = "transfer syntax" if syntax.is_private else f"transfer syntax '{syntax.name}'"
    try:
        available = get_decoder(syntax).is_available
    except NotImplementedError as error:
        raise DataError(f"its {named} is not read") from error
    if not available:
        raise DataError(
            f"its {named} needs a decoder that is not installed: pip install python-gdcm"
        )


def _read_colour(dataset: Dataset) -> XrayPixels:
    grey = luma(dataset.pixel_array)
    return XrayPixels(grey, low=0, high=255, bits=8, spacing_mm=spacing_mm(dataset))


def _read_grey(dataset: Dataset) -> XrayPixels:
    codes = stored_codes(dataset)
    # Every code that can be stored goes through the pipeline once; the film is then a look-up.
    table, low, high = display_range(apply_modality_lut(code_values(dataset), dataset), dataset)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        table = low + high - table
    if not np.array_equal(table, np.arange(len(table))):
        codes = table.astype(np.float32)[codes]
    return XrayPixels(codes, low, high, dataset.BitsStored, spacing_mm(dataset))


def stored_codes(dataset: Dataset) -> NDArray[Any]:
    """The stored bits of every pixel as unsigned numbers, ``(H, W)`` uint8 or uint16."""
    raw = pixel_array(dataset, correct_unused_bits=False)
    native = raw.astype(raw.dtype.newbyteorder("="), copy=False)
    raw = native.view(f"u{native.dtype.itemsize}")
    stored: int = dataset.BitsStored
    if not dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        raw = raw >> (dataset.get("HighBit", stored - 1) + 1 - stored)
    codes: NDArray[Any] = raw & raw.dtype.type(2**stored - 1)
    return codes


def code_values(dataset: Dataset) -> NDArray[np.int32]:
    """What each code stands for: itself, or a number in two's complement."""
    codes = np.arange(2**dataset.BitsStored, dtype=np.int32)
    if dataset.get("PixelRepresentation", 0) == 1:
        codes[codes >= len(codes) // 2] -= len(codes)
    return codes


def spacing_mm(dataset: Dataset) -> tuple[float, float] | None:
    """Distance of neighbouring ``(rows, columns)`` that a header declares, or None."""
    for name in SPACINGS:
        values: Any = dataset.get(name) or ()
        if len(values) == 2 and all(math.isfinite(value) and value > 0 for value in values):
            return float(values[0]), float(values[1])
    return None
