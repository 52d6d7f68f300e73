"""The contract between data and modules: labels, what a module may know of the data, batches."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class LabelSet:
    """What a classifier tells apart.

    Attributes:
        names: One per output of the network. A two-class dataset has one name, its second class.
        exclusive: True: exactly one holds (softmax). False: each holds or not (sigmoid).
        negative: For a two-class dataset the name of its first class, else None.
    """

    names: tuple[str, ...]
    exclusive: bool
    negative: str | None = None

    @classmethod
    def from_classes(cls, classes: tuple[str, ...]) -> LabelSet:
        """Labels of a dataset in which every case has exactly one class."""
        if len(classes) == 2:
            return cls(names=classes[1:], exclusive=False, negative=classes[0])
        return cls(names=classes, exclusive=True)

    @property
    def binary(self) -> bool:
        """Whether there is a single yes-or-no label."""
        return len(self.names) == 1


@dataclass(frozen=True)
class DataInfo:
    """What a classifier may know of the data when it is built; plain values, kept in checkpoints.

    Attributes:
        labels: The labels, in the order of the network's outputs.
        positives: Training cases in which each label holds.
        negatives: Training cases in which each label is known not to hold.
        channels: Image channels.
        size: Image height and width in pixels.
    """

    labels: LabelSet
    positives: tuple[int, ...]
    negatives: tuple[int, ...]
    channels: int
    size: tuple[int, int]

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, loadable with ``weights_only=True``."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> DataInfo:
        """Inverse of :meth:`to_dict`."""
        labels = values["labels"]
        return cls(
            labels=LabelSet(tuple(labels["names"]), labels["exclusive"], labels["negative"]),
            positives=tuple(values["positives"]),
            negatives=tuple(values["negatives"]),
            channels=values["channels"],
            size=(values["size"][0], values["size"][1]),
        )


class XrayBatch(TypedDict):
    """A batch of X-rays.

    Keys:
        image: float32 ``(B, 1, H, W)``, normalised as the preprocessing says.
        target: float32 ``(B, L)``: 1 holds, 0 does not, NaN not known. One-hot when exclusive.
        index: int64 ``(B,)``, position in the datamodule's table of cases.
        epoch, draw: int64 ``(B,)``, the key that the augmentation was drawn from (-1: none).
        case_id, patient_id: added in the main process, so that workers carry no strings.
    """

    image: Tensor
    target: Tensor
    index: Tensor
    epoch: Tensor
    draw: Tensor
    case_id: NotRequired[list[str]]
    patient_id: NotRequired[list[str]]
