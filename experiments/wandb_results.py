"""The final results in Weights & Biases: measures, tables, figures; no raw id of any case."""

import csv
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from callbacks.checkpoint_files import BEST
from callbacks.metrics_log import last_step
from datamodules.base import TaskDataModule
from datamodules.boxes import BoxesData
from datamodules.labelled import LabelledData
from datamodules.landmarks import LandmarksData
from datamodules.masks import MasksData
from experiments.experiment import Experiment
from experiments.figures.confident_mistakes import mistakes_sheet
from experiments.figures.detection import box_sheet, detection_rows
from experiments.figures.drawing import FAULTS
from experiments.figures.landmarks import landmark_rows, point_sheet
from experiments.figures.segmentation import overlay_sheet
from experiments.figures.style import DPI
from experiments.reporting.figures import WITH_IMAGES, pictures
from experiments.reporting.page import render
from experiments.run_folder import RunFolder
from experiments.wandb_access import server_answers
from experiments.wandb_cases import cases_table
from experiments.wandb_staging import remove_link, staging
from experiments.wandb_tracking import STEP, hashed_id
from lightning_modules.base import TaskModule
from lightning_modules.classifier import Classifier
from lightning_modules.detector import Detector
from lightning_modules.landmarker import Landmarker
from lightning_modules.metrics.decisions import thresholds
from lightning_modules.segmenter import Segmenter

if TYPE_CHECKING:
    from wandb import Artifact

log = logging.getLogger("lightbox")

RESULT_COLUMNS = ("name", "split", "value", "low", "high", "cases", "patients")
SHARED_COLUMNS = re.compile(
    r"decision$|probability/|truth/|(mre|worst)_(mm|px)$|error_(mm|px)/|confidence/"
)
"""The columns of a prediction table that may leave this machine."""


def log_results(
    loggers: Sequence[Any],
    experiment: Experiment,
    module: TaskModule,
    data: TaskDataModule,
    folder: RunFolder,
) -> None:
    """Log what an evaluated run found, after its last step.

    Ids of cases are hashed under a key of this machine, patients are left out, and images of
    patients, and the report with them, go only where ``experiment.logging.images`` lets them.

    Args:
        loggers: Lightning's loggers; those that are not of W&B are passed over.
        experiment: Says whether images may be seen.
        module: Evaluated: its rows are those of the final passes.
        data: What it was trained on.
        folder: The run, complete but for its last status.
    """
    at_end = {STEP: last_step(folder.metrics_log)}
    for run in _runs(loggers):
        metrics = folder.metrics()
        shown = images_allowed(experiment, data)
        with _going_on_without("the results"):
            sheets = _shared_sheets(module, data, metrics) if shown else {}
            run.log(
                {
                    **_figures(folder, sheets),
                    **_test_panels(metrics),
                    STEP: last_step(folder.metrics_log),
                }
            )
            run.summary.update(dict(_summary(metrics)))
        if not run.offline and not server_answers():
            log.warning("Weights & Biases does not answer, and lacks the tables of results")
            continue
        with _going_on_without("the tables"), staging(folder):
            run.log({**_tables(folder, metrics), **at_end})
            cases = cases_table(module, data, metrics, experiment.seed, images=shown)
            run.log({**cases, **at_end})
        if experiment.logging.artifact:
            with _going_on_without("the checkpoint"):
                run.log_artifact(_model(run.id, experiment, folder))


def _model(run_id: str, experiment: Experiment, folder: RunFolder) -> "Artifact":
    """The best weights; the checkpoint names no place and no case."""
    import wandb

    model = wandb.Artifact(f"{experiment.name}-{run_id}", type="model")
    model.add_file(str(folder.checkpoints / BEST), name=BEST, policy="immutable")
    return model


def finish(loggers: Sequence[Any], exit_code: int = 0) -> None:
    """End the W&B runs, so that another run of the same process does not go on in them."""
    for run in _runs(loggers):
        try:
            with _going_on_without("what came last (`lightbox sync RUN_FOLDER` uploads it)"):
                run.finish(exit_code=exit_code)
        finally:
            remove_link(run.id)


@contextmanager
def _going_on_without(what: str) -> Iterator[None]:
    """W&B may fail in many ways, and a run that was trained for hours is not lost for one."""
    from wandb.errors import Error

    try:
        yield
    except (Error, *FAULTS) as error:
        reason = str(error).rstrip(".")
        log.warning("Weights & Biases lacks %s: %s; local files are complete", what, reason)


def images_allowed(experiment: Experiment, data: TaskDataModule) -> bool:
    """Whether W&B may see images of this dataset."""
    images = experiment.logging.images
    return images == "on" or (images == "auto" and data.table.public)


def _runs(loggers: Sequence[Any]) -> Iterator[Any]:
    if not loggers:
        return
    from pytorch_lightning.loggers import WandbLogger

    yield from (logger.experiment for logger in loggers if isinstance(logger, WandbLogger))


def _summary(metrics: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """``test/auroc``, ``test/auroc_low``, ``test/auroc_high``; what is undefined is left out."""
    for split, name, figure in _results(metrics):
        metric, slash, label = name.partition("/")
        for suffix, key in (("", "value"), ("_low", "low"), ("_high", "high")):
            if figure[key] is not None:
                yield f"{split}/{metric}{suffix}{slash}{label}", figure[key]


def _results(metrics: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for split in ("val", "test"):
        for name, figure in metrics.get(split, {}).items():
            yield split, name, figure


def _test_panels(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Test figures over all labels as logged values: W&B draws panels of no others."""
    return {
        f"{split}/{name}": figure["value"]
        for split, name, figure in _results(metrics)
        if split == "test" and "/" not in name and figure["value"] is not None
    }


def _tables(folder: RunFolder, metrics: Mapping[str, Any]) -> dict[str, Any]:
    import wandb

    results: list[Iterable[Any]] = [
        [name, split, *(figure[key] for key in RESULT_COLUMNS[2:])]
        for split, name, figure in _results(metrics)
    ]
    cases = list(_predictions(folder))
    columns: list[str | int] = [*dict.fromkeys(name for case in cases for name in case)]
    rows: list[Iterable[Any]] = [[case.get(str(name)) for name in columns] for case in cases]
    return {
        "tables/results": wandb.Table(columns=list(RESULT_COLUMNS), data=results),
        "tables/predictions": wandb.Table(columns=columns, data=rows),
    }


def _predictions(folder: RunFolder) -> Iterator[dict[str, Any]]:
    """Rows of the prediction tables, with hashed ids and without any column that is not known."""
    for path in sorted(folder.predictions.glob("*.csv")):
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                yield {"case": hashed_id(row["case_id"]), "split": path.stem, **_shared(row)}


def _shared(row: Mapping[str, str]) -> dict[str, str | float | None]:
    return {
        name: value if name == "decision" else float(value) if value else None
        for name, value in row.items()
        if SHARED_COLUMNS.match(name)
    }


def _figures(folder: RunFolder, sheets: Mapping[str, bytes]) -> dict[str, Any]:
    """Panels of the figures; those with images of patients, and the report, only if allowed."""
    import wandb
    from PIL import Image

    images = {k: v for k, v in pictures(folder.figures).items() if k not in WITH_IMAGES}
    panels: dict[str, Any] = {}
    if sheets:
        images.update(sheets)
        panels["report/page"] = wandb.Html(render(folder, shared=sheets), inject=False)
    for name, png in images.items():
        panels[f"figures/{name}"] = wandb.Image(Image.open(BytesIO(png)))
    return panels


def _shared_sheets(
    module: TaskModule, data: TaskDataModule, metrics: Mapping[str, Any]
) -> dict[str, bytes]:
    """The figures that show images, drawn anew with hashed ids, as PNG by name."""
    drawings: dict[str, Callable[[], Figure]] = {}
    if isinstance(module, Classifier) and isinstance(data, LabelledData):
        chosen = thresholds(metrics["operating_point"])
        drawings["mistakes"] = lambda: mistakes_sheet(module, data, chosen, name_of=hashed_id)
    if isinstance(module, Segmenter) and isinstance(data, MasksData):
        rows = module.rows.get("test") or module.rows["val"]
        drawings["overlays"] = lambda: overlay_sheet(module, data, rows, name_of=hashed_id)
    if isinstance(module, Detector) and isinstance(data, BoxesData):
        point, found = metrics["operating_point"], detection_rows(module)
        drawings["box_mistakes"] = lambda: box_sheet(module, data, found, point, hashed_id)
    if isinstance(module, Landmarker) and isinstance(data, LandmarksData):
        placed = landmark_rows(module)
        drawings["point_mistakes"] = lambda: point_sheet(module, data, placed, hashed_id)
    return {name: png for name, draw in drawings.items() if (png := _png(draw)) is not None}


def _png(draw: Callable[[], Figure]) -> bytes | None:
    buffer = BytesIO()
    try:
        draw().savefig(buffer, format="png", dpi=DPI)
    except FAULTS:
        return None
    return buffer.getvalue()
