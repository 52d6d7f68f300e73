"""A trained model applied to files, with the preprocessing that its checkpoint carries."""

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from callbacks.checkpoint_files import BEST, read_checkpoint
from callbacks.progress import track
from datamodules.errors import CheckpointError, DataError
from datamodules.transforms.xray_preprocessing import PreparedXray
from datamodules.xray_files import as_batch, prepare_file
from experiments.experiment import Experiment
from experiments.overlays import write_overlay
from experiments.tasks import rebuild_module
from lightning_modules.base import Prediction
from lightning_modules.explanations import grad_cam
from lightning_modules.xray_classifier import XrayClassifier

log = logging.getLogger("lightbox")
Table = list[dict[str, Any]]


@dataclass
class Predictor:
    """A module with its weights, its preprocessing and its frozen operating point."""

    module: XrayClassifier
    experiment: Experiment
    operating_point: dict[str, Any]

    @classmethod
    def load(cls, source: Path) -> "Predictor":
        """Load the best checkpoint of a run folder, or a checkpoint file.

        Raises:
            CheckpointError: If it cannot be used, or no operating point was frozen in it.
        """
        path = source / "checkpoints" / BEST if source.is_dir() else source
        checkpoint = read_checkpoint(path)
        module = rebuild_module(checkpoint)
        facts = checkpoint["lightbox"]
        if facts["operating_point"] is None:
            raise CheckpointError(
                f"{path}: no operating point is frozen in it, as its run was not finished;"
                " finish it with: python -m experiments.run --resume RUN"
            )
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        return cls(
            module.to(device),
            Experiment.model_validate(facts["experiment"]),
            facts["operating_point"],
        )

    def predict_files(
        self, files: Mapping[str, Path], batch_size: int, overlays: Path | None = None
    ) -> tuple[Table, Table]:
        """Predict every file that can be read.

        Args:
            files: Paths by name.
            batch_size: Images a forward pass.
            overlays: Folder for Grad-CAM overlays in the geometry of the files, or None.

        Returns:
            Rows of predictions.csv, and rows ``{"file", "reason"}`` of failures.csv.
        """
        done: Table = []
        failed: Table = []
        names = list(files)
        with ThreadPoolExecutor() as pool:
            for start in track(range(0, len(names), batch_size)):
                group = names[start : start + batch_size]
                films = dict(
                    zip(
                        group, pool.map(self._prepare, [files[name] for name in group]), strict=True
                    )
                )
                good = {
                    name: film for name, film in films.items() if isinstance(film, PreparedXray)
                }
                failed += [
                    {"file": name, "reason": str(fault)}
                    for name, fault in films.items()
                    if isinstance(fault, DataError)
                ]
                if good:
                    done += self._predict(good, files, overlays)
        return done, failed

    def _prepare(self, path: Path) -> PreparedXray | DataError:
        try:
            return prepare_file(path, self.experiment.data.preprocessing)
        except DataError as error:
            return error

    def _predict(
        self, films: Mapping[str, PreparedXray], files: Mapping[str, Path], overlays: Path | None
    ) -> Table:
        batch = as_batch(list(films), list(films.values()), self.experiment.data.preprocessing)
        batch["image"] = batch["image"].to(self.module.device)
        with torch.inference_mode():
            predictions = self.module.predict_cases(batch)
        if overlays is not None:
            for output, label in enumerate(self.module.data.labels.names):
                layer = self.module.network.attention_layer
                maps = grad_cam(self.module.network, layer, batch["image"], output).cpu().numpy()
                for name, evidence in zip(films, maps, strict=True):
                    path = overlays / f"{name.replace('/', '__')}__{label}.png"
                    write_overlay(path, files[name], evidence, films[name].geometry)
        return [self._row(prediction) for prediction in predictions]

    def _row(self, prediction: Prediction) -> dict[str, Any]:
        row = {"case_id": prediction.case_id, "patient_id": "", "scores": prediction.value}
        columns = self.module.table_row(row, self.operating_point)
        del columns["patient_id"]
        return {"file": columns.pop("case_id"), **columns}
