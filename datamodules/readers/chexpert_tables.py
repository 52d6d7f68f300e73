"""The tables of CheXpert: where they are, and what each row says of a film."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from datamodules.errors import DataError
from datamodules.problems import Kind, Problem, Problems
from datamodules.readers.chexpert_labels import OBSERVATIONS, Cells
from datamodules.readers.nih_annotations import first_there
from datamodules.readers.tables import Table, read_tables

TABLES = {
    "train": ("train.csv",),
    "valid": ("valid.csv",),
    "test": ("test.csv", "test_labels.csv"),
}
"""By the folder that the table's films are in: what it may be called."""
ABOUT_FILMS = ("Sex", "Age", "AP/PA")
"""Columns that train.csv and valid.csv have, and that of the test films has not."""
PATH = re.compile(
    r"(?:(?P<top>CheXpert[^/\\]*)/)?"
    r"(?P<path>(?P<folder>train|valid|test)/(?P<patient>patient\d+)/(?P<study>study\d+)"
    r"/(?P<name>view\d+_(?P<plane>frontal|lateral))\.jpg)",
    re.ASCII,
)


class Film(NamedTuple):
    """A row of a table.

    Attributes:
        table: Its name.
        row: Number of the row as a spreadsheet shows it.
        found: What PATH finds in its path.
        cells: What it says of the observations.
        sex: Male, Female or another word; blank if the table does not say.
        age: In years; blank likewise.
        projection: AP, PA, LL or RL; blank likewise, and for a lateral film.
    """

    table: str
    row: int
    found: re.Match[str]
    cells: Cells
    sex: str
    age: str
    projection: str

    @property
    def folder(self) -> str:
        """Of TABLES."""
        return self.found["folder"]

    @property
    def case_id(self) -> str:
        """Such as patient00001_study1_view1_frontal."""
        return "_".join(self.found.group("patient", "study", "name"))

    @property
    def place(self) -> str:
        """The row, for a message."""
        return f"{self.table} row {self.row}"


def folder_of_tables(root: Path) -> Path:
    """The folder that has train.csv: the root, or a release of CheXpert in it.

    Raises:
        DataError: If there is none, or more than one release.
    """
    if first_there(root, TABLES["train"]):
        return root
    inside = sorted(
        entry.name
        for entry in root.iterdir()
        if entry.name.startswith("CheXpert") and first_there(entry, TABLES["train"])
    )
    if len(inside) > 1:
        raise DataError(
            f"the dataset's folder holds {' and '.join(inside)}; give one of them as "
            "--data.reader.root"
        )
    if not inside:
        raise DataError(
            "the dataset's folder has no train.csv, nor a folder CheXpert-v1.0-small or "
            "CheXpert-v1.0 with one; get the dataset from "
            "https://stanfordmlgroup.github.io/competitions/chexpert/"
        )
    return root / inside[0]


def tables_there(root: Path) -> dict[str, str]:
    """The tables that the folder has, plain or gzipped, in the order of TABLES."""
    names = {folder: first_there(root, called) for folder, called in TABLES.items()}
    return {folder: name for folder, name in names.items() if name is not None}


def read_films(root: Path, names: Mapping[str, str], problems: Problems) -> Iterator[Film]:
    """Rows of several tables; those without a usable path become problems.

    Args:
        root: Folder of the tables.
        names: Table of each folder.
        problems: Receives what is wrong.
    """
    about = {folder: () if folder == "test" else ABOUT_FILMS for folder in names}
    columns = {name: ("Path", *OBSERVATIONS, *about[folder]) for folder, name in names.items()}
    tables = read_tables(root, columns, problems)
    for folder, name in names.items():
        if name in tables:
            yield from _films_of(tables[name], folder, problems)


def _films_of(table: Table, folder: str, problems: Problems) -> Iterator[Film]:
    blank = [""] * len(table.rows)
    labels = zip(*(table.cells(name) for name in OBSERVATIONS), strict=True)
    about = (table.cells(name) if name in table.columns else blank for name in ABOUT_FILMS)
    for row, path, cells, sex, age, projection in zip(
        table.numbers, table.cells("Path"), labels, *about, strict=True
    ):
        found = PATH.fullmatch(path)
        if found and found["folder"] == folder:
            yield Film(table.path, row, found, cells, sex, age, projection)
        else:
            form = f"{folder}/patient00001/study1/view1_frontal.jpg"
            fault = f"the path '{path}' is not of the form {form}"
            problems.append(Problem(Kind.PATH, f"{table.path} row {row}", fault))
