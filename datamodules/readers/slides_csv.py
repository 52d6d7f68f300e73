"""Whole slides listed in a table."""

from typing import ClassVar, Literal

from datamodules.readers.named_files import SLIDE_ENDINGS
from datamodules.readers.slide_rows import SlideRows


class SlidesCsvReader(SlideRows):
    """Your own slides, listed in a table with a header row.

    Expected under ``root``: the table, and the slides that it names; this one is read with
    ``--data.reader.patient-column patient``::

        labels.csv              slide,label,patient
        slides/a.svs            slides/a.svs,normal,p1
        slides/batch2/b.ndpi    b,tumour,p2

    A folder with the .dcm files of a slide is named like a file.
    """

    input_name: ClassVar[str] = "slide"
    endings: ClassVar[tuple[str, ...]] = SLIDE_ENDINGS
    kind: Literal["slides-csv"] = "slides-csv"
