"""The drawn films as candidates: each nodule with its box, and as many places without one."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

from datamodules.candidates import Box, select_box
from datamodules.cases import Case, CaseTable, Source

CLASSES = ("nothing", "nodule")
SEED = 0


def as_candidates(table: CaseTable) -> CaseTable:
    """One case a candidate, of the classes ``nothing`` and ``nodule``.

    Places without a nodule are those of nodules in films of other patients, so that neither place
    nor size of a candidate says what it is.

    Args:
        table: Films whose nodules have boxes.
    """
    nodules = [(case.patient_id, box) for case in table.cases for box in _nodules(case)]
    random.Random(SEED).shuffle(nodules)
    cases: list[Case] = []
    for number, case in enumerate(table.cases):
        first = number % len(nodules)
        cases += _candidates(case, [*nodules[first:], *nodules[:first]])
    return replace(table, cases=tuple(cases), classes=CLASSES, findings=())


def _candidates(case: Case, nodules: Sequence[tuple[str, Box]]) -> Iterator[Case]:
    """The nodules of a film, and the first place elsewhere that is free in this film."""
    own = _nodules(case)
    free = next(
        box
        for patient, box in nodules
        if patient != case.patient_id and not any(_overlap(box, nodule) for nodule in own)
    )
    for at, box in enumerate((*own, free), start=1):
        source = Source(case.inputs["image"].path, select_box(box))
        yield replace(
            case,
            case_id=f"{case.case_id}_{at}",
            inputs={"image": source},
            targets={"class": CLASSES[box in own]},
        )


def _nodules(case: Case) -> list[Box]:
    return [
        (x, y, w, h) for label, x, y, w, h in case.targets.get("boxes", ()) if label == "Nodule"
    ]


def _overlap(one: Box, other: Box) -> bool:
    return all(
        one[axis] < other[axis] + other[axis + 2] and other[axis] < one[axis] + one[axis + 2]
        for axis in (0, 1)
    )
