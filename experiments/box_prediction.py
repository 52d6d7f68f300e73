"""What ``experiments.predict`` does with a detector: boxes of files, as tables and COCO json."""

import json
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from callbacks.predictions import prediction_table
from datamodules.transforms.box_geometry import world_box
from datamodules.volume_files import find_volumes
from datamodules.whole_files import write_whole
from experiments.box_predictor import BoxPredictor, PredictedBoxes
from experiments.case_prediction import (
    listed_failures,
    predicted,
    refuse_options,
    tell_failed,
    writing_to,
)
from experiments.figures.box_overlays import draw_found
from experiments.figures.style import save
from experiments.file_names import check_file_names, flat_name

TABLE, BOXES, COCO = "predictions.csv", "boxes.csv", "coco.json"
OVERLAYS = "overlays"
FLAT = ("x", "y", "width", "height")
VOLUME = ("x_mm", "y_mm", "z_mm", "width_mm", "depth_mm", "height_mm")
"""Along the axes to the right, to the front and up (RAS+): the lowest corner, and the size."""


def predict_boxes(arguments: Namespace) -> int:
    """Find the objects of every file that can be read; 3 when some could not.

    Raises:
        ConfigError: If something is wrong with the arguments, or the folder cannot be written.
    """
    folder: Path = arguments.output
    refuse_options(arguments, "a detector")
    predictor = BoxPredictor.load(arguments.run)
    files = find_volumes(arguments.places, predictor.modules[0].data.channels, output=folder)
    check_file_names(files)
    flat = len(predictor.modules[0].data.spacing) == 2
    coco = _CocoFile(predictor.classes)
    count = 0
    with (
        writing_to(folder),
        prediction_table(folder / TABLE, id_column="file") as write,
        prediction_table(folder / BOXES, id_column="file") as write_box,
        listed_failures(folder) as failed,
    ):
        every = predicted(files, lambda name: predictor.predict(files[name]), failed, "Detecting")
        for name, found in every:
            write(_summary(name, found, predictor))
            for row in _rows(name, found, predictor.classes, flat=flat):
                write_box(row)
                count += 1
            coco.add(name, files[name][0], found)
            if arguments.overlays:
                _draw(folder, name, found, predictor)
        if flat:
            write_whole(folder / COCO, coco.text())
    print(f"{count} objects in {len(files) - len(failed)} of {len(files)} cases: {folder / BOXES}")
    return tell_failed(folder, len(failed))


def _summary(name: str, found: PredictedBoxes, predictor: BoxPredictor) -> dict[str, Any]:
    """How many objects of each class a file has, and the highest score of any box."""
    row: dict[str, Any] = {"file": name}
    for label, class_name in enumerate(predictor.classes):
        row[f"objects/{class_name}"] = int((found.boxes.labels == label).sum())
        scores = found.everything.scores[found.everything.labels == label]
        row[f"highest_score/{class_name}"] = round(float(scores.max()), 6) if len(scores) else 0.0
    return row


def _rows(
    name: str, found: PredictedBoxes, classes: tuple[str, ...], *, flat: bool
) -> Iterator[dict[str, Any]]:
    """A row an object, of a flat image in its pixels, of a volume in mm."""
    columns = FLAT if flat else VOLUME
    for box, score, label in zip(*found.boxes, strict=True):
        numbers = _flat_box(box) if flat else _box_in_mm(box, found)
        values = (round(number, 3) for number in numbers)
        yield {
            "file": name,
            "label": classes[label],
            "score": round(float(score), 6),
            **dict(zip(columns, values, strict=True)),
        }


def _flat_box(box: np.ndarray) -> list[float]:
    """From ``y0, x0, y1, x1`` to x, y, width and height."""
    y, x, y_end, x_end = map(float, box)
    return [x, y, x_end - x, y_end - y]


def _box_in_mm(box: np.ndarray, found: PredictedBoxes) -> list[float]:
    ends = world_box(box, found.image.affine)
    return [*ends[:3], *(high - low for low, high in zip(ends[:3], ends[3:], strict=True))]


class _CocoFile:
    """The objects of all files as COCO's json has them, with a score each.

    Args:
        classes: Names of what is found.
    """

    def __init__(self, classes: tuple[str, ...]) -> None:
        self.categories = [{"id": n, "name": name} for n, name in enumerate(classes, start=1)]
        self.images: list[dict[str, Any]] = []
        self.annotations: list[dict[str, Any]] = []

    def add(self, name: str, path: Path, found: PredictedBoxes) -> None:
        """Add a file."""
        number = len(self.images) + 1
        height, width = found.image.spatial[:2]
        file_name = name + path.suffix if path.is_file() else name
        self.images.append({"id": number, "file_name": file_name, "width": width, "height": height})
        for box, score, label in zip(*found.boxes, strict=True):
            numbers = [round(value, 3) for value in _flat_box(box)] if len(box) == 4 else []
            self.annotations.append(
                {
                    "id": len(self.annotations) + 1,
                    "image_id": number,
                    "category_id": int(label) + 1,
                    "bbox": numbers,
                    "area": round(float(np.prod(numbers[2:])), 3),
                    "iscrowd": 0,
                    "score": round(float(score), 6),
                }
            )

    def text(self) -> str:
        """The file."""
        return json.dumps(
            {
                "images": self.images,
                "categories": self.categories,
                "annotations": self.annotations,
            }
        )


def _draw(folder: Path, name: str, found: PredictedBoxes, predictor: BoxPredictor) -> None:
    path = folder / OVERLAYS / f"{flat_name(name)}.png"
    path.parent.mkdir(exist_ok=True)
    save(draw_found(name, found.image, found.boxes, predictor.classes), path)
