"""Prediction tables: one row a case, written whole or not at all."""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from datamodules.whole_files import whole_text

Row = dict[str, Any]


@contextmanager
def prediction_table(path: Path, id_column: str = "case_id") -> Iterator[Callable[[Row], None]]:
    """Write a CSV row by row, with the columns of the first; without rows, only the id's column.

    The table is there when the block has ended well; else nothing is left of it.

    Args:
        path: Its folder is made where it is missing.
        id_column: The only column of an empty table.
    """
    with whole_text(path) as file:
        table: csv.DictWriter[str] = csv.DictWriter(file, fieldnames=[])

        def write(row: Row) -> None:
            if not table.fieldnames:
                table.fieldnames = list(row)
                table.writeheader()
            table.writerow(row)

        yield write
        if not table.fieldnames:
            table.fieldnames = [id_column]
            table.writeheader()


def write_predictions(path: Path, rows: Sequence[Row], id_column: str = "case_id") -> None:
    """Write rows as CSV with the columns of the first; without rows, only the id's column."""
    with prediction_table(path, id_column) as write:
        for row in rows:
            write(row)
