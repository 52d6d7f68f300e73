"""The doctor for images and volumes with boxes: all that a run on them would read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from datamodules.box_cases import ObjectClasses
from datamodules.box_places import placed_boxes
from datamodules.case_files import CaseFiles
from datamodules.cases import Case, CaseTable
from datamodules.configs.boxes import BoxesConfig
from datamodules.configs.masks import MasksConfig
from datamodules.doctor.balance import LabelCount
from datamodules.doctor.box_statistics import box_notes, labels_of, small_boxes
from datamodules.doctor.examination import Examination, begin, examine_sides
from datamodules.doctor.masks import examine_masks
from datamodules.doctor.odd_images import unlike_most, without_contrast
from datamodules.doctor.stray_boxes import stray_boxes
from datamodules.errors import DataError
from datamodules.parallel import few_threads, map_in_order, shown
from datamodules.problems import Kind, Problem
from datamodules.readers.reader import Reading
from datamodules.splits import SIDES
from datamodules.transforms.volume_reading import check_volume
from datamodules.transforms.xray_pixels import content_hash
from datamodules.volume_content import UnreadableFileError


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
        found.problems += without_contrast(case.case_id, result.used, "pixel")
    found.problems += unlike_most({name: look.form for name, look in looks.items()})
    found.problems += small_boxes({name: look.sides for name, look in looks.items()})


def _look(table: CaseTable, names: Sequence[str], case: Case) -> _Look | Problem:
    where = f"case '{case.case_id}'"
    try:
        image = CaseFiles(case, table.root).read_image()
        check_volume(image)
        placed = placed_boxes(case, image.affine, len(image.spatial))
    except UnreadableFileError as error:
        return Problem(Kind.UNREADABLE, str(error.item), str(error), case_id=case.case_id)
    except DataError as error:
        return Problem(Kind.UNREADABLE, where, str(error), case_id=case.case_id)
    array, axes = image.array, len(image.spatial)
    boxes = [each for each in placed if each[0] in names]
    corners = np.array([box for _, box in boxes], np.float64).reshape(-1, 2, axes)
    return _Look(
        content_hash(array),
        (axes, len(array)),
        (float(array.min()), float(array.max())),
        tuple(stray_boxes(case.case_id, boxes, image.spatial)),
        corners[:, 1] - corners[:, 0],
    )


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
