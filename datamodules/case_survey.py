"""Reads what planning goes by: every image to be hashed, and training cases to be measured."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

from datamodules.cache_builder import CacheItem, attempt, refuse_unreadable
from datamodules.candidates import image_of
from datamodules.case_files import CaseFiles
from datamodules.cases import Case, CaseTable, Source
from datamodules.errors import DataError
from datamodules.parallel import few_threads, map_in_order, shown
from datamodules.readers.reader import ReaderSettings
from datamodules.splits import ContentHashes
from datamodules.transforms.xray_pixels import content_hash
from datamodules.volume_content import UnreadableFileError
from datamodules.volume_statistics import CaseStatistics

SAMPLES = 5_000_000
"""Foreground intensities that are kept, of all cases together; each case has an equal share."""

Result = TypeVar("Result")


def hash_images(table: CaseTable, reader: ReaderSettings) -> ContentHashes:
    """Hash every image; it decides who is on which side, as identical ones stay together.

    Raises:
        DataError: If files cannot be read; lists every one.
    """

    def hash_image(case: Case) -> bytes:
        return content_hash(CaseFiles(case, table.root).read_image().array)

    distinct = by_image(table.cases)
    hashes = read_each(hash_image, list(distinct.values()), table, reader, "Reading")
    found = dict(zip(distinct, hashes, strict=True))
    return {case.case_id: (found[images_of(case)],) for case in table.cases}


def images_of(case: Case) -> tuple[Source, ...]:
    """The channels of its image; of a candidate those of the image that it lies in."""
    return tuple(map(image_of, case.inputs.values()))


def by_image(cases: Sequence[Case]) -> dict[tuple[Source, ...], Case]:
    """The first case of each image, in their order; several candidates may lie in one."""
    found: dict[tuple[Source, ...], Case] = {}
    for case in cases:
        found.setdefault(images_of(case), case)
    return found


def read_each(
    work: Callable[[Case], Result],
    cases: Sequence[Case],
    table: CaseTable,
    reader: ReaderSettings,
    title: str,
) -> list[Result]:
    """What is found in the files of some cases, in their order.

    Args:
        work: Reads the files of a case.
        cases: Of the table.
        table: The dataset.
        reader: Knows what to advise.
        title: What is done, for who waits.

    Raises:
        DataError: If files cannot be read or do not fit together; lists every one.
    """

    def keep_error(case: Case) -> Result | UnreadableFileError:
        try:
            return work(case)
        except UnreadableFileError as error:
            return error

    results: list[Result] = []
    faults: dict[CacheItem, str] = {}
    every = map_in_order(attempt(keep_error), cases, few_threads(), ahead=1)
    each = shown(every, f"{title} {table.name}", len(cases))
    for case, found in zip(cases, each, strict=True):
        if isinstance(found, UnreadableFileError):
            faults[found.item] = str(found)
        elif isinstance(found, str):
            faults[CaseFiles(case, table.root).inputs()[0]] = found
        else:
            results.append(found)
    refuse_unreadable(faults, len(cases), reader.advise_on_unreadable)
    return results


def check_alike(cases: Sequence[Case], found: Sequence[CaseStatistics]) -> None:
    """Look whether all have as many axes and channels.

    Raises:
        DataError: Lists those that have not.
    """
    forms = [f"{len(own.shape)} axes and {own.channels} channels" for own in found]
    ((usual, _),) = Counter(forms).most_common(1)
    odd = zip(cases, forms, strict=True)
    if others := [f"case '{case.case_id}': {form}" for case, form in odd if form != usual]:
        raise DataError(f"most training cases have {usual}, and some have not", others)
