"""Every figure of a run, from its rows, its log and its images, into its folder."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

from matplotlib.figure import Figure

from callbacks.metrics_log import read_metrics
from datamodules.base import SPLITS, TaskDataModule
from datamodules.boxes import BoxesData
from datamodules.errors import LightboxError
from datamodules.labelled import LabelledData
from datamodules.landmarks import LandmarksData
from datamodules.masks import MasksData
from experiments.figures.class_balance import class_balance
from experiments.figures.classification import calibration, precision_recall, roc
from experiments.figures.confident_mistakes import mistakes_sheet
from experiments.figures.confusion_matrix import confusion_matrix
from experiments.figures.detection import detection_figures
from experiments.figures.landmarks import landmark_figures
from experiments.figures.learning_curves import learning_curves
from experiments.figures.segmentation import segmentation_figures
from experiments.figures.style import save
from experiments.figures.survival import risk_groups
from experiments.run_folder import RunFolder
from lightning_modules.base import TaskModule
from lightning_modules.classifier import Classifier
from lightning_modules.detector import Detector
from lightning_modules.landmarker import Landmarker
from lightning_modules.metrics.decisions import thresholds
from lightning_modules.metrics.rows import ClassificationRow
from lightning_modules.metrics.survival_figures import SurvivalRow
from lightning_modules.segmenter import Segmenter
from lightning_modules.slide_classifier import SlideClassifier
from lightning_modules.slide_survival import SlideSurvival

log = logging.getLogger("lightbox")

FAULTS = (ArithmeticError, LightboxError, LookupError, OSError, RuntimeError, ValueError)
"""What can be wrong with a figure; a run that was trained for hours is not lost for one."""

Draw = Callable[[], Figure]


def draw_run(
    module: TaskModule, data: TaskDataModule, folder: RunFolder, operating_point: Mapping[str, Any]
) -> None:
    """Write the figures of an evaluated run, each whole or not at all.

    Every task has learning curves; classifier and segmenter have those of their rows as well, of
    the test cases where there are any, else of the validation cases. One that cannot be drawn is
    logged and left out.

    Args:
        module: Evaluated: its rows are those of the final passes.
        data: What it was trained on.
        folder: The run.
        operating_point: As chosen on validation.
    """
    for name, draw in _drawings(module, data, folder, operating_point):
        path = folder.figures / f"{name}.png"
        try:
            save(draw(), path)
        except FAULTS as error:
            path.unlink(missing_ok=True)
            log.warning("figure %s could not be drawn: %s", name, error)


def _drawings(
    module: TaskModule, data: TaskDataModule, folder: RunFolder, operating_point: Mapping[str, Any]
) -> Iterator[tuple[str, Draw]]:
    yield (
        "learning_curves",
        lambda: learning_curves(
            read_metrics(folder.metrics_log),
            module.monitored,
            keep_last=folder.experiment().trainer.keep == "last",
        ),
    )
    if isinstance(module, Segmenter) and isinstance(data, MasksData):
        yield from segmentation_figures(module, data)
    if isinstance(module, Detector) and isinstance(data, BoxesData):
        yield from detection_figures(module, data, operating_point)
    if isinstance(module, Landmarker) and isinstance(data, LandmarksData):
        yield from landmark_figures(module, data)
    if isinstance(module, SlideSurvival) and "risk" in operating_point:
        known = cast("Sequence[SurvivalRow]", module.rows.get("test") or module.rows["val"])
        threshold, unit = operating_point["risk"]["threshold"], module.data.unit
        yield "risk_groups", lambda: risk_groups(known, threshold, unit)
    if isinstance(module, Classifier):
        yield from _classification(module, data, operating_point)


def _classification(
    module: Classifier, data: TaskDataModule, operating_point: Mapping[str, Any]
) -> Iterator[tuple[str, Draw]]:
    rows = cast("Sequence[ClassificationRow]", module.rows.get("test") or module.rows["val"])
    labels, chosen = module.data.labels, thresholds(operating_point)
    yield "roc", lambda: roc(rows, labels, chosen)
    yield "precision_recall", lambda: precision_recall(rows, labels, chosen)
    yield "confusion_matrix", lambda: confusion_matrix(rows, labels, chosen)
    yield "calibration", lambda: calibration(rows, labels)
    if isinstance(data, LabelledData):
        yield "class_balance", lambda: _class_balance(data, labels.names)
        yield "mistakes", lambda: mistakes_sheet(module, data, chosen)
    if isinstance(module, SlideClassifier):
        yield from _attention(module, data)


def _attention(module: SlideClassifier, data: TaskDataModule) -> Iterator[tuple[str, Draw]]:
    """What only slides have; what reads them is loaded here, as no other task needs it."""
    from datamodules.slides import SlidesData
    from experiments.figures.slide_figures import attention_sheet, attention_tiles

    if not isinstance(data, SlidesData):
        return
    yield "attention", lambda: attention_sheet(module, data)
    if not data.config.reader.lists_features:
        yield "attention_tiles", lambda: attention_tiles(module, data)


def _class_balance(data: LabelledData, names: tuple[str, ...]) -> Figure:
    indices = {split: data.indices(split) for split in SPLITS}
    positives = {
        split: dict(zip(names, (data.targets[own] == 1).sum(axis=0).tolist(), strict=True))
        for split, own in indices.items()
        if own
    }
    return class_balance(positives, {split: len(own) for split, own in indices.items()})
