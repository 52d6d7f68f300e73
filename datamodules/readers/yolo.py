"""YOLO: images, each with a text file of boxes in shares of its width and height."""

from pathlib import Path, PurePosixPath
from typing import ClassVar, Literal

from datamodules.cases import Case, CaseTable
from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.box_list import BoxList, numbers_of
from datamodules.readers.box_reader import PICTURES, BoxReader
from datamodules.readers.case_list import CaseList
from datamodules.readers.column_roles import SPLITS
from datamodules.readers.file_templates import walk
from datamodules.readers.image_files import case_ids
from datamodules.readers.yolo_names import read_names

COLUMNS = ("class", "x", "y", "width", "height")
NO_LABELS = ("classes.txt", "notes.txt")
"""Files that labelling tools lay beside the labels."""


class YoloReader(BoxReader):
    """Images with boxes as YOLO has them (Redmon et al., CVPR 2016; Ultralytics' folders).

    Expected under ``root``; ``val`` may be ``valid``::

        data.yaml                            names of the classes; or classes.txt, one a line
        images/train/a.jpg                   labels/train/a.txt
        train/images/a.jpg                   or so: train/labels/a.txt
        images/a.jpg                         or without sides, labels/a.txt: the split is drawn

    A line is ``class x y width height``: the class counted from 0, the middle and the sides of the
    box as shares of the image. An image without a text file has nothing in it.
    """

    ids_are_file_names: ClassVar[bool] = True
    kind: Literal["yolo"] = "yolo"
    names: str | None = None
    """File with the names of the classes, relative to the root: .yaml with ``names``, or .txt with
    one a line; none: data.yaml, another .yaml in the root, or classes.txt."""

    def list_cases(self) -> CaseTable:
        """List the images; see the base class."""
        return _YoloCases(self, self.existing_root()).table()


class _YoloCases:
    """Pairs images with text files, and reads these."""

    def __init__(self, settings: YoloReader, root: Path) -> None:
        self.settings = settings
        self.cases = CaseList(root)
        self.boxes = BoxList(self.cases, settings.faulty_boxes)
        self.files = [path for path in walk(root, ".") if not path.endswith("/")]
        self.objects: list[str] = []

    def table(self) -> CaseTable:
        images = [path for path in self.files if _is_image(path)]
        labels = {path for path in self.files if _is_label(path)}
        if not images or not labels:
            raise DataError(
                "no images in a folder images/, or no .txt in one labels/ beside it; is "
                "--data.reader.root the folder that holds images and labels, or train/images and "
                "train/labels?"
            )
        self.objects = read_names(self.cases.root, self.settings.names)
        labelled = {_folder(path) for path in labels}
        known = [path for path in images if _folder(label_of(path)) in labelled]
        self.cases.left_out("Images beside which no folder has labels", len(images) - len(known))
        for path, name in zip(known, case_ids(known, PICTURES), strict=True):
            self._add(path, name, labels)
        for path in sorted(labels - set(map(label_of, images))):
            self.cases.fault(Kind.MISSING, "there is no image for it", where=path)
        return self.boxes.table(
            self.settings.dataset or self.settings.kind,
            self.objects,
            public=self.settings.public_images,
            has_patients=self.settings.has_patients,
            notices=self.settings.notices_of(self.cases),
        )

    def _add(self, path: str, name: str, labels: set[str]) -> None:
        if label_of(path) in labels:
            self._read(path, name, label_of(path))
        patient = self.settings.patient_of(name, self.cases)
        inputs = self.cases.images(name, {"image": path})
        targets = self.boxes.targets(name)
        self.cases.add(Case(name, patient, inputs, targets, split=_side(path)))

    def _read(self, image: str, name: str, path: str) -> None:
        from datamodules.transforms.raster_size import upright_size

        try:
            text = (self.cases.root / path).read_text(encoding="utf-8-sig")
            width, height = upright_size(self.cases.root / image)
        except UnicodeDecodeError:
            self.boxes.fault(name, "it is no text with a box a line", path)
            return
        except DataError as error:
            self.cases.fault(Kind.UNREADABLE, error.message, name, image)
            return
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                self._take(name, line.split(), (width, height), f"{path} line {number}")

    def _take(self, name: str, words: list[str], sides: tuple[int, int], where: str) -> None:
        if len(words) != len(COLUMNS):
            fault = f"it has {len(words)} numbers, a box has five: {' '.join(COLUMNS)}"
            self.boxes.fault(name, fault, where)
            return
        numbers = numbers_of(dict(zip(COLUMNS, words, strict=True)))
        if isinstance(numbers, str):
            self.boxes.fault(name, numbers, where)
            return
        label, x, y, width, height = numbers
        if label not in range(len(self.objects)):
            fault = f"there is no class {label:g}; named are 0 to {len(self.objects) - 1}"
            self.cases.fault(Kind.LABEL, fault, name, where)
        elif not (0 <= x <= 1 and 0 <= y <= 1):
            fault = f"the middle {x:g}, {y:g} is no share of the image, from 0 to 1"
            self.boxes.fault(name, fault, where)
        else:
            across, down = sides
            low = ((x - width / 2) * across, (y - height / 2) * down)
            size = (width * across, height * down)
            self.boxes.add(name, self.objects[int(label)], low, size, where)


def label_of(image: str) -> str:
    """Where the boxes of an image are: its last folder ``images`` becomes ``labels``."""
    before, _, after = f"/{image}".rpartition("/images/")
    return f"{before}/labels/{after}".strip("/").rpartition(".")[0] + ".txt"


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _is_image(path: str) -> bool:
    return "images" in PurePosixPath(path).parts[:-1] and path.lower().endswith(PICTURES)


def _is_label(path: str) -> bool:
    place = PurePosixPath(path)
    return "labels" in place.parts[:-1] and place.suffix == ".txt" and place.name not in NO_LABELS


def _side(path: str) -> str | None:
    """The side that a folder of an image is called after: train, val, train2017, ..."""
    words = (part.lower().rstrip("0123456789") for part in PurePosixPath(path).parts[:-1])
    return next((SPLITS[word] for word in words if word in SPLITS), None)
