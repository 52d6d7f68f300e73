"""From a file to the pixels of one film; the content of a file decides its format, not its name."""

from pathlib import Path
from typing import BinaryIO

from datamodules.errors import DataError
from datamodules.transforms.xray_arrays import read_array
from datamodules.transforms.xray_pixels import XrayPixels, reason
from datamodules.transforms.xray_raster import read_raster

__all__ = ["XrayPixels", "read_xray"]

HEAD_BYTES = 132
SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"PK\x03\x04": "npz",
}


def read_xray(path: Path, selector: str | None = None) -> XrayPixels:
    """Read one film: PNG, JPEG, TIFF, DICOM, or a row of an npz file.

    Args:
        path: The file.
        selector: Row of an npz file, for example ``train_images[17]``; None for other formats.

    Raises:
        DataError: If there is no film to be had from the file; the message is the reason only, as
            the caller knows the case and the path relative to the dataset.
    """
    try:
        with path.open("rb") as file:
            return _read(path, selector, file)
    except FileNotFoundError as error:
        raise DataError("there is no such file") from error
    except PermissionError as error:
        raise DataError("permission denied") from error
    except OSError as error:
        raise DataError(f"it cannot be read: {error.strerror or reason(error)}") from error


def _read(path: Path, selector: str | None, file: BinaryIO) -> XrayPixels:
    head = file.read(HEAD_BYTES)
    kind = _kind(head)
    if kind == "npz":
        return read_array(path, selector)
    if selector is not None:
        raise DataError(f"a {kind} file holds one film, and '{selector}' is asked for")
    content = head + file.read()
    if kind != "DICOM":
        return read_raster(content, kind)
    from datamodules.transforms.xray_dicom import read_dicom  # pydicom takes its time to import

    return read_dicom(content)


def _kind(head: bytes) -> str:
    if not head:
        raise DataError("the file is empty")
    if head[128:132] == b"DICM":
        return "DICOM"
    for signature, kind in SIGNATURES.items():
        if head.startswith(signature):
            return kind
    raise DataError("it is not a PNG, JPEG, TIFF, DICOM or npz file, whatever its name says")
