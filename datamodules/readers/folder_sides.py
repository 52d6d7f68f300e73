"""The folders of images and masks, of each side of an official split where there is one."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.case_list import CaseList
from datamodules.readers.column_roles import SPLITS
from datamodules.readers.file_templates import FileTemplate, walk

Paths = dict[str, dict[str, str]]
"""By id, then by channel or structure; empty where there are no such parts."""


@dataclass
class Side:
    """Two folders, and what was found in them.

    Attributes:
        name: The split folder; empty where there is none.
        images: Folder of the images, relative to the root.
        masks: Folder of the masks, which may be absent.
        image_paths: Image files by channel.
        mask_paths: Mask files by structure.
    """

    name: str
    images: str
    masks: str
    image_paths: Paths = field(default_factory=dict)
    mask_paths: Paths = field(default_factory=dict)

    @property
    def channels(self) -> list[str]:
        """Every channel that some image has, sorted."""
        return sorted({channel for paths in self.image_paths.values() for channel in paths})

    def look_through(
        self, root: Path, images: FileTemplate, masks: FileTemplate, cases: CaseList
    ) -> None:
        """List the files of both folders; what matches both templates is a mask."""
        self.mask_paths, _ = _find(root, self.masks, masks, "structure", cases)
        of_masks = {path for paths in self.mask_paths.values() for path in paths.values()}
        self.image_paths, others = _find(root, self.images, images, "channel", cases, of_masks)
        if not images.text.endswith("/"):
            cases.left_out(f"Files in {self.images} of other names than {images.text}", others)


def find_sides(root: Path, images: str, masks: str) -> list[Side]:
    """The folders ``train/images`` or ``images/train`` of each side, or ``images`` alone.

    Raises:
        DataError: If there are neither.
    """
    outer = [Side(name, _join(name, images), _join(name, masks)) for name in _split_folders(root)]
    inner = [
        Side(name, _join(images, name), _join(masks, name))
        for name in _split_folders(root / images)
    ]
    for sides in (outer, inner):
        if there := [side for side in sides if (root / side.images).is_dir()]:
            return there
    for what, folder in {"images": images, "masks": masks}.items():
        if not (root / folder).is_dir():
            raise DataError(
                f"there is no folder '{folder}' in the dataset's folder; --data.reader.{what} "
                f"names the folder of the {what}"
            )
    return [Side("", _join(images), _join(masks))]


def share_ids(sides: Sequence[Side]) -> bool:
    """Whether images of several sides have one id."""
    counts = Counter(name for side in sides for name in side.image_paths)
    return any(count > 1 for count in counts.values())


def _join(*parts: str) -> str:
    return str(PurePosixPath(*parts))


def _split_folders(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted(e.name for e in folder.iterdir() if e.is_dir() and e.name.lower() in SPLITS)


def _find(
    root: Path,
    folder: str,
    template: FileTemplate,
    part: str,
    cases: CaseList,
    others: Collection[str] = (),
) -> tuple[Paths, int]:
    """Paths that match a template, and the number of files that match nothing."""
    found: Paths = defaultdict(dict)
    unmatched = 0
    for inner in walk(root, folder) if (root / folder).is_dir() else ():
        path = _join(folder, inner) + "/" * inner.endswith("/")
        fields = template.match(inner)
        if path in others or (fields is None and inner.endswith("/")):
            continue
        if fields is None:
            unmatched += 1
            continue
        first = found[fields["id"]].setdefault(fields.get(part) or "", path)
        if first != path:
            both = f"{first} and {path} are both of this name; remove one"
            cases.fault(Kind.CASE_ID, both, fields["id"])
    return dict(found), unmatched
