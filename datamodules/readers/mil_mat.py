"""Bags of ready-made features in MATLAB files, such as the molecules of MUSK."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from datamodules.cases import Case, CaseTable, Source
from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.case_list import CaseList
from datamodules.readers.image_files import ImageFiles, NoSuchFileError
from datamodules.readers.reader import ReaderSettings

if TYPE_CHECKING:
    from datamodules.mat_bags import MatBags

ENDING = ".mat"


class MilMatReader(ReaderSettings):
    """Problems of multiple-instance learning in MATLAB files, as miproblems.org collects them.

    Expected under ``root``: ``musk1.mat``, ``musk2.mat`` and the like. In each, the variable ``x``
    has ``data`` (instances x features), ``nlab`` (1 negative, 2 positive) and ``ident.milbag`` (the
    bag of each instance). A bag is a case, and positive if any of its instances is.

    MUSK (Dietterich et al., 1997) has 92 and 102 molecules, many of which are in both files.
    """

    folder: ClassVar[str] = "mil_musk"
    lists_features: ClassVar[bool] = True
    kind: Literal["mil-mat"] = "mil-mat"
    file: tuple[str, ...] = Field(default=("musk1",), min_length=1)
    """The files, relative to the root, with or without .mat."""
    classes: tuple[str, str] = ("non-musk", "musk")
    """What negative and positive bags are called."""

    def list_cases(self) -> CaseTable:
        """List the bags; see the base class."""
        cases = CaseList(self.existing_root())
        files = _read_files(cases, self.file)
        shared = _names_of_several(files.values())
        for path, bags in files.items():
            self._add(cases, path, bags, shared)
        if shared:
            cases.notices.append(
                f"Bags that are in several files by their names: {len(shared)}; each of these "
                "counts as one patient."
            )
        return cases.table(self.kind, classes=self.classes, has_patients=False)

    def _add(self, cases: CaseList, path: str, bags: "MatBags", shared: set[str]) -> None:
        stem = PurePosixPath(path).stem
        for number, (name, label) in enumerate(zip(bags.names, bags.labels, strict=True), start=1):
            case_id = f"{stem}-{number:04d}"
            patient = name if name in shared else case_id
            targets = {} if label < 0 else {"class": self.classes[label]}
            if not name:
                cases.fault(
                    Kind.LAYOUT, "x.ident.milbag is empty: whose instances are these?", case_id
                )
            if label < 0:
                fault = f"x.nlab of bag '{name}' is not 1 (negative) or 2 (positive) throughout"
                cases.fault(Kind.LABEL, fault, case_id)
            cases.add(Case(case_id, patient, {"features": Source(path, name)}, targets))


def _read_files(cases: CaseList, names: Sequence[str]) -> dict[str, "MatBags"]:
    """The bags of each file by its path; one that cannot be read is a problem."""
    from datamodules.mat_bags import read_mat_bags

    files, there = {}, ImageFiles(cases.root)
    for name in names:
        path = name if name.lower().endswith(ENDING) else name + ENDING
        try:
            path = there.check(path)
            files[path] = read_mat_bags(cases.root / path)
        except NoSuchFileError as error:
            cases.fault(Kind.LAYOUT, f"{error.message} (--data.reader.file)")
        except DataError as error:
            cases.fault(Kind.LAYOUT, error.message, where=path)
    return files


def _names_of_several(files: Iterable["MatBags"]) -> set[str]:
    """Names that are in several files; numbers count the bags of a file, and name nothing."""
    counts = Counter(name for bags in files for name in bags.names)
    return {name for name, count in counts.items() if count > 1 and not name.isdecimal()}
