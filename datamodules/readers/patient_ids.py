"""Patient ids as people write them: spelt alike, and noticed where two may be one patient."""

import re
import unicodedata
from collections.abc import Iterable

PAIRS_SHOWN = 3

_SCIENTIFIC = re.compile(r"\d(\.\d+)?[eE]\+?\d{2,}")
_LEADING_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")


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
