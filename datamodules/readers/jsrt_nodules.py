"""The nodules of JSRT: a table without a header, in pixels of films of 2048 x 2048 pixels."""

import re

from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.box_list import BoxList
from datamodules.readers.case_list import CaseList
from datamodules.readers.tables import plain_number

NODULE = "nodule"
TABLE = "CLNDAT_EN.txt"
PIXELS = 2048
"""Along each side of a film as it was published; copies may be smaller."""
PIXEL_MM = 0.175
LONGEST_NUMBERS = 6
"""Numbers and words between a film's name and the place: subtlety, size, age, sex, x, y."""

_RECORD = re.compile(r"(JPCLN\d{3})\.IMG", re.IGNORECASE)


def read_nodules(cases: CaseList, boxes: BoxList, path: str, images: dict[str, str]) -> set[str]:
    """Take a square box about each nodule, as wide as the nodule is.

    Args:
        cases: Gathers what is wrong.
        boxes: Takes the boxes.
        path: Of the table.
        images: Where the films are, by their names.

    Returns:
        Films of which it is not known where their nodules are: the table gives no size.
    """
    from datamodules.transforms.raster_size import upright_size

    try:
        text = (cases.root / path).read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    _, *parts = _RECORD.split(text)  # some copies lack ends of lines
    unknown: set[str] = set()
    named = [name.upper() for name in parts[::2]]
    for name, record in zip(named, parts[1::2], strict=True):
        if name not in images:
            continue
        where = f"{path}, {name}"
        numbers = _place(record)
        if numbers is None:
            cases.fault(Kind.BOX, "it has no subtlety, size, age, sex, x and y", name, where)
            unknown.add(name)
            continue
        size_mm, x, y = numbers
        if size_mm is None:
            unknown.add(name)
            continue
        try:
            width, height = upright_size(cases.root / images[name])
        except DataError as error:
            cases.fault(Kind.UNREADABLE, error.message, name, images[name])
            continue
        across, down = width / PIXELS, height / PIXELS
        side = size_mm / PIXEL_MM
        low = ((x - side / 2) * across, (y - side / 2) * down)
        boxes.add(name, NODULE, low, (side * across, side * down), where)
    unknown |= {name for name in images if name.startswith("JPCLN")} - set(named)
    cases.left_out("Films with a nodule of which the table gives no place or size", len(unknown))
    return unknown


def _place(record: str) -> tuple[float | None, float, float] | None:
    """Size in mm, where it is known, and the middle in pixels; None where the record is another."""
    words = record.split()
    if len(words) < LONGEST_NUMBERS:
        return None
    size, x, y = words[1], words[4], words[5]
    if not (plain_number(x).isdecimal() and plain_number(y).isdecimal()):
        return None
    known = plain_number(size).isdecimal()
    return float(size) if known else None, float(x), float(y)
