"""Slides that are named by a barcode of The Cancer Genome Atlas."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from datamodules.errors import DataError
from datamodules.readers.file_templates import walk
from datamodules.readers.image_files import without_suffix
from datamodules.readers.named_files import SLIDE_ENDINGS

DIAGNOSTIC = "DX"
EXAMPLE = "TCGA-05-4244-01Z-00-DX1.d4ff32cd-38cf-40ea-8213-45c2b100ac01.svs"
_NAME = re.compile(
    r"(?P<barcode>(?P<sample>(?P<patient>TCGA-(?P<site>[A-Z0-9]{2})-[A-Z0-9]{4})-[0-9]{2}[A-Z])"
    r"-[0-9]{2}-(?P<kind>DX|TS|BS|MS)[A-Z0-9]{1,2})(?:\.[0-9A-F-]{36})?"
)
_KEY = re.compile(r"TCGA-[A-Z0-9]{2}-[A-Z0-9]{4}(-.*)?")


@dataclass(frozen=True)
class TcgaSlide:
    """A slide, and what its name says.

    Attributes:
        path: Relative to the root.
        name: Of the file, in capitals and without ending.
        barcode: Of the slide: ``TCGA-05-4244-01Z-00-DX1``.
        sample: ``TCGA-05-4244-01Z``.
        patient: ``TCGA-05-4244``.
        site: Where the tissue comes from: ``05``.
        diagnostic: Whether it is of fixed tissue; else it is a frozen section.
    """

    path: str
    name: str
    barcode: str
    sample: str
    patient: str
    site: str
    diagnostic: bool

    @property
    def keys(self) -> tuple[str, ...]:
        """What a table may call it by, the most exact first."""
        return (self.name, self.barcode, self.sample, self.sample[:-1], self.patient)


def find_slides(root: Path) -> tuple[list[TcgaSlide], tuple[str, ...]]:
    """All slides of a folder, by their barcodes, and what the report should say of other files.

    Raises:
        DataError: If there are none.
    """
    slides: list[TcgaSlide] = []
    others: Counter[str] = Counter()
    for path in walk(root, "."):
        if path.lower().endswith(".partial"):
            others["Downloads that are not finished (.partial)"] += 1
        elif path.lower().endswith(SLIDE_ENDINGS):
            slide = _parse(path)
            if slide is None:
                others["Slides and pictures without a barcode of TCGA as their name"] += 1
            else:
                slides.append(slide)
    if not slides:
        raise DataError(f"no slide has a barcode of TCGA as its name, such as {EXAMPLE}")
    notices = tuple(f"{what}, left out: {count}." for what, count in sorted(others.items()))
    return sorted(slides, key=lambda slide: (slide.barcode, slide.path)), notices


def name_slides(slides: list[TcgaSlide]) -> list[str]:
    """Case ids: the barcodes, or the whole names of slides that share one."""
    counts = Counter(slide.barcode for slide in slides)
    return [slide.barcode if counts[slide.barcode] == 1 else slide.name for slide in slides]


def parse_key(cell: str) -> str | None:
    """A table's cell as one of :attr:`TcgaSlide.keys`; None if it is no barcode."""
    key = _bare(cell.replace("\\", "/"))
    return key if _KEY.fullmatch(key) else None


def names_slide(key: str) -> bool:
    """Whether a key is of a single slide, not of a patient or sample."""
    return _NAME.fullmatch(key) is not None


def _parse(path: str) -> TcgaSlide | None:
    name = _bare(path)
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    said = {group: match[group] for group in ("barcode", "sample", "patient", "site")}
    return TcgaSlide(path, name, **said, diagnostic=match["kind"] == DIAGNOSTIC)


def _bare(path: str) -> str:
    return without_suffix(PurePosixPath(path).name, SLIDE_ENDINGS).upper()
