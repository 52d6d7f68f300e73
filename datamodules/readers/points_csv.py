"""Any images or volumes with landmarks that are listed in a table."""

from typing import Literal, Self

from pydantic import Field, model_validator

from datamodules.candidates import Space
from datamodules.cases import CaseTable
from datamodules.errors import DataError
from datamodules.readers.case_list import CaseList
from datamodules.readers.image_rows import ImageColumns
from datamodules.readers.point_rows import PointRows, places_in
from datamodules.readers.tables import read_table


class PointsCsvReader(ImageColumns):
    """Your own images or volumes, with landmarks listed in a table with a header row.

    Expected under ``root``: the table, and the images that it names. Its columns say whether a row
    is an image or a landmark; this one is read with ``--data.reader.patient-column patient``::

        points.csv          image,sella_x,sella_y,nasion_x,nasion_y,patient
        images/a.png        images/a.png,210.5,188,352,170,p1
        images/b.png        images/b.png,204,191,,,p2

        or                  image,point,x,y,patient
                            images/a.png,sella,210.5,188,p1

    What has empty cells, or no row, is not marked; an image without any landmark has one row with
    empty cells. In volumes there is a z as well. A volume is a file (NIfTI, NRRD, MetaImage, a
    stack in TIFF) or the folder of a DICOM series.
    """

    kind: Literal["points-csv"] = "points-csv"
    table: str = "points.csv"
    """The table, relative to the root: .csv or .tsv, also gzipped."""
    point_column: str = "point"
    """Column with the name of the landmark, where a row is one."""
    point_space: Space = "voxel"
    """What landmarks in volumes are given in: voxels along the axes of the file; ras-mm (as NIfTI
    has them), lps-mm (as DICOM, ITK and 3D Slicer have them). In voxels and pixels, 0 is the middle
    of the first one."""
    points: tuple[str, ...] = ()
    """All landmarks in order; where a row is one, another is refused, else other columns are passed
    over; empty: those that the table has."""
    pixel_spacing_mm: float | None = Field(default=None, gt=0)
    """Side of a pixel, of flat images whose files do not say it; none: lengths are in pixels."""

    @model_validator(mode="after")
    def _points_differ(self) -> Self:
        if len(set(self.points)) < len(self.points):
            raise ValueError("points names something twice")
        return self

    def list_cases(self) -> CaseTable:
        """List the images of the table; see the base class."""
        cases = CaseList(self.existing_root())
        table = read_table(cases.root, self.table, problems=cases.problems)
        places = places_in(table, self)
        self.require(table, places.columns)
        if self.point_space != "voxel" and places.axes == 2:
            raise DataError(f"point_space is of volumes, and {self.table} has no z")
        return PointRows(self, cases, table, places).table_of_cases()
