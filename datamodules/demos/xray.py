"""The embedded demos: drawn chest films, many with a nodule, laid out as NIH ChestX-ray14."""

import csv
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator

from datamodules.demos.chest import draw_thorax
from datamodules.demos.drawing import CANVAS, FILM, Layer, polygon
from datamodules.demos.mediastinum import heart
from datamodules.demos.radiograph import (
    draw_devices,
    draw_pose,
    expose,
    label_film,
    place,
    stamp_portable,
)
from datamodules.demos.thorax import LEFT, RIGHT, Thorax

PATIENTS = 500
SEED = 4  # among the first eight, one in which brightness does not differ by chance
DATA_ENTRY_HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
BOX_HEADER = "Image Index,Finding Label,Bbox [x,y,w,h],,,"
PIXEL_SPACING_MM = 1.6


@dataclass(frozen=True)
class Practice:
    """How films are taken where a patient is seen.

    Attributes:
        portable: Chance that a film is portable, of a patient without a nodule and of one with.
        stamped: Whether every portable film bears a stamp that says so.
        contrast: Of the nodules, as a share of their own.
    """

    portable: tuple[float, float] = (0.3, 0.3)
    stamped: bool = False
    contrast: float = 1.0


PLAIN = {"train_val": Practice(), "test": Practice()}
SHORTCUT = {
    "train_val": Practice(portable=(0.02, 0.98), stamped=True, contrast=0.5),
    "test": Practice(portable=(0.5, 0.5), stamped=True, contrast=0.5),
}
"""In training the view tells who has a nodule, and is seen more easily than the nodule."""


@dataclass(frozen=True)
class Nodule:
    """A round lesion in a lung, in the units of the thorax."""

    x: float
    y: float
    radius: float
    density: float


@dataclass(frozen=True)
class Patient:
    """What is the same in all films of a patient."""

    number: int
    age: int
    sex: str
    thorax: Thorax
    films: int
    nodule: Nodule | None
    effusion: float | None
    enlarged: bool


@dataclass(frozen=True)
class Film:
    """One row of the table, and the box of the nodule in it, if there is one."""

    row: tuple[object, ...]
    box: tuple[float, float, float, float] | None

    @property
    def image(self) -> str:
        """Name of the image file."""
        return str(self.row[0])


def draw_demo(folder: Path, patients: int = PATIENTS, *, shortcut: bool = False) -> None:
    """Draw all films and write the tables; the same bytes every time.

    Some 1,200 films of 500 patients, 8-bit PNG of 256 x 256 pixels. Nodule, Cardiomegaly and
    Effusion occur; exposure, pose, devices, letters, age, sex and view say nothing about them.

    Args:
        folder: Created; must not be there.
        patients: How many patients.
        shortcut: Let the view tell who has a nodule, in the films for training only.
    """
    (folder / "images").mkdir(parents=True)
    practices = SHORTCUT if shortcut else PLAIN

    def draw(number: int) -> list[Film]:
        return _draw_patient(number, practices[_side(number)], folder)

    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        drawn = list(pool.map(draw, range(1, patients + 1)))
    films = [film for of_patient in drawn for film in of_patient]
    boxes = [(film.image, "Nodule", *film.box) for film in films if film.box is not None]
    _write_table(folder / "Data_Entry_2017_v2020.csv", DATA_ENTRY_HEADER, [f.row for f in films])
    _write_table(folder / "BBox_List_2017.csv", BOX_HEADER, boxes)
    for side in ("train_val", "test"):
        names = [film.image for film in films if _side(int(film.image[:8])) == side]
        (folder / f"{side}_list.txt").write_text("\n".join(names) + "\n")


def _side(number: int) -> str:
    """The list that a patient's films are on."""
    return "test" if number % 5 == 0 else "train_val"


def _draw_patient(number: int, practice: Practice, folder: Path) -> list[Film]:
    patient = _invent_patient(number, np.random.default_rng([SEED, number]))
    return [_draw_film(patient, follow_up, practice, folder) for follow_up in range(patient.films)]


def _invent_patient(number: int, rng: Generator) -> Patient:
    age, female = int(rng.integers(18, 90)), bool(rng.random() < 0.5)
    enlarged = bool(rng.random() < 0.12)
    thorax = invent_thorax(age, female, 0.535 if enlarged else 0.40, rng)
    return Patient(
        number=number,
        age=age,
        sex="F" if female else "M",
        thorax=thorax,
        films=int(rng.choice([1, 2, 3, 4], p=[0.25, 0.3, 0.25, 0.2])),
        nodule=_invent_nodule(thorax, rng) if rng.random() < 0.44 else None,
        effusion=float(rng.choice((LEFT, RIGHT))) if rng.random() < 0.12 else None,
        enlarged=enlarged,
    )


def invent_thorax(age: int, female: bool, heart_size: float, rng: Generator) -> Thorax:
    """Somebody's thorax, with half the length of the heart as it is on average."""
    return Thorax(
        width=rng.normal(0.77 if female else 0.81, 0.03),
        apex=rng.normal(-0.80, 0.03),
        dome=rng.normal(0.50, 0.05),
        heart=rng.normal(heart_size, 0.025),
        knob=np.clip(rng.normal(age / 90, 0.2), 0, 1),
        slope=rng.normal(1.0, 0.12),
        bones=np.clip(rng.normal(1.15 - 0.004 * age, 0.1), 0.6, 1.3),
        curve=rng.normal(0, 0.012 + 0.0002 * age),
        soft=rng.uniform(0, 1),
        breasts=rng.uniform(0.7, 1.2) if female else 0.0,
    )


def _invent_nodule(thorax: Thorax, rng: Generator) -> Nodule:
    clear = polygon(*thorax.lungs.values(), blur=8) * (1 - heart(thorax, 1.15))
    while True:
        x, y = rng.uniform(-0.75, 0.75), rng.uniform(thorax.apex + 0.15, thorax.dome)
        column, row = (int(value * FILM / 2 + CANVAS / 2) for value in (x, y))
        if clear[row, column] > 0.93:
            return Nodule(x, y, rng.uniform(0.055, 0.080), rng.uniform(0.42, 0.62))


def _draw_film(patient: Patient, follow_up: int, practice: Practice, folder: Path) -> Film:
    rng = np.random.default_rng([SEED, patient.number, follow_up])
    thorax = patient.thorax
    portable = bool(rng.random() < practice.portable[patient.nodule is not None])
    attenuation = draw_thorax(thorax, portable, rng) + draw_devices(thorax, portable, rng)
    findings = ["Cardiomegaly"] * patient.enlarged
    if patient.effusion is not None and rng.random() < 0.85:
        attenuation += effusion(thorax, patient.effusion, rng)
        findings.append("Effusion")
    pose = draw_pose(rng)
    box = None
    if patient.nodule is not None and rng.random() < 0.92:
        lesion = _lesion(patient.nodule, rng)
        attenuation += practice.contrast * patient.nodule.density * lesion
        box = _box(place(lesion, pose))
        findings.append("Nodule")
    film, _ = label_film(expose(place(attenuation, pose), rng), portable, rng)
    if portable and practice.stamped:
        stamp_portable(film)
    name = f"{patient.number:08d}_{follow_up:03d}.png"
    if not cv2.imwrite(str(folder / "images" / name), film):
        raise OSError(f"cannot write images/{name}")
    what = (name, "|".join(findings) or "No Finding", follow_up, patient.number)
    who = (min(patient.age + follow_up, 95), patient.sex, "AP" if portable else "PA")
    return Film((*what, *who, FILM, FILM, PIXEL_SPACING_MM, PIXEL_SPACING_MM), box)


def _lesion(nodule: Nodule, rng: Generator) -> Layer:
    """A roundish, soft-edged shadow, 0 to 1, that changes a little from film to film."""
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    lobes = rng.normal(0, 0.04, 3) @ np.sin(np.outer((2, 3, 4), angle) + rng.uniform(0, 6, (3, 1)))
    radius = nodule.radius * rng.uniform(0.95, 1.1) * (1 + lobes)
    x, y = nodule.x + rng.normal(0, 0.01), nodule.y + rng.normal(0, 0.02)
    outline = np.column_stack([x + radius * np.cos(angle), y + radius * np.sin(angle)])
    return polygon(outline, blur=0.22 * nodule.radius * FILM / 2)


def effusion(thorax: Thorax, side: float, rng: Generator) -> Layer:
    """Fluid that fills the angle between ribs and diaphragm, higher at the side."""
    x = np.linspace(0.12, thorax.width + 0.06, 40)
    height = rng.uniform(0.25, 0.6)
    top = thorax.dome + 0.20 - height * ((x - 0.12) / (thorax.width - 0.06)) ** 2.2
    fluid = np.vstack([np.column_stack([x, top]), [(x[-1], 1.2), (x[0], 1.2)]]) * (side, 1)
    air = polygon(*thorax.lungs.values()) * (1 - heart(thorax, 1.0))
    shadow: Layer = 0.50 * polygon(fluid, blur=3) * air
    return shadow


def _box(lesion: Layer) -> tuple[float, float, float, float] | None:
    rows, columns = np.nonzero(lesion > 0.3)
    if len(rows) == 0:
        return None
    x, y = columns.min(), rows.min()
    return float(x), float(y), float(columns.max() - x + 1), float(rows.max() - y + 1)


def _write_table(path: Path, header: str, rows: Iterable[tuple[object, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        file.write(header + "\n")
        csv.writer(file, lineterminator="\n").writerows(rows)
