"""Cases that become one: images taken together, or all slides of a patient."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from datamodules.cases import Case, Source
from datamodules.readers.image_files import fault_of_case_id

Value = str | float | None


def group_faults(noun: str, name: str, cases: Sequence[Case]) -> list[str]:
    """What keeps cases from being one, a line each.

    Args:
        noun: What they become: exam, patient.
        name: Of it.
        cases: To be put together.
    """
    facts: dict[str, list[Any]] = {
        "patient": [case.patient_id for case in cases],
        "class": [case.targets.get("class") for case in cases],
        "official side": [case.split for case in cases],
        "follow-up": [_followed(case) for case in cases],
    }
    unusable = fault_of_case_id(group_id(name))
    faults = [f"{noun} id '{name}' {unusable}"] if unusable else []
    return faults + [
        f"{noun} '{name}': {what} is {' and '.join(map(repr, dict.fromkeys(values)))}"
        for what, values in facts.items()
        if len(set(values)) > 1
    ]


def merged(name: str, cases: Sequence[Case], inputs: Mapping[str, Source]) -> Case:
    """One case of several: a finding holds if any of them has it.

    Args:
        name: Of the exam, or whatever they are together.
        cases: That :func:`group_faults` finds nothing wrong with.
        inputs: Of the new case.
    """
    first = cases[0]
    return Case(
        case_id=group_id(name),
        patient_id=first.patient_id,
        inputs=inputs,
        targets=_targets(cases),
        site=_common([case.site for case in cases]),
        attributes=_attributes(cases),
        split=first.split,
        exam_id=name,
    )


def group_id(name: str) -> str:
    """Case id of what cases are together."""
    return name.replace("/", "_")


def only_source(case: Case) -> Source:
    """The one input of a case."""
    return next(iter(case.inputs.values()))


def _followed(case: Case) -> str | None:
    """How long a case was followed up, and whether the event happened; None: not known."""
    if "time" not in case.targets:
        return None
    return f"{case.targets['time']:g} ({'event' if case.targets['event'] else 'censored'})"


def _targets(cases: Sequence[Case]) -> Mapping[str, Any]:
    kept = ("class", "time", "event")
    targets = {name: cases[0].targets[name] for name in kept if name in cases[0].targets}
    findings: dict[str, list[float | None]] = defaultdict(list)
    for case in cases:
        for finding, value in case.targets.get("findings", {}).items():
            findings[finding].append(value)
    if findings:
        targets["findings"] = {
            finding: max((value for value in values if value is not None), default=None)
            for finding, values in findings.items()
        }
    return targets


def _attributes(cases: Sequence[Case]) -> dict[str, Value]:
    """What the cases have in common; differing texts side by side, of numbers the mean."""
    names = dict.fromkeys(name for case in cases for name in case.attributes)
    return {name: _common([case.attributes.get(name) for case in cases]) for name in names}


def _common(values: Sequence[Value]) -> Any:  # noqa: ANN401 - text or number, as the values are
    known = dict.fromkeys(value for value in values if value is not None)
    if len(known) <= 1:
        return next(iter(known), None)
    numbers = [value for value in known if not isinstance(value, str)]
    if len(numbers) == len(known):
        return sum(numbers) / len(numbers)
    return " + ".join(sorted(value for value in known if isinstance(value, str))) or None
