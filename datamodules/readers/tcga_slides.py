"""Slides of The Cancer Genome Atlas, whose names say the patient and the site."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Literal

from datamodules.cases import CaseTable
from datamodules.errors import DataError
from datamodules.problems import FaultyCasesError, Kind, Problem, Problems
from datamodules.readers.column_roles import refuse_unnamed
from datamodules.readers.labelled_table import LabelColumns
from datamodules.readers.slide_rows import SlideCases, SlideInputs
from datamodules.readers.slides_csv import SlidesCsvReader
from datamodules.readers.tables import Table, read_table
from datamodules.readers.tcga_barcodes import (
    TcgaSlide,
    find_slides,
    name_slides,
    names_slide,
    parse_key,
)

ADDED = {
    "slide_column": "slide (of its name)",
    "case_column": "case (of the barcode)",
    "patient_column": "patient (of the barcode)",
    "site_column": "site (of the barcode)",
}
"""Columns that a slide's name adds to the table, called unlike any that it may have."""


class TcgaReader(LabelColumns):
    """Slides of TCGA as the Genomic Data Commons distributes them, https://portal.gdc.cancer.gov.

    Expected under ``root``: a table with labels of patients, samples or slides, and the slides,
    each in a folder of its own or not::

        labels.csv                                             patient,label
                                                               TCGA-05-4244,LUAD
        UUID/TCGA-05-4244-01Z-00-DX1.UUID.svs

    The patient of a slide is the first 12 characters of its name, its site the tissue source site.
    Slides of one site are alike (Howard et al., Nature Communications 2021), and figures by site
    show whether a model knows more than the site.
    """

    folder: ClassVar[str] = "tcga"
    kind: Literal["tcga"] = "tcga"
    barcode_column: str = "patient"
    """Column with what a row is of: a patient's barcode (12 characters), a sample's, or a slide's,
    with or without the rest of the file's name."""
    slides: tuple[Literal["diagnostic", "frozen"], ...] = ("diagnostic",)
    """Which slides to take: those of fixed tissue (DX), or frozen sections (TS, BS, MS)."""
    time_column: str | None = None
    """Column with how long each patient was followed up: until the event, or until nothing more is
    known."""
    event_column: str | None = None
    """Column that says whether the event happened then (1, true), or not (0, false: censored)."""

    @property
    def has_follow_up(self) -> bool:
        """See the base class."""
        return self.time_column is not None

    def list_cases(self) -> CaseTable:
        """List the slides; see the base class."""
        root = self.existing_root()
        problems: Problems = []
        table = read_table(root, self.table, problems=problems)
        splits = [] if self.splits_in is None else [self.splits_in]
        times = [name for name in (self.time_column, self.event_column) if name is not None]
        used = list(dict.fromkeys([*self.label_columns, *self.attribute_columns, *splits, *times]))
        table.require(dict.fromkeys([self.barcode_column, *used]))
        refuse_unnamed(table, {self.barcode_column, *used}, self.barcode_column, self.split_column)
        slides, notices = find_slides(root)
        rows = _Rows(table, self.barcode_column, used, problems)
        taken = [s for s in slides if ("diagnostic" if s.diagnostic else "frozen") in self.slides]
        rows.notice(
            "Slides that --data.reader.slides does not ask for, left out", len(slides) - len(taken)
        )
        joined = rows.join(taken, slides)
        names = (*LabelColumns.model_fields, "time_column", "event_column")
        settings = SlidesCsvReader(**ADDED, **{name: getattr(self, name) for name in names})
        inputs = SlideInputs(settings, root, joined, counts_others=False)
        notices = (*notices, *rows.notices)
        try:
            return _named(SlideCases(settings, joined, inputs, problems).build(), notices)
        except FaultyCasesError as error:
            rest = None if error.rest is None else _named(error.rest, notices)
            raise FaultyCasesError(error.message, error.found, rest) from error


class _Rows:
    """The rows of the table by their barcodes, and what is wrong with them."""

    def __init__(self, table: Table, column: str, used: Sequence[str], problems: Problems) -> None:
        self.table = table
        self.notices: list[str] = []
        self._problems = problems
        self._used = [table.columns.index(name) for name in used]
        self._by_key: dict[str, list[int]] = defaultdict(list)
        cells = table.cells(column)
        keys = [parse_key(cell) for cell in cells]
        if not any(keys):
            raise DataError(
                f"column '{column}' of {table.path} has no barcode such as TCGA-05-4244; name "
                "another with --data.reader.barcode-column"
            )
        for at, key in enumerate(keys):
            if key is None:
                fault = f"column '{column}' is '{cells[at]}', no barcode such as TCGA-05-4244"
                problems.append(Problem(Kind.CASE_ID, f"row {table.numbers[at]}", fault))
            else:
                self._by_key[key].append(at)

    def join(self, slides: Sequence[TcgaSlide], there: Sequence[TcgaSlide]) -> Table:
        """The rows again, one for each slide that has one, with what the slide's name says.

        Args:
            slides: That are asked for.
            there: All that are on the disk.

        Raises:
            DataError: If no slide has a row.
        """
        known = [(slide, self._key_of(slide)) for slide in slides]
        pairs = [(slide, key) for slide, key in known if key is not None]
        if not pairs:
            raise DataError(
                f"none of the {len(slides)} slides asked for (of {len(there)} that are there) has "
                f"a row in {self.table.path}"
            )
        self.notice("Slides of which the table has no row, left out", len(known) - len(pairs))
        self._judge_rows({key for _, key in pairs}, there)
        at = [self._by_key[key][0] for _, key in pairs]
        own = [(slide.path, slide.patient, slide.site) for slide, _ in pairs]
        names = name_slides([slide for slide, _ in pairs])
        return Table(
            self.table.path,
            (*self.table.columns, *ADDED.values()),
            tuple(self.table.numbers[row] for row in at),
            tuple(
                (*self.table.rows[row], path, name, patient, site)
                for row, name, (path, patient, site) in zip(at, names, own, strict=True)
            ),
        )

    def _key_of(self, slide: TcgaSlide) -> str | None:
        return next((key for key in slide.keys if key in self._by_key), None)

    def _judge_rows(self, taken: set[str], there: Sequence[TcgaSlide]) -> None:
        """Gather rows that contradict one another, and those that no slide takes."""
        left_out = {key for slide in there for key in slide.keys} - taken
        patients = kinds = 0
        for key, rows in self._by_key.items():
            said = {tuple(self.table.rows[at][cell] for cell in self._used) for at in rows}
            listed = ", ".join(str(self.table.numbers[at]) for at in rows)
            if key in taken and len(said) > 1:
                fault = f"rows {listed} are all of {key}, and differ in what they say"
                self._problems.append(Problem(Kind.LABEL, "", fault))
            elif key not in taken and key not in left_out and names_slide(key):
                fault = f"there is no slide {key}"
                self._problems.append(Problem(Kind.MISSING, f"row {listed}", fault))
            elif key not in taken and names_slide(key):
                kinds += 1
            elif key not in taken:
                patients += 1
        self.notice("Rows of slides that --data.reader.slides does not ask for", kinds)
        self.notice("Patients or samples of the table without such a slide", patients)

    def notice(self, what: str, count: int) -> None:
        """Have the report say how much of something there is, if there is any."""
        if count:
            self.notices.append(f"{what}: {count}.")


def _named(table: CaseTable, notices: Sequence[str]) -> CaseTable:
    return replace(table, name="tcga", public=True, notices=(*table.notices, *notices))
