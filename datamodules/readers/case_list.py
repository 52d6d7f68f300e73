"""The list of cases that a reader of mask datasets fills, with all that is wrong with them."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from datamodules.cases import Case, CaseTable, Source, resolve
from datamodules.errors import DataError
from datamodules.problems import FaultyCasesError, Kind, Problem, Problems
from datamodules.readers.image_files import (
    ImageFiles,
    NoSuchFileError,
    fault_of_case_id,
    hint_of_missing,
)


class CaseList:
    """Takes cases one by one, looks whether their files are there, and gathers problems.

    Args:
        root: Folder of the dataset.

    Attributes:
        problems: All that is wrong so far; a reader may add to them.
        notices: What the report should say.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.problems: Problems = []
        self.notices: list[str] = []
        self._files = ImageFiles(root)
        self._cases: dict[str, Case] = {}
        self._missing: set[str] = set()

    def __len__(self) -> int:
        return len(self._cases)

    @property
    def patients(self) -> list[str]:
        """Patient of each case."""
        return [case.patient_id for case in self._cases.values()]

    def images(self, case_id: str, paths: Mapping[str, str]) -> dict[str, Source]:
        """Sources of the inputs of a case that are there; each other one is a problem."""
        return self._found(case_id, paths, Kind.MISSING)

    def masks(
        self, case_id: str, paths: Mapping[str, str], selector: str | None = None
    ) -> dict[str, Source]:
        """Sources of the masks of a case that are there; each other one is a problem."""
        found = self._found(case_id, paths, Kind.LABEL)
        return {name: replace(source, selector=selector) for name, source in found.items()}

    def mask(self, case_id: str, path: str) -> dict[str, Source]:
        """``{"mask": ...}``, or nothing, which is a problem."""
        return self.masks(case_id, {"mask": path})

    def separate_masks(
        self, case_id: str, paths: Mapping[str, str], selector: str | None = None
    ) -> dict[str, Any]:
        """``{"masks": ...}`` if the mask of every structure is there; else it is a problem."""
        masks = self.masks(case_id, paths, selector)
        return {"masks": masks} if len(masks) == len(paths) else {}

    def add(self, case: Case) -> None:
        """Take a case; one whose id is unusable or taken is a problem and left out."""
        if fault := fault_of_case_id(case.case_id):
            self.fault(Kind.CASE_ID, f"the case id '{case.case_id}' {fault}", case.case_id)
        elif case.case_id in self._cases:
            both = f"{_place(self._cases[case.case_id])} and {_place(case)}"
            self.fault(Kind.CASE_ID, f"{both} would both be this case", case.case_id)
        else:
            self._cases[case.case_id] = case

    def fault(self, kind: Kind, message: str, case_id: str | None = None, where: str = "") -> None:
        """Gather a problem; of a case, where nothing else is named."""
        self.problems.append(Problem(kind, where or case_id or "", message, case_id=case_id))

    def left_out(self, what: str, count: int) -> None:
        """Say how much of something is no case, if there is any."""
        if count:
            self.notices.append(f"{what}, left out: {count}.")

    def table(self, name: str, **common: Any) -> CaseTable:  # noqa: ANN401 - CaseTable's own
        """What a reader returns.

        Args:
            name: Of the dataset.
            common: Further fields of the :class:`CaseTable`.

        Raises:
            FaultyCasesError: If there are problems; holds the table nevertheless.
            DataError: If there is no case.
        """
        table = None
        if self._cases or not self.problems:
            cases = tuple(self._cases.values())
            notices = (*common.pop("notices", ()), *self.notices)
            table = CaseTable(name, self.root, cases, notices=notices, **common)
        if self.problems or table is None:
            raise FaultyCasesError(
                f"problems in the dataset '{name}': {len(self.problems)}"
                + hint_of_missing(len(self._missing), max(len(self), 1)),
                self.problems,
                table,
            )
        return table

    def _found(self, case_id: str, paths: Mapping[str, str], kind: Kind) -> dict[str, Source]:
        found = {}
        for name, path in paths.items():
            try:
                found[name] = Source(self._check(path))
            except DataError as error:
                missing = isinstance(error, NoSuchFileError)
                self.fault(kind if missing else Kind.PATH, error.message, case_id)
                if missing and kind is Kind.MISSING:
                    self._missing.add(case_id)
        return found

    def _check(self, path: str) -> str:
        """A file, or a folder where the path ends in ``/``."""
        if path.endswith("/") and resolve(self.root, path).is_dir():
            return path.rstrip("/")
        return self._files.check(path)


def _place(case: Case) -> str:
    return str(next(iter(case.inputs.values()), "an image that is not there"))
