"""Any images or volumes with boxes that are listed in a table, a row a box."""

from typing import Literal, Self

from pydantic import Field, model_validator

from datamodules.candidates import Space
from datamodules.cases import CaseTable
from datamodules.readers.box_list import FaultyBoxes
from datamodules.readers.box_rows import AXES, BoxForm, BoxRows
from datamodules.readers.case_list import CaseList
from datamodules.readers.image_rows import ImageColumns
from datamodules.readers.tables import read_table


class BoxesCsvReader(ImageColumns):
    """Your own images or volumes, with boxes listed in a table with a header row, a row a box.

    Expected under ``root``: the table, and the images that it names; this one is read with
    ``--data.reader.patient-column patient``::

        boxes.csv           image,label,x,y,width,height,patient
        images/a.png        images/a.png,cell,10,12,31,30,p1
        images/b.png        images/a.png,cell,80,45,28,33,p1
                            images/b.png,,,,,,p2

    An image without any box has one row with empty cells. A volume is a file (NIfTI, NRRD,
    MetaImage, a stack in TIFF) or the folder of a DICOM series.
    """

    kind: Literal["boxes-csv"] = "boxes-csv"
    table: str = "boxes.csv"
    """The table, relative to the root: .csv or .tsv, also gzipped."""
    label_column: str | None = "label"
    """Column with what the box is drawn around; none: all are called ``object``."""
    box_columns: tuple[str, ...] = ("x", "y", "width", "height")
    """Columns of the numbers of a box, in the order that box_form says: x, to the right, before
    y; in a volume along the axes of its file, or of the space."""
    box_form: BoxForm = "corner-size"
    """What the numbers are: the corner with the lowest ones and the sides; two corners; the middle
    and the sides; the middle and one diameter."""
    box_space: Space = "voxel"
    """What boxes in volumes are given in: voxels along the axes of the file; ras-mm (as NIfTI has
    them), lps-mm (as DICOM, ITK and LUNA16 have them). In voxels and pixels, 0 is the edge of the
    first one, and its middle 0.5."""
    ignored_column: str | None = None
    """Column with 1 in rows of regions in which nothing counts for the label, or without a label
    nothing at all."""
    faulty_boxes: FaultyBoxes = "drop"
    """What becomes of boxes that have no area, are inverted, or are given twice: left out, each
    with a warning of ``check``; or refused."""
    classes: tuple[str, ...] = Field(default=())
    """All labels in order: another one is refused; empty: those that occur, sorted."""

    @model_validator(mode="after")
    def _columns_fit(self) -> Self:
        if self.axes is None:
            flat, deep = AXES[self.box_form]
            raise ValueError(
                f"box_columns names {flat} columns ({deep} in a volume) where box_form is "
                f"{self.box_form}, not {len(self.box_columns)}"
            )
        if len(set(self.box_columns)) < len(self.box_columns):
            raise ValueError("box_columns names something twice")
        if self.box_space != "voxel" and self.axes == 2:
            raise ValueError("box_space is of volumes: name the columns of three axes")
        return self

    @property
    def axes(self) -> int | None:
        """2 of images, 3 of volumes; None: the columns are neither."""
        found = {count: axes for axes, count in zip((2, 3), AXES[self.box_form], strict=True)}
        return found.get(len(self.box_columns))

    def list_cases(self) -> CaseTable:
        """List the images of the table; see the base class."""
        cases = CaseList(self.existing_root())
        table = read_table(cases.root, self.table, problems=cases.problems)
        optional = (self.label_column, self.ignored_column)
        self.require(table, [*self.box_columns, *(name for name in optional if name is not None)])
        return BoxRows(self, cases, table).table_of_cases()
