"""Writes DICOM SEG and RTSTRUCT files, with pydicom alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fakes.volume_files import RAS_TO_LPS
from pydicom import Dataset
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.pixels.utils import pack_bits
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

SEG = "1.2.840.10008.5.1.4.1.1.66.4"
LABELMAP = "1.2.840.10008.5.1.4.1.1.66.7"
RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"


def write_segments(
    path: Path, masks: Mapping[str, np.ndarray], affine: np.ndarray, kind: str = "BINARY"
) -> Path:
    """Write a SEG: frames of ``(columns, rows, slices)`` masks, empty ones left out."""
    lps = RAS_TO_LPS @ affine
    width, height, _ = np.linalg.norm(lps[:3, :3], axis=0)
    numbers = {name: index for index, name in enumerate(masks, 1)}
    if kind == "LABELMAP":
        labels = sum(number * masks[name] for name, number in numbers.items())
        frames = [(None, k, labels[:, :, k].T) for k in range(labels.shape[2])]
    else:
        frames = [
            (number, k, masks[name][:, :, k].T)
            for name, number in numbers.items()
            for k in range(masks[name].shape[2])
            if masks[name][:, :, k].any()
        ]
    dataset = _file(LABELMAP if kind == "LABELMAP" else SEG)
    dataset.SegmentationType = kind
    dataset.SegmentSequence = [
        _item(SegmentNumber=number, SegmentLabel=name) for name, number in numbers.items()
    ]
    dataset.SharedFunctionalGroupsSequence = [
        _item(
            PlaneOrientationSequence=[
                _item(ImageOrientationPatient=_texts([*lps[:3, 0] / width, *lps[:3, 1] / height]))
            ],
            PixelMeasuresSequence=[_item(PixelSpacing=_texts([height, width]))],
        )
    ]
    dataset.PerFrameFunctionalGroupsSequence = [_group(number, k, lps) for number, k, _ in frames]
    stack = np.stack([frame for _, _, frame in frames]).astype(np.uint8)
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = stack.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    bits = 1 if kind == "BINARY" else 8
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit, dataset.PixelRepresentation = bits - 1, 0
    if kind == "FRACTIONAL":
        dataset.MaximumFractionalValue = 200
        stack = np.where(stack > 0, 150, 60).astype(np.uint8)
    content = pack_bits(stack.ravel()) if bits == 1 else stack.tobytes()
    dataset.PixelData = content + bytes(len(content) % 2)
    dataset.save_as(path)
    return path


def write_contours(
    path: Path, contours: Mapping[str, Sequence[np.ndarray]], affine: np.ndarray
) -> Path:
    """Write an RTSTRUCT: contours as corners in indices of the image, ``(n, 3)``."""
    lps = RAS_TO_LPS @ affine
    dataset = _file(RTSTRUCT)
    numbers = {name: index for index, name in enumerate(contours, 1)}
    dataset.StructureSetROISequence = [
        _item(ROINumber=number, ROIName=name) for name, number in numbers.items()
    ]
    dataset.ROIContourSequence = [
        _item(
            ReferencedROINumber=numbers[name],
            ContourSequence=[
                _item(
                    ContourGeometricType="CLOSED_PLANAR",
                    NumberOfContourPoints=len(points),
                    ContourData=_texts((points @ lps[:3, :3].T + lps[:3, 3]).ravel()),
                )
                for points in each
            ],
        )
        for name, each in contours.items()
    ]
    dataset.save_as(path)
    return path


def _group(number: int | None, k: int, lps: np.ndarray) -> Dataset:
    position = _item(ImagePositionPatient=_texts((lps @ [0, 0, k, 1])[:3]))
    group = _item(PlanePositionSequence=[position])
    if number is not None:
        group.SegmentIdentificationSequence = [_item(ReferencedSegmentNumber=number)]
    return group


def _file(kind: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = kind, generate_uid()
    dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    dataset.SOPClassUID, dataset.SOPInstanceUID = kind, meta.MediaStorageSOPInstanceUID
    return dataset


def _item(**elements: Any) -> Dataset:
    dataset = Dataset()
    for name, value in elements.items():
        setattr(dataset, name, value)
    return dataset


def _texts(values: Any) -> list[str]:
    return [f"{value:.10g}" for value in values]
