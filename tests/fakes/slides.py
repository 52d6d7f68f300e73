"""Small slides that openslide opens, and the tables that name them."""

import csv
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import tifffile

SIZE = (1024, 768)
UM_PER_PIXEL = 0.5
TRAINED, TESTED = 8, 4


def write_slide(path: Path, tumour: bool, seed: int = 0) -> Path:
    """A tiled TIFF with a disk of pink tissue, in a positive slide with a violet one inside."""
    rng = np.random.default_rng(seed)
    canvas = np.full((SIZE[1], SIZE[0], 3), 243, np.uint8)
    cv2.circle(canvas, (512, 384), 340, (214, 130, 178), -1)
    if tumour:
        cv2.circle(canvas, (512 + int(rng.integers(-120, 120)), 384), 150, (110, 60, 140), -1)
    noise = rng.normal(0, 8, canvas.shape)
    return write_image(path, np.clip(canvas + noise, 0, 255).astype(np.uint8))


def write_image(path: Path, image: np.ndarray, um_per_pixel: float | None = UM_PER_PIXEL) -> Path:
    """Any RGB image as a tiled TIFF; without microns per pixel where there are none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    known = um_per_pixel is not None
    scale = (
        {"resolution": (1e4 / um_per_pixel,) * 2, "resolutionunit": "CENTIMETER"} if known else {}
    )
    tifffile.imwrite(path, image, photometric="rgb", tile=(256, 256), compression="jpeg", **scale)
    return path


def write_table(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    """Any table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])
    return path


def touch(root: Path, *paths: str) -> Path:
    """Empty files, for what opens none."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


def write(root: Path, patients: int = 12, seed: int = 0) -> Path:
    """Slides of patients, some of whom have two, with ``labels.csv``."""
    rows: list[Sequence[object]] = []
    for patient in range(patients):
        tumour = patient % 2 == 1
        for number in range(2 if patient % 4 == 0 else 1):
            name = f"s{patient:02d}{'ab'[number]}"
            write_slide(root / "slides" / f"{name}.tif", tumour, seed + 2 * patient + number)
            label, site = "tumour" if tumour else "normal", "AB"[patient % 3 == 0]
            rows.append((name, label, f"p{patient:02d}", site))
    write_table(root / "labels.csv", ("slide", "label", "patient", "site"), rows)
    return root


def write_camelyon16(root: Path, trained: int = TRAINED, tested: int = TESTED) -> Path:
    """Slides in the folders of CAMELYON16, so many of each class for training."""
    rows = []
    for number in range(1, trained + 1):
        for tumour, name in enumerate(("normal", "tumor")):
            path = root / "training" / name / f"{name}_{number:03d}.tif"
            write_slide(path, bool(tumour), number)
    for number in range(1, tested + 1):
        write_slide(root / "testing" / "images" / f"test_{number:03d}.tif", number % 2 == 0, number)
        rows.append((f"test_{number:03d}", ("Normal", "Tumor")[number % 2 == 0], "None", "None"))
    write_table(root / "testing" / "reference.csv", rows[0], rows[1:])
    return root


def write_tcga(root: Path, patients: int = 12) -> Path:
    """A diagnostic slide a patient in the folders of gdc-client, with labels of patients."""
    rows = []
    for patient in range(patients):
        barcode = f"TCGA-{'05' if patient % 3 else '4B'}-A{patient:03d}"
        uuid = f"00000000-0000-0000-0000-{patient:012d}"
        path = root / uuid / f"{barcode}-01Z-00-DX1.{uuid}.svs"
        write_slide(path.with_suffix(".tif"), patient % 2 == 1, patient).rename(path)
        rows.append((barcode, ("LUAD", "LUSC")[patient % 2], 50 + patient))
    write_table(root / "labels.csv", ("patient", "label", "age"), rows)
    return root
