"""What the text headers of NRRD and MetaImage files share."""

from collections.abc import Mapping
from pathlib import Path

from datamodules.errors import DataError


def numbers(fields: Mapping[str, str], name: str) -> list[float]:
    """The numbers of a field.

    Raises:
        DataError: If there are none.
    """
    try:
        found = [float(word) for word in fields.get(name, "").split()]
    except ValueError:
        found = []
    if not found:
        raise DataError(f"its header has no numbers in '{name}'")
    return found


def beside(path: Path, name: str) -> Path:
    """The file that a header names as the place of its voxels, in the header's own folder.

    Raises:
        DataError: If it names another place, or there is no such file.
    """
    other = path.parent / name
    if Path(name).name != name or other.resolve().parent != path.parent.resolve():
        raise DataError("its header names voxels that do not lie beside it")
    if not other.is_file():
        raise DataError(f"the file '{name}' of its voxels is missing")
    return other
