"""Reads what planning a detection goes by: the training cases that a run would have."""

from datamodules.box_cases import CaseBoxes, boxes_of_mask, numbered_boxes
from datamodules.box_statistics import BoxedCaseStatistics, BoxStatistics, measure_boxed
from datamodules.boxes import BoxesData
from datamodules.case_survey import SAMPLES, check_alike, hash_images, read_each
from datamodules.cases import Case, CaseTable
from datamodules.errors import DataError
from datamodules.mask_cases import MaskedCaseFiles
from datamodules.problems import Problem
from datamodules.splits import ContentHashes
from datamodules.transforms.volume_geometry import VolumeGeometry
from datamodules.volume import Volume


class BoxSurvey(BoxesData):
    """Cases divided as for a run, but measured instead of preprocessed.

    The division needs a hash of every image, as identical ones stay on one side. Of validation and
    test cases nothing else is looked at.
    """

    def prepare_pixels(self, table: CaseTable) -> ContentHashes:
        """Hash every image."""
        return hash_images(table, self.config.reader)

    def _check_patch(self, axes: int | None) -> None:
        """Any will do: it is to be planned."""

    def measure(self) -> BoxStatistics:
        """Measure the training cases; after :meth:`prepare`.

        Raises:
            DataError: If files cannot be read or boxes lie outside their images, lists every one;
                or if no training case has an object.
        """
        cases = [self.table.cases[index] for index in self.indices("train")]
        samples = max(SAMPLES // max(len(cases), 1), 1)

        def measure_one(case: Case) -> BoxedCaseStatistics | list[Problem]:
            files = MaskedCaseFiles(case, self.table.root)
            image = files.read_image()
            if errors := self._misplaced(case, image):
                return errors
            return measure_boxed(
                image, self._boxes(files, image), self.config.preprocessing, samples
            )

        read = read_each(measure_one, cases, self.table, self.config.reader, "Measuring")
        if problems := [each for own in read if isinstance(own, list) for each in own]:
            raise DataError(f"boxes of {self.table.name} do not lie in their images", problems)
        found = [own for own in read if isinstance(own, BoxedCaseStatistics)]
        if not any(len(own.labels) for own in found):
            raise DataError(
                f"no training case of {self.table.name} has any of {', '.join(self.classes.names)}:"
                " there is nothing to learn to find"
            )
        check_alike(cases, found)
        return BoxStatistics(self.table.name, tuple(found), self.classes.names)

    def _misplaced(self, case: Case, image: Volume) -> list[Problem]:
        """Errors of where the boxes of a case lie; those around masks lie where they should."""
        if self.classes.outlines is not None:
            return []
        problems = self.classes.problems_of(case, VolumeGeometry.of(image))
        return [each for each in problems if each.severity == "error"]

    def _boxes(self, files: MaskedCaseFiles, image: Volume) -> CaseBoxes:
        """The boxes of a case, in voxels of its file."""
        outlines = self.classes.outlines
        if outlines is None:
            return self.classes.boxes_of(files.case, VolumeGeometry.of(image))
        mask = files.read_mask(outlines, image)
        found = [] if mask is None else boxes_of_mask(mask, len(self.classes.names))
        return numbered_boxes(found, len(image.spatial))
