"""CAMELYON16: 399 slides of sentinel lymph nodes, with and without metastases of breast cancer."""

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import ClassVar, Literal

from datamodules.cases import Case, CaseTable, Source
from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.case_list import CaseList
from datamodules.readers.file_templates import walk
from datamodules.readers.reader import ReaderSettings
from datamodules.readers.slide_rows import REGIONS
from datamodules.readers.tables import read_table

CLASSES = NORMAL, TUMOR = ("normal", "tumor")
TEST = "test"
DUPLICATE = "test_049"
MISLABELLED, RENAMED = "normal_086", "tumor_111"
NOT_ALL_OUTLINED = "test_114"
REFERENCE = "reference.csv"

_SLIDE = re.compile(r"(?:.*/)?((?:normal|tumor|test)_\d{3})\.tiff?", re.IGNORECASE)
_OUTLINES = re.compile(r"(?:.*/)?((?:tumor|test)_\d{3})\.xml", re.IGNORECASE)


class Camelyon16Reader(ReaderSettings):
    """CAMELYON16 (Ehteshami Bejnordi et al., JAMA 2017), https://camelyon17.grand-challenge.org/Data/.

    Expected under ``root``, in these folders or any others::

        training/normal/normal_001.tif            159 slides
        training/tumor/tumor_001.tif              111 slides
        training/lesion_annotations/tumor_001.xml outlines of the metastases; may be absent
        testing/images/test_001.tif               129 slides
        testing/lesion_annotations/test_001.xml   likewise
        testing/reference.csv                     name and Tumor or Normal, without a header

    As the organisers say: test_049 is a duplicate and left out; normal_086 has a metastasis and was
    renamed to tumor_111; of test_114 not all metastases are outlined, so it has no outlines here.
    Which slides are of one patient is not published.
    """

    folder: ClassVar[str] = "camelyon16"
    kind: Literal["camelyon16"] = "camelyon16"

    def list_cases(self) -> CaseTable:
        """List the slides; see the base class."""
        cases = CaseList(self.existing_root())
        slides = _find(cases, _SLIDE)
        if not slides:
            raise DataError("no normal_001.tif and the like; is this the folder of CAMELYON16?")
        _leave_out(cases, slides)
        labels, outlines = _labels(cases, slides), _find(cases, _OUTLINES)
        for name, path in sorted(slides.items()):
            targets: dict[str, object] = {"class": labels[name]} if name in labels else {}
            if name in outlines and name != NOT_ALL_OUTLINED:
                targets[REGIONS] = Source(outlines[name])
            split = "test" if name.startswith(TEST) else "train_val"
            cases.add(Case(name, name, cases.images(name, {"slide": path}), targets, split=split))
        return cases.table(self.kind, classes=CLASSES, public=True, has_patients=False)


def _find(cases: CaseList, pattern: re.Pattern[str]) -> dict[str, str]:
    """Path of each file by its name without ending; of several for one, which is a problem, one."""
    found: dict[str, str] = {}
    for path in walk(cases.root, "."):
        if match := pattern.fullmatch(path):
            first = found.setdefault(match[1].lower(), path)
            if first != path:
                both = f"{first} and {path} are both there; remove one"
                cases.fault(Kind.CASE_ID, both, match[1].lower())
    return found


def _leave_out(cases: CaseList, slides: dict[str, str]) -> None:
    """Remove what the organisers have taken out, and say so."""
    if slides.pop(DUPLICATE, None):
        cases.notices.append(f"{DUPLICATE} is a duplicate, and left out.")
    if MISLABELLED in slides and RENAMED in slides:
        del slides[MISLABELLED]
        cases.notices.append(f"{MISLABELLED} is {RENAMED}, and left out.")
    elif MISLABELLED in slides:
        cases.notices.append(f"{MISLABELLED} counts as {TUMOR}, as its organisers say.")


def _labels(cases: CaseList, slides: Collection[str]) -> dict[str, str]:
    """Class of each slide, where it is known."""
    tested = {name for name in slides if name.startswith(TEST)}
    labels = {
        name: TUMOR if name == MISLABELLED or name.startswith(TUMOR) else NORMAL
        for name in slides
        if name not in tested
    }
    return labels | (_tested(cases, tested) if tested else {})


def _tested(cases: CaseList, slides: set[str]) -> dict[str, str]:
    """Class of each slide for testing; what does not fit together is a problem."""
    tables = [path for path in walk(cases.root, ".") if Path(path).name == REFERENCE]
    if len(tables) != 1:
        what = f"both of {tables[0]} and {tables[1]} are" if tables else f"no {REFERENCE} is"
        cases.fault(Kind.LAYOUT, f"{what} there; it says which test slides have a metastasis")
        return {}
    labels = {}
    for number, name, word in _rows(cases.root, tables[0]):
        if name in slides and word in CLASSES:
            labels[name] = word
        elif name in slides:
            fault = f"row {number} of {tables[0]} is '{word}', not Tumor or Normal"
            cases.fault(Kind.LABEL, fault, name)
        elif name != DUPLICATE:
            fault = f"row {number} is of {name}, and there is no such slide"
            cases.fault(Kind.MISSING, fault, where=tables[0])
    for name in sorted(slides - labels.keys()):
        cases.fault(Kind.LABEL, f"{tables[0]} does not say its class", name)
    return labels


def _rows(root: Path, path: str) -> Iterator[tuple[int, str, str]]:
    """Number, slide and class of each row, with or without a header."""
    table = read_table(root, path, width=2)
    if len(table.columns) < 2:
        raise DataError(f"{path} needs two columns: the name of a slide, and Tumor or Normal")
    rows = list(zip(table.numbers, table.rows, strict=True))
    if re.match(r"test_\d{3}", table.columns[0], re.IGNORECASE):
        rows.insert(0, (1, table.columns))
    for number, (name, word, *_) in rows:
        yield number, name.lower().removesuffix(".tif"), word.lower()
