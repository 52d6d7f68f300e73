"""Where a model looks in the files that it predicted: maps in the files' own geometry."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from datamodules.batches import XrayBatch
from datamodules.configs.xrays import XrayPreprocessing
from datamodules.errors import DataError
from datamodules.transforms.xray_geometry import restore
from experiments.overlays import output_path, write_overlay
from experiments.predicted_files import PredictedBatch, PredictedFilm, failure
from lightning_modules.explanations import MadeBy, explain
from lightning_modules.xray_classifier import XrayClassifier

HALF = 0.5

SPELT: dict[MadeBy, str] = {"attention-map": "attention map", "grad-cam": "Grad-CAM"}


@dataclass(frozen=True, eq=False)
class Evidence:
    """Where a model looks for one label in one file.

    Attributes:
        film: The file.
        label: The label.
        probability: That the model gives it.
        method: How the map was made.
        map: float32 ``(height, width)`` of the file, in 0..1.
    """

    film: PredictedFilm
    label: str
    probability: float
    method: MadeBy
    map: NDArray[np.float32]

    @property
    def caption(self) -> str:
        """What is seen, for a person."""
        return f"{self.label} {self.probability:.2f} ({SPELT[self.method]})"

    @property
    def warning(self) -> str:
        """Why the file is outside the training data, for a person; empty if it is not."""
        reasons = self.film.outside or ()
        return f"outside the training data: {'; '.join(reasons)}" if reasons else ""

    @property
    def peak(self) -> tuple[int, int] | None:
        """Column and row of the strongest evidence in pixels of the file; None without any."""
        row, column = np.unravel_index(int(self.map.argmax()), self.map.shape)
        return (int(column), int(row)) if self.map[row, column] > 0 else None

    @property
    def share_above_half(self) -> float:
        """Share of the file's pixels with evidence of more than 0.5."""
        return float((self.map > HALF).mean())


def find_evidence(
    module: XrayClassifier,
    predicted: PredictedBatch,
    wanted: Sequence[Sequence[str]],
    method: MadeBy,
) -> Iterator[Evidence]:
    """Maps of the labels that are wanted of each file, one label after the other.

    Args:
        module: That predicted.
        predicted: The files.
        wanted: Labels of each file.
        method: How.
    """
    if predicted.batch is None:
        return
    for output, label in enumerate(module.data.labels.names):
        places = [place for place, labels in enumerate(wanted) if label in labels]
        if not places:
            continue
        batch = _some_of(predicted.batch, places)
        maps = explain(module.network, batch, output, method).cpu().numpy()
        for place, small in zip(places, maps, strict=True):
            film = predicted.films[place]
            evidence = restore(small, film.prepared.geometry)
            yield Evidence(film, label, film.scores[output], method, evidence)


def draw_evidence(
    module: XrayClassifier,
    predicted: PredictedBatch,
    wanted: Sequence[Sequence[str]],
    method: MadeBy,
    preprocessing: XrayPreprocessing,
    folder: Path,
) -> Iterator[tuple[Evidence, Path]]:
    """As :func:`find_evidence`, each drawn over its file; with the place of the picture.

    The grey range is that of the preprocessing, so that a person sees what the network saw. A file
    that cannot be read any more is added to ``predicted.failed``.
    """
    for evidence in find_evidence(module, predicted, wanted, method):
        film = evidence.film
        picture = output_path(folder, film.name, evidence.label, ".png")
        try:
            write_overlay(
                picture,
                film.path,
                preprocessing,
                evidence.map,
                evidence.caption,
                evidence.warning,
            )
        except DataError as error:
            if (row := failure(film.name, error)) not in predicted.failed:
                predicted.failed.append(row)
        else:
            yield evidence, picture


def _some_of(batch: XrayBatch, places: Sequence[int]) -> XrayBatch:
    chosen = {
        name: value[list(places)] if isinstance(value, torch.Tensor) else [value[p] for p in places]
        for name, value in cast("dict[str, torch.Tensor | list[str]]", batch).items()
    }
    return cast("XrayBatch", chosen)
