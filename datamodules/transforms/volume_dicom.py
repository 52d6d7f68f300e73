"""DICOM series of slices, DICOM files of many frames, and single DICOM images."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.pixels.processing import apply_modality_lut
from pydicom.pixels.utils import get_nr_frames

from datamodules.errors import DataError, readable
from datamodules.transforms.dicom_series import SliceFile, find_series
from datamodules.transforms.volume_dicom_geometry import Plane, plane_of, stack_planes
from datamodules.transforms.volume_streams import check_memory
from datamodules.transforms.xray_dicom import (
    GREY,
    check_dicom,
    code_values,
    parse_dicom,
    read_dicom,
    stored_codes,
)
from datamodules.volume import Volume


def read_series(folder: Path, series_uid: str | None = None) -> Volume:
    """Read a series of parallel slices, or one file of many frames, from a folder however deep.

    Slices are sorted by their place along the normal, whatever they are called; values are those
    after the modality LUT (rescale slope and intercept). Files that are no DICOM images are
    passed over.

    Args:
        folder: Of the series.
        series_uid: SeriesInstanceUID; None: there is only one series.

    Returns:
        Array ``(1, columns, rows, slices)``.

    Raises:
        DataError: If there are several series, which are named; if slices are missing, differ in
            size, are shifted by a tilted gantry, or two lie at the same place; or if a file is
            damaged.
    """
    images = find_series(folder, series_uid)
    if len(images) == 1 and get_nr_frames(images[0].header, warn=False) > 1:
        return _read_frames(images[0].path.read_bytes())
    rows, columns = int(images[0].header.Rows), int(images[0].header.Columns)
    check_memory(4 * rows * columns * len(images))
    stack_planes([_plane(image) for image in images])  # before anything is decoded
    return _stack([_slice(image) for image in images])


def series_in_order(folder: Path, series_uid: str | None = None) -> list[Path]:
    """The files of a series, one a slice, in the order of the slices of :func:`read_series`.

    Raises:
        DataError: As there.
    """
    images = find_series(folder, series_uid)
    order, _ = stack_planes([_plane(image) for image in images])
    return [images[index].path for index in order]


def read_file(content: bytes) -> Volume:
    """Decode one DICOM file: frames become a volume, a single image ``(1, rows, columns)``.

    Raises:
        DataError: If it is damaged, or of a kind that is not read.
    """
    if get_nr_frames(_parse(content), warn=False) > 1:
        return _read_frames(content)
    film = read_dicom(content)
    affine = np.diag([*(film.spacing_mm or (1.0, 1.0)), 1.0, 1.0])
    return Volume(film.pixels[None], affine, has_spacing=film.spacing_mm is not None)


def _parse(content: bytes) -> Dataset:
    try:
        return parse_dicom(content)
    except DataError:
        raise
    except Exception as error:  # damaged files make pydicom raise nearly every exception
        raise DataError(f"a DICOM file is damaged ({type(error).__name__})") from None


def _plane(image: SliceFile) -> Plane:
    try:
        return plane_of(image.header)
    except DataError as error:
        raise DataError(f"'{readable(image.path.name)}': {error}") from None


def _slice(image: SliceFile) -> tuple[NDArray[Any], Plane]:
    try:
        return _decode(image.path.read_bytes())
    except DataError as error:
        raise DataError(f"'{readable(image.path.name)}': {error}") from None


def _decode(content: bytes) -> tuple[NDArray[Any], Plane]:
    """Values ``(rows, columns)`` of one slice after the modality LUT, and where it lies."""
    dataset = _parse(content)
    try:
        _check(dataset)
        return _values(stored_codes(dataset), dataset, dataset), plane_of(dataset)
    except (DataError, MemoryError):
        raise
    except Exception as error:  # damaged files make pydicom raise nearly every exception
        raise DataError(f"a DICOM file is damaged ({type(error).__name__})") from None


def _check(dataset: Dataset) -> None:
    check_dicom(dataset)
    if dataset.PhotometricInterpretation not in GREY:
        raise DataError("its slices have colours; a series of grey slices is expected")


def _values(codes: NDArray[Any], dataset: Dataset, rescale: Dataset) -> NDArray[Any]:
    """What stored codes stand for; as stored where that is the same number."""
    table = apply_modality_lut(code_values(dataset), rescale)
    if np.array_equal(table, np.arange(len(table))):
        return codes
    fits = table.min() >= -(2**15) and table.max() < 2**15
    whole = fits and np.array_equal(table, np.rint(table))
    values: NDArray[Any] = table.astype(np.int16 if whole else np.float32)[codes]
    return values


def _stack(slices: list[tuple[NDArray[Any], Plane]]) -> Volume:
    order, affine = stack_planes([plane for _, plane in slices])
    array = np.stack([slices[index][0].T for index in order], axis=2)
    return Volume(array[None], affine)


def _read_frames(content: bytes) -> Volume:
    """Decode the frames of an enhanced CT or MR file.

    References:
        DICOM PS3.3, C.7.6.16 (multi-frame functional groups).
    """
    dataset = _parse(content)
    try:
        frames = dataset.get("PerFrameFunctionalGroupsSequence")
        shared = (dataset.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
        if not frames:
            raise DataError("its frames have no place in the patient; a volume cannot be made")
        _check(dataset)
        groups = [_flat(shared, frame) for frame in frames]
        codes = stored_codes(dataset)
        if len(codes) != len(groups):
            raise DataError(f"it has {len(codes)} frames, and the places of {len(groups)}")
        return _stack(
            [
                (_values(frame, dataset, group), plane_of(group, frame.shape))
                for frame, group in zip(codes, groups, strict=True)
            ]
        )
    except (DataError, MemoryError):
        raise
    except Exception as error:  # damaged files make pydicom raise nearly every exception
        raise DataError(f"the DICOM file is damaged ({type(error).__name__})") from None


def _flat(*groups: Dataset) -> Dataset:
    """The elements of functional groups as those of one dataset; later groups win."""
    flat = Dataset()
    for group in groups:
        for element in group:
            if element.VR == "SQ" and element.value:
                flat.update(element.value[0])
    return flat
