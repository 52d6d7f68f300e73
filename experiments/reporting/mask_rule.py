"""What was chosen on validation for the masks of a segmenter, in sentences."""

from collections.abc import Iterator, Mapping
from typing import Any

from experiments.reporting.words import listed, quoted, short

Point = Mapping[str, Any]


def mask_rule(point: Point, facts: Mapping[str, Any]) -> str:
    """How masks are made from probabilities, and what is taken away from them."""
    frozen = " This was frozen before the test cases were opened." * ("test" in facts["splits"])
    said = [*_thresholds(point), *_clean_up(point)]
    if not said:
        return "Each voxel belongs to what is most probable; nothing is taken away from the masks."
    return " ".join(said) + frozen


def _thresholds(point: Point) -> Iterator[str]:
    for name, chosen in point.get("thresholds", {}).items():
        reached = chosen["sensitivity"]
        found = "" if reached is None else f", which finds {short(reached)} of its voxels"
        yield (
            f"A voxel belongs to {quoted(name)} from a probability of {chosen['threshold']:.3g}:"
            f" the highest in validation that reaches the sensitivity asked for{found}."
        )


def _clean_up(point: Point) -> Iterator[str]:
    rules: Mapping[str, Mapping[str, Any]] = point.get("clean_up", {})
    largest = [quoted(name) for name, rule in rules.items() if rule["largest_only"]]
    if largest:
        yield f"Of {listed(largest)} only the largest connected part is kept."
    for name, rule in rules.items():
        if not rule["largest_only"]:
            yield f"Of {quoted(name)} parts below {rule['smallest']:g} are taken away."
    if rules:
        yield "Validation says that this is better than leaving the masks alone."
