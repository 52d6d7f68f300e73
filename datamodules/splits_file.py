"""splits.csv: the division of a run on disk, and whether it still fits its dataset."""

import csv
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from datamodules.cases import CaseTable
from datamodules.errors import DataError
from datamodules.splits import CLOSED, EXCLUDED, SIDES, ContentHashes, contents_of
from datamodules.whole_files import whole_text

COLUMNS = ("case_id", "patient_id", "split", "content")
OLDER_COLUMNS = COLUMNS[:3]


def write_splits(
    path: Path, table: CaseTable, splits: Mapping[str, str], hashes: ContentHashes
) -> None:
    """Write :data:`COLUMNS` in the order of the table; whole or not at all.

    ``content`` are the hashes of what a case's files show, with blanks between them: they tell
    copies of these cases long after the files are gone.
    """
    with whole_text(path) as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for case in table.cases:
            content = " ".join(contents_of(hashes, case.case_id))
            writer.writerow((case.case_id, case.patient_id, splits[case.case_id], content))


def read_splits(path: Path) -> dict[str, str]:
    """Read what :func:`write_splits` wrote.

    Raises:
        DataError: If the file is missing or is not such a file, or if a patient is on two sides.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = list(csv.reader(file)) or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"cannot read {path.name}: {error}") from error
    if tuple(header) not in (COLUMNS, OLDER_COLUMNS):
        raise DataError(f"{path.name} does not begin with the columns {', '.join(COLUMNS)}")
    problems = [
        f"row {number}: '{','.join(row)}' is not a case, a patient and a side"
        for number, row in enumerate(rows, start=2)
        if len(row) != len(header) or row[2] not in (*SIDES, CLOSED, EXCLUDED)
    ]
    splits = {row[0]: row[2] for row in rows if len(row) == len(header)}
    if len(splits) < len(rows) and not problems:
        problems.append("a case occurs more than once")
    sides: dict[str, set[str]] = defaultdict(set)
    for _, patient, side, *_ in rows if not problems else ():
        sides[patient] |= {side} - {EXCLUDED}
    problems += [
        f"patient '{patient}' is in {' and in '.join(sorted(found))}"
        for patient, found in sides.items()
        if len(found) > 1
    ]
    if problems:
        raise DataError(f"{path.name} is damaged", problems)
    return splits


def check_same_patients(table: CaseTable, splits_file: Path) -> None:
    """Look whether a table has the cases and patients that splits were written for.

    Raises:
        DataError: Lists the cases that came, went, or changed their patient.
    """
    with splits_file.open(newline="", encoding="utf-8") as file:
        then = {row["case_id"]: row["patient_id"] for row in csv.DictReader(file)}
    now = {case.case_id: case.patient_id for case in table.cases}
    changed = sorted(name for name in then | now if then.get(name) != now.get(name))
    if changed:
        raise DataError(
            "the dataset is not the one that the run was started on; cases that came, went, or"
            " changed their patient:",
            changed,
        )
