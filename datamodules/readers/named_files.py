"""Files that a table names: by their paths, or by their names without folder and ending."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from datamodules.errors import DataError
from datamodules.readers.file_templates import walk
from datamodules.readers.image_files import ImageFiles, NoSuchFileError, without_suffix

SLIDE_ENDINGS = (
    *(".svs", ".tif", ".tiff", ".ndpi", ".mrxs", ".dcm", ".scn", ".bif", ".vms", ".vmu"),
    *(".svslide", ".czi", ".png", ".jpg", ".jpeg"),
)
"""Of what openslide reads, and of small slides."""
DICOM = ".dcm"
MOST_SHOWN = 3


class NamedFiles:
    """The slides, or files of features, of a folder.

    A folder below the root with .dcm files is one slide. Several slides of one name, such as
    ``a.svs`` and ``a.tif``, are told apart by their paths only.

    Args:
        root: Folder of the dataset.
        endings: Of the files that count.
    """

    def __init__(self, root: Path, endings: Sequence[str]) -> None:
        self.root = root
        self.endings = endings
        self._checked = ImageFiles(root)
        self._all: dict[str, None] = {}
        self._by_name: dict[str, list[str]] = defaultdict(list)
        for path in walk(root, "."):
            if path.lower().endswith(tuple(endings)):
                self._all[_slide_of(path)] = None
        for path in self._all:
            for name in {path, self._bare(path), _last(path), _last(self._bare(path))}:
                self._by_name[name].append(path)

    def find(self, name: str) -> str:
        """Path of the file that is meant.

        Args:
            name: A path relative to the root, or the file's name; either with or without ending.

        Raises:
            NoSuchFileError: If there is none.
            DataError: If several could be meant, the path leaves the root, or it is none of these
                files.
        """
        tidy = str(PurePosixPath(name.replace("\\", "/")))
        found = [tidy] if tidy in self._all else self._by_name.get(tidy, [])
        if not found and self._bare(tidy) == tidy:  # tables of features often name the slides
            found = self._by_name.get(without_suffix(tidy, SLIDE_ENDINGS), [])
        if len(found) > 1:
            shown = ", ".join(found[:MOST_SHOWN]) + ", ..." * (len(found) > MOST_SHOWN)
            raise DataError(f"'{name}' may be any of {shown}; write the whole path of the one")
        return self._checked.check_image(found[0]) if found else self._at(name)

    def others(self, taken: Sequence[str]) -> list[str]:
        """Files that nobody has named, of the endings that those have which somebody has."""
        named = {PurePosixPath(path).suffix.lower() for path in taken}
        known = {*taken, *map(_slide_of, taken)}
        suffixes = ((path, PurePosixPath(path).suffix.lower()) for path in self._all)
        return [path for path, suffix in suffixes if path not in known and suffix in named]

    def _at(self, path: str) -> str:
        """A path that no name leads to: a file of a DICOM folder, or what is wrong with it."""
        try:
            found = self._checked.check_image(path)
        except NoSuchFileError as error:
            raise NoSuchFileError(f"{error.message}, with or without an ending") from error
        if not found.lower().endswith(tuple(self.endings)):
            raise DataError(f"{found} does not end in {', '.join(self.endings)}")
        return found

    def _bare(self, path: str) -> str:
        return without_suffix(path, self.endings)


def _slide_of(path: str) -> str:
    folder = str(PurePosixPath(path).parent)
    return folder if path.lower().endswith(DICOM) and folder != "." else path


def _last(path: str) -> str:
    return PurePosixPath(path).name
