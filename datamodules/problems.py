"""What is wrong with a dataset: problems by kind, and the error that keeps what is sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from datamodules.errors import DataError, readable

if TYPE_CHECKING:
    from datamodules.cases import CaseTable

Severity = Literal["error", "warning", "notice"]
"""A run refuses an error; it goes on past a warning; a notice is for the reader of the report."""


class Kind(StrEnum):
    """What a problem is about; the value is its name for programs."""

    LAYOUT = "layout"
    CASE_ID = "case-id"
    MISSING = "missing-image"
    PATH = "path"
    UNREADABLE = "unreadable-image"
    LABEL = "label"
    BOX = "box"
    POINT = "point"
    MASK = "mask"
    PATIENT = "patient"
    SPLIT = "split"
    TWO_SIDES = "patient-on-two-sides"
    COPIES_ACROSS = "identical-across-splits"
    COPIES = "identical-within-a-split"
    BLANK = "blank-image"
    GREY_RANGE = "grey-range"
    SMALL = "small-images"
    IMBALANCE = "class-imbalance"
    NOTE = "note"


TITLES: dict[Kind, str] = {
    Kind.LAYOUT: "files and tables",
    Kind.CASE_ID: "case ids",
    Kind.MISSING: "missing images",
    Kind.PATH: "paths",
    Kind.UNREADABLE: "unreadable images",
    Kind.LABEL: "labels",
    Kind.BOX: "boxes",
    Kind.POINT: "landmarks",
    Kind.MASK: "masks",
    Kind.PATIENT: "patient ids",
    Kind.SPLIT: "sides of the split",
    Kind.TWO_SIDES: "patients on two sides of the official split",
    Kind.COPIES_ACROSS: "identical images on two sides of the split",
    Kind.COPIES: "identical images on one side of the split",
    Kind.BLANK: "images without a picture",
    Kind.GREY_RANGE: "images that lose their contrast",
    Kind.SMALL: "small images",
    Kind.IMBALANCE: "class imbalance",
    Kind.NOTE: "notes",
}
"""What each kind is called, in the order in which kinds are listed."""
ADVICE: dict[Kind, str] = {
    Kind.MISSING: "restore the files, or remove their rows",
    Kind.UNREADABLE: "fetch or copy the files again, or remove their rows",
    Kind.MASK: "mend the files, or leave out the cases",
    Kind.TWO_SIDES: "mend the split, or draw one with --data.split.official False",
    Kind.COPIES_ACROSS: "copies stay in test before val before train; the others are excluded",
    Kind.COPIES: "they count more than once in training or in the figures; remove the copies",
    Kind.BLANK: "look at the files, and remove what shows nothing",
    Kind.GREY_RANGE: "--data.preprocessing.clip-percentiles 0.5 99.5 spreads what is there",
    Kind.SMALL: "--data.preprocessing.size near their own size trains faster, on the same pixels",
    Kind.IMBALANCE: "--data.sampling class-balanced draws rare outcomes more often",
}
"""What to do about each kind, where its problems do not say it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        kind: What it is about.
        where: Row, case or file, relative to the dataset's root; empty: the dataset as a whole.
        message: What is wrong, and what to do where that is not plain.
        severity: What a run makes of it.
        case_id: The case that it is about, where it is one.
    """

    kind: Kind
    where: str
    message: str
    severity: Severity = "error"
    case_id: str | None = None

    def __str__(self) -> str:
        return readable(f"{self.where}: {self.message}" if self.where else self.message)


Problems = list[Problem | str]
"""What a reader gathers before it says anything; a plain line is of the kind ``LAYOUT``."""


class FaultyCasesError(DataError):
    """Some of a dataset is wrong, and ``rest`` is what can be known of it nevertheless.

    A run stops at this error like at any other; ``check`` goes on with the rest. A case whose image
    cannot be had is in it without that input, an annotation or side that is wrong is absent, a
    patient that is not known is the case itself; rows that are no cases are left out.

    Args:
        message: What is wrong in a line.
        problems: All of it.
        rest: None: nothing.
    """

    def __init__(
        self, message: str, problems: Sequence[Problem | str], rest: CaseTable | None
    ) -> None:
        super().__init__(message, problems)
        self.rest = rest


def problems_of(error: DataError, kind: Kind = Kind.LAYOUT) -> list[Problem]:
    """The problems that an error lists, or the error itself as one; plain lines are of a kind."""
    if not error.found:
        return [Problem(kind, "", error.message)]
    return [each if isinstance(each, Problem) else Problem(kind, "", each) for each in error.found]
