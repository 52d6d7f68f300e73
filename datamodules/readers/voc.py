"""Pascal VOC: images, each with the boxes of an XML file, and lists of who is on which side."""

from pathlib import Path, PurePosixPath
from typing import ClassVar, Literal
from xml.etree.ElementTree import Element

from datamodules.cases import Case, CaseTable
from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.box_list import BoxList, numbers_of
from datamodules.readers.box_reader import PICTURES, BoxReader
from datamodules.readers.case_list import CaseList
from datamodules.readers.file_templates import walk
from datamodules.readers.plain_xml import read_xml, texts_of

IMAGES, ANNOTATIONS, LISTS = "JPEGImages", "Annotations", "ImageSets/Main"
CORNERS = ("xmin", "ymin", "xmax", "ymax")


class VocReader(BoxReader):
    """Images with boxes in the layout of Pascal VOC (Everingham et al., IJCV 2010).

    Expected under ``root``::

        JPEGImages/a.jpg                     or .png, ...
        Annotations/a.xml                    an <object> a box; without any: nothing is in the image
        ImageSets/Main/train.txt             and val.txt, test.txt: names; or trainval.txt. May be
                                             absent: the split is drawn then
    """

    ids_are_file_names: ClassVar[bool] = True
    kind: Literal["voc"] = "voc"
    corners: Literal["edges", "pixels"] = "edges"
    """What xmin and xmax are: edges counted from 0, xmax - xmin being the width, as labelImg and
    most tools write them; or, in VOC 2007 to 2012 themselves, the first and last pixel of the
    object, counted from 1."""
    difficult: Literal["ignore", "count"] = "ignore"
    """What objects marked as difficult are: neither object nor background, or as all others."""

    def list_cases(self) -> CaseTable:
        """List the images; see the base class."""
        return _VocCases(self, self.existing_root()).table()


class _VocCases:
    """Pairs images with annotations, and reads these."""

    def __init__(self, settings: VocReader, root: Path) -> None:
        self.settings = settings
        self.cases = CaseList(root)
        self.boxes = BoxList(self.cases, settings.faulty_boxes)
        self.numbered = False
        self.images = self._files(IMAGES, PICTURES)
        self.annotations = self._files(ANNOTATIONS, (".xml",))

    def table(self) -> CaseTable:
        if not self.images or not self.annotations:
            raise DataError(
                f"no images in {IMAGES}/, or no .xml in {ANNOTATIONS}/; is --data.reader.root the "
                f"folder that holds {IMAGES} and {ANNOTATIONS}?"
            )
        sides = self._sides()
        for name in sides or dict.fromkeys(sorted(self.annotations)):
            self._add(name, sides.get(name))
        if sides:
            unlisted = set(self.annotations) - set(sides)
            self.cases.left_out(f"Annotated images that {LISTS} does not list", len(unlisted))
        else:
            self.cases.left_out(
                "Images without an annotation", len(set(self.images) - set(self.annotations))
            )
        if self.numbered and self.settings.corners == "edges":
            self.cases.notices.append(
                "Some annotations are of a published VOC, which counts pixels from 1: "
                "--data.reader.corners pixels reads them as they are meant."
            )
        return self.boxes.table(
            self.settings.dataset or self.settings.kind,
            public=self.settings.public_images,
            has_patients=self.settings.has_patients,
            notices=self.settings.notices_of(self.cases),
        )

    def _add(self, name: str, split: str | None) -> None:
        cases = self.cases
        path = self.images.get(name)
        if path is None:
            where = self.annotations.get(name, f"{LISTS}, {name}")
            cases.fault(Kind.MISSING, f"there is no image {IMAGES}/{name}.jpg", name, where)
        inputs = {} if path is None else cases.images(name, {"image": path})
        targets = self.boxes.targets(name) if self._read(name) else {}
        patient = self.settings.patient_of(name, cases)
        cases.add(Case(name, patient, inputs, targets, split=split))

    def _read(self, name: str) -> bool:
        """Take the boxes of an annotation; whether there is one that can be read."""
        path = self.annotations.get(name)
        if path is None:
            fault = f"there is no annotation {ANNOTATIONS}/{name}.xml for it"
            self.cases.fault(Kind.LABEL, fault, name)
            return False
        try:
            annotation = read_xml(self.cases.root, path)
        except DataError as error:
            self.cases.fault(Kind.LABEL, error.message, name, path)
            return False
        self.numbered |= (annotation.findtext("source/database") or "").startswith("The VOC")
        for number, each in enumerate(annotation.iterfind("object"), start=1):
            self._take(name, each, f"{path}, object {number}")
        return True

    def _take(self, name: str, each: Element, where: str) -> None:
        said = texts_of(each, ("name", "difficult"))
        box = each.find("bndbox")
        if not said["name"] or box is None:
            self.boxes.fault(name, "it has no name" if box is not None else "it has no box", where)
            return
        ends = numbers_of(texts_of(box, CORNERS))
        if isinstance(ends, str):
            self.boxes.fault(name, f"the box {said['name']}: {ends}", where)
            return
        first = 1.0 if self.settings.corners == "pixels" else 0.0
        low = [end - first for end in ends[:2]]
        size = [high - start for start, high in zip(low, ends[2:], strict=True)]
        ignored = self.settings.difficult == "ignore" and said["difficult"] not in ("", "0")
        self.boxes.add(name, said["name"], low, size, where, ignored=ignored)

    def _sides(self) -> dict[str, str]:
        """Side of each image that a list names; empty: there are no lists."""
        found: dict[str, str] = {}
        there = {side: self._names(side) for side in ("train", "val", "test", "trainval")}
        if there["train"] and there["val"]:
            there["trainval"] = []  # the union of both
        for side, names in there.items():
            for name in names:
                first = found.setdefault(name, side)
                if first != side and side != "trainval":
                    both = f"it is in {first}.txt and in {side}.txt of {LISTS}"
                    self.cases.fault(Kind.SPLIT, both, name)
        return {name: side.replace("trainval", "train_val") for name, side in found.items()}

    def _names(self, side: str) -> list[str]:
        path = f"{LISTS}/{side}.txt"
        if not (self.cases.root / path).is_file():
            return []
        try:
            lines = (self.cases.root / path).read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError:
            self.cases.fault(Kind.LAYOUT, "it is no text with a name a line", where=path)
            return []
        return [line.split()[0] for line in lines if line.strip()]

    def _files(self, folder: str, endings: tuple[str, ...]) -> dict[str, str]:
        """Files of a folder by their names without ending."""
        found: dict[str, str] = {}
        if (self.cases.root / folder).is_dir():
            for name in walk(self.cases.root, folder):
                if name.lower().endswith(endings):
                    stem, path = PurePosixPath(name).with_suffix("").as_posix(), f"{folder}/{name}"
                    if found.setdefault(stem, path) != path:
                        both = f"{found[stem]} and {path} are both of this name; remove one"
                        self.cases.fault(Kind.CASE_ID, both, stem)
        return found
