"""Reads what planning a segmentation goes by: the training cases that a run would have."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

from datamodules.cache_builder import CacheItem, attempt, refuse_unreadable
from datamodules.cases import Case, CaseTable
from datamodules.errors import DataError
from datamodules.mask_cases import CaseFiles
from datamodules.mask_statistics import CaseStatistics, MaskStatistics, measure
from datamodules.masks import MasksData
from datamodules.parallel import map_in_order, shown
from datamodules.splits import ContentHashes
from datamodules.transforms.xray_pixels import content_hash
from datamodules.volume_cache import UnreadableFileError

SAMPLES = 5_000_000
"""Foreground intensities that are kept, of all cases together; each case has an equal share."""

Result = TypeVar("Result")


class MaskSurvey(MasksData):
    """Cases divided as for a run, but measured instead of preprocessed.

    The division needs a hash of every image, as identical ones stay on one side. Of validation and
    test cases nothing else is looked at.
    """

    def prepare_pixels(self, table: CaseTable) -> ContentHashes:
        """Hash every image."""

        def hash_image(case: Case) -> bytes:
            return content_hash(CaseFiles(case, table.root).read_image().array)

        hashes = self._of_each(hash_image, table.cases, "Reading")
        return {case.case_id: (own,) for case, own in zip(table.cases, hashes, strict=True)}

    def measure(self) -> MaskStatistics:
        """Measure the training cases; after :meth:`prepare`.

        Raises:
            DataError: If files cannot be read or do not fit together, lists every one; or if no
                training case has any of the structures.
        """
        cases = [self.table.cases[index] for index in self.indices("train")]
        samples = max(SAMPLES // len(cases), 1)

        def measure_one(case: Case) -> CaseStatistics:
            volumes = CaseFiles(case, self.table.root).read(self.outlines)
            return measure(volumes, self.config, self.outlines.labels, samples)

        found = self._of_each(measure_one, cases, "Measuring")
        self._check(cases, found)
        return MaskStatistics(self.table.name, self.outlines.labels, tuple(found))

    def _of_each(
        self, work: Callable[[Case], Result], cases: Sequence[Case], title: str
    ) -> list[Result]:
        def keep_error(case: Case) -> Result | UnreadableFileError:
            try:
                return work(case)
            except UnreadableFileError as error:
                return error

        results: list[Result] = []
        faults: dict[CacheItem, str] = {}
        every = map_in_order(attempt(keep_error), cases, ahead=1)
        each = shown(every, f"{title} {self.table.name}", len(cases))
        for case, found in zip(cases, each, strict=True):
            if isinstance(found, UnreadableFileError):
                faults[found.item] = str(found)
            elif isinstance(found, str):
                faults[CaseFiles(case, self.table.root).items()[0]] = found
            else:
                results.append(found)
        refuse_unreadable(faults, len(cases), self.config.reader.advise_on_unreadable)
        return results

    def _check(self, cases: Sequence[Case], found: Sequence[CaseStatistics]) -> None:
        forms = [f"{len(own.shape)} axes and {own.channels} channels" for own in found]
        ((usual, _),) = Counter(forms).most_common(1)
        odd = zip(cases, forms, strict=True)
        if others := [f"case '{case.case_id}': {form}" for case, form in odd if form != usual]:
            raise DataError(f"most training cases have {usual}, and some have not", others)
        if not any(len(own.foreground) for own in found):
            raise DataError(
                f"no training case of {self.table.name} has any of"
                f" {', '.join(self.outlines.names)}: there is nothing to learn"
            )
