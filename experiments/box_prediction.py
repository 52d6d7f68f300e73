"""What ``experiments.predict`` does with a detector: boxes of files, as tables and COCO json."""

from argparse import Namespace
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from callbacks.predictions import prediction_table
from datamodules.volume_files import find_volumes
from experiments.box_files import BoxFiles, Found
from experiments.box_predictor import BoxPredictor, PredictedImage
from experiments.box_tables import box_rows, coco_file, summary_row
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
from experiments.slide_box_prediction import SlideBoxFiles, are_slides

TABLE, BOXES, COCO = "predictions.csv", "boxes.csv", "coco.json"
OVERLAYS = "overlays"


def predict_boxes(arguments: Namespace) -> int:
    """Find the objects of every file that can be read; 3 when some could not.

    Raises:
        ConfigError: If something is wrong with the arguments, or the folder cannot be written.
    """
    refuse_options(arguments, "a detector")
    predictor = BoxPredictor.load(arguments.run)
    if are_slides(arguments, predictor):
        return _write(SlideBoxFiles(arguments, predictor), arguments, predictor)
    return _write(ImageBoxFiles(arguments, predictor), arguments, predictor)


def _write(files: BoxFiles[Found], arguments: Namespace, predictor: BoxPredictor) -> int:
    """Write what is found, each file whole or not at all; the exit code."""
    folder: Path = arguments.output
    names, classes = files.names, predictor.classes
    check_file_names(names)
    count = 0
    with ExitStack() as stack:
        stack.enter_context(writing_to(folder))
        write = stack.enter_context(prediction_table(folder / TABLE, id_column="file"))
        write_box = stack.enter_context(prediction_table(folder / BOXES, id_column="file"))
        failed = stack.enter_context(listed_failures(folder))
        flat = predictor.axes == 2
        add = stack.enter_context(coco_file(folder / COCO, classes)) if flat else None
        progress = not files.one_takes_long
        for name, found in predicted(names, files.predict, failed, "Detecting", progress=progress):
            files.write_more(folder, name, found)
            write(summary_row(name, found, classes))
            for row in files.rows(name, found):
                write_box(row)
                count += 1
            if add is not None:
                add(files.file_name(name), found)
            if arguments.overlays:
                files.draw(folder / OVERLAYS / f"{flat_name(name)}.png", name, found)
    print(f"{count} objects in {len(names) - len(failed)} of {len(names)} cases: {folder / BOXES}")
    return tell_failed(folder, len(failed))


class ImageBoxFiles(BoxFiles[PredictedImage]):
    """Images or volumes, each of which is in memory.

    Args:
        arguments: Of the command.
        predictor: Finds the objects.

    Raises:
        ConfigError: If there are none.
    """

    def __init__(self, arguments: Namespace, predictor: BoxPredictor) -> None:
        channels = predictor.modules[0].data.channels
        self._paths = find_volumes(arguments.places, channels, output=arguments.output)
        self._predictor = predictor
        self.names = list(self._paths)

    def predict(self, name: str) -> PredictedImage:
        """See the base class."""
        return self._predictor.predict(self._paths[name])

    def rows(self, name: str, found: PredictedImage) -> Iterator[dict[str, Any]]:
        """See the base class."""
        affine = found.image.affine if self._predictor.axes == 3 else None
        return box_rows(name, found.boxes, self._predictor.classes, affine)

    def file_name(self, name: str) -> str:
        """See the base class."""
        path = self._paths[name][0]
        return name + path.suffix if path.is_file() else name

    def draw(self, path: Path, name: str, found: PredictedImage) -> None:
        """See the base class."""
        path.parent.mkdir(exist_ok=True)
        save(draw_found(name, found.image, found.boxes, self._predictor.classes), path)
