"""Whole slides among the files of a detector: found, and what is written of them."""

from argparse import Namespace
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from datamodules.readers.named_files import SLIDE_ENDINGS
from datamodules.transforms.slide_reading import is_scan
from datamodules.xray_files import find_files
from experiments.box_files import BoxFiles
from experiments.box_geojson import write_box_geojson
from experiments.box_predictor import BoxPredictor
from experiments.box_tables import box_rows
from experiments.file_names import flat_name
from experiments.slide_box_overlays import draw_slide_boxes
from experiments.slide_box_predictor import PredictedSlide, SlideBoxPredictor, SlideOptions
from experiments.slide_box_scale import check_scale

GEOJSON = "geojson"
UNSCALED = (".png", ".jpg", ".jpeg")
"""Small slides, which never say their scale; beside scans they are pictures of something else."""
AMBIGUOUS = (*UNSCALED, ".tif", ".tiff", ".dcm")
"""Of slides, and of images."""


def are_slides(arguments: Namespace, predictor: BoxPredictor) -> bool:
    """Whether files are whole slides: an option says so, or one of them is a scan."""
    options = arguments.um_per_pixel, arguments.assumed_um_per_pixel
    if arguments.everywhere or any(each is not None for each in options):
        return True
    places: list[Path] = arguments.places
    return predictor.axes == 2 and any(_is_slide(path) for path in _files_of(places))


def _files_of(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        yield from place.rglob("*") if place.is_dir() else [place]


def _is_slide(path: Path) -> bool:
    ending = path.suffix.lower()
    if ending in UNSCALED or ending not in SLIDE_ENDINGS or path.name.startswith("."):
        return False
    return path.is_file() and (ending not in AMBIGUOUS or is_scan(path))


class SlideBoxFiles(BoxFiles[PredictedSlide]):
    """Whole slides, in which a detector finds objects.

    Args:
        arguments: Of the command.
        predictor: The detector.

    Raises:
        ConfigError: If there are none, the detector is not for slides, or its scale is not known.
    """

    one_takes_long = True

    def __init__(self, arguments: Namespace, predictor: BoxPredictor) -> None:
        assumed: float | None = arguments.assumed_um_per_pixel
        if assumed is not None:
            check_scale("--assumed-um-per-pixel", assumed)
        options = SlideOptions(
            *(arguments.um_per_pixel, assumed, arguments.everywhere, arguments.batch_size)
        )
        self._predictor, self._classes = SlideBoxPredictor(predictor, options), predictor.classes
        scaled = assumed is not None
        endings = tuple(each for each in SLIDE_ENDINGS if scaled or each not in UNSCALED)
        self._paths = find_files(
            arguments.places, arguments.output, lambda name: name.lower().endswith(endings), "slide"
        )
        self.names = list(self._paths)

    def predict(self, name: str) -> PredictedSlide:
        """See the base class."""
        return self._predictor.predict(self._paths[name])

    def rows(self, name: str, found: PredictedSlide) -> Iterator[dict[str, Any]]:
        """In pixels of level 0."""
        return box_rows(name, found.boxes, self._classes)

    def file_name(self, name: str) -> str:
        """As it is."""
        return name

    def write_more(self, folder: Path, name: str, found: PredictedSlide) -> None:
        """The boxes for QuPath."""
        write_box_geojson(
            folder / GEOJSON / f"{flat_name(name)}.geojson", found.boxes, self._classes
        )

    def draw(self, path: Path, name: str, found: PredictedSlide) -> None:
        """The boxes over a small picture of the slide."""
        draw_slide_boxes(path, name, found, self._classes)
