"""Any images or volumes listed in a table: paths, labels, and what else the table knows of them."""

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from datamodules.candidates import Space
from datamodules.cases import CaseTable
from datamodules.problems import Problems
from datamodules.readers.column_roles import refuse_unnamed
from datamodules.readers.csv_cases import CsvCases
from datamodules.readers.csv_inputs import IMAGE, IN_FILMS, IN_VOLUMES, CsvInputs
from datamodules.readers.labelled_table import RowColumns
from datamodules.readers.tables import read_table


class CsvReader(RowColumns):
    """Your own images or volumes, listed in a table with a header row.

    Expected under ``root``: the table, and the images that it names; this one is read with
    ``--data.reader.patient-column patient``::

        labels.csv          path,label,patient
        images/a.png        images/a.png,1,p1
        images/b.dcm        images/b.dcm,0,p2

    A volume is a file (NIfTI, NRRD, MetaImage, a stack in TIFF) or the folder of a DICOM series.
    """

    ids_are_file_names: ClassVar[bool] = True
    kind: Literal["csv"] = "csv"
    image_column: str = "path"
    """Column with the path of each image, relative to the root: a file, or the folder of a DICOM
    series."""
    series_column: str | None = None
    """Column with the SeriesInstanceUID, where folders hold several series; blank: there is one."""
    channel_columns: tuple[str, ...] = ()
    """Columns with the paths of further channels of the image, on the same grid."""
    candidate_columns: tuple[str, ...] = ()
    """Columns of a candidate, a row then being one and not an image. In pixels of its image: the x
    and y of a point, or the x and y of the upper left corner of a box, its width and height. In a
    volume: three of a point, or six of a box, its corner with the lowest numbers and its size."""
    candidate_space: Space = "voxel"
    """What candidates in volumes are given in: indices of voxels along the axes of the file; ras-mm
    (as NIfTI has them), lps-mm (as DICOM, ITK and LUNA16 have them)."""

    @model_validator(mode="after")
    def _columns_fit(self) -> Self:
        channels = (self.image_column, *self.channel_columns)
        if len(set(channels)) < len(channels):
            raise ValueError("channel_columns names something twice, or the image")
        if IMAGE in self.channel_columns:
            raise ValueError(f"a channel cannot be called '{IMAGE}'; call its column otherwise")
        places = len(self.candidate_columns)
        if places not in (0, *IN_FILMS, *IN_VOLUMES):
            raise ValueError(
                "candidate_columns names x and y, or x, y, width and height; in a volume three of "
                "a point, or six of a box"
            )
        if self.candidate_space != "voxel" and places not in IN_VOLUMES:
            raise ValueError("candidate_space is of volumes: name three or six candidate_columns")
        if self.series_column is not None and places in IN_FILMS:
            raise ValueError("series_column is of volumes: name three or six candidate_columns")
        return self

    def list_cases(self) -> CaseTable:
        """List the images of the table; see the base class."""
        root = self.existing_root()
        problems: Problems = []
        table = read_table(root, self.table, problems=problems)
        table.require(self._columns())
        used = {self.image_column, *self.label_columns, self.case_column}
        refuse_unnamed(table, used, self.patient_column, self.split_column)
        return CsvCases(self, table, CsvInputs(self, root, table), problems).build()

    def _columns(self) -> list[str]:
        series = [] if self.series_column is None else [self.series_column]
        images = [self.image_column, *self.candidate_columns, *self.channel_columns, *series]
        return list(dict.fromkeys([*images, *self.columns_of_rows()]))
