"""The cells, lists and boxes of NIH ChestX-ray14, oddities included."""

import re
from collections.abc import Collection, Sequence
from difflib import get_close_matches
from pathlib import Path

from datamodules.errors import DataError
from datamodules.problems import Kind, Problem, Problems, problems_of
from datamodules.readers.tables import Table, read_table

FINDINGS = (
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Pleural_Thickening",
    "Hernia",
)
NO_FINDING = "No Finding"
BOX_TABLE = "BBox_List_2017.csv"
SPLIT_LISTS = {"train_val": "train_val_list.txt", "test": "test_list.txt"}
OLDEST_YEARS = 120

Box = tuple[str, float, float, float, float]
"""Finding, then x, y, width and height in pixels."""
Findings = dict[str, float | None]

_AGE = re.compile(r"(\d+)([YMWD]?)")
_UNITS_A_YEAR = {"": 1, "Y": 1, "M": 12, "W": 52, "D": 365}


def first_there(root: Path, names: Sequence[str]) -> str | None:
    """The first of several files that the folder has, plain or gzipped."""
    candidates = (candidate for name in names for candidate in (name, f"{name}.gz"))
    return next((name for name in candidates if (root / name).is_file()), None)


def parse_findings(cell: str) -> Findings | str:
    """Read ``Mass|Nodule`` or ``No Finding``; a string says what is wrong with it."""
    names = [name.strip() for name in cell.split("|")]
    if names == [NO_FINDING]:
        return dict.fromkeys(FINDINGS, 0.0)
    for name in names:
        if name not in FINDINGS:
            near = get_close_matches(name, (*FINDINGS, NO_FINDING), n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            if name == NO_FINDING:
                hint = f", as it stands beside others in '{cell}'"
            return f"'{name}' is not one of the fourteen findings{hint}"
    return {finding: float(finding in names) for finding in FINDINGS}


def parse_age(cell: str) -> float | None:
    """Read an age in years from ``58``, ``058Y`` or ``018M``; None if it is none."""
    match = _AGE.fullmatch(cell.upper())
    years = int(match[1]) / _UNITS_A_YEAR[match[2]] if match else None
    return years if years is not None and years <= OLDEST_YEARS else None


def parse_ages(cells: Sequence[str], notices: list[str]) -> list[float | None]:
    """Ages in years; those above 120 or unreadable are None and counted in a notice."""
    ages = [parse_age(cell) for cell in cells]
    unusable = sum(age is None and cell != "" for age, cell in zip(ages, cells, strict=True))
    if unusable:
        notices.append(
            f"Ages above {OLDEST_YEARS} years or not a number, counted as unknown: {unusable}."
        )
    return ages


def read_boxes(
    root: Path, images: Collection[str], problems: Problems, notices: list[str]
) -> dict[str, list[Box]]:
    """Boxes by image name; none if the folder has no table of boxes."""
    name = first_there(root, (BOX_TABLE,))
    if name is None:
        return {}
    boxes: dict[str, list[Box]] = {}
    outside = 0
    if (table := _box_table(root, name, problems)) is None:
        return {}
    for number, row in zip(table.numbers, table.rows, strict=True):
        box = _parse_box(row)
        if isinstance(box, str):
            where = f"{name} row {number}, {row[0]}"
            problems.append(Problem(Kind.BOX, where, box, case_id=row[0].removesuffix(".png")))
        elif row[0] in images:
            boxes.setdefault(row[0], []).append(box)
        else:
            outside += 1
    if outside:
        notices.append(f"Boxes in {name} of images that the table does not list: {outside}.")
    return boxes


def _box_table(root: Path, name: str, problems: Problems) -> Table | None:
    try:
        # Its header, "Bbox [x,y,w,h]" and three blanks, has more cells than its rows.
        table = read_table(root, name, width=6, problems=problems)
    except DataError as error:
        problems += problems_of(error)
        return None
    if len(table.columns) >= 6:
        return table
    columns = "image, finding, x, y, width, height"
    problems.append(Problem(Kind.LAYOUT, "", f"{name} needs six columns: {columns}"))
    return None


def _parse_box(row: Sequence[str]) -> Box | str:
    label = "Infiltration" if row[1] == "Infiltrate" else row[1]  # the table's own short form
    if label not in FINDINGS:
        return f"'{label}' is not one of the fourteen findings"
    try:
        x, y, width, height = (float(cell) for cell in row[2:6])
    except ValueError:
        return f"the box {', '.join(row[2:6])} is not four numbers"
    if not (x >= 0 and y >= 0 and 0 < width < float("inf") and 0 < height < float("inf")):
        return f"the box {x:g}, {y:g}, {width:g}, {height:g} is empty or lies outside the image"
    return label, x, y, width, height


def read_official_split(
    root: Path, images: Sequence[str], problems: Problems, notices: list[str]
) -> list[str | None]:
    """Side of each image in the official lists, or None for all if there are no lists.

    An image that is in both lists or in neither is a problem, and its side None.
    """
    there = {side: name for side, name in SPLIT_LISTS.items() if (root / name).is_file()}
    lists = " and ".join(SPLIT_LISTS.values())
    if not there:
        notices.append(
            f"The official lists {lists} are not there: the split is drawn, and figures do not "
            "compare with published ones."
        )
        return [None] * len(images)
    if len(there) == 1:
        only = f"of {lists} only {next(iter(there.values()))} is there; add the other"
        problems.append(Problem(Kind.LAYOUT, "", only))
        return [None] * len(images)
    listed = {side: _read_names(root, name, problems) for side, name in there.items()}
    train_val, test = listed["train_val"], listed["test"]
    if train_val is None or test is None:
        return [None] * len(images)
    both = train_val & test
    problems += [_side_problem(image, f"in both {lists}") for image in sorted(both)]
    found = dict.fromkeys(train_val - both, "train_val") | dict.fromkeys(test - both, "test")
    problems += [
        _side_problem(image, f"in neither of {lists}")
        for image in images
        if image not in found and image not in both
    ]
    return [found.get(image) for image in images]


def _side_problem(image: str, message: str) -> Problem:
    return Problem(Kind.SPLIT, image, message, case_id=image.removesuffix(".png"))


def _read_names(root: Path, name: str, problems: Problems) -> set[str] | None:
    try:
        lines = (root / name).read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        fault = f"{name} is not a text file with one image name a line"
        problems.append(Problem(Kind.LAYOUT, "", fault))
        return None
    return {line.strip() for line in lines if line.strip()}
