"""The images of COCO's files as cases, and everything that is wrong with them."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from datamodules.cases import Case, CaseTable, resolve
from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.box_list import BoxList, four_numbers
from datamodules.readers.case_list import CaseList
from datamodules.readers.coco_files import CocoFile, Entry, EntryId
from datamodules.readers.coco_keypoints import Keypoints
from datamodules.readers.image_files import case_ids

if TYPE_CHECKING:
    from datamodules.readers.coco import CocoReader

TRIED = 20
"""Images of a file that its folder is looked for with."""


class CocoCases:
    """Turns the images of several files into cases.

    Args:
        settings: Of the reader.
        cases: Gathers everything that is wrong.
        files: In the order of the cases.
    """

    def __init__(self, settings: "CocoReader", cases: CaseList, files: Sequence[CocoFile]) -> None:
        self.settings = settings
        self.cases = cases
        self.files = files
        self.boxes = BoxList(cases, settings.faulty_boxes)
        self.keypoints = Keypoints(cases, files)
        self.without_box: set[str] = set()

    def table(self) -> CaseTable:
        """The table of cases; see the reader."""
        folders = [self._folder(file) for file in self.files]
        paths = [
            [PurePosixPath(folder, name).as_posix() for name in file.images.values()]
            for folder, file in zip(folders, self.files, strict=True)
        ]
        names = iter(case_ids([path for own in paths for path in own]))
        for file, own in zip(self.files, paths, strict=True):
            self._add(file, own, dict(zip(file.images, names, strict=False)))
        return self.boxes.table(
            self.settings.dataset or self.settings.kind,
            self._objects(),
            public=self.settings.public_images,
            has_patients=self.settings.has_patients,
            points=self.keypoints.names,
            notices=(*self.settings.notices_of(self.cases), *self.keypoints.notices),
            warnings=self.keypoints.warnings,
        )

    def _add(self, file: CocoFile, paths: Sequence[str], ids: dict[EntryId, str]) -> None:
        for number, entry in file.annotations:
            self._take(file, f"{file.path}, annotations {number}", entry, ids)
        for name, path in zip(ids.values(), paths, strict=True):
            patient = self.settings.patient_of(name, self.cases)
            inputs = self.cases.images(name, {"image": path})
            targets = {} if name in self.without_box else self.boxes.targets(name)
            targets |= self.keypoints.targets(name)
            self.cases.add(Case(name, patient, inputs, targets, split=file.side))

    def _take(self, file: CocoFile, where: str, entry: Entry, ids: dict[EntryId, str]) -> None:
        name = _known(entry.get("image_id"), ids)
        label = _known(entry.get("category_id"), file.categories)
        box = four_numbers(entry.get("bbox"))
        if name is None:
            fault = f"there is no image with the id {entry.get('image_id')}"
            self.cases.fault(Kind.BOX, fault, where=where)
        elif label is None:
            fault = f"there is no category with the id {entry.get('category_id')}"
            self.cases.fault(Kind.LABEL, fault, name, where)
        elif self.keypoints.take(file, name, where, entry) and "bbox" not in entry:
            self.without_box.add(name)
        elif box is None:
            self.boxes.fault(name, "its bbox is not x, y, width and height", where)
        else:
            ignored = bool(entry.get("iscrowd") or entry.get("ignore"))
            self.boxes.add(name, label, box[:2], box[2:], where, ignored=ignored)

    def _objects(self) -> list[str]:
        """Names of the categories, in the order of their ids; files must agree on them."""
        found: dict[EntryId, str] = {}
        for file in self.files:
            for number, name in file.categories.items():
                if found.setdefault(number, name) != name:
                    fault = f"category {number} is '{name}', and '{found[number]}' in another file"
                    self.cases.fault(Kind.LABEL, fault, where=file.path)
        return list(dict.fromkeys(found.values()))

    def _folder(self, file: CocoFile) -> str:
        """Folder that the names of a file's images begin at."""
        if self.settings.images:
            return self.settings.images
        names = list(file.images.values())[:TRIED]
        found = next((each for each in _folders(file) if self._holds(each, names)), None)
        return "images" if found is None else found

    def _holds(self, folder: str, names: Sequence[str]) -> bool:
        for name in names:
            try:
                if resolve(self.cases.root, f"{folder}/{name}").is_file():
                    return True
            except DataError:
                continue
        return False


def _folders(file: CocoFile) -> Iterator[str]:
    """Where the images of a file may lie, the likeliest first."""
    path = PurePosixPath(file.path)
    own = [path.stem.rpartition("_")[2], *([] if file.side is None else [file.side])]
    yield from ("images", ".", path.parent.as_posix())
    for name in own:
        yield from (f"images/{name}", name)


def _known(number: object, names: dict[EntryId, str]) -> str | None:
    return names.get(number) if isinstance(number, int | str) else None
