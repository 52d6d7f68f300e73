"""Image files of a dataset: which suffixes count, whether a path is safe, how a case is named."""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from datamodules.cases import resolve
from datamodules.errors import DataError, readable

SUFFIXES = (".png", ".jpg", ".jpeg", ".dcm", ".dicom", ".tif", ".tiff", ".ima")
"""Of films and stacks."""
VOLUME_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd")
ALL_SUFFIXES = (*SUFFIXES, *VOLUME_SUFFIXES)
DICOM_INDEX = "dicomdir"
MAGIC, MAGIC_AT = b"DICM", 128


class NoSuchFileError(DataError):
    """A path of a table leads to no file."""


class ImageFiles:
    """Checks the paths of many images under one root; each folder is looked at once.

    Args:
        root: Folder of the dataset.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._inside: set[str] = set()
        self._with_dicom: dict[str, bool] = {}

    def check(self, relative: str) -> str:
        """Refuse a path that leaves the root or is not a file.

        Returns:
            The path with forward slashes and without redundant parts.

        Raises:
            DataError: Says what is wrong with the path.
        """
        tidy, mode = self._look_at(relative)
        if not stat.S_ISREG(mode):
            raise DataError(f"{tidy} is not a file")
        return str(tidy)

    def check_image(self, relative: str) -> str:
        """As :meth:`check`, but a folder with DICOM files, however deep, is an image as well."""
        tidy, mode = self._look_at(relative)
        if stat.S_ISDIR(mode) and not self.holds_dicom(str(tidy)):
            raise DataError(f"{tidy} is a folder without DICOM files; name a file in it")
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise DataError(f"{tidy} is not a file")
        return str(tidy)

    def holds_dicom(self, folder: str) -> bool:
        """Whether a folder has DICOM files in it, however deep.

        Raises:
            DataError: If a file in it is a link that leaves the root.
        """
        if folder not in self._with_dicom:  # candidates share their volume
            files = list(self._files_below(folder))
            self._with_dicom[folder] = any(_is_dicom(self.root / file) for file in files)
        return self._with_dicom[folder]

    def _files_below(self, folder: str) -> Iterator[str]:
        with os.scandir(resolve(self.root, folder)) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                path = f"{folder}/{entry.name}"
                if entry.is_symlink():
                    resolve(self.root, path)
                if entry.is_dir(follow_symlinks=False):
                    yield from self._files_below(path)
                elif entry.is_file():
                    yield path

    def _look_at(self, relative: str) -> tuple[PurePosixPath, int]:
        """The path made plain, and the mode of what it leads to."""
        if "\x00" in relative or not relative:
            raise DataError("the path is empty" if not relative else "the path has a NUL in it")
        tidy = PurePosixPath(relative.replace("\\", "/"))
        if ".." in tidy.parts or tidy.is_absolute() or ":" in relative[:3]:
            resolve(self.root, relative)
        try:
            self._enter(tidy.parent)
            mode = (self.root / tidy).lstat().st_mode
            if stat.S_ISLNK(mode):
                mode = resolve(self.root, str(tidy)).stat().st_mode
        except PermissionError as error:
            raise DataError(f"permission denied: {tidy}") from error
        except OSError as error:
            raise NoSuchFileError(f"there is no file {tidy}") from error
        return tidy, mode

    def _enter(self, folder: PurePosixPath) -> None:
        """Refuse a folder that a link takes out of the root."""
        name = str(folder)
        if not folder.name or name in self._inside:
            return
        self._enter(folder.parent)
        if (self.root / folder).is_symlink():
            resolve(self.root, name)
        self._inside.add(name)


def may_be_image(name: str) -> bool:
    """Whether a file of a folder may be a film: by a known suffix, by none, or by a number.

    DICOM files often have no suffix, or are named by an identifier that ends in a number.
    """
    suffix = PurePosixPath(name).suffix
    if name.startswith(".") or name.lower() == DICOM_INDEX:
        return False
    return not suffix or suffix.lower() in SUFFIXES or suffix[1:].isdecimal()


def may_be_volume(name: str) -> bool:
    """Whether a file of a folder is a volume by its name."""
    return not name.startswith(".") and name.lower().endswith(VOLUME_SUFFIXES)


def hint_of_missing(missing: int, images: int) -> str:
    """What to look at when most images of a table are not there, else nothing."""
    if 2 * missing <= images:
        return ""
    return (
        f". {missing} of {images} images are not there: is --data.reader.root the folder that the "
        "paths in the table begin at, or do they lack or repeat a folder?"
    )


def case_ids(paths: Sequence[str], suffixes: Sequence[str] = ALL_SUFFIXES) -> list[str]:
    """Name cases after their files: by the stem, or by the whole path where files share a stem."""
    bare = [without_suffix(path, suffixes) for path in paths]
    stems = [PurePosixPath(path).name for path in bare]
    if len(set(stems)) == len(set(bare)):
        return stems
    return [path.replace("/", "__") for path in bare]


def without_suffix(path: str, suffixes: Sequence[str] = ALL_SUFFIXES) -> str:
    """A path without its suffix, if that is a known one: dots of DICOM identifiers are none."""
    lower = path.lower()
    return next((path[: -len(end)] for end in suffixes if lower.endswith(end)), path)


def fault_of_case_id(case_id: str) -> str | None:
    """Say why an id cannot name a prediction file, or None if it can."""
    if not case_id or case_id.strip(".") == "":
        return "is empty"
    if readable(case_id) != case_id:
        return "is not written in UTF-8; rename the file"
    if len(case_id.encode()) > 200:
        return "is longer than 200 bytes"
    if any(sign in "/\\:" or not sign.isprintable() for sign in case_id):
        return "has a character that a file name cannot have"
    return None


def _is_dicom(path: Path) -> bool:
    if path.name.lower() == DICOM_INDEX:
        return False
    with path.open("rb") as file:
        return file.read(MAGIC_AT + len(MAGIC))[MAGIC_AT:] == MAGIC
