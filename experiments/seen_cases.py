"""What a run was trained and validated on, so that none of it is called external."""

import csv
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from datamodules.configs.xrays import XraysConfig
from datamodules.errors import ConfigError
from datamodules.readers.reader import Reading
from datamodules.xray_cache import cached_hashes
from datamodules.xrays import XraysData
from experiments.run_folder import RunFolder
from experiments.task_kinds.xray_classification import settings_of

log = logging.getLogger("lightbox")

SIDES = ("train", "val")
NAMED_BY_FILES = ("csv", "folder", "demo")
"""Readers whose ids are somebody's file names: equal ones do not mean equal films."""
SHOWN = 3


@dataclass(frozen=True)
class SeenCases:
    """Cases of a run's training and validation.

    Attributes:
        reader: Kind of their reader.
        dataset: Name of their dataset; empty where that is not known any more.
        cases, patients: Their ids.
        hashes: Of the content of their films; None where it is not in the image cache any more.
    """

    reader: str
    dataset: str
    cases: frozenset[str]
    patients: frozenset[str]
    hashes: frozenset[bytes] | None

    @classmethod
    def of(cls, folder: RunFolder) -> Self:
        """Read the splits of a run; of its dataset what is still there."""
        experiment = folder.experiment()
        with folder.splits_file.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["split"] in SIDES]
        cases = frozenset(row["case_id"] for row in rows)
        data = settings_of(experiment)[1]
        table = Reading.attempt(XraysData(data, experiment.seed).read).table
        kept = None if table is None else cached_hashes(table, data)
        return cls(
            reader=experiment.data.reader.kind,
            dataset=experiment.data.reader.folder if table is None else table.name,
            cases=cases,
            patients=frozenset(row["patient_id"] for row in rows),
            hashes=None
            if kept is None
            else frozenset(each for name in cases & kept.keys() for each in kept[name]),
        )

    def refuse_known(self, data: XraysData) -> None:
        """Look for cases and patients of the same dataset; no image is read.

        Raises:
            ConfigError: If there are any.
        """
        assert isinstance(data.config, XraysConfig)
        table, kind = data.table, data.config.reader.kind
        if kind != self.reader or kind in NAMED_BY_FILES or self.dataset != table.name:
            return
        found = [
            case.case_id
            for case in table.cases
            if case.case_id in self.cases or case.patient_id in self.patients
        ]
        _refuse(found, len(table.cases), "are cases or patients")

    def refuse_copies(self, data: XraysData) -> None:
        """Look for identical films, whatever they are called and wherever they lie.

        Args:
            data: Prepared.

        Raises:
            ConfigError: If there are any.
        """
        if self.hashes is None:
            log.warning(
                "the run's own films are not in the image cache: whether films of %s are copies of"
                " them was not looked at",
                data.table.name,
            )
            return
        digests = [digest.tobytes() for digest in data.cache.hashes]
        found = [
            case.case_id
            for index, case in enumerate(data.table.cases)
            if any(digests[row] in self.hashes for row in data.rows_of(index))
        ]
        _refuse(found, len(data.table.cases), "show films")


def _refuse(found: Sequence[str], cases: int, what: str) -> None:
    if found:
        raise ConfigError(
            f"{len(found)} of {cases} cases {what} that the run was trained or validated on, such"
            f" as {', '.join(found[:SHOWN])}: they are not external. Leave them out of the dataset,"
            " or name another one"
        )
