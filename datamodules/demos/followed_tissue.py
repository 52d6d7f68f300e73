"""The demo of survival: drawn features of tiles, of which some raise the hazard of their patient.

A patient's tumour has a grade, and the hazard grows with it. A few tiles of each bag show the
tumour: they lie the farther from healthy tissue, along one direction, the higher the grade is. As
many tiles show inflammation, which lies as far along another direction and says nothing. The stain
of a slide moves all of its tiles.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

PATIENTS = 400
SEED = 1
FEATURES = 32
TILES = (60, 180)
"""The fewest and the most of a slide."""
HAZARD_A_DAY = 1 / 8000
"""Of the lowest grade."""
GRADE_EFFECT = 6.0
"""Logarithm of the hazard of the highest grade over that of the lowest."""
LONGEST_DAYS = 2000
"""After which nobody is followed up."""
HEADER = ("slide", "patient", "days", "death", "split", "site", "age", "sex")


@dataclass(frozen=True)
class Patient:
    """Who is followed up, and for how long.

    Attributes:
        grade: Of the tumour, 0..1.
        days: Until death, or until nothing more is known.
        death: Whether the patient died then.
    """

    number: int
    grade: float
    days: int
    death: bool
    age: int
    sex: str
    site: str
    slides: int


def draw_demo(folder: Path, patients: int = PATIENTS) -> None:
    """Draw all bags, and write ``labels.csv``; the same bytes every time.

    Some 490 files ``features/p001_1.npy``, float16 ``(tiles, 32)``. A fifth of the patients are for
    testing. Age, sex, site and stain say nothing about survival.

    Args:
        folder: Created; must not be there.
        patients: How many patients.
    """
    (folder / "features").mkdir(parents=True)
    rows = []
    for number in range(1, patients + 1):
        patient = invent_patient(number)
        side = "test" if number % 5 == 0 else "train_val"
        about = (f"p{number:03d}", patient.days, int(patient.death), side)
        for at in range(1, patient.slides + 1):
            name = f"p{number:03d}_{at}"
            np.save(folder / f"features/{name}.npy", draw_bag(patient, at))
            rows.append((name, *about, patient.site, patient.age, patient.sex))
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(rows)


def invent_patient(number: int) -> Patient:
    """The same patient for the same number."""
    rng = np.random.default_rng([SEED, number])
    grade = float(rng.random())
    lived = rng.exponential(1 / (HAZARD_A_DAY * np.exp(GRADE_EFFECT * grade)))
    followed = rng.uniform(200, LONGEST_DAYS)
    return Patient(
        number=number,
        grade=grade,
        days=1 + int(min(lived, followed)),
        death=bool(lived <= followed),
        age=int(rng.integers(35, 90)),
        sex=str(rng.choice(("F", "M"))),
        site=str(rng.choice(("north", "south"))),
        slides=int(rng.choice((1, 2), p=(0.78, 0.22))),
    )


def draw_bag(patient: Patient, at: int) -> NDArray[np.float16]:
    """Features of the tiles of one slide of a patient, counted from 1, ``(tiles, 32)``."""
    rng = np.random.default_rng([SEED, patient.number, at])
    tiles = int(rng.integers(*TILES))
    features = rng.standard_normal((tiles, FEATURES)) + 0.1 * rng.standard_normal(FEATURES)
    tumour, inflamed = _directions()
    places = rng.permutation(tiles)
    first, second = (int(share * tiles) for share in rng.uniform(0.15, 0.25, 2))
    features[places[:first]] += (4 + 6 * patient.grade) * _near(tumour, first, rng)
    features[places[first : first + second]] += rng.uniform(4, 10) * _near(inflamed, second, rng)
    return features.astype(np.float16)


def _directions() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where tumour and inflammation lie, at right angles, each of length 1."""
    both = np.random.default_rng([SEED, 0]).standard_normal((FEATURES, 2))
    first, second = np.linalg.qr(both)[0].T
    return first, second


def _near(direction: NDArray[np.float64], count: int, rng: Generator) -> NDArray[np.float64]:
    return direction * rng.normal(1, 0.1, (count, 1))
