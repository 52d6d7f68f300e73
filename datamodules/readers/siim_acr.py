"""SIIM-ACR Pneumothorax Segmentation: chest films with run-length encoded masks."""

from collections import defaultdict
from typing import ClassVar, Literal

from datamodules.cases import Case, CaseTable, Source, Structure
from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.case_list import CaseList
from datamodules.readers.file_templates import walk
from datamodules.readers.nih_annotations import first_there
from datamodules.readers.reader import ReaderSettings
from datamodules.readers.tables import Table, read_table

TABLES = ("stage_2_train.csv", "train-rle.csv")
PNEUMOTHORAX = "pneumothorax"
NONE = "-1"
"""Stands in the table for an image without a pneumothorax."""
IMAGE_SIZE = 1024


class SiimAcrReader(ReaderSettings):
    """SIIM-ACR Pneumothorax Segmentation (2019), https://siim.org.

    Expected under ``root``; the table may be gzipped::

        train-rle.csv                   ImageId, EncodedPixels; or stage_2_train.csv
        dicom-images-train/.../<ImageId>.dcm      1024 x 1024 pixels, in any folders

    Rows of one image are parts of one mask; an image without a pneumothorax (-1) has an empty one.
    A mask is columns from left to right, each pair of numbers being the distance from the end of
    the run before, and a length. The images come from NIH ChestX-ray14: a model of that set may
    have seen them. The table does not say which images are of one patient.
    """

    folder: ClassVar[str] = "siim-acr"
    kind: Literal["siim-acr"] = "siim-acr"

    def list_cases(self) -> CaseTable:
        """List the images of the table; see the base class."""
        cases = CaseList(self.existing_root())
        name = first_there(cases.root, TABLES)
        if name is None:
            raise DataError(f"the dataset's folder has neither {' nor '.join(TABLES)}")
        table = read_table(cases.root, name, problems=cases.problems)
        table.require(("ImageId", "EncodedPixels"))
        images, masks = _image_paths(cases), _masks(table, cases)
        for image, runs in masks.items():
            known: dict[str, object] = {}
            if runs is not None:
                mask = Source(table.path, f"rle[{image}]")
                known = {"mask": mask, "findings": {PNEUMOTHORAX: float(runs != [NONE])}}
            inputs = cases.images(image, {"image": images.get(image, f"{image}.dcm")})
            cases.add(Case(image, image, inputs, known))
        cases.left_out(f"Images that {table.path} does not list", len(set(images) - set(masks)))
        return cases.table(
            self.kind,
            findings=(PNEUMOTHORAX,),
            structures=(Structure(PNEUMOTHORAX, (1,)),),
            public=True,
            has_patients=False,
        )


def _image_paths(cases: CaseList) -> dict[str, str]:
    """Path of each DICOM file by its name, which is the image's id."""
    paths: dict[str, str] = {}
    for path in walk(cases.root, "."):
        if path.endswith(".dcm"):
            image = path.rpartition("/")[2].removesuffix(".dcm")
            if paths.setdefault(image, path) != path:
                both = f"{paths[image]} and {path} are both there; remove one"
                cases.fault(Kind.CASE_ID, both, image)
    return paths


def _masks(table: Table, cases: CaseList) -> dict[str, list[str] | None]:
    """Encodings of the parts of each mask; None where one is faulty."""
    masks: dict[str, list[str]] = defaultdict(list)
    faulty = set()
    rows = zip(table.cells("ImageId"), table.cells("EncodedPixels"), strict=True)
    for number, (image, runs) in zip(table.numbers, rows, strict=True):
        fault = _fault(runs)
        if masks[image] and NONE in (runs, *masks[image]):
            fault = "another row of the image says otherwise"
        if fault:
            where = f"{table.path} row {number}, {image}"
            cases.fault(Kind.LABEL, fault, image, where=where)
            faulty.add(image)
        masks[image].append(runs)
    return {image: None if image in faulty else runs for image, runs in masks.items()}


def _fault(runs: str) -> str | None:
    if runs == NONE:
        return None
    numbers = runs.split()
    if (
        not all(number.isdecimal() and len(number) < 10 for number in numbers)
        or len(numbers) % 2
        or not numbers
    ):
        return f"EncodedPixels is neither pairs of whole numbers nor {NONE}"
    if sum(map(int, numbers)) > IMAGE_SIZE**2:
        return f"EncodedPixels goes beyond the {IMAGE_SIZE} x {IMAGE_SIZE} pixels of the image"
    return None
