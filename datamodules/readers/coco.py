"""COCO: images, and JSON files with the boxes and keypoints in them."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import ClassVar, Literal

from datamodules.cases import CaseTable
from datamodules.errors import DataError
from datamodules.readers.box_reader import BoxReader
from datamodules.readers.case_list import CaseList
from datamodules.readers.coco_cases import CocoCases
from datamodules.readers.coco_files import CocoFile, read_coco, side_in

PLACES = (
    "annotations/instances_*.json",
    "annotations/*.json",
    "*/_annotations.coco.json",
    "*.json",
)
"""Where annotations lie, as COCO, those who write like it, and Roboflow have them."""
SIDES = ("train", "val", "test", "train_val")


class CocoReader(BoxReader):
    """Images with boxes in the format of COCO (Lin et al., ECCV 2014), https://cocodataset.org.

    Expected under ``root``; names and folders can be set::

        annotations/instances_train.json     and instances_val.json, ...: the name says the side;
                                             or annotations.json alone: the split is drawn
        images/a.jpg                         or train/, images/train/, train2017/, ...

    An image without annotations has nothing in it. What is a crowd (``iscrowd``), or is to be
    ignored (``ignore``), counts neither as object nor as background. Keypoints are landmarks where
    an image has those of one object; they are called as its category says.
    """

    ids_are_file_names: ClassVar[bool] = True
    kind: Literal["coco"] = "coco"
    annotations: tuple[str, ...] = ()
    """Files with annotations, relative to the root, each with its side in front where its name does
    not say it (``test=annotations/b.json``); empty: instances_*.json, or all, in annotations/; else
    */_annotations.coco.json, or .json in the root."""
    images: str = ""
    """Folder that names of images begin at, relative to the root; empty: it is looked for."""

    def list_cases(self) -> CaseTable:
        """List the images of the files; see the base class."""
        cases = CaseList(self.existing_root())
        named = dict(map(_with_side, self.annotations)) or self._find(cases)
        files = list(_read(cases, named))
        if not files:
            return cases.table(self.kind)  # every file is at fault: raises
        return CocoCases(self, cases, files).table()

    def _find(self, cases: CaseList) -> dict[str, str | None]:
        for place in PLACES:
            found = sorted(path.relative_to(cases.root) for path in cases.root.glob(place))
            if found:
                return {path.as_posix(): side_in(path) for path in found}
        raise DataError(
            "no annotations/*.json, */_annotations.coco.json or *.json is in the dataset's folder; "
            "--data.reader.annotations names the files"
        )


def _read(cases: CaseList, named: dict[str, str | None]) -> Iterator[CocoFile]:
    for path, side in named.items():
        file = read_coco(cases, path, side)
        if file is not None:
            yield file


def _with_side(text: str) -> tuple[str, str | None]:
    side, sign, path = text.partition("=")
    return (path, side) if sign and side in SIDES else (text, side_in(PurePosixPath(text)))
