"""Where the pixels of the rows of a user's table lie: files, series, channels and candidates."""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from datamodules.candidates import (
    Box,
    VolumeCandidate,
    parse_box,
    parse_candidate,
    select_box,
    select_candidate,
)
from datamodules.cases import Source
from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.image_files import ImageFiles, NoSuchFileError
from datamodules.readers.image_names import name_images
from datamodules.readers.tables import Table, is_missing

if TYPE_CHECKING:
    from datamodules.readers.csv_table import CsvReader

IMAGE = "image"
IN_FILMS, IN_VOLUMES = (2, 4), (3, 6)
"""How many numbers place a candidate: a point, or a box."""
SERIES_UID = re.compile(r"[0-9.]{1,64}")

AddProblem = Callable[[Kind, int, str], None]
"""Takes what is wrong with a row, counted from 0."""


class CsvInputs:
    """The inputs of each row.

    Args:
        settings: Name the columns.
        root: Folder of the dataset.
        table: The rows.

    Attributes:
        paths: Of each row's image, as the table has them but for slashes.
        missing: Images that are not there, once the sources have been looked for.
    """

    def __init__(self, settings: "CsvReader", root: Path, table: Table) -> None:
        self.settings = settings
        self.root = root
        self.table = table
        self.paths = [_tidy(path) for path in table.cells(settings.image_column)]
        self.missing = 0
        self._series = self._read_series()
        self._files = ImageFiles(root)

    def _read_series(self) -> list[str | None]:
        column = self.settings.series_column
        if column is None:
            return [None] * len(self.paths)
        return [None if is_missing(cell) else cell for cell in self.table.cells(column)]

    def name_rows(self) -> list[str]:
        """Ids after the images; candidates of one image are numbered in the order of the table."""
        images = list(zip(self.paths, self._series, strict=True))
        names = name_images(images)
        if not self.settings.candidate_columns:
            return names
        seen: Counter[tuple[str, str | None]] = Counter()
        numbered = []
        for name, image in zip(names, images, strict=True):
            seen[image] += 1
            numbered.append(f"{name}_{seen[image]}")
        return numbered

    def taken_together(self) -> list[str] | None:
        """Paths, where several rows may be of one image; else None."""
        shared = self.settings.candidate_columns or self.settings.series_column
        return self.paths if shared else None

    def sources(self, add: AddProblem) -> list[dict[str, Source]]:
        """Inputs of each row by name, the image first; what cannot be had is absent.

        Args:
            add: Is given everything that is wrong.
        """
        settings = self.settings
        columns = {
            IMAGE: settings.image_column,
            **{name: name for name in settings.channel_columns},
        }
        paths = {name: self._checked_paths(column, add) for name, column in columns.items()}
        self._check_series(paths[IMAGE], add)
        candidates = self._candidates(add)
        rows: list[dict[str, Source]] = [{} for _ in self.paths]
        for name, own in paths.items():
            for at, path in enumerate(own):
                if path:
                    uid = self._series[at] if name == IMAGE else None
                    rows[at][name] = Source(path, _selector(candidates[at], uid))
        return rows

    def _checked_paths(self, column: str, add: AddProblem) -> list[str]:
        """Path of each row's file or folder; empty where it cannot be had."""
        is_image = column == self.settings.image_column
        where = "" if is_image else f"column '{column}': "
        checked = []
        for at, path in enumerate(self.table.cells(column)):
            try:
                checked.append(self._files.check_image(path))
            except DataError as error:
                missing = isinstance(error, NoSuchFileError)
                self.missing += missing and is_image
                add(Kind.MISSING if missing else Kind.PATH, at, f"{where}{error.message}")
                checked.append("")
        return checked

    def _check_series(self, paths: list[str], add: AddProblem) -> None:
        column = self.settings.series_column
        for at, uid in enumerate(self._series):
            if uid is not None and not SERIES_UID.fullmatch(uid):
                fault = f"column '{column}' is '{uid}', no SeriesInstanceUID of digits and dots"
                add(Kind.PATH, at, fault)
            elif uid is not None and paths[at] and not (self.root / paths[at]).is_dir():
                add(Kind.PATH, at, f"column '{column}' names a series, and {paths[at]} is a file")

    def _candidates(self, add: AddProblem) -> list[Box | VolumeCandidate | None]:
        """Where each candidate lies in its image; None throughout where rows are images."""
        columns = self.settings.candidate_columns
        if not columns:
            return [None] * len(self.paths)
        places: list[Box | VolumeCandidate | None] = []
        for at, cells in enumerate(zip(*map(self.table.cells, columns), strict=True)):
            place = (
                parse_candidate(cells, self.settings.candidate_space)
                if len(columns) in IN_VOLUMES
                else parse_box(cells)
            )
            if isinstance(place, str):
                add(Kind.BOX, at, f"{', '.join(columns)}: {place}")
            places.append(None if isinstance(place, str) else place)
        return places


def _selector(place: Box | VolumeCandidate | None, series: str | None) -> str | None:
    if place is None:
        return series
    if isinstance(place, VolumeCandidate):
        return select_candidate(place, series)
    return select_box(place)


def _tidy(path: str) -> str:
    return path.replace("\\", "/").rstrip("/") or path
