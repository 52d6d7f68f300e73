"""The demo of 2D detection: drawn smears of blood with red cells, white cells and platelets.

Colour alone finds none of them: precipitated stain is as purple as platelets, nuclei of burst cells
are as purple as white cells, and bubbles under the glass are as round as red cells. What counts is
how colours are put together.
"""

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator

from datamodules.demos.blood_cells import (
    PLATELET,
    RED_CELL,
    WHITE_CELL,
    Shape,
    Sheet,
    draw_bubble,
    draw_burst_cell,
    draw_platelet,
    draw_precipitate,
    draw_red_cell,
    draw_white_cell,
)

PATIENTS = 54
PICTURES_A_PATIENT = 3
SEED = 11
CATEGORIES = (RED_CELL, WHITE_CELL, PLATELET)
SIDES = {"train": (1, 34), "val": (35, 43), "test": (44, PATIENTS)}
"""First and last patient of each; other numbers of patients are divided alike."""
LEAST_SHOWN = 0.25
"""Share of its box that the picture shows of a cell which counts; others are to be ignored."""
LEAST_PIXELS = 0.5
"""Of a cell that the picture shows at all, along each side."""


@dataclass(frozen=True)
class Smear:
    """How the blood of a patient looks under a microscope.

    Attributes:
        size: Height and width of its pictures.
        cell: Radius of a red cell in pixels.
        red, purple, glass: Colours, BGR.
        crowding: Red cells a picture.
        whites, platelets: How many are expected in a picture.
        noise: Standard deviation.
    """

    size: tuple[int, int]
    cell: float
    red: tuple[float, ...]
    purple: tuple[float, ...]
    glass: tuple[float, ...]
    crowding: float
    whites: float
    platelets: float
    noise: float


def draw_demo(folder: Path, patients: int = PATIENTS) -> None:
    """Draw all pictures, and write their boxes in COCO's format; the same bytes every time.

    160 pictures or so, ``images/p01_1.png``, RGB, 192 to 256 pixels high and wide, and
    ``annotations/instances_train.json`` (and val, test); no patient is on two sides. Cells of which
    the picture shows next to nothing are regions to be ignored (``iscrowd``).

    Args:
        folder: Created; must not be there.
        patients: How many.
    """
    (folder / "images").mkdir(parents=True)
    (folder / "annotations").mkdir()
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        numbers = range(1, patients + 1)
        drawn = list(pool.map(lambda number: _draw_patient(number, folder), numbers))
    for side, (first, last) in SIDES.items():
        begin, end = ((at * patients + PATIENTS - 1) // PATIENTS for at in (first - 1, last))
        pictures = [picture for own in drawn[begin:end] for picture in own]
        path = folder / f"annotations/instances_{side}.json"
        path.write_text(json.dumps(_as_coco(pictures), indent=1) + "\n", encoding="utf-8")


def _draw_patient(number: int, folder: Path) -> list[tuple[str, Sheet, list[Shape]]]:
    smear = invent_smear(number)
    pictures = []
    for picture in range(1, PICTURES_A_PATIENT + 1):
        name = f"p{number:02d}_{picture}.png"
        sheet, shapes = draw_picture(smear, np.random.default_rng([SEED, number, picture]))
        cv2.imwrite(str(folder / "images" / name), sheet.finished())
        pictures.append((name, sheet, shapes))
    return pictures


def invent_smear(number: int) -> Smear:
    """The same smear for the same patient."""
    rng = np.random.default_rng([SEED, number])
    height, width = (int(side) for side in rng.choice((192, 208, 224, 240, 256), 2))
    tint = rng.normal(0, 5, 3)
    return Smear(
        size=(height, width),
        cell=rng.uniform(13, 18),
        red=tuple(np.array((168.0, 146, 208)) + tint + rng.normal(0, 6, 3)),
        purple=tuple(np.array((146.0, 68, 112)) + tint + rng.normal(0, 9, 3)),
        glass=tuple(np.array((222.0, 224, 226)) + tint),
        crowding=rng.uniform(8, 26),
        whites=rng.uniform(0.6, 2.2),
        platelets=rng.uniform(1, 5),
        noise=rng.uniform(2.5, 5.5),
    )


def draw_picture(smear: Smear, rng: Generator) -> tuple[Sheet, list[Shape]]:
    """One picture, and what is to be found in it.

    Args:
        smear: How it looks.
        rng: Of what lies where.
    """
    sheet = Sheet(smear.size, smear.glass, smear.noise, rng)
    shapes: list[Shape] = []
    empty = rng.random() < 0.05  # a place between the cells: nothing but what looks like them
    counts = (0, 0, 0) if empty else rng.poisson((smear.crowding, smear.whites, smear.platelets))
    reds, whites, platelets = counts
    for _ in range(rng.poisson(1.5)):
        draw_bubble(sheet, sheet.free_place(smear.cell, rng), smear.cell, rng)
    for _ in range(reds):
        place = sheet.free_place(0.75 * smear.cell, rng)
        shapes.append(draw_red_cell(sheet, place, smear.cell, smear.red, rng))
    for _ in range(whites):
        place = sheet.free_place(1.8 * smear.cell, rng)
        shapes.append(draw_white_cell(sheet, place, 1.75 * smear.cell, smear.purple, rng))
    for _ in range(rng.poisson(0.8)):
        place = sheet.free_place(1.5 * smear.cell, rng)
        draw_burst_cell(sheet, place, 1.4 * smear.cell, smear.purple, rng)
    for _ in range(platelets):
        place = sheet.free_place(0.4 * smear.cell, rng)
        shapes.append(draw_platelet(sheet, place, 0.36 * smear.cell, smear.purple, rng))
    for _ in range(rng.poisson(4)):
        draw_precipitate(sheet, sheet.free_place(0.3 * smear.cell, rng), smear.purple, rng)
    return sheet, shapes


def _as_coco(pictures: Sequence[tuple[str, Sheet, list[Shape]]]) -> dict[str, Any]:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, (name, sheet, shapes) in enumerate(pictures, start=1):
        images.append(
            {"id": number, "file_name": name, "height": sheet.height, "width": sheet.width}
        )
        for label, corners in shapes:
            x0, y0, x1, y1 = corners
            low = (max(x0, 0.0), max(y0, 0.0))
            sides = (min(x1, sheet.width) - low[0], min(y1, sheet.height) - low[1])
            if min(sides) < LEAST_PIXELS:
                continue
            shown = sides[0] * sides[1] / ((x1 - x0) * (y1 - y0))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": CATEGORIES.index(label) + 1,
                    "bbox": [round(value, 2) for value in (*low, *sides)],
                    "area": round(sides[0] * sides[1], 2),
                    "iscrowd": int(shown < LEAST_SHOWN),
                }
            )
    categories = [{"id": at, "name": name} for at, name in enumerate(CATEGORIES, start=1)]
    return {"images": images, "categories": categories, "annotations": annotations}
