"""What a table knows of files that belong to no dataset, for a model that is given it."""

import logging
import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from datamodules.cases import Case
from datamodules.errors import ConfigError, DataError
from datamodules.readers.tables import Table, is_missing, read_table
from datamodules.table_features import SITE, TableColumn, Value

LOG = logging.getLogger("lightbox")
FILE = "file"


def read_file_attributes(
    path: Path, columns: Sequence[TableColumn], files: Collection[str]
) -> dict[str, Case]:
    """Read the attributes of files from a table with a row a file.

    Args:
        path: The table: a column ``file`` with the names of files as in predictions.csv, and one
            for each attribute; a blank cell is not known.
        columns: The attributes that are wanted.
        files: Names of the files; nothing is known of one without a row.

    Returns:
        A case a file, in the order of the files.

    Raises:
        ConfigError: If the table cannot be read, lacks a column, has two rows for a file or none
            for any, or a cell that should be a number and is not.
    """
    if not path.is_file():
        raise ConfigError(f"--table: there is no file {path}")
    try:
        table = read_table(path.parent, path.name)
        table.require([FILE, *(column.name for column in columns)])
        rows = _rows(table, files)
        values = {column.name: _values(table, column, rows.values()) for column in columns}
    except DataError as error:
        raise ConfigError(f"--table: {error}") from error
    if missing := [name for name in files if name not in rows]:
        LOG.warning(
            "%d of %d files have no row in %s, and nothing is known of them: %s",
            len(missing),
            len(files),
            path.name,
            _shortened(missing),
        )
    return {
        name: _case(name, {column: known.get(rows.get(name)) for column, known in values.items()})
        for name in files
    }


def _rows(table: Table, files: Collection[str]) -> dict[str, int]:
    """Position in the table of each file's row."""
    rows: dict[str, int] = {}
    problems = []
    for at, cell in enumerate(table.cells(FILE)):
        name = str(PurePosixPath(cell.replace("\\", "/")))
        if name in rows:
            first, again = table.numbers[rows[name]], table.numbers[at]
            problems.append(f"rows {first} and {again} are both of '{name}'")
        rows.setdefault(name, at)
    if problems:
        raise DataError(f"{table.path} has more than one row for a file", problems)
    if not rows.keys() & set(files):
        raise DataError(
            f"no row of {table.path} is of a file that is predicted: its column '{FILE}' is to hold"
            f" names such as '{next(iter(files))}', and holds '{next(iter(rows))}'"
        )
    return {name: at for name, at in rows.items() if name in files}


def _values(table: Table, column: TableColumn, rows: Collection[int]) -> dict[int | None, Value]:
    """Cells of one attribute by row; what is blank, and what training did not know, is absent."""
    cells = table.cells(column.name)
    known = {row: cells[row] for row in rows if not is_missing(cells[row])}
    if column.levels:
        _warn_of_new(column, Counter(known.values()))
        return {row: cell for row, cell in known.items()}
    if faults := list(_not_numbers(table, column.name, known)):
        raise DataError(f"{table.path} has cells that are no numbers", faults)
    return {row: float(cell) for row, cell in known.items()}


def _warn_of_new(column: TableColumn, counts: Counter[str]) -> None:
    new = [f"'{value}' ({n} files)" for value, n in counts.items() if value not in column.levels]
    if new:
        LOG.warning(
            "%s: %s; the model knows %s only, and takes the rest for not known",
            column.name,
            _shortened(new),
            ", ".join(column.levels),
        )


def _not_numbers(table: Table, column: str, cells: Mapping[int, str]) -> Iterator[str]:
    for row, cell in cells.items():
        try:
            finite = math.isfinite(float(cell))
        except ValueError:
            finite = False
        if not finite:
            yield f"row {table.numbers[row]}: column '{column}' is '{cell}'"


def _case(name: str, values: Mapping[str, Value]) -> Case:
    site = values.get(SITE)
    return Case(name, name, {}, site=None if site is None else str(site), attributes=dict(values))


def _shortened(names: Sequence[str], shown: int = 3) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
