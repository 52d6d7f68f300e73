"""Patients and identical images on two sides of the division that a run would use."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from datamodules.candidates import image_of
from datamodules.cases import Case, CaseTable
from datamodules.configs.splits import SplitConfig
from datamodules.errors import DataError
from datamodules.problems import Kind, Problem, problems_of
from datamodules.splits import (
    EXCLUDED,
    assign_splits,
    check_content,
    has_official_split,
    on_two_sides,
    without_side,
)

Hashes = Mapping[str, tuple[bytes, ...]]
"""Content of the images of each case by case id."""
TRAINING = {"train_val": "train"}
COPIES_NAMED = 10


def examine_division(
    table: CaseTable, config: SplitConfig, hashes: Hashes, found: Collection[Problem]
) -> tuple[dict[str, str], list[Problem]]:
    """Divide what can be divided, as a run would.

    Args:
        table: The cases.
        config: How a run divides them.
        hashes: Content of the images, where known.
        found: What is known to be wrong: a case whose patient or side is does not count twice.

    Returns:
        Side of each case that has one, ``excluded`` for a copy; and what is wrong.

    Raises:
        ConfigError: If the fractions leave nothing to train on.
    """
    at_fault = {each.case_id for each in found if each.kind in (Kind.PATIENT, Kind.SPLIT)}
    sound = [case for case in table.cases if case.case_id not in at_fault]
    problems: list[Problem] = []
    official = has_official_split(table, config)
    if official:
        problems, sound = _examine_official(sound)
    splits: dict[str, str] = {}
    whole = len(sound) == len(table.cases)
    try:
        if sound:
            part = table if whole else replace(table, cases=tuple(sound))
            splits = assign_splits(part, config, hashes)
    except DataError as error:
        problems += problems_of(error, Kind.SPLIT)
    if official and not whole:  # a copy of a case at fault leaks all the same
        own = {case.case_id: case.split for case in table.cases if case.split}
        splits = {name: TRAINING.get(side, side) for name, side in own.items()} | splits
    divided = check_content(splits, hashes, official=True)[0] if hashes else splits
    return divided, [*problems, *_copies(table, splits, divided, hashes)]


def _examine_official(cases: Sequence[Case]) -> tuple[list[Problem], list[Case]]:
    """What is wrong with the official sides, and the cases that it is not wrong with."""
    lost = [case.case_id for case in without_side(cases)]
    message = "has no official side, and others have"
    problems = [Problem(Kind.SPLIT, f"case '{name}'", message, case_id=name) for name in lost]
    with_side = [case for case in cases if case.case_id not in set(lost)]
    torn = on_two_sides(with_side)
    for patient, sides in torn.items():
        listed = ", ".join(f"case '{name}' in {side}" for side, name in sides.items())
        problems.append(Problem(Kind.TWO_SIDES, f"patient '{patient}'", listed))
    return problems, [case for case in with_side if case.patient_id not in torn]


def _copies(
    table: CaseTable, splits: Mapping[str, str], divided: Mapping[str, str], hashes: Hashes
) -> Iterator[Problem]:
    groups: dict[bytes, dict[str, Case]] = defaultdict(dict)
    for case in table.cases:
        for content in hashes.get(case.case_id, ()):
            groups[content][case.case_id] = case
    for copies in (list(group.values()) for group in groups.values() if len(group) > 1):
        lost = [case.case_id for case in copies if divided.get(case.case_id) == EXCLUDED]
        if not lost and _are_candidates_of_one(copies):
            continue
        names = [f"'{c.case_id}' ({splits.get(c.case_id, 'not divided')})" for c in copies]
        message = _compared(table, copies)
        if lost:
            message += f"; a run leaves out {_some(lost)}"
        kind = Kind.COPIES_ACROSS if lost else Kind.COPIES
        yield Problem(kind, _some(names, " = "), message, "warning", copies[0].case_id)


def _are_candidates_of_one(copies: Sequence[Case]) -> bool:
    sources = {tuple(case.inputs.values()) for case in copies}
    images = {tuple(map(image_of, own)) for own in sources}
    return len(images) == 1 and images.isdisjoint(sources)


def _compared(table: CaseTable, copies: Sequence[Case]) -> str:
    patients = list(dict.fromkeys(case.patient_id for case in copies))
    facts = "the same image"
    if table.has_patients and len(patients) > 1:
        facts += f" of the patients {_some(patients)}"
    if any(_labels(case) != _labels(copies[0]) for case in copies):
        facts += " with different labels"
    return facts


def _labels(case: Case) -> tuple[object, object]:
    return case.targets.get("class"), case.targets.get("findings")


def _some(names: Sequence[str], between: str = ", ") -> str:
    more = len(names) - COPIES_NAMED
    return between.join(names[:COPIES_NAMED]) + (f"{between}{more} more" if more > 0 else "")
