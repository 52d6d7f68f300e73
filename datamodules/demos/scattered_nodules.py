"""The demo of 3D detection: drawn CT of a part of a lung with nodules among vessels.

A nodule is as dense as a vessel, and in one slice a vessel that is cut across looks like one. In 3D
a nodule ends on all sides; a vessel goes on, divides, and widens where it does.
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

PATIENTS = 40
SEED = 5
LUNG, FAT, SOFT, BONE = -850.0, -90.0, 40.0, 450.0
"""Hounsfield units."""
SPACING_MM = {"north": (0.9, 0.9, 1.5), "east": (0.85, 0.85, 1.25), "west": (1.0, 1.0, 2.0)}
"""Left-right, back-front and down-up, of the scanner of each hospital."""
AXES = {"north": "LPS", "east": "LAS", "west": "RSA"}
"""Where the axes of its files lead."""
VOXELS = (64, 73)
"""Across; along the body there are as many mm."""
MIDDLE_MM = np.array([70.0, -10.0, -140.0])
"""Of what is seen, in the scanner (RAS)."""
HEADER = (
    *("image", "label", "x_mm", "y_mm", "z_mm", "width_mm", "depth_mm", "height_mm"),
    *("patient", "split", "site", "age", "sex"),
)
NODULE = "nodule"


@dataclass(frozen=True)
class Scan:
    """Whose volume it is, and how it was taken."""

    patient: int
    site: str
    age: int
    sex: str
    volumes: int


def draw_demo(folder: Path, patients: int = PATIENTS) -> None:
    """Draw all volumes and write ``boxes.csv``; the same bytes every time.

    Some 60 volumes, ``volumes/p01_1.nii.gz``, int16 NIfTI in HU of 64 to 72 voxels across. A row a
    nodule, its box in mm (RAS): the corner with the lowest numbers, and its sides; a volume without
    nodules has a row without a box. A quarter of the patients are for testing.

    Args:
        folder: Created; must not be there.
        patients: How many.
    """
    (folder / "volumes").mkdir(parents=True)
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        drawn = list(pool.map(lambda number: _draw_patient(number, folder), range(1, patients + 1)))
    with (folder / "boxes.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(row for rows in drawn for row in rows)


def _draw_patient(number: int, folder: Path) -> list[tuple[object, ...]]:
    scan = invent_scan(number)
    side = "test" if number % 4 == 0 else "train_val"
    whose = (f"p{number:02d}", side, scan.site, scan.age, scan.sex)
    rows: list[tuple[object, ...]] = []
    for volume in range(1, scan.volumes + 1):
        path = f"volumes/p{number:02d}_{volume}.nii.gz"
        image, boxes = draw_volume(scan, volume)
        nib.save(image, folder / path)
        found = [(NODULE, *box.round(2).tolist()) for box in boxes]
        rows += [(path, *box, *whose) for box in found or [("",) * 7]]
    return rows


def invent_scan(number: int) -> Scan:
    """The same for the same patient."""
    rng = np.random.default_rng([SEED, number])
    return Scan(
        patient=number,
        site=str(rng.choice(tuple(SPACING_MM))),
        age=int(rng.integers(40, 85)),
        sex=str(rng.choice(("F", "M"))),
        volumes=int(rng.choice((1, 2), p=(0.5, 0.5))),
    )


def draw_volume(scan: Scan, volume: int) -> tuple[nib.Nifti1Image, list[Array]]:
    """One volume as its scanner stores it, and the box of each nodule.

    Returns:
        The volume; and of each nodule six numbers in mm (RAS), corner and sides.
    """
    rng = np.random.default_rng([SEED, scan.patient, volume])
    spacing = SPACING_MM[scan.site]
    across = rng.integers(*VOXELS, 2).tolist()
    shape = [*across, round(across[0] * spacing[0] / spacing[2])]
    canvas = Canvas(shape, spacing, np.zeros(3), LUNG)
    canvas.grey += 14 * waves(canvas.axes, 0.1, rng) - 0.7 * canvas.axes[1]
    _draw_vessels(canvas, rng)
    boxes = _draw_nodules(canvas, rng)
    _draw_wall(canvas, rng)
    grey = gaussian_filter(canvas.grey, rng.uniform(0.35, 0.6), truncate=3)
    noise = gaussian_filter(rng.standard_normal(shape, np.float32), (0.6, 0.6, 0.3), truncate=3)
    grey += rng.uniform(22, 38) / noise.std() * noise
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = MIDDLE_MM + [axis.flat[0] for axis in canvas.axes]
    image = nib.Nifti1Image(np.rint(grey.clip(-1024)).astype(np.int16), affine)
    turn = ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(AXES[scan.site]))
    turned: nib.Nifti1Image = image.as_reoriented(turn)
    return turned, [np.concatenate([box[:3] + MIDDLE_MM, box[3:]]) for box in boxes]


def _draw_vessels(canvas: Canvas, rng: Generator) -> None:
    """Trees that come in from all sides; some as thick as nodules, some that widen at a fork."""
    vessels: list[Strand] = []
    for _ in range(rng.integers(7, 12)):
        way = unit(rng.standard_normal(3))
        root = -34 * way + rng.normal(0, 9, 3)
        vessels += branches(root, way, rng.uniform(1.6, 3.8), rng)
    canvas.paint_strands(vessels, SOFT)
    for _, fork, _, narrow in rng.permutation(np.array(vessels, dtype=object))[:6]:
        depth, box = canvas.ball(fork, 1.25 * narrow, 0.2, rng)
        canvas.paint(depth, SOFT, box)


def _draw_nodules(canvas: Canvas, rng: Generator) -> list[Array]:
    """None to four balls with lobes; each with the corner and sides of its box, in mm."""
    half = np.array([abs(float(axis.flat[0])) for axis in canvas.axes])
    boxes: list[Array] = []
    for _ in range(rng.choice(5, p=(0.15, 0.3, 0.25, 0.2, 0.1))):
        radius = rng.uniform(2.8, 7.5)
        place = rng.uniform(radius + 3 - half, half - radius - 3 - (12, 0, 0))
        if any(np.linalg.norm(place - box[:3] - box[3:] / 2) < radius + box[3] for box in boxes):
            continue
        depth, cut = canvas.ball(place, radius, rng.uniform(0.2, 0.7), rng)
        canvas.paint(depth, SOFT - (250 * rng.random() if rng.random() < 0.3 else 0), cut)
        boxes.append(_box_of(canvas, depth > 0, cut))
    return boxes


def _box_of(canvas: Canvas, inside: Array, cut: tuple[slice, ...]) -> Array:
    """Corner and sides in mm, from edge to edge of the voxels that are inside."""
    low, sides = [], []
    for number, (axis, part) in enumerate(zip(canvas.axes, cut, strict=True)):
        others = tuple(other for other in range(3) if other != number)
        places = axis.ravel()[part][inside.any(axis=others)]
        step = float(axis.flat[1] - axis.flat[0])
        low.append(float(places[0]) - step / 2)
        sides.append(float(places[-1] - places[0]) + step)
    return np.array([*low, *sides])


def _draw_wall(canvas: Canvas, rng: Generator) -> None:
    """Muscle and ribs at the right, which bulge towards the lung."""
    x, y, z = canvas.axes
    bend = rng.uniform(90, 140)
    inner = float(x.flat[-1]) - rng.uniform(4, 9)
    depth = np.hypot(x + bend - inner, y - rng.uniform(-10, 10)) - bend
    canvas.paint(depth + 0.6 * waves(canvas.axes, 0.25, rng), SOFT)
    canvas.paint(depth - 7, FAT)
    rib = 1 - np.hypot((depth - 4) / 3, ((z + 0.3 * y + rng.uniform(0, 24)) % 24 - 12) / 5)
    canvas.paint(4 * rib, BONE)
