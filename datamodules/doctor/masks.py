"""The doctor for images with masks: all that a run on them would read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from datamodules.batches import UNKNOWN, inside
from datamodules.cases import Case, CaseTable
from datamodules.configs.masks import MasksConfig
from datamodules.doctor.balance import LabelCount
from datamodules.doctor.examination import Examination, begin, examine_sides
from datamodules.doctor.odd_images import unlike_most
from datamodules.errors import DataError
from datamodules.geometry_waivers import waive, waiver_note
from datamodules.mask_cases import MaskedCaseFiles
from datamodules.parallel import few_threads, map_in_order, shown
from datamodules.problems import Kind, Problem
from datamodules.readers.reader import Reading
from datamodules.splits import SIDES
from datamodules.structures import Outlines
from datamodules.transforms.volume_reading import check_volume
from datamodules.transforms.xray_pixels import content_hash
from datamodules.volume_content import UnreadableFileError


@dataclass(frozen=True)
class _Look:
    """What was seen of one case: its content, and whether it has each structure, where known."""

    content_hash: bytes
    axes: int
    channels: int
    structures: Mapping[str, bool]
    waived_mm: float | None


def examine_masks(
    config: MasksConfig, table: CaseTable | None = None, *, pixels: bool
) -> Examination:
    """Look at everything that a run on images with masks would read.

    Args:
        config: Says what is read, and what is made of it.
        table: The cases, where they have been read without a fault.
        pixels: Read every file to its end; off: only what needs no file.

    Raises:
        ConfigError: If the settings do not fit together, or not to the dataset.
    """
    found = begin(config.reader.examine() if table is None else Reading(table))
    if found.table is None:
        return found
    found.table, unknown = waive(found.table, config.geometry_waivers)
    found.problems += [Problem(Kind.CASE_ID, "", message) for message in unknown]
    outlines = Outlines.of(found.table, config.structures)
    found.problems += _not_annotated(found.table, outlines)
    looks = _look_at_all(found, found.table, outlines) if pixels else {}
    examine_sides(found, found.table, config)
    found.counts = _counts(outlines, looks, found.splits)
    return found


def _not_annotated(table: CaseTable, outlines: Outlines) -> list[Problem]:
    left = sum(not outlines.annotate(case) for case in table.cases)
    if left == len(table.cases):
        message = (
            f"no case has a mask of {' or '.join(outlines.names)}: there is nothing to learn; look "
            "where the masks lie, and which structures are asked for (data.structures)"
        )
        return [Problem(Kind.LABEL, "", message)]
    note = f"Cases without a mask, which a run leaves out: {left}."
    return [Problem(Kind.NOTE, "", note, "notice")] if left else []


def _look_at_all(found: Examination, table: CaseTable, outlines: Outlines) -> dict[str, _Look]:
    read = partial(_look, table, outlines)
    results = map_in_order(read, table.cases, few_threads(), ahead=1)
    each = shown(results, f"Reading {table.name}", len(table.cases))
    looks: dict[str, _Look] = {}
    found.images = images = {}
    for case, result in zip(table.cases, each, strict=True):
        if isinstance(result, Problem):
            found.problems.append(result)
            continue
        looks[case.case_id] = result
        if result.waived_mm is not None:
            where, note = f"case '{case.case_id}'", waiver_note(result.waived_mm)
            found.problems.append(Problem(Kind.NOTE, where, note, "notice", case.case_id))
        images[next(iter(case.inputs.values()))] = result.content_hash
        if outlines.annotate(case) and not any(result.structures.values()):
            empty = f"case '{case.case_id}'"
            names = ", ".join(outlines.names)
            message = f"its mask is empty: none of {names} is in it"
            found.problems.append(Problem(Kind.MASK, empty, message, "warning", case.case_id))
    found.problems += unlike_most({n: (each.axes, each.channels) for n, each in looks.items()})
    return looks


def _look(table: CaseTable, outlines: Outlines, case: Case) -> _Look | Problem:
    files = MaskedCaseFiles(case, table.root)
    try:
        volumes = files.read(outlines)
        check_volume(volumes.image)
    except UnreadableFileError as error:
        masks = {source.path for source in files.mask_sources().values()}
        kind = Kind.MASK if error.item.source.path in masks else Kind.UNREADABLE
        return Problem(kind, str(error.item), str(error), case_id=case.case_id)
    except DataError as error:
        return Problem(Kind.UNREADABLE, f"case '{case.case_id}'", str(error), case_id=case.case_id)
    there = {} if volumes.mask is None else _presence(outlines.names, volumes.mask)
    waived_mm = volumes.apart_mm if case.geometry_waived else None
    array = volumes.image.array
    return _Look(content_hash(array), array.ndim - 1, len(array), there, waived_mm)


def _presence(names: Sequence[str], mask: NDArray[np.uint8]) -> dict[str, bool]:
    """Whether a mask ``(M, *spatial)`` has each structure of which it says anything."""
    known = [bool((channel != UNKNOWN).any()) for channel in mask]
    return {
        name: bool(inside(mask, number).any())
        for number, name in enumerate(names)
        if known[number if len(mask) > 1 else 0]
    }


def _counts(
    outlines: Outlines, looks: Mapping[str, _Look], splits: Mapping[str, str]
) -> list[LabelCount]:
    """In how many cases of each side every structure is, and is known not to be."""
    counts = []
    for side in SIDES:
        own = [look.structures for name, look in looks.items() if splits.get(name) == side]
        for name in outlines.names if own else ():
            known = [structures[name] for structures in own if name in structures]
            there = sum(known)
            absent = len(known) - there
            rarer = min(there, absent)
            factor = max(there, absent) / rarer if rarer else None
            counts.append(LabelCount(name, side, there, absent, factor))
    return counts
