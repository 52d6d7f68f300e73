"""Image files of a dataset: which suffixes count, whether a path is safe, how a case is named."""

import stat
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from datamodules.cases import resolve
from datamodules.errors import DataError, readable

SUFFIXES = (".png", ".jpg", ".jpeg", ".dcm", ".dicom", ".tif", ".tiff", ".ima")
DICOM_INDEX = "dicomdir"


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

    def check(self, relative: str) -> str:
        """Refuse a path that leaves the root or is not a file.

        Returns:
            The path with forward slashes and without redundant parts.

        Raises:
            DataError: Says what is wrong with the path.
        """
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
        if not stat.S_ISREG(mode):
            raise DataError(f"{tidy} is not a file")
        return str(tidy)

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
    """Whether a file of a folder is looked at: by a known suffix, by none, or by a number.

    DICOM files often have no suffix, or are named by an identifier that ends in a number.
    """
    suffix = PurePosixPath(name).suffix
    if name.startswith(".") or name.lower() == DICOM_INDEX:
        return False
    return not suffix or suffix.lower() in SUFFIXES or suffix[1:].isdecimal()


def hint_of_missing(missing: int, images: int) -> str:
    """What to look at when most images of a table are not there, else nothing."""
    if 2 * missing <= images:
        return ""
    return (
        f". {missing} of {images} images are not there: is --data.reader.root the folder that the "
        "paths in the table begin at, or do they lack or repeat a folder?"
    )


def case_ids(paths: Sequence[str]) -> list[str]:
    """Name cases after their files: by the stem, or by the whole path where files share a stem."""
    bare = [_without_suffix(path) for path in paths]
    stems = [PurePosixPath(path).name for path in bare]
    if len(set(stems)) == len(set(bare)):
        return stems
    return [path.replace("/", "__") for path in bare]


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


def _without_suffix(path: str) -> str:
    # Only known suffixes: the dots of a DICOM identifier are no suffix.
    suffix = PurePosixPath(path).suffix
    return path.removesuffix(suffix) if suffix.lower() in SUFFIXES else path
