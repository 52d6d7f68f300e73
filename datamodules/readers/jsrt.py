"""JSRT: chest films, half with a nodule; outlines of lungs, heart and collar bones (SCR)."""

import re
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import ClassVar, Literal

from datamodules.cases import SAME_EXTENT, Case, CaseTable, Structure
from datamodules.errors import DataError
from datamodules.problems import Kind, problems_of
from datamodules.readers.box_list import BoxList, FaultyBoxes
from datamodules.readers.case_list import CaseList
from datamodules.readers.file_templates import walk
from datamodules.readers.jsrt_landmarks import OutlinePoints
from datamodules.readers.jsrt_nodules import NODULE, PIXEL_MM, PIXELS, TABLE, read_nodules
from datamodules.readers.reader import ReaderSettings
from datamodules.readers.tables import plain_number, read_table

STRUCTURES = ("left_lung", "right_lung", "heart", "left_clavicle", "right_clavicle")
CLASSES = ("no nodule", "nodule")
CLINICAL_TABLE = "clinical.csv"

_IMAGE = re.compile(r"images/(JPC[LN]N(\d{3}))\.(png|tif|tiff)", re.IGNORECASE)
_MASK = re.compile(r"(?:.*/)?masks/([^/]+)/(JPC[LN]N\d{3})\.(?:png|gif|bmp|tif)", re.IGNORECASE)


class JsrtReader(ReaderSettings):
    """JSRT (Shiraishi et al., AJR 2000) with the masks of SCR (van Ginneken et al., MedIA 2006).

    From http://db.jsrt.or.jp and https://zenodo.org/records/7056076. Expected under ``root``::

        images/JPCLN001.png               LN: with a nodule, NN: without
        masks/left_lung/JPCLN001.png      and right_lung, heart, left_clavicle, right_clavicle;
                                          or as SCR has them, fold1/masks/left lung/JPCLN001.gif
        landmarks/LL/JPCLN001.npy         optional: points of LL, RL, H, LCLA, RCLA
        clinical.csv                      optional: File, Sex, Age, Condition
        CLNDAT_EN.txt                     optional: size and place of each nodule, as published

    One film a patient. Each nodule has a square box about it. The masks have half the height and
    width of the films, and the landmarks (``right_lung_01`` to ``_44``, ...) are in pixels of the
    masks. The usual protocol, two folds of odd and even numbers, is the attribute ``fold``; a split
    is drawn. Not every film has to be there, and no mask where the table of nodules is.
    """

    folder: ClassVar[str] = "jsrt"
    kind: Literal["jsrt"] = "jsrt"
    faulty_boxes: FaultyBoxes = "drop"
    """What becomes of nodules that are given twice: left out, each with a warning of ``check``; or
    refused."""
    declare_spacing: bool = False
    """Count lengths in mm: a pixel of the published films has 0.175 mm, and their files do not say
    it. Off: in pixels."""

    def list_cases(self) -> CaseTable:
        """List the films; see the base class."""
        cases = CaseList(self.existing_root())
        images, masks, nodules = _find(cases.root)
        if not images:
            raise DataError("no images/JPCLN001.png and the like; is this the folder of JSRT?")
        clinical = _read_clinical(cases)
        boxes = BoxList(cases, self.faulty_boxes)
        unknown = set(images) if nodules is None else read_nodules(cases, boxes, nodules, images)
        outlined = bool(masks) or nodules is None
        points = OutlinePoints(cases, images)
        for case_id, path in images.items():
            expected = {
                name: masks.get((name, case_id), f"masks/{name}/{case_id}.png")
                for name in STRUCTURES
            }
            targets = cases.separate_masks(case_id, expected, SAME_EXTENT) if outlined else {}
            targets |= {} if case_id in unknown else boxes.targets(case_id)
            targets |= points.targets(case_id)
            targets["class"] = CLASSES[case_id.startswith("JPCLN")]
            fold = "odd" if int(case_id[-3:]) % 2 else "even"
            attributes = {**clinical.get(case_id, {}), "fold": fold}
            inputs = cases.images(case_id, {"image": path})
            spacing = _spacing(cases, case_id, path) if self.declare_spacing else None
            case = Case(case_id, case_id, inputs, targets, attributes=attributes)
            cases.add(case if spacing is None else replace(case, spacing_mm=spacing))
        cases.left_out("Masks without a film", len({i for _, i in masks} - set(images)))
        structures = tuple(Structure(name) for name in STRUCTURES if outlined)
        objects = () if nodules is None else (NODULE,)
        common = {"classes": CLASSES, "structures": structures, "points": tuple(points.names)}
        return boxes.table(self.kind, objects, **common)


def _find(root: Path) -> tuple[dict[str, str], dict[tuple[str, str], str], str | None]:
    """Films by their name, masks by structure and name, and the table of nodules."""
    images, masks, nodules = {}, {}, None
    for path in walk(root, "."):
        if match := _IMAGE.fullmatch(path):
            images[match[1].upper()] = path
        elif match := _MASK.fullmatch(path):
            masks[match[1].lower().replace(" ", "_"), match[2].upper()] = path
        elif PurePosixPath(path).name.upper() == TABLE.upper():
            nodules = path
    return images, masks, nodules


def _spacing(cases: CaseList, case_id: str, path: str) -> tuple[float, float] | None:
    """Of a film as it is stored, along its axes."""
    from datamodules.transforms.raster_size import upright_size

    try:
        width, height = upright_size(cases.root / path)
    except DataError as error:
        cases.fault(Kind.UNREADABLE, error.message, case_id, path)
        return None
    return PIXEL_MM * PIXELS / height, PIXEL_MM * PIXELS / width


def _read_clinical(cases: CaseList) -> dict[str, dict[str, str | float | None]]:
    """Sex, age and diagnosis by name of the film; nothing where there is no table."""
    if not (cases.root / CLINICAL_TABLE).is_file():
        return {}
    try:
        table = read_table(cases.root, CLINICAL_TABLE, problems=cases.problems)
        table.require(("File", "Sex", "Age", "Condition"))
    except DataError as error:
        cases.problems += problems_of(error)
        return {}
    known: dict[str, dict[str, str | float | None]] = {}
    columns = [table.cells(name) for name in ("File", "Sex", "Age", "Condition")]
    for number, file, sex, age, condition in zip(table.numbers, *columns, strict=True):
        years = plain_number(age)
        if years and not years.isdecimal():
            where = f"{CLINICAL_TABLE} row {number}, {file}"
            cases.fault(Kind.LAYOUT, f"the age '{age}' is no number of years", where=where)
        known[file.partition(".")[0]] = {
            "sex": sex or None,
            "age": float(years) if years.isdecimal() else None,
            "condition": condition or None,
        }
    return known
