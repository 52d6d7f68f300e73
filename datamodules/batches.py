"""The contract between data and modules: labels, what a module may know of the data, batches."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

from datamodules.table_features import TableColumn

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


@dataclass(frozen=True)
class LabelSet:
    """What a classifier tells apart.

    Attributes:
        names: One per output of the network. A two-class dataset has one name, its second class.
        exclusive: True: exactly one holds (softmax). False: each holds or not (sigmoid).
        negative: For a two-class dataset the name of its first class, else None.
        ordered: Whether classes that exclude one another are grades, the lowest first.
    """

    names: tuple[str, ...]
    exclusive: bool
    negative: str | None = None
    ordered: bool = False

    @classmethod
    def from_classes(cls, classes: tuple[str, ...], *, ordered: bool = False) -> LabelSet:
        """Labels of a dataset in which every case has exactly one class."""
        if len(classes) == 2:
            return cls(names=classes[1:], exclusive=False, negative=classes[0])
        return cls(names=classes, exclusive=True, ordered=ordered)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> LabelSet:
        """Inverse of ``asdict``."""
        return cls(
            tuple(values["names"]),
            values["exclusive"],
            values["negative"],
            values.get("ordered", False),
        )

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
        channels: Image channels; of bags of features how many a tile has.
        size: Of an image along each axis: height and width in pixels, or three numbers of voxels;
            empty for bags of features.
        table: What of each case's table is given beside the image.
        candidates: Whether a case is a place in an image, seen as context and detail.
        mirror_axes: Axes of a volume along which training mirrors it.
        feature_mean, feature_deviation: Of each feature over the tiles of training cases, where
            bags of features are standardised; else empty.
        tile_features: What the features of tiles were made by, plain values; empty without tiles.
    """

    labels: LabelSet
    positives: tuple[int, ...]
    negatives: tuple[int, ...]
    channels: int
    size: tuple[int, ...]
    table: tuple[TableColumn, ...] = ()
    candidates: bool = False
    mirror_axes: tuple[int, ...] = ()
    feature_mean: tuple[float, ...] = ()
    feature_deviation: tuple[float, ...] = ()
    tile_features: dict[str, Any] = field(default_factory=dict)

    @property
    def table_width(self) -> int:
        """Numbers given beside the image."""
        return sum(column.width for column in self.table)

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, loadable with ``weights_only=True``."""
        return {
            "labels": asdict(self.labels),
            "positives": self.positives,
            "negatives": self.negatives,
            "channels": self.channels,
            "size": self.size,
            "table": [column.to_dict() for column in self.table],
            "candidates": self.candidates,
            "mirror_axes": self.mirror_axes,
            "feature_mean": self.feature_mean,
            "feature_deviation": self.feature_deviation,
            "tile_features": self.tile_features,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> DataInfo:
        """Inverse of :meth:`to_dict`."""
        return cls(
            labels=LabelSet.from_dict(values["labels"]),
            positives=tuple(values["positives"]),
            negatives=tuple(values["negatives"]),
            channels=values["channels"],
            size=tuple(values["size"]),
            table=tuple(TableColumn.from_dict(column) for column in values.get("table", ())),
            candidates=values.get("candidates", False),
            mirror_axes=tuple(values.get("mirror_axes", ())),
            feature_mean=tuple(values.get("feature_mean", ())),
            feature_deviation=tuple(values.get("feature_deviation", ())),
            tile_features=dict(values.get("tile_features", {})),
        )


@dataclass(frozen=True)
class SurvivalInfo:
    """What a survival model may know of the data when it is built; plain values for checkpoints.

    Attributes:
        ends: Of the intervals that time is divided into, rising, in :attr:`unit`; an interval holds
            its end and not its beginning. The last one goes on for ever: its end is the longest
            time that a training patient was followed up.
        unit: Of time, such as days.
        seen: What the network sees, with an output for each interval: of its hazard.
    """

    ends: tuple[float, ...]
    unit: str
    seen: DataInfo

    @property
    def labels(self) -> LabelSet:
        """What is said of a case: its risk."""
        return LabelSet(("risk",), exclusive=False)

    @property
    def cuts(self) -> tuple[float, ...]:
        """Between the intervals, one less than there are of them."""
        return self.ends[:-1]

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, loadable with ``weights_only=True``."""
        return {"ends": self.ends, "unit": self.unit, "seen": self.seen.to_dict()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SurvivalInfo:
        """Inverse of :meth:`to_dict`."""
        return cls(tuple(values["ends"]), values["unit"], DataInfo.from_dict(values["seen"]))


@dataclass(frozen=True)
class SegmentationInfo:
    """What a segmenter may know of the data when it is built; plain values, kept in checkpoints.

    Attributes:
        labels: The structures, without the background. Exclusive: a softmax over background and
            structures; else they may overlap, and each has a sigmoid of its own.
        channels: Image channels.
        patch: What the network sees at once, in voxels. Two numbers: a 2D network, which goes slice
            by slice over volumes.
        spacing: Of the preprocessed grid in mm, a number for each spatial axis of a case.
        has_spacing: False where the files have none; then it is 1 and lengths are in pixels.
        mirror_axes: Axes of the patch along which training mirrors it.
    """

    labels: LabelSet
    channels: int
    patch: tuple[int, ...]
    spacing: tuple[float, ...]
    has_spacing: bool = True
    mirror_axes: tuple[int, ...] = ()

    @property
    def outputs(self) -> int:
        """Channels of the logits."""
        return len(self.labels.names) + self.labels.exclusive

    @property
    def slice_axis(self) -> int | None:
        """The axis of a volume that a 2D network goes along: the coarsest, the last of equals.

        None where the patch has as many axes as a case.
        """
        if len(self.patch) == len(self.spacing):
            return None
        return max(range(len(self.spacing)), key=lambda axis: (self.spacing[axis], axis))

    @property
    def patch_spacing(self) -> tuple[float, ...]:
        """Spacing along the axes of the patch."""
        return tuple(step for axis, step in enumerate(self.spacing) if axis != self.slice_axis)

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, loadable with ``weights_only=True``."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SegmentationInfo:
        """Inverse of :meth:`to_dict`."""
        return cls(
            labels=LabelSet.from_dict(values["labels"]),
            channels=values["channels"],
            patch=tuple(values["patch"]),
            spacing=tuple(values["spacing"]),
            has_spacing=values["has_spacing"],
            mirror_axes=tuple(values["mirror_axes"]),
        )


UNKNOWN = 255
"""In a mask: not known to which structure the voxel belongs."""


def inside(mask: NDArray[np.uint8], structure: int) -> NDArray[np.bool_]:
    """Where a mask is inside of a structure.

    Args:
        mask: ``(M, *spatial)`` as in :class:`MaskBatch`: label indices, or 0 and 1 for each.
        structure: Its number, from 0.

    Returns:
        ``(*spatial)``; what is not known is not inside.
    """
    within: NDArray[np.bool_] = mask[0] == structure + 1 if len(mask) == 1 else mask[structure] == 1
    return within


def separated(mask: NDArray[np.uint8], structures: int) -> NDArray[np.uint8]:
    """A mask with a channel for each structure, whether or not they exclude one another.

    Args:
        mask: ``(M, *spatial)`` as in :class:`MaskBatch`.
        structures: How many there are (L).

    Returns:
        uint8 ``(L, *spatial)``: 0, 1, or :data:`UNKNOWN`.
    """
    import numpy as np

    if len(mask) == structures:
        return mask
    channels = np.stack([inside(mask, number) for number in range(structures)]).astype(np.uint8)
    channels[:, mask[0] == UNKNOWN] = UNKNOWN
    return channels


class MaskBatch(TypedDict):
    """A batch of patches of images with their masks; in evaluation, one whole preprocessed case.

    Keys:
        image: float32 ``(B, C, *patch)``; a whole case float16.
        mask: uint8. Exclusive structures: ``(B, 1, *patch)``, 0 the background, k the k-th
            structure. Overlapping ones: ``(B, L, *patch)``, 0 or 1. :data:`UNKNOWN` in both.
        index: int64 ``(B,)``, position in the datamodule's table of cases.
        epoch, draw: int64 ``(B,)``, the key that patch and augmentation were drawn from (-1: none).
        case_id, patient_id: added in the main process, so that workers carry no strings.
    """

    image: Tensor
    mask: Tensor
    index: Tensor
    epoch: Tensor
    draw: Tensor
    case_id: NotRequired[list[str]]
    patient_id: NotRequired[list[str]]


@dataclass(frozen=True)
class DetectionInfo:
    """What a detector may know of the data when it is built; plain values, kept in checkpoints.

    Attributes:
        classes: What it finds, in the order of the labels.
        channels: Image channels.
        patch: What the network sees at once in training, in voxels of the prepared grid.
        spacing: Of the prepared grid in mm, a number for each axis.
        has_spacing: False where the files have none; then it is 1 and lengths are in pixels.
        mirror_axes: Axes of the patch along which training mirrors it.
        box_sizes: Sides of boxes of training cases on the prepared grid, in voxels along its axes;
            what anchors are fitted to.
        mean_boxes: Of each class the mean of its boxes in the files of training cases, as shares
            of the file's sides: what a network of single boxes has to be better than. Empty: the
            class has none.
    """

    classes: tuple[str, ...]
    channels: int
    patch: tuple[int, ...]
    spacing: tuple[float, ...]
    has_spacing: bool = True
    mirror_axes: tuple[int, ...] = ()
    box_sizes: tuple[tuple[float, ...], ...] = ()
    mean_boxes: tuple[tuple[float, ...], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, loadable with ``weights_only=True``."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> DetectionInfo:
        """Inverse of :meth:`to_dict`."""
        return cls(
            classes=tuple(values["classes"]),
            channels=values["channels"],
            patch=tuple(values["patch"]),
            spacing=tuple(values["spacing"]),
            has_spacing=values["has_spacing"],
            mirror_axes=tuple(values["mirror_axes"]),
            box_sizes=tuple(tuple(sides) for sides in values["box_sizes"]),
            mean_boxes=tuple(tuple(box) for box in values["mean_boxes"]),
        )


class BoxBatch(TypedDict):
    """A batch of patches of images with boxes in them; in evaluation, one whole prepared case.

    A box is its low and then its high corner along the axes of the image (``y0, x0, y1, x1``), in
    continuous coordinates: voxel i covers ``[i, i + 1)``.

    Keys:
        image: float32 ``(B, C, *patch)``; a whole case float16.
        boxes: B of float32 ``(N, 2 * axes)``.
        labels: B of int64 ``(N,)``, positions among the classes; -1: neither object nor background.
        index: int64 ``(B,)``, position in the datamodule's table of cases.
        epoch, draw: int64 ``(B,)``, the key that patch and augmentation were drawn from (-1: none).
        case_id, patient_id: added in the main process, so that workers carry no strings.
    """

    image: Tensor
    boxes: list[Tensor]
    labels: list[Tensor]
    index: Tensor
    epoch: Tensor
    draw: Tensor
    case_id: NotRequired[list[str]]
    patient_id: NotRequired[list[str]]


class ClassifierBatch(TypedDict):
    """A batch of films or volumes to classify; ``size`` is two or three numbers.

    Keys:
        image: float32 ``(N, C, *size)``, normalised as the preprocessing says; N is B, but where
            cases have several images: exams, and volumes in patches.
        target: float32 ``(B, L)``: 1 holds, 0 does not, NaN not known. One-hot when exclusive.
        index: int64 ``(B,)``, position in the datamodule's table of cases.
        epoch, draw: int64 ``(B,)``, the key that the augmentation was drawn from (-1: none).
        table: float32 ``(B, F)``, what the table knows of each case; F may be 0.
        case_of: int64 ``(N,)``, where cases have several images: position of each image's case.
        detail: float32 ``(N, C, *smaller)``, of candidates: what ``image`` shows the context of.
        case_id, patient_id: added in the main process, so that workers carry no strings.
    """

    image: Tensor
    target: Tensor
    index: Tensor
    epoch: Tensor
    draw: Tensor
    table: Tensor
    case_of: NotRequired[Tensor]
    detail: NotRequired[Tensor]
    case_id: NotRequired[list[str]]
    patient_id: NotRequired[list[str]]


class SurvivalBatch(TypedDict):
    """A batch of bags of tiles of patients who were followed up.

    Keys:
        image: float32 ``(N, D)``, features of all tiles, or uint8 ``(N, 3, h, w)``, the tiles.
        time: float32 ``(B,)``, until the event or the end of follow-up.
        event: bool ``(B,)``: it happened; else the case is censored.
        index: int64 ``(B,)``, position in the datamodule's table of cases.
        epoch, draw: int64 ``(B,)``, the key that the tiles were drawn from (-1: none).
        table: float32 ``(B, F)``, what the table knows of each case; F may be 0.
        case_of: int64 ``(N,)``, position of each tile's case.
        case_id, patient_id: added in the main process, so that workers carry no strings.
    """

    image: Tensor
    time: Tensor
    event: Tensor
    index: Tensor
    epoch: Tensor
    draw: Tensor
    table: Tensor
    case_of: Tensor
    case_id: NotRequired[list[str]]
    patient_id: NotRequired[list[str]]
