"""From files to a volume; the content of a file decides its format, not its name."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datamodules.errors import DataError
from datamodules.transforms.volume_arrays import read_array
from datamodules.transforms.volume_metaimage import is_metaimage, read_metaimage
from datamodules.transforms.volume_nifti import is_nifti, read_nifti
from datamodules.transforms.volume_nrrd import MAGIC as NRRD
from datamodules.transforms.volume_nrrd import read_nrrd
from datamodules.transforms.volume_raster import read_image
from datamodules.transforms.volume_streams import GZIP_HEAD
from datamodules.transforms.xray_pixels import reason
from datamodules.transforms.xray_reading import HEAD_BYTES, SIGNATURES
from datamodules.volume import Volume

NIFTI_HEAD_BYTES = 348
RASTER = {**SIGNATURES, b"BM": "BMP", b"GIF8": "GIF"}
SMALLEST_DETERMINANT = 1e-6
"""Of the directions of the axes, whatever the spacing is: microscopes have micrometres."""


def read_volume(path: Path, selector: str | None = None, labels: bool = False) -> Volume:
    """Read a volume or a natural image.

    NIfTI, NRRD and MetaImage files; a folder with a DICOM series, or a DICOM file; a row of an npz
    file; PNG, JPEG, TIFF (of several pages: a volume), BMP and GIF.

    Args:
        path: A file, or the folder of a DICOM series.
        selector: SeriesInstanceUID, where a folder has several series; row of an npz file, for
            example ``train_images[17]``.
        labels: Whether the values are labels, which a palette of colours does not change.

    Raises:
        DataError: If there is no volume to be had, or a voxel is NaN or infinite; the message is
            the reason only, as the caller knows the case and the path relative to the dataset.
    """
    try:
        volume = _read(path, selector, labels)
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError("there is no such file") from error
    except PermissionError as error:
        raise DataError("permission denied") from error
    except MemoryError as error:
        raise DataError("it needs more memory than there is") from error
    except OSError as error:
        raise DataError(f"it cannot be read: {error.strerror or reason(error)}") from error
    except Exception as error:  # damaged headers make parsers raise nearly every exception
        raise DataError(f"the file is damaged ({type(error).__name__})") from None
    check_volume(volume)
    return volume


def check_volume(volume: Volume) -> None:
    """Refuse a volume with voxels that have no value or no place.

    Raises:
        DataError: If a voxel is NaN or infinite (their count is given), the affine has no inverse,
            or the values are complex.
    """
    array, affine = volume.array, volume.affine
    if array.dtype.kind not in "buif":
        raise DataError(f"its voxels are {array.dtype}, which are not read")
    if not _has_inverse(affine):
        raise DataError("its affine has no inverse: an axis has no length or no direction")
    if array.dtype.kind == "f" and (bad := array.size - int(np.isfinite(array).sum())):
        raise DataError(f"{bad} voxels are NaN or infinite")


def _has_inverse(affine: NDArray[np.float64]) -> bool:
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.isfinite(affine).all() or steps.min() == 0:
        return False
    return abs(float(np.linalg.det(affine[:3, :3] / steps))) >= SMALLEST_DETERMINANT


def _read(path: Path, selector: str | None, labels: bool) -> Volume:
    if path.is_dir():
        from datamodules.transforms.volume_dicom import read_series  # pydicom is slow to import

        return read_series(path, selector)
    with path.open("rb") as file:
        kind = kind_of(file.read(NIFTI_HEAD_BYTES))
        if kind == "npz":
            return read_array(path, selector)
        if selector is not None:
            raise DataError(f"a file holds one volume, and '{selector}' is asked for")
        file.seek(0)
        content = file.read()
    if kind == "NIfTI":
        return read_nifti(content)
    if kind == "NRRD":
        return read_nrrd(path, content)
    if kind == "MetaImage":
        return read_metaimage(path, content)
    if kind == "TIFF":
        from datamodules.transforms.volume_tiff import read_tiff  # tifffile is slow to import

        return read_tiff(content, labels)
    if kind != "DICOM":
        return read_image(content, kind, labels)
    from datamodules.transforms.volume_dicom import read_file

    return read_file(content)


def kind_of(content: bytes) -> str:
    """The format of a file by its first bytes.

    Raises:
        DataError: If it is none that is read.
    """
    head = content[: max(HEAD_BYTES, NIFTI_HEAD_BYTES)]
    if not head:
        raise DataError("the file is empty")
    if head[128:132] == b"DICM":
        return "DICOM"
    if head.startswith(GZIP_HEAD) or is_nifti(head):
        return "NIfTI"
    if head.startswith(NRRD):
        return "NRRD"
    if is_metaimage(head):
        return "MetaImage"
    for signature, kind in RASTER.items():
        if head.startswith(signature):
            return kind
    raise DataError(
        "it is no NIfTI, NRRD, MetaImage, DICOM, npz, PNG, JPEG, TIFF, BMP or GIF file, whatever "
        "its name says"
    )
