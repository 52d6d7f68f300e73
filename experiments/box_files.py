"""Files of one kind in which a detector finds objects: images and volumes, or whole slides."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from experiments.box_predictor import PredictedBoxes

Found = TypeVar("Found", bound=PredictedBoxes)


class BoxFiles(ABC, Generic[Found]):
    """Finds objects in files by their names, and writes what is found.

    Attributes:
        names: Of the files.
    """

    one_takes_long: ClassVar[bool] = False
    """Whether progress is shown within each file, and not from file to file."""
    names: list[str]

    @abstractmethod
    def predict(self, name: str) -> Found:
        """Find the objects of a file.

        Raises:
            DataError: If it cannot be read, or is not of the kind that the model knows.
        """

    @abstractmethod
    def rows(self, name: str, found: Found) -> Iterator[dict[str, Any]]:
        """Its rows of boxes.csv."""

    @abstractmethod
    def file_name(self, name: str) -> str:
        """What COCO's json calls it."""

    @abstractmethod
    def draw(self, path: Path, name: str, found: Found) -> None:
        """Write a picture of the boxes."""

    def write_more(self, folder: Path, name: str, found: Found) -> None:
        """Write what files of this kind have beside the tables."""
