"""Tables on disk: CSV and TSV, plain or gzipped, read as text with the numbers of their rows."""

import csv
import gzip
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TextIO

from datamodules.cases import resolve
from datamodules.errors import DataError
from datamodules.problems import Kind, Problem, Problems

SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
_DECLARED = re.compile(r'"?sep=([,;|\t])"?', re.IGNORECASE)
MISSING = frozenset({"", "nan", "na", "n/a", "none", "null", "<na>"})


@dataclass(frozen=True)
class Table:
    """The cells of a table, stripped of surrounding blanks.

    Attributes:
        path: Relative to the root of the dataset.
        columns: Names in the header.
        numbers: Row numbers as a spreadsheet shows them; the header is row 1.
        rows: Cells, as many in each row as there are columns.
    """

    path: str
    columns: tuple[str, ...]
    numbers: tuple[int, ...]
    rows: tuple[tuple[str, ...], ...]

    def cells(self, column: str) -> list[str]:
        """Cells of one column, from top to bottom."""
        at = self.columns.index(column)
        return [row[at] for row in self.rows]

    def require(self, columns: Iterable[str]) -> None:
        """Refuse a table that lacks columns, or has one twice.

        Raises:
            DataError: Names every such column, and the nearest one that is there.
        """
        problems = [self._missing(name) for name in columns if name not in self.columns]
        twice = [name for name in columns if self.columns.count(name) > 1]
        problems += [f"column '{name}' occurs more than once" for name in twice]
        if problems:
            there = ", ".join(name for name in self.columns if name)
            raise DataError(f"{self.path} does not have the columns asked for ({there})", problems)

    def _missing(self, name: str) -> str:
        by_lower = {column.lower(): column for column in self.columns if column}
        near = get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
        return f"column '{name}' is missing" + (
            f"; did you mean '{by_lower[near[0]]}'?" if near else ""
        )


def is_missing(cell: str) -> bool:
    """Whether a cell is blank, or one of the words that stand for it (NaN, NA, None ...)."""
    return cell.lower() in MISSING


def plain_number(cell: str) -> str:
    """Whole numbers without a fraction: ``"12.0"`` is ``"12"``; other text is unchanged."""
    whole, dot, fraction = cell.partition(".")
    return whole if dot and whole.lstrip("-").isdigit() and fraction.strip("0") == "" else cell


def read_table(
    root: Path, relative: str, width: int | None = None, problems: Problems | None = None
) -> Table:
    """Read a table with a header row.

    Args:
        root: Folder of the dataset.
        relative: Path of the table in it, ending in .csv or .tsv, and .gz when gzipped. A file
            whose header has more semicolons than commas is taken to be separated by those; a first
            line such as ``sep=;`` says it, and is not counted as a row.
        width: Read only so many cells of the header and of each row; none: all, and as many in
            each row as in the header.
        problems: Receives the rows of another length than the header's, which are then left out;
            none: such rows are an error.

    Raises:
        DataError: If the file is missing, empty, damaged, not UTF-8, or has rows of uneven length.
    """
    path = resolve(root, relative)
    if not relative.lower().endswith(SUFFIXES):
        raise DataError(f"{relative} is not a table that can be read ({', '.join(SUFFIXES)})")
    if not path.is_file():
        raise DataError(f"the table {relative} is not in the dataset's folder" + _nearest(path))
    try:
        with _open(path) as file:
            numbered = [(n, row[:width]) for n, row in _numbered_rows(file, relative)]
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{relative} is damaged: {error}; fetch or copy it again") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{relative} is not UTF-8 text; save it as 'CSV UTF-8'") from error
    except csv.Error as error:
        raise DataError(f"{relative} is not a well-formed table: {error}") from error
    except OSError as error:
        raise DataError(f"cannot read {relative}: {error.strerror or error}") from error
    return _table(relative, numbered, problems)


def read_tables(
    root: Path, columns: Mapping[str, Iterable[str]], problems: Problems
) -> dict[str, Table]:
    """Read several tables of one dataset, so that the faults of all of them are named at once.

    Args:
        root: Folder of the dataset.
        columns: Columns that each table must have, by its path.
        problems: Receives what is wrong with them.

    Returns:
        The tables that can be used, by path.
    """
    tables = {}
    for relative, needed in columns.items():
        try:
            table = read_table(root, relative, problems=problems)
            table.require(needed)
            tables[relative] = table
        except DataError as error:
            problems += [Problem(Kind.LAYOUT, relative, str(each)) for each in error.found]
            problems += [] if error.found else [Problem(Kind.LAYOUT, "", error.message)]
    return tables


def _open(path: Path) -> TextIO:
    if path.name.lower().endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _numbered_rows(file: TextIO, relative: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    header = file.readline()
    if declared := _DECLARED.fullmatch(header.rstrip("\r\n")):
        delimiter = declared[1]
    else:
        file.seek(0)
        delimiter = ";" if header.count(";") > header.count(",") else ","
        if relative.lower().removesuffix(".gz").endswith(".tsv"):
            delimiter = "\t"
    held: dict[str, str] = {}  # tables say few things many times: each is held once in memory
    for number, row in enumerate(csv.reader(file, delimiter=delimiter, strict=True), start=1):
        cells = tuple(held.setdefault(cell, cell) for cell in map(str.strip, row))
        if any(cells):
            yield number, cells


def _table(
    relative: str, numbered: list[tuple[int, tuple[str, ...]]], problems: Problems | None
) -> Table:
    if len(numbered) < 2:
        raise DataError(
            f"the table {relative} is empty: it needs a header row and a row for each image"
        )
    (_, columns), *rest = numbered
    uneven = {number: len(row) for number, row in rest if len(row) != len(columns)}
    faults = [
        f"row {n} has {cells} cells, the header has {len(columns)}" for n, cells in uneven.items()
    ]
    if faults and (problems is None or len(faults) == len(rest)):
        raise DataError(f"the rows of {relative} are not of one length", faults)
    if problems is not None:
        problems += [Problem(Kind.LAYOUT, relative, fault) for fault in faults]
    rest = [(number, row) for number, row in rest if number not in uneven]
    return Table(relative, columns, tuple(n for n, _ in rest), tuple(row for _, row in rest))


def _nearest(path: Path) -> str:
    if not path.parent.is_dir():
        return ""
    names = [entry.name for entry in path.parent.iterdir() if entry.name.endswith(SUFFIXES)]
    near = get_close_matches(path.name, names, n=1, cutoff=0.5)
    return f"; did you mean '{near[0]}'?" if near else ""
