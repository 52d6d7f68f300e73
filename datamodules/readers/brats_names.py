"""What the names of BraTS scans tell: the patient, the site, and how masks are labelled."""

import re
from dataclasses import dataclass, replace

from datamodules.errors import DataError
from datamodules.problems import problems_of
from datamodules.readers.case_list import CaseList
from datamodules.readers.tables import is_missing, read_table

MAPPING = "name_mapping.csv"

_SITED = re.compile(r"Brats\d\d_((?:([A-Za-z]+\d*)|2013)_\w+?)_(\d+)", re.IGNORECASE)
_RECENT = re.compile(r"BraTS-(\w+-\d{5})-\d{3}")


@dataclass(frozen=True)
class Scan:
    """What is known of a scan beside its files.

    Attributes:
        patient: Without the number of the scan.
        patient_known: Whether the name tells scans of one person from those of others.
        recent: Whether the enhancing tumour is the value 3, as since 2023, and not 4.
        site: Where it was made; None: not known.
        grade: ``HGG`` or ``LGG``; None: not known.
    """

    patient: str
    patient_known: bool = True
    recent: bool = False
    site: str | None = None
    grade: str | None = None


def parse_name(name: str) -> Scan:
    """Read ``Brats18_CBICA_AAB_1``, ``BraTS-GLI-00000-000`` and the like."""
    if match := _RECENT.fullmatch(name):
        return Scan(match[1], recent=True)
    if re.match(r"BraTS2(0_|02)", name):
        return Scan(name, patient_known=name.startswith("BraTS202"))
    if match := _SITED.fullmatch(name):
        return Scan(match[1], site=match[2] or "2013")
    return Scan(name, patient_known=False)


def read_name_mapping(cases: CaseList) -> dict[str, Scan]:
    """Scans of 2020 by name, from the table that names them in the year before."""
    found = sorted(cases.root.rglob(MAPPING))
    if not found:
        return {}
    relative = found[0].relative_to(cases.root).as_posix()
    try:
        table = read_table(cases.root, relative, problems=cases.problems)
        table.require(("Grade", "BraTS_2020_subject_ID", "BraTS_2019_subject_ID"))
    except DataError as error:
        cases.problems += problems_of(error)
        return {}
    scans = {}
    columns = ("BraTS_2020_subject_ID", "BraTS_2019_subject_ID", "Grade")
    for name, before, grade in zip(*map(table.cells, columns), strict=True):
        # Those that are new in 2020 are of persons of whom there was nothing before.
        scan = Scan(name) if is_missing(before) else parse_name(before)
        scans[name] = replace(scan, grade=grade or None)
    return scans
