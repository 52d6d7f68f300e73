"""The demo of landmarks: drawn chest films with twelve points, and a cardiothoracic ratio.

What is not seen is not marked: what the film or the collimator cuts off, and the side of a chest
that fluid hides.
"""

import csv
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from datamodules.demos.chest import draw_thorax
from datamodules.demos.chest_landmarks import LANDMARKS, SIDES, chest_landmarks
from datamodules.demos.mediastinum import draw_bend
from datamodules.demos.radiograph import (
    draw_devices,
    draw_pose,
    expose,
    find_places,
    label_film,
    place,
)
from datamodules.demos.thorax import Thorax
from datamodules.demos.xray import effusion, invent_thorax

PATIENTS = 160
SEED = 23
ATTRIBUTES = ("view", "age", "sex")
HEADER = (
    *("image", "patient", "split", *ATTRIBUTES),
    *(f"{name}_{axis}" for name in LANDMARKS for axis in "xy"),
)
TEST_OF_TEN = 3
ZOOMS = (0.92, 1.1)
"""The chest fits on nearly every film."""
HIDDEN_BY_FLUID = ("chest_wall", "costophrenic_angle")


def draw_demo(folder: Path, patients: int = PATIENTS) -> None:
    """Draw all films and write ``points.csv``; the same bytes every time.

    200 films or so, ``images/p001_1.png``, 8-bit, 256 x 256 pixels; a quarter of the patients has
    two. The table has a row a film and two columns a landmark, x and y in pixels, the middle of the
    first one being 0; a landmark that is not seen has empty cells.

    Args:
        folder: Created; must not be there.
        patients: How many.
    """
    (folder / "images").mkdir(parents=True)
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        numbers = range(1, patients + 1)
        drawn = list(pool.map(lambda number: _draw_patient(number, folder), numbers))
    with (folder / "points.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(row for own in drawn for row in own)


def _draw_patient(number: int, folder: Path) -> list[list[object]]:
    """The rows of a patient's films."""
    rng = np.random.default_rng([SEED, number])
    age, female = int(rng.integers(18, 90)), bool(rng.random() < 0.5)
    thorax = invent_thorax(age, female, 0.40 if rng.random() < 0.3 else 0.33, rng)
    patient = f"p{number:03d}"
    split = "test" if number % 10 < TEST_OF_TEN else "train_val"
    rows: list[list[object]] = []
    for film in range(1, rng.choice([1, 2], p=[0.75, 0.25]) + 1):
        own = np.random.default_rng([SEED, number, film])
        portable = bool(own.random() < 0.3)
        pixels, points = draw_film(thorax, portable, own)
        image = f"images/{patient}_{film}.png"
        if not cv2.imwrite(str(folder / image), pixels):
            raise OSError(f"cannot write {image}")
        who = (image, patient, split, "AP" if portable else "PA", age, "F" if female else "M")
        cells = ("" if np.isnan(at) else round(float(at), 2) for at in points.ravel())
        rows.append([*who, *cells])
    return rows


def draw_film(
    thorax: Thorax, portable: bool, rng: Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """One film, and where its landmarks are.

    Args:
        thorax: Of the patient.
        portable: Whether the film is.
        rng: Of what differs between films.

    Returns:
        uint8 ``(FILM, FILM)``; x and y of each landmark in pixels, ``(K, 2)``, NaN: not seen.
    """
    bend = draw_bend(rng)
    points = chest_landmarks(thorax, portable, bend)
    attenuation = draw_thorax(thorax, portable, rng, bend) + draw_devices(thorax, portable, rng)
    hidden: set[str] = set()
    if rng.random() < 0.1:
        side = rng.choice(list(SIDES))
        attenuation += effusion(thorax, side, rng)
        hidden = {f"{SIDES[side]}_{name}" for name in HIDDEN_BY_FLUID}
    pose = draw_pose(rng, ZOOMS)
    film, opened = label_film(expose(place(attenuation, pose), rng), portable, rng)
    places = find_places(np.stack(list(points.values())), pose)
    for number, name in enumerate(points):
        x, y = places[number]
        if name in hidden or (np.isfinite(x) and not opened[round(y), round(x)]):
            places[number] = np.nan
    return film, places
