"""Where the images of PadChest lie: in numbered folders, of which some may be absent, or in one."""

import os
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from datamodules.cases import resolve
from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.tables import Table, is_missing, plain_number

FAULTY_IMAGES = frozenset(
    (
        "216840111366964012283393834152009033102258826_00-059-087.png",
        "216840111366964012339356563862009072111404053_00-043-192.png",
        "216840111366964012373310883942009117084022290_00-064-025.png",
        "216840111366964012373310883942009152114636712_00-102-045.png",
        "216840111366964012373310883942009170084120009_00-097-074.png",
        "216840111366964012487858717522009280135853083_00-075-001.png",
        "216840111366964012558082906712009327122220177_00-102-064.png",
        "216840111366964012819207061112010281134410801_00-129-131.png",
        "216840111366964012819207061112010306085429121_04-020-102.png",
        "216840111366964012819207061112010307142602253_04-014-084.png",
        "216840111366964012819207061112010315104455352_04-024-184.png",
        "216840111366964012959786098432011033083840143_00-176-115.png",
        "216840111366964012989926673512011074122523403_00-163-058.png",
        "216840111366964012989926673512011083134050913_00-168-009.png",
        "216840111366964012989926673512011151082430686_00-157-045.png",
        "216840111366964013076187734852011291090445391_00-196-188.png",
        "216840111366964013590140476722013043111952381_02-065-198.png",
        "216840111366964013590140476722013058110301622_02-056-111.png",
        "216840111366964013686042548532013208193054515_02-026-007.png",
        "216840111366964013829543166512013353113303615_02-092-190.png",
        "216840111366964013962490064942014134093945580_01-178-104.png",
    )
)
"""Absent from the release, cut short, or with broken chunks, as listed by TorchXRayVision (Cohen et
al., MIDL 2022); fifteen of them also by users who found them on their own."""
_BESIDE_TABLE = "."


def find_images(
    root: Path,
    table: Table,
    rows: Iterable[int],
    add: Callable[[Kind, int, str], None],
    notices: list[str],
) -> dict[int, str]:
    """Find the image of each row in the folder that ``ImageDir`` names, or else beside the table.

    Args:
        root: Folder of the dataset.
        table: The table of images.
        rows: Positions of the rows to look at.
        add: Receives the kind, position and message of each image that cannot be had.
        notices: Receives how many images are left out, as their whole folder is not there while
            others are: the dataset is large, and many have a part of it.

    Returns:
        Path of each image by the position of its row, empty where it cannot be had; without those
        that are left out.
    """
    listing, found = _Listing(root), dict[int, str | None]()
    names = table.cells("ImageID")
    folders = [plain_number(cell) for cell in table.cells("ImageDir")]
    folders = [_BESIDE_TABLE if is_missing(folder) else folder for folder in folders]
    for at in rows:
        try:
            found[at] = listing.find(folders[at], names[at])
        except DataError as error:
            add(Kind.PATH, at, error.message)
            found[at] = ""
    in_folders = any(path is not None and "/" in path for path in found.values())
    absent: Counter[str] = Counter()
    for at in [at for at, path in found.items() if path is None]:
        if in_folders and not listing.has(folders[at]):
            absent[folders[at]] += 1
            del found[at]
        else:
            add(Kind.MISSING, at, "there is no such image")
    if absent:
        notices.append(
            f"Images left out, as their folders ({', '.join(absent)}) are not there: "
            f"{absent.total()}."
        )
    return {at: path or "" for at, path in found.items()}


class _Listing:
    """Names of the files in folders of the dataset; each folder is listed once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._folders: dict[str, dict[str, bool] | None] = {}

    def find(self, folder: str, image: str) -> str | None:
        """Path of an image; DataError if its folder, or a link, leaves the root."""
        for place in (folder, _BESIDE_TABLE):
            names = self._names(place)
            if names is None or image not in names:
                continue
            path = image if place == _BESIDE_TABLE else f"{place}/{image}"
            if not names[image] or resolve(self.root, path).is_file():
                return path
        return None

    def has(self, folder: str) -> bool:
        return self._names(folder) is not None

    def _names(self, folder: str) -> dict[str, bool] | None:
        """Files in a folder, and whether each is a link; None if there is no such folder."""
        if folder not in self._folders:
            place = resolve(self.root, folder)
            self._folders[folder] = _files(place) if place.is_dir() else None
        return self._folders[folder]


def _files(folder: Path) -> dict[str, bool]:
    with os.scandir(folder) as entries:
        return {entry.name: entry.is_symlink() for entry in entries if not entry.is_dir()}
