"""One JSON file of COCO: what it holds, and what is wrong with its form."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from datamodules.errors import DataError
from datamodules.problems import Kind, problems_of
from datamodules.readers.case_list import CaseList
from datamodules.readers.column_roles import SPLITS
from datamodules.readers.json_files import read_object

TRAIN_VAL = re.compile("train_?val")

Entry = Mapping[str, Any]
EntryId = int | str


@dataclass(frozen=True)
class CocoFile:
    """What one file says.

    Attributes:
        path: Relative to the root.
        side: Of the official split; None: it has none.
        categories: Names by id, in the order of the ids.
        images: Names of files by id.
        annotations: As they are, with their position, from 1.
        keypoints: Names of those that objects of a category have, by its id.
    """

    path: str
    side: str | None
    categories: dict[EntryId, str] = field(default_factory=dict)
    images: dict[EntryId, str] = field(default_factory=dict)
    annotations: list[tuple[int, Entry]] = field(default_factory=list)
    keypoints: dict[EntryId, tuple[str, ...]] = field(default_factory=dict)


def side_in(path: PurePath) -> str | None:
    """The side that a path names, such as instances_train2017.json or valid/_annotations.json."""
    for text in (path.stem.lower(), path.parent.name.lower()):
        if TRAIN_VAL.search(text):
            return "train_val"
        sides = {SPLITS[word] for word in re.split("[^a-z]+", text) if word in SPLITS}
        if sides:
            return sides.pop() if len(sides) == 1 else None
    return None


def read_coco(cases: CaseList, path: str, side: str | None) -> CocoFile | None:
    """Read a file; None where it cannot be used, which is a problem.

    Args:
        cases: Gathers everything that is wrong.
        path: Relative to the root.
        side: Of the official split.
    """
    try:
        content = read_object(cases.root, path)
        lists = {name: _list(content, name) for name in ("images", "categories", "annotations")}
    except DataError as error:
        for problem in problems_of(error):
            cases.fault(problem.kind, problem.message, where=path)
        return None
    file = CocoFile(path, side)
    for what, key, known in (
        ("categories", "name", file.categories),
        ("images", "file_name", file.images),
    ):
        for number, entry in enumerate(lists[what], start=1):
            _take(cases, f"{path}, {what} {number}", entry, key, known)
    for number, entry in enumerate(lists["annotations"], start=1):
        if isinstance(entry, Mapping):
            file.annotations.append((number, entry))
        else:
            where = f"{path}, annotations {number}"
            cases.fault(Kind.LAYOUT, "it is no JSON object in curly brackets", where=where)
    ordered = sorted(file.categories.items(), key=lambda item: (str(type(item[0])), item[0]))
    keypoints = {
        entry["id"]: tuple(map(str, entry["keypoints"]))
        for entry in lists["categories"]
        if isinstance(entry, Mapping)
        and isinstance(entry.get("id"), int | str)
        and isinstance(entry.get("keypoints"), list)
    }
    return CocoFile(path, side, dict(ordered), file.images, file.annotations, keypoints)


def _take(cases: CaseList, where: str, entry: object, key: str, known: dict[EntryId, str]) -> None:
    values = entry if isinstance(entry, Mapping) else {}
    number, name = values.get("id"), values.get(key)
    if not isinstance(number, int | str) or not isinstance(name, str) or not name:
        cases.fault(Kind.LAYOUT, f"it has no id, or no {key}", where=where)
    elif number in known:
        cases.fault(Kind.LAYOUT, f"its id {number} is that of {known[number]} too", where=where)
    else:
        known[number] = name


def _list(content: Mapping[str, Any], name: str) -> list[Any]:
    found = content.get(name)
    if not isinstance(found, list):
        raise DataError(f"it has no list of {name}; is it a file of COCO's with boxes?")
    return found
