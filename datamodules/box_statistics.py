"""What cases with boxes are like: all that planning a detection goes by."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from datamodules.box_cases import IGNORED, CaseBoxes
from datamodules.configs.volume_preprocessing import VolumePreprocessing, ZScore
from datamodules.transforms.resampling import resampled_shape
from datamodules.transforms.volume_preprocessing import PreprocessVolume
from datamodules.volume import Volume
from datamodules.volume_statistics import CaseStatistics, VolumeStatistics, measure

MOST_SIZES = 2000
"""Boxes whose sizes a model is told, to fit anchors to."""
Sides = tuple[tuple[float, ...], ...]
"""Of boxes in voxels, ``(N, axes)``, as plain values."""


@dataclass(frozen=True, eq=False)
class BoxedCaseStatistics(CaseStatistics):
    """What one case is like; its foreground is what lies in boxes.

    Attributes:
        sides: Of its objects along canonical axes, in voxels before resampling, ``(N, axes)``.
        labels: Of its objects, ``(N,)``, positions among the classes.
    """

    sides: NDArray[np.float64]
    labels: NDArray[np.int64]

    def sides_at(self, spacing: Sequence[float]) -> NDArray[np.float64]:
        """Of its objects in voxels of another spacing, ``(N, axes)``."""
        resampled = resampled_shape(self.cropped, self.spacing, tuple(spacing))
        return self.sides * np.divide(resampled, self.cropped)


@dataclass(frozen=True, eq=False)
class BoxStatistics(VolumeStatistics):
    """What the training cases are like.

    Attributes:
        classes: What is to be found, in the order of the labels.
    """

    region: ClassVar[str] = "boxes"
    cases: tuple[BoxedCaseStatistics, ...]
    classes: tuple[str, ...]

    @property
    def counts(self) -> NDArray[np.int64]:
        """Objects of each class in each case, ``(N, classes)``."""
        kinds = len(self.classes)
        return np.array([np.bincount(case.labels, minlength=kinds) for case in self.cases])

    def sides_at(self, spacing: Sequence[float]) -> Sides:
        """Of objects of all cases, in voxels of a spacing: those that a run would fit anchors to.

        Raises:
            DataError: If there is no object at all.
        """
        return evenly(np.concatenate([case.sides_at(spacing) for case in self.cases]))


def measure_boxed(
    image: Volume, boxes: CaseBoxes, preprocessing: VolumePreprocessing, samples: int
) -> BoxedCaseStatistics:
    """Measure one annotated case.

    Args:
        image: What its files hold.
        boxes: In voxels of its file.
        preprocessing: Says whether it is cropped.
        samples: Intensities to draw from the boxes.

    Raises:
        DataError: If voxels have no value; the message is the reason only.
    """
    counted = boxes.training_labels != IGNORED
    inside = np.zeros(image.spatial, bool)
    for low, high in boxes.boxes[counted].reshape(-1, 2, inside.ndim):
        first, last = np.maximum(np.floor(low), 0).astype(int), np.ceil(high).astype(int)
        inside[tuple(map(slice, first, last))] = True
    found = measure(image, inside, preprocessing, samples)
    own = preprocessing.replace(spacing_mm=None, normalisation=ZScore())
    geometry, _ = PreprocessVolume(own).plan(image)
    placed = geometry.prepare_boxes(boxes.boxes[counted]).astype(np.float64)
    low, high = np.split(placed, 2, axis=1)
    return BoxedCaseStatistics(**vars(found), sides=high - low, labels=boxes.labels[counted])


def evenly(sides: NDArray[np.floating]) -> Sides:
    """Sides ``(N, axes)`` in voxels; where they are many, some, evenly taken from all of them."""
    rows = np.linspace(0, len(sides) - 1, min(len(sides), MOST_SIZES)).round().astype(int)
    return tuple(tuple(round(float(side), 2) for side in sides[row]) for row in rows)
