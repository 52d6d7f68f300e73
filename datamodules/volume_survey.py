"""Reads what planning a volume classification goes by: the training cases that a run would have."""

from datamodules.case_files import CaseFiles
from datamodules.case_survey import (
    SAMPLES,
    by_image,
    check_alike,
    hash_images,
    images_of,
    read_each,
)
from datamodules.cases import Case, CaseTable
from datamodules.splits import ContentHashes
from datamodules.transforms.npz_rows import forget_arrays
from datamodules.volume_cases import above_otsu, check_axes
from datamodules.volume_statistics import CaseStatistics, VolumeStatistics, measure
from datamodules.volumes import VolumesData


class VolumeSurvey(VolumesData):
    """Cases divided as for a run, but measured instead of preprocessed.

    The division needs a hash of every volume, as identical ones stay on one side. Of validation and
    test cases nothing else is looked at.
    """

    channels: int

    def prepare_images(self, table: CaseTable) -> ContentHashes:
        """Hash every volume."""
        return hash_images(table, self.config.reader)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """See the base class; after :meth:`measure`."""
        return (self.channels, *self.config.fit.size)

    def measure(self) -> VolumeStatistics:
        """Measure the training cases, or the volumes that they lie in; after :meth:`prepare`.

        Their foreground is what is brighter than Otsu's threshold of the first channel.

        Raises:
            DataError: If files cannot be read or do not fit together, lists every one.
        """
        cases = [self.table.cases[index] for index in self.indices("train")]
        samples = max(SAMPLES // len(cases), 1)

        def measure_one(case: Case) -> CaseStatistics:
            volume = CaseFiles(case, self.table.root).read_image()
            check_axes(volume)
            return measure(volume, above_otsu(volume)[0], self.config.preprocessing, samples)

        distinct = by_image(cases)
        volumes = list(distinct.values())
        found = read_each(measure_one, volumes, self.table, self.config.reader, "Measuring")
        forget_arrays()
        check_alike(volumes, found)
        self.channels = found[0].channels
        own = dict(zip(distinct, found, strict=True))
        return VolumeStatistics(self.table.name, tuple(own[images_of(case)] for case in cases))
