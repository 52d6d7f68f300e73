"""Boxes that were found in files, as rows of tables and as COCO's json."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.transforms.box_geometry import world_box
from datamodules.whole_files import whole_text
from experiments.box_predictor import PredictedBoxes
from lightning_modules.box_decisions import FoundBoxes

FLAT = ("x", "y", "width", "height")
VOLUME = ("x_mm", "y_mm", "z_mm", "width_mm", "depth_mm", "height_mm")
"""Along the axes to the right, to the front and up (RAS+): the lowest corner, and the size."""
AddToCoco = Callable[[str, PredictedBoxes], None]


def summary_row(name: str, found: PredictedBoxes, classes: tuple[str, ...]) -> dict[str, Any]:
    """How many objects of each class a file has, and the highest score of any box."""
    row: dict[str, Any] = {"file": name}
    for label, class_name in enumerate(classes):
        row[f"objects/{class_name}"] = int((found.boxes.labels == label).sum())
        row[f"highest_score/{class_name}"] = round(float(found.highest[label]), 6)
    return row


def box_rows(
    name: str,
    boxes: FoundBoxes,
    classes: tuple[str, ...],
    affine: NDArray[np.float64] | None = None,
) -> Iterator[dict[str, Any]]:
    """A row an object, of a flat image in its pixels, of a volume in mm.

    Args:
        name: Of the file.
        boxes: In its voxels.
        classes: In the order of the labels.
        affine: Of a volume, ``(4, 4)``, from the index of a voxel to mm; None: it is flat.
    """
    columns = FLAT if affine is None else VOLUME
    for box, score, label in zip(*boxes, strict=True):
        numbers = _flat_box(box) if affine is None else _box_in_mm(box, affine)
        values = (round(number, 3) for number in numbers)
        yield {
            "file": name,
            "label": classes[label],
            "score": round(float(score), 6),
            **dict(zip(columns, values, strict=True)),
        }


def _flat_box(box: NDArray[Any]) -> list[float]:
    """From ``y0, x0, y1, x1`` to x, y, width and height."""
    y, x, y_end, x_end = map(float, box)
    return [x, y, x_end - x, y_end - y]


def _box_in_mm(box: NDArray[Any], affine: NDArray[np.float64]) -> list[float]:
    ends = world_box(box, affine)
    return [*ends[:3], *(high - low for low, high in zip(ends[:3], ends[3:], strict=True))]


@contextmanager
def coco_file(path: Path, classes: tuple[str, ...]) -> Iterator[AddToCoco]:
    """Write the objects of flat images as COCO's json has them, with a score each, file by file.

    The json is there when the block has ended well; else nothing is left of it.

    Args:
        path: Its folder is made where it is missing.
        classes: Names of what is found.
    """
    images: list[dict[str, Any]] = []
    count = 0
    with whole_text(path) as file:
        file.write('{"annotations": [')

        def add(file_name: str, found: PredictedBoxes) -> None:
            nonlocal count
            height, width = found.shape
            number = len(images) + 1
            images.append({"id": number, "file_name": file_name, "width": width, "height": height})
            for box, score, label in zip(*found.boxes, strict=True):
                numbers = [round(value, 3) for value in _flat_box(box)]
                count += 1
                annotation = {
                    "id": count,
                    "image_id": number,
                    "category_id": int(label) + 1,
                    "bbox": numbers,
                    "area": round(float(np.prod(numbers[2:])), 3),
                    "iscrowd": 0,
                    "score": round(float(score), 6),
                }
                file.write(", " * (count > 1) + json.dumps(annotation))

        yield add
        categories = [{"id": n, "name": name} for n, name in enumerate(classes, start=1)]
        file.write(f'], "images": {json.dumps(images)}, "categories": {json.dumps(categories)}}}')
