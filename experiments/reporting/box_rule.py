"""What was chosen on validation for the boxes of a detector, in sentences and as a table."""

from collections.abc import Mapping
from typing import Any

from experiments.reporting.table import Cell, Table
from experiments.reporting.words import SPLITS, FigureDict, number

Point = Mapping[str, Any]
RULES = {
    "best-f1": "the one with the highest F1",
    "target-sensitivity": "the highest one that finds the share of objects asked for",
    "false-positives": "the lowest one with no more false positives an image than were allowed",
}
PRECISION = {"precision": "Precision"}
AT_POINT = {"val": PRECISION, "test": {"sensitivity": "Sensitivity", **PRECISION}}
"""What is shown of each class beside what is known since it was chosen."""


def box_rule(point: Point, facts: Mapping[str, Any]) -> str:
    """Which boxes are left out, and from which score one is shown."""
    if "scores" not in point:
        return "The box with the highest score is taken; there is nothing to choose."
    frozen = " This was frozen before the test cases were opened." * ("test" in facts["splits"])
    said = []
    if "nms_iou" in point:
        small = point.get("smallest", 0.0)
        least = f", and boxes with a side below {small:g} pixels (voxels)" if small else ""
        said.append(
            "Of two boxes of a class that overlap with an IoU above"
            f" {point['nms_iou']:g} the one with the lower score is left out{least}: of what was"
            " tried, this gave the highest average precision in validation."
        )
    said.append(f"A box is shown when its score reaches that of its class: {_kind(point)}.")
    return " ".join(said) + frozen


def _kind(point: Point) -> str:
    kinds = {chosen["kind"] for chosen in point["scores"].values()}
    rules = [RULES[kind] for kind in sorted(kinds) if kind in RULES]
    return f"of those in validation, {rules[0]}" if rules else "it was given beforehand"


def score_table(
    point: Point, facts: Mapping[str, Any], figures: Mapping[str, FigureDict], split: str
) -> Table | None:
    """Score of each class, what it did on validation, and what it does on test cases."""
    scores: Mapping[str, Mapping[str, Any]] = point.get("scores", {})
    if not scores:
        return None
    columns = (
        *("Class", "Score", "Sensitivity on validation"),
        f"False positives a validation {facts['case']}",
        *(f"{name} on {SPLITS[split].lower()}" for name in AT_POINT[split].values()),
    )
    table = Table("Score from which a box is shown, and what it does", columns)
    for name, chosen in scores.items():
        suffix = f"@operating_point/{name}" if len(scores) > 1 else "@operating_point"
        found = (figures.get(f"{metric}{suffix}") for metric in AT_POINT[split])
        table.add(
            name,
            Cell(number(chosen["score"]), "", table.mark(chosen.get("reason"))),
            Cell(number(chosen.get("sensitivity"))),
            Cell(number(chosen.get("false_positives_per_image"))),
            *(table.cell(figure) for figure in found),
        )
    return table
