"""Any images or volumes listed in a table: paths, labels, and what else the table knows of them."""

from typing import ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from datamodules.candidates import Space
from datamodules.cases import CaseTable
from datamodules.problems import Problems
from datamodules.readers.column_roles import named_column, refuse_unnamed
from datamodules.readers.csv_cases import CsvCases
from datamodules.readers.csv_inputs import IMAGE, IN_FILMS, IN_VOLUMES
from datamodules.readers.label_columns import Uncertain
from datamodules.readers.reader import ReaderSettings
from datamodules.readers.tables import read_table


class CsvReader(ReaderSettings):
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
    table: str = "labels.csv"
    """The table, relative to the root: .csv or .tsv, also gzipped."""
    image_column: str = "path"
    """Column with the path of each image, relative to the root: a file, or the folder of a DICOM
    series."""
    series_column: str | None = None
    """Column with the SeriesInstanceUID, where folders hold several series; blank: there is one."""
    channel_columns: tuple[str, ...] = ()
    """Columns with the paths of further channels of the image, on the same grid."""
    label_columns: tuple[str, ...] = Field(default=("label",), min_length=1)
    """One column with a class a row, or several columns with a finding each (1, 0, blank)."""
    multi_label: bool = False
    """Read a single label column as a finding (1, 0, blank) and not as a class."""
    classes: tuple[str, ...] = ()
    """All classes in order, of two the second is the positive one; empty: those that occur."""
    uncertain: Uncertain = "error"
    """What -1 in a finding means: an error, not known, negative, or positive."""
    case_column: str | None = None
    """Column with a unique id for each image; none: the name of its file."""
    patient_column: str = ""
    """Column with the patient's id; none: every image, or exam, counts as a patient of its own;
    empty: the same, but a table that seems to have such a column is refused."""
    split_column: str = ""
    """Column with train, val or test (or train_val); none: the split is drawn; empty: the same,
    but a table that seems to have such a column is refused."""
    site_column: str | None = None
    """Column with the hospital, scanner or centre."""
    attribute_columns: tuple[str, ...] = ()
    """Columns to report subgroups by, and for --data.table-features, such as age, sex, view."""
    exam_column: str | None = None
    """Column with the id of the exam (study) that each image belongs to."""
    candidate_columns: tuple[str, ...] = ()
    """Columns of a candidate, a row then being one and not an image. In pixels of its image: the x
    and y of a point, or the x and y of the upper left corner of a box, its width and height. In a
    volume: three of a point, or six of a box, its corner with the lowest numbers and its size."""
    candidate_space: Space = "voxel"
    """What candidates in volumes are given in: indices of voxels along the axes of the file; ras-mm
    (as NIfTI has them), lps-mm (as DICOM, ITK and LUNA16 have them)."""

    @field_validator("patient_column", "split_column", mode="before")
    @classmethod
    def _text(cls, value: object) -> object:
        return "" if value is None else value

    @model_validator(mode="after")
    def _labels_fit(self) -> Self:
        if self.classes and self.has_findings:
            raise ValueError("classes belong to a single label column without multi_label")
        for name in ("classes", "label_columns"):
            if len(set(getattr(self, name))) < len(getattr(self, name)):
                raise ValueError(f"{name} names something twice")
        return self

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

    @property
    def has_findings(self) -> bool:
        """Whether each label holds or not, apart from the others."""
        return self.multi_label or len(self.label_columns) > 1

    def list_cases(self) -> CaseTable:
        """List the images of the table; see the base class."""
        root = self.existing_root()
        problems: Problems = []
        table = read_table(root, self.table, problems=problems)
        table.require(self._columns())
        used = {self.image_column, *self.label_columns, self.case_column}
        refuse_unnamed(table, used, self.patient_column, self.split_column)
        return CsvCases(self, root, table, problems).build()

    @property
    def patients_in(self) -> str | None:
        """Column of the patient ids, if there is one."""
        return named_column(self.patient_column)

    @property
    def splits_in(self) -> str | None:
        """Column of the official split, if there is one."""
        return named_column(self.split_column)

    def _columns(self) -> list[str]:
        optional = (
            *(self.case_column, self.patients_in, self.splits_in, self.site_column),
            *(self.exam_column, self.series_column),
        )
        named = [self.image_column, *self.label_columns, *self.attribute_columns]
        named += [*self.candidate_columns, *self.channel_columns]
        return list(dict.fromkeys([*named, *(name for name in optional if name is not None)]))
