"""What a run was trained and validated on, so that none of it is called external."""

import csv
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from datamodules.base import TaskDataModule
from datamodules.cases import CaseTable
from datamodules.errors import ConfigError, LightboxError
from datamodules.readers.reader import Reading
from datamodules.splits import ContentHashes, contents_of
from experiments.run_folder import RunFolder
from experiments.tasks import build_data

log = logging.getLogger("lightbox")

SIDES = ("train", "val")
SHOWN = 3


@dataclass(frozen=True)
class SeenCases:
    """Cases of a run's training and validation.

    Attributes:
        reader: Kind of their reader.
        dataset: Name of their dataset; empty where that is not known any more.
        cases, patients: Their ids.
        hashes: Of the content of their images; None where it is not in the cache any more.
    """

    reader: str
    dataset: str
    cases: frozenset[str]
    patients: frozenset[str]
    hashes: frozenset[bytes | str] | None

    @classmethod
    def of(cls, folder: RunFolder) -> Self:
        """Read the splits of a run; of its dataset what is still there.

        Raises:
            ConfigError: If the run has no splits.
        """
        experiment = folder.experiment()
        rows = _rows(folder)
        cases = frozenset(row["case_id"] for row in rows)
        data = build_data(experiment)
        table, kept = _still_there(data)
        return cls(
            reader=experiment.data.reader.kind,
            dataset=experiment.data.reader.folder if table is None else table.name,
            cases=cases,
            patients=frozenset(row["patient_id"] for row in rows),
            hashes=None
            if kept is None
            else frozenset(each for name in cases for each in contents_of(kept, name)),
        )

    def refuse_known(self, data: TaskDataModule) -> None:
        """Look for cases and patients of the same dataset; no image is read.

        Raises:
            ConfigError: If there are any.
        """
        table, reader = data.table, data.config.reader
        if reader.ids_are_file_names or (reader.kind, table.name) != (self.reader, self.dataset):
            return
        found = [
            case.case_id
            for case in table.cases
            if case.case_id in self.cases or case.patient_id in self.patients
        ]
        _refuse(found, len(table.cases), "are cases or patients")

    def refuse_copies(self, data: TaskDataModule) -> None:
        """Look for identical images, whatever they are called and wherever they lie.

        Args:
            data: Prepared.

        Raises:
            ConfigError: If there are any.
        """
        contents, cases = data.kept_contents(), data.table.cases
        if self.hashes is None or contents is None:
            log.warning(
                "the run's own images are not in the cache: whether those of %s are copies of them"
                " was not looked at",
                data.table.name,
            )
            return
        found = [
            case.case_id
            for case in cases
            if not self.hashes.isdisjoint(contents_of(contents, case.case_id))
        ]
        _refuse(found, len(cases), "show images")


def _rows(folder: RunFolder) -> list[dict[str, str]]:
    try:
        with folder.splits_file.open(newline="", encoding="utf-8") as file:
            return [row for row in csv.DictReader(file) if row["split"] in SIDES]
    except (OSError, KeyError) as error:
        raise ConfigError(
            f"run {folder.name} has no {folder.splits_file.name} that can be read: what it was"
            " trained on is not known, and so not whether another dataset is external"
        ) from error


def _still_there(data: TaskDataModule) -> tuple[CaseTable | None, ContentHashes | None]:
    """The cases that a run was made on, and their hashes; None for what is gone, or not as then."""
    table = kept = None
    with suppress(LightboxError):
        table = Reading.attempt(data.read).table
        kept = data.kept_contents()
    return table, kept


def _refuse(found: Sequence[str], cases: int, what: str) -> None:
    if found:
        raise ConfigError(
            f"{len(found)} of {cases} cases {what} that the run was trained or validated on, such"
            f" as {', '.join(found[:SHOWN])}: they are not external. Leave them out of the dataset,"
            " or name another one"
        )
