"""What boxes there are, and how large: notes of `check`, and a warning of the smallest."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.cases import Case, CaseTable
from datamodules.problems import Kind, Problem

SMALLEST_VOXELS = 4
"""Mean side of a box below which it is counted in a warning: networks halve images several times.
"""


def labels_of(case: Case) -> list[str]:
    """Labels of the boxes of a case."""
    return [box[0] for name in ("boxes", "volume_boxes") for box in case.targets.get(name, ())]


def box_notes(table: CaseTable, names: Sequence[str]) -> Iterator[Problem]:
    """Say how many boxes of each class there are, and how large; and how many images have none.

    Args:
        table: The cases.
        names: What is to be found.
    """
    sides: dict[str, list[float]] = {name: [] for name in names}
    images = dict.fromkeys(names, 0)
    unit = "pixels"
    for case in table.cases:
        for name in {*labels_of(case)} & {*names}:
            images[name] += 1
        for label, sizes, space in _sizes(case):
            unit = space
            if label in sides:
                sides[label].append(float(np.prod(sizes) ** (1 / len(sizes))))
    for name, own in sides.items():
        if own:
            note = (
                f"Boxes of {name}: {len(own)} in {images[name]} images; mean sides from"
                f" {min(own):.3g} to {max(own):.3g} {unit}, half of them below {median(own):.3g}."
            )
            yield Problem(Kind.NOTE, "", note, "notice")
    known = [case for case in table.cases if {"boxes", "volume_boxes"} & case.targets.keys()]
    if without := sum(not {*labels_of(case)} & {*names} for case in known):
        note = f"Images that are known to have nothing in them: {without} of {len(known)}."
        yield Problem(Kind.NOTE, "", note, "notice")


def small_boxes(sides: Mapping[str, NDArray[np.float64]]) -> Iterator[Problem]:
    """Warn of boxes of which a network sees next to nothing.

    Args:
        sides: Of the boxes of each case, in voxels of its file, shape ``(N, axes)``.
    """
    means = {name: own.prod(axis=1) ** (1 / own.shape[1]) for name, own in sides.items()}
    small = {name: float(own.min()) for name, own in means.items() if len(own)}
    small = {name: least for name, least in small.items() if least < SMALLEST_VOXELS}
    if not small:
        return
    total = sum(map(len, means.values()))
    count = sum(int((own < SMALLEST_VOXELS).sum()) for own in means.values())
    least = min(small, key=lambda name: small[name])
    message = (
        f"{count} of {total} boxes are smaller than {SMALLEST_VOXELS} voxels on average of their "
        f"sides; the smallest, of case '{least}', has {small[least]:.2g}: a finer grid "
        "(--data.preprocessing.spacing-mm), or larger copies of the images, show more of them"
    )
    yield Problem(Kind.BOX, "", message, "warning")


def _sizes(case: Case) -> Iterator[tuple[str, Sequence[float], str]]:
    for label, _, _, *sizes in case.targets.get("boxes", ()):
        yield label, sizes, "pixels"
    place: Any
    for label, place in case.targets.get("volume_boxes", ()):
        yield label, place.size, "voxels" if place.space == "voxel" else "mm"
