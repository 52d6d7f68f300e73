"""Where a model looks in the files that it predicted: maps in the files' own geometry."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from datamodules.batches import ClassifierBatch
from experiments.predicted_files import PredictedBatch, PredictedFile
from lightning_modules.classifier import Classifier
from lightning_modules.explanations import MadeBy, explain
from lightning_modules.slide_survival import SlideSurvival

Explained = Classifier | SlideSurvival
"""What says of a case how much there is of something, and where it looks for it."""

HALF = 0.5

SPELT: dict[MadeBy, str] = {
    "attention": "attention",
    "tile-scores": "each tile alone",
    "attention-map": "attention map",
    "grad-cam": "Grad-CAM",
    "occlusion": "occlusion",
}


@dataclass(frozen=True, eq=False)
class Evidence(ABC):
    """Where a model looks for one label in one file.

    Attributes:
        film: The file.
        label: The label.
        probability: That the model gives it; of survival the risk.
        method: How the map was made.
        map: float32, of the extent of the file, in 0..1.
    """

    film: PredictedFile
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
    def strongest(self) -> tuple[int, ...] | None:
        """Index of the strongest evidence in the map; None without any."""
        at = np.unravel_index(int(self.map.argmax()), self.map.shape)
        return tuple(map(int, at)) if self.map[at] > 0 else None

    @property
    @abstractmethod
    def peak(self) -> dict[str, int | str]:
        """Columns that say where the strongest evidence is; empty texts without any."""

    @property
    @abstractmethod
    def array_ending(self) -> str:
        """Of the file that :meth:`write` writes."""

    @abstractmethod
    def write(self, path: Path) -> None:
        """Write the map in the geometry of the file, whole or not at all."""

    @property
    def share_above_half(self) -> float:
        """Share of the file's pixels or voxels with evidence of more than 0.5."""
        return float((self.map > HALF).mean())


def find_maps(
    module: Explained,
    predicted: PredictedBatch,
    wanted: Sequence[Sequence[str]],
    method: MadeBy,
) -> Iterator[tuple[PredictedFile, int, NDArray[np.float32]]]:
    """Maps of the labels that are wanted of each file, one label after the other.

    Args:
        module: That predicted.
        predicted: The files.
        wanted: Labels of each file.
        method: How.

    Returns:
        The file, the number of the label, and a map of each of its images, ``(N, *size)``.
    """
    if predicted.batch is None:
        return
    case_of = predicted.batch.get("case_of", torch.arange(len(predicted.films))).cpu()
    for output, label in enumerate(module.data.labels.names):
        for place, labels in enumerate(wanted):
            if label not in labels:
                continue
            batch = _one_of(predicted.batch, place, case_of == place)
            maps = explain(module.network, batch, output, method).cpu().numpy()
            yield predicted.films[place], output, maps


def _one_of(batch: ClassifierBatch, place: int, images: torch.Tensor) -> ClassifierBatch:
    """The part of a batch that is about one case."""
    of_images = ("image", "detail", "case_of")
    chosen: dict[str, Any] = {}
    for name, value in cast("dict[str, Any]", batch).items():
        if name in of_images:
            chosen[name] = value[images.to(value.device)]
        else:
            chosen[name] = value[place : place + 1]
    if "case_of" in chosen:
        chosen["case_of"] = torch.zeros_like(chosen["case_of"])
    return cast("ClassifierBatch", chosen)
