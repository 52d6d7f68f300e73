"""Templates of file names: ``{id}_{channel}.nii.gz`` finds the files of cases, and names them."""

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from datamodules.cases import resolve

ENDINGS = (
    ".nii.gz",
    ".nii",
    ".nrrd",
    ".mha",
    ".mhd",
    ".png",
    ".jpg",
    ".jpeg",
    ".tif",
    ".tiff",
    ".bmp",
    ".gif",
    ".dcm",
)
"""Of files with an image or a mask in them."""

_FIELD = re.compile(r"\{([^{}]*)\}")
_VALUES = {"id": "[^/]+?", "channel": "[^/_.]+", "structure": "[^/]+?"}


class FileTemplate:
    """What the files of one kind are called.

    Args:
        text: Relative path with fields in curly brackets, such as ``{id}_{channel}``; without an
            ending of its own any of the endings is meant, and ending in ``/`` a folder.
        values: What a field may be; a field that is not named may be anything.
        endings: What files of this kind end in.
    """

    def __init__(
        self,
        text: str,
        values: Mapping[str, Sequence[str]] | None = None,
        endings: Sequence[str] = ENDINGS,
    ) -> None:
        self.text = text
        pattern, seen = "", set[str]()
        for at, piece in enumerate(_FIELD.split(text)):
            if at % 2 == 0:
                pattern += re.escape(piece)
            elif piece in seen:
                pattern += f"(?P={piece})"
            else:
                seen.add(piece)
                known = "|".join(re.escape(value) for value in (values or {}).get(piece, ()))
                pattern += f"(?P<{piece}>{known or _VALUES[piece]})"
        has_ending = text.lower().endswith((*endings, "/"))
        any_ending = "(?i:" + "|".join(map(re.escape, endings)) + ")"
        self._pattern = re.compile(pattern + any_ending * (not has_ending))

    def match(self, path: str) -> dict[str, str] | None:
        """Values of the fields, if a path is of this kind."""
        match = self._pattern.fullmatch(path)
        return match.groupdict() if match else None

    def fill(self, **values: str) -> str:
        """The template with fields filled in, to be shown."""
        return _FIELD.sub(lambda match: values.get(match[1], match[0]), self.text)


def template_fault(text: str, required: Collection[str], allowed: Collection[str]) -> str | None:
    """Say what is wrong with the text of a template, or None."""
    fields = _FIELD.findall(text)
    if unknown := [name for name in fields if name not in allowed]:
        known = " and ".join(f"{{{name}}}" for name in allowed)
        return f"'{text}': {{{unknown[0]}}} is not known; {known} are"
    if absent := [name for name in required if name not in fields]:
        return f"'{text}' needs {{{absent[0]}}} in it"
    parts = PurePosixPath(text).parts
    if ".." in parts or text.startswith("/"):
        return f"'{text}' has to stay in its folder"
    return None


def without_ending(name: str) -> str:
    """A file's name without its ending, if that is one of :data:`ENDINGS`."""
    found = [ending for ending in ENDINGS if name.lower().endswith(ending)]
    return name[: -len(max(found, key=len))] if found else name


def walk(root: Path, folder: str) -> Iterator[str]:
    """Paths of the files below a folder, relative to it, sorted; those of folders end in ``/``.

    Hidden ones are passed over, and links to folders are not followed.

    Raises:
        DataError: If the folder leaves the root.
        OSError: If a folder cannot be read.
    """
    top = resolve(root, folder)
    for place, folders, files in os.walk(top, onerror=_give_up):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        here = PurePosixPath(Path(place).relative_to(top))
        yield from (f"{here / name}/" for name in folders)
        yield from (str(here / name) for name in sorted(files) if not name.startswith("."))


def _give_up(error: OSError) -> None:
    raise error
