"""The demo of 3D classification: drawn CT of a part of a lung with a nodule, benign or malignant.

A benign nodule is smooth and solid; a malignant one has lobes, spicules and a cavity. In a lung
with a benign one, strands like the spicules and a bubble like the cavity lie elsewhere: what counts
is how the same parts are put together, somewhere in the volume.
"""

import csv
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.orientations import axcodes2ornt, ornt_transform
from numpy.random import Generator
from scipy.ndimage import gaussian_filter

from datamodules.demos.canvas import Array, Canvas, Strand, branches, unit, waves

PATIENTS = 230
SEED = 3  # of the first three, the one in which greys differ least by chance
EXTENT_MM = 60.0
HEADER = ("case", "path", "class", "patient", "split", "site", "age", "sex")
AIR, LUNG, FAT, SOFT, MARROW, BONE = -970.0, -850.0, -90.0, 40.0, 150.0, 450.0
"""Hounsfield units."""


@dataclass(frozen=True)
class Scanner:
    """How a hospital takes and stores its volumes.

    Attributes:
        spacing_mm: Left-right, back-front and down-up.
        axes: Where the axes of its files lead.
        noise_hu: Standard deviation of the noise.
    """

    spacing_mm: tuple[float, float, float]
    axes: str
    noise_hu: float


SCANNERS = {
    "north": Scanner((1.25, 1.25, 2.5), "LPS", 28.0),
    "east": Scanner((1.17, 1.17, 2.5), "LAS", 36.0),
    "west": Scanner((1.37, 1.37, 3.0), "RSA", 24.0),
}


@dataclass(frozen=True)
class Lung:
    """The part of a lung that is seen; mm to the right, front and top from its middle.

    Attributes:
        side: 1 for the right lung, -1 for the left.
        wall: How far outside the wall of the chest is.
        dome: Height of the diaphragm.
    """

    side: int
    wall: float
    dome: float

    @property
    def middle(self) -> Array:
        """Where its middle is in the scanner, in mm (RAS)."""
        return np.array([80.0 * self.side, 0, -150])

    def places(self, count: int, margin: float, rng: Generator) -> Array:
        """Points in the lung, shape ``(count, 3)``, away from the borders."""
        half = EXTENT_MM / 2 - margin
        low = (-half, -half, max(-half, self.dome + margin))
        high = (min(half, self.wall - margin), half, half)
        return rng.uniform(low, high, (count, 3)) * (self.side, 1, 1)


@dataclass(frozen=True)
class Nodule:
    """What is the same in all volumes of a nodule.

    Attributes:
        place: Its middle.
        radius: In mm, cavity included.
        cavity: Radius of the cavity, or of the bubble elsewhere, in mm.
        grey: HU.
    """

    malignant: bool
    place: Array
    radius: float
    cavity: float
    grey: float


@dataclass(frozen=True)
class Patient:
    """Who is seen, and how often."""

    number: int
    age: int
    sex: str
    site: str
    volumes: int
    lung: Lung
    nodule: Nodule


def draw_demo(folder: Path, patients: int = PATIENTS) -> None:
    """Draw all volumes and write ``labels.csv``; the same bytes every time.

    Some 360 volumes, ``volumes/p001_1.nii.gz``, int16 NIfTI in HU of about 48 x 48 x 24 voxels of
    1.25 x 1.25 x 2.5 mm. A fifth of the patients are for testing. Age, sex, site and what else is
    in a volume say nothing about the class.

    Args:
        folder: Created; must not be there.
        patients: How many patients.
    """
    (folder / "volumes").mkdir(parents=True)
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        drawn = list(pool.map(lambda number: _draw_patient(number, folder), range(1, patients + 1)))
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(row for rows in drawn for row in rows)


def _draw_patient(number: int, folder: Path) -> list[tuple[object, ...]]:
    patient = invent_patient(number)
    what = ("malignant" if patient.nodule.malignant else "benign", f"p{number:03d}")
    side = "test" if number % 5 == 0 else "train_val"
    rows: list[tuple[object, ...]] = []
    for visit in range(patient.volumes):
        name = f"p{number:03d}_{visit + 1}"
        path = f"volumes/{name}.nii.gz"
        nib.save(draw_volume(patient, visit), folder / path)
        rows.append((name, path, *what, side, patient.site, patient.age + visit, patient.sex))
    return rows


def invent_patient(number: int) -> Patient:
    """The same patient for the same number."""
    rng = np.random.default_rng([SEED, number])
    lung = Lung(int(rng.choice((-1, 1))), rng.uniform(22, 38), rng.uniform(-45, -20))
    radius = rng.uniform(7.0, 9.5)
    nodule = Nodule(
        malignant=bool(rng.random() < 0.5),
        place=lung.places(1, radius + 3, rng)[0],
        radius=radius,
        cavity=radius * rng.uniform(0.38, 0.5),
        grey=rng.uniform(-150, 60),
    )
    return Patient(
        number=number,
        age=int(rng.integers(35, 90)),
        sex=str(rng.choice(("F", "M"))),
        site=str(rng.choice(tuple(SCANNERS))),
        volumes=int(rng.choice((1, 2, 3), p=(0.55, 0.3, 0.15))),
        lung=lung,
        nodule=nodule,
    )


def draw_volume(patient: Patient, visit: int) -> nib.Nifti1Image:
    """One volume, as the patient's scanner stores it."""
    scanner = SCANNERS[patient.site]
    body = np.random.default_rng([SEED, patient.number, 1])  # with 0, invent_patient's again
    rng = np.random.default_rng([SEED, patient.number, 2, visit])
    spacing = scanner.spacing_mm
    shape = np.rint(EXTENT_MM * rng.uniform(0.95, 1.05, 3) / spacing).astype(int).tolist()
    canvas = Canvas(shape, spacing, rng.normal(0, 2, 3), LUNG)
    _draw_lung(canvas, patient.lung, body)
    if patient.nodule.malignant:
        _draw_malignant(canvas, patient.nodule, body)
    else:
        _draw_benign(canvas, patient.nodule, patient.lung, body)
    _draw_wall(canvas, patient.lung, body)
    grey = gaussian_filter(canvas.grey, rng.uniform(0.35, 0.65), truncate=3)
    noise = gaussian_filter(rng.standard_normal(shape, np.float32), (0.6, 0.6, 0.3), truncate=3)
    grey += scanner.noise_hu / noise.std() * noise
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = patient.lung.middle + [axis.flat[0] for axis in canvas.axes]
    image = nib.Nifti1Image(np.rint(grey.clip(-1024)).astype(np.int16), affine)
    turn = ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(scanner.axes))
    turned: nib.Nifti1Image = image.as_reoriented(turn)
    return turned


def _draw_lung(canvas: Canvas, lung: Lung, rng: Generator) -> None:
    """Tissue that is denser at the back, bubbles and patches, vessels, an airway beside one."""
    canvas.grey += 12 * waves(canvas.axes, 0.1, rng) - 0.8 * canvas.axes[1]
    for place in rng.uniform(-25, 25, (rng.integers(0, 4), 3)):
        patch, box = canvas.ball(place, rng.uniform(3, 7), 0.7, rng)
        canvas.paint(patch, rng.uniform(AIR, FAT), box)
    vessels: list[Strand] = []
    for _ in range(rng.integers(3, 6)):
        root = np.array([-32 * lung.side, *rng.uniform(-22, 22, 2)])
        way = unit(np.array([lung.side, *rng.normal(0, 0.5, 2)]))
        vessels += branches(root, way, rng.uniform(1.6, 2.8), rng)
    beside = np.array([0, 4.0, 1.0])
    airway = [(a + beside, b + beside, wide, narrow) for a, b, wide, narrow in vessels[:3]]
    canvas.paint_strands(vessels, SOFT)
    canvas.paint_strands([(a, b, 1.5 * wide, 1.5 * narrow) for a, b, wide, narrow in airway], SOFT)
    canvas.paint_strands(airway, AIR)


def _draw_malignant(canvas: Canvas, nodule: Nodule, rng: Generator) -> None:
    """A nodule with its spicules and its cavity."""
    ways = unit(rng.standard_normal((rng.integers(8, 25), 3)))
    spicules = _strands(nodule.place + nodule.radius * ways, ways, rng)
    canvas.paint_strands(spicules, nodule.grey)
    depth, box = canvas.ball(nodule.place, nodule.radius, 0.7, rng)
    canvas.paint(depth, nodule.grey, box)
    canvas.paint(depth - nodule.radius + nodule.cavity, AIR, box)


def _draw_benign(canvas: Canvas, nodule: Nodule, lung: Lung, rng: Generator) -> None:
    """A nodule of as much tissue; as large a bubble and as many strands elsewhere."""
    places = lung.places(8, 6, rng)
    far = max(places, key=lambda place: float(np.linalg.norm(place - nodule.place)))
    bubble, box = canvas.ball(far, nodule.cavity, 0.7, rng)
    canvas.paint(bubble, AIR, box)
    ways = unit(rng.standard_normal((rng.integers(8, 25), 3)))
    canvas.paint_strands(_strands(lung.places(len(ways), 4, rng), ways, rng), nodule.grey)
    radius = (nodule.radius**3 - nodule.cavity**3) ** (1 / 3)
    depth, box = canvas.ball(nodule.place, radius, 0.2, rng)
    canvas.paint(depth, nodule.grey, box)


def _strands(starts: Array, ways: Array, rng: Generator) -> list[Strand]:
    ends = starts + rng.uniform(5, 10, (len(ways), 1)) * ways
    return [(start, end, 1.4, 0.8) for start, end in zip(starts, ends, strict=True)]


def _draw_wall(canvas: Canvas, lung: Lung, rng: Generator) -> None:
    """Muscle, ribs and fat beside the lung; the diaphragm below it."""
    x, y, z = canvas.axes
    bend, middle, slope, first = rng.uniform((70, -10, 0.2, 0), (110, 10, 0.5, 24)).tolist()
    depth = np.hypot(lung.side * x + (bend - lung.wall), y - middle) - bend
    canvas.paint(depth, SOFT)
    canvas.paint(depth - 9, FAT)
    rib = 1 - np.hypot((depth - 5) / 3.5, ((z + slope * y + first) % 24 - 12) / 5.5)
    canvas.paint(4 * rib, BONE)
    canvas.paint(4 * rib - 2, MARROW)
    top_x, top_y = rng.uniform(-15, 15, 2).tolist()
    canvas.paint(lung.dome - z - 0.006 * ((x - top_x) ** 2 + (y - top_y) ** 2), SOFT)
