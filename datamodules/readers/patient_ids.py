"""Patient ids as people write them: spelt alike, and noticed where two may be one patient."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator

PAIRS_SHOWN = 3

_SCIENTIFIC = re.compile(r"\d(\.\d+)?[eE]\+?\d{2,}")
_LEADING_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")


def _with_group(pattern: str | None) -> str | None:
    if pattern is not None:
        try:
            groups = re.compile(pattern).groups
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        if groups == 0:
            raise ValueError("put round brackets about the part that names the patient")
    return pattern


PatientPattern = Annotated[str | None, AfterValidator(_with_group)]
"""Setting of a regular expression whose first group is the patient."""


def find_patient(pattern: str, name: str) -> str:
    """The patient in a name; empty where the pattern does not match."""
    match = re.search(pattern, name)
    return plain_id(match[1] or "") if match else ""


def plain_id(cell: str) -> str:
    """An id in Unicode's composed form (NFC), without surrounding blanks."""
    return unicodedata.normalize("NFC", cell).strip()


def patient_notices(ids: Iterable[str]) -> tuple[str, ...]:
    """Say which ids may be one patient in two spellings, and which a spreadsheet has shortened."""
    distinct = list(dict.fromkeys(ids))
    notices = []
    if pairs := _near_pairs(distinct):
        listed = ", ".join(f"'{one}' and '{other}'" for one, other in pairs[:PAIRS_SHOWN])
        more = f" and {len(pairs) - PAIRS_SHOWN} more pairs" if len(pairs) > PAIRS_SHOWN else ""
        notices.append(
            "Patient ids that differ only by case, leading zeros or blanks count as different "
            f"patients: {listed}{more}."
        )
    if shortened := [name for name in distinct if _SCIENTIFIC.fullmatch(name)]:
        notices.append(
            f"Patient ids that a spreadsheet has shortened, such as {shortened[0]}: "
            f"{len(shortened)}; different patients may have become one."
        )
    return tuple(notices)


def _near_pairs(ids: Iterable[str]) -> list[tuple[str, str]]:
    first: dict[str, str] = {}
    pairs = []
    for name in ids:
        plain = _LEADING_ZEROS.sub("", "".join(name.casefold().split()))
        if plain in first:
            pairs.append((first[plain], name))
        first.setdefault(plain, name)
    return pairs
