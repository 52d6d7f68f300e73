"""The rows of a user's table of landmarks, gathered by image, and all that is wrong with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from datamodules.cases import CaseTable
from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.box_list import numbers_of
from datamodules.readers.case_list import CaseList
from datamodules.readers.image_rows import ImageRows
from datamodules.readers.point_list import PointList
from datamodules.readers.tables import Table, is_missing

if TYPE_CHECKING:
    from datamodules.readers.points_csv import PointsCsvReader

AXES = ("x", "y", "z")


@dataclass(frozen=True)
class PlaceColumns:
    """Where a table gives the places of landmarks.

    Attributes:
        axes: 2 of images, 3 of volumes.
        named_in: Column with the name of the landmark; None: a row is an image.
        wide: Where a row is an image, the columns of each landmark.
    """

    axes: int
    named_in: str | None
    wide: Mapping[str, tuple[str, ...]]

    @property
    def columns(self) -> list[str]:
        """Every column that says where landmarks are."""
        if self.named_in is not None:
            return [self.named_in, *AXES[: self.axes]]
        return [column for own in self.wide.values() for column in own]


def places_in(table: Table, settings: "PointsCsvReader") -> PlaceColumns:
    """Tell by its columns whether a row of a table is an image or a landmark.

    Raises:
        DataError: If it is neither.
    """
    if settings.point_column in table.columns:
        return PlaceColumns(3 if "z" in table.columns else 2, settings.point_column, {})
    taken = settings.columns_of_images()
    ends = tuple(f"_{axis}" for axis in AXES)
    of_axes = [name for name in table.columns if name.endswith(ends) and name not in taken]
    names = settings.points or tuple(dict.fromkeys(name[: -len(ends[0])] for name in of_axes))
    if not names or not of_axes:
        raise DataError(
            f"{table.path} has neither columns of landmarks such as sella_x and sella_y, nor a "
            f"column '{settings.point_column}' beside x and y ({', '.join(table.columns)}); "
            "--data.reader.point-column names another"
        )
    axes = 3 if any(f"{name}_z" in table.columns for name in names) else 2
    return PlaceColumns(
        axes, None, {name: tuple(name + end for end in ends[:axes]) for name in names}
    )


class PointRows(ImageRows):
    """Turns rows into landmarks, and images into cases.

    Args:
        settings: Name the columns.
        cases: Gathers everything that is wrong.
        table: The rows.
        places: Its columns that say where landmarks are.
    """

    def __init__(
        self, settings: "PointsCsvReader", cases: CaseList, table: Table, places: PlaceColumns
    ) -> None:
        super().__init__(settings, cases, table)
        self.settings = settings
        self.places = places
        self.points = PointList(cases, settings.points or tuple(places.wide))

    def table_of_cases(self) -> CaseTable:
        """The table of cases; see the reader."""
        common = self.add_images()
        return self.points.table(self.dataset, **common)

    @property
    def spacing_mm(self) -> tuple[float, ...] | None:
        """See the base class."""
        side = self.settings.pixel_spacing_mm
        return None if side is None else (side, side)

    def take(self, name: str, places: Sequence[int]) -> Mapping[str, Any]:
        """The landmarks of an image; see the base class."""
        if self.places.named_in is None:
            self._take_wide(name, places)
        else:
            self._take_long(name, places, self.places.named_in)
        return self.points.targets(name, self.places.axes)

    def _take_wide(self, name: str, places: Sequence[int]) -> None:
        first, *others = places
        for at in others:
            fault = f"it is of the image of {self.where(first)} again; an image has one row"
            self.points.fault(name, fault, self.where(at))
        for point, columns in self.places.wide.items():
            self._take_place(name, point, columns, first)

    def _take_long(self, name: str, places: Sequence[int], column: str) -> None:
        columns = AXES[: self.places.axes]
        for at in places:
            point = self.cells[column][at]
            if not is_missing(point):
                self._take_place(name, point, columns, at)
            elif len(places) > 1 or not self._is_empty(columns, at):
                fault = f"column '{column}' does not say which landmark it is"
                self.cases.fault(Kind.LABEL, fault, name, self.where(at))

    def _take_place(self, name: str, point: str, columns: Sequence[str], at: int) -> None:
        where = self.where(at)
        if self._is_empty(columns, at):
            self.points.add(name, point, None, where)
            return
        numbers = numbers_of({column: self.cells[column][at] for column in columns})
        if isinstance(numbers, str):
            self.points.fault(name, f"the landmark {point}: {numbers}", where)
        else:
            self.points.add(name, point, numbers, where, space=self.settings.point_space)

    def _is_empty(self, columns: Sequence[str], at: int) -> bool:
        return all(is_missing(self.cells[column][at]) for column in columns)
