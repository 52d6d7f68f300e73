"""What every reader is: settings that name a layout on disk, and a method that lists its cases."""

import os
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from datamodules.cases import CaseTable
from datamodules.errors import DataError
from datamodules.problems import FaultyCasesError, Problem, problems_of
from datamodules.schema import LocalPath, Settings


@dataclass(frozen=True)
class Reading:
    """What could be read of a dataset.

    Attributes:
        table: What is known of its cases in spite of the problems; None: nothing.
        problems: All that the reader found.
    """

    table: CaseTable | None
    problems: tuple[Problem, ...] = ()

    @classmethod
    def attempt(cls, read: Callable[[], CaseTable]) -> Self:
        """Read as far as that goes; a DataError becomes problems."""
        try:
            return cls(read())
        except FaultyCasesError as error:
            return cls(error.rest, tuple(problems_of(error)))
        except DataError as error:
            return cls(None, tuple(problems_of(error)))


class ReaderSettings(Settings):
    """Turns one dataset layout into a table of cases; reads no pixels.

    Reader modules import pandas and numpy inside functions: ``--help`` loads every one of them.
    """

    folder: ClassVar[str] = ""
    """Name of the dataset's folder under ``$LIGHTBOX_DATA``."""
    ids_are_file_names: ClassVar[bool] = False
    """Whether ids are somebody's file names: equal ones of two datasets do not mean equal cases."""
    lists_features: ClassVar[bool] = False
    """Whether cases are bags of features that are ready, not images."""
    root: LocalPath | None = None
    """Folder of the dataset; by default $LIGHTBOX_DATA/<dataset>."""

    def read(self) -> CaseTable:
        """List the cases.

        Raises:
            DataError: If the layout is not as expected (names everything that is missing), or if
                something in it cannot be read.
        """
        try:
            return self.list_cases()
        except OSError as error:
            raise DataError(f"the dataset cannot be read: {self._fault(error)}") from error

    def examine(self) -> Reading:
        """List the cases as far as that goes, and all that is wrong with them; never raises."""
        return Reading.attempt(self.read)

    def advise_on_unreadable(self, paths: Sequence[str]) -> str:
        """How to leave out images that cannot be read, given their paths; empty: there is no way.

        Goes on where "fetch them again," ends.
        """
        del paths
        return ""

    @abstractmethod
    def list_cases(self) -> CaseTable:
        """What :meth:`read` does, but for the errors of the filesystem.

        Everything that is wrong is gathered before it is raised, as a :class:`FaultyCasesError`
        with the cases that are known in spite of it, so that ``check`` can look further.
        """

    @property
    def usual_folder(self) -> str:
        """Name of the dataset's folder under ``$LIGHTBOX_DATA``; empty: it has none."""
        return self.folder

    def existing_root(self) -> Path:
        """The dataset's folder.

        Raises:
            DataError: If no folder is named, or if it is not there.
        """
        base = os.environ.get("LIGHTBOX_DATA")
        if self.root is None and (base is None or not self.usual_folder):
            raise DataError(
                "no folder is named for the dataset: give --data.reader.root DIR"
                + (
                    f"; or set LIGHTBOX_DATA to the folder of '{self.usual_folder}'"
                    if self.usual_folder
                    else ""
                )
            )
        root = (
            Path(base or "") / self.usual_folder
            if self.root is None
            else Path(self.root).expanduser()
        )
        if not root.is_dir():
            raise DataError(
                f"the dataset's folder {root} is not there; give --data.reader.root DIR"
                + (", or set LIGHTBOX_DATA" if self.root is None else "")
            )
        return root

    def _fault(self, error: OSError) -> str:
        place = Path(str(error.filename or ""))
        if self.root is not None and place.is_relative_to(Path(self.root).expanduser()):
            place = place.relative_to(Path(self.root).expanduser())
        what = "permission denied" if isinstance(error, PermissionError) else error.strerror
        return f"{place}: {what or type(error).__name__}"
