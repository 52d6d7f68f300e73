"""The ten tasks of the Medical Segmentation Decathlon: their folders and structures."""

from dataclasses import dataclass
from typing import Literal

from datamodules.cases import Structure

Task = Literal[
    "brain-tumour",
    "heart",
    "liver",
    "hippocampus",
    "prostate",
    "lung",
    "pancreas",
    "hepatic-vessel",
    "spleen",
    "colon",
]


@dataclass(frozen=True)
class MsdTask:
    """One published task.

    Attributes:
        folder: As it is unpacked.
        labels: Names of the values 1, 2, ... of its masks, as its ``dataset.json`` has them.
    """

    folder: str
    labels: tuple[str, ...]

    @property
    def structures(self) -> tuple[Structure, ...]:
        """The labels as structures that exclude each other."""
        return tuple(Structure(name, (value,)) for value, name in enumerate(self.labels, start=1))


TASKS: dict[str, MsdTask] = {
    "brain-tumour": MsdTask(
        "Task01_BrainTumour", ("edema", "non-enhancing tumor", "enhancing tumour")
    ),
    "heart": MsdTask("Task02_Heart", ("left atrium",)),
    "liver": MsdTask("Task03_Liver", ("liver", "cancer")),
    "hippocampus": MsdTask("Task04_Hippocampus", ("Anterior", "Posterior")),
    "prostate": MsdTask("Task05_Prostate", ("PZ", "TZ")),
    "lung": MsdTask("Task06_Lung", ("cancer",)),
    "pancreas": MsdTask("Task07_Pancreas", ("pancreas", "cancer")),
    "hepatic-vessel": MsdTask("Task08_HepaticVessel", ("Vessel", "Tumour")),
    "spleen": MsdTask("Task09_Spleen", ("spleen",)),
    "colon": MsdTask("Task10_Colon", ("colon cancer primaries",)),
}
