"""What a run was trained and validated on, so that none of it is called external."""

import csv
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from datamodules.base import TaskDataModule
from datamodules.errors import ConfigError, LightboxError
from datamodules.splits import contents_of
from experiments.reporting.content import read_facts
from experiments.run_folder import RunFolder
from experiments.tasks import build_data

SIDES = ("train", "val")
SHOWN = 3


@dataclass(frozen=True)
class SeenCases:
    """Cases of a run's training and validation.

    Attributes:
        reader: Kind of their reader.
        dataset: Name of their dataset; empty where that is not known any more.
        cases, patients: Their ids.
        hashes: Of the content of their images; None where nobody knows them any more.
    """

    reader: str
    dataset: str
    cases: frozenset[str]
    patients: frozenset[str]
    hashes: frozenset[str] | None

    @classmethod
    def of(cls, folder: RunFolder) -> Self:
        """Read what a finished run keeps of them.

        Raises:
            ConfigError: If the run has no splits.
        """
        experiment, rows = folder.experiment(), _rows(folder)
        cases = frozenset(row["case_id"] for row in rows)
        return cls(
            reader=experiment.data.reader.kind,
            dataset=_dataset(folder),
            cases=cases,
            patients=frozenset(row["patient_id"] for row in rows),
            hashes=_hashes(rows, build_data(experiment)),
        )

    def refuse_known(self, data: TaskDataModule) -> None:
        """Look for cases and patients of the same dataset; no image is read.

        Raises:
            ConfigError: If there are any.
        """
        table, reader = data.table, data.config.reader
        other = reader.kind != self.reader or self.dataset not in ("", table.name)
        if other or reader.ids_are_file_names:
            return
        found = [
            case.case_id
            for case in table.cases
            if case.case_id in self.cases or case.patient_id in self.patients
        ]
        _refuse(found, len(table.cases), "are cases or patients")

    def refuse_copies(self, data: TaskDataModule) -> list[str]:
        """Look for identical images, whatever they are called and wherever they lie.

        Args:
            data: Prepared.

        Returns:
            What a report must say, if it could not be looked at.

        Raises:
            ConfigError: If there are any.
        """
        contents, table = data.kept_contents(), data.table
        if self.hashes is None or contents is None:
            whose = table.name if contents is None else "the run's own data"
            return [
                f"Whether images of {table.name} are copies of those that the run was trained on"
                f" was not looked at: what {whose} shows is not kept any more."
            ]
        found = [
            case.case_id
            for case in table.cases
            if not self.hashes.isdisjoint(contents_of(contents, case.case_id))
        ]
        _refuse(found, len(table.cases), "show images")
        return []


def _rows(folder: RunFolder) -> list[dict[str, str]]:
    try:
        with folder.splits_file.open(newline="", encoding="utf-8") as file:
            return [row for row in csv.DictReader(file) if row["split"] in SIDES]
    except (OSError, KeyError) as error:
        raise ConfigError(
            f"run {folder.name} has no {folder.splits_file.name} that can be read: what it was"
            " trained on is not known, and so not whether another dataset is external"
        ) from error


def _dataset(folder: RunFolder) -> str:
    """Name of the dataset, which a finished run keeps with its report; empty: not known."""
    with suppress(ConfigError):
        return str(read_facts(folder)["dataset"]["name"])
    return ""


def _hashes(rows: Sequence[dict[str, str]], data: TaskDataModule) -> frozenset[str] | None:
    """As splits.csv has them; of an older run as its cache has, if it is still there."""
    if rows and "content" in rows[0]:
        return frozenset(each for row in rows for each in row["content"].split())
    with suppress(LightboxError):
        if (kept := data.kept_contents()) is not None:
            return frozenset(each for row in rows for each in contents_of(kept, row["case_id"]))
    return None


def _refuse(found: Sequence[str], cases: int, what: str) -> None:
    if found:
        raise ConfigError(
            f"{len(found)} of {cases} cases {what} that the run was trained or validated on, such"
            f" as {', '.join(found[:SHOWN])}: they are not external. Leave them out of the dataset,"
            " or name another one"
        )
