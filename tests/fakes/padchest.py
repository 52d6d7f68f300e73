"""Films and table in the layout of PadChest: 16-bit PNG, 36 columns, labels as lists in a cell."""

from pathlib import Path
from typing import Any

import numpy as np
from fakes.csv_table import write_table
from fakes.films import draw_film
from fakes.xray_files import write_image

TABLE = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"
COLUMNS = (
    *("", "ImageID", "ImageDir", "StudyDate_DICOM", "StudyID", "PatientID", "PatientBirth"),
    *("PatientSex_DICOM", "ViewPosition_DICOM", "Projection", "MethodProjection", "Pediatric"),
    *("Modality_DICOM", "Manufacturer_DICOM", "PhotometricInterpretation_DICOM"),
    *("PixelRepresentation_DICOM", "PixelAspectRatio_DICOM", "SpatialResolution_DICOM"),
    *("BitsStored_DICOM", "WindowCenter_DICOM", "WindowWidth_DICOM", "Rows_DICOM"),
    *("Columns_DICOM", "XRayTubeCurrent_DICOM", "Exposure_DICOM", "ExposureInuAs_DICOM"),
    *("ExposureTime", "RelativeXRayExposure_DICOM", "ReportID", "Report", "MethodLabel", "Labels"),
    *("Localizations", "LabelsLocalizationsBySentence", "labelCUIS", "LocalizationsCUIS"),
)
ILL = "['cardiomegaly', ' pleural effusion', 'aortic elongation ']"
SPECIAL = (
    ("PA", "['exclude', 'normal']"),
    ("AP", "['suboptimal study']"),
    ("AP_horizontal", ""),
    ("AP", "['unchanged']"),
    ("COSTAL", "['rib fracture']"),
)


def image_name(patient: int, film: int) -> str:
    """An ImageID."""
    return f"2168401113669640{patient:04d}_{patient:02d}-00{film}.png"


def write(root: Path, patients: int = 12, seed: int = 0) -> Path:
    """A PA and a lateral film a patient, every third patient ill; and five special films.

    Physicians labelled the first half of the patients and the special films. Folders 0 and 1 hold
    the films of even and odd patients.
    """
    rng, rows = np.random.default_rng(seed), []
    for patient in range(1, patients + 1):
        labels = ILL if patient % 3 == 0 else "['normal']"
        method = "Physician" if 2 * patient <= patients else "RNN_model"
        for film, view in enumerate(("PA", "L")):
            given = {"Projection": view, "Labels": labels, "MethodLabel": method}
            rows.append(row(patient, film, **given))
            write_film(root, patient, film, rng, ill=patient % 3 == 0)
    for patient, (view, labels) in enumerate(SPECIAL, start=patients + 1):
        rows.append(row(patient, 0, Projection=view, Labels=labels))
        write_film(root, patient, 0, rng)
    write_table(root / TABLE, COLUMNS, rows)
    return root


def row(patient: int, film: int, **given: Any) -> tuple[object, ...]:
    """One row of the table."""
    usual = {
        "": 2 * patient + film,
        "ImageID": image_name(patient, film),
        "ImageDir": float(patient % 2),
        "StudyDate_DICOM": 20140915,
        "StudyID": f"2168401113669640{patient:04d}",
        "PatientID": f"8398604884946922{patient:04d}",
        "PatientBirth": float(1940 + patient),
        "PatientSex_DICOM": "MF"[patient % 2],
        "Manufacturer_DICOM": ("ImagingDynamicsCompanyLtd", "PhilipsMedicalSystems")[patient % 2],
        "PhotometricInterpretation_DICOM": "MONOCHROME2",
        "BitsStored_DICOM": 12,
        "Report": "sin hallazgos , siluet cardiac normal .",
        "MethodLabel": "Physician",
        "labelCUIS": "['C0205307']",
    }
    return tuple({**dict.fromkeys(COLUMNS, ""), **usual, **given}[column] for column in COLUMNS)


def write_film(
    root: Path, patient: int, film: int, rng: np.random.Generator, *, ill: bool = False
) -> None:
    """A 16-bit PNG of which twelve bits are used."""
    pixels = draw_film(ill, rng).astype(np.uint16) << 4
    write_image(root / str(patient % 2) / image_name(patient, film), pixels)
