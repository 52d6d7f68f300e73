"""Masks to DICOM SEG files that refer to the series they were made from; needs highdicom."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.uid import generate_uid

from datamodules.errors import ConfigError, DataError
from datamodules.transforms.volume_dicom import series_in_order
from datamodules.whole_files import whole_file

MAKER = "Lightbox"
SERIES_NUMBER = 901
"""Beyond the numbers that scanners give."""


def write_dicom_seg(
    path: Path,
    masks: NDArray[np.uint8],
    names: Sequence[str],
    series: Path,
    series_uid: str | None = None,
) -> None:
    """Write the masks of a volume as one binary DICOM SEG.

    Args:
        path: Of the new file.
        masks: Not 0 = inside, shape ``(L, *spatial)``, in the geometry of the series.
        names: Of the L structures; their labels in the file.
        series: Folder of the series that the volume was read from, one file a slice.
        series_uid: Its SeriesInstanceUID, where the folder has several.

    Raises:
        ConfigError: If highdicom is not installed.
        DataError: If the masks do not fit the series, or its headers lack what a SEG needs.
    """
    try:
        from highdicom.seg import Segmentation, SegmentationTypeValues
    except ImportError:
        raise ConfigError(
            "DICOM SEG output needs highdicom: pip install 'lightbox[dicom-seg]'"
        ) from None
    sources = [dcmread(file) for file in series_in_order(series, series_uid)]
    shape = (int(sources[0].Columns), int(sources[0].Rows), len(sources))
    if masks.shape != (len(names), *shape):
        raise DataError(f"masks of shape {masks.shape} do not fit a series of {shape}")
    try:
        segmentation = Segmentation(
            source_images=sources,
            # Slices, rows, columns, segments.
            pixel_array=(masks.transpose(3, 2, 1, 0) != 0).astype(np.uint8),
            segmentation_type=SegmentationTypeValues.BINARY,
            segment_descriptions=[_describe(index, name) for index, name in enumerate(names, 1)],
            series_instance_uid=generate_uid(),
            series_number=SERIES_NUMBER,
            sop_instance_uid=generate_uid(),
            instance_number=1,
            manufacturer=MAKER,
            manufacturer_model_name=MAKER,
            software_versions="1",
            device_serial_number="0",
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        message = f"the series lacks what a DICOM SEG needs ({type(error).__name__})"
        raise DataError(message) from None
    with whole_file(path) as file:
        segmentation.save_as(file)


def _describe(number: int, name: str) -> Any:  # noqa: ANN401 - highdicom may be absent
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.seg import SegmentAlgorithmTypeValues, SegmentDescription
    from pydicom.sr.codedict import codes

    return SegmentDescription(
        segment_number=number,
        segment_label=name,
        segmented_property_category=codes.SCT.AnatomicalStructure,
        segmented_property_type=codes.SCT.AnatomicalStructure,
        algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=AlgorithmIdentificationSequence(
            name=MAKER, family=codes.cid7162.ArtificialIntelligence, version="1"
        ),
    )
