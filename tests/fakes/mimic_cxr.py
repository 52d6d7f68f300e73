"""Films and tables in the layout of MIMIC-CXR-JPG 2.0.0."""

import gzip
from pathlib import Path

import numpy as np
from fakes.films import draw_film
from fakes.xray_files import write_image

OBSERVATIONS = (
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Enlarged Cardiomediastinum",
    "Fracture",
    "Lung Lesion",
    "Lung Opacity",
    "No Finding",
    "Pleural Effusion",
    "Pleural Other",
    "Pneumonia",
    "Pneumothorax",
    "Support Devices",
)
"""In the order of the labels' tables: by the alphabet."""
IMAGES = (
    # patient, study, view, split
    (10000032, 50414267, "PA", "train"),
    (10000032, 50414267, "LATERAL", "train"),
    (10000032, 53189527, "AP", "train"),
    (10000764, 57375967, "AP", "train"),
    (10000764, 57375967, "", "train"),
    (10000898, 50771383, "PA", "train"),
    (10000898, 50771383, "LL", "train"),
    (10000898, 54205396, "PA", "train"),
    (10000935, 50578979, "AP", "validate"),
    (10001038, 55193902, "PA", "validate"),
    (10001122, 53447138, "PA", "test"),
    (10001122, 53447138, "LATERAL", "test"),
    (10001176, 53186264, "AP", "test"),
)
LABELS = {
    # study: what its report says; all else is blank, and study 55193902 has no row
    50414267: {"No Finding": "1.0"},
    53189527: {"Edema": "-1.0", "Pleural Effusion": "1.0", "Pneumothorax": "0.0"},
    57375967: {"Edema": "1.0", "Cardiomegaly": "-1.0", "Support Devices": "1.0"},
    50771383: {"Lung Lesion": "1.0", "Pneumothorax": "0.0"},
    54205396: {"Edema": "0.0", "Pneumonia": "-1.0"},
    50578979: {"Edema": "1.0", "Pleural Effusion": "-1.0"},
    53447138: {"No Finding": "1.0", "Pleural Effusion": "0.0"},
    53186264: {},
}
METADATA = (
    "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,Columns,"
    "StudyDate,StudyTime,ProcedureCodeSequence_CodeMeaning,ViewCodeSequence_CodeMeaning,"
    "PatientOrientationCodeSequence_CodeMeaning"
)


def write(root: Path, seed: int = 0) -> Path:
    """IMAGES with their tables; negbio differs in one label: the edema of 53189527 is sure."""
    rng = np.random.default_rng(seed)
    metadata, split = [METADATA], ["dicom_id,study_id,subject_id,split"]
    for at, (patient, study, view, side) in enumerate(IMAGES):
        procedure = "CHEST (PA AND LAT)" if view in ("PA", "LATERAL") else "CHEST (PORTABLE AP)"
        known = f"{procedure},{view},64,64,21800506,213014.531,{procedure},,Erect"
        metadata.append(f"{dicom_id(at)},{patient},{study},{known}")
        split.append(f"{dicom_id(at)},{study},{patient},{side}")
        lesion = LABELS.get(study, {}).get("Lung Lesion") == "1.0"
        write_image(root / path(at), draw_film(lesion, rng), quality=90)
    negbio = LABELS | {53189527: LABELS[53189527] | {"Edema": "1.0"}}
    tables = {"metadata": metadata, "split": split}
    tables |= {"chexpert": _label_rows(LABELS), "negbio": _label_rows(negbio)}
    for name, lines in tables.items():
        write_table(table(root, name), "\n".join(lines) + "\n")
    return root


def dicom_id(at: int) -> str:
    """Id of one of IMAGES."""
    return "-".join(f"{0x02AA804E * (at + 1) * part % 2**32:08x}" for part in range(1, 6))


def path(at: int) -> str:
    """Path of one of IMAGES."""
    patient, study, *_ = IMAGES[at]
    return f"files/p{str(patient)[:2]}/p{patient}/s{study}/{dicom_id(at)}.jpg"


def table(root: Path, name: str) -> Path:
    """The table of that name."""
    return root / f"mimic-cxr-2.0.0-{name}.csv.gz"


def edit(root: Path, name: str, old: str, new: str) -> None:
    """Replace a piece of a table once; it must be there."""
    text = gzip.decompress(table(root, name).read_bytes()).decode()
    assert old in text, f"{old!r} is not in {name}"
    write_table(table(root, name), text.replace(old, new, 1))


def write_table(file: Path, text: str) -> None:
    """A gzipped table."""
    file.write_bytes(gzip.compress(text.encode(), mtime=0))


def _label_rows(labels: dict[int, dict[str, str]]) -> list[str]:
    patients = {study: patient for patient, study, *_ in IMAGES}
    rows = [
        ",".join((str(patients[study]), str(study), *(said.get(name, "") for name in OBSERVATIONS)))
        for study, said in labels.items()
    ]
    return [",".join(("subject_id", "study_id", *OBSERVATIONS)), *rows]
