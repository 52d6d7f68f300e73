"""PadChest: 160,000 chest films of 67,000 patients, with labels from radiologists' reports."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from datamodules.cases import Case, CaseTable, Source
from datamodules.errors import DataError
from datamodules.problems import FaultyCasesError, Kind, Problem, Problems
from datamodules.readers.image_files import fault_of_case_id, hint_of_missing
from datamodules.readers.nih_annotations import OLDEST_YEARS, first_there
from datamodules.readers.padchest_images import FAULTY_IMAGES, find_images
from datamodules.readers.padchest_labels import FINDINGS, WORDS, plain_word, read_findings
from datamodules.readers.padchest_rows import NETWORK, Projection, choose_rows
from datamodules.readers.patient_ids import patient_notices, plain_id
from datamodules.readers.reader import ReaderSettings
from datamodules.readers.tables import Table, is_missing, plain_number, read_table

KNOWN_FAULTS = "known-faults"
TABLE = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"
COLUMNS = (
    *("ImageID", "ImageDir", "StudyDate_DICOM", "StudyID", "PatientID", "PatientBirth"),
    *("PatientSex_DICOM", "Projection", "Manufacturer_DICOM", "MethodLabel", "Labels"),
)
POLARITY, INVERTED = "PhotometricInterpretation_DICOM", "MONOCHROME1"

_YEAR = re.compile(r"(\d{4})(\d{4})?")


class PadChestReader(ReaderSettings):
    """PadChest (Bustos et al., Medical Image Analysis 2020), for research use by agreement.

    From https://bimcv.cipf.es/bimcv-projects/padchest. Expected under ``root``; the table may be
    gzipped, and of the folders some may be absent::

        PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv
        0/ to 54/<ImageID>          16-bit PNG; or all images beside the table

    The labels of an image are its report's, and so those of every image of the exam. Films
    labelled ``exclude`` or ``suboptimal study`` are left out; those without labels, or with
    ``unchanged`` alone, have findings that are not known. Site is the maker of the device, age in
    years is from the years of birth and study. The split is drawn. The files declare 16 bits
    whatever the device stored: scale their grey values by percentiles, as the experiment does.
    """

    folder: ClassVar[str] = "padchest"

    kind: Literal["padchest"] = "padchest"
    projections: tuple[Projection, ...] = Field(default=("PA", "AP", "AP_horizontal"), min_length=1)
    """Which views: PA, AP, AP_horizontal (lying), L (lateral), COSTAL (ribs); EXCLUDE and UNK are
    films that the authors could not place."""
    annotated_by: Literal["all", "physician"] = "all"
    """Labels by physicians only (about a quarter), or also by the authors' text network."""
    findings: tuple[str, ...] = Field(default=tuple(FINDINGS), min_length=1)
    """Findings by the default's names, each with all below it in PadChest's hierarchy of labels; or
    labels of PadChest's own, such as kyphosis, each by itself."""

    leave_out: tuple[str, ...] = (KNOWN_FAULTS,)
    """Images to leave out, by their ImageID; known-faults stands for the 21 whose files are
    damaged or absent in the release, as listed by TorchXRayVision."""

    @field_validator("leave_out")
    @classmethod
    def _are_files(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name != KNOWN_FAULTS and not name.endswith(".png"):
                raise ValueError(
                    f"'{name}' is no ImageID, which ends in .png, nor the word {KNOWN_FAULTS}"
                )
        return names

    @field_validator("findings")
    @classmethod
    def _are_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in FINDINGS and plain_word(name) not in WORDS:
                near = get_close_matches(name, [*FINDINGS, *sorted(WORDS)], n=1)
                hint = f"; did you mean '{near[0]}'?" if near else ""
                raise ValueError(f"'{name}' is neither a finding nor a label of PadChest{hint}")
        return names

    @model_validator(mode="after")
    def _name_each_once(self) -> Self:
        for name in ("findings", "projections"):
            if len(set(getattr(self, name))) < len(getattr(self, name)):
                raise ValueError(f"{name} names something twice")
        return self

    def public(self) -> dict[str, Any]:
        """As of all settings; images that the user has named are not."""
        named = [name for name in self.leave_out if name == KNOWN_FAULTS]
        return {**super().public(), "leave_out": named}

    def advise_on_unreadable(self, paths: Sequence[str]) -> str:
        """See the base class."""
        names = (*self.leave_out, *(PurePosixPath(path).name for path in paths))
        return f"or leave them out: --data.reader.leave-out {' '.join(dict.fromkeys(names))}"

    def list_cases(self) -> CaseTable:
        """List the images of the table; see the base class."""
        root = self.existing_root()
        problems: Problems = []
        table = read_table(root, first_there(root, (TABLE,)) or TABLE, problems=problems)
        table.require(COLUMNS)
        return _PadChestCases(self, root, table, problems).build()


class _PadChestCases:
    """Turns the rows of the table into cases, and gathers everything that is wrong with them."""

    def __init__(
        self, settings: PadChestReader, root: Path, table: Table, problems: Problems
    ) -> None:
        self.settings = settings
        self.root = root
        self.table = table
        self.cells = {column: table.cells(column) for column in COLUMNS}
        self.ids = [image.removesuffix(".png") for image in self.cells["ImageID"]]
        self.problems = problems
        self.missing = 0
        self.notices: list[str] = []

    def build(self) -> CaseTable:
        settings = self.settings
        physicians = settings.annotated_by == "physician"
        labels = choose_rows(self.table, settings.projections, physicians, self._add, self.notices)
        rows = self._left_in(self._named_rows(labels))
        self._notice_inverted(rows)
        paths = find_images(self.root, self.table, rows, self._add, self.notices)
        patients, ages = self._patients(paths), self._ages(paths)
        self._notice_network(paths)
        findings = read_findings([labels[at] for at in paths], settings.findings, self.notices)
        cases = tuple(
            Case(
                case_id=self.ids[at],
                patient_id=patients[at],
                inputs={"image": Source(path)} if path else {},
                targets={"findings": held},
                site=self._known("Manufacturer_DICOM", at),
                attributes={
                    "age": ages[at],
                    "sex": self._known("PatientSex_DICOM", at),
                    "view": self._known("Projection", at),
                    "annotated_by": self._known("MethodLabel", at),
                },
                exam_id=self._known("StudyID", at),
            )
            for (at, path), held in zip(paths.items(), findings, strict=True)
        )
        if self.problems:
            raise FaultyCasesError(
                f"problems in {self.table.path} and what it names: {len(self.problems)}"
                + hint_of_missing(self.missing, len(paths)),
                self.problems,
                self._table(cases) if cases else None,
            )
        if not cases:
            raise DataError(f"none of the {len(self.table.rows)} images is left", self.notices)
        return self._table(cases)

    def _table(self, cases: tuple[Case, ...]) -> CaseTable:
        return CaseTable(
            name=PadChestReader.folder,
            root=self.root,
            cases=cases,
            findings=self.settings.findings,
            notices=(*self.notices, *patient_notices(case.patient_id for case in cases)),
        )

    def _add(self, kind: Kind, at: int, message: str) -> None:
        where = f"row {self.table.numbers[at]}, {self.cells['ImageID'][at]}"
        self.missing += kind is Kind.MISSING
        self.problems.append(Problem(kind, where, message, case_id=self.ids[at]))

    def _known(self, column: str, at: int) -> str | None:
        cell = plain_number(self.cells[column][at])
        return None if is_missing(cell) else cell

    def _named_rows(self, chosen: Iterable[int]) -> list[int]:
        """The first row of each image that has a usable name."""
        rows: dict[str, int] = {}
        for at in chosen:
            image = self.cells["ImageID"][at]
            fault = fault_of_case_id(image)
            if fault or not image.endswith(".png"):
                self._add(Kind.CASE_ID, at, f"the name {fault or 'is not of a .png'}")
            elif rows.setdefault(image, at) != at:
                first = self.table.numbers[rows[image]]
                self._add(Kind.CASE_ID, at, f"the image is in row {first} already")
        return list(rows.values())

    def _left_in(self, rows: Sequence[int]) -> list[int]:
        """Rows whose image is not to be left out."""
        asked, images = set(self.settings.leave_out), self.cells["ImageID"]
        unwanted = asked | (FAULTY_IMAGES if KNOWN_FAULTS in asked else frozenset())
        kept = [at for at in rows if images[at] not in unwanted]
        if fewer := len(rows) - len(kept):
            self.notices.append(f"Images that leave_out names or means, left out: {fewer}.")
        if strange := asked - {KNOWN_FAULTS} - set(images):
            self.notices.append(f"Images of leave_out that the table has not: {len(strange)}.")
        return kept

    def _notice_inverted(self, rows: Iterable[int]) -> None:
        # Users of the release are not agreed on whether its PNGs keep what the column says.
        if POLARITY not in self.table.columns:
            return
        cells = self.table.cells(POLARITY)
        if inverted := sum(cells[at].strip().upper() == INVERTED for at in rows):
            self.notices.append(
                f"Images whose DICOM files were inverted ({INVERTED} in {POLARITY}): {inverted}. "
                "They are read as they are; look at some whether bone is bright."
            )

    def _patients(self, rows: Iterable[int]) -> dict[int, str]:
        cells = self.cells["PatientID"]
        patients = {at: plain_number(plain_id(cells[at])) for at in rows}
        for at in [at for at, patient in patients.items() if is_missing(patient)]:
            self._add(Kind.PATIENT, at, "no patient is named")
            patients[at] = self.ids[at]
        return patients

    def _ages(self, rows: Iterable[int]) -> dict[int, float | None]:
        births, studies = self.cells["PatientBirth"], self.cells["StudyDate_DICOM"]
        ages = {at: _age(births[at], studies[at]) for at in rows}
        unusable = sum(age is None and not is_missing(births[at]) for at, age in ages.items())
        if unusable:
            self.notices.append(
                f"Ages below 0 or above {OLDEST_YEARS} years, or not to be computed, counted as "
                f"unknown: {unusable}."
            )
        return ages

    def _notice_network(self, rows: Iterable[int]) -> None:
        if by_network := sum(self.cells["MethodLabel"][at] == NETWORK for at in rows):
            self.notices.append(
                "Images with labels by the authors' text network, not by a physician: "
                f"{by_network}."
            )


def _age(birth: str, study: str) -> float | None:
    """Age in years from a year (1950.0) and a date (20140915); None if that makes no sense."""
    of_study, of_birth = (_YEAR.fullmatch(plain_number(cell)) for cell in (study, birth))
    if of_study is None or of_birth is None:
        return None
    age = int(of_study[1]) - int(of_birth[1])
    return float(age) if 0 <= age <= OLDEST_YEARS else None
