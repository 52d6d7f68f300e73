"""What can be said of the columns of a user's table, whatever its rows name."""

from typing import Self

from pydantic import field_validator, model_validator

from datamodules.readers.column_roles import named_column
from datamodules.readers.follow_up import without_labels
from datamodules.readers.label_columns import Uncertain
from datamodules.readers.reader import ReaderSettings


class LabelColumns(ReaderSettings):
    """A table with labels: classes or findings, the official split, attributes."""

    table: str = "labels.csv"
    """The table, relative to the root: .csv or .tsv, also gzipped."""
    label_columns: tuple[str, ...] = ("label",)
    """One column with a class a row, or several columns with a finding each (1, 0, blank); none
    where there are columns of time and event instead."""
    multi_label: bool = False
    """Read a single label column as a finding (1, 0, blank) and not as a class."""
    classes: tuple[str, ...] = ()
    """All classes in order, of two the second is the positive one; empty: those that occur."""
    uncertain: Uncertain = "error"
    """What -1 in a finding means: an error, not known, negative, or positive."""
    split_column: str = ""
    """Column with train, val or test (or train_val); none: the split is drawn; empty: the same,
    but a table that seems to have such a column is refused."""
    attribute_columns: tuple[str, ...] = ()
    """Columns to report subgroups by, and for --data.table-features, such as age, sex, view."""

    @field_validator("split_column", mode="before")
    @classmethod
    def _split_text(cls, value: object) -> object:
        return "" if value is None else value

    @model_validator(mode="before")
    @classmethod
    def _labels_may_be_absent(cls, values: object) -> object:
        return without_labels(values)

    @model_validator(mode="after")
    def _labels_fit(self) -> Self:
        if not self.label_columns and not self.has_follow_up:
            raise ValueError("label_columns names no column")
        if self.classes and self.has_findings:
            raise ValueError("classes belong to a single label column without multi_label")
        for name in ("classes", "label_columns"):
            if len(set(getattr(self, name))) < len(getattr(self, name)):
                raise ValueError(f"{name} names something twice")
        return self

    @property
    def has_follow_up(self) -> bool:
        """Whether rows say how long each patient was followed up."""
        return False

    @property
    def has_findings(self) -> bool:
        """Whether each label holds or not, apart from the others."""
        return self.multi_label or len(self.label_columns) > 1

    @property
    def splits_in(self) -> str | None:
        """Column of the official split, if there is one."""
        return named_column(self.split_column)


class RowColumns(LabelColumns):
    """A table whose rows are cases, and say whose they are."""

    case_column: str | None = None
    """Column with a unique id for each case; none: the name of its file."""
    patient_column: str = ""
    """Column with the patient's id; none: every case, or exam, counts as a patient of its own;
    empty: the same, but a table that seems to have such a column is refused."""
    site_column: str | None = None
    """Column with the hospital, scanner or centre."""
    exam_column: str | None = None
    """Column with the id of the exam (study) that each case belongs to."""

    @field_validator("patient_column", mode="before")
    @classmethod
    def _patient_text(cls, value: object) -> object:
        return "" if value is None else value

    @property
    def patients_in(self) -> str | None:
        """Column of the patient ids, if there is one."""
        return named_column(self.patient_column)

    def columns_of_rows(self) -> list[str]:
        """Every column that these settings name."""
        optional = (
            *(self.case_column, self.patients_in, self.splits_in, self.site_column),
            self.exam_column,
        )
        named = [*self.label_columns, *self.attribute_columns]
        return [*named, *(name for name in optional if name is not None)]
