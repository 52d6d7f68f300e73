"""Exams: the images that were taken together become one case with one label."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from datamodules.candidates import has_candidates
from datamodules.case_groups import group_faults, merged, only_source
from datamodules.cases import Case, CaseTable
from datamodules.errors import ConfigError, DataError

MOST_VIEWS = 4
"""Images of an exam that are used, frontal ones first: this bounds the memory of a batch."""
FRONTAL = ("pa", "ap", "frontal")


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
    problems = [
        fault for name, images in exams.items() for fault in group_faults("exam", name, images)
    ]
    if problems:
        raise DataError("images cannot be put together to exams; mend the table", problems)
    cases = tuple(_merge(name, images) for name, images in exams.items())
    return replace(table, cases=cases, notices=(*table.notices, *_notices(exams)))


def _merge(name: str, images: Sequence[Case]) -> Case:
    ordered = sorted(images, key=lambda case: not _is_frontal(case))[:MOST_VIEWS]
    inputs = {f"image-{number}": only_source(case) for number, case in enumerate(ordered, 1)}
    return merged(name, images, inputs)


def _is_frontal(case: Case) -> bool:
    return str(case.attributes.get("view", "")).casefold().startswith(FRONTAL)


def _notices(exams: Mapping[str, Sequence[Case]]) -> list[str]:
    larger = sum(len(images) > MOST_VIEWS for images in exams.values())
    if not larger:
        return []
    return [f"Exams with more than {MOST_VIEWS} images, of which {MOST_VIEWS} are used: {larger}."]
