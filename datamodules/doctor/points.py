"""The doctor for images and volumes with landmarks: all that a run on them would read."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from datamodules.case_files import CaseFiles
from datamodules.cases import Case, CaseTable
from datamodules.configs.landmarks import LandmarksConfig
from datamodules.doctor.balance import LabelCount
from datamodules.doctor.examination import Examination, begin, examine_sides
from datamodules.doctor.odd_images import unlike_most, without_contrast
from datamodules.doctor.odd_points import odd_points, same_points
from datamodules.errors import DataError
from datamodules.landmark_names import CasePoints, LandmarkNames
from datamodules.parallel import few_threads, map_in_order, shown
from datamodules.point_places import placed_points
from datamodules.problems import Kind, Problem
from datamodules.readers.reader import Reading
from datamodules.splits import SIDES
from datamodules.transforms.volume_geometry import VolumeGeometry
from datamodules.transforms.volume_reading import check_volume
from datamodules.transforms.xray_pixels import content_hash
from datamodules.volume import Volume
from datamodules.volume_content import UnreadableFileError


@dataclass(frozen=True)
class _Look:
    """What was seen of one case.

    Attributes:
        content_hash: Of its voxels.
        form: Number of axes and of channels.
        used: Smallest and largest value.
        has_spacing: Whether it is known how large its pixels are.
        outside: What is wrong with its landmarks.
        places: Of its landmarks in mm, or pixels, along its axes; NaN: not marked, or outside.
    """

    content_hash: bytes
    form: tuple[int, int]
    used: tuple[float, float]
    has_spacing: bool
    outside: tuple[Problem, ...]
    places: NDArray[np.float64]


def examine_points(
    config: LandmarksConfig, table: CaseTable | None = None, *, pixels: bool
) -> Examination:
    """Look at everything that a run on images with landmarks would read.

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
    landmarks = LandmarkNames.of(found.table, config)
    found.problems += _not_annotated(found.table, landmarks)
    if pixels:
        _look_at_all(found, found.table, landmarks)
    examine_sides(found, found.table, config)
    found.problems += _notes(found.table, landmarks)
    found.counts = _counts(found.table, landmarks, found.splits)
    found.problems += _absent(found.counts)
    return found


def _not_annotated(table: CaseTable, landmarks: LandmarkNames) -> list[Problem]:
    left = sum(not landmarks.annotate(case) for case in table.cases)
    if left == len(table.cases):
        nothing = "no case has one of the landmarks: there is nothing to learn"
        return [Problem(Kind.LABEL, "", nothing)]
    note = f"Cases in which no landmark is marked, left out: {left}."
    return [Problem(Kind.NOTE, "", note, "notice")] if left else []


def _look_at_all(found: Examination, table: CaseTable, landmarks: LandmarkNames) -> None:
    cases = [case for case in table.cases if case.inputs]  # of others, the reader has said it
    results = map_in_order(partial(_look, table, landmarks), cases, few_threads(), ahead=1)
    each = shown(results, f"Reading {table.name}", len(cases))
    looks: dict[str, _Look] = {}
    found.images = images = {}
    for case, result in zip(cases, each, strict=True):
        if isinstance(result, Problem):
            found.problems.append(result)
            continue
        looks[case.case_id] = result
        images[next(iter(case.inputs.values()))] = result.content_hash
        found.problems += result.outside
        found.problems += without_contrast(case.case_id, result.used, "pixel")
    found.problems += unlike_most({name: look.form for name, look in looks.items()})
    found.problems += _of_two_units({name: look.has_spacing for name, look in looks.items()})
    found.problems += _compare(landmarks, looks)


def _look(table: CaseTable, landmarks: LandmarkNames, case: Case) -> _Look | Problem:
    try:
        image = CaseFiles(case, table.root).read_image()
        check_volume(image)
        own = landmarks.points_of(case, VolumeGeometry.of(image))
    except UnreadableFileError as error:
        return Problem(Kind.UNREADABLE, str(error.item), str(error), case_id=case.case_id)
    except DataError as error:
        return Problem(Kind.POINT, f"case '{case.case_id}'", str(error), case_id=case.case_id)
    array = image.array
    return _Look(
        content_hash(array),
        (len(image.spatial), len(array)),
        (float(array.min()), float(array.max())),
        image.has_spacing,
        tuple(_outside(case, image, own)),
        own.points.astype(np.float64) * image.spacing,
    )


def _outside(case: Case, image: Volume, own: CasePoints) -> Iterator[Problem]:
    """Landmarks that do not lie in their image; given as their dataset gives them."""
    size = f"the image of {' x '.join(map(str, image.spatial))} voxels along the axes of its file"
    turn = 1
    if len(image.spatial) == 2:
        size, turn = f"the image of {image.spatial[1]} x {image.spatial[0]} pixels", -1
    placed = placed_points(case, image.affine, image.spatial)
    for name in own.outside:
        place = np.asarray(placed[name])[::turn] - 0.5
        at = ", ".join(f"{value:g}" for value in place.round(1))
        message = f"the landmark {name} at {at} lies outside {size}; it counts as not marked"
        yield Problem(Kind.POINT, f"case '{case.case_id}'", message, "warning", case.case_id)


def _of_two_units(has_spacing: Mapping[str, bool]) -> Iterator[Problem]:
    """Cases whose lengths cannot be told together with those of most others."""
    rarer = sum(has_spacing.values()) * 2 < len(has_spacing)
    if len(set(has_spacing.values())) < 2:
        return
    for name, own in has_spacing.items():
        if own is rarer:
            does = "says" if rarer else "does not say"
            message = (
                f"its file {does} how large its pixels are, unlike most; lengths need one unit"
            )
            yield Problem(Kind.UNREADABLE, f"case '{name}'", message, case_id=name)


def _compare(landmarks: LandmarkNames, looks: Mapping[str, _Look]) -> Iterator[Problem]:
    """What is odd about the landmarks of a case beside those of the others."""
    forms = Counter((look.form[0], look.has_spacing) for look in looks.values())
    usual = [form for form, _ in forms.most_common(1)]
    own = {
        name: look.places
        for name, look in looks.items()
        if [(look.form[0], look.has_spacing)] == usual
    }
    if own:
        places = np.stack(list(own.values()))
        yield from same_points(landmarks.names, places)
        yield from odd_points(landmarks.names, list(own), places)


def _notes(table: CaseTable, landmarks: LandmarkNames) -> Iterator[Problem]:
    annotated = [case for case in table.cases if landmarks.annotate(case)]
    marked = [len(landmarks.marked(case)) for case in annotated]
    if marked:
        note = (
            f"Landmarks: {len(landmarks.names)}, marked in {len(annotated)} images; of each image"
            f" {min(marked)} to {max(marked)}."
        )
        yield Problem(Kind.NOTE, "", note, "notice")
    readings = Counter(name for case in annotated for name in case.targets.get("readings", {}))
    if readings:
        listed = ", ".join(f"{name} ({count} images)" for name, count in readings.items())
        note = f"Further readings, with which what is found is compared: {listed}."
        yield Problem(Kind.NOTE, "", note, "notice")


def _counts(
    table: CaseTable, landmarks: LandmarkNames, splits: Mapping[str, str]
) -> list[LabelCount]:
    """In how many images of each side every landmark is marked, and in how many it is not."""
    counts = []
    for side in SIDES:
        own = [
            landmarks.marked(case)
            for case in table.cases
            if splits.get(case.case_id) == side and landmarks.annotate(case)
        ]
        for name in landmarks.names if own else ():
            there = sum(name in marked for marked in own)
            absent = len(own) - there
            rarer = min(there, absent)
            factor = max(there, absent) / rarer if rarer else None
            counts.append(LabelCount(name, side, there, absent, factor))
    return counts


def _absent(counts: Sequence[LabelCount]) -> list[Problem]:
    problems = [
        Problem(
            Kind.IMBALANCE, f"'{each.label}'", f"it is marked in no {each.split} case", "warning"
        )
        for each in counts
        if not each.positive
    ]
    if counts and not any(each.positive for each in counts if each.split == "train"):
        nothing = "there is nothing to learn: no training image has a landmark"
        problems.append(Problem(Kind.IMBALANCE, "", nothing))
    return problems
