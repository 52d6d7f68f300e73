"""The demo of 3D segmentation: drawn volumes with a kidney, and a tumour that grows from it.

Nodes elsewhere are as grey as the tumour, and muscle and vessels as the kidney: what counts is
shape, and what touches what.
"""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

PATIENTS = 30
VOLUMES = 2
SHAPE = (48, 48, 32)
SPACING_MM = (1.0, 1.0, 2.0)
SEED = 5
LABELS = {"background": 0, "kidney": 1, "tumour": 2}
FAT, MUSCLE, KIDNEY, TUMOUR, BLOOD = 120.0, 330.0, 340.0, 450.0, 540.0

_PLACES: NDArray[Any] = np.stack(
    np.meshgrid(
        *((np.arange(n) - (n - 1) / 2) * mm for n, mm in zip(SHAPE, SPACING_MM, strict=True)),
        indexing="ij",
    ),
    axis=-1,
).astype(np.float32)
"""Position of each voxel in mm from the middle."""
_AFFINE = np.diag((-SPACING_MM[0], -SPACING_MM[1], SPACING_MM[2], 1.0))
"""The first axis runs to the left of the patient and the second to the back, as in most CT."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Kidney:
    """One patient's kidney and tumour, in mm from the middle of the volume.

    Attributes:
        centre: Of the kidney.
        axis: Direction of its length, a unit vector.
        length: Half of it.
        radius: Half its thickness.
        bend: How far its ends bend towards the middle of the body.
        tumour: Direction from the axis to the tumour, a unit vector across the axis.
        along: Where along the axis the tumour lies, -1 to 1.
        size: Radius of the tumour.
    """

    centre: NDArray[Any]
    axis: NDArray[Any]
    length: float
    radius: float
    bend: float
    tumour: NDArray[Any]
    along: float
    size: float


def draw_demo(folder: Path, patients: int = PATIENTS) -> None:
    """Draw all volumes and their masks in nnU-Net's raw format; the same bytes every time.

    int16 NIfTI of 48 x 48 x 32 voxels of 1 x 1 x 2 mm, two a patient:
    ``imagesTr/p01_1_0000.nii.gz`` and ``labelsTr/p01_1.nii.gz``; a fifth of the patients in
    ``imagesTs`` and ``labelsTs``. In masks 1 is the kidney, 2 the tumour.

    Args:
        folder: Created; must not be there.
        patients: How many patients.
    """
    for name in ("imagesTr", "labelsTr", "imagesTs", "labelsTs"):
        (folder / name).mkdir(parents=True)
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        sides = list(pool.map(lambda number: _draw_patient(number, folder), range(1, patients + 1)))
    description = {
        "channel_names": {"0": "CT"},
        "labels": LABELS,
        "numTraining": VOLUMES * sides.count("Tr"),
        "file_ending": ".nii.gz",
    }
    (folder / "dataset.json").write_text(json.dumps(description, indent=2) + "\n")


def _draw_patient(number: int, folder: Path) -> str:
    kidney = _invent_kidney(np.random.default_rng([SEED, number]))
    side = "Ts" if number % 5 == 0 else "Tr"
    for visit in range(1, VOLUMES + 1):
        image, mask = draw_volume(kidney, np.random.default_rng([SEED, number, visit]))
        name = f"p{number:02d}_{visit}"
        nib.save(nib.Nifti1Image(image, _AFFINE), folder / f"images{side}/{name}_0000.nii.gz")
        nib.save(nib.Nifti1Image(mask, _AFFINE), folder / f"labels{side}/{name}.nii.gz")
    return side


def _invent_kidney(rng: Generator) -> Kidney:
    axis = _unit(rng.normal((0, 0, 1), (0.25, 0.25, 0)))
    across = rng.normal(size=3)
    return Kidney(
        centre=rng.normal(0, (3, 3, 4)),
        axis=axis,
        length=rng.uniform(17, 22),
        radius=rng.uniform(7.5, 9.5),
        bend=rng.uniform(3, 6),
        tumour=_unit(across - (across @ axis) * axis),
        along=rng.uniform(-0.6, 0.6),
        size=rng.uniform(6, 8),
    )


def draw_volume(kidney: Kidney, rng: Generator) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """One volume: grey values int16 and mask uint8, shape ``SHAPE``.

    Args:
        kidney: Whose.
        rng: Of what differs from one volume of a patient to the other.
    """
    lumps = 0.6 * zoom(rng.standard_normal((8, 8, 8), np.float32), np.array(SHAPE) / 8, order=1)
    bent = _bent(kidney, _PLACES - kidney.centre - rng.normal(0, 1.5, 3))
    axial = bent @ kidney.axis
    off_axis = np.linalg.norm(bent - axial[..., None] * kidney.axis, axis=-1)
    whole = (axial / kidney.length) ** 2 + (off_axis / kidney.radius) ** 2 < 1
    middle = kidney.along * kidney.length * kidney.axis
    half_sunk = middle + kidney.radius * np.sqrt(1 - kidney.along**2) * kidney.tumour
    tumour = _ball(bent, half_sunk, kidney.size * rng.uniform(0.95, 1.2), lumps, rng)
    grown = whole | tumour
    grey = np.full(grown.shape, FAT, np.float32)
    _add_muscle_and_vessels(grey, rng)
    _add_nodes(grey, grown, lumps, rng)
    grey[whole] = KIDNEY + rng.normal(0, 15)
    inner = (axial / (0.75 * kidney.length)) ** 2 + (off_axis / (0.5 * kidney.radius)) ** 2 < 1
    grey[inner] = FAT + 60  # the sinus, which counts as kidney
    grey[tumour] = TUMOUR + rng.normal(0, 15)
    mask = np.where(tumour, 2, np.where(whole, 1, 0)).astype(np.uint8)
    return _acquire(grey, rng), mask


def _bent(kidney: Kidney, places: NDArray[Any]) -> NDArray[Any]:
    """Positions in the frame of the straight kidney: the ends are brought back."""
    axial = places @ kidney.axis
    bend = kidney.bend * (axial / kidney.length) ** 2
    straight: NDArray[Any] = places - bend[..., None] * np.array([1.0, 0, 0], np.float32)
    return straight


def _ball(
    places: NDArray[Any], centre: NDArray[Any], radius: float, lumps: NDArray[Any], rng: Generator
) -> Mask:
    """A ball, lumpy by what is added to the distance from its centre."""
    distance = np.linalg.norm(places - centre.astype(np.float32), axis=-1)
    own = np.roll(lumps, rng.integers(0, SHAPE), axis=(0, 1, 2))
    ball: Mask = distance + own < radius
    return ball


def _add_muscle_and_vessels(grey: NDArray[Any], rng: Generator) -> None:
    """Beside and behind, as grey as the kidney: a muscle, the wall of the body; bright vessels."""
    x, y, z = np.moveaxis(_PLACES, -1, 0)
    tilt, place = rng.uniform(-0.1, 0.1), rng.uniform(17, 21)
    grey[np.hypot(x - place - tilt * z, y - rng.uniform(-2, 8)) < rng.uniform(6, 8)] = MUSCLE
    grey[y > rng.uniform(17, 20) + 0.02 * x**2 * rng.uniform(0.2, 1)] = MUSCLE
    for _ in range(rng.integers(2, 4)):
        at_x, at_y = rng.uniform(8, 22), rng.uniform(-22, -8)
        drift = rng.uniform(-0.3, 0.3, 2)
        vessel = np.hypot(x - at_x - drift[0] * z, y - at_y - drift[1] * z) < rng.uniform(2, 4)
        grey[vessel] = rng.choice((KIDNEY, BLOOD))


def _add_nodes(grey: NDArray[Any], grown: Mask, lumps: NDArray[Any], rng: Generator) -> None:
    """Balls as grey as the tumour that keep away from the kidney."""
    near = gaussian_filter(grown.astype(np.float32), 2.0) > 0.02
    extent = np.array(SHAPE) * SPACING_MM / 2
    for _ in range(8):
        ball = _ball(_PLACES, rng.uniform(-0.9, 0.9, 3) * extent, rng.uniform(4, 7.5), lumps, rng)
        if not (ball & near).any():
            grey[ball] = TUMOUR + rng.normal(0, 15)


def _acquire(grey: NDArray[Any], rng: Generator) -> NDArray[np.int16]:
    """Blur, a shading and noise."""
    blurred = gaussian_filter(grey, (0.7, 0.7, 0.5))
    shading = zoom(rng.normal(1, 0.06, (3, 3, 3)), np.array(SHAPE) / 3, order=1)
    noise = gaussian_filter(rng.standard_normal(SHAPE, np.float32), 0.6)
    signal = blurred * shading * rng.uniform(0.9, 1.1) + rng.uniform(20, 45) * noise / noise.std()
    volume: NDArray[np.int16] = np.rint(signal).astype(np.int16)
    return volume


def _unit(vector: NDArray[Any]) -> NDArray[Any]:
    unit: NDArray[Any] = vector / np.linalg.norm(vector)
    return unit
