"""Reads what planning a segmentation goes by: the training cases that a run would have."""

from datamodules.case_survey import SAMPLES, check_alike, hash_images, read_each
from datamodules.cases import Case, CaseTable
from datamodules.errors import DataError
from datamodules.mask_cases import MaskedCaseFiles
from datamodules.mask_statistics import MaskedCaseStatistics, MaskStatistics, measure_masked
from datamodules.masks import MasksData
from datamodules.splits import ContentHashes


class MaskSurvey(MasksData):
    """Cases divided as for a run, but measured instead of preprocessed.

    The division needs a hash of every image, as identical ones stay on one side. Of validation and
    test cases nothing else is looked at.
    """

    def prepare_pixels(self, table: CaseTable) -> ContentHashes:
        """Hash every image."""
        return hash_images(table, self.config.reader)

    def measure(self) -> MaskStatistics:
        """Measure the training cases; after :meth:`prepare`.

        Raises:
            DataError: If files cannot be read or do not fit together, lists every one; or if no
                training case has any of the structures.
        """
        cases = [self.table.cases[index] for index in self.indices("train")]
        samples = max(SAMPLES // len(cases), 1)
        labels = self.outlines.labels

        def measure_one(case: Case) -> MaskedCaseStatistics:
            volumes = MaskedCaseFiles(case, self.table.root).read(self.outlines)
            return measure_masked(volumes, self.config.preprocessing, labels, samples)

        found = read_each(measure_one, cases, self.table, self.config.reader, "Measuring")
        check_alike(cases, found)
        if not any(len(own.foreground) for own in found):
            raise DataError(
                f"no training case of {self.table.name} has any of"
                f" {', '.join(self.outlines.names)}: there is nothing to learn"
            )
        return MaskStatistics(self.table.name, tuple(found), labels)
