"""What ``experiments.predict`` does with a landmarker: points, as tables and for 3D Slicer."""

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from callbacks.predictions import prediction_table
from datamodules.errors import ConfigError
from datamodules.volume_files import find_volumes
from datamodules.whole_files import write_whole
from experiments.case_prediction import (
    listed_failures,
    predicted,
    refuse_options,
    tell_failed,
    writing_to,
)
from experiments.figures.found_points import draw_points
from experiments.figures.style import save
from experiments.file_names import check_file_names, flat_name
from experiments.point_predictor import PointPredictor, PredictedPoints
from experiments.slicer_markups import ENDING, as_markups, in_ras

TABLE, POINTS = "predictions.csv", "points.csv"
MARKUPS, OVERLAYS = "markups", "overlays"
FLAT, VOLUME = ("x", "y"), ("x_mm", "y_mm", "z_mm")
"""In pixels of the file, the middle of the first one being 0; in mm to the right, to the front and
up (RAS+)."""


def predict_points(arguments: Namespace) -> int:
    """Find the landmarks of every file that can be read; 3 when some could not.

    Raises:
        ConfigError: If something is wrong with the arguments, or the folder cannot be written.
    """
    folder: Path = arguments.output
    refuse_options(arguments, "a landmarker")
    predictor = PointPredictor.load(arguments.run, arguments.pixel_spacing_mm)
    _check_spacing(predictor)
    files = find_volumes(arguments.places, predictor.modules[0].data.channels, output=folder)
    check_file_names(files)
    with (
        writing_to(folder),
        prediction_table(folder / TABLE, id_column="file") as write,
        prediction_table(folder / POINTS, id_column="file") as write_point,
        listed_failures(folder) as failed,
    ):
        (folder / MARKUPS).mkdir(exist_ok=True)
        every = predicted(files, lambda name: predictor.predict(files[name]), failed, "Locating")
        for name, found in every:
            write(_summary(name, found, predictor))
            for row in _rows(name, found, predictor):
                write_point(row)
            text = as_markups(predictor.points, found.found.points, found.image)
            write_whole(folder / MARKUPS / f"{flat_name(name)}{ENDING}", text)
            if arguments.overlays:
                _draw(folder, name, found, predictor)
    print(
        f"{len(predictor.points)} landmarks in {len(files) - len(failed)} of {len(files)} cases:"
        f" {folder / POINTS}"
    )
    return tell_failed(folder, len(failed))


def _check_spacing(predictor: PointPredictor) -> None:
    given = predictor.spacing_mm
    if given is None:
        return
    if not given > 0:
        raise ConfigError(f"--pixel-spacing-mm must be above 0, not {given:g}")
    if predictor.axes == 3:
        raise ConfigError("--pixel-spacing-mm is of flat images, and this model takes volumes")
    if not predictor.modules[0].data.has_spacing:
        raise ConfigError(
            "--pixel-spacing-mm: this model was trained without a spacing, and measures in pixels"
        )


def _summary(name: str, found: PredictedPoints, predictor: PointPredictor) -> dict[str, Any]:
    """How sure the model is of its least certain landmark, and what is measured from all."""
    confidence = found.found.confidence
    least = int(confidence.argmin())
    row = {
        "file": name,
        "lowest_confidence": round(float(confidence[least]), 6),
        "least_confident": predictor.points[least],
    }
    for measure, value in found.measures.items():
        unit = predictor.units[measure]
        row[f"{measure}_{unit}" if unit else measure] = "" if value is None else round(value, 6)
    return row


def _rows(name: str, found: PredictedPoints, predictor: PointPredictor) -> Iterator[dict[str, Any]]:
    """A row a landmark, of a flat image in its pixels, of a volume in mm."""
    points = found.found.points
    flat = predictor.axes == 2
    places = points[:, ::-1] - 0.5 if flat else in_ras(points, found.image)
    for point, place, confidence in zip(
        predictor.points, places.tolist(), found.found.confidence.tolist(), strict=True
    ):
        numbers = (round(number, 3) for number in place)
        yield {
            "file": name,
            "point": point,
            **dict(zip(FLAT if flat else VOLUME, numbers, strict=True)),
            "confidence": round(confidence, 6),
        }


def _draw(folder: Path, name: str, found: PredictedPoints, predictor: PointPredictor) -> None:
    path = folder / OVERLAYS / f"{flat_name(name)}.png"
    path.parent.mkdir(exist_ok=True)
    save(draw_points(name, found.image, found.found.points, predictor.points), path)
