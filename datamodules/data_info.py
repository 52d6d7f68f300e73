"""What a module may know of the data when it is built: plain values, kept in checkpoints."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from datamodules.table_features import TableColumn


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
            mean_boxes=tuple(tuple(box) for box in values.get("mean_boxes", ())),
        )
