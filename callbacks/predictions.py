"""Prediction tables: one row a case, written whole or not at all."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def write_predictions(
    path: Path, rows: Sequence[dict[str, Any]], id_column: str = "case_id"
) -> None:
    """Write rows as CSV with the columns of the first; without rows, only the id's column."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]) if rows else [id_column])
        writer.writeheader()
        writer.writerows(rows)
    temporary.replace(path)
