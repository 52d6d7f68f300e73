"""The doctor for images and volumes with boxes: all that a run on them would read."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from datamodules.box_cases import ObjectClasses
from datamodules.case_files import CaseFiles
from datamodules.cases import Case, CaseTable
from datamodules.configs.boxes import BoxesConfig
from datamodules.configs.masks import MasksConfig
from datamodules.doctor.balance import LabelCount
from datamodules.doctor.box_statistics import box_notes, labels_of, small_boxes
from datamodules.doctor.examination import Examination, begin, examine_sides
from datamodules.doctor.masks import examine_masks
from datamodules.doctor.stray_boxes import stray
from datamodules.errors import DataError
from datamodules.parallel import few_threads, map_in_order, shown
from datamodules.problems import Kind, Problem, Severity
from datamodules.readers.reader import Reading
from datamodules.splits import SIDES
from datamodules.transforms.box_geometry import voxels_of
from datamodules.transforms.volume_reading import check_volume
from datamodules.transforms.xray_pixels import content_hash
from datamodules.volume import Volume
from datamodules.volume_cache import UnreadableFileError


@dataclass(frozen=True)
class _Look:
    """What was seen of one case.

    Attributes:
        content_hash: Of its voxels.
        form: Number of axes and of channels.
        used: Smallest and largest value.
        stray: What is wrong with its boxes.
        sides: Of each box, in voxels, shape ``(N, axes)``.
    """

    content_hash: bytes
    form: tuple[int, int]
    used: tuple[float, float]
    stray: tuple[Problem, ...]
    sides: NDArray[np.float64]


def examine_boxes(
    config: BoxesConfig, table: CaseTable | None = None, *, pixels: bool
) -> Examination:
    """Look at everything that a run on images with boxes would read.

    Args:
        config: Says what is read, and what is made of it.
        table: The cases, where they have been read without a fault.
        pixels: Read every file to its end; off: only what needs no file.

    Raises:
        ConfigError: If the settings do not fit together, or not to the dataset.
    """
    if config.boxes_from == "masks":
        masks = MasksConfig(reader=config.reader, split=config.split, structures=config.classes)
        return examine_masks(masks, table, pixels=pixels)
    found = begin(config.reader.examine() if table is None else Reading(table))
    if found.table is None:
        return found
    classes = ObjectClasses.of(found.table, config)
    found.problems += _not_annotated(found.table, classes)
    if pixels:
        _look_at_all(found, found.table, classes)
    examine_sides(found, found.table, config)
    found.problems += box_notes(found.table, classes.names)
    found.counts = _counts(found.table, classes, found.splits)
    found.problems += _absent(found.counts)
    return found


def _not_annotated(table: CaseTable, classes: ObjectClasses) -> list[Problem]:
    left = sum(not classes.annotate(case) for case in table.cases)
    if left == len(table.cases):
        nothing = "no case is annotated with boxes: there is nothing to learn"
        return [Problem(Kind.LABEL, "", nothing)]
    note = f"Cases without boxes of which it is not known what is in them, left out: {left}."
    return [Problem(Kind.NOTE, "", note, "notice")] if left else []


def _look_at_all(found: Examination, table: CaseTable, classes: ObjectClasses) -> None:
    cases = [case for case in table.cases if case.inputs]  # of others, the reader has said it
    results = map_in_order(partial(_look, table, classes.names), cases, few_threads(), ahead=1)
    each = shown(results, f"Reading {table.name}", len(cases))
    looks: dict[str, _Look] = {}
    found.images = images = {}
    for case, result in zip(cases, each, strict=True):
        if isinstance(result, Problem):
            found.problems.append(result)
            continue
        looks[case.case_id] = result
        images[next(iter(case.inputs.values()))] = result.content_hash
        found.problems += result.stray
        if result.used[0] == result.used[1]:
            message = f"every pixel has the value {result.used[0]:g}"
            where = f"case '{case.case_id}'"
            found.problems.append(Problem(Kind.BLANK, where, message, "warning", case.case_id))
    found.problems += _unlike_most({name: look.form for name, look in looks.items()})
    found.problems += small_boxes({name: look.sides for name, look in looks.items()})


def _unlike_most(forms: Mapping[str, tuple[int, int]]) -> Iterator[Problem]:
    usual = Counter(forms.values()).most_common(1)
    for name, form in forms.items():
        if form != usual[0][0]:
            most = "{} axes and {} channels".format(*usual[0][0])
            message = "it has {} axes and {} channels".format(*form) + f", and most have {most}"
            yield Problem(Kind.UNREADABLE, f"case '{name}'", message, case_id=name)


def _look(table: CaseTable, names: Sequence[str], case: Case) -> _Look | Problem:
    where = f"case '{case.case_id}'"
    try:
        image = CaseFiles(case, table.root).read_image()
        check_volume(image)
        boxes = _boxes_in(case, names, image)
    except UnreadableFileError as error:
        return Problem(Kind.UNREADABLE, str(error.item), str(error), case_id=case.case_id)
    except DataError as error:
        return Problem(Kind.UNREADABLE, where, str(error), case_id=case.case_id)
    array, axes = image.array, len(image.spatial)
    corners = np.array([box for _, box in boxes], np.float64).reshape(-1, 2, axes)
    return _Look(
        content_hash(array),
        (axes, len(array)),
        (float(array.min()), float(array.max())),
        tuple(_stray(case, boxes, image.spatial)),
        corners[:, 1] - corners[:, 0],
    )


def _boxes_in(
    case: Case, names: Sequence[str], image: Volume
) -> list[tuple[str, tuple[float, ...]]]:
    """Label and corners of each box, along the axes of the file.

    Raises:
        DataError: If they have another number of axes.
    """
    flat = [
        (label, (y, x, y + height, x + width))
        for label, x, y, width, height in case.targets.get("boxes", ())
    ]
    deep = [
        (label, tuple(voxels_of(place, image.affine)))
        for label, place in case.targets.get("volume_boxes", ())
    ]
    if (deep if len(image.spatial) == 2 else flat) or len(image.spatial) not in (2, 3):
        given = "three axes" if deep else "two"
        raise DataError(f"its boxes have {given}, and the image has {len(image.spatial)}")
    return [each for each in (*flat, *deep) if each[0] in names]


def _stray(
    case: Case, boxes: Sequence[tuple[str, Sequence[float]]], spatial: tuple[int, ...]
) -> Iterator[Problem]:
    axes = len(spatial)
    size = f"the image of {' x '.join(map(str, spatial))} voxels along the axes of its file"
    if axes == 2:
        size = f"the image of {spatial[1]} x {spatial[0]} pixels"
    for label, box in boxes:
        low, high = box[:axes], box[axes:]
        if not (where := stray(low, high, spatial)):
            continue
        turn = -1 if axes == 2 else 1  # x before y, as in its file
        corners = f"{_numbers(low[::turn])} to {_numbers(high[::turn])}"
        does = "lies outside" if where == "outside" else "leaves"
        fault = f"the box {label} from {corners} {does} {size}"
        severe: Severity = "error" if where == "outside" else "warning"
        yield Problem(Kind.BOX, f"case '{case.case_id}'", fault, severe, case.case_id)


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in np.round(values, 1))


def _counts(
    table: CaseTable, classes: ObjectClasses, splits: Mapping[str, str]
) -> list[LabelCount]:
    """In how many images of each side every class is, and is known not to be."""
    counts = []
    for side in SIDES:
        own = [
            set(labels_of(case))
            for case in table.cases
            if splits.get(case.case_id) == side and classes.annotate(case)
        ]
        for name in classes.names if own else ():
            there = sum(name in labels for labels in own)
            absent = len(own) - there
            rarer = min(there, absent)
            factor = max(there, absent) / rarer if rarer else None
            counts.append(LabelCount(name, side, there, absent, factor))
    return counts


def _absent(counts: Sequence[LabelCount]) -> list[Problem]:
    problems = [
        Problem(Kind.IMBALANCE, f"'{each.label}'", f"no box of it is in {each.split}", "warning")
        for each in counts
        if not each.positive
    ]
    training = [each for each in counts if each.split == "train"]
    if training and not any(each.positive for each in training):
        nothing = "there is nothing to learn: no training image has a box"
        problems.append(Problem(Kind.IMBALANCE, "", nothing))
    return problems
