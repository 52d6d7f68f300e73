"""Masks of an image: label maps, binary masks, run lengths, DICOM segmentations and contours."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from nibabel.orientations import aff2axcodes
from numpy.typing import NDArray

from datamodules.cases import SAME_EXTENT, Source, resolve
from datamodules.errors import DataError
from datamodules.transforms.mask_run_lengths import read_run_lengths
from datamodules.transforms.volume_geometry import run_alike, turned_to
from datamodules.transforms.volume_reading import kind_of, read_volume
from datamodules.transforms.volume_streams import describe
from datamodules.volume import Volume

MOST_DIFFERENT_MM = 1e-3
MOST_DIFFERENT_VOXELS = 0.01
"""What counts where voxels are smaller than a tenth of a millimetre."""
HEAD_BYTES = 512
TABLES = (".csv", ".csv.gz")


class GeometryError(DataError):
    """The headers of two files put the same voxels in different places; it can be waived."""


@dataclass(frozen=True, eq=False)
class PlacedVolume(Volume):
    """What lies on the voxels of an image, in its geometry.

    Attributes:
        apart_mm: Largest difference of the affines, where it was waived; 0 where they agree.
    """

    apart_mm: float = 0.0


def read_label_map(root: Path, source: Source, image: Volume, waived: bool = False) -> PlacedVolume:
    """Read the label map of an image.

    A file in any format that :func:`read_volume` reads; a DICOM SEG, whose segment numbers, or a
    DICOM RTSTRUCT, whose ROI numbers become labels; or run lengths in a table, label 1. A selector
    names one segment or ROI by its label or number, or the table's row (``rle[ImageId]``); or says
    that a mask of another size shows the same (:data:`SAME_EXTENT`).

    Args:
        root: Of the dataset.
        source: The file, relative to the root.
        image: What it is the mask of.
        waived: Whether its affine does not count: it lies on the image voxel for voxel.

    Returns:
        Integers, shape ``(1, *spatial)``, in the geometry of the image.

    Raises:
        DataError: If values are not whole numbers, shape or affine is not the image's, or the file
            is damaged; the message is the reason only.
    """
    path = resolve(root, source.path)
    if path.name.endswith(TABLES):
        return _like(image, read_run_lengths(path, source.selector, image.spatial))
    if (array := _read_dicom_masks(path, source.selector, image)) is not None:
        return _like(image, array)
    if source.selector == SAME_EXTENT:
        labels = as_labels(read_volume(path, labels=True).array)
        return _like(image, _stretch(labels, image.spatial))
    found = lay_on(read_volume(path, source.selector, labels=True), image, waived=waived)
    return replace(found, array=as_labels(found.array))


def read_binary_masks(root: Path, sources: Mapping[str, Source], image: Volume) -> Volume:
    """Read one mask a structure, in which all that is not 0 is inside.

    Returns:
        uint8 0 and 1, shape ``(L, *spatial)``, in the order of the sources.

    Raises:
        DataError: As :func:`read_label_map`; the message names the structure.
    """
    masks = np.zeros((len(sources), *image.spatial), np.uint8)
    for mask, (name, source) in zip(masks, sources.items(), strict=True):
        try:
            mask[...] = read_label_map(root, source, image).array[0] != 0
        except DataError as error:
            raise DataError(f"mask of {name}: {error}") from error
    return _like(image, masks)


def lay_on(
    volume: Volume, image: Volume, what: str = "mask", *, waived: bool = False
) -> PlacedVolume:
    """Lay a mask, or whatever else it is, on the voxels of its image.

    What is stored along other axes is turned, if its voxels then lie on those of the image.

    Raises:
        DataError: As :func:`check_geometry`.
    """
    if _apart_mm(volume, image):
        turned = turned_to(volume, image)
        if turned.spatial == image.spatial and not _apart_mm(turned, image):
            volume = turned
    apart_mm = check_geometry(volume, image, what, waived=waived)
    return PlacedVolume(volume.array, image.affine, image.has_spacing, apart_mm)


def check_geometry(
    mask: Volume, image: Volume, what: str = "mask", *, waived: bool = False
) -> float:
    """Refuse a mask, or whatever else it is, that does not lie on the voxels of its image.

    Returns:
        Largest difference of the affines in mm; 0 where they agree, or one file has no spacing.

    Raises:
        DataError: If the shapes differ, or the axes run otherwise; it gives both.
        GeometryError: If the affines differ by more than 1e-3 mm (or a hundredth of a voxel, where
            that is less), unless that is waived.
    """
    if mask.spatial != image.spatial:
        sizes = describe(mask.spatial), describe(image.spatial)
        raise DataError(f"the {what} has {sizes[0]} voxels and the image {sizes[1]}")
    apart_mm = _apart_mm(mask, image)
    if waived or not apart_mm:
        return apart_mm
    if run_alike(mask, image):
        raise GeometryError(
            f"the affines of {what} and image differ by up to {apart_mm:.4g} mm: {what} "
            f"{_rows(mask.affine)}, image {_rows(image.affine)}"
        )
    raise DataError(
        f"the axes of the {what} run {_directions(mask)} and those of the image "
        f"{_directions(image)}, and its voxels do not lie on the image's when it is turned: mend "
        "the header, or store it on the image's grid"
    )


def as_labels(array: NDArray[Any]) -> NDArray[Any]:
    """Whole numbers of a label map ``(C, *spatial)``, one channel; colours must be greys.

    Raises:
        DataError: If there are several channels, or a value is not whole.
    """
    if len(array) > 1:
        if any(not np.array_equal(channel, array[0]) for channel in array[1:]):
            raise DataError(f"the mask has {len(array)} channels; a label map has one")
        array = array[:1]
    if array.dtype.kind == "b":
        return array.astype(np.uint8)
    if array.dtype.kind in "iu":
        return array
    whole: NDArray[Any] = np.rint(array)
    if odd := int((np.abs(array - whole) > MOST_DIFFERENT_MM).sum()):
        raise DataError(
            f"{odd} voxels of the mask are no whole numbers ({float(array.min()):.4g} to "
            f"{float(array.max()):.4g}); it is no label map"
        )
    return whole.astype(np.int32)


def _stretch(labels: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Nearest labels on a grid of the same extent with another number of voxels.

    Raises:
        DataError: If they have another number of axes, or the voxels would not stay square.
    """
    scales = [new / old for new, old in zip(shape, labels.shape[1:], strict=False)]
    if len(shape) != labels.ndim - 1 or max(scales) > 1.01 * min(scales):
        here = describe(labels.shape[1:])
        raise DataError(f"the mask has {here} voxels and the image {describe(shape)}")
    for axis, (new, scale) in enumerate(zip(shape, scales, strict=True), start=1):
        labels = labels.take(((np.arange(new) + 0.5) / scale).astype(int), axis)
    return labels


def _read_dicom_masks(path: Path, selector: str | None, image: Volume) -> NDArray[Any] | None:
    """A DICOM SEG or RTSTRUCT on the grid of the image; None: the file is something else."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        if kind_of(file.read(HEAD_BYTES)) != "DICOM":
            return None
    from datamodules.transforms.mask_dicom import read_dicom_masks  # pydicom is slow to import

    return read_dicom_masks(path.read_bytes(), selector, image)


def _like(image: Volume, array: NDArray[Any]) -> PlacedVolume:
    return PlacedVolume(array, image.affine, image.has_spacing)


def _apart_mm(volume: Volume, image: Volume) -> float:
    """Largest difference of two affines; 0 where it does not matter."""
    if not (volume.has_spacing and image.has_spacing):
        return 0.0  # a PNG mask of a DICOM image says nothing about its place
    difference = float(np.abs(volume.affine - image.affine).max())
    most = min(MOST_DIFFERENT_MM, MOST_DIFFERENT_VOXELS * min(image.spacing))
    return difference if difference > most else 0.0


def _directions(volume: Volume) -> str:
    """Where its axes lead, such as ``RAS``."""
    return "".join(aff2axcodes(volume.affine)[: len(volume.spatial)])


def _rows(affine: NDArray[np.float64]) -> str:
    return "[" + "; ".join(" ".join(f"{v:.6g}" for v in row) for row in affine[:3]) + "]"
