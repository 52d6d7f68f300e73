"""Writes small volumes in every format that is read, and damages none of them."""

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from fakes import xray_files
from pydicom.uid import generate_uid

CT = "1.2.840.10008.5.1.4.1.1.2"
REPORT = "1.2.840.10008.5.1.4.1.1.88.33"
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
PATIENT = {
    "PatientID": "1",
    "PatientName": "",
    "PatientBirthDate": "",
    "PatientSex": "",
    "StudyInstanceUID": "1.2.3.4",
    "StudyID": "",
    "StudyDate": "",
    "StudyTime": "",
    "AccessionNumber": "",
    "ReferringPhysicianName": "",
    "Modality": "CT",
}
"""Elements that a DICOM SEG of a series needs; nobody's."""


def voxels(*shape: int, seed: int = 0) -> np.ndarray:
    """Random numbers of a CT, int16."""
    return np.random.default_rng(seed).integers(-1024, 3000, shape).astype(np.int16)


def rotation(seed: int) -> np.ndarray:
    """A random rotation, ``(3, 3)``."""
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.linalg.det(q)


def oblique_affine(spacing: tuple[float, ...] = (0.7, 1.0, 2.5), seed: int = 3) -> np.ndarray:
    """Some spacing, a tilt of few degrees, and some origin."""
    angle = np.random.default_rng(seed).uniform(-0.2, 0.2, 3)
    cross = np.array([[0, -angle[2], angle[1]], [angle[2], 0, -angle[0]], [-angle[1], angle[0], 0]])
    affine = np.eye(4)
    affine[:3, :3] = np.linalg.solve(np.eye(3) - cross, np.eye(3) + cross) * np.array(spacing)
    affine[:3, 3] = (-30.5, 12.25, 100.0)
    return affine


def write_nifti(path: Path, array: np.ndarray, affine: np.ndarray | None = None) -> Path:
    """Write a NIfTI file as nibabel does; the array is ``(i, j, k)`` or has channels last."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nibabel.Nifti1Image(array, np.eye(4) if affine is None else affine)
    nibabel.save(image, path)
    return path


def write_series(
    folder: Path, array: np.ndarray, affine: np.ndarray, uid: str | None = None, **elements: Any
) -> Path:
    """Write a CT series ``(columns, rows, slices)``; its names do not follow the slices' order."""
    folder.mkdir(parents=True, exist_ok=True)
    lps = RAS_TO_LPS @ affine
    width, height, step = np.linalg.norm(lps[:3, :3], axis=0)
    directions = np.concatenate([lps[:3, 0] / width, lps[:3, 1] / height])
    uid = uid or generate_uid()
    for k in range(array.shape[2]):
        position = (lps @ [0, 0, k, 1])[:3]
        xray_files.write_dicom(
            folder / f"{(k * 7) % 31:03d}-{k}.dcm",
            np.ascontiguousarray(array[:, :, k].T),
            16,
            **{
                "SOPClassUID": CT,
                "SOPInstanceUID": generate_uid(),
                "SeriesInstanceUID": uid,
                "FrameOfReferenceUID": "1.2.3",
                "ImageOrientationPatient": [f"{value:.10g}" for value in directions],
                "ImagePositionPatient": [f"{value:.10g}" for value in position],
                "PixelSpacing": [f"{height:.10g}", f"{width:.10g}"],
                "SliceThickness": f"{step:.10g}",
                **elements,
            },
        )
    return folder


def write_report(path: Path) -> Path:
    """Write a structured report, a DICOM file without an image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    elements = dict.fromkeys(("Rows", "Columns", "PixelData"))
    report = xray_files.dicom(np.zeros((1, 1), np.uint8), Modality="SR", **elements)
    report.file_meta.MediaStorageSOPClassUID = REPORT
    report.save_as(path)
    return path
