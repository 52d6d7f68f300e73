"""The demo of whole slides: drawn sections stained with H&E, some with small regions of tumour.

Tumour is crowded, large, irregular nuclei without glands. Every slide has as many and as large
crowds of cells, of which others are small and round, and inflamed glands: neither colour nor how
many nuclei there are tells the class, but what the nuclei look like somewhere on the slide.
"""

import csv
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tifffile import TiffWriter

from datamodules.demos.nuclei import Places, Stain
from datamodules.demos.slide_scan import Colours, Scanner, scan
from datamodules.demos.tissue_patterns import Patterns, draw_patterns
from datamodules.demos.tissue_section import Nest, plan_section, stain_section

PATIENTS = 90
SEED = 1
UM_PER_PIXEL = 0.5
TILE = 256
DOWNSAMPLES = (1, 4, 16)
HEADER = ("case", "slide", "class", "patient", "split", "site", "age", "sex", "regions")
SCANNERS = {
    "north": Scanner((0.60, 0.72, 0.35), (0.10, 0.85, 0.35), (245, 244, 246), 85),
    "south": Scanner((0.66, 0.70, 0.26), (0.16, 0.80, 0.52), (240, 238, 230), 80),
}
_MOST_AT_ONCE = 4  # each takes some 300 MB


@dataclass(frozen=True)
class Patient:
    """Who is seen, and on how many slides.

    Attributes:
        strength: Of haematoxylin and eosin in this patient's batch, about 1 each.
    """

    number: int
    age: int
    sex: str
    site: str
    tumour: bool
    slides: int
    strength: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Slide:
    """A drawn slide.

    Attributes:
        colours: RGB, uint8.
        regions: Outlines of tumour in pixels of the slide, each ``(n, 2)``, x before y.
    """

    colours: Colours
    regions: list[Places]


def draw_demo(folder: Path, patients: int = PATIENTS) -> None:
    """Draw all slides, and write ``labels.csv``; the same bytes every time.

    Some 110 slides, ``slides/p001_1.tif``, of 6144 x 4608 pixels of 0.5 um: TIFF with JPEG tiles of
    256 pixels in three levels, of about 3 MB. What is tumour is outlined in
    ``regions/p001_1.geojson``, as QuPath reads it. A fifth of the patients are for testing. Age,
    sex, site, stain and what is wrong with a slide say nothing about the class.

    Args:
        folder: Created; must not be there.
        patients: How many patients.
    """
    for name in ("slides", "regions"):
        (folder / name).mkdir(parents=True)
    patterns = draw_patterns(np.random.default_rng([SEED, 0]))

    def draw(number: int) -> list[tuple[object, ...]]:
        return _draw_patient(number, patterns, folder)

    with ThreadPoolExecutor(max_workers=min(_MOST_AT_ONCE, os.cpu_count() or 1)) as pool:
        drawn = list(pool.map(draw, range(1, patients + 1)))
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(row for rows in drawn for row in rows)


def _draw_patient(number: int, patterns: Patterns, folder: Path) -> list[tuple[object, ...]]:
    patient = invent_patient(number)
    what = ("tumour" if patient.tumour else "normal", f"p{number:03d}")
    side = "test" if number % 5 == 0 else "train_val"
    rows: list[tuple[object, ...]] = []
    for at in range(1, patient.slides + 1):
        name = f"p{number:03d}_{at}"
        slide = draw_slide(patient, at, patterns)
        write_slide(folder / f"slides/{name}.tif", slide.colours, SCANNERS[patient.site].quality)
        outlined = f"regions/{name}.geojson" if slide.regions else ""
        if outlined:
            write_regions(folder / outlined, slide.regions)
        who = (side, patient.site, patient.age, patient.sex)
        rows.append((name, f"slides/{name}.tif", *what, *who, outlined))
    return rows


def invent_patient(number: int) -> Patient:
    """The same patient for the same number."""
    rng = np.random.default_rng([SEED, number])
    return Patient(
        number=number,
        age=int(rng.integers(35, 90)),
        sex=str(rng.choice(("F", "M"))),
        site=str(rng.choice(tuple(SCANNERS))),
        tumour=bool(rng.random() < 0.5),
        slides=int(rng.choice((1, 2), p=(0.78, 0.22))),
        strength=(rng.uniform(0.8, 1.2), rng.uniform(0.75, 1.25)),
    )


def draw_slide(patient: Patient, at: int, patterns: Patterns) -> Slide:
    """One slide of a patient, counted from 1."""
    rng = np.random.default_rng([SEED, patient.number, at])
    plan = plan_section(patient.tumour, rng)
    section = stain_section(plan, patterns, rng)
    strength = np.array(patient.strength) * rng.uniform(0.94, 1.06, 2)
    colours = scan(section, plan, SCANNERS[patient.site], strength, rng)
    return Slide(colours, [_whole_pixels(nest) for nest in plan.nests if nest.tumour])


def _whole_pixels(nest: Nest) -> Places:
    return np.rint(nest.outline).astype(np.int64)


def write_slide(path: Path, colours: Colours, quality: int) -> None:
    """Write a slide as a pyramid that openslide reads, with its scale.

    Args:
        path: The TIFF to write.
        colours: Of the finest level.
        quality: Of the JPEG tiles, 1 to 100.

    References:
        https://openslide.org/formats/generic-tiff/
    """
    with TiffWriter(path) as file:
        level: Stain = colours
        for downsample in DOWNSAMPLES:
            if downsample > 1:
                size = (colours.shape[1] // downsample, colours.shape[0] // downsample)
                level = cv2.resize(level, size, interpolation=cv2.INTER_AREA)
            per_cm = 10_000 / (UM_PER_PIXEL * downsample)
            file.write(
                level,
                photometric="rgb",  # stored as YCbCr
                compression="jpeg",
                compressionargs={"level": quality},
                tile=(TILE, TILE),
                subfiletype=int(downsample > 1),
                resolution=(per_cm, per_cm),
                resolutionunit="CENTIMETER",
                metadata=None,
                software=False,
                maxworkers=1,
            )


def write_regions(path: Path, regions: list[Places]) -> None:
    """Write outlines as GeoJSON of QuPath's kind, in pixels of the finest level."""
    features = [
        {
            "type": "Feature",
            "geometry": {
                "type": "Polygon",
                "coordinates": [[*outline.tolist(), outline[0].tolist()]],
            },
            "properties": {
                "objectType": "annotation",
                "classification": {"name": "Tumor", "color": [200, 0, 0]},
            },
        }
        for outline in regions
    ]
    collection = {"type": "FeatureCollection", "features": features}
    path.write_text(json.dumps(collection) + "\n", encoding="utf-8")
