"""Exams: the images that were taken together become one case with one label."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from datamodules.candidates import has_candidates
from datamodules.cases import Case, CaseTable, Source
from datamodules.errors import ConfigError, DataError
from datamodules.readers.image_files import fault_of_case_id

MOST_VIEWS = 4
"""Images of an exam that are used, frontal ones first: this bounds the memory of a batch."""
FRONTAL = ("pa", "ap", "frontal")

Value = str | float | None


def group_exams(table: CaseTable) -> CaseTable:
    """One case an exam: its images are the inputs, and its findings hold if any image's do.

    Of an exam with more than four images the frontal ones come first, then the order of the table.
    Boxes belong to single images and are left out.

    Raises:
        ConfigError: If the dataset does not say which images belong to one exam, or a case is no
            single image.
        DataError: If the images of an exam differ in patient, class or official side.
    """
    unknown = [case.case_id for case in table.cases if case.exam_id is None]
    if unknown:
        raise ConfigError(
            f"--data.unit exam: {table.name} does not say which exam {len(unknown)} of"
            f" {len(table.cases)} images belong to, such as '{unknown[0]}'"
        )
    exams: dict[str, list[Case]] = defaultdict(list)
    for case in table.cases:
        exams[str(case.exam_id)].append(case)
    if has_candidates(table):
        raise ConfigError("--data.unit exam: the cases of this dataset are candidates, not images")
    if any(len(case.inputs) > 1 for case in table.cases):
        raise ConfigError("--data.unit exam: the images of this dataset have several channels")
    problems = [fault for name, images in exams.items() for fault in _faults(name, images)]
    if problems:
        raise DataError("images cannot be put together to exams; mend the table", problems)
    cases = tuple(_merge(name, images) for name, images in exams.items())
    return replace(table, cases=cases, notices=(*table.notices, *_notices(exams)))


def _faults(name: str, images: Sequence[Case]) -> list[str]:
    facts: dict[str, list[Any]] = {
        "patient": [case.patient_id for case in images],
        "class": [case.targets.get("class") for case in images],
        "official side": [case.split for case in images],
    }
    unusable = fault_of_case_id(_case_id(name))
    faults = [f"exam id '{name}' {unusable}"] if unusable else []
    return faults + [
        f"exam '{name}': {what} is {' and '.join(map(repr, dict.fromkeys(values)))}"
        for what, values in facts.items()
        if len(set(values)) > 1
    ]


def _merge(name: str, images: Sequence[Case]) -> Case:
    ordered = sorted(images, key=lambda case: not _is_frontal(case))[:MOST_VIEWS]
    first = images[0]
    return Case(
        case_id=_case_id(name),
        patient_id=first.patient_id,
        inputs={f"image-{number}": _only_source(case) for number, case in enumerate(ordered, 1)},
        targets=_targets(images),
        site=_common([case.site for case in images]),
        attributes=_attributes(images),
        split=first.split,
        exam_id=name,
    )


def _case_id(exam: str) -> str:
    return exam.replace("/", "_")


def _is_frontal(case: Case) -> bool:
    return str(case.attributes.get("view", "")).casefold().startswith(FRONTAL)


def _only_source(case: Case) -> Source:
    return next(iter(case.inputs.values()))


def _targets(images: Sequence[Case]) -> Mapping[str, Any]:
    targets: dict[str, Any] = {}
    if "class" in images[0].targets:
        targets["class"] = images[0].targets["class"]
    findings: dict[str, list[float | None]] = defaultdict(list)
    for case in images:
        for finding, value in case.targets.get("findings", {}).items():
            findings[finding].append(value)
    if findings:
        targets["findings"] = {
            finding: max((value for value in values if value is not None), default=None)
            for finding, values in findings.items()
        }
    return targets


def _attributes(images: Sequence[Case]) -> dict[str, Value]:
    """What the images have in common; differing texts, such as views, side by side."""
    names = dict.fromkeys(name for case in images for name in case.attributes)
    return {name: _common([case.attributes.get(name) for case in images]) for name in names}


def _common(values: Sequence[Value]) -> Any:  # noqa: ANN401 - text or number, as the values are
    known = dict.fromkeys(value for value in values if value is not None)
    if len(known) <= 1:
        return next(iter(known), None)
    return " + ".join(sorted(value for value in known if isinstance(value, str))) or None


def _notices(exams: Mapping[str, Sequence[Case]]) -> list[str]:
    larger = sum(len(images) > MOST_VIEWS for images in exams.values())
    if not larger:
        return []
    return [f"Exams with more than {MOST_VIEWS} images, of which {MOST_VIEWS} are used: {larger}."]
