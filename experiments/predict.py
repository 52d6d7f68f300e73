"""``python -m experiments.predict``: apply a trained model to new files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datamodules.errors import ConfigError
from experiments.exit_codes import guarded
from experiments.file_command import FILMS, add_file_arguments, check_arguments, run_on_files

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from experiments.predicted_files import PredictedBatch
    from experiments.predictor import Predictor
    from lightning_modules.explanations import MadeBy

TABLE, FEATURES = "predictions.csv", "features.npz"


def main(argv: list[str] | None = None) -> int:
    """Carry out a command line; 3 when some files could not be read."""
    return guarded(lambda: _predict(_parser().parse_args(argv)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.predict",
        description="Apply a trained model to new files. A classifier gives probabilities, the"
        " decision at the operating point that was frozen on validation, and whether a file is"
        " unlike those that the model was trained on; a segmenter gives masks in the geometry of"
        " the files, and their volumes; a detector gives boxes, a landmarker points, in pixels, or"
        " in mm of volumes; whole slides a detector looks at in tiles, and writes GeoJSON for"
        " QuPath, too.",
        epilog="exit code 0: every file predicted; 3: some could not be read, see failures.csv",
    )
    volumes = (
        "; for a segmenter, detector or landmarker also NIfTI, NRRD, MHA and DICOM series; for a"
        " detector of flat images also whole slides (SVS, NDPI, MRXS, pyramidal TIFF ...)"
    )
    add_file_arguments(parser, TABLE, FILMS + volumes)
    parser.add_argument(
        "--overlays",
        action="store_true",
        help="draw masks, boxes or points; of a classifier, where the network looks for each label",
    )
    parser.add_argument(
        "--features",
        action="store_true",
        help=f"write the network's features to {FEATURES}: file (n,), features (n, D)",
    )
    parser.add_argument(
        "--format",
        choices=("nifti", "nrrd", "mha", "png", "dicom-seg"),
        help="of masks; by default nifti for volumes and png for flat images; dicom-seg takes"
        " folders of DICOM series",
    )
    parser.add_argument(
        "--pixel-spacing-mm",
        type=float,
        metavar="MM",
        help="of a landmarker that measures in mm: the side of a pixel, of flat images whose files"
        " do not say it",
    )
    slides = parser.add_argument_group("whole slides, for a detector; each says that files are")
    slides.add_argument(
        "--um-per-pixel",
        type=float,
        metavar="UM",
        help="of the images that the detector was trained on (0.25 at 40x, 0.5 at 20x), where they"
        " do not say it; slides of any scale are looked at on this one",
    )
    slides.add_argument(
        "--assumed-um-per-pixel",
        type=float,
        metavar="UM",
        help="of slides that do not say it, such as PNG and JPEG files",
    )
    slides.add_argument(
        "--everywhere",
        action="store_true",
        help="look at all of a slide, not only where it has tissue: smears, stains without colour",
    )
    return parser


def _predict(arguments: argparse.Namespace) -> int:
    check_arguments(arguments, arguments.output / TABLE)
    from experiments.trained import is_detector, is_landmarker, is_segmenter

    finds_points = is_landmarker(arguments.run)
    if arguments.pixel_spacing_mm is not None and not finds_points:
        raise ConfigError("--pixel-spacing-mm is for landmarks, and this model finds none")
    if is_detector(arguments.run):
        from experiments.box_prediction import predict_boxes

        return predict_boxes(arguments)
    scales = arguments.um_per_pixel, arguments.assumed_um_per_pixel
    if arguments.everywhere or scales != (None, None):
        raise ConfigError(
            "--um-per-pixel, --assumed-um-per-pixel and --everywhere are of a detector on slides,"
            " and this model is none"
        )
    if finds_points:
        from experiments.point_prediction import predict_points

        return predict_points(arguments)
    if is_segmenter(arguments.run):
        from experiments.mask_prediction import predict_masks

        return predict_masks(arguments)
    if arguments.format is not None:
        raise ConfigError("--format is of masks, and this model makes none")
    return run_on_files(arguments, TABLE, lambda predictor: _Predictions(arguments, predictor))


class _Predictions:
    """Rows of predictions.csv; overlays and features where they are asked for."""

    def __init__(self, arguments: argparse.Namespace, predictor: Predictor[Any]) -> None:
        from lightning_modules.explanations import choose_method

        self.output: Path = arguments.output
        self.predictor = predictor
        network = predictor.module.network
        self.method = choose_method(network) if arguments.overlays else None
        self.with_features: bool = arguments.features
        self.features: dict[str, NDArray[np.float32]] = {}
        self.done = 0

    def rows(self, predicted: PredictedBatch) -> Iterator[dict[str, Any]]:
        """A row a file."""
        for film in predicted.films:
            self.done += 1
            if self.with_features:
                self.features[film.name] = film.features
            yield self.predictor.row(film)
        if self.method is not None:
            self._draw(predicted, self.method)

    def _draw(self, predicted: PredictedBatch, method: MadeBy) -> None:
        from datamodules.xray_files import OVERLAYS

        everything = [self.predictor.module.data.labels.names] * len(predicted.films)
        for _ in self.predictor.draw(predicted, everything, method, self.output / OVERLAYS):
            pass

    def finish(self) -> None:
        """Write the features of all files."""
        if self.with_features:
            from experiments.array_files import write_features

            write_features(self.output / FEATURES, self.features)

    def summary(self, files: int) -> str:
        """How many were predicted."""
        return f"{self.done} of {files} files predicted: {self.output / TABLE}"


if __name__ == "__main__":
    sys.exit(main())
