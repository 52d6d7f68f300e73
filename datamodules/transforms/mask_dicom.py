"""DICOM segmentations (SEG) and contours (RTSTRUCT) as masks on the voxels of an image."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.pixels.utils import get_expected_length, pixel_array
from pydicom.uid import RTStructureSetStorage, SegmentationStorage

from datamodules.errors import DataError
from datamodules.transforms.polygons import fill_polygon
from datamodules.transforms.volume_dicom_geometry import LPS_TO_RAS, Plane, plane_of
from datamodules.transforms.volume_streams import check_memory
from datamodules.transforms.xray_dicom import parse_dicom
from datamodules.volume import Volume

LABELMAP_STORAGE = "1.2.840.10008.5.1.4.1.1.66.7"
OFF_GRID = 0.01
"""Voxels of a segmentation may lie this far from the image's, in voxels."""
HALF = 0.5
CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")


@dataclass(frozen=True, eq=False)
class _Structure:
    number: int
    name: str
    mask: NDArray[np.bool_]


def read_dicom_masks(content: bytes, selector: str | None, image: Volume) -> NDArray[Any] | None:
    """Read a SEG or RTSTRUCT file as a label map on the voxels of an image.

    Args:
        content: The whole file.
        selector: Label or number of one segment or ROI, which becomes 1; None: all of them, each
            voxel with the number of its own.
        image: Three axes.

    Returns:
        uint16, shape ``(1, *spatial)``; None: the file is another kind of DICOM.

    Raises:
        DataError: If the file is damaged, lies elsewhere than the image, has no such structure, or
            structures overlap where all are asked for.

    References:
        DICOM PS3.3, A.51 (segmentation), C.8.8.6 (ROI contour).
    """
    try:
        dataset = parse_dicom(content)
        kind = dataset.get("SOPClassUID")
        if kind not in (SegmentationStorage, LABELMAP_STORAGE, RTStructureSetStorage):
            return None
        if len(image.spatial) != 3:
            raise DataError("a DICOM SEG or RTSTRUCT needs an image of three axes")
        read = _contours if kind == RTStructureSetStorage else _segments
        return _combine(read(dataset, selector, image), selector, image)
    except (DataError, MemoryError):
        raise
    except Exception as error:  # damaged files make pydicom raise nearly every built-in exception
        raise DataError(f"the DICOM file is damaged ({type(error).__name__})") from None


def _combine(
    structures: Iterator[_Structure], selector: str | None, image: Volume
) -> NDArray[np.uint16]:
    labels = np.zeros(image.spatial, np.uint16)
    found = False
    for structure in structures:
        if overlap := int((labels[structure.mask] != 0).sum()):
            raise DataError(
                f"its structures overlap in {overlap} voxels; give each as a mask of its own, with "
                "its name as the selector"
            )
        labels[structure.mask] = 1 if selector is not None else structure.number
        found = True
    if not found:
        which = "of the label or number that is asked for" if selector is not None else "in it"
        raise DataError(f"the DICOM file has no structure {which}")
    return labels[None]


def _is_wanted(selector: str | None, number: int, name: str) -> bool:
    return selector is None or selector in (name, str(number))


def _segments(dataset: Dataset, selector: str | None, image: Volume) -> Iterator[_Structure]:
    names = {int(s.SegmentNumber): str(s.SegmentLabel) for s in dataset.SegmentSequence}
    wanted = {n: name for n, name in names.items() if _is_wanted(selector, n, name)}
    masks = {number: np.zeros(image.spatial, np.bool_) for number in wanted}
    frames = _frames(dataset)
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
    groups = dataset.PerFrameFunctionalGroupsSequence
    if len(frames) != len(groups):
        raise DataError(f"it has {len(frames)} frames, and the places of {len(groups)}")
    for frame, group in zip(frames, groups, strict=True):
        plane = _plane_of_frame(shared, group, frame.shape)
        for number, inside in _segments_of(dataset, group, frame):
            if number in masks:
                _place(masks[number], inside, plane, image)
    for number, name in wanted.items():
        yield _Structure(number, name, masks[number])


def _frames(dataset: Dataset) -> NDArray[Any]:
    check_memory(int(dataset.Rows) * int(dataset.Columns) * int(dataset.NumberOfFrames))
    if not dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        expected, found = get_expected_length(dataset), len(dataset.PixelData)
        if not expected <= found <= expected + expected % 2:
            raise DataError(f"its pixel data have {found} bytes where {expected} are declared")
    frames = pixel_array(dataset)
    return frames if frames.ndim == 3 else frames[None]


def _segments_of(
    dataset: Dataset, group: Dataset, frame: NDArray[Any]
) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    if dataset.get("SegmentationType") == "LABELMAP":
        yield from ((int(value), frame == value) for value in np.unique(frame) if value)
        return
    identification = group.get("SegmentIdentificationSequence") or (
        dataset.SharedFunctionalGroupsSequence[0].SegmentIdentificationSequence
    )
    least = 1.0
    if dataset.get("SegmentationType") == "FRACTIONAL":
        least = HALF * float(dataset.get("MaximumFractionalValue", 255))
    yield int(identification[0].ReferencedSegmentNumber), frame >= least


def _plane_of_frame(shared: Dataset, group: Dataset, shape: tuple[int, ...]) -> Plane:
    header = Dataset()
    for name in ("PlaneOrientationSequence", "PlanePositionSequence", "PixelMeasuresSequence"):
        if items := group.get(name) or shared.get(name):
            header.update(items[0])
    return plane_of(header, shape)


def _place(mask: NDArray[np.bool_], inside: NDArray[np.bool_], plane: Plane, image: Volume) -> None:
    """Set the voxels of an image that the pixels of a frame cover."""
    rows, columns = np.nonzero(inside)
    right, down = plane.directions * np.array(plane.spacing[::-1])[:, None]
    points = plane.position + columns[:, None] * right + rows[:, None] * down
    indices = _to_index(points, image)
    nearest = np.rint(indices).astype(np.int64)
    off_grid = len(points) and np.abs(indices - nearest).max() > OFF_GRID
    if off_grid or (nearest < 0).any() or (nearest >= mask.shape).any():
        raise DataError("its frames do not lie on the voxels of the image")
    mask[tuple(nearest.T)] = True


def _to_index(points: NDArray[np.float64], image: Volume) -> NDArray[np.float64]:
    """Index of points in DICOM's LPS coordinates, mm, ``(n, 3)``."""
    inverse = np.linalg.inv(image.affine)
    return np.asarray((points * LPS_TO_RAS) @ inverse[:3, :3].T + inverse[:3, 3])


def _contours(dataset: Dataset, selector: str | None, image: Volume) -> Iterator[_Structure]:
    regions = {int(r.ROINumber): str(r.get("ROIName", "")) for r in dataset.StructureSetROISequence}
    for region in dataset.ROIContourSequence:
        number = int(region.ReferencedROINumber)
        name = regions.get(number, "")
        if _is_wanted(selector, number, name):
            mask = np.zeros(image.spatial, np.bool_)
            for contour in region.get("ContourSequence") or ():
                _fill_contour(mask, contour, image)
            yield _Structure(number, name, mask)


def _fill_contour(mask: NDArray[np.bool_], contour: Dataset, image: Volume) -> None:
    """Add a contour in one slice; a contour within another one is a hole."""
    if contour.ContourGeometricType not in CLOSED:
        return
    points = np.array([float(value) for value in contour.ContourData]).reshape(-1, 3)
    indices = _to_index(points, image)
    axis = int(np.argmin(np.ptp(indices, axis=0)))
    place = float(indices[:, axis].mean())
    if np.ptp(indices[:, axis]) > HALF:
        raise DataError("a contour does not lie in one slice of the image")
    if not 0 <= (slice_index := round(place)) < mask.shape[axis]:
        raise DataError("a contour lies outside the image")
    inside = mask[(slice(None),) * axis + (slice_index,)]
    inside ^= fill_polygon(np.delete(indices, axis, axis=1), inside.shape)
