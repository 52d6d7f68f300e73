"""NIH ChestX-ray14: 112,120 frontal chest films of 30,805 patients, fourteen findings."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import ClassVar, Literal

from datamodules.cases import Case, CaseTable, Source, resolve
from datamodules.errors import DataError
from datamodules.problems import FaultyCasesError, Kind, Problem, Problems
from datamodules.readers.image_files import fault_of_case_id, hint_of_missing
from datamodules.readers.nih_annotations import (
    FINDINGS,
    Findings,
    first_there,
    parse_ages,
    parse_findings,
    read_boxes,
    read_official_split,
)
from datamodules.readers.reader import ReaderSettings
from datamodules.readers.tables import Table, plain_number, read_table

DATA_ENTRY_TABLES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
IMAGE_FOLDER = re.compile(r"images(_\d{3})?")
COLUMNS = (
    "Image Index",
    "Finding Labels",
    "Patient ID",
    "Patient Age",
    "Patient Gender",
    "View Position",
)


class NihChestXray14Reader(ReaderSettings):
    """NIH ChestX-ray14 (Wang et al., CVPR 2017), https://nihcc.app.box.com/v/ChestXray-NIHCC.

    Expected under ``root``; tables may be gzipped, lists and boxes may be absent::

        Data_Entry_2017_v2020.csv                  or Data_Entry_2017.csv
        images/00000001_000.png                    or images_001/images/ to images_012/images/
        train_val_list.txt, test_list.txt          the official split
        BBox_List_2017.csv                         984 boxes

    The listed test patients are kept; validation is drawn from the others by patient.
    """

    folder: ClassVar[str] = "nih-chestxray14"

    kind: Literal["nih-chestxray14"] = "nih-chestxray14"
    require_images: bool = True
    """Every image of the table must be there; off: list the tables without looking for images."""

    def list_cases(self) -> CaseTable:
        """List the images of the data-entry table; see the base class."""
        root = self.existing_root()
        name = first_there(root, DATA_ENTRY_TABLES)
        if name is None:
            raise DataError(
                f"the dataset's folder has neither {' nor '.join(DATA_ENTRY_TABLES)}; get one from "
                "https://nihcc.app.box.com/v/ChestXray-NIHCC"
            )
        problems: Problems = []
        table = read_table(root, name, problems=problems)
        table.require(COLUMNS)
        return _NihCases(root, table, self.require_images, problems).build()


class _NihCases:
    """Turns the rows of the data-entry table into cases, and gathers what is wrong with them."""

    def __init__(self, root: Path, table: Table, require_images: bool, problems: Problems) -> None:
        self.root = root
        self.table = table
        self.require_images = require_images
        self.images = table.cells("Image Index")
        self.ids = [image.removesuffix(".png") for image in self.images]
        self.problems = problems
        self.missing = 0
        self.notices: list[str] = []

    def build(self) -> CaseTable:
        rows = self._named_rows()
        names = [self.images[at] for at in rows]
        paths, findings, patients = self._paths(rows), self._findings(), self._patients()
        ages = parse_ages(self.table.cells("Patient Age"), self.notices)
        splits = read_official_split(self.root, names, self.problems, self.notices)
        boxes = read_boxes(self.root, set(names), self.problems, self.notices)
        sexes, views = self.table.cells("Patient Gender"), self.table.cells("View Position")
        cases = tuple(
            Case(
                case_id=self.ids[at],
                patient_id=patients[at],
                inputs={"image": Source(path)} if path else {},
                targets={"findings": findings[at]}
                | ({"boxes": boxes[image]} if image in boxes else {}),
                attributes={
                    "age": ages[at],
                    "sex": sexes[at] or None,
                    "view": views[at] or None,
                },
                split=split,
            )
            for at, image, path, split in zip(rows, names, paths, splits, strict=True)
        )
        if self.problems:
            raise FaultyCasesError(
                f"problems in {self.table.path} and what it names: {len(self.problems)}"
                + hint_of_missing(self.missing, len(self.images)),
                self.problems,
                self._table(cases) if cases else None,
            )
        return self._table(cases)

    def _table(self, cases: tuple[Case, ...]) -> CaseTable:
        drawn = {label for case in cases for label, *_ in case.targets.get("boxes", ())}
        return CaseTable(
            name=NihChestXray14Reader.folder,
            root=self.root,
            cases=cases,
            findings=FINDINGS,
            objects=tuple(finding for finding in FINDINGS if finding in drawn),
            public=True,
            notices=tuple(self.notices),
        )

    def _add(self, kind: Kind, at: int, message: str) -> None:
        where = f"row {self.table.numbers[at]}, {self.images[at]}"
        self.problems.append(Problem(kind, where, message, case_id=self.ids[at]))

    def _named_rows(self) -> list[int]:
        """The first row of each image that has a usable name."""
        rows: dict[str, int] = {}
        for at, image in enumerate(self.images):
            fault = fault_of_case_id(image)
            if fault or not image.endswith(".png"):
                self._add(Kind.CASE_ID, at, f"the name {fault or 'is not of a .png'}")
            elif image in rows:
                first = self.table.numbers[rows[image]]
                self._add(Kind.CASE_ID, at, f"the image is in row {first} already")
            else:
                rows[image] = at
        return list(rows.values())

    def _paths(self, rows: Sequence[int]) -> list[str]:
        """Where the image of each row is; empty where it cannot be had."""
        if not self.require_images:
            return [f"images/{self.images[at]}" for at in rows]
        places = _image_places(self.root, self.problems)
        missing = [at for at in rows if self.images[at] not in places]
        self.missing = len(missing)
        for at in missing:
            self._add(Kind.MISSING, at, "there is no such image")
        return [places.get(self.images[at], "") for at in rows]

    def _findings(self) -> list[Findings]:
        cells = self.table.cells("Finding Labels")
        parsed = {cell: parse_findings(cell) for cell in dict.fromkeys(cells)}
        rows: list[Findings] = []
        for at, cell in enumerate(cells):
            value = parsed[cell]
            if isinstance(value, str):
                self._add(Kind.LABEL, at, value)
                value = {}
            rows.append(value)
        return rows

    def _patients(self) -> list[str]:
        patients = []
        for at, cell in enumerate(self.table.cells("Patient ID")):
            patient, named = plain_number(cell), self.images[at].partition("_")[0]
            known = patient.lstrip("0") or "0"
            if not patient.isdecimal():
                self._add(Kind.PATIENT, at, f"the patient id '{patient}' is no number")
                known = self.ids[at]
            elif named.isdecimal() and int(named) != int(patient):
                self._add(
                    Kind.PATIENT,
                    at,
                    f"the patient id is {patient}, the image's name says {named}",
                )
                known = self.ids[at]
            patients.append(known)
        return patients


def _image_places(root: Path, problems: Problems) -> dict[str, str]:
    """Path of every image below ``images`` and ``images_NNN``, by its name; one scan a folder.

    A link that leaves the root is a problem, and its image has an empty path.
    """
    places: dict[str, str] = {}
    for folder in _image_folders(root):
        with os.scandir(resolve(root, folder)) as entries:
            names = sorted((entry.name, entry.is_symlink()) for entry in entries)
        for name, is_link in names:
            path = f"{folder}/{name}"
            if not name.endswith(".png"):
                continue
            if name in places:
                both = f"both {places[name]} and {path} are there; remove one"
                problems.append(
                    Problem(Kind.CASE_ID, name, both, case_id=name.removesuffix(".png"))
                )
            places.setdefault(name, _inside(root, path, problems) if is_link else path)
    return places


def _inside(root: Path, path: str, problems: Problems) -> str:
    try:
        resolve(root, path)
    except DataError as error:
        problems.append(Problem(Kind.PATH, "", error.message, case_id=PurePosixPath(path).stem))
        return ""
    return path


def _image_folders(root: Path) -> Iterator[str]:
    tops = (e.name for e in root.iterdir() if IMAGE_FOLDER.fullmatch(e.name))
    for folder in [path for top in sorted(tops) for path in (top, f"{top}/images")]:
        if (root / folder).is_dir():
            yield folder
