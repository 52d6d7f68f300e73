"""Films, tables and mapping in the layout of the RSNA Pneumonia Detection Challenge 2018."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from fakes.csv_table import write_table
from fakes.films import draw_film
from fakes.xray_files import dicom
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit

LABELS = "stage_2_train_labels.csv"
CLASSES = "stage_2_detailed_class_info.csv"
MAPPING = "pneumonia-challenge-dataset-mappings_2018.json"
FOLDER = "stage_2_train_images"
CLASS_NAMES = ("Lung Opacity", "Normal", "No Lung Opacity / Not Normal")


def image_id(number: int) -> str:
    """A patientId of the challenge, which is an image's."""
    return f"{number:08x}-0d7f-4c8a-9a5e-{number:012x}"


def nih_name(number: int) -> str:
    """Name of the same image in NIH ChestX-ray14: two images a patient."""
    return f"{number // 2 + 1:08d}_{number % 2:03d}.png"


def write(root: Path, images: int = 12, seed: int = 0, *, mapping: bool = True) -> Path:
    """Of three images one has opacities, one is normal, one is neither; every sixth has two boxes.

    The films are smaller than the published 1024 x 1024 pixels; the boxes are not.
    """
    rng, labels, classes = np.random.default_rng(seed), [], []
    for number in range(images):
        name, opacity = image_id(number), number % 3 == 0
        boxes = [(264.0, 152.0, 213.0, 379.0), (562.0, 152.0, 256.0, 453.0)]
        rows = boxes[: 1 + (number % 6 == 0)] if opacity else [("", "", "", "")]
        labels += [(name, *box, int(opacity)) for box in rows]
        classes += [(name, CLASS_NAMES[number % 3]) for _ in rows]
        write_film(root / FOLDER / f"{name}.dcm", draw_film(opacity, rng))
    write_table(root / LABELS, ("patientId", "x", "y", "width", "height", "Target"), labels)
    write_table(root / CLASSES, ("patientId", "class"), classes)
    if mapping:
        write_mapping(root, [entry(number) for number in range(images + 3)])
    return root


def write_film(path: Path, pixels: np.ndarray) -> None:
    """A JPEG in DICOM, as the challenge's files are."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=95)
    dataset = dicom(pixels, bits_stored=8, PatientAge="051Y", ViewPosition="PA")
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset.PixelData = encapsulate([stream.getvalue()])
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path)


def entry(number: int) -> dict[str, Any]:
    """What the mapping says of an image."""
    return {
        "StudyInstanceUID": f"1.2.276.0.7230010.3.1.2.{number}",
        "SeriesInstanceUID": f"1.2.276.0.7230010.3.1.3.{number}",
        "SOPInstanceUID": f"1.2.276.0.7230010.3.1.4.{number}",
        "subset_img_id": image_id(number),
        "img_id": nih_name(number),
        "orig_labels": ["No Finding"],
    }


def write_mapping(root: Path, content: object) -> None:
    """The mapping to NIH ChestX-ray14, or anything else in its place."""
    (root / MAPPING).write_text(json.dumps(content))
