"""Cases: what a reader returns, and all that the rest of Lightbox knows of a dataset."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from datamodules.errors import DataError
from datamodules.problems import FaultyCasesError, Kind, Problem

SAME_EXTENT = "same-extent"
"""Selector of a mask that covers what its image shows, in another number of pixels."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the pixels of one input lie.

    Attributes:
        path: Relative to the root of the dataset, with forward slashes.
        selector: What to take from the file, for example ``train_images[17]`` of an npz, or the
            SeriesInstanceUID of a folder with several series; of a candidate the place follows
            (``box voxel 10 20 5``).
    """

    path: str
    selector: str | None = None

    def __str__(self) -> str:
        return self.path if self.selector is None else f"{self.path}:{self.selector}"


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to predict on.

    Attributes:
        case_id: Unique in its table; also the name of prediction files.
        patient_id: The unit of splitting and of bootstrap resampling.
        inputs: Sources by name; an X-ray is ``{"image": ...}``. A volume is one file, whose fourth
            axis has the channels, or one file a channel; a folder is a DICOM series, and a selector
            then its SeriesInstanceUID. A slide is ``{"slide": ...}``, the folder of a DICOM slide
            too; a bag of ready-made features is ``{"features": ...}``.
        targets: Every annotation that the dataset has: ``"class"`` (one of the table's classes),
            ``"findings"`` (finding -> 1.0, 0.0, or None when not known), ``"boxes"`` (list of
            ``(label, x, y, width, height)`` in pixels of the stored image, from the edge of its
            first one), ``"volume_boxes"`` (list of ``(label, VolumeCandidate)``),
            ``"ignored_boxes"`` and ``"ignored_volume_boxes"`` (alike: regions in which nothing
            counts for that label; an empty one means all), ``"points"`` (landmark -> ``(x, y)`` in
            pixels of the stored image, the middle of its first one being ``(0, 0)``; None or not
            there: not marked), ``"points_extent"`` (width and height of the picture that they are
            counted in, where it shows the same in another number of pixels), ``"volume_points"``
            (landmark -> VolumeCandidate without a size), ``"readings"`` (who else marked them ->
            points or volume points: what is found is compared with each), ``"mask"`` (Source of a
            label map; the table's structures say what its values are), ``"masks"`` (structure ->
            Source of a binary mask, not 0 = inside, for structures that may overlap),
            ``"regions"`` (Source of outlines of what is positive in a slide, in its pixels at full
            resolution: GeoJSON of QuPath, or XML of ASAP), ``"time"`` (how long the patient was
            followed up, in the table's unit) and ``"event"`` (whether it happened then; False =
            censored).
            Absent = not annotated.
        site: Hospital, scanner or centre.
        attributes: What subgroup figures may be asked by: age, sex, view, ...
        split: The official split, when the dataset has one: ``train``, ``val``, ``test``, or
            ``train_val`` where validation is still to be drawn by patient.
        exam_id: The exam (study) that an image belongs to, unique in the dataset; None: not known.
        geometry_waived: Whether its files are taken to lie on one grid, whatever their headers say.
        spacing_mm: Of its files along their axes (y, x of an image), as the dataset declares it;
            what a file says itself goes before. None: only the files know.
    """

    case_id: str
    patient_id: str
    inputs: Mapping[str, Source]
    targets: Mapping[str, Any] = field(default_factory=dict)
    site: str | None = None
    attributes: Mapping[str, str | float | None] = field(default_factory=dict)
    split: str | None = None
    exam_id: str | None = None
    geometry_waived: bool = False
    spacing_mm: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Structure:
    """Something that is outlined in masks.

    Attributes:
        name: Such as ``left_lung``.
        values: Of the label map that belong to it; empty where it has masks of its own.
    """

    name: str
    values: tuple[int, ...] = ()


@dataclass(frozen=True)
class CaseTable:
    """The cases of one dataset, and what is common to them.

    Attributes:
        name: Name of the dataset.
        root: Every source lies under it. Never logged.
        cases: In a reproducible order.
        classes: The values of ``targets["class"]`` (exactly one a case), in order; or empty.
        findings: The keys of ``targets["findings"]`` (any number a case), in order; or empty.
        structures: What masks outline, in order, without the background; or empty.
        objects: What boxes are drawn around (their labels), in order; or empty.
        points: The keys of ``targets["points"]`` or ``targets["volume_points"]`` (landmarks), in
            order; or empty.
        ignore_value: Value of label maps where nothing is known.
        public: Whether the images are public, so that they may be shown in W&B unasked.
        has_patients: False when the dataset does not say whose image is whose; then
            ``patient_id`` equals ``case_id``, and every report says so.
        notices: What the reader noticed and the report should say, one sentence each.
        warnings: What was wrong and could be left out, such as boxes without area; ``check`` names
            each.
    """

    name: str
    root: Path
    cases: tuple[Case, ...]
    classes: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    structures: tuple[Structure, ...] = ()
    objects: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    ignore_value: int | None = None
    public: bool = False
    has_patients: bool = True
    notices: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = ()

    def __post_init__(self) -> None:
        if not self.cases:
            raise DataError(f"dataset '{self.name}' has no cases")
        counts = Counter(case.case_id for case in self.cases)
        repeated = [
            Problem(Kind.CASE_ID, "", f"case id '{name}' occurs {n} times", case_id=name)
            for name, n in counts.items()
            if n > 1
        ]
        if repeated:
            first = {case.case_id: case for case in reversed(self.cases)}
            sound = tuple(case for case in self.cases if first[case.case_id] is case)
            raise FaultyCasesError(
                f"dataset '{self.name}': case ids are not unique",
                repeated,
                replace(self, cases=sound),
            )

    @property
    def overlapping(self) -> bool:
        """Whether a voxel may belong to several structures."""
        values = [value for structure in self.structures for value in structure.values]
        return any(not each.values for each in self.structures) or len(set(values)) < len(values)


def resolve(root: Path, relative: str) -> Path:
    """Join a path from a table to its root.

    Raises:
        DataError: If the path is absolute or leaves the root, also through a symbolic link.
    """
    path = PurePosixPath(relative.replace("\\", "/"))
    if path.is_absolute() or ":" in relative[:3]:
        raise DataError(
            f"path '{relative}' is absolute; write it relative to the root of the dataset "
            "(--data.reader.root)"
        )
    if ".." in path.parts:
        raise DataError(
            f"path '{relative}' leaves the root of the dataset; paths are relative to it"
        )
    try:
        resolved = (root / path).resolve()
    except (OSError, RuntimeError) as error:  # before Python 3.13 a RuntimeError
        raise DataError(f"path '{relative}' is a link that leads back to itself") from error
    if not resolved.is_relative_to(root.resolve()):
        raise DataError(f"path '{relative}' is a link that leaves the root of the dataset")
    return root / path
