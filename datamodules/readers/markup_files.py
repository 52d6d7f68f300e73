"""One JSON file of 3D Slicer: its control points as landmarks, and what is wrong with them.

References:
    https://github.com/Slicer/Slicer, Modules/Loadable/Markups/Resources/Schema.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from datamodules.candidates import Space
from datamodules.errors import DataError
from datamodules.problems import problems_of
from datamodules.readers.case_list import CaseList
from datamodules.readers.json_files import read_object
from datamodules.readers.point_list import PointList

ENDING = ".mrk.json"
FLAT = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff")
"""Of images that have no place in the patient."""
MARKED = ("defined", "preview")
"""Status of a control point that has a position."""
SPACES: Mapping[Any, Space] = {"LPS": "lps-mm", "RAS": "ras-mm"}


def read_markups(cases: CaseList, points: PointList, case_id: str, path: str, axes: int) -> None:
    """Take the control points of a file.

    Args:
        cases: Gathers what is wrong with the file.
        points: Takes the landmarks.
        case_id: Whose they are.
        path: Of the file, relative to the root.
        axes: Of the image: of a flat one with pixels of 1 mm, x and y in LPS are those in pixels.
    """
    try:
        for where, space, point in _control_points(cases, path):
            _take(points, case_id, f"{path}, {where}", space, point, axes)
    except DataError as error:
        for problem in problems_of(error):
            cases.fault(problem.kind, problem.message, case_id, path)


def _control_points(cases: CaseList, path: str) -> Iterator[tuple[str, Space, Mapping[str, Any]]]:
    """Every control point, with where it stands and the space of its list."""
    markups = read_object(cases.root, path).get("markups")
    if not isinstance(markups, list) or not markups:
        raise DataError("it has no list of markups; is it a .mrk.json of 3D Slicer?")
    for number, own in enumerate(markups, start=1):
        listed = own.get("controlPoints", ()) if isinstance(own, Mapping) else None
        if not isinstance(listed, Sequence):
            raise DataError(f"markups {number} have no list of controlPoints")
        system, unit = own.get("coordinateSystem", "LPS"), own.get("coordinateUnits", "mm")
        if system not in SPACES or (unit[0] if isinstance(unit, list) and unit else unit) != "mm":
            raise DataError(f"markups {number} are in {system}, {unit}; LPS and RAS in mm are read")
        for at, point in enumerate(listed, start=1):
            where = f"controlPoints {at}" if len(markups) == 1 else f"markups {number}, {at}"
            yield where, SPACES[system], point if isinstance(point, Mapping) else {}


def _take(
    points: PointList,
    case_id: str,
    where: str,
    space: Space,
    point: Mapping[str, Any],
    axes: int,
) -> None:
    name, position = point.get("label"), point.get("position")
    if not isinstance(name, str) or not name.strip():
        points.fault(case_id, "it has no label", where)
    elif point.get("positionStatus", "defined") not in MARKED:
        points.add(case_id, name.strip(), None, where)
    elif (numbers := _numbers(position)) is None:
        points.fault(case_id, f"the position of {name} is not three numbers", where)
    else:
        x, y, z = numbers
        turn = -1 if space == "ras-mm" else 1
        place = (x, y, z) if axes == 3 else (turn * x, turn * y)
        points.add(case_id, name.strip(), place, where, space=space)


def _numbers(position: object) -> list[float] | None:
    if not isinstance(position, Sequence) or len(position) != 3:
        return None
    if any(isinstance(each, bool) or not isinstance(each, int | float) for each in position):
        return None
    return [float(each) for each in position]
