"""Slides, or files of their features, that the rows of a table name."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import model_validator

from datamodules.cases import CaseTable, Source
from datamodules.errors import DataError
from datamodules.problems import Kind, Problem, Problems
from datamodules.readers.column_roles import refuse_unnamed
from datamodules.readers.csv_cases import CsvCases
from datamodules.readers.csv_inputs import AddProblem
from datamodules.readers.follow_up import FollowUp, read_follow_up
from datamodules.readers.image_files import NoSuchFileError, case_ids
from datamodules.readers.labelled_table import RowColumns
from datamodules.readers.named_files import NamedFiles
from datamodules.readers.patient_ids import plain_id
from datamodules.readers.tables import Table, is_missing, plain_number, read_table

REGIONS = "regions"
REGION_ENDINGS = (".geojson", ".json", ".xml")
"""Of outlines, as QuPath and ASAP export them."""


class SlideRows(RowColumns):
    """A table with a row a slide."""

    ids_are_file_names: ClassVar[bool] = True
    input_name: ClassVar[str]
    """What the files are called among the inputs of a case."""
    endings: ClassVar[tuple[str, ...]]
    """Of the files."""

    slide_column: str = "slide"
    """Column with each slide: its path relative to the root, or its file's name, wherever it lies;
    either with or without ending."""
    labels_of: Literal["slide", "patient"] = "slide"
    """Whether labels are of the patient; then two slides of one patient must not differ in them."""
    regions_column: str | None = None
    """Column with a file of outlines (.geojson, .xml) of what is positive in the slide, named like
    the slides; blank: there is none."""
    time_column: str | None = None
    """Column with how long each patient was followed up: until the event, or until nothing more is
    known."""
    event_column: str | None = None
    """Column that says whether the event happened then (1, true), or not (0, false: censored)."""

    @property
    def has_follow_up(self) -> bool:
        """See the base class."""
        return self.time_column is not None

    @model_validator(mode="after")
    def _patients_are_known(self) -> Self:
        if self.labels_of == "patient" and self.patients_in is None:
            raise ValueError("labels_of patient needs a patient_column")
        return self

    def list_cases(self) -> CaseTable:
        """List the slides of the table; see the base class."""
        root = self.existing_root()
        problems: Problems = []
        table = read_table(root, self.table, problems=problems)
        optional = (self.regions_column, self.time_column, self.event_column)
        more = [name for name in optional if name is not None]
        table.require(dict.fromkeys([self.slide_column, *self.columns_of_rows(), *more]))
        used = {self.slide_column, *self.label_columns, self.case_column, *more}
        refuse_unnamed(table, used, self.patient_column, self.split_column)
        inputs = SlideInputs(self, root, table)
        return SlideCases(self, table, inputs, problems).build()


class SlideInputs:
    """The files that the rows name; see :class:`~datamodules.readers.csv_cases.RowInputs`.

    Args:
        settings: Name the columns.
        root: Folder of the dataset.
        table: The rows.
        counts_others: Whether the report says how many files no row names.
    """

    def __init__(
        self, settings: SlideRows, root: Path, table: Table, *, counts_others: bool = True
    ) -> None:
        self.settings = settings
        self.counts_others = counts_others
        self.root = root
        self.table = table
        self.paths = table.cells(settings.slide_column)
        self.missing = 0
        self._files = NamedFiles(root, settings.endings)
        self._found = [_find(self._files, path) for path in self.paths]

    def name_rows(self) -> list[str]:
        """Ids after the files; after the table where there is no file."""
        places = [
            path.replace("\\", "/") if isinstance(found, DataError) else found
            for path, found in zip(self.paths, self._found, strict=True)
        ]
        distinct = list(dict.fromkeys(places))
        names = dict(zip(distinct, case_ids(distinct, self.settings.endings), strict=True))
        return [names[place] for place in places]

    def taken_together(self) -> None:
        """Every row is a case of its own."""

    def sources(self, add: AddProblem) -> list[dict[str, Source]]:
        """Source of each row's file, if there is one."""
        rows: list[dict[str, Source]] = []
        for at, found in enumerate(self._found):
            if isinstance(found, DataError):
                missing = isinstance(found, NoSuchFileError)
                self.missing += missing
                add(Kind.MISSING if missing else Kind.PATH, at, found.message)
                rows.append({})
            else:
                rows.append({self.settings.input_name: Source(found)})
        return rows

    def regions(self, add: AddProblem) -> list[Source | None]:
        """Outlines of each row, where there are some."""
        if self.settings.regions_column is None:
            return [None] * len(self.paths)
        files, sources = NamedFiles(self.root, REGION_ENDINGS), list[Source | None]()
        for at, cell in enumerate(self.table.cells(self.settings.regions_column)):
            found = None if is_missing(cell) else _find(files, cell)
            if isinstance(found, DataError):
                column = f"column '{self.settings.regions_column}': "
                add(Kind.LABEL, at, column + found.message)
            sources.append(Source(found) if isinstance(found, str) else None)
        return sources

    def notices(self) -> tuple[str, ...]:
        """How many files no row names."""
        if not self.counts_others:
            return ()
        found = [path for path in self._found if isinstance(path, str)]
        count = len(self._files.others(found))
        what = "Slides" if self.settings.input_name == "slide" else "Files of features"
        return (f"{what} that no row names, left out: {count}.",) if count else ()


class SlideCases(CsvCases):
    """Rows of slides as cases, with outlines, follow-up, and labels that may be of the patient.

    Args:
        settings: Name the columns.
        table: The rows.
        inputs: What the rows name.
        problems: What is wrong so far.
    """

    settings: SlideRows
    inputs: SlideInputs

    def _targets(self) -> tuple[Sequence[Mapping[str, Any]], tuple[str, ...]]:
        targets, classes = self._labels()
        if self.settings.labels_of == "patient":
            targets = self._labels_of_patients(targets)
        regions = self.inputs.regions(self._add)
        outlined = [{} if source is None else {REGIONS: source} for source in regions]
        known = zip(targets, outlined, self._follow_up(), strict=True)
        return [{**one, **other, **followed} for one, other, followed in known], classes

    def _labels(self) -> tuple[Sequence[Mapping[str, Any]], tuple[str, ...]]:
        if self.settings.label_columns:
            return super()._targets()
        return [{} for _ in self.ids], ()

    def _follow_up(self) -> list[FollowUp]:
        settings = self.settings
        if settings.time_column is None or settings.event_column is None:
            return [{} for _ in self.ids]
        return read_follow_up(self.table, settings.time_column, settings.event_column, self._add)

    def _labels_of_patients(
        self, targets: Sequence[Mapping[str, Any]]
    ) -> Sequence[Mapping[str, Any]]:
        """The labels, without those in which slides of a patient differ; these are problems."""
        rows: dict[str, list[int]] = defaultdict(list)
        for at, patient in enumerate(self.table.cells(self.settings.patients_in or "")):
            if not is_missing(patient):
                rows[plain_number(plain_id(patient))].append(at)
        sound = list(targets)
        for patient, places in rows.items():
            if words := _differing([targets[at] for at in places]):
                listed = ", ".join(str(self.table.numbers[at]) for at in places)
                fault = (
                    f"patient '{patient}' has the labels {words} (rows {listed}); mend them, or "
                    "say --data.reader.labels-of slide"
                )
                self.problems.append(Problem(Kind.LABEL, "", fault))
                for at in places:
                    sound[at] = {}
        return sound

    def _notices(self, classes: tuple[str, ...], patients: list[str]) -> tuple[str, ...]:
        return (*super()._notices(classes, patients), *self.inputs.notices())


def _differing(targets: Sequence[Mapping[str, Any]]) -> str:
    """The labels in which cases differ; empty if in none."""
    values: dict[str, dict[Any, None]] = defaultdict(dict)
    for own in targets:
        for name, value in {**own.get("findings", {}), **own}.items():
            if name != "findings" and value is not None:
                values[name][value] = None
    words = {
        name: " and ".join(f"'{value}'" if name == "class" else f"{value:g}" for value in each)
        for name, each in values.items()
        if len(each) > 1
    }
    return ", ".join(
        word if name == "class" else f"{word} in {name}" for name, word in words.items()
    )


def _find(files: NamedFiles, name: str) -> str | DataError:
    try:
        return files.find(name)
    except DataError as error:
        return error
