"""Images in one folder a class: files, and folders that hold a DICOM series."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from datamodules.cases import resolve
from datamodules.errors import DataError
from datamodules.problems import FaultyCasesError, Kind, Problem, Problems
from datamodules.readers.column_roles import SPLITS
from datamodules.readers.image_files import (
    ALL_SUFFIXES,
    ImageFiles,
    NoSuchFileError,
    may_be_image,
    may_be_volume,
)
from datamodules.readers.image_names import name_images

Place = tuple[str, str, str | None]
"""Path, class and official split of one class folder."""


@dataclass(frozen=True, slots=True)
class FoundImage:
    """An image of a class folder.

    Attributes:
        path: Of the file, or of the folder of a DICOM series, relative to the root.
        label: Its class.
        split: Its official split; None where there is none.
        series: SeriesInstanceUID, where the folder holds several series.
    """

    path: str
    label: str
    split: str | None
    series: str | None = None


def find_images(root: Path, problems: Problems) -> tuple[list[FoundImage], tuple[str, ...]]:
    """Images of every class folder, and what the report should say.

    Of folders with DICOM files the headers are read: one of several series is several images.

    Raises:
        DataError: If there are none.
    """
    search = _Search(root, problems)
    places = _class_folders(root, problems)
    images = [image for place in places for image in search.images_of(*place)]
    found = list(search.apart(images))
    if not found and problems:
        raise FaultyCasesError("no images in the class folders", problems, None)
    if not found:
        raise DataError(
            "no images in class folders; expected CLASS/IMAGE or train/CLASS/IMAGE with images "
            f"ending in {' '.join(ALL_SUFFIXES)}, in a number, or in nothing, or with folders of "
            "DICOM series"
        )
    return found, search.notices


def name_cases(found: Sequence[FoundImage]) -> list[str]:
    """Ids after files and folders; those of several series in a folder have the UID's end."""
    return name_images([(image.path, image.series) for image in found])


def name_files(found: Sequence[FoundImage]) -> list[str]:
    """Names of files and folders, which several series of a folder share."""
    return name_images([(image.path, None) for image in found])


class _Search:
    """Looks through class folders, and gathers what is wrong or left out."""

    def __init__(self, root: Path, problems: Problems) -> None:
        self.root = root
        self.problems = problems
        self.left_out = 0
        self._files = ImageFiles(root)
        self._folders: list[str] = []

    @property
    def notices(self) -> tuple[str, ...]:
        """How much was left out."""
        if not self.left_out:
            return ()
        return (f"Folders, and files that are no images, left out: {self.left_out}.",)

    def images_of(self, folder: str, label: str, split: str | None) -> list[FoundImage]:
        """Images of one class folder, sorted; an empty one is a problem."""
        before = len(self.problems)
        try:
            entries = [e for e in resolve(self.root, folder).iterdir() if e.name[0] != "."]
        except DataError as error:
            self.problems.append(Problem(Kind.PATH, "", error.message))
            return []
        paths = [self._path(f"{folder}/{entry.name}", entry) for entry in sorted(entries)]
        found = [FoundImage(path, label, split) for path in paths if path]
        if not found and len(self.problems) == before:
            empty = f"the class folder {folder} has no images ({' '.join(ALL_SUFFIXES)})"
            self.problems.append(Problem(Kind.LAYOUT, "", empty))
        return found

    def _path(self, path: str, entry: Path) -> str:
        """The path of an image; empty where it is none or cannot be had."""
        try:
            if entry.is_dir():
                if self._files.holds_dicom(path):
                    self._folders.append(path)
                    return path
            elif may_be_image(entry.name) or may_be_volume(entry.name):
                return self._files.check(path)
        except DataError as error:
            kind = Kind.MISSING if isinstance(error, NoSuchFileError) else Kind.PATH
            self.problems.append(Problem(kind, "", error.message))
        else:
            self.left_out += 1
        return ""

    def apart(self, images: Sequence[FoundImage]) -> Iterator[FoundImage]:
        """One image for each series of a folder; a folder without any is left out."""
        series = dict(zip(self._folders, _series_of(self.root, self._folders), strict=True))
        for image in images:
            own = series.get(image.path, {"": 1})
            if isinstance(own, str):
                self.problems.append(Problem(Kind.UNREADABLE, image.path, own))
            elif not own:
                self.left_out += 1
                continue
            if isinstance(own, str) or len(own) == 1:
                yield image
            else:
                yield from (replace(image, series=uid) for uid in own)


def _series_of(root: Path, folders: Sequence[str]) -> Iterator[dict[str, int] | str]:
    """Images of each series of each folder by UID, or why its headers cannot be read."""
    if not folders:
        return
    from datamodules.parallel import map_in_order, shown
    from datamodules.transforms.dicom_series import series_in

    def look_into(folder: str) -> dict[str, int] | str:
        try:
            return series_in(root / folder)
        except DataError as error:
            return error.message

    yield from shown(map_in_order(look_into, folders), "Reading headers", len(folders))


def _class_folders(root: Path, problems: Problems) -> list[Place]:
    folders = _subfolders(root)
    splits = {name: SPLITS[name.lower()] for name in folders if name.lower() in SPLITS}
    if not splits:
        return [(name, name, None) for name in folders]
    others = [f"'{name}'" for name in folders if name not in splits]
    if others:
        beside = (
            f"beside the split folders {', '.join(splits)} there are others: "
            f"{', '.join(others)}; move them elsewhere, or into a split folder"
        )
        problems.append(Problem(Kind.LAYOUT, "", beside))
    inner = {name: _subfolders(resolve(root, name)) for name in splits}
    return [(f"{name}/{label}", label, splits[name]) for name in splits for label in inner[name]]


def _subfolders(folder: Path) -> list[str]:
    return sorted(e.name for e in folder.iterdir() if e.is_dir() and e.name[0] not in "._")
